"""A witness: it cosigns each log's checkpoints in one line of growth, and never a second line.

    add-checkpoint ──► known log? signed by it? ──► from where it stood? ──► consistent?
                                                        └ no: that size        │
                            signature lines ◄── the head moved, durably ◄── cosigned

One step at a time for each log, whoever asks: of two requests from the same size one wins, and the
other is told the new size. What is cosigned is on the disk before anybody sees a signature, so a
crash at any point leaves a witness that has cosigned what it says, or a little more.

Source: C2SP tlog-witness v1.0.0, tlog-cosignature v1.1.0-rc.1
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from wherefrom.errors import (
    Corrupt,
    JournalFailed,
    LimitPassed,
    Malformed,
    NotFound,
    ProofError,
    ReadOnly,
)
from wherefrom.formats import add_checkpoint, note
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.note import Note, Signature, VerifierKey
from wherefrom.keys.cosignatures import Cosigner, check_log_signature
from wherefrom.log import witness_state as states
from wherefrom.log.witness_state import WitnessState
from wherefrom.merkle.hashing import EMPTY_ROOT
from wherefrom.merkle.proofs import verify_consistency
from wherefrom.storage.contracts import Head

# What is kept beside the note: keys, quotes, escaped newlines.
_STATE_BYTES_BESIDE = 1024


class Cosigned(NamedTuple):
    """Done: the signature lines that the witness added."""

    signatures: tuple[Signature, ...]


class OtherSize(NamedTuple):
    """Not done: the witness has cosigned this size, and the request began elsewhere."""

    size: int


class _Log:
    """One log as its witness knows it; ``lock`` is held from the comparison to the move."""

    def __init__(self, keys: Sequence[VerifierKey], head: Head) -> None:
        self.keys = keys
        self.head = head
        self.lock = threading.Lock()
        self.generation = 0
        self.tree: Checkpoint | None = None
        self.note = b""


class Witness:
    """All logs of one witness; safe for several threads.

    cosigners  the keys; each adds a line to an answer
    logs       origin → the keys of that log, one of which must have signed a checkpoint
    head_of    where the state of an origin lies
    home       what tells this directory from a copy of it
    clock      POSIX seconds
    on_stop    is told once, and why, when this witness stops for good
    """

    def __init__(
        self,
        *,
        cosigners: Sequence[Cosigner],
        logs: Mapping[str, Sequence[VerifierKey]],
        head_of: Callable[[str], Head],
        home: str,
        clock: Callable[[], int],
        on_stop: Callable[[str], None] = lambda why: None,
    ) -> None:
        self._cosigners = cosigners
        self._home = home
        self._clock = clock
        self._on_stop = on_stop
        self._stopped: str | None = None
        self._stopping = threading.Lock()
        self._logs = {origin: _Log(keys, head_of(origin)) for origin, keys in logs.items()}
        self._by_hash = {sha256(o.encode()).hexdigest(): log for o, log in self._logs.items()}

    def open(self, *, moved: bool = False) -> None:
        """Read what was cosigned, and make a place for a log that is new.

        moved  somebody vouches that this directory is the newest there is, though it was moved

        Raises ReadOnly for a copy of a directory, Corrupt for a state that cannot be believed.
        """
        for origin, log in self._logs.items():
            found = log.head.read()
            if found is None:
                self._move(log, WitnessState(home=self._home, origin=origin, note=""))
                continue
            state = states.parse(found[1])
            log.generation = found[0]
            self._take_up(log, state, origin)
            if state.home != self._home:
                if not moved:
                    raise ReadOnly(
                        "this is a copy of a witness's directory, and an old one would cosign a "
                        "second history",
                        do="If nothing newer of it exists anywhere, say so with --moved",
                    )
                self._move(log, WitnessState(home=self._home, origin=origin, note=state.note))

    def _take_up(self, log: _Log, state: WitnessState, origin: str) -> None:
        if state.origin != origin:
            raise Corrupt("a witness's state is of another log", expected=origin, got=state.origin)
        if state.note:
            log.note = state.note.encode()
            log.tree = checkpoints.parse(note.parse(log.note).text)

    # -- the protocol

    def add_checkpoint(self, written: bytes) -> Cosigned | OtherSize:
        """Cosign a checkpoint that grew from the last one, or say where that one is.

        Raises Malformed or LimitPassed for another spelling, or an old size above the new one;
        NotFound for a log that nobody told us of; SignatureError if it did not sign this;
        ProofError if it does not grow from what was cosigned; JournalFailed once this witness
        has stopped.
        """
        request = add_checkpoint.parse(written)
        text = request.signed.text
        tree = checkpoints.parse(text, where="add-checkpoint, checkpoint")
        log = self._log(tree.origin)
        check_log_signature(request.signed, log.keys)
        if request.old_size > tree.size:
            raise Malformed(
                "the old size is above that of the checkpoint",
                expected=f"{tree.size} at most",
                got=request.old_size,
            )
        with log.lock:
            self._need_running()
            size = log.tree.size if log.tree is not None else 0
            if request.old_size != size:
                return OtherSize(size)
            self._need_growth(log.tree, tree, request.path)
            time_s = self._clock()
            made = tuple(c.cosign(text, time_s=time_s) for c in self._cosigners)
            self._keep(log, request.signed, tree, made)
        return Cosigned(made)

    def checkpoint(self, origin_hash: str) -> bytes:
        """The note cosigned last, by the hex SHA-256 of a log's origin. Raises NotFound."""
        log = self._by_hash.get(origin_hash)
        if log is None or log.tree is None:
            raise NotFound(
                "no checkpoint cosigned for such a log",
                got=origin_hash,
                expected="the SHA-256 of an origin, in hex",
                do="Ask whoever runs the witness which logs it knows",
            )
        return log.note

    @property
    def stopped(self) -> str | None:
        """Why this witness cosigns nothing more; None while it does."""
        return self._stopped

    @property
    def origins(self) -> list[str]:
        """The logs that it knows."""
        return list(self._logs)

    def _log(self, origin: str) -> _Log:
        log = self._logs.get(origin)
        if log is None:
            raise NotFound(
                "this witness knows no such log",
                got=origin,
                do="Add it: wherefrom witness --log",
            )
        return log

    def _need_growth(
        self, before: Checkpoint | None, tree: Checkpoint, path: tuple[bytes, ...]
    ) -> None:
        if tree.size == 0 and tree.root != EMPTY_ROOT:
            raise ProofError("a log of size 0 has one root, and this is another")
        if before is None or before.size == 0:
            if path:
                raise ProofError("from size 0 there is nothing to prove", got=f"{len(path)} hashes")
            return
        verify_consistency(
            size1=before.size, size2=tree.size, path=path, root1=before.root, root2=tree.root
        )

    def _keep(self, log: _Log, signed: Note, tree: Checkpoint, made: tuple[Signature, ...]) -> None:
        """Put a cosigned checkpoint on the disk: the step after which it may be shown."""
        ours = {(key.name, key.key_id) for key in log.keys}
        kept = {(s.name, s.key_id): s for s in reversed(signed.signatures)}
        own = tuple(s for place, s in kept.items() if place in ours)
        written = note.to_bytes(Note(signed.text, (*own, *made)))
        if len(written) > states.SLOT_BYTES - _STATE_BYTES_BESIDE:
            raise LimitPassed(
                "a checkpoint is too long to be kept",
                expected=f"{states.SLOT_BYTES - _STATE_BYTES_BESIDE} bytes with its cosignatures",
                got=f"{len(written)} bytes",
            )
        self._move(log, WitnessState(home=self._home, origin=tree.origin, note=written.decode()))
        log.tree, log.note = tree, written

    def _move(self, log: _Log, state: WitnessState) -> None:
        value = states.to_bytes(state)
        if len(value) > states.SLOT_BYTES - 64:
            raise LimitPassed("a checkpoint is too long to be kept", got=f"{len(value)} bytes")
        try:
            log.generation = log.head.swap(expected=log.generation, value=value, durable=True)
        except BaseException as error:
            # Nobody knows what is on the disk now, and a second sync may say that all is well:
            # only a restart, which reads it again, may cosign anything more.
            self._stop(str(error) or repr(error))
            raise

    def _stop(self, why: str) -> None:
        with self._stopping:
            if self._stopped is not None:
                return
            self._stopped = why
        self._on_stop(why)

    def _need_running(self) -> None:
        if self._stopped is not None:
            raise JournalFailed(
                "this witness stopped and cosigns nothing more",
                got=self._stopped,
                do="Restart it: it goes on from what is on the disk",
            )
