"""``wherefrom proof-token``: made on a directory or a server, checked with a key alone."""

from datetime import UTC, datetime

import pytest

from tests.folders import BUILDER, envelope, made, record, sha256_of, statement
from tests.served import Inside
from tests.unit.cli.running import run
from wherefrom.capture.heartbeat import observed
from wherefrom.capture.identity import Identity
from wherefrom.formats import proof_token
from wherefrom.formats.reality_id import Reality


@pytest.fixture
def folder(tmp_path):
    folder = made(tmp_path / "data")
    record(folder, envelope(statement("app"), BUILDER), trust=[BUILDER])
    return folder


def test_a_token_is_one_line_and_what_it_says_goes_to_standard_error(folder):
    ran = run("proof-token", "make", sha256_of("app"), "--expires", "12h", data=folder.path)
    assert ran.code == 0
    assert ran.out == ran.out.strip() + "\n"
    assert proof_token.parse(ran.out.strip()).token.of == sha256_of("app")
    assert f"entry 2 of 3 in {folder.origin} for {sha256_of('app')}, until " in ran.err


def test_it_is_checked_against_its_log_or_offline_with_the_key(folder, tmp_path):
    text = run("proof-token", "make", "entry:2", data=folder.path).out.strip()
    asked = run("proof-token", "check", text, "--json", data=folder.path)
    assert (asked.code, asked.json["result"]) == (0, "proven")
    assert [s["name"] for s in asked.json["steps"]] == [
        "signature", "expiry", "inclusion", "consistency",
    ]  # fmt: skip
    assert "checked with the key that the log itself gives" in asked.err
    vkey = tmp_path / "log.vkey"
    vkey.write_text(folder.log_vkey().to_text())
    shown = run("proof-token", "check", text, "--offline", "--log-key", vkey)
    assert shown.code == 0
    assert shown.out.endswith("SIGNED by the log; ask it for the proof\n")
    assert run("proof-token", "check", text, data=folder.path).out.endswith("PROVEN\n")


def test_a_reality_has_a_token_too(folder):
    me = Identity(
        reality=Reality(sha256_of("app")), service="cart", environment="prod", instance="cart-1"
    )
    record(folder, observed(me, at=datetime(2026, 11, 1, tzinfo=UTC)))
    ran = run("proof-token", "make", me.id, data=folder.path)
    assert proof_token.parse(ran.out.strip()).token.of == me.id
    assert len(ran.out.strip()) <= 512
    key = folder.log_vkey().to_text()
    asked = run("proof-token", "check", ran.out.strip(), "--offline", "--log-key", key)
    assert (asked.code, me.id in asked.out) == (0, True)


def test_a_changed_token_another_key_or_none_is_a_clear_no(folder):
    text = run("proof-token", "make", "entry:2", data=folder.path).out.strip()
    changed = text[:30] + ("A" if text[30] != "A" else "B") + text[31:]
    key = folder.log_vkey().to_text()
    other = BUILDER.verifier_key(folder.origin).to_text()
    for wrong, with_key in ((changed, key), (text, other), ("wfproof1.", key), ("nonsense", key)):
        ran = run("proof-token", "check", wrong, "--offline", "--log-key", with_key)
        assert (ran.code, "FAILED" in ran.out) == (1, True)
    assert run("proof-token", "check", text, "--offline").code == 2
    assert run("proof-token", "make", "sha256:" + "0" * 64, data=folder.path).code == 1
    assert run("proof-token", "make", "entry:2", "--expires", "soon", data=folder.path).code == 1


def test_a_server_makes_one_too_and_gives_what_is_needed_to_check_it(tmp_path, monkeypatch):
    with Inside(tmp_path / "data") as server:
        server.client.post("/v1/records", content=envelope(statement("app"), BUILDER))
        server.fold()
        monkeypatch.setenv("WHEREFROM_TOKEN", server.token["reader"])
        words = ("--server", server.url)
        ran = run("proof-token", "make", sha256_of("app"), "--expires", "30d", "--json", *words)
        assert (ran.code, ran.json["of"], ran.json["entry"]) == (0, sha256_of("app"), 1)
        checked = run("proof-token", "check", ran.json["token"], "--json", *words)
        assert (checked.code, checked.json["result"]) == (0, "proven")
        assert [s["name"] for s in checked.json["steps"]][-1] == "of"
        for path, status in (
            ("/v1/proof-token/entry:99", 404), ("/v1/proof-token/entry:1?expires=soon", 400),
        ):  # fmt: skip
            assert server.client.get(path).status_code == status
        with server.as_("sender") as sender:
            assert sender.get("/v1/proof-token/entry:1").status_code == 403
        with server.as_() as nobody:
            assert nobody.get("/v1/proof-token/entry:1").status_code == 401
