"""Which trusted root a check rests on, and how old it is.

    given by the caller  ►  DIR/trusted-root.json  ►  the public-good root that ships with us

Keys are added to a root and retired from it, and an old copy knows neither: one that is older than
``warn_days`` is warned about, one older than ``refuse_days`` proves nothing any more. A root that
the caller names is the caller's to judge, and has no age.

Sizes:  a root is at most 4 MiB
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom.errors import ProofError, StorageError
from wherefrom.formats.trusted_root import BYTES_MAX, FILE_NAME
from wherefrom.verify.sigstore import trusted_root
from wherefrom.verify.sigstore.artifacts import unreadable
from wherefrom.verify.sigstore.trusted_root import TrustedRoot

_SHIPPED: Final = re.compile(r"public-good-([0-9]{4}-[0-9]{2}-[0-9]{2})\.json")


class Source(NamedTuple):
    """A root as it was found: what to call it, and since when it is what it is."""

    name: str
    written: bytes
    since: datetime | None

    def age_days(self, now: datetime) -> int | None:
        """Whole days, or None for a root that the caller answers for."""
        return None if self.since is None else max(0, (now - self.since).days)

    def is_old(self, now: datetime, *, warn_days: int) -> bool:
        """Whether it is time to renew it."""
        age = self.age_days(now)
        return age is not None and age > warn_days

    def describe(self, now: datetime) -> str:
        """For people: which root, of when."""
        if self.since is None:
            return self.name
        age = self.age_days(now)
        return f"{self.name}, of {self.since:%Y-%m-%d}, {age} day{'' if age == 1 else 's'} old"


def find(given: Path | None, kept: Path | None) -> Source:
    """The root to use. Raises StorageError if the one that is named cannot be read.

    given  a file that the caller named, or None
    kept   the data directory, whose root is used if it has one, or None
    """
    if given is not None:
        return Source(f"the trusted root {given}", _read(given), None)
    path = kept / FILE_NAME if kept is not None else None
    if path is not None and path.is_file():
        since = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return Source(f"the trusted root {path}", _read(path), since)
    return shipped()


def shipped() -> Source:
    """The public-good root that came with this version, with its date."""
    folder = resources.files(__package__) / "roots"
    dated = [(m[1], f) for f in folder.iterdir() if (m := _SHIPPED.fullmatch(f.name))]
    day, file = max(dated, key=lambda pair: pair[0])
    since = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return Source("Sigstore's public-good root, shipped with wherefrom", file.read_bytes(), since)


def read(source: Source, now: datetime, *, refuse_days: int) -> TrustedRoot:
    """The root itself. Raises ProofError for one that is too old, Malformed, Unsupported."""
    age = source.age_days(now)
    if age is not None and age > refuse_days:
        raise ProofError(
            "the trusted root is too old to prove anything",
            where=source.name,
            expected=f"{refuse_days} days at most",
            got=f"{age} days",
            do="Give a newer one with --trusted-root, or put it into the data directory",
        )
    return trusted_root.parse(source.written)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            written = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(written) > BYTES_MAX:
        raise StorageError("the file is too large", where=str(path), expected=f"{BYTES_MAX} bytes")
    return written
