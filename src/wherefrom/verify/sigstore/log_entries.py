"""Entries of transparency logs: the promise, the checkpoint, and the path from one to the other.

    promise      log key signs {body, integratedTime, logID, logIndex}       Rekor v1: gives a time
    checkpoint   log key signs "origin\\nsize\\nroot\\n"                        a signed note
    inclusion    SHA-256(00 ‖ body) ──path──► proof's root = checkpoint's root

Whether the body speaks of this bundle at all is checked in ``entry_bodies``.

Source: Rekor, types/… and pkg/util/signed_note.go; rekor-tiles, CLIENTS.md; RFC 9162 §2.1.3.2
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from wherefrom.errors import Malformed, ProofError, SignatureError
from wherefrom.formats import base64_strict, checkpoint, note
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.sigstore_evidence import InclusionProof, LogEntry
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_inclusion
from wherefrom.verify.sigstore.trusted_root import Log, TrustedRoot

_TREE: Final = " - "
# What only Rekor v2 takes. (Its predecessor had an ``intoto 0.0.2``.)
_REKOR_2: Final = ("hashedrekord 0.0.2", "dsse 0.0.2")
# A log's clock may be a little ahead of ours.
CLOCK_SKEW: Final = timedelta(minutes=1)


def known_logs(entry: LogEntry, root: TrustedRoot) -> Sequence[Log]:
    """The logs of the root that ``entry`` may be from; one at least. Raises ProofError."""
    found = [log for log in root.logs if log.log_id == entry.log_id]
    if not found:
        raise ProofError(
            "an entry of a log that the trusted root does not name",
            where=f"{entry.where}.logId",
            expected=", ".join(log.address for log in root.logs) or "one at least",
            got=entry.log_id.hex(),
            do=root.left_out(),
        )
    return found


def check_promise(entry: LogEntry, logs: Sequence[Log], now: datetime) -> datetime | None:
    """When the log says that it took the entry, or None where it promised nothing.

    Raises ProofError for a promise that the log did not make, a time that is still to come and
    one at which the log's key was not trusted.
    """
    if entry.promise is None:
        return None
    place = f"{entry.where}.inclusionPromise"
    if entry.kind in _REKOR_2:
        raise ProofError(
            "a promise of an entry that only Rekor v2 takes, which promises and dates nothing",
            where=place,
            expected="a timestamp instead",
        )
    signers = _signers(promised_bytes(entry), [(log, entry.promise) for log in logs])
    if not signers:
        raise ProofError(
            "the log did not sign this promise of an entry",
            where=place,
            expected=f"a signature by {logs[0].address}",
            do="The body, an index or the time was changed, or the promise is of another entry",
        )
    if not entry.integrated:
        return None
    place = f"{entry.where}.integratedTime"
    moment = _moment(entry.integrated, where=place)
    if moment > now + CLOCK_SKEW:
        raise ProofError(
            "the entry is from the future",
            where=place,
            expected=f"{now:%Y-%m-%dT%H:%M:%SZ} at the latest",
            got=f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        )
    _need_trusted(signers, [moment], where=place)
    return moment


def promised_bytes(entry: LogEntry) -> bytes:
    """What a signed entry timestamp is over: canonical JSON (RFC 8785) of these four."""
    body = base64_strict.encode(entry.body)
    return (
        f'{{"body":"{body}","integratedTime":{entry.integrated},'
        f'"logID":"{entry.log_id.hex()}","logIndex":{entry.log_index}}}'
    ).encode("ascii")


def check_checkpoint(
    proof: InclusionProof, logs: Sequence[Log], times: Sequence[datetime], *, where: str
) -> Checkpoint:
    """The checkpoint that the log signed. Raises Malformed, ProofError.

    times  when the entry may have been made, where the log itself did not say; one of them must
           be one at which the log was trusted. None if it did, or nobody knows

    Of its lines the one counts that has a name and the key of the log; cosignatures by others are
    neither needed nor checked.
    """
    place = f"{where}.checkpoint"
    if proof.checkpoint is None:
        raise ProofError("the inclusion proof has no checkpoint", where=place)
    signed = note.parse(proof.checkpoint, where=place)
    origin = signed.text.partition("\n")[0]
    claims = [
        (log, line.signature)
        for line in signed.signatures
        for log in logs
        if line.key_id == log.hint and line.name in _names(log, origin)
    ]
    signers = _signers(signed.text.encode("utf-8"), claims)
    if not signers:
        raise ProofError(
            "the log did not sign this checkpoint",
            where=place,
            expected=f"a line — {logs[0].name} with key id {logs[0].hint.hex()}",
            got=", ".join(f"{s.name} {s.key_id.hex()}" for s in signed.signatures),
        )
    said = checkpoint.parse(signed.text, where=place)
    # Rekor v1 has a tree's number behind its name.
    if origin.partition(_TREE)[0] not in _names(signers[0], origin):
        raise ProofError(
            "the checkpoint is of another log", where=place, expected=signers[0].name, got=origin
        )
    if times:
        _need_trusted(signers, times, where=where)
    return said


def check_included(entry: LogEntry, proof: InclusionProof, said: Checkpoint | None) -> None:
    """Check that ``entry`` is in the tree that the checkpoint ``said`` speaks of.

    Without a checkpoint (version 0.1) the path must still lead to the root that it claims.
    Raises ProofError.
    """
    place = f"{entry.where}.inclusionProof"
    if said is not None and (said.size, said.root) != (proof.size, proof.root):
        raise ProofError(
            "the proof is for another tree than the checkpoint",
            where=place,
            expected=f"size {said.size}, root {said.root.hex()}",
            got=f"size {proof.size}, root {proof.root.hex()}",
        )
    # A log of Rekor v2 is one tree, and nothing else there vouches for the outer number.
    if entry.kind in _REKOR_2 and entry.log_index != proof.log_index:
        raise ProofError(
            "the entry's number is another than its proof's",
            where=f"{entry.where}.logIndex",
            expected=str(proof.log_index),
            got=str(entry.log_index),
        )
    verify_inclusion(
        leaf_hash=hash_leaf(entry.body),
        index=proof.log_index,
        tree_size=proof.size,
        path=proof.hashes,
        root=proof.root,
    )


def _names(log: Log, origin: str) -> tuple[str, ...]:
    """The names under which ``log`` may sign a checkpoint with this ``origin``.

    Rekor v1 signs under the name of its machine unless told otherwise. It writes that name, and
    the number of a tree, into the text that it signs, and its key id is of the key alone; where
    the name is a part of the key id, as in Rekor v2, no other counts.
    """
    own, is_tree, _ = origin.partition(_TREE)
    is_of_key = log.hint == sha256(log.key.spki).digest()[: note.KEY_ID_BYTES]
    return (log.name, own) if is_tree and is_of_key else (log.name,)


def _signers(message: bytes, claims: Sequence[tuple[Log, bytes]]) -> list[Log]:
    """The logs that made the signature which is claimed to be theirs."""
    found = []
    for log, signature in claims:
        try:
            log.check(message, signature)
        except SignatureError:
            continue
        found.append(log)
    return found


def _need_trusted(signers: Sequence[Log], times: Sequence[datetime], *, where: str) -> None:
    """Check that one of those that signed was trusted at one of ``times``. Raises ProofError."""
    if not any(log.window.holds(moment) for log in signers for moment in times):
        raise ProofError(
            f"the log {signers[0].address} was not trusted then",
            where=where,
            expected=" or ".join(str(log.window) for log in signers),
            got=f"{times[0]:%Y-%m-%dT%H:%M:%SZ}",
        )


def _moment(seconds: int, *, where: str) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed("not a time that exists", where=where, got=seconds) from error
