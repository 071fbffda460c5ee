"""What the log itself says about keys, trust and erasure: a small fold the writer needs at once.

    key, verdict and tombstone records ──► keyring · latest verdict of an entry · erased entries

The graph view folds the same records for its readers; this one lives with the writer, so that a
key trusted by record N is known to record N + 1. It is kept in one file, which is believed only if
its root is the log's at its size, and can be deleted at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from wherefrom.errors import Error
from wherefrom.formats import dsse, entry, own, strict_json
from wherefrom.formats.entry import LEVELS, Trust
from wherefrom.formats.own import Decision, KeyChange, Tombstone, Verdict
from wherefrom.keys.keyring import Keyring
from wherefrom.storage.contracts import Record

_KINDS: Final = (b'"kind":"key"', b'"kind":"verdict"', b'"kind":"tombstone"')


class _Saved(msgspec.Struct, forbid_unknown_fields=True):
    size: int
    root: str
    records: list[tuple[int, str, str]]


class StoredLog(Protocol):
    """The little of a log that this fold reads."""

    @property
    def size(self) -> int: ...

    def root_at(self, size: int) -> bytes: ...

    def entries(self, first: int, limit: int) -> Iterable[bytes]: ...

    def record(self, index: int) -> Record: ...


class Decisions:
    """The fold, and the file that saves reading the log again; only the writer ``keeps`` it."""

    def __init__(self, path: Path | None = None, *, keeps: bool = True) -> None:
        self._path = path
        self._keeps = keeps
        self._records: list[tuple[int, str, str]] = []
        self.size = 0
        self.keyring = Keyring()
        self.verdicts: dict[int, Trust] = {}
        self.erased: dict[int, int] = {}

    def catch_up(self, log: StoredLog) -> None:
        """Fold everything the log holds that is not folded yet."""
        if self.size == 0:
            self._load(log)
        for index, written in enumerate(log.entries(self.size, log.size), start=self.size):
            if any(kind in written for kind in _KINDS):
                self._fold_record(index, written, log.record(index).content)
        self.size = log.size
        self._save(log)

    def fold(self, index: int, decision: Decision) -> None:
        """Take one decision that was just logged at ``index``."""
        payload = own.to_payload(decision).decode()
        self._records.append((index, own.media_type(decision), payload))
        if isinstance(decision, KeyChange):
            self.keyring.fold(index, decision)
        elif isinstance(decision, Verdict):
            self.verdicts[decision.entry] = decision.trust
        elif isinstance(decision, Tombstone):
            self.erased.setdefault(decision.entry, index)

    def trust_of(self, index: int, written: bytes) -> Trust:
        """The effective trust of an entry now: its latest verdict, else the door's."""
        return self.verdicts.get(index) or entry.parse(written).trust

    def _fold_record(self, index: int, written: bytes, content: bytes | None) -> None:
        if content is None or entry.parse(written, where=f"entry {index}").trust.level != "self":
            return
        try:
            envelope = dsse.parse(strict_json.decode(content))
            decision = own.parse_payload(envelope.payload_type, envelope.payload)
        except Error:
            return  # a record of a later version; what we cannot read decides nothing
        self.fold(index, decision)

    def _load(self, log: StoredLog) -> None:
        try:
            saved = (
                msgspec.json.decode(self._path.read_bytes(), type=_Saved) if self._path else None
            )
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return
        if saved is None or saved.size > log.size or log.root_at(saved.size).hex() != saved.root:
            return
        for index, media_type, payload in saved.records:
            self.fold(index, own.parse_payload(media_type, payload.encode()))
        self.size = saved.size

    def _save(self, log: StoredLog) -> None:
        if self._path is None or not self._keeps:
            return
        saved = {
            "size": self.size,
            "root": log.root_at(self.size).hex(),
            "records": self._records,
        }
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(saved))
        new.rename(self._path)


def stronger(a: Trust, b: Trust) -> bool:
    """Is ``a`` a higher level than ``b``?"""
    return LEVELS.index(a.level) > LEVELS.index(b.level)
