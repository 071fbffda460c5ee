"""``keys resign``: what an ending key vouches for stands by the key after it, whatever it was."""

import json

import pytest
from cryptography.hazmat.primitives import serialization

from tests.rekords import body_of, key_of
from tests.served import ServerProcess
from tests.unit.cli.running import lines, run, statement
from wherefrom.app import DataFolder, known_keys, open_log
from wherefrom.cli import resign as module
from wherefrom.log import vouched as paging


@pytest.fixture
def estate(tmp_path):
    """A log with two keys of one owner; what the old one signed: an envelope, and a batch."""
    data = tmp_path / "data"
    for name in ("old", "new"):
        assert run("keys", "new", name, "-o", tmp_path).code == 0
    assert run("keys", "trust", tmp_path / "old.pub", "--name", "old", data=data).code == 0
    assert run("keys", "trust", tmp_path / "new.pub", "--name", "new", data=data).code == 0
    for name in "ab":
        (tmp_path / f"{name}.json").write_text(json.dumps(statement(name, name * 64)))
        run("sign", tmp_path / f"{name}.json", "--key", tmp_path / "old.key",
            "-o", tmp_path / f"{name}.dsse")  # fmt: skip
        assert run("record", tmp_path / f"{name}.dsse", data=data).code == 0
    (tmp_path / "events").write_bytes(lines(range(5)))
    run("sign", "--batch", tmp_path / "events", "--key", tmp_path / "old.key",
        "-o", tmp_path / "batch")  # fmt: skip
    assert run("record", tmp_path / "batch", data=data).code == 0
    return tmp_path


def resign(estate, *options, code=0):
    ran = run("keys", "resign", "old", "--key", estate / "new.key", "--json", *options,
              data=estate / "data")  # fmt: skip
    assert ran.code == code, ran.err
    return ran.json


def test_all_of_it_stands_when_the_old_key_is_revoked(estate):
    said = resign(estate)
    assert (said["signed"], said["signed_before"], said["cannot"]) == (7, 0, [])
    data = estate / "data"
    assert run("keys", "revoke", "old", "--reason", "leaked", data=data).code == 0
    new = known_keys(DataFolder(data), open_log(DataFolder(data))).get("new").id
    for name in "ab":
        ran = run("verify", "sha256:" + name * 64, "--json", data=data)
        assert ran.json["result"] == "proven", ran.out
    ran = run("show", "s3://bucket:clean/3", "--json", data=data)
    levels = {(r["trust"], tuple(r["signers"])) for r in ran.json["matches"][0]["records"]}
    assert ("batch", (new,)) in levels


def test_again_it_goes_on_where_it_was_and_signs_nothing_twice(estate, monkeypatch):
    monkeypatch.setattr(module, "_TOGETHER_MAX", 1)
    monkeypatch.setattr(paging, "PAGE_MAX", 2)
    monkeypatch.setattr(paging, "LOOKED_MAX", 3)
    real, sent = module._signed, []

    def two(todo, signer):
        for contents in real(todo, signer):
            if len(sent) == 2:
                raise KeyboardInterrupt
            sent.append(contents)
            yield contents

    monkeypatch.setattr(module, "_signed", two)
    ran = run("keys", "resign", "old", "--key", estate / "new.key", data=estate / "data")
    assert ran.code != 0
    monkeypatch.setattr(module, "_signed", real)
    said = resign(estate)
    assert (said["signed"], said["signed_before"]) == (5, 2)
    size = open_log(DataFolder(estate / "data")).size
    said = resign(estate)
    assert (said["signed"], said["signed_before"]) == (0, 7)
    assert open_log(DataFolder(estate / "data")).size == size


def test_a_dry_run_says_how_many_and_signs_none(estate):
    size = open_log(DataFolder(estate / "data")).size
    said = resign(estate, "--dry-run")
    assert (said["to_sign"], said["signed"]) == (7, 0)
    ran = run("keys", "resign", "old", "--key", estate / "new.key", "--dry-run",
              data=estate / "data")  # fmt: skip
    assert ran.out.startswith("7 records would be signed by k:")
    assert open_log(DataFolder(estate / "data")).size == size


def test_an_erased_record_is_told(estate):
    data = estate / "data"
    assert run("erase", "3", "--reason", "x", data=data).code == 0
    said = resign(estate)
    assert (said["signed"], said["erased"]) == (6, 1)


def test_a_key_that_the_log_does_not_trust_signs_nothing(estate):
    run("keys", "new", "stranger", "-o", estate)
    ran = run("keys", "resign", "old", "--key", estate / "stranger.key", data=estate / "data")
    assert ran.code == 1
    assert "Trust it first" in ran.err
    assert run("keys", "retire", "new", data=estate / "data").code == 0
    ran = run("keys", "resign", "old", "--key", estate / "new.key", data=estate / "data")
    assert "an active key" in ran.err
    assert ", retired" in ran.err


def test_what_has_room_for_one_signature_is_named_and_the_rest_is_signed(estate):
    """The body of a Rekor entry by a P-256 key, which is to be replaced too."""
    data = estate / "data"
    pem = key_of("p256").public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    (estate / "p256.pub").write_bytes(pem)
    (estate / "body").write_bytes(body_of(b"something"))
    run("keys", "trust", estate / "p256.pub", "--name", "rekor", data=data)
    assert run("record", estate / "body", data=data).code == 0
    ran = run("keys", "resign", "rekor", "--key", estate / "new.key", data=data)
    assert ran.code == 1
    assert "0 records signed by" in ran.out
    assert "✗ 1 record cannot be: a record of the format" in ran.out


def test_a_server_is_asked_the_same(estate):
    data = estate / "data"
    with ServerProcess(data):
        said = resign(estate)
        assert (said["signed"], said["signed_before"]) == (7, 0)
        assert resign(estate)["signed_before"] == 7
