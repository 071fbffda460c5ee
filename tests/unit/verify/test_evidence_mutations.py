"""Evidence under mutation, and of a log that lies: failed at a step, never proven or a crash."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.folders import REVIEWER, statement
from tests.logs import (
    LOG_KEY,
    ORIGIN,
    TIME,
    VKEY,
    MemoryPlace,
    decided,
    genesis,
    numbered,
    reader,
    verified,
    writer,
)  # fmt: skip
from tests.unit.verify.evidence import changed, of, parsed, parts, result, zipped
from wherefrom.errors import Error
from wherefrom.formats import evidence_file, note, own, tlog_proof
from wherefrom.formats.entry import Trust
from wherefrom.formats.evidence_file import Claimed, EvidenceFile, Manifest
from wherefrom.formats.own import Genesis, Tombstone, Verdict
from wherefrom.formats.recognise import facts_of
from wherefrom.formats.tlog_proof import TlogProof
from wherefrom.keys.ed25519 import sign_note
from wherefrom.keys.envelopes import sign_envelope

KINDS = ("proof", "content", "trace", "erased")
ZIPS = KINDS[1:]


def flipped(written, bit):
    changed = bytearray(written)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(st.data())
@settings(max_examples=300)
def test_any_flipped_bit_of_any_part_is_found(data):
    """But in the words of the manifest that prove nothing: what was asked, names of nodes."""
    named = parts(getattr(of(), data.draw(st.sampled_from(ZIPS))))
    name = data.draw(st.sampled_from(sorted(n for n in named if n != "manifest.json")))
    bit = data.draw(st.integers(0, 8 * len(named[name]) - 1))
    assert result(zipped(named | {name: flipped(named[name], bit)}))[0] == "failed"


@given(st.data())
@settings(max_examples=150)
def test_any_flipped_bit_of_a_tlog_proof_is_found(data):
    bit = data.draw(st.integers(0, 8 * len(of().proof) - 1))
    assert result(flipped(of().proof, bit))[0] == "failed"


@given(st.data())
@settings(max_examples=200)
def test_any_flipped_bit_of_the_file_is_found_or_changes_no_part(data):
    kind = data.draw(st.sampled_from(ZIPS))
    written = getattr(of(), kind)
    changed = flipped(written, data.draw(st.integers(0, 8 * len(written) - 1)))
    if result(changed)[0] == "proven":
        assert parsed(changed) == parsed(written)


@given(st.data())
@settings(max_examples=200)
def test_parts_cut_stretched_swapped_dropped_or_of_another_log_prove_nothing_new(data):
    named = parts(getattr(of(), data.draw(st.sampled_from(ZIPS))))
    before = dict(named)
    other = parts(getattr(of("other.example/log"), data.draw(st.sampled_from(ZIPS))))
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(named)))
        how = data.draw(st.sampled_from(["cut", "stretch", "swap", "drop", "other", "rename"]))
        if how == "cut":
            named[name] = named[name][: data.draw(st.integers(0, len(named[name])))]
        elif how == "stretch":
            named[name] += data.draw(st.binary(max_size=4))
        elif how == "swap":
            second = data.draw(st.sampled_from(sorted(named)))
            named[name], named[second] = named[second], named[name]
        elif how == "drop" and len(named) > 1:
            del named[name]
        elif how == "other":
            named[name] = other.get(name, b"")
        else:
            named[f"{name}0"] = named[name]
    got, _, says = result(zipped(named))
    if got == "proven":
        # The manifest may gain or lose white space; and all of a record's parts may be left out.
        left = {n: b for n, b in before.items() if n in named}
        left["manifest.json"] = named["manifest.json"]
        assert named == left, says
        assert parsed(zipped(named)).manifest == parsed(zipped(before)).manifest


@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_bytes_fail_at_the_first_step(written, as_zip):
    assert result(b"PK\3\4" * as_zip + written)[:2] == ("failed", "read")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["of", "log", "trace", "edges", "size", "root", "origin", "format"]),
        inner, max_size=4,
    ),
    max_leaves=6,
)  # fmt: skip


@given(st.sampled_from(["of", "log", "trace", "consistency", "format"]), JSON)
@settings(max_examples=200)
def test_a_manifest_of_other_types_proves_nothing_new(field, value):
    named = parts(of().trace)
    manifest = json.loads(named["manifest.json"])
    same = repr(manifest[field]) == repr(value)
    manifest[field] = value
    got = result(zipped(named | {"manifest.json": json.dumps(manifest).encode()}))
    harmless = (field == "of" and isinstance(value, str)) or (field, value) == ("trace", None)
    assert got[0] == ("proven" if same or harmless else "failed"), got


# -- a log whose keeper lies: its key is right, its entries are not


def lying(*verified_records):
    """Evidence of every entry of a log made of these records."""
    place = MemoryPlace()
    writer(place).commit(verified_records)
    log = reader(place)
    indexes = list(range(len(verified_records)))
    checkpoint, paths = log.prove(indexes)
    claimed = {}
    for index, path in zip(indexes, paths, strict=True):
        stored = log.record(index)
        proof = tlog_proof.to_bytes(TlogProof(index, tuple(path), checkpoint))
        claimed[index] = Claimed(
            entry=stored.entry, proof=proof, nonce=stored.nonce, content=stored.content
        )
    position = log.position()
    said = {"origin": ORIGIN, "size": position.size, "root": position.root.hex()}
    manifest = Manifest(of="x", log=said)
    return evidence_file.to_bytes(
        EvidenceFile(manifest=manifest, checkpoint=checkpoint, claimed=claimed)
    )


def forged(decision, key=REVIEWER):
    content = sign_envelope(own.media_type(decision), own.to_payload(decision), key)
    return verified(content, kind=own.entry_kind(decision), level="self", producer="self")


VERDICT = Verdict(entry=1, trust=Trust("signed", ("k:" + "0" * 32,)), reason="r")
STRANGE = b'{"payload": "", "payloadType": "x", "signatures": [{"sig": "AA=="}]}'


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([genesis(origin="other.example/log")], "entry 0 is of another log"),
        (numbered([0]), "entry 0 is not in the evidence"),
        ([decided(VERDICT)], "entry 0 is not in the evidence"),
        ([genesis(), forged(VERDICT)], "the service key did not sign the decision 1"),
        ([forged(Genesis(origin=ORIGIN, log_key="", service_key="AAAA"))], "not a public key"),
        ([forged(Genesis(origin=ORIGIN, log_key="", service_key="!"))], "not base64"),
        ([genesis(), verified(b"[]", level="self", producer="self")], "expected an object"),
        ([genesis(), verified(b"\xff", level="self", producer="self")], "not UTF-8"),
        ([genesis(), verified(b"{}", level="self", producer="self")], "required field"),
        ([genesis(), verified(STRANGE, level="self", producer="self")], "not a record of Where"),
    ],
)  # fmt: skip
def test_a_decision_that_the_service_key_of_entry_0_did_not_sign_is_refused(records, says):
    got = result(lying(*records), VKEY)
    assert got[:2] == ("failed", "decisions")
    assert says in got[2]


def test_a_verdict_signed_by_another_key_is_refused_though_the_log_holds_it():
    assert result(lying(genesis(), *numbered([1]), decided(VERDICT)), VKEY)[0] == "proven"
    got = result(lying(genesis(), *numbered([1]), forged(VERDICT)), VKEY)
    assert got[2] == "the service key did not sign the decision 2"


def test_a_tombstone_counts_only_for_an_entry_before_it():
    stones = [decided(Tombstone(entry=n, reason="r", by="self", at=TIME)) for n in (1, 3)]
    after = lying(genesis(), *numbered([1]), stones[0])
    assert result(after, VKEY)[0] == "proven"
    files = parts(lying(genesis(), stones[1], *numbered([2, 3])))
    for name in ("contents/3", "contents/3.nonce"):
        del files[name]
    assert result(zipped(files), VKEY)[1:] == (
        "erased",
        "the content of entry 3 is missing: expected the content and its nonce, or the tombstone "
        "that erased them",
    )


def test_a_content_that_no_format_reads_makes_a_trace_fail_and_not_the_checker():
    got = result(with_trace(lying(genesis(), *numbered([1]))), VKEY)
    assert got[:2] == ("failed", "trace")


def with_trace(written, **edge):
    """The evidence, with an answer as of its own log: one edge, or none."""
    log = parsed(written).manifest.log
    return changed(written, trace={"log": log, "as_of": log["size"], "edges": [edge] * bool(edge)})


def test_an_answer_does_not_rest_on_an_erased_entry_whose_content_was_kept_aside():
    fact = facts_of(statement()).edges[0]
    edge = {
        "from": fact.source, "relation": fact.relation, "to": fact.target, "entry": 1,
        "trust": "channel", "signers": [], "verdict": None, "door": "channel", "occurred": None,
        "received": TIME, "properties": {},
    }  # fmt: skip
    kept = verified(statement())
    assert result(with_trace(lying(genesis(), kept), **edge), VKEY)[0] == "proven"
    erased = lying(genesis(), kept, decided(Tombstone(entry=1, reason="r", by="self")))
    got = result(with_trace(erased, **edge), VKEY)
    assert got[:2] == ("failed", "trace")
    assert "entry 1 does not say this" in got[2]


def test_a_checkpoint_under_the_right_key_and_another_origin_is_of_another_log():
    evidence = parsed(lying(genesis()))
    text = note.parse(evidence.checkpoint).text.replace(ORIGIN, "other.example/log")
    signed = sign_note(text, name=ORIGIN, key=LOG_KEY)
    named = parts(lying(genesis())) | {"checkpoint": signed}
    got = result(zipped(named), VKEY)
    assert got[:2] == ("failed", "checkpoint")
    assert f"is of another log: expected {ORIGIN}, got other.example/log" in got[2]


@given(st.binary(max_size=200))
def test_whatever_a_log_holds_as_its_own_the_checker_says_something(content):
    evidence = lying(genesis(), verified(content or b"?", level="self", producer="self"))
    try:
        assert result(evidence, VKEY)[0] == "failed"
    except Error as error:
        pytest.fail(f"raised {error!r}")
