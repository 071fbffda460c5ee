"""The judgement of records that were signed together."""

import json

import pytest

from tests.folders import BUILDER, REVIEWER, STRANGER, envelope, statement
from tests.unit.collect.test_collected import collected, event
from tests.unit.keys.test_envelopes import known
from tests.unit.verify.test_judge import judged
from wherefrom.errors import BadSignature, Malformed, NotAllowed, Refused, Unsupported
from wherefrom.formats import dsse, own, strict_json
from wherefrom.formats.batch import BATCH_TYPE
from wherefrom.formats.entry import Trust
from wherefrom.formats.facts import unpacked
from wherefrom.formats.recognise import facts_of, read
from wherefrom.keys.batches import sign_batch

EVENT = json.dumps(event()).encode()
JUNIT = b'<testsuite name="s" tests="1"><testcase name="t"/></testsuite>'
RECORDS = [statement("a"), EVENT, JUNIT, statement("b"), b"\n " + statement("c") + b"\n"]
SIGNED = list(sign_batch(RECORDS, BUILDER))


@pytest.mark.parametrize(("record", "content"), [*zip(RECORDS, SIGNED, strict=True)])
def test_it_says_what_the_record_in_it_says_alone_and_keeps_the_senders_bytes(record, content):
    alone, heard = collected(record), collected(content)
    assert heard.facts == alone.facts
    assert heard.format == alone.format
    assert heard.content == content
    verified = judged(content, known(BUILDER))
    assert (verified.kind, verified.type) == (alone.facts.kind, alone.facts.type)
    assert verified.trust == Trust("batch", (BUILDER.id,))
    assert unpacked(verified.facts) == alone.facts == facts_of(content)


def test_nobody_known_behind_the_batch_makes_it_channel():
    assert judged(SIGNED[0], known(STRANGER)).trust == Trust("channel")


def test_a_changed_byte_anywhere_is_refused_or_leaves_it_unsigned():
    content, keyring = SIGNED[1], known(BUILDER)
    hint = content.index(BUILDER.id.encode())
    unsigned = 0
    for place in range(len(content)):
        if hint <= place < hint + len(BUILDER.id):
            continue  # a hint, which nothing is signed over
        for bit in (1, 32):
            changed = bytearray(content)
            changed[place] ^= bit
            try:
                trust = judged(bytes(changed), keyring).trust
            except Refused:
                continue
            assert trust == Trust("channel"), (place, bit)
            unsigned += 1
    assert unsigned == 0  # all of it is covered: by its spelling, the path or the signature


def test_another_hint_leads_to_the_same_key_or_is_refused():
    at = SIGNED[1].index(BUILDER.id.encode())
    for place in range(at, at + len(BUILDER.id)):
        changed = bytearray(SIGNED[1])
        changed[place] ^= 1
        assert judged(bytes(changed), known(BUILDER)).trust == Trust("batch", (BUILDER.id,))


def part(content, **changes):
    return json.dumps(json.loads(content) | changes, separators=(",", ":")).encode()


def test_parts_of_another_record_or_batch_are_refused_whoever_signed():
    other = list(sign_batch([EVENT, *RECORDS], BUILDER))
    for name in ("record", "index", "path", "batch"):
        foreign = json.loads(other[3] if name == "batch" else SIGNED[2])[name]
        for keyring in (known(BUILDER), known(STRANGER)):
            with pytest.raises(BadSignature, match="the record is not in the batch"):
                judged(part(SIGNED[0], **{name: foreign}), keyring)


def test_a_lie_about_a_known_key_is_refused():
    lie = SIGNED[0].replace(BUILDER.id.encode(), REVIEWER.id.encode())
    with pytest.raises(BadSignature, match=f"fails under the key it names, {REVIEWER.id}"):
        judged(lie, known(BUILDER, REVIEWER))


def test_a_key_that_ended_or_may_not_sign_this_is_refused_record_by_record():
    retired = known(BUILDER, valid_to="2025-01-01T00:00:00.000000Z")
    with pytest.raises(BadSignature, match="was valid until 2025"):
        judged(SIGNED[0], retired)
    only_events = known(BUILDER, kinds=("event",))
    assert judged(SIGNED[1], only_events).trust.level == "batch"
    with pytest.raises(NotAllowed, match=r"may sign event, not https://slsa\.dev"):
        judged(SIGNED[0], only_events)
    only_a = known(BUILDER, scopes=("a",))
    assert judged(SIGNED[0], only_a).trust.level == "batch"
    with pytest.raises(NotAllowed, match="may not speak of b"):
        judged(SIGNED[3], only_a)


def test_a_record_with_a_signature_of_its_own_is_judged_by_that_first():
    (content,) = sign_batch([envelope(statement(), REVIEWER)], BUILDER)
    assert judged(content, known(BUILDER)).trust == Trust("batch", (BUILDER.id,))
    assert judged(content, known(REVIEWER)).trust == Trust("signed", (REVIEWER.id,))
    assert judged(content, known(BUILDER, REVIEWER)).trust == Trust("signed", (REVIEWER.id,))
    (lie,) = sign_batch([envelope(statement(), STRANGER, hints=[REVIEWER.id])], BUILDER)
    with pytest.raises(BadSignature, match="fails under the key it names"):
        judged(lie, known(BUILDER, REVIEWER))


def test_wherefroms_own_records_are_not_taken_in_a_batch_either():
    mine = envelope(b"{}", BUILDER, payload_type=own.PREFIX + "key.v1+json")
    (content,) = sign_batch([mine], BUILDER)
    with pytest.raises(NotAllowed, match="only Wherefrom itself writes"):
        judged(content, known(BUILDER))


def test_a_batch_in_a_batch_is_refused():
    (content,) = sign_batch([SIGNED[0]], BUILDER)
    with pytest.raises(Unsupported, match="a record of a batch within another"):
        read(content)


def test_what_could_not_be_recorded_alone_is_refused_in_a_batch_for_the_same_reason():
    for record, error in ((b"{", Malformed), (b'{"a": 1}', Unsupported), (b"", Malformed)):
        (content,) = sign_batch([record], BUILDER)
        with pytest.raises(error) as alone:
            read(record)
        with pytest.raises(error) as carried:
            read(content)
        assert str(carried.value) == str(alone.value)


def test_the_batch_itself_can_be_recorded_so_that_a_missing_record_shows():
    sealed = dsse.parse(strict_json.decode(SIGNED[0])["batch"])
    heard = judged(dsse.to_bytes(sealed), known(BUILDER))
    assert (heard.kind, heard.type) == ("batch", BATCH_TYPE)
    assert heard.trust == Trust("signed", (BUILDER.id,))
    (node,) = unpacked(heard.facts).nodes
    assert (node.kind, node.properties["size"]) == ("attestation", len(RECORDS))
    with pytest.raises(Malformed, match="not the root of a batch, at payload"):
        judged(envelope(b"{}", BUILDER, payload_type=BATCH_TYPE))
