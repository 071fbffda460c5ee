"""The log's own keys at work: what signs a head, what signs what is published, and their rotation.

    head, with every batch     every local Ed25519 key that signs now     microseconds
    published checkpoint       those, and then the slow ones:             once a second at most
                               held elsewhere · ECDSA · ML-DSA-44

A log whose keys are all local Ed25519 publishes its heads at once. With a slow key it publishes in
rounds (``witnessing``), so that no add waits for a KMS. The newest local Ed25519 key always signs
the heads, also when a key held elsewhere has taken its place in the eyes of the world; then what
is published does not carry its signature.

DIR/keys/log-keys.json is the truth about now, and is written before the log records a change;
``Recorder.start`` records what a crash left out. A log without the file has one key, ``log.vkey``.

Source: docs/decisions/0020-keys-of-the-log.md
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from wherefrom.collect.principals import write_secret
from wherefrom.errors import (
    Error,
    Malformed,
    NotAllowed,
    NotFound,
    SettingError,
    StorageError,
)
from wherefrom.formats import log_keys as texts
from wherefrom.formats import note, timestamps
from wherefrom.formats.log_keys import NamedKey
from wherefrom.formats.note import Note, Signature, VerifierKey
from wherefrom.formats.own import KeyUses
from wherefrom.keys import log_keys
from wherefrom.keys.cosignatures import check_signers
from wherefrom.keys.key_uris import SCHEMES, is_held_elsewhere
from wherefrom.keys.log_keys import ALGORITHMS, LogKey, LogKeys, Schedule, replaced
from wherefrom.log.key_uses import UseLines
from wherefrom.storage.whole_file import replace_whole

if TYPE_CHECKING:
    from wherefrom.keys.note_keys import NoteKey

FILE_NAME: Final = "log-keys.json"
_FIRST: Final = "log.key"
BEGINNING: Final = "0001-01-01T00:00:00.000000Z"


class OwnKeys:
    """The file and the secrets beside it; safe for several threads, and read again if changed.

    folder  the directory of keys
    first   gives the verifier key that the log was made with
    """

    def __init__(self, folder: Path, *, first: Callable[[], VerifierKey]) -> None:
        self.folder = folder
        self._first = first
        self._path = folder / FILE_NAME
        self._seen: tuple[tuple[int, int] | None, LogKeys] | None = None
        self._opened: dict[VerifierKey, NoteKey] = {}
        self._lock = threading.Lock()
        self.uses = UseLines(folder)

    def read(self) -> LogKeys:
        """Every key there is and was. Raises SettingError for a file that is not whole."""
        try:
            stat = self._path.stat()
            identity = (stat.st_ino, stat.st_mtime_ns)
        except FileNotFoundError:
            identity = None
        except OSError as error:
            raise SettingError(
                "cannot be read",
                where=str(self._path),
                got=error,
                do="Restore it from a copy, or see to its mode and owner",
            ) from error
        seen = self._seen
        if seen is None or seen[0] != identity:
            seen = self._seen = (identity, self._load(identity is not None))
        return seen[1]

    def _load(self, exists: bool) -> LogKeys:
        first = self._first()
        if not exists:
            key = LogKey(NamedKey(first, BEGINNING), _FIRST)
            return LogKeys(first.name, (key,))
        found = log_keys.parse(self._path.read_bytes(), where=str(self._path))
        if found.keys[0].key != first:
            raise SettingError(
                "the file of the log's keys is of another log", where=str(self._path),
                expected=first.to_text(), got=found.keys[0].key.to_text(),
                do="Restore keys/log-keys.json from a copy of this directory",
            )  # fmt: skip
        return found

    def known(self) -> list[VerifierKey]:
        """Every key that has ever signed for this log."""
        return self.read().known

    def need_newest(self, recorded: Iterable[str]) -> None:
        """Return if the file tells of every change that the log does. Raises SettingError.

        recorded  each change of the log's keys in it; what no key of ours signed is passed over
        """
        keys = self.read()
        for written in recorded:
            signed = note.parse(written.encode())
            said = texts.parse(signed.text)
            mine = [k.key for k in keys.signing(said.at)]
            if said.number > len(keys.notes) and check_signers(signed, mine):
                raise SettingError(
                    "the file of the log's keys is older than the log", where=str(self._path),
                    expected=f"change {said.number}, of {said.at}", got=f"{len(keys.notes)}",
                    do="Restore the newest one, with the keys beside it",
                )  # fmt: skip

    def keep(self, keys: LogKeys) -> None:
        """From now on these are the keys. Raises StorageError."""
        try:
            replace_whole(self._path, log_keys.to_bytes(keys))
        except OSError as error:
            raise StorageError("cannot keep the log's keys", where=str(self._path)) from error

    # -- signing

    def open(self, key: LogKey) -> NoteKey:
        """The key itself, opened once. Raises SettingError, Unavailable."""
        from wherefrom.keys.note_keys import open_note_key  # late: readers never sign

        # Not under the lock: one whose holder is slow to answer keeps nobody from the others.
        if (found := self._opened.get(key.key)) is not None:
            return found
        with self._lock:
            opened = self._opened.get(key.key)
            if opened is None:
                opened = open_note_key(key.held, name=key.key.name, folder=self.folder)
                if opened.verifier_key != key.key:
                    raise SettingError(
                        "another key than it was", where=key.held, expected=key.key.to_text(),
                        got=opened.verifier_key.to_text(),
                        do="Put the right key back there, or end it: wherefrom log rotate --end",
                    )  # fmt: skip
                self._opened[key.key] = opened
            return opened

    def use(self, key: LogKey, purpose: str) -> NoteKey:
        """The key for one purpose, such as ``receipt``; each signature is counted before it is
        made. Raises as ``open``."""
        id = key.key.key_id.hex()
        return self.open(key).counted(lambda: self.uses.add(id, purpose))

    def newest(self, purpose: str, *, at: str) -> NoteKey:
        """The key that is handed out to people, for one purpose. Raises as ``open``."""
        return self.use(self.read().newest(at), purpose)

    def of_heads(self, at: str) -> list[NoteKey]:
        """What signs a head now: the newest local Ed25519 key last, and others that still do."""
        local = [k for k in self.read().keys if is_local(k)]
        beside = [k for k in local[:-1] if k.named.signs_at(at)]
        return [self.open(k) for k in (*beside, local[-1])]

    def publish(self, head: Note, *, at: str) -> Note:
        """A head as it is published: with the signatures of all keys that sign now, and no others.

        Asks whoever holds them. Raises Unavailable, SettingError.
        """
        signing = self.read().signing(at)
        names = {(k.key.name, k.key.key_id) for k in signing}
        lines = [s for s in head.signatures if (s.name, s.key_id) in names]
        had = {(s.name, s.key_id) for s in lines}
        time_s = int(timestamps.parse(at, where="at").timestamp())
        for key in signing:
            # A local one that came since the head was signed has not signed it either.
            if not is_local(key) or (key.key.name, key.key.key_id) not in had:
                lines.append(self.use(key, "checkpoint").sign_checkpoint(head.text, time_s=time_s))
        return Note(head.text, tuple(lines))

    def has_slow(self, at: str) -> bool:
        """Does a key sign now that signs in rounds only?"""
        return any(not is_local(k) for k in self.read().signing(at))

    # -- rotation

    def change(self, wish: LogKeysWish, *, at: str) -> LogKeys:
        """Do what is wished; kept, not recorded yet. Raises as the method for it, Malformed."""
        wish.need_whole()
        if wish.end:
            return self.end(wish.end, grace_days=wish.grace_days, at=at)
        if wish.every_days is not None:
            grace = log_keys.GRACE_DAYS if wish.grace_days is None else wish.grace_days
            return self.plan(Schedule(wish.every_days, grace))
        to = _NAMED.get(wish.to, wish.to)
        return self.rotate(to=to, grace_days=wish.grace_days, at=at)

    def rotate(
        self, *, to: int | str = note.ED25519, grace_days: int | None = None, at: str
    ) -> LogKeys:
        """A new key in the place of the newest of its algorithm; kept, not recorded yet.

        to          an algorithm, for a new local key; or the URI of one that is held elsewhere
        grace_days  how long both sign; None: as the schedule has it

        Raises NotAllowed, SettingError, Unavailable, StorageError.
        """
        from wherefrom.keys.note_keys import new_note_key, open_note_key

        keys = self.read()
        if isinstance(to, str):
            opened, held = open_note_key(to, name=keys.origin, folder=self.folder), to
        else:
            opened, secret = new_note_key(to, name=keys.origin)
            suffix = ".pem" if to == note.ECDSA else ".key"
            held = f"log-{opened.verifier_key.key_id.hex()}{suffix}"
            write_secret(self.folder / held, secret)
        self._opened[opened.verifier_key] = opened
        new = LogKey(NamedKey(opened.verifier_key, at), held)
        grace = keys.schedule.grace_days if grace_days is None else grace_days
        made, text = replaced(keys, new, at=at, grace_days=grace)
        if any(k.held == held and k.key != new.key for k in made.signing(keys.as_of(at))):
            raise NotAllowed(
                "the key before has the same address, and could sign no more there", where=held,
                do="Name the new one by an address of its own, or end the other: --grace 0",
            )  # fmt: skip
        return self._signed(made, text, before=keys)

    def end(self, key_id: str, *, grace_days: int | None = None, at: str) -> LogKeys:
        """A key that signs no more after its grace; kept, not recorded yet. Raises NotFound,
        NotAllowed.

        key_id  8 hex digits, as ``<name>+<8 hex>`` has them
        """
        keys = self.read()
        at = keys.as_of(at)
        found = next((k.key for k in keys.signing(at) if k.key.key_id.hex() == key_id), None)
        if found is None:
            signing = " ".join(k.key.key_id.hex() for k in keys.signing(at))
            raise NotFound(
                "no key of this log signs with that id",
                expected=signing,
                got=key_id,
                do="Name one of these",
            )
        grace = keys.schedule.grace_days if grace_days is None else grace_days
        made = replaced(keys, None, end=found, at=at, grace_days=grace)
        return self._signed(*made, before=keys)

    def plan(self, schedule: Schedule) -> LogKeys:
        """From now on a running server replaces the local key by this schedule."""
        days = (schedule.every_days, schedule.grace_days)
        if not all(0 <= d <= log_keys.DAYS_MAX for d in days):
            raise Malformed("not days", expected=f"0 to {log_keys.DAYS_MAX}", got=days)
        if 0 < schedule.every_days <= schedule.grace_days:
            raise Malformed(
                "a key would be replaced while the one before still signs",
                expected=f"more than the {schedule.grace_days} days of grace",
                got=f"every {schedule.every_days} days",
            )
        keys = self.read()._replace(schedule=schedule)
        self.keep(keys)
        return keys

    def is_due(self, at: str, *, made: str) -> bool:
        """Does the schedule ask for another key now?

        made  when the log was made: the age of a key that the log was made with
        """
        keys = self.read()
        newest = keys.newest(at)
        days = keys.schedule.every_days
        if not days or not is_local(newest):
            return False
        since = max(newest.named.since, made)
        ends = timestamps.parse(since, where="since") + timedelta(days=days)
        return timestamps.to_text(ends) <= at

    def _signed(self, made: LogKeys, text: str, *, before: LogKeys) -> LogKeys:
        """The change with the signatures of all who sign before it or after it.

        One of those before it must, and so must a new key: or what it never signs could take the
        place of one that does.
        """
        at = texts.parse(text).at
        lines: list[Signature] = []
        failed: list[Error] = []
        for key in {k.key: k for k in (*before.signing(at), *made.signing(at))}.values():
            try:
                opened = self.use(key, "change")
                if opened.signs_texts:
                    lines.append(opened.sign_text(text))
            except Error as error:
                if key.key not in before.known:
                    raise
                failed.append(error)
        signed = {(s.name, s.key_id) for s in lines}
        if not any((k.key.name, k.key.key_id) in signed for k in before.signing(at)):
            raise (
                failed[0]
                if failed
                else SettingError(
                    "no key of this log can sign the change",
                    do="See that whoever holds the keys answers: wherefrom log status",
                )
            )
        written = note.to_bytes(Note(text, tuple(lines))).decode()
        kept = made._replace(notes=(*before.notes, written))
        self.keep(kept)
        return kept


def is_local(key: LogKey) -> bool:
    """Does it sign in microseconds: Ed25519, from a file?"""
    return key.key.algorithm == note.ED25519 and not is_held_elsewhere(key.held)


class HeadSigners:
    """What a writer signs its heads with, oldest first. ``keys`` is put in its place as a whole."""

    def __init__(self, keys: Sequence[NoteKey], known: Callable[[], Sequence[VerifierKey]]) -> None:
        self.keys = tuple(keys)
        self.known = known

    def sign(self, text: str) -> bytes:
        """A signed note."""
        return note.to_bytes(Note(text, tuple(key.sign_text(text) for key in self.keys)))


# What may stand in a wish for a new local key, and the algorithm that it means.
_NAMED: Final = {name: number for number, name in ALGORITHMS.items()}


class LogKeysWish(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One thing that is to become of a log's keys.

    to          ``ed25519``, ``ecdsa-p256`` or ``ml-dsa-44`` for a new local key, or the URI of one
    end         or the 8 hex digits of a key that is to sign no more
    every_days  or how old the local key may become, 0 for ever; ``grace_days`` go with it
    grace_days  how long a key that is replaced or ended still signs; None: as planned
    """

    to: str = ""
    end: str = ""
    every_days: int | None = None
    grace_days: int | None = None
    reason: str = ""

    def need_whole(self) -> None:
        """Raises Malformed if it is not one thing, or names no key."""
        if (bool(self.to), bool(self.end), self.every_days is not None).count(True) != 1:
            raise Malformed("not one thing to do with the log's keys", expected="to, end or every")
        if self.to and self.to not in _NAMED and not is_held_elsewhere(self.to):
            expected = " ".join([*_NAMED, *(f"{scheme}:…" for scheme in SCHEMES)])
            raise Malformed("not a key", expected=expected, got=self.to)

    @property
    def needs_rounds(self) -> bool:
        """Would it bring a key that signs in rounds only?"""
        return bool(self.to) and self.to != ALGORITHMS[note.ED25519]


class KeyShown(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the log as people are shown it.

    vkey   the verifier key to hand out; ``algorithm`` of ``ALGORITHMS``
    held   ``file``, or the kind of whoever holds it, such as ``awskms``; never more
    until  when it stops signing, or None
    uses   how often it signed, and for what, as the log's newest record of that says
    """

    vkey: str
    algorithm: str
    held: str
    since: str | None
    until: str | None
    signs: bool
    uses: dict[str, int] = {}


class LogKeysTold(msgspec.Struct, frozen=True, kw_only=True):
    """A log's keys as they are told to everybody: oldest first; and each change, signed.

    uses_until  up to when their uses are recorded; None before the first record
    """

    origin: str
    keys: list[KeyShown]
    schedule: Schedule
    notes: list[str]
    uses_until: str | None = None


def told(keys: LogKeys, *, at: str, uses: KeyUses | None = None) -> LogKeysTold:
    """All that is to be known of a log's keys."""
    return LogKeysTold(
        origin=keys.origin,
        keys=list(shown(keys, at=at, uses=uses)),
        uses_until=uses.at if uses else None,
        schedule=keys.schedule,
        notes=list(keys.notes),
    )


def shown(keys: LogKeys, *, at: str, uses: KeyUses | None = None) -> Iterator[KeyShown]:
    """Every key, oldest first."""
    for key in keys.keys:
        since = key.named.since
        yield KeyShown(
            vkey=key.key.to_text(),
            algorithm=ALGORITHMS[key.key.algorithm],
            held=key.held.partition(":")[0] if is_held_elsewhere(key.held) else "file",
            since=None if since == BEGINNING else since,
            until=key.named.until,
            signs=key.named.signs_at(at),
            uses=uses.uses.get(key.key.key_id.hex(), {}) if uses else {},
        )
