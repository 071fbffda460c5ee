"""The judgement at the door: how far a record's word is taken, and what is refused."""

import json

import pytest

from tests.folders import BUILDER, ME, REVIEWER, STRANGER, envelope, public, statement
from tests.unit.collect.test_collected import TIME, collected, event
from tests.unit.keys.test_envelopes import REAL, known, real
from tests.unit.keys.test_keyring import change, ring
from wherefrom.collect.principals import Principal
from wherefrom.errors import BadSignature, LimitPassed, Malformed, NotAllowed
from wherefrom.formats import dsse, entry, own, strict_json
from wherefrom.formats.entry import SIGNERS_MAX, Trust
from wherefrom.formats.own import KeyChange, Tombstone, Verdict
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.keyring import Keyring
from wherefrom.verify.judge import decide, judge

KEY = bytes(32)


def judged(content, keyring=None, principal=ME):
    heard = collected(content, principal=principal)
    return judge(heard, keyring=keyring or Keyring(), producer_key=KEY)


def test_a_judged_record_carries_what_came_and_what_it_says():
    content = json.dumps(event()).encode()
    verified = judged(content)
    assert (verified.content, verified.digest) == (content, collected(content).digest)
    assert (verified.kind, verified.type) == ("event", collected(content).facts.type)
    assert (verified.occurred, verified.received) == ("2026-01-01T00:00:00.000000Z", TIME)
    assert verified.producer == "local:1000"


def test_a_known_signer_makes_it_signed():
    assert judged(envelope(statement(), BUILDER), known(BUILDER)).trust == Trust(
        "signed", (BUILDER.id,)
    )


@pytest.mark.parametrize(
    "content",
    [
        envelope(statement(), STRANGER), statement(), json.dumps(event()).encode(),
        envelope(statement(), BUILDER, hints=["somebody"]).replace(b'"sig": "', b'"sig": "AAAA'),
    ],
)  # fmt: skip
def test_nobody_known_behind_it_makes_it_channel_without_signers(content):
    assert judged(content, known(BUILDER)).trust == Trust("channel")


@pytest.mark.parametrize("name", REAL)
def test_a_real_envelope_is_signed_once_its_real_key_is_trusted_and_refused_if_changed(name):
    document, key = real(name)
    content = json.dumps(document).encode()
    keyring = ring(change(key, names=(document["signatures"][0]["keyid"],)))
    assert judged(content).trust == Trust("channel")
    assert judged(content, keyring).trust == Trust("signed", (key.id,))
    sealed = dsse.parse(document)
    changed = sealed._replace(payload=sealed.payload.replace(b'"', b' "', 1))
    strict_json.decode(changed.payload)
    with pytest.raises(BadSignature, match=f"fails under the key it names, {key.id}"):
        judged(dsse.to_bytes(changed), keyring)


def test_a_lie_about_a_known_key_is_refused():
    with pytest.raises(BadSignature, match="fails under the key it names"):
        judged(envelope(statement(), STRANGER, hints=[BUILDER.id]), known(BUILDER))


def test_more_signers_than_an_entry_holds_are_cut_and_stay_in_order():
    keys = [SigningKey(bytes([n] * 32)) for n in range(10)]
    trust = judged(envelope(statement(), *keys), known(*keys)).trust
    assert trust.signers == tuple(sorted(k.id for k in keys))[:SIGNERS_MAX]


@pytest.mark.parametrize("type_", ["genesis.v1+json", "key.v1+json", "anything"])
def test_a_strangers_record_of_wherefroms_own_is_refused_whoever_signed_it(type_):
    content = envelope(b"{}", BUILDER, payload_type=own.PREFIX + type_)
    for keyring in (Keyring(), known(BUILDER)):
        with pytest.raises(NotAllowed, match="only Wherefrom itself writes records of this type"):
            judged(content, keyring, Principal(name="admin", roles=("admin",)))


def test_the_producer_is_the_authenticated_one_and_hashed():
    by = judged(statement(), principal=Principal(name="ci", roles=("record",))).producer
    assert by.startswith("p:")
    assert "ci" not in by[2:]
    other = judged(statement("b"), principal=Principal(name="ci", roles=("admin",))).producer
    assert other == by


DECISIONS = [
    KeyChange(action="trust", key=BUILDER.id, spki="AAAA"),
    Verdict(entry=1, trust=Trust("signed", (BUILDER.id,)), reason="r"),
    Tombstone(entry=1, reason="r", by="self"),
]


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda d: type(d).__name__)
def test_a_decision_is_a_record_signed_by_the_service_key(decision):
    verified = decide(decision, service_key=REVIEWER, received=TIME)
    sealed = dsse.parse(strict_json.decode(verified.content))
    assert own.parse_payload(sealed.payload_type, sealed.payload) == decision
    public(REVIEWER).check(dsse.pae(sealed.payload_type, sealed.payload), sealed.signatures[0].sig)
    assert verified.trust == Trust("self", (REVIEWER.id,))
    assert (verified.producer, verified.occurred) == ("self", TIME)
    assert verified.kind == own.entry_kind(decision)
    assert verified.kind in entry.ENTRY_KINDS


@pytest.mark.parametrize(
    ("decision", "error", "match"),
    [
        (Tombstone(entry=1, reason="x" * 1025, by="self"), LimitPassed, "a reason is too long"),
        (Tombstone(entry=1, reason="\ud800", by="self"), Malformed, "UTF-8 cannot hold"),
        (KeyChange(action="x", key="k", spki=""), Malformed, "not a key action"),
        (Verdict(entry=1, trust=Trust("sure"), reason=""), Malformed, "not a level"),
    ],
)
def test_a_decision_that_could_not_be_read_again_is_not_made(decision, error, match):
    with pytest.raises(error, match=match):
        decide(decision, service_key=REVIEWER, received=TIME)
