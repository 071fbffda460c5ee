"""The checkpoint that a log with witnesses or slow keys shows: the last that they all signed.

    rounds (``witnessing``) ──► DIR/published ──► every reader of the log

The head moves with every batch; this file follows it a round trip to the witnesses later. It never
goes back: it is on the disk before anybody is shown it.

Sizes:  a note with its cosignatures; 4 KiB for each one of ML-DSA-44
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from wherefrom.errors import Corrupt, Error, StorageError
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.note import Note, VerifierKey
from wherefrom.formats.tlog_policy import Policy
from wherefrom.keys.cosignatures import check_log_signature
from wherefrom.keys.quorum import Witnessed, witnessed
from wherefrom.storage.whole_file import replace_whole


class Published(NamedTuple):
    """A checkpoint as the world sees it, and who cosigned it."""

    note: bytes
    tree: Checkpoint
    witnessed: Witnessed


class PublishedFile:
    """The file, and the policy by which its cosignatures are counted; safe for several threads."""

    def __init__(
        self, path: Path, *, policy: Policy, log_keys: Callable[[], Sequence[VerifierKey]]
    ) -> None:
        self.policy = policy
        self._path = path
        self._log_keys = log_keys
        self._seen: tuple[tuple[int, int], Published] | None = None

    def read(self) -> Published | None:
        """What is shown now; None before the first round. Raises Corrupt, StorageError."""
        try:
            stat = self._path.stat()
            identity = (stat.st_ino, stat.st_mtime_ns)
            seen = self._seen
            if seen is None or seen[0] != identity:
                seen = self._seen = (identity, self._checked(self._path.read_bytes()))
            return seen[1]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(
                "cannot read the published checkpoint", where=str(self._path), got=error
            ) from error

    def write(self, signed: Note) -> Published:
        """Show this one from now on. Raises StorageError; ValueError for an older one."""
        written = notes.to_bytes(signed)
        made = self._checked(written)
        before = self._seen[1] if self._seen is not None else None
        if before is not None and made.tree.size < before.tree.size:
            raise ValueError(f"size {before.tree.size} is published, not {made.tree.size}")
        try:
            replace_whole(self._path, written)
        except OSError as error:
            raise StorageError(
                "cannot publish a checkpoint", where=str(self._path), got=error
            ) from error
        self.read()
        return made

    def remove(self) -> None:
        """Show none until a round has made one."""
        self._path.unlink(missing_ok=True)
        self._seen = None

    def _checked(self, written: bytes) -> Published:
        try:
            signed = notes.parse(written)
            tree = check_log_signature(signed, self._log_keys())
            return Published(written, tree, witnessed(signed, self.policy))
        except Error as error:
            raise Corrupt(
                "the published checkpoint was changed",
                where=str(self._path),
                got=str(error),
                do="Remove the file: the next round of witnesses makes it again",
            ) from error
