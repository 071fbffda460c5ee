"""The keys of a log through time: replaced one by one, and known to whoever trusted one before.

    LogKeys ──replaced──► LogKeys and a text ──its keys sign──► note ──followed──► keys to trust

A log has at least one Ed25519 key. A new key takes the place of the newest of its own algorithm,
which goes on signing through a window of grace; one of another algorithm signs beside it.

Source: docs/formats/log-keys.md, docs/decisions/0020-keys-of-the-log.md
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import msgspec

from wherefrom.errors import Error, Malformed, NotAllowed, SettingError, SignatureError
from wherefrom.formats import log_keys, note, timestamps
from wherefrom.formats.log_keys import LogKeysText, NamedKey
from wherefrom.formats.note import Note, VerifierKey
from wherefrom.keys.cosignatures import check_signers

ALGORITHMS: Final = {
    note.ED25519: "ed25519", note.ECDSA: "ecdsa-p256", note.MLDSA44_COSIGNATURE: "ml-dsa-44",
}  # fmt: skip
GRACE_DAYS: Final = 30
DAYS_MAX: Final = 36_500
SIGNING_MAX: Final = 8


class LogKey(NamedTuple):
    """One key of this log: who it is, and where its secret is.

    held  the name of a file beside this, or a URI (``keys.held``)
    """

    named: NamedKey
    held: str

    @property
    def key(self) -> VerifierKey:
        """Its public half."""
        return self.named.key


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A log's local Ed25519 key is replaced when it is so old; 0: by hand only."""

    every_days: int = 0
    grace_days: int = GRACE_DAYS


class LogKeys(NamedTuple):
    """Every key that a log has had, in the order they came.

    notes  each change, signed; the last says what ``keys`` are
    """

    origin: str
    keys: tuple[LogKey, ...]
    notes: tuple[str, ...] = ()
    schedule: Schedule = Schedule()

    @property
    def known(self) -> list[VerifierKey]:
        """All of them, also those that sign no more: what they signed stays signed."""
        return [k.key for k in self.keys]

    def as_of(self, at: str) -> str:
        """The time of a change that is made at this moment: not before the last one, or nobody
        could follow once a clock went back."""
        return max(at, _read(self.notes[-1])[1].at) if self.notes else at

    def signing(self, at: str) -> list[LogKey]:
        """Those that sign what is published at this moment."""
        return [k for k in self.keys if k.named.signs_at(at)]

    def newest(self, at: str, algorithm: int = note.ED25519) -> LogKey:
        """The key of its algorithm to hand out to people; of Ed25519 there is always one."""
        return [k for k in self.signing(at) if k.key.algorithm == algorithm][-1]


def replaced(
    keys: LogKeys, new: LogKey | None, *, end: VerifierKey | None = None, at: str, grace_days: int
) -> tuple[LogKeys, str]:
    """The keys once ``new`` is among them, or ``end`` signs no more; and the text to sign.

    at  now; the change is ``LogKeys.as_of`` it, and ``new`` signs from there on

    Raises NotAllowed if no Ed25519 key would be left, or nothing changes; Malformed.
    """
    if not 0 <= grace_days <= DAYS_MAX:
        raise Malformed("not days of grace", expected=f"0 to {DAYS_MAX}", got=grace_days)
    at = keys.as_of(at)
    if new is not None:
        new = new._replace(named=new.named._replace(since=at))
        if new.key in keys.known:
            raise NotAllowed(
                "the log has had this key already",
                got=new.key.to_text(),
                do="Make another: a key never comes back",
            )
        end = next(
            (k.key for k in reversed(keys.signing(at)) if k.key.algorithm == new.key.algorithm),
            None,
        )
    until = timestamps.to_text(timestamps.parse(at, where="at") + timedelta(days=grace_days))
    kept = tuple(
        LogKey(k.named._replace(until=until), k.held)
        if k.key == end and (k.named.until is None or k.named.until > until)
        else k
        for k in keys.keys
    )
    made = keys._replace(keys=kept + ((new,) if new else ()))
    if made.keys == keys.keys:
        raise NotAllowed(
            "this key is to end sooner already",
            got=end.to_text() if end else None,
            do="Nothing: it ends by itself",
        )
    if len(made.signing(at)) > SIGNING_MAX:
        raise NotAllowed(
            "too many keys sign at once", expected=f"{SIGNING_MAX} at most",
            do="End one, or wait until the grace of one is over: wherefrom log keys",
        )  # fmt: skip
    lasting = [k for k in made.keys if k.key.algorithm == note.ED25519 and k.named.until is None]
    if not lasting:
        raise NotAllowed(
            "a log keeps one Ed25519 key at least",
            do="Replace it with another: wherefrom log rotate",
        )
    said = LogKeysText(keys.origin, len(keys.notes) + 1, at, tuple(k.named for k in made.keys))
    return made, log_keys.to_text(said)


def followed(trusted: Sequence[VerifierKey], notes: Iterable[str | bytes]) -> list[VerifierKey]:
    """The keys to trust for whoever trusts these: theirs, and those that one of them named.

    notes  changes of a log's keys, in any order; what nobody trusted has signed is passed over

    Raises Malformed for a note that is none, SignatureError for one whose signature is wrong, and
    for two in one place.
    """
    return _followed(trusted, notes)[0]


def is_next(first: VerifierKey, notes: Sequence[str], change: str) -> bool:
    """Does ``change`` come next after ``notes``, by a key that signs then, for a log that was made
    with the key ``first``? Raises as ``followed``."""
    number = _read(change)[1].number
    return number == len(notes) + 1 and _followed([first], [*notes, change])[1] == number


def _followed(
    trusted: Sequence[VerifierKey], notes: Iterable[str | bytes]
) -> tuple[list[VerifierKey], int]:
    """What ``followed`` gives, and the number of the last change that is believed, or 0."""
    found, last = list(trusted), None
    for signed, said in sorted(map(_read, notes), key=lambda read: read[1].number):
        # Once a text is believed, only what it leaves in force speaks for the log: a key that was
        # replaced, and stolen later, names nobody.
        mine = found if last is None else [k.key for k in last.keys if k.signs_at(said.at)]
        if not check_signers(signed, [key for key in mine if key.name == said.origin]):
            continue
        if said == last:
            continue
        if last is not None and (last.number >= said.number or last.at > said.at):
            raise SignatureError(
                "two changes of a log's keys in one place: somebody else holds one of its keys",
                where=f"log keys, number {said.number}",
                do="Ask the log's operator which keys are theirs",
            )
        found += [k.key for k in said.keys if k.key not in found]
        last = said
    return found, last.number if last else 0


def _read(written: str | bytes) -> tuple[Note, LogKeysText]:
    raw = written.encode() if isinstance(written, str) else written
    signed = note.parse(raw, where="log keys")
    return signed, log_keys.parse(signed.text)


# -- the file


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vkey: str
    held: str
    since: str
    until: str | None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: tuple[_Kept, ...]
    notes: tuple[str, ...]
    schedule: Schedule


def to_bytes(keys: LogKeys) -> bytes:
    """The file, as ``parse`` reads it."""
    kept = tuple(_Kept(k.key.to_text(), k.held, k.named.since, k.named.until) for k in keys.keys)
    written = msgspec.json.encode(_File(kept, keys.notes, keys.schedule))
    return msgspec.json.format(written) + b"\n"


def parse(written: bytes, *, where: str) -> LogKeys:
    """Read the file. Raises SettingError for one that is not whole, or disagrees with its notes."""
    try:
        read = msgspec.json.decode(written, type=_File)
        keys = tuple(
            LogKey(NamedKey(note.parse_verifier_key(k.vkey), k.since, k.until), k.held)
            for k in read.keys
        )
        made = LogKeys(keys[0].key.name, keys, read.notes, read.schedule)
        if made.notes:
            newest, said = _read(made.notes[-1])
            if said.keys != tuple(k.named for k in keys):
                raise Malformed("the last note says other keys")
            if not check_signers(newest, made.known):
                raise SignatureError("no key of the log signed the last note")
        return made
    except (Error, ValueError, IndexError) as error:  # msgspec's errors are ValueErrors
        raise SettingError(
            "the file of the log's keys was changed", where=where, got=str(error),
            do="Restore it from a copy",
        ) from error  # fmt: skip
