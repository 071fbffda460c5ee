"""Check evidence offline: knowing only the log's key, is this what the log holds?

    checkpoint ◄─signed─ log key            entry ──path──► checkpoint's root
    content ──nonce──► commitment in entry  trace edge ──► said by the content of its entry

Each check is a numbered step that says what it proved or where it failed. Keys inside evidence
are never trusted: the log key comes from the caller, and the service key only from entry 0, once
that is proved to be entry 0. What evidence cannot show, such as that nothing was left out, stands
in its format's page.

Source: docs/formats/evidence.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wherefrom.errors import Malformed, ProofError, Refused, SignatureError
from wherefrom.formats import (
    base64_strict,
    batch,
    checkpoint,
    dsse,
    entry,
    note,
    own,
    strict_json,
)
from wherefrom.formats import evidence_file as files
from wherefrom.formats import tlog_proof as proofs
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.entry import Entry
from wherefrom.formats.evidence_file import EvidenceFile
from wherefrom.formats.note import VerifierKey
from wherefrom.formats.own import Genesis, Tombstone
from wherefrom.formats.tlog_policy import Policy
from wherefrom.keys.batches import check_path
from wherefrom.keys.cosignatures import check_log_signature
from wherefrom.keys.ed25519 import check_note
from wherefrom.keys.log_keys import followed
from wherefrom.keys.public import PublicKey
from wherefrom.keys.quorum import need_quorum
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_consistency, verify_inclusion
from wherefrom.verify.steps import Report, Step, report

if TYPE_CHECKING:
    from wherefrom.verify.sigstore.trusted_root import TrustedRoot

_ENTRIES_NAMED_MAX: Final = 4
_INCIDENT: Final = "incident:"


class Outside(NamedTuple):
    """By whom an anchor must be held: a trusted root, and now, which nothing may be later than."""

    root: TrustedRoot
    now: datetime


def check(
    written: bytes,
    *,
    log_keys: Sequence[VerifierKey] = (),
    policy: Policy | None = None,
    outside: Outside | None = None,
) -> Report:
    """Check a tlog-proof or an evidence file against the log's keys.

    log_keys  one of which must have signed the checkpoint, or named the key that did; without
              any, those of the policy
    policy    whose quorum of witnesses must have cosigned the checkpoint
    outside   who else must hold a checkpoint over the entries, in an evidence file

    Raises ValueError without either.
    """
    if not log_keys and policy is not None:
        log_keys = [log.key for log in policy.logs]
    elif not log_keys:
        raise ValueError("evidence is checked against a key or a policy")
    if files.is_evidence(written):
        return report(_check_file(written, log_keys, policy, outside))
    if outside is not None:
        raise ValueError("a proof of one entry carries no anchor")
    return report(_check_proof(written, log_keys, policy))


def _check_proof(
    written: bytes, log_keys: Sequence[VerifierKey], policy: Policy | None
) -> Iterator[str | Step]:
    if not written.startswith(proofs.HEADER.encode()):
        raise Malformed(
            "not an evidence file",
            expected="what `wherefrom prove` writes: a .tlog-proof or a .zip",
            got=written[:40],
        )
    proof = proofs.parse(written)
    yield "checkpoint"
    signed = _signed_checkpoint(proof.checkpoint, log_keys)
    yield _says_checkpoint(signed)
    if policy is not None:
        yield from _check_witnesses(proof.checkpoint, policy)
    yield "entry"
    if proof.extra is None:
        raise ProofError(
            "the proof does not carry its entry", where="extra", expected="the entry's bytes"
        )
    read = entry.parse(proof.extra)
    yield Step("entry", True, f"{read.kind} {read.type}, {read.trust.level} at the door")
    yield "inclusion"
    _check_included(proof.extra, proof, signed)
    yield Step("inclusion", True, f"it is entry {proof.index} of {signed.size}")


def _check_file(
    written: bytes,
    log_keys: Sequence[VerifierKey],
    policy: Policy | None,
    outside: Outside | None,
) -> Iterator[str | Step]:
    yield from check_parsed(files.parse(written), log_keys, policy, outside)


def _check_anchor(evidence: EvidenceFile, signed: Checkpoint, outside: Outside | None) -> str:
    """What others hold of this log, and of how many of its entries."""
    anchor = evidence.manifest.anchor
    if anchor is None:
        raise ProofError(
            "no checkpoint over these entries is anchored", expected="an anchor in the evidence"
        )
    tree = anchor.tree
    newest = max(evidence.claimed)
    if tree.origin != signed.origin or tree.size <= newest:
        raise ProofError(
            "the anchor is of something else",
            expected=f"{signed.origin}, a size over {newest}",
            got=f"{tree.origin}, size {tree.size}",
        )
    hashes = evidence.manifest.anchor_consistency
    verify_consistency(
        size1=tree.size,
        size2=signed.size,
        path=[base64_strict.decode(text, where="anchor_consistency") for text in hashes],
        root1=tree.root,
        root2=signed.root,
    )
    if outside is None:
        return (
            f"others hold the checkpoint of {tree.size:,} entries; who and since when is not "
            "checked without --anchor-root"
        )
    from wherefrom.verify import anchors  # late: its libraries take a while

    found = anchors.check(anchor, root=outside.root, now=outside.now)
    return f"the first {tree.size:,} entries were there then: {found.says}"


def _followed(
    evidence: EvidenceFile, trusted: Sequence[VerifierKey]
) -> tuple[Sequence[VerifierKey], Step | None]:
    """The keys that these have named since, and how, if the checkpoint is signed by such a one."""
    lines = note.parse(evidence.checkpoint).signatures
    signed = {(line.name, line.key_id) for line in lines}
    if any((key.name, key.key_id) in signed for key in trusted):
        return trusted, None
    found = followed(trusted, evidence.manifest.log_keys)
    later = [key for key in found[len(trusted) :] if (key.name, key.key_id) in signed]
    if not later:
        return trusted, None
    named = ", ".join(f"{key.name}+{key.key_id.hex()}" for key in later)
    return found, Step("log keys", True, f"the key you trust named its successor: {named}")


def _check_witnesses(checkpoint: bytes, policy: Policy) -> Iterator[str | Step]:
    yield "witnesses"
    found = need_quorum(note.parse(checkpoint), policy)
    yield Step("witnesses", True, "cosigned by " + found.says())


def check_parsed(
    evidence: EvidenceFile,
    log_keys: Sequence[VerifierKey],
    policy: Policy | None = None,
    outside: Outside | None = None,
) -> Iterator[str | Step]:
    """The steps for evidence that was read already. Raises the error of the step that fails."""
    # 1. The checkpoint is the log's, and enough witnesses saw it.
    yield "checkpoint"
    log_keys, step = _followed(evidence, log_keys)
    if step is not None:
        yield step
    signed = _signed_checkpoint(evidence.checkpoint, log_keys)
    _need_position(evidence.manifest.log, signed)
    yield _says_checkpoint(signed)
    if policy is not None:
        yield from _check_witnesses(evidence.checkpoint, policy)
    if outside is not None or evidence.manifest.anchor is not None:
        yield "anchor"
        yield Step("anchor", True, _check_anchor(evidence, signed, outside))
    # 2. Every entry is in the tree under that checkpoint, and no other.
    yield "inclusion"
    entries = _checked_entries(evidence, signed)
    yield Step("inclusion", True, _count(len(entries), "entry is", "entries are") + " in the log")
    # 3. Every content is the one its entry commits to.
    yield "contents"
    contents = _checked_contents(evidence, entries)
    yield Step(
        "contents",
        True,
        _count(len(contents), "content matches its commitment", "contents match their commitments"),
    )
    # 4. What came in a batch is in the batch that was signed.
    batched = [i for i, content in contents.items() if batch.is_batched(content)]
    if batched:
        yield "batches"
        roots = {_checked_batch(contents[i]) for i in batched}
        yield Step("batches", True, _says_batches(len(batched), len(roots)))
    # 5. Wherefrom's own records are signed by the service key that entry 0 names.
    yield "decisions"
    decisions = _checked_decisions(entries, contents, signed)
    yield Step("decisions", True, _says_decisions(decisions))
    # 6. How far the log believes them: what is in it is proven to be there, not to be true.
    yield "trust"
    yield Step("trust", True, says_trust(_judged(entries, decisions)))
    # 7. No content is missing, but for those that the log says were erased.
    yield "erased"
    erased = _checked_erased(entries, contents, decisions)
    if erased:
        yield Step("erased", True, _says_erased(erased))
    # 8. What is said to be of an incident holds what was said of that one.
    if evidence.manifest.of.startswith(_INCIDENT):
        yield "incident"
        yield Step("incident", True, _says_incident(evidence.manifest.of, contents))
    # 9. The answer rests on those contents, edge by edge.
    if evidence.manifest.trace is not None:
        # Late: only who reads what contents say needs every format.
        from wherefrom.verify.evidence_trace import check_trace, trace_of

        yield "trace"
        claim = trace_of(evidence, signed)
        check_trace(claim, entries, contents, decisions)
        edges = _count(len(claim.edges), "edge is", "edges are")
        yield Step("trace", True, edges + " said by those contents")


def _signed_checkpoint(written: bytes, log_keys: Sequence[VerifierKey]) -> Checkpoint:
    read = note.parse(written)
    signed = checkpoint.parse(read.text)
    if log_keys and signed.origin not in {key.name for key in log_keys}:
        # By a key of ours all the same? Then it is not forged, but of another log.
        check_note(read, [key for key in log_keys if key.algorithm == note.ED25519])
        raise ProofError(
            "the checkpoint is of another log",
            expected=" or ".join(key.name for key in log_keys),
            got=signed.origin,
        )
    return check_log_signature(read, log_keys)


def _says_checkpoint(signed: Checkpoint) -> Step:
    return Step(
        "checkpoint",
        True,
        f"signed by the key of {signed.origin}: {signed.size} entries, root {signed.root.hex()}",
    )


def _need_position(said: Mapping[str, Any], signed: Checkpoint) -> None:
    right = {"origin": signed.origin, "size": signed.size, "root": signed.root.hex()}
    if said != right:
        raise ProofError(
            "the manifest is of another checkpoint",
            where="manifest.json log",
            expected=str(right),
            got=str(said),
        )


def _checked_entries(evidence: EvidenceFile, signed: Checkpoint) -> dict[int, Entry]:
    entries: dict[int, Entry] = {}
    for index, claimed in sorted(evidence.claimed.items()):
        entries[index] = entry.parse(claimed.entry, where=f"entry {index}")
        proof = proofs.parse(claimed.proof, where=f"proof of entry {index}")
        alone = proof.extra is None and proof.checkpoint == evidence.checkpoint
        if not alone or proof.index != index:
            raise ProofError(
                f"the proof of entry {index} is of something else",
                expected=f"index {index}, the checkpoint of the evidence, and no extra",
                got=f"index {proof.index}",
            )
        _check_included(claimed.entry, proof, signed)
    return entries


def _check_included(written: bytes, proof: proofs.TlogProof, signed: Checkpoint) -> None:
    verify_inclusion(
        leaf_hash=hash_leaf(written),
        index=proof.index,
        tree_size=signed.size,
        path=proof.path,
        root=signed.root,
    )


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


def _checked_batch(content: bytes) -> bytes:
    """The root that a record's batch signs, once its path leads there."""
    read = batch.parse(content)
    check_path(read)
    return read.batch.root


def _says_batches(records: int, batches: int) -> str:
    count = _count(records, "record leads to the root", "records lead to the roots")
    return f"{count} of {_count(batches, 'signed batch', 'signed batches')}"


def _checked_decisions(
    entries: Mapping[int, Entry], contents: Mapping[int, bytes], signed: Checkpoint
) -> dict[int, own.Decision]:
    sealed = {
        i: dsse.parse(strict_json.as_object(strict_json.decode(contents[i]), where=f"content {i}"))
        for i, e in entries.items()
        if e.trust.level == "self" and i in contents
    }
    decisions = {i: own.parse_payload(e.payload_type, e.payload) for i, e in sealed.items()}
    genesis = decisions.get(0)
    if not isinstance(genesis, Genesis):
        raise ProofError("entry 0 is not in the evidence, and it names the service key")
    if genesis.origin != signed.origin:
        raise ProofError("entry 0 is of another log", expected=signed.origin, got=genesis.origin)
    service_key = PublicKey(base64_strict.decode(genesis.service_key, where="service_key"))
    for index, envelope in sealed.items():
        try:
            message = dsse.pae(envelope.payload_type, envelope.payload)
            service_key.check(message, envelope.signatures[0].sig)
        except SignatureError as error:
            raise ProofError(f"the service key did not sign the decision {index}") from error
    return decisions


def _judged(entries: Mapping[int, Entry], decisions: Mapping[int, own.Decision]) -> dict[int, str]:
    """The level of each record of others: at the door, or in the latest verdict at hand."""
    levels = {i: e.trust.level for i, e in entries.items() if e.trust.level != "self"}
    for _, decision in sorted(decisions.items()):
        if isinstance(decision, own.Verdict) and decision.entry in levels:
            levels[decision.entry] = decision.trust.level
    return levels


def says_trust(levels: Mapping[int, str]) -> str:
    """``1 of 17 records signed (entry 549), 16 channel (226, 227, …)``: the strongest first."""
    parts = []
    for level in sorted(set(levels.values()), key=entry.LEVELS.index, reverse=True):
        those = sorted(i for i, said in levels.items() if said == level)
        more = ", …" if len(those) > _ENTRIES_NAMED_MAX else ""
        named = ", ".join(map(str, those[:_ENTRIES_NAMED_MAX])) + more
        word = "entry" if len(those) == 1 else "entries"
        parts.append(f"{len(those)} {level} ({word} {named})")
    of = _count(len(levels), "record", "records")
    return f"of {of}, {', '.join(parts)}" if parts else "no record but Wherefrom's own"


def _says_decisions(decisions: Mapping[int, own.Decision]) -> str:
    count = _count(len(decisions), "record is", "records are")
    return f"{count} Wherefrom's own, by the service key of entry 0"


def _checked_erased(
    entries: Mapping[int, Entry],
    contents: Mapping[int, bytes],
    decisions: Mapping[int, own.Decision],
) -> dict[int, int]:
    """The erased entries, each with its tombstone."""
    stones = {d.entry: i for i, d in decisions.items() if isinstance(d, Tombstone) and d.entry < i}
    for index in entries:
        if index not in contents and index not in stones:
            raise ProofError(
                f"the content of entry {index} is missing",
                expected="the content and its nonce, or the tombstone that erased them",
            )
    return {erased: stone for erased, stone in stones.items() if erased in entries}


def _says_incident(of: str, contents: Mapping[int, bytes]) -> str:
    """The first record that speaks of an incident. Raises ProofError if none does."""
    # Late: only who reads what contents say needs every format.
    from wherefrom.formats import recognise

    for index in sorted(contents):
        try:
            facts = recognise.read(contents[index]).facts
        except Refused:  # a newer program's
            continue
        if any(node.id == of for node in facts.nodes):
            return f"entry {index} speaks of it"
    raise ProofError(
        "no record in it speaks of the incident that it is said to be of", where="manifest.json",
        got=of, do="Ask for the evidence of that one: wherefrom incident report ID -o DIR",
    )  # fmt: skip


def _says_erased(erased: Mapping[int, int]) -> str:
    return ", ".join(f"entry {i} by entry {stone}" for i, stone in sorted(erased.items())[:8])


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
