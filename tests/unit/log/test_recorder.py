"""The recorder: what it takes, judges again, erases, and leaves after a crash."""

import json
import threading

import pytest

from tests.folders import (
    BUILDER,
    ME,
    REVIEWER,
    STRANGER,
    asked,
    envelope,
    every_byte,
    made,
    public,
    record,
    sha256_of,
    statement,
)  # fmt: skip
from tests.paths import DATA
from wherefrom import __version__
from wherefrom.app import open_log, open_recorder
from wherefrom.collect.principals import Principal
from wherefrom.errors import LimitPassed, Malformed, NotFound, ReadOnly
from wherefrom.formats import base64_strict, dsse, entry, own, recognise, strict_json
from wherefrom.formats.entry import Trust
from wherefrom.formats.own import Genesis, KeyChange, Tombstone, Verdict
from wherefrom.log.again import Heard
from wherefrom.query.desk import TraceOptions

SIGNED = envelope(statement(), BUILDER)
SECRET = "alice-kennwort-7713"


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path / "data")


@pytest.fixture
def recorder(folder):
    with open_recorder(folder) as opened:
        yield opened


def one(recorder, content, principal=ME):
    return recorder.record([content], principal=principal)[0]


def logged(recorder, index):
    return entry.parse(recorder.writer.entry(index))


def trust_of(recorder, index):
    return recorder.decisions.trust_of(index, recorder.writer.entry(index))


def decision(recorder, index):
    sealed = dsse.parse(strict_json.decode(recorder.writer.record(index).content))
    return own.parse_payload(sealed.payload_type, sealed.payload)


def test_entry_0_names_the_log_its_key_and_the_service_key(folder, recorder):
    genesis = decision(recorder, 0)
    assert isinstance(genesis, Genesis)
    assert (genesis.origin, genesis.log_key) == (folder.origin, folder.log_vkey().to_text())
    assert logged(recorder, 0).trust == Trust("self", (folder.service_key().id,))
    assert logged(recorder, 0).kind == "genesis"


def test_outcomes_come_in_order_and_a_refusal_never_costs_its_neighbours(recorder):
    outcomes = recorder.record(
        [statement("a"), b"{", statement("b"), statement("a"), b"{}"], principal=ME
    )
    assert [o.status for o in outcomes] == ["recorded", "refused", "recorded", "known", "refused"]
    assert [o.index for o in outcomes] == [1, None, 2, 1, None]
    assert [o.code for o in outcomes] == [None, "malformed", None, None, "unsupported"]
    assert outcomes[0].content == outcomes[3].content == logged(recorder, 1).content


def test_a_known_signer_is_recorded_as_signed_and_an_unknown_one_as_channel(recorder):
    recorder.change_key(public(BUILDER), action="trust")
    assert logged(recorder, one(recorder, SIGNED).index).trust == Trust("signed", (BUILDER.id,))
    by_stranger = one(recorder, envelope(statement("b"), STRANGER))
    assert logged(recorder, by_stranger.index).trust == Trust("channel")


def test_an_envelope_that_lies_about_its_key_is_refused_and_not_recorded(recorder):
    recorder.change_key(public(BUILDER), action="trust")
    size = recorder.writer.size
    outcome = one(recorder, envelope(statement(), STRANGER, hints=[BUILDER.id]))
    assert (outcome.status, outcome.code) == ("refused", "bad_signature")
    assert recorder.writer.size == size


@pytest.mark.parametrize("name", ["genesis", "key", "verdict", "tombstone", "gap", "later"])
def test_records_of_wherefroms_own_types_are_refused_from_everybody_else(recorder, name):
    payload_type = f"application/vnd.wherefrom.{name}.v1+json"
    outcome = one(recorder, envelope(b"{}", BUILDER, payload_type=payload_type))
    assert (outcome.status, outcome.code) == ("refused", "not_allowed")
    assert "only Wherefrom itself" in outcome.reason


def test_people_and_tokens_are_hashed_and_stand_nowhere_in_the_log(folder, recorder):
    alice = Principal(name=SECRET, roles=("record", "admin"))
    outcome = one(recorder, SIGNED, alice)
    recorder.erase(outcome.index, reason="asked to", principal=alice)
    producer = logged(recorder, outcome.index).producer
    assert producer.startswith("p:")
    assert decision(recorder, outcome.index + 1).by == producer
    assert one(recorder, statement("b"), alice).index
    assert logged(recorder, 3).producer == producer
    assert not any(SECRET.encode() in b for b in every_byte(folder).values())


# -- judged again


def test_trusting_a_key_vouches_by_a_verdict_for_what_it_signed_before(recorder):
    index = one(recorder, SIGNED).index
    other = one(recorder, envelope(statement("b"), STRANGER)).index
    known, judged = recorder.change_key(public(BUILDER), action="trust")
    assert (known.state, judged) == ("active", 1)
    assert decision(recorder, 4) == Verdict(
        entry=index, trust=Trust("signed", (BUILDER.id,)),
        reason=f"{BUILDER.id} became known", at=decision(recorder, 4).at,
        content=logged(recorder, index).content, verifier=f"wherefrom/{__version__}",
        keyring=recorder.decisions.keyring.digest,
    )  # fmt: skip
    assert trust_of(recorder, index) == Trust("signed", (BUILDER.id,))
    assert logged(recorder, index).trust == Trust("channel")
    assert trust_of(recorder, other) == Trust("channel")
    assert recorder.change_key(public(BUILDER), action="trust")[1] == 0


def test_below_the_verdict_the_effective_trust_stays_what_it_was(folder):
    with open_recorder(folder) as recorder:
        one(recorder, SIGNED)
        recorder.change_key(public(BUILDER), action="trust")
    with asked(folder) as desk:
        trust = {
            size: {e.trust for e in desk.trace(sha256_of("app"), TraceOptions(as_of=size)).edges}
            for size in (2, 3, 4)
        }
    assert trust == {2: {"channel"}, 3: {"channel"}, 4: {"signed"}}


def test_a_second_signer_who_becomes_known_is_added(recorder):
    recorder.change_key(public(BUILDER), action="trust")
    index = one(recorder, envelope(statement(), BUILDER, REVIEWER)).index
    assert recorder.change_key(public(REVIEWER), action="trust")[1] == 1
    assert trust_of(recorder, index) == Trust("signed", tuple(sorted([BUILDER.id, REVIEWER.id])))


def test_revoking_a_key_takes_back_what_it_vouched_for_and_retiring_does_not(recorder):
    for key in (BUILDER, REVIEWER):
        recorder.change_key(public(key), action="trust")
    alone = one(recorder, SIGNED).index
    both = one(recorder, envelope(statement("b"), BUILDER, REVIEWER)).index
    assert recorder.change_key(public(BUILDER), action="retire")[1] == 0
    assert trust_of(recorder, alone).level == "signed"
    assert recorder.change_key(public(BUILDER), action="revoke")[1] == 2
    assert trust_of(recorder, alone) == Trust("channel")
    assert trust_of(recorder, both) == Trust("signed", (REVIEWER.id,))
    assert recorder.change_key(public(BUILDER), action="trust")[1] == 2
    assert trust_of(recorder, alone) == Trust("signed", (BUILDER.id,))


def test_a_signature_says_nothing_of_what_another_format_read_in_the_same_bytes(recorder):
    """Both an envelope and a PEP 740 attestation: the facts come from the one nobody checked."""
    path = next((DATA / "supply/pypi-attestations/test/assets").glob("*.publish.attestation"))
    chimera = envelope(statement(), BUILDER, **json.loads(path.read_bytes()))
    assert recognise.read(chimera).format == "pep740"
    index = one(recorder, chimera).index
    assert recorder.change_key(public(BUILDER), action="trust")[1] == 0
    assert trust_of(recorder, index) == Trust("channel")
    at = "2026-01-01T00:00:00.000000Z"
    heard = Heard(1, "attestation", Trust("channel"), at)
    assert recorder._again._trust_now(heard, chimera) == Trust("channel")
    assert recorder._again._trust_now(heard, SIGNED) == Trust("signed", (BUILDER.id,))
    assert one(recorder, chimera).index == index
    assert trust_of(recorder, index) == Trust("channel")


def test_the_same_content_with_stronger_evidence_gets_one_verdict_and_keeps_its_index(recorder):
    index = one(recorder, SIGNED).index
    # As after a crash between the key record and the verdicts that follow from it.
    spki = base64_strict.encode(public(BUILDER).spki)
    recorder._decide(KeyChange(action="trust", key=BUILDER.id, spki=spki))
    outcomes = recorder.record([SIGNED, SIGNED], principal=ME)
    assert [(o.status, o.index) for o in outcomes] == [("known", index)] * 2
    assert trust_of(recorder, index) == Trust("signed", (BUILDER.id,))
    size = recorder.writer.size
    assert one(recorder, SIGNED).index == index
    assert recorder.writer.size == size == 4


def test_keys_that_change_at_the_same_time_end_as_the_log_says(folder):
    with open_recorder(folder) as recorder:
        recorder.record([envelope(statement(str(n)), BUILDER) for n in range(5)], principal=ME)
        actions = ["trust", "revoke"] * 4
        threads = [
            threading.Thread(
                target=recorder.change_key, args=(public(BUILDER),), kwargs={"action": a}
            )
            for a in actions
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        state = recorder.decisions.keyring.state(BUILDER.id)
        verdicts = dict(recorder.decisions.verdicts)
        level = {"active": "signed", "revoked": "channel"}[state]
        assert {trust_of(recorder, n).level for n in range(1, 6)} == {level}
    (folder.path / "decisions.json").unlink()
    with open_recorder(folder) as again:
        assert again.decisions.keyring.state(BUILDER.id) == state
        assert again.decisions.verdicts == verdicts


# -- refused before it is logged


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"action": "believe"}, Malformed, "not a key action: expected trust retire revoke"),
        ({"action": "trust", "reason": "x" * 1025}, LimitPassed, "a reason is too long"),
        ({"action": "trust", "names": ("n" * 70_000,)}, LimitPassed, "a payload is too long"),
        ({"action": "trust", "names": ("\ud800",)}, Malformed, "UTF-8 cannot hold"),
    ],
)
def test_a_change_that_nobody_could_read_later_is_not_logged(recorder, change, error, match):
    with pytest.raises(error, match=match):
        recorder.change_key(public(BUILDER), **change)
    assert recorder.writer.size == 1
    assert recorder.decisions.keyring.list() == []


# -- erasing


@pytest.mark.parametrize("reason", ["x" * 1025, "ä" * 513, "\ud800"])
def test_an_erasure_whose_reason_could_not_be_read_later_erases_nothing(recorder, reason):
    index = one(recorder, SIGNED).index
    with pytest.raises((LimitPassed, Malformed), match=r"too long|UTF-8 cannot hold"):
        recorder.erase(index, reason=reason, principal=ME)
    assert recorder.writer.record(index).content == SIGNED


def test_an_erased_content_and_its_nonce_are_gone_from_the_disk_and_the_proofs_stay(folder):
    content = envelope(statement(SECRET), BUILDER)
    # Small enough a run that the de-duplication index lies on the disk too.
    record(folder, *(statement(str(n)) for n in range(20)), content, statement("last"))
    with open_recorder(folder) as recorder:
        recorder.writer._dedup._flush()
        before = recorder.writer.record(21)
        digest = bytes(recognise.read(before.content).facts.document, "ascii")[7:]
        fingerprint = bytes.fromhex(digest.decode())[:8][::-1]
        assert any(fingerprint in b for b in every_byte(folder).values())
        stone = recorder.erase(21, reason="asked to", principal=ME)
        assert recorder.erase(21, reason="again", principal=ME) == stone == 23
    for path, held in every_byte(folder).items():
        for gone in (before.content, before.nonce, SECRET.encode(), digest, fingerprint):
            assert gone not in held, path
    log = open_log(folder)
    assert log.size == 24
    assert log.record(21) == (before.entry, None, None)
    with asked(folder) as desk:
        assert desk.receipt(21)
        with pytest.raises(NotFound, match="the content of entry 21 is erased"):
            desk.content(21)


def test_a_crash_between_tombstone_and_erasure_is_finished_at_the_next_start(folder):
    with open_recorder(folder) as recorder:
        index = one(recorder, SIGNED).index
        recorder._decide(Tombstone(entry=index, reason="crash", by="self"))
        assert recorder.writer.record(index).content == SIGNED
    with open_recorder(folder) as recorder:
        assert recorder.writer.record(index).content is None
        outcome = one(recorder, SIGNED)
        assert (outcome.status, outcome.index) == ("recorded", 3)


def test_erased_content_sent_again_is_a_new_entry_under_another_commitment(recorder):
    first = one(recorder, SIGNED)
    recorder.erase(first.index, reason="asked to", principal=ME)
    second = one(recorder, SIGNED)
    assert (second.status, second.index) == ("recorded", 3)
    assert second.content != first.content
    assert one(recorder, SIGNED).index == 3


def test_what_wherefrom_decided_is_not_erased(recorder):
    recorder.change_key(public(BUILDER), action="trust")
    for index in (0, 1):
        with pytest.raises(ReadOnly, match=f"entry {index} is Wherefrom's own decision"):
            recorder.erase(index, reason="no", principal=ME)
    assert recorder.writer.size == 2


@pytest.mark.parametrize("index", [-1, 1, 2**63])
def test_erasing_an_entry_that_is_not_there_is_not_found(recorder, index):
    with pytest.raises(NotFound, match=f"no entry {index}: expected an index below 1"):
        recorder.erase(index, reason="no", principal=ME)


def test_an_erased_envelope_is_not_judged_again(recorder):
    index = one(recorder, SIGNED).index
    recorder.erase(index, reason="asked to", principal=ME)
    assert recorder.change_key(public(BUILDER), action="trust")[1] == 0
