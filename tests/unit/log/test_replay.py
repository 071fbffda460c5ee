"""An audit asks again who made each decision: what was written past the recorder is named."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.folders import BUILDER, ME, REVIEWER, STRANGER, envelope, made, public, statement
from tests.logs import ORIGIN, SERVICE_KEY
from wherefrom.app import DataFolder, open_recorder
from wherefrom.errors import NotFound
from wherefrom.formats import base64_strict, intake, log_keys, note, own
from wherefrom.formats import entry as entries
from wherefrom.formats.dsse import Signature, pae
from wherefrom.formats.entry import NONCE_BYTES, Entry, Trust
from wherefrom.formats.log_keys import LogKeysText, NamedKey
from wherefrom.formats.note import Note
from wherefrom.formats.own import (
    Administrators,
    Genesis,
    IntakeRules,
    KeyChange,
    LogKeysChange,
    Tombstone,
    Verdict,
)
from wherefrom.keys.changes import KeyWish, change_of
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.keyring import Signing
from wherefrom.keys.log_keys import followed
from wherefrom.keys.note_keys import NoteKey
from wherefrom.log.decisions import Decisions
from wherefrom.log.own_keys import LogKeysWish
from wherefrom.log.replay import Replay
from wherefrom.reporting import verify as verifier
from wherefrom.storage.contracts import Record
from wherefrom.upkeep import audit_folder, is_grave, need_whole
from wherefrom.verify.judge import decide


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


KEYS = [BUILDER, REVIEWER, STRANGER]
IDS = [public(key).id for key in KEYS]
OWN = [NoteKey.of(ORIGIN, SigningKey(bytes([n]) * 32)) for n in (50, 51, 52, 53)]


def at(moment):
    return f"2026-01-01T00:00:{moment:02}.000000Z"


times = st.none() | st.integers(0, 20).map(at)
some_ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True).map(tuple)
key_changes = st.builds(
    lambda key, action, **fields: KeyChange(
        action=action,
        key=public(key).id,
        spki=base64_strict.encode(public(key).spki),
        **{k: v for k, v in fields.items() if v and (action == "trust") == (k in ON_TRUST)},
    ),
    st.sampled_from(KEYS),
    st.sampled_from(["trust", "trust", "retire", "revoke"]),
    since=times,
    valid_to=times,
    compromised_since=times,
    owner=st.sampled_from(["", "ann"]),
    replaces=st.none() | st.sampled_from(IDS),
)
ON_TRUST = ("valid_to", "owner", "replaces")
administrators = some_ids.flatmap(
    lambda ids: st.builds(
        Administrators, keys=st.just(ids), threshold=st.integers(1, len(ids)), since=times
    )
)
rules = st.integers(1, 3).map(
    lambda version: IntakeRules(version=version, rules=(), digest=intake.digest_of(()))
)


@st.composite
def notes_of_keys(draw):
    """A change of the log's keys, by whoever signs it: often none who may."""
    moment = draw(st.integers(0, 20))
    named = [OWN[0], *draw(st.lists(st.sampled_from(OWN[1:]), max_size=2, unique=True))]
    keys = tuple(
        NamedKey(k.verifier_key, at(0), draw(st.none() | st.integers(1, 20).map(at))) for k in named
    )
    text = log_keys.to_text(LogKeysText(ORIGIN, draw(st.integers(1, 3)), at(moment), keys))
    signers = draw(st.lists(st.sampled_from(OWN), min_size=1, max_size=2, unique=True))
    written = note.to_bytes(Note(text, tuple(k.sign_text(text) for k in signers)))
    return LogKeysChange(note=written.decode())


said_by = st.tuples(
    st.one_of(key_changes, administrators, rules, notes_of_keys()),
    st.lists(st.sampled_from(KEYS), max_size=3, unique=True),
    st.booleans(),
)


@settings(max_examples=300)
@given(st.lists(said_by, max_size=12))
def test_an_audit_the_log_and_a_report_agree_on_what_decides(history):
    service = base64_strict.encode(spki_der(SERVICE_KEY.public_key))
    first = OWN[0].verifier_key
    genesis = Genesis(origin=ORIGIN, log_key=first.to_text(), service_key=service)
    replay, decisions, ring = Replay(genesis), Decisions(), verifier.Keyring()
    chain = []
    for index, (change, signers, is_fresh) in enumerate(history, start=1):
        if not isinstance(change, LogKeysChange):
            digest = decisions.keyring.digest if is_fresh and signers else ""
            change = msgspec.structs.replace(change, keyring=digest)
        message = pae(own.media_type(change), own.to_payload(change))
        others = tuple(Signature(public(k).id, k.sign(message)) for k in signers)
        made = decide(change, service_key=SERVICE_KEY, received=at(index), others=others)
        before = len(decisions.keyring.changes) + len(decisions.rule_sets)
        decisions.take(index, kept(made, index))
        wrong = list(replay.take(index, made.content, received=at(index)))
        if isinstance(change, LogKeysChange):
            if not wrong:
                chain.append(change.note)
        else:
            folded = len(decisions.keyring.changes) + len(decisions.rule_sets) > before
            assert (wrong == []) == folded, (wrong, change)
            ring_takes(ring, index, change, {public(k).id for k in signers})
            assert ring.digest == decisions.keyring.digest
    for key in decisions.keyring.list():
        for moment in map(at, range(22)):
            why = decisions.keyring.why_not(key.id, Signing(moment))
            assert (why is None) == (ring.why_not(key.id, moment) is None)
    # What an audit lets pass, everybody can follow, to all that it names.
    named = {k.key for w in chain for k in log_keys.parse(note.parse(w.encode()).text).keys}
    assert set(followed([first], chain)) == {first} | named


def test_a_change_by_a_key_whose_time_was_over_is_named_though_it_brings_no_key(folder):
    with open_recorder(folder) as recorder:
        recorder.change_log_keys(LogKeysWish(to="ecdsa-p256"))
        recorder.change_log_keys(LogKeysWish(to="ed25519", grace_days=0))
        own = folder.own_keys
        keys = own.read()
        ended = own.open(keys.keys[0])
        named = tuple(k.named._replace(until=k.named.until or recorder.now()) for k in keys.keys)
        text = log_keys.to_text(LogKeysText(folder.origin, 3, recorder.now(), named))
        forged = note.to_bytes(Note(text, (ended.sign_text(text),))).decode()
        index = recorder._decide(LogKeysChange(note=forged)).index
    (problem,) = problems(folder)
    assert problem.entry == index
    # It costs the log nothing: its own next change is recorded all the same.
    with open_recorder(DataFolder(folder.path)) as recorder:
        answer = recorder.change_log_keys(LogKeysWish(to="ed25519"))
        assert answer.notes[-1] in [said for _, said in recorder.decisions.log_keys]
    assert [p.entry for p in problems(folder)] == [index]


def kept(made, index):
    """A record as a log stores it."""
    nonce = bytes(NONCE_BYTES)
    logged = Entry(
        content=entries.commit(nonce=nonce, content=made.content),
        kind=made.kind,
        occurred=None,
        producer=made.producer,
        received=at(index),
        size=len(made.content),
        trust=made.trust,
        type=made.type,
    )
    return Record(entries.to_bytes(logged), nonce, made.content)


def ring_takes(ring, index, change, signers):
    """As a report's own verifier takes it up."""
    kind = own.media_type(change).removeprefix("application/vnd.wherefrom.")
    payload = own.to_payload(change)
    said = json.loads(payload)
    signers = signers & ring.keys.keys()
    follows = kind[0] not in "ir" or said["version"] == ring.versions.get(kind, 0) + 1
    if ring.may_change(said, signers, at(index)) and follows:
        ring.fold(index, kind, said, payload)
