"""Check evidence offline: knowing only the log's key, is this what the log holds?

    checkpoint ◄─signed─ log key            entry ──path──► checkpoint's root
    content ──nonce──► commitment in entry  trace edge ──► said by the content of its entry

Each check is a numbered step that says what it proved or where it failed. Keys inside evidence
are never trusted: the log key comes from the caller, and the service key only from entry 0, once
that is proved to be entry 0.

Source: docs/formats/evidence.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from wherefrom.errors import Error, ProofError
from wherefrom.formats import base64_strict, checkpoint, dsse, entry, note, own, strict_json
from wherefrom.formats import evidence_file as files
from wherefrom.formats import tlog_proof as proofs
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.entry import Entry
from wherefrom.formats.evidence_file import EvidenceFile
from wherefrom.formats.note import VerifierKey
from wherefrom.formats.own import Genesis, Tombstone, Verdict
from wherefrom.formats.recognise import facts_of
from wherefrom.keys.ed25519 import check_note
from wherefrom.keys.public import PublicKey
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_consistency, verify_inclusion


class Step(msgspec.Struct, frozen=True):
    """One check: its name, whether it held, and what that shows."""

    name: str
    ok: bool
    says: str


class Report(msgspec.Struct, frozen=True):
    """``proven`` if every step held, ``failed`` if one did not, ``unproven`` if nothing decided."""

    result: str
    steps: list[Step]


class LogClaim(msgspec.Struct, frozen=True):
    """The log that a trace says it was read from."""

    origin: str
    size: int
    root: str


class EdgeClaim(
    msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}, kw_only=True
):
    """What evidence has to carry for an edge of a trace."""

    source: str
    target: str
    relation: str
    entry: int
    trust: str
    signers: tuple[str, ...]
    verdict: int | None = None


def report(steps: Iterator[Step]) -> Report:
    """Run the steps in order; the first that raises is the last, and says why."""
    done: list[Step] = []
    name = "read"
    try:
        for step in steps:
            done.append(step)
            name = step.name
    except Error as error:
        done.append(Step(f"after {name}" if done else name, False, str(error)))
        return Report("failed", done)
    return Report("proven" if all(s.ok for s in done) else "failed", done)


def check(written: bytes, *, log_key: VerifierKey) -> Report:
    """Check a tlog-proof or an evidence file against the log's key."""
    if files.is_evidence(written):
        return report(_check_file(written, log_key))
    return report(_check_proof(written, log_key))


def _signed_checkpoint(written: bytes, log_key: VerifierKey) -> Checkpoint:
    signed = checkpoint.parse(check_note(note.parse(written), [log_key]))
    if signed.origin != log_key.name:
        raise ProofError(
            "the checkpoint is of another log", expected=log_key.name, got=signed.origin
        )
    return signed


def _check_included(written: bytes, proof: proofs.TlogProof, signed: Checkpoint) -> None:
    verify_inclusion(
        leaf_hash=hash_leaf(written),
        index=proof.index,
        tree_size=signed.size,
        path=proof.path,
        root=signed.root,
    )


def _says_checkpoint(signed: Checkpoint) -> Step:
    return Step(
        "checkpoint",
        True,
        f"signed by the key of {signed.origin}: {signed.size} entries, root {signed.root.hex()}",
    )


def _check_proof(written: bytes, log_key: VerifierKey) -> Iterator[Step]:
    proof = proofs.parse(written)
    signed = _signed_checkpoint(proof.checkpoint, log_key)
    yield _says_checkpoint(signed)
    if proof.extra is None:
        raise ProofError(
            "the proof does not carry its entry", where="extra", expected="the entry's bytes"
        )
    read = entry.parse(proof.extra)
    yield Step("entry", True, f"{read.kind} {read.type}, {read.trust.level} at the door")
    _check_included(proof.extra, proof, signed)
    yield Step("inclusion", True, f"it is entry {proof.index} of {signed.size}")


def _check_file(written: bytes, log_key: VerifierKey) -> Iterator[Step]:
    yield from check_parsed(files.parse(written), log_key)


def check_parsed(evidence: EvidenceFile, log_key: VerifierKey) -> Iterator[Step]:
    """The steps for evidence that was read already. Raises the error of the step that fails."""
    # 1. The checkpoint is the log's.
    signed = _signed_checkpoint(evidence.checkpoint, log_key)
    yield _says_checkpoint(signed)
    # 2. Every entry is in the tree under that checkpoint, and no other.
    entries: dict[int, Entry] = {}
    for index, claimed in sorted(evidence.claimed.items()):
        entries[index] = entry.parse(claimed.entry, where=f"entry {index}")
        proof = proofs.parse(claimed.proof, where=f"proof of entry {index}")
        if proof.checkpoint != evidence.checkpoint or proof.index != index:
            raise ProofError(f"the proof of entry {index} is of something else")
        _check_included(claimed.entry, proof, signed)
    yield Step("inclusion", True, _count(len(entries), "entry is", "entries are") + " in the log")
    # 3. Every content is the one its entry commits to.
    contents = _checked_contents(evidence, entries)
    yield Step(
        "contents",
        True,
        _count(len(contents), "content matches its commitment", "contents match their commitments"),
    )
    # 4. Wherefrom's own records are signed by the service key that entry 0 names.
    decisions = _checked_decisions(entries, contents)
    if decisions:
        yield Step(
            "decisions", True, _count(len(decisions), "record", "records") + " by the service key"
        )
    # 5. The answer rests on those contents, edge by edge.
    if evidence.manifest.trace is not None:
        _check_extends(evidence, signed)
        edges = _check_trace(evidence.manifest.trace, entries, contents, decisions)
        yield Step("trace", True, _count(edges, "edge is", "edges are") + " said by those contents")


def _checked_contents(evidence: EvidenceFile, entries: Mapping[int, Entry]) -> dict[int, bytes]:
    contents: dict[int, bytes] = {}
    for index, claimed in evidence.claimed.items():
        if claimed.content is None or claimed.nonce is None:
            continue
        right = (
            len(claimed.nonce) == entry.NONCE_BYTES
            and len(claimed.content) == entries[index].size
            and entry.commit(nonce=claimed.nonce, content=claimed.content) == entries[index].content
        )
        if not right:
            raise ProofError(
                f"the content of entry {index} is not what the entry commits to",
                expected=entries[index].content,
                do="The content or its nonce was changed",
            )
        contents[index] = claimed.content
    return contents


def _checked_decisions(
    entries: Mapping[int, Entry], contents: Mapping[int, bytes]
) -> dict[int, own.Decision]:
    own_entries = [i for i, e in entries.items() if e.trust.level == "self" and i in contents]
    if not own_entries:
        return {}
    envelope = {i: dsse.parse(strict_json.decode(contents[i])) for i in own_entries}
    decisions = {i: own.parse_payload(e.payload_type, e.payload) for i, e in envelope.items()}
    genesis = decisions.get(0)
    if not isinstance(genesis, Genesis):
        raise ProofError("entry 0 is not in the evidence, and it names the service key")
    service_key = PublicKey(base64_strict.decode(genesis.service_key, where="service_key"))
    for sealed in envelope.values():
        service_key.check(dsse.pae(sealed.payload_type, sealed.payload), sealed.signatures[0][1])
    return decisions


def _check_extends(evidence: EvidenceFile, signed: Checkpoint) -> None:
    """The trace was read from this log, at this size or an earlier one."""
    log = (evidence.manifest.trace or {}).get("log")
    try:
        at = msgspec.convert(log, LogClaim)
        root = bytes.fromhex(at.root)
    except (msgspec.ValidationError, ValueError) as error:
        raise ProofError("the trace does not say of which log it is", got=str(error)) from error
    if at.origin != signed.origin or at.size < 0:
        raise ProofError("the trace is of another log", expected=signed.origin, got=at.origin)
    hashes = [base64_strict.decode(h, where="consistency") for h in evidence.manifest.consistency]
    verify_consistency(size1=at.size, size2=signed.size, path=hashes, root1=root, root2=signed.root)


def _check_trace(
    trace: Mapping[str, Any],
    entries: Mapping[int, Entry],
    contents: Mapping[int, bytes],
    decisions: Mapping[int, own.Decision],
) -> int:
    said = {
        index: {(e.source, e.relation, e.target) for e in facts_of(content).edges}
        for index, content in contents.items()
        if index not in decisions
    }
    erased = {d.entry for d in decisions.values() if isinstance(d, Tombstone)}
    try:
        edges = msgspec.convert(trace.get("edges"), list[EdgeClaim])
    except msgspec.ValidationError as error:
        raise ProofError("the trace in the evidence is no trace", got=str(error)) from error
    for edge in edges:
        index, words = edge.entry, (edge.source, edge.relation, edge.target)
        if words not in said.get(index, ()) or index in erased:
            raise ProofError(
                f"entry {index} does not say this", got=" ".join(words), do="The answer was changed"
            )
        _check_trust(edge, entries[index], decisions)
    return len(edges)


def _check_trust(edge: EdgeClaim, at_door: Entry, decisions: Mapping[int, own.Decision]) -> None:
    verdict = decisions.get(edge.verdict) if edge.verdict is not None else None
    trust = at_door.trust
    if isinstance(verdict, Verdict) and verdict.entry == edge.entry:
        trust = verdict.trust
    if (edge.trust, edge.signers) != (trust.level, trust.signers):
        raise ProofError(
            f"the trust of entry {edge.entry} is not what is shown",
            expected=trust.level,
            got=edge.trust,
        )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
