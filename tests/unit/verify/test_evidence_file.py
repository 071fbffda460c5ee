"""Evidence, offline: what is proven with the log's key alone, and what each forgery runs into."""

import json

import pytest

from tests.unit.verify.evidence import (
    APP,
    ERASED,
    TOMBSTONE,
    VERDICT,
    changed,
    edge_changed,
    of,
    parsed,
    parts,
    result,
    trace_of,
    zipped,
)  # fmt: skip
from wherefrom.formats import evidence_file, note, tlog_proof
from wherefrom.formats.dsse import parse as parse_envelope
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.verify.evidence_file import check

OTHER = "other.example/log"


def steps(written):
    return {s.name: s.says for s in check(written, log_keys=[of().key]).steps}


def failed(written, step, says, key=None):
    got = result(written, key)
    assert got[:2] == ("failed", step), got
    assert says in got[2], got


# -- proven


def test_one_entry_is_proven_by_its_tlog_proof():
    assert result(of().proof)[0] == "proven"
    said = steps(of().proof)
    assert said["entry"] == "attestation https://slsa.dev/provenance/v1, channel at the door"
    assert said["inclusion"] == "it is entry 1 of 9"
    assert said["checkpoint"].startswith("signed by the key of log.example/tests: 9 entries, root")


def test_contents_are_proven_with_the_log_key_alone():
    assert result(of().content)[0] == "proven"
    said = steps(of().content)
    assert said["inclusion"] == "3 entries are in the log"
    assert said["contents"] == "3 contents match their commitments"
    assert "trace" not in said


def test_a_whole_trace_is_proven_edge_by_edge_with_the_verdict_it_rests_on():
    evidence = parsed(of().trace)
    assert sorted(evidence.claimed) == [0, APP, VERDICT]
    assert {(e["trust"], e["verdict"], e["door"]) for e in evidence.manifest.trace["edges"]} == {
        ("signed", VERDICT, "channel")
    }
    assert result(of().trace)[0] == "proven"
    said = steps(of().trace)
    assert said["decisions"] == "2 records are Wherefrom's own, by the service key of entry 0"
    assert (
        said["trace"] == f"{len(evidence.manifest.trace['edges'])} edges are said by those contents"
    )


def test_an_erased_entry_is_proven_with_the_tombstone_that_erased_it():
    assert sorted(parsed(of().erased).claimed) == [0, ERASED, TOMBSTONE]
    assert result(of().erased)[0] == "proven"
    assert steps(of().erased)["erased"] == f"entry {ERASED} by entry {TOMBSTONE}"


def test_the_same_evidence_is_the_same_bytes():
    assert evidence_file.to_bytes(parsed(of().trace)) == of().trace


# -- keys and checkpoints


@pytest.mark.parametrize("kind", ["proof", "content", "trace", "erased"])
def test_nothing_is_proven_under_another_key_even_of_the_same_name(kind):
    written = getattr(of(), kind)
    origin = of().key.name
    failed(written, "checkpoint", "no known key signed the note", of(OTHER).key)
    failed(written, "checkpoint", "no known key", SigningKey(bytes(32)).verifier_key(origin))


def test_a_key_that_says_another_name_for_itself_does_not_make_it_another_log():
    key = of().key
    renamed = note.VerifierKey("x", note.key_id("x", 1, key.public_key), 1, key.public_key)
    failed(of().trace, "checkpoint", "no known key signed", renamed)


@pytest.mark.parametrize("kind", ["content", "trace", "erased"])
def test_a_checkpoint_of_another_log_does_not_carry_it(kind):
    named = parts(getattr(of(), kind))
    other = parts(getattr(of(OTHER), kind))
    mixed = zipped(named | {"checkpoint": other["checkpoint"]})
    failed(mixed, "checkpoint", "no known key signed")
    failed(mixed, "checkpoint", "the manifest is of another checkpoint", of(OTHER).key)
    mixed = zipped(named | {k: other[k] for k in ("checkpoint", "manifest.json")})
    failed(mixed, "inclusion", "is of something else", of(OTHER).key)


def test_an_older_checkpoint_of_the_same_log_does_not_carry_it():
    named = parts(of().trace)
    failed(
        changed(of().trace, log={"origin": "x", "size": 9, "root": ""}), "checkpoint", "manifest"
    )
    text = named["checkpoint"].replace(b"\n9\n", b"\n8\n")
    failed(zipped(named | {"checkpoint": text}), "checkpoint", "did not sign this note")


# -- entries and contents


def test_an_entry_under_another_number_is_refused():
    named = parts(of().trace)
    swapped = {
        **named, f"entries/{APP}": named[f"entries/{VERDICT}"],
        f"entries/{VERDICT}": named[f"entries/{APP}"],
    }  # fmt: skip
    failed(zipped(swapped), "inclusion", "leads to another root")
    moved = {k.replace("/6", "/7"): v for k, v in named.items()}
    failed(
        zipped(moved), "inclusion", "the proof of entry 7 is of something else: expected index 7"
    )


def test_an_entry_of_one_log_with_the_proof_of_another_is_refused():
    ours, theirs = parts(of().trace), parts(of(OTHER).trace)
    name = f"entries/{APP}"
    failed(zipped(ours | {name: theirs[name]}), "inclusion", "leads to another root")
    proof = f"proofs/{APP}.tlog-proof"
    failed(zipped(ours | {proof: theirs[proof]}), "inclusion", "is of something else")


def test_a_proof_in_the_evidence_carries_nothing_beside_the_path():
    named = parts(of().trace)
    name = f"proofs/{APP}.tlog-proof"
    proof = tlog_proof.parse(named[name])
    more = tlog_proof.to_bytes(
        tlog_proof.TlogProof(proof.index, proof.path, proof.checkpoint, b"what nobody looks at")
    )
    failed(zipped(named | {name: more}), "inclusion", "and no extra")


@pytest.mark.parametrize("index", [0, APP, VERDICT])
def test_a_content_that_is_missing_is_not_passed_over(index):
    named = parts(of().trace)
    for name in (f"contents/{index}", f"contents/{index}.nonce"):
        del named[name]
    step, says = ("decisions", "entry 0 is not in the evidence") if index == 0 else (
        "erased", f"the content of entry {index} is missing"
    )  # fmt: skip
    failed(zipped(named), step, says)


def test_a_missing_content_is_not_excused_by_the_tombstone_of_another_entry():
    named = parts(of().erased) | {
        k: v for k, v in parts(of().trace).items() if k.startswith(("entries/1", "proofs/1"))
    }
    failed(zipped(named), "erased", "the content of entry 1 is missing")


def test_a_tombstone_left_out_leaves_the_erased_content_missing():
    named = {k: v for k, v in parts(of().erased).items() if f"/{TOMBSTONE}" not in k}
    failed(zipped(named), "erased", f"the content of entry {ERASED} is missing")


@pytest.mark.parametrize("index", [0, APP, VERDICT])
def test_a_content_or_nonce_of_another_entry_is_not_what_the_entry_commits_to(index):
    named = parts(of().trace)
    other = {0: APP, APP: VERDICT, VERDICT: 0}[index]
    for end in ("", ".nonce"):
        mixed = named | {f"contents/{index}{end}": named[f"contents/{other}{end}"]}
        failed(zipped(mixed), "contents", f"the content of entry {index} is not what")


# -- the answer


def test_an_edge_that_no_record_states_is_refused():
    edge = trace_of(of().trace)["edges"][0]
    for field, value in (
        ("from", "sha256:" + "e" * 64),
        ("to", edge["from"]),
        ("relation", "runs"),
    ):
        failed(edge_changed(**{field: value}), "trace", "entry 1 does not say this")


def test_an_edge_added_to_the_answer_is_refused():
    trace = trace_of(of().trace)
    trace["edges"].append(trace["edges"][0] | {"to": "pkg:npm/evil@1"})
    failed(changed(of().trace, trace=trace), "trace", "entry 1 does not say this")


@pytest.mark.parametrize("entry", [0, VERDICT, 2, 8, 99, -1])
def test_an_edge_said_to_be_of_another_entry_is_refused(entry):
    failed(edge_changed(entry=entry), "trace", f"entry {entry} does not say this")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"trust": "self"}, "the trust shown for entry 1 is not the entry's"),
        ({"trust": "keyless"}, "expected signed, got keyless"),
        ({"signers": []}, "the signers shown"),
        ({"signers": ["k:" + "0" * 32]}, "the signers shown"),
        ({"verdict": None}, "the verdict shown"),
        ({"verdict": None, "trust": "channel", "signers": []}, "the verdict shown"),
        ({"verdict": 0}, "the verdict shown"),
        ({"verdict": 4711}, "expected 6, got 4711"),
        ({"door": "signed"}, "the trust at the door shown"),
        ({"occurred": "2020-01-01T00:00:00.000000Z"}, "the time shown"),
        ({"received": "2020-01-01T00:00:00.000000Z"}, "the time of receipt shown"),
        ({"properties": {"columns": "all"}}, "the properties shown"),
    ],
)
def test_an_edge_that_shows_its_entry_or_its_trust_otherwise_is_refused(fields, says):
    failed(edge_changed(**fields), "trace", says)


def test_a_verdict_left_out_of_the_evidence_leaves_the_trust_unproven():
    named = {k: v for k, v in parts(of().trace).items() if f"/{VERDICT}" not in k}
    failed(zipped(named), "trace", "the verdict shown for entry 1 is not the entry's")


def test_as_of_a_size_below_the_verdict_it_does_not_count():
    trace = trace_of(of().trace) | {"as_of": VERDICT}
    failed(changed(of().trace, trace=trace), "trace", "the verdict shown")
    for edge in trace["edges"]:
        edge |= {"verdict": None, "trust": "channel", "signers": []}
    assert result(changed(of().trace, trace=trace))[0] == "proven"
    trace["as_of"] = APP
    failed(changed(of().trace, trace=trace), "trace", "entry 1 does not say this")


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ({"origin": OTHER}, "the trace is of another log"),
        ({"size": 0}, "the trace is of another log"),
        ({"size": -1}, "the trace is of another log"),
        ({"size": 8}, "the trace is of another log"),  # its as_of is 9
        ({"size": 10}, "a tree of 10 cannot be in a tree of 9"),
        ({"size": 9, "root": "00" * 32}, "leads to another root"),
        ({"root": "00"}, "is not a hash"),
        ({"root": "x"}, "is no trace"),
        ({"root": None}, "is no trace"),
    ],
)
def test_a_trace_of_another_log_or_another_state_of_it_is_refused(log, says):
    trace = trace_of(of().trace)
    trace["log"] |= log
    failed(changed(of().trace, trace=trace), "trace", says)


@pytest.mark.parametrize("as_of", [-1, 0, 10])
def test_a_trace_as_of_a_size_that_its_log_did_not_have_is_refused(as_of):
    trace = trace_of(of().trace) | {"as_of": as_of, "edges": []}
    failed(changed(of().trace, trace=trace), "trace", f"as of 1 to 9, got {of().key.name}, as of")


@pytest.mark.parametrize(
    "trace", [{}, {"edges": []}, {"log": 1, "as_of": 1, "edges": []}, {"edges": [1]}]
)
def test_what_is_no_trace_is_refused(trace):
    failed(changed(of().trace, trace=trace), "trace", "the trace in the evidence is no trace")


def test_the_nodes_of_an_answer_are_for_reading_and_are_not_proved():
    """As the page says: what sums up a node may come from records that are not in the evidence."""
    trace = trace_of(of().trace)
    trace["nodes"][0]["name"] = "another name"
    assert result(changed(of().trace, trace=trace))[0] == "proven"


def test_what_was_left_out_of_an_answer_is_not_seen():
    """As the page says: evidence shows what is there, never that nothing else is."""
    trace = trace_of(of().trace)
    del trace["edges"][1:]
    assert result(changed(of().trace, trace=trace))[0] == "proven"


def test_a_proof_without_its_entry_proves_nothing():
    bare = tlog_proof.parse(of().proof)
    written = tlog_proof.to_bytes(tlog_proof.TlogProof(bare.index, bare.path, bare.checkpoint))
    failed(written, "entry", "the proof does not carry its entry")


def test_what_the_service_key_signed_is_in_the_content_and_not_beside_it():
    evidence = parsed(of().trace)
    for index in (0, VERDICT):
        envelope = parse_envelope(json.loads(evidence.claimed[index].content))
        assert envelope.payload_type.startswith("application/vnd.wherefrom.")
