"""Trusted roots: what is read, what is left out of them and why, and which one is used."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from tests.paths import DATA
from tests.sigstore_world import (
    REKOR2,
    Authority,
    T,
    a_key,
    authority_instance,
    b64,
    spki_of,
    world,
)  # fmt: skip
from wherefrom.errors import Malformed, ProofError, StorageError, Unsupported
from wherefrom.formats import trusted_root as documents
from wherefrom.formats.trusted_root import Window
from wherefrom.verify.sigstore import trusted_root, which_root


def read(**changes):
    return trusted_root.parse(json.dumps(world().root() | changes).encode())


def test_every_instance_of_a_root_is_read():
    root = read()
    assert [log.name for log in root.logs] == ["rekor.example", REKOR2]
    assert root.logs[1].hint == world().rekor2.id[:4]
    assert [log.name for log in root.ct_logs] == ["ct.example"]
    assert len(root.authorities[0].chain) == 2
    assert root.timestamp_authorities[0].end is not None
    assert (root.unusable, root.left_out()) == ((), None)


@pytest.mark.parametrize("media_type", [
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot+json; version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
])  # fmt: skip
def test_a_root_of_a_known_version_is_read_however_it_spells_it(media_type):
    assert read(mediaType=media_type).logs


def test_a_root_may_name_nothing():
    assert read(tlogs=[], ctlogs=None, certificateAuthorities=[]).authorities == ()


@pytest.mark.parametrize(
    ("written", "error"),
    [
        (b"", Malformed), (b"[]", Malformed), (b"{}", Malformed), (b'{"mediaType": 3}', Malformed),
        (b'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=9"}', Unsupported),
    ],
)  # fmt: skip
def test_what_is_no_root_is_refused(written, error):
    with pytest.raises(error, match=r"JSON|object|mediaType"):
        trusted_root.parse(written)


def log(**changes):
    instance = world().rekor1.instance()
    for path, value in changes.items():
        held = instance
        *road, last = path.split("__")
        for key in road:
            held = held[key]
        held[last] = value
    return instance


@pytest.mark.parametrize(
    ("instance", "says"),
    [
        (log(publicKey__validFor={}), "validFor.start"),
        (log(publicKey__validFor=None), "validFor"),
        (log(publicKey__validFor={"start": "yesterday"}), "RFC 3339"),
        (log(publicKey__keyDetails="PKIX_ED25519"), "another kind than the root says"),
        (log(publicKey__keyDetails="PKIX_ED25519_PH"), "a kind of key that is not read here"),
        (log(publicKey__rawBytes="AAAA"), "not a public key"),
        (log(publicKey__rawBytes="!"), "base64"),
        (log(baseUrl=""), "baseUrl"),
    ],
)
def test_an_instance_that_cannot_be_used_is_left_out_and_told(instance, says):
    root = read(tlogs=[instance, world().rekor2.instance()])
    assert [known.name for known in root.logs] == [REKOR2]
    assert says in root.left_out()


@pytest.mark.parametrize(
    ("chain", "says"),
    [
        ([], "without certificates"),
        ([world().clock.certificate], "may not issue"),
        ([world().fulcio.intermediate, Authority("other").root], "not issued by the one above"),
        ([world().fulcio.root, world().fulcio.intermediate], "not issued by the one above"),
    ],
)
def test_a_chain_that_cannot_be_used_is_left_out_and_told(chain, says):
    root = read(certificateAuthorities=[authority_instance("https://a.example", chain)])
    assert root.authorities == ()
    assert says in root.left_out()


def test_a_chain_that_is_never_valid_while_it_is_trusted_is_left_out():
    late = T + timedelta(days=5000)
    instance = authority_instance("https://a.example", world().fulcio.chain, late)
    assert "never valid" in read(certificateAuthorities=[instance]).left_out()


def test_a_log_without_an_id_is_known_by_its_key():
    instance = world().rekor1.instance()
    del instance["logId"]
    assert read(tlogs=[instance]).logs[0].log_id == world().rekor1.id


def test_an_id_for_checkpoints_alone_gives_the_hint():
    instance = world().rekor1.instance() | {"checkpointKeyId": {"keyId": b64(b"hint" * 8)}}
    (known,) = read(tlogs=[instance]).logs
    assert (known.log_id, known.hint) == (world().rekor1.id, b"hint")


def test_a_key_may_come_as_pkcs_1():
    from cryptography.hazmat.primitives import serialization

    key = a_key("rsa", "log")
    raw = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.PKCS1
    )
    (known,) = read(tlogs=[
        log(publicKey__keyDetails="PKCS1_RSA_PKCS1V5", publicKey__rawBytes=b64(raw))
    ]).logs  # fmt: skip
    assert known.key.spki == spki_of(key)


def test_a_window_holds_both_its_ends():
    window = Window(T, T + timedelta(hours=1))
    assert window.holds(T)
    assert window.holds(T + timedelta(hours=1))
    assert not window.holds(T - timedelta(microseconds=1))
    assert not window.holds(T + timedelta(hours=1, microseconds=1))
    assert Window(T, None).holds(T + timedelta(days=9999))
    assert str(Window(T, None)) == "2026-01-02T12:00:00Z on"


def test_more_instances_than_any_root_has_are_refused():
    with pytest.raises(Exception, match="too long"):
        documents.parse(json.dumps(world().root() | {"tlogs": [{}] * 65}).encode())


# -- which root

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_the_root_that_ships_is_the_public_good_one_with_its_date():
    source = which_root.shipped()
    original = DATA / "supply/root-signing/targets/trusted_root.json"
    assert source.written == original.read_bytes()
    assert source.describe(NOW) == (
        "Sigstore's public-good root, shipped with wherefrom, of 2026-08-21, 72 days old"
    )
    root = which_root.read(source, NOW, refuse_days=730)
    assert (len(root.logs), len(root.ct_logs), len(root.authorities)) == (2, 2, 2)
    assert (len(root.timestamp_authorities), root.unusable) == (1, ())


def test_the_root_of_the_data_directory_goes_before_the_one_that_ships(tmp_path):
    path = tmp_path / documents.FILE_NAME
    path.write_text(json.dumps(world().root()))
    os.utime(path, (T.timestamp(), T.timestamp()))
    source = which_root.find(None, tmp_path)
    assert source.since == T
    assert source.describe(NOW).endswith("of 2026-01-02, 302 days old")
    assert which_root.find(None, tmp_path / "none") == which_root.shipped()
    given = tmp_path / "mine.json"
    given.write_text("{}")
    assert which_root.find(given, tmp_path).written == b"{}"


def test_a_root_is_old_first_and_then_too_old():
    source = which_root.Source("a root", json.dumps(world().root()).encode(), T)
    at = T + timedelta(days=100, hours=1)
    assert not source.is_old(at, warn_days=100)
    assert source.is_old(at, warn_days=99)
    assert which_root.read(source, at, refuse_days=100).logs
    with pytest.raises(ProofError, match="too old to prove anything"):
        which_root.read(source, at, refuse_days=99)


def test_a_root_that_the_caller_gives_has_no_age(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(world().root()))
    source = which_root.find(path, None)
    assert source.age_days(NOW) is None
    assert not source.is_old(NOW, warn_days=0)
    assert which_root.read(source, NOW, refuse_days=0).logs


def test_a_root_that_cannot_be_read_is_a_failure_of_the_world(tmp_path):
    with pytest.raises(StorageError, match="cannot use the file"):
        which_root.find(tmp_path / "none.json", None)
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    with pytest.raises(StorageError, match="too large"):
        which_root.find(large, None)
