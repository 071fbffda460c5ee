"""Batches in a log: judged again when a key becomes known, taken back when it is revoked."""

import hashlib
import json

import pytest

from tests.folders import (
    BUILDER,
    ME,
    REVIEWER,
    STRANGER,
    asked,
    envelope,
    made,
    public,
    sha256_of,
    statement,
)
from tests.logs import verified
from tests.served import event_bytes
from wherefrom.app import log_at_rest, open_recorder
from wherefrom.formats.entry import Trust
from wherefrom.keys.batches import sign_batch
from wherefrom.keys.changes import KeyWish
from wherefrom.log.audit import audit
from wherefrom.query.desk import TraceOptions
from wherefrom.verify.evidence_file import check

RECORDS = [statement("a"), event_bytes(1), statement("b")]


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path / "data")


@pytest.fixture
def recorder(folder):
    with open_recorder(folder) as opened:
        yield opened


def recorded(recorder, records=RECORDS, key=BUILDER):
    outcomes = recorder.record(list(sign_batch(records, key)), principal=ME)
    assert [o.status for o in outcomes] == ["recorded"] * len(records)
    return [o.index for o in outcomes]


def trusts(recorder, indexes):
    writer = recorder.writer
    return [recorder.decisions.trust_of(index, writer.entry(index)) for index in indexes]


VOUCHED, CHANNEL = Trust("batch", (BUILDER.id,)), Trust("channel")


def test_when_a_key_becomes_known_every_record_of_its_batches_is_judged_again(recorder):
    (alone,) = (o.index for o in recorder.record([event_bytes(9)], principal=ME))
    mine, others = recorded(recorder), recorded(recorder, [statement("c")], STRANGER)
    assert trusts(recorder, mine) == [CHANNEL] * 3
    changed = recorder.wish(KeyWish(action="trust", pem=public(BUILDER).to_pem()))
    assert changed.entries == mine
    assert trusts(recorder, [*mine, *others, alone]) == [VOUCHED] * 3 + [CHANNEL] * 2


def test_a_key_that_may_sign_less_vouches_for_less_of_a_batch(recorder):
    recorder.change_key(public(BUILDER), action="trust")
    mine = recorded(recorder)
    wish = KeyWish(action="trust", pem=public(BUILDER).to_pem(), kinds=("event",))
    assert recorder.wish(wish).entries == [mine[0], mine[2]]
    assert trusts(recorder, mine) == [CHANNEL, VOUCHED, CHANNEL]


def test_revoking_a_key_takes_all_of_its_batches_back_and_nothing_else(recorder):
    for key in (BUILDER, REVIEWER):
        recorder.change_key(public(key), action="trust")
    mine, others = recorded(recorder), recorded(recorder, [statement("c")], REVIEWER)
    assert trusts(recorder, mine) == [VOUCHED] * 3
    changed = recorder.wish(KeyWish(action="revoke", key=BUILDER.id))
    assert changed.entries == mine
    assert trusts(recorder, [*mine, *others]) == [CHANNEL] * 3 + [Trust("batch", (REVIEWER.id,))]


def test_a_record_whose_own_signer_is_revoked_is_not_vouched_for_by_the_batch_it_came_in(recorder):
    for key in (BUILDER, REVIEWER):
        recorder.change_key(public(key), action="trust")
    (index,) = recorded(recorder, [envelope(statement(), REVIEWER)])
    assert trusts(recorder, [index]) == [Trust("signed", (REVIEWER.id,))]
    recorder.wish(KeyWish(action="revoke", key=REVIEWER.id))
    assert trusts(recorder, [index]) == [CHANNEL]  # as it would be refused at the door
    recorder.change_key(public(REVIEWER), action="trust")
    assert trusts(recorder, [index]) == [Trust("signed", (REVIEWER.id,))]


def test_the_same_record_twice_is_known_and_a_change_of_its_spelling_is_not_recorded(recorder):
    recorder.change_key(public(BUILDER), action="trust")
    (content, *_) = sign_batch(RECORDS, BUILDER)
    spaced = json.dumps(json.loads(content)).encode()
    outcomes = recorder.record([content, content, spaced], principal=ME)
    assert [(o.status, o.code) for o in outcomes] == [
        ("recorded", None), ("known", None), ("refused", "malformed"),
    ]  # fmt: skip


def test_things_have_the_ids_they_would_have_alone_and_the_trust_of_the_batch(recorder, folder):
    recorder.change_key(public(BUILDER), action="trust")
    (first, *_) = recorded(recorder)
    (alone,) = (o.index for o in recorder.record([statement("a")], principal=ME))
    document = "sha256:" + hashlib.sha256(statement("a")).hexdigest()
    recorder.writer.close()
    with asked(folder) as desk:
        # Of an edge that two records say, the one that is better vouched for is shown.
        edges = desk.trace(sha256_of("a"), TraceOptions()).edges
        assert {(e.entry, e.trust) for e in edges} == {(first, "batch")}
        (match,) = desk.show(sha256_of("a"), TraceOptions()).matches
        assert {r.entry for r in match.records} == {first, alone}
        for index in (first, alone):
            (match,) = desk.show(f"entry:{index}", TraceOptions()).matches
            assert match.id == document
        assert desk.verify(sha256_of("b")).result == "proven"
    assert audit(log_at_rest(folder)).problems == []


def test_evidence_of_a_record_of_a_batch_is_checked_offline_path_and_all(recorder, folder):
    recorder.change_key(public(BUILDER), action="trust")
    recorded(recorder)
    recorder.writer.close()
    with asked(folder) as desk:
        for proof in (
            desk.prove(sha256_of("a"), whole_trace=True), desk.prove(sha256_of("a"), content=True),
        ):  # fmt: skip
            report = check(proof.written, log_keys=[folder.log_vkey()])
            assert report.result == "proven", report
            (said,) = [s.says for s in report.steps if s.name == "batches"]
            assert said == "1 record leads to the root of 1 signed batch"
            (trust,) = [s.says for s in report.steps if s.name == "trust"]
            assert "1 batch" in trust


def test_evidence_of_a_log_that_took_a_false_path_fails_at_the_batches(recorder, folder):
    first, *_ = sign_batch(RECORDS, BUILDER)
    # No judge lets it in: a log that had none wrote it.
    (receipt,) = recorder.writer.commit([verified(first.replace(b'"index":0', b'"index":1'))])
    recorder.writer.close()
    with asked(folder) as desk:
        proof = desk.prove(f"entry:{receipt.index}", content=True)
    report = check(proof.written, log_keys=[folder.log_vkey()])
    assert [(s.name, s.ok) for s in report.steps][-1] == ("batches", False)
    assert "the record is not in the batch that was signed" in report.steps[-1].says
