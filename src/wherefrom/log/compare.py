"""Hold signed checkpoints of one log against each other: did it ever tell two stories?

    same size, same root        same
    same size, other root       split: the two notes are the proof, nothing else is needed
    other size, log at hand     consistent, or inconsistent: the log shows that one has grown
                                into the other, or cannot, and then it shows a ``Fork``
    other size, no log          unknown

A note that the log key did not sign proves nothing about the log, so it is refused.

Source: C2SP tlog-checkpoint; RFC 9162 §2.1.4
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from wherefrom.errors import Error, Malformed, ProofError
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.note import VerifierKey
from wherefrom.keys.ed25519 import check_note
from wherefrom.log.reader import LogReader
from wherefrom.merkle.hashing import EMPTY_ROOT
from wherefrom.merkle.proofs import verify_consistency

# From the best to the worst; a comparison is as bad as its worst finding.
RESULTS = ("same", "consistent", "unknown", "inconsistent", "split")


class Fork(msgspec.Struct, frozen=True):
    """Proof for anybody who knows the log's key that it signed two histories.

    note    the signed checkpoint of the other history, of ``size`` entries
    root    the root that the log at hand has at ``size`` (hex): not the one in ``note``
    newest  a signed checkpoint of the log at hand
    path    leads from ``root`` at ``size`` to the root in ``newest`` (hex); only one root can
    """

    note: str
    size: int
    root: str
    newest: str
    path: list[str]


def check_fork(fork: Fork, *, log_key: VerifierKey) -> None:
    """Check, with nothing but the key, that ``fork`` proves what it says.

    Raises ProofError if it does not, SignatureError if the key did not sign both notes.
    """
    other = _check(fork.note.encode(), [log_key], where="note").checkpoint
    newest = _check(fork.newest.encode(), [log_key], where="newest").checkpoint
    root = _unhex(fork.root)
    if other.origin != newest.origin or other.size != fork.size or other.root == root:
        raise ProofError("both checkpoints may be of one history", where="fork")
    verify_consistency(
        size1=fork.size,
        size2=newest.size,
        path=[_unhex(value) for value in fork.path],
        root1=root,
        root2=newest.root,
    )


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise ProofError("not a hash in hex", where="fork", got=text) from error


class Finding(msgspec.Struct, frozen=True):
    """How two checkpoints stand to each other.

    sizes, roots  of the two, the smaller first; a root is hex
    proof         the two signed notes, when they alone prove that the log told two stories
    path          the consistency path, hashes in hex, when that was checked
    forks         what proves an inconsistent finding, for each of the two that is not the log's
    """

    result: str
    sizes: tuple[int, int]
    roots: tuple[str, str]
    says: str
    proof: tuple[str, str] | None = None
    path: list[str] | None = None
    forks: list[Fork] = []


class Comparison(msgspec.Struct, frozen=True):
    """The worst result, and one finding for each pair of neighbours by size."""

    origin: str
    result: str
    findings: list[Finding]


class _Signed(msgspec.Struct, frozen=True):
    checkpoint: Checkpoint
    note: bytes


def compare(
    signed_notes: Sequence[bytes], *, log_keys: Sequence[VerifierKey], reader: LogReader | None
) -> Comparison:
    """Compare checkpoints that one of ``log_keys`` signed, and the reader's own if there is one.

    reader  the log, which can show that one checkpoint grew into another; or None

    Raises Malformed for what is no checkpoint or of two origins, SignatureError for one that the
    key did not sign, ValueError for fewer than two checkpoints in all.
    """
    signed = [
        _check(note, log_keys, where=f"checkpoint {place}")
        for place, note in enumerate(signed_notes, start=1)
    ]
    if reader is not None:
        reader.refresh()
        signed.append(_check(reader.checkpoint, log_keys, where="the log's own checkpoint"))
    if len(signed) < 2:
        raise ValueError("comparing needs two checkpoints, or one and the log")
    origin = signed[0].checkpoint.origin
    for place, other in enumerate(signed, start=1):
        if other.checkpoint.origin != origin:
            raise Malformed(
                "checkpoints of two logs say nothing of each other",
                where=f"checkpoint {place}",
                expected=origin,
                got=other.checkpoint.origin,
            )
    # By size, and by root within a size: then any two that differ have neighbours that differ.
    signed.sort(key=lambda s: (s.checkpoint.size, s.checkpoint.root))
    findings = [_compare(older, newer, reader) for older, newer in pairwise(signed)]
    worst = max((finding.result for finding in findings), key=RESULTS.index)
    return Comparison(origin, worst, findings)


def _fork(other: _Signed, reader: LogReader) -> Fork:
    size, here = other.checkpoint.size, reader.position().size
    path = reader.consistency(size, here) if size < here else []
    return Fork(
        note=other.note.decode(),
        size=size,
        root=reader.root_at(size).hex(),
        newest=reader.checkpoint.decode(),
        path=[value.hex() for value in path],
    )


def _check(note: bytes, log_keys: Sequence[VerifierKey], *, where: str) -> _Signed:
    try:
        text = check_note(notes.parse(note, where=where), log_keys)
    except Error as error:
        error.where = error.where or where
        raise
    return _Signed(checkpoints.parse(text, where=where), note)


def _compare(older: _Signed, newer: _Signed, reader: LogReader | None) -> Finding:
    size1, root1 = older.checkpoint.size, older.checkpoint.root
    size2, root2 = newer.checkpoint.size, newer.checkpoint.root

    def finding(
        result: str, says: str, path: list[bytes] | None = None, forks: Sequence[Fork] = ()
    ) -> Finding:
        return Finding(
            result,
            (size1, size2),
            (root1.hex(), root2.hex()),
            says,
            (older.note.decode(), newer.note.decode()) if result == "split" else None,
            None if path is None else [value.hex() for value in path],
            list(forks),
        )

    if size1 == 0 and root1 != EMPTY_ROOT:
        return finding("split", "a log of size 0 has one root, and this is another")
    if size1 == size2:
        if root1 == root2:
            return finding("same", f"the same tree of {size1} entries")
        return finding("split", f"two trees of {size1} entries: the log showed two histories")
    if size1 == 0:
        return finding("consistent", "every log begins empty", [])
    if reader is None:
        return finding("unknown", "only the log can show that one grew into the other")
    here = reader.position().size
    if size2 > here:
        return finding("unknown", f"the log at hand has {here} entries, and this one {size2}")
    path = reader.consistency(size1, size2)
    try:
        verify_consistency(size1=size1, size2=size2, path=path, root1=root1, root2=root2)
    except ProofError:
        other = [
            s for s in (older, newer) if reader.root_at(s.checkpoint.size) != s.checkpoint.root
        ]
        sizes = " and ".join(str(s.checkpoint.size) for s in other)
        says = f"the log at hand has another root at size {sizes}"
        return finding("inconsistent", says, path, [_fork(s, reader) for s in other])
    return finding("consistent", f"the tree of {size2} begins with the tree of {size1}", path)
