"""What the log makes of a document about an image, wherever it was found.

    digest   ──► records that are about it, with their bytes           to be pushed
    document ──► its entry and how far it is believed now, or          to be verified
                 how far it would be believed if it came to the door

A document is about what it describes, by any name that it gives that itself.

Sizes:  RECORDS_MAX records that speak of one image are looked at, as ``show`` gives them
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from wherefrom.errors import NotFound, Refused
from wherefrom.formats import oci_artifacts, recognise
from wherefrom.formats.entry import Trust
from wherefrom.formats.own import KeyChange
from wherefrom.formats.recognise import Recognised
from wherefrom.keys.keyring import STATES, Keyring, Keys
from wherefrom.log.roots import RootsTold
from wherefrom.query.answers import Found, Record, Shown, Trace
from wherefrom.query.desk import TraceOptions
from wherefrom.query.show import RECORDS_MAX as RECORDS_MAX
from wherefrom.verify.dated_root import DatedRoot
from wherefrom.verify.judge import believed

_DOCUMENTS = ("attestation", "bundle", "sbom", "batch")
_ACTIONS = {state: action for action, state in STATES.items()}
_FOR_EVER = "9999"  # later than every time


class Asked(Protocol):
    """The log that is asked: a directory or a server. Each may raise NotFound, Unavailable."""

    def show(self, text: str, options: TraceOptions) -> Shown: ...

    def trace(self, text: str, options: TraceOptions) -> Trace: ...

    def find(self, text: str, *, as_of: int | None, own: bool) -> Found: ...

    def content(self, index: int) -> bytes: ...

    def keys(self) -> Keys: ...

    def roots(self, *, version: int | None) -> RootsTold: ...


class Held(NamedTuple):
    """A record that is about an image: its entry, how far it is believed, and its bytes."""

    entry: int
    trust: str
    signers: tuple[str, ...]
    content: bytes
    read: Recognised


class HeldOf(NamedTuple):
    """Records about one image; ``more`` if not all that speak of it were looked at."""

    records: list[Held]
    more: bool


def held_about(log: Asked, digest: str) -> HeldOf:
    """The records that are about an image; none if nothing speaks of it."""
    records = records_of(log, digest)
    found = []
    for record in records:
        if record.kind in _DOCUMENTS and (content := _content(log, record.entry)) is not None:
            read = recognise.read(content)
            if digest in oci_artifacts.about(read.facts):
                found.append(Held(record.entry, record.trust, record.signers, content, read))
    return HeldOf(found, len(records) >= RECORDS_MAX)


def records_of(log: Asked, id: str) -> list[Record]:
    """Every record of our own log that speaks of what has this id; none if nothing has it."""
    try:
        shown = log.show(id, TraceOptions(own=True))
    except NotFound:
        return []
    return [record for match in shown.matches if match.id == id for record in match.records]


class Standing(NamedTuple):
    """How a document stands: ``entry`` None if the log does not hold it.

    about   ids of what it is about
    lie     why it would be refused for its signature, or empty
    reason  what is to be said of it besides
    """

    entry: int | None
    trust: str
    signers: tuple[str, ...]
    about: frozenset[str]
    lie: str = ""
    reason: str = ""


class Judge:
    """Judges documents by what a log holds, and by its keys and root now.

    at  now, as entries write it
    """

    def __init__(self, log: Asked, *, at: str) -> None:
        self._log, self._at = log, at
        self._keyring = keyring_of(log.keys())
        root = log.roots(version=None)
        self._root = _dated(root)

    def standing(self, content: bytes) -> Standing:
        """How a document stands. Raises Refused for one that is no record."""
        read = recognise.read(content)
        about = frozenset(oci_artifacts.about(read.facts))
        for record in records_of(self._log, read.facts.document):
            if _content(self._log, record.entry) == content:
                return Standing(record.entry, record.trust, record.signers, about)
        try:
            trust = self._judged(read, content)
        except Refused as error:
            return Standing(None, "channel", (), about, lie=str(error))
        return Standing(None, trust.level, trust.signers, about)

    def _judged(self, read: Recognised, content: bytes) -> Trust:
        return believed(read, content, keyring=self._keyring, root=self._root, at=self._at)


def keyring_of(keys: Keys) -> Keyring:
    """The keyring as it is told to people, made again: as it is now."""
    ring = Keyring()
    for key in keys.keys:
        change = KeyChange(
            action="trust", key=key.id, spki=key.spki, names=key.names, since=key.since,
            valid_from=key.valid_from, valid_to=key.valid_to, kinds=key.kinds, scopes=key.scopes,
        )  # fmt: skip
        ring.fold(key.entry, change)
        if key.state != "active":
            ended = msgspec.structs.replace(change, action=_ACTIONS[key.state])
            if key.compromised_since is not None:
                ended = msgspec.structs.replace(ended, compromised_since=key.compromised_since)
            ring.fold(key.entry, ended)
    return ring


def _dated(told: RootsTold) -> DatedRoot | None:
    if told.state not in ("good", "old"):
        return None
    from wherefrom.verify.sigstore import trusted_root  # late: most logs have none

    return DatedRoot(trusted_root.parse(told.trusted_root.encode()), _FOR_EVER)


def _content(log: Asked, entry: int) -> bytes | None:
    try:
        return log.content(entry)
    except NotFound:  # erased
        return None
