"""What the log itself says about keys, intake rules, the trusted root, trust and erasure: a small
fold the writer needs at once.

    key, policy, verdict and tombstone records
        ──► keyring · intake rules · root · latest verdict of an entry · erased entries

The graph view folds the same records for its readers; this one lives with the writer, so that a
key trusted by record N is known to record N + 1. It is kept in one file, which can be deleted at
any time, and is believed only if nothing in it was changed, this version wrote it (another may
have read fewer kinds of decision), and its root is the log's at its size.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from wherefrom import __version__
from wherefrom.errors import Corrupt, Error
from wherefrom.formats import dsse, entry, own, strict_json
from wherefrom.formats.entry import LEVELS, Trust
from wherefrom.formats.intake import IntakeRule, digest_of
from wherefrom.formats.own import (
    Administrators,
    Change,
    Decision,
    IntakeRules,
    KeyChange,
    KeyUses,
    LogKeysChange,
    Tombstone,
    TrustRoot,
    Verdict,
)
from wherefrom.keys.changes import need_follows
from wherefrom.keys.envelopes import signers_over
from wherefrom.keys.keyring import Keyring
from wherefrom.storage.contracts import Record

_KINDS: Final = (
    b'"kind":"key"', b'"kind":"policy"', b'"kind":"verdict"', b'"kind":"tombstone"',
    b'"kind":"system"',
)  # fmt: skip


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    size: int
    root: str
    records: tuple[tuple[int, str, str], ...]
    sha256: str = ""

    def sealed(self) -> _Saved:
        """With the digest of everything else in it."""
        written = json.dumps([self.version, self.size, self.root, self.records]).encode()
        return msgspec.structs.replace(self, sha256=hashlib.sha256(written).hexdigest())


class StoredLog(Protocol):
    """The little of a log that this fold reads."""

    @property
    def size(self) -> int: ...

    def root_at(self, size: int) -> bytes: ...

    def entries(self, first: int, limit: int) -> Iterable[bytes]: ...

    def record(self, index: int) -> Record: ...


class RulesVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the intake rules, without the rules."""

    version: int
    entry: int
    digest: str
    since: str | None
    reason: str


class IntakeTold(msgspec.Struct, frozen=True, kw_only=True):
    """The intake rules as they are told to people; version 0 where there were never any.

    digest    of the rules in force, which entry ``entry`` set
    keyring   its digest, which a change names that others are to sign
    versions  every version there was, oldest first
    senders   the token's name behind each producer, for those who may know it
    """

    version: int
    entry: int | None
    digest: str
    since: str | None
    reason: str
    keyring: str
    rules: tuple[IntakeRule, ...]
    versions: list[RulesVersion]
    senders: dict[str, str]


class Decisions:
    """The fold, and the file that saves reading the log again; only the writer ``keeps`` it."""

    def __init__(self, path: Path | None = None, *, keeps: bool = True) -> None:
        self._path = path
        self._keeps = keeps
        self._records: list[tuple[int, str, str]] = []
        self.size = 0
        self.keyring = Keyring()
        self.rule_sets: list[tuple[int, IntakeRules]] = []
        self.log_keys: list[tuple[int, str]] = []
        self.key_uses: KeyUses | None = None
        self.roots: list[tuple[int, TrustRoot]] = []
        self.verdicts: dict[int, Trust] = {}
        self.erased: dict[int, int] = {}

    def catch_up(self, log: StoredLog) -> None:
        """Fold everything the log holds that is not folded yet.

        Raises Corrupt if a decision's content is not what its entry commits to.
        """
        if self.size == 0:
            self._load(log)
        for index, written in enumerate(log.entries(self.size, log.size), start=self.size):
            if any(kind in written for kind in _KINDS):
                self.take(index, log.record(index))
        self.size = log.size
        self._save(log)

    def fold(self, index: int, decision: Decision) -> None:
        """Take one decision that was just logged at ``index``; one taken already changes nothing.

        Raises SettingError, Malformed for a key that cannot be read.
        """
        if self._records and index <= self._records[-1][0]:
            return
        if isinstance(decision, KeyChange | Administrators):
            self.keyring.fold(index, decision)
        elif isinstance(decision, IntakeRules):
            self.rule_sets.append((index, decision))
        elif isinstance(decision, LogKeysChange):
            self.log_keys.append((index, decision.note))
        elif isinstance(decision, KeyUses):
            self.key_uses = decision
        elif isinstance(decision, TrustRoot):
            self.roots.append((index, decision))
        elif isinstance(decision, Verdict):
            self.verdicts[decision.entry] = decision.trust
        elif isinstance(decision, Tombstone):
            self.erased.setdefault(decision.entry, index)
        payload = own.to_payload(decision).decode()
        self._records.append((index, own.media_type(decision), payload))

    @property
    def in_force(self) -> IntakeRules | None:
        """The newest rule set; None if there never was one."""
        return self.rule_sets[-1][1] if self.rule_sets else None

    @property
    def intake(self) -> tuple[IntakeRule, ...]:
        """The rules of now."""
        return self.rule_sets[-1][1].rules if self.rule_sets else ()

    @property
    def root(self) -> TrustRoot | None:
        """What was said last of the trusted root, also that there is none; None if never."""
        return self.roots[-1][1] if self.roots else None

    def told_intake(self, *, senders: dict[str, str]) -> IntakeTold:
        """The rules in force, and every version before."""
        versions = [
            RulesVersion(
                version=said.version,
                entry=entry,
                digest=said.digest,
                since=said.since,
                reason=said.reason,
            )
            for entry, said in self.rule_sets
        ]
        now = versions[-1] if versions else None
        return IntakeTold(
            version=now.version if now else 0,
            entry=now.entry if now else None,
            digest=now.digest if now else digest_of(()),
            since=now.since if now else None,
            reason=now.reason if now else "",
            keyring=self.keyring.digest,
            rules=self.intake,
            versions=versions,
            senders=senders,
        )

    def need_may_change(self, change: Change, signers: Collection[str], *, at: str) -> None:
        """Return if ``signers`` may decide this change now. Raises NotAllowed."""
        self.keyring.need_may_change(change, signers, at=at)
        if isinstance(change, IntakeRules):
            need_follows(change, self.in_force)
        if isinstance(change, TrustRoot):
            need_follows(change, self.root)

    def verdicts_since(self, first: int, *, reason: str) -> int:
        """How many verdicts with this reason stand in entries from ``first`` on."""
        number = 0
        for index, media_type, payload in reversed(self._records):
            if index < first:
                break
            decision = own.parse_payload(media_type, payload.encode())
            number += isinstance(decision, Verdict) and decision.reason == reason
        return number

    def trust_of(self, index: int, written: bytes) -> Trust:
        """The effective trust of an entry now: its latest verdict, else the door's."""
        return self.verdicts.get(index) or entry.parse(written).trust

    def take(self, index: int, record: Record) -> None:
        """Fold one record, if it is a decision of the log's own that its makers might make.

        Raises Corrupt for one whose content is not what its entry commits to.
        """
        logged = entry.parse(record.entry, where=f"entry {index}")
        if record.content is None or record.nonce is None or logged.trust.level != "self":
            return
        if entry.commit(nonce=record.nonce, content=record.content) != logged.content:
            # To pass over it could be to pass over a key's revocation.
            raise Corrupt(
                f"the stored {logged.kind} decision in entry {index} was changed",
                expected=logged.content,
                do="Run wherefrom log audit, and restore what it names from a copy",
            )
        try:
            document = strict_json.as_object(strict_json.decode(record.content), where="")
            envelope = dsse.parse(document)
            decision = own.parse_payload(envelope.payload_type, envelope.payload)
            if isinstance(decision, Change):
                # Whoever holds the service key alone decides no more than that key may; as a key of
                # the ring it may sign summaries, and is nobody else's word.
                signers = signers_over(envelope, self.keyring) - {*logged.trust.signers}
                self.need_may_change(decision, signers, at=logged.received)
            self.fold(index, decision)
        except Error:
            return  # a record of a later version; what we cannot read decides nothing

    def _load(self, log: StoredLog) -> None:
        if self._path is None:
            return
        try:
            saved = msgspec.json.decode(self._path.read_bytes(), type=_Saved)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return
        whole = saved == saved.sealed() and saved.version == __version__
        if not whole or saved.size > log.size or log.root_at(saved.size).hex() != saved.root:
            return
        for index, media_type, payload in saved.records:
            self.fold(index, own.parse_payload(media_type, payload.encode()))
        self.size = saved.size

    def _save(self, log: StoredLog) -> None:
        if self._path is None or not self._keeps:
            return
        root = log.root_at(self.size).hex()
        saved = _Saved(__version__, self.size, root, tuple(self._records)).sealed()
        new = self._path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(saved))
        new.rename(self._path)


def check_saved(path: Path) -> None:
    """Read the file from end to end. Raises Corrupt if it was changed; nothing if it is not there.

    One of another version is whole too, though nobody believes it.
    """
    try:
        saved = msgspec.json.decode(path.read_bytes(), type=_Saved)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise Corrupt("the saved decisions cannot be read", where=path.name, got=error) from error
    if saved != saved.sealed():
        raise Corrupt("the saved decisions were changed", where=path.name)


def stronger(a: Trust, b: Trust) -> bool:
    """Is ``a`` a higher level than ``b``?"""
    return LEVELS.index(a.level) > LEVELS.index(b.level)
