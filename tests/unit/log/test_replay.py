"""An audit asks again who made each decision: what was written past the recorder is named."""

import msgspec
import pytest

from tests.folders import BUILDER, ME, REVIEWER, STRANGER, envelope, made, public, statement
from wherefrom.app import DataFolder, open_recorder
from wherefrom.errors import NotFound
from wherefrom.formats import intake, log_keys, note
from wherefrom.formats.entry import Trust
from wherefrom.formats.log_keys import LogKeysText, NamedKey
from wherefrom.formats.note import Note
from wherefrom.formats.own import Administrators, IntakeRules, LogKeysChange, Tombstone, Verdict
from wherefrom.keys.changes import KeyWish, change_of
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.note_keys import NoteKey
from wherefrom.log.own_keys import LogKeysWish
from wherefrom.upkeep import audit_folder, is_grave, need_whole


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path / "data")


def problems(folder):
    return audit_folder(DataFolder(folder.path)).problems


def wish(recorder, key, action="trust"):
    wished = KeyWish(action=action, pem=public(key).to_pem())
    return change_of(wished, find=recorder.decisions.keyring.get, now=recorder.now())


def with_administrators(recorder):
    recorder.change_key(public(BUILDER), action="trust")
    recorder.change_key(public(REVIEWER), action="trust")
    ids = (public(BUILDER).id, public(REVIEWER).id)
    recorder._change(Administrators(keys=ids, threshold=2, since=recorder.now()))


def test_everything_that_a_recorder_writes_may_be(folder):
    with open_recorder(folder) as recorder:
        recorder.record([envelope(statement("a"), BUILDER)], principal=ME)
        recorder.change_key(public(BUILDER), action="trust")
        recorder.set_intake(intake.parse_file(b'[[rule]]\nname = "a"\nleast = "signed"\n'))
        recorder.change_log_keys(LogKeysWish(to="ed25519", grace_days=0))
        recorder.change_log_keys(LogKeysWish(to="ecdsa-p256"))
        recorder.change_key(public(BUILDER), action="revoke", reason="x")
        recorder.erase(1, reason="x", principal=ME)
        recorder.renew()
    assert problems(folder) == []


def test_a_change_without_its_administrators_is_named_and_stops_no_server(folder):
    with open_recorder(folder) as recorder:
        with_administrators(recorder)
        index = recorder._decide(wish(recorder, STRANGER)).index
    (problem,) = problems(folder)
    assert problem.entry == index
    assert "a change that nobody may make, so it decides nothing: too few" in problem.what
    assert not is_grave(problem)
    need_whole(folder)
    (folder.path / "decisions.json").unlink()  # what a forger left of it beside the log
    with open_recorder(DataFolder(folder.path)) as recorder, pytest.raises(NotFound):
        recorder.decisions.keyring.get(public(STRANGER).id)


def test_a_change_for_another_keyring_and_rules_out_of_turn_are_named(folder):
    with open_recorder(folder) as recorder:
        change = wish(recorder, BUILDER)
        stale = msgspec.structs.replace(change, keyring="ab")
        first = recorder._decide(stale).index
        rules = IntakeRules(version=7, rules=(), digest=intake.digest_of(()))
        second = recorder._decide(rules).index
        nobody = Administrators(keys=(public(STRANGER).id,), threshold=1)
        third = recorder._decide(nobody).index
    assert [p.entry for p in problems(folder)] == [first, second, third]
    assert all("nobody may make" in p.what for p in problems(folder))


@pytest.mark.parametrize("kind", ["verdict", "tombstone", "key"])
def test_a_record_that_the_service_key_did_not_sign_is_grave(folder, kind):
    with open_recorder(folder) as recorder:
        recorder.record([statement("a")], principal=ME)
        said = {
            "verdict": Verdict(entry=1, trust=Trust("signed", ()), reason="x"),
            "tombstone": Tombstone(entry=1, reason="x", by="self"),
            "key": wish(recorder, BUILDER),
        }[kind]
        recorder._service_key = STRANGER
        index = recorder._decide(said).index
    found = [p for p in problems(folder) if "did not sign it" in p.what]
    assert [p.entry for p in found] == [index]
    assert is_grave(found[0])


def test_keys_of_the_log_that_no_key_of_it_named_are_named(folder):
    thief = NoteKey.of(folder.origin, SigningKey(bytes([7]) * 32))
    with open_recorder(folder) as recorder:
        at = recorder.now()
        first = folder.log_vkey()
        keys = (NamedKey(first, at), NamedKey(thief.verifier_key, at))
        text = log_keys.to_text(LogKeysText(folder.origin, 1, at, keys))
        signed = note.to_bytes(Note(text, (thief.sign_text(text),))).decode()
        index = recorder._decide(LogKeysChange(note=signed)).index
    (problem,) = problems(folder)
    assert problem.entry == index
    assert "no key that signs for the log then" in problem.what
