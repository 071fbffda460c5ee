"""What a check looks at, and what it finds.

    Ground ──a check──► Found, Found, … ──► Check   {"name", "ok", "says", "fix"}

A check is a small function that yields what it found: at least one thing, and one for each that is
wrong. It changes nothing. What is safe to mend comes with the act that mends it, which only
``--fix`` calls.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec

from wherefrom.app import DataFolder, Served, open_log
from wherefrom.formats import timestamps
from wherefrom.log.reader import LogReader


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What a check says.

    ok   True; False: broken; None: a warning, or it cannot be told
    fix  what to do, as a sentence or a command; None where there is nothing to
    """

    name: str
    ok: bool | None
    says: str
    fix: str | None = None


class Found(NamedTuple):
    """One thing that a check found. ``mend`` mends it, and returns what it did; None: a person
    must."""

    ok: bool | None
    says: str
    fix: str | None = None
    mend: Callable[[], str] | None = None


class Ground:
    """The directory that is examined, and the machine around it.

    spool       the folder of what ``wherefrom run`` could not send yet
    environ     the environment of whoever asks
    """

    def __init__(
        self,
        folder: DataFolder,
        *,
        spool: Path,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder, self.spool, self.environ, self.clock = folder, spool, environ, clock

    @property
    def path(self) -> Path:
        """The directory."""
        return self.folder.path

    @cached_property
    def served(self) -> Served | None:
        """Who serves it, as it was at the first question."""
        return self.folder.served()

    @cached_property
    def log(self) -> LogReader:
        """Its log at the newest checkpoint. Raises NotFound, Corrupt, SettingError."""
        return open_log(self.folder)

    @property
    def at(self) -> str:
        """Now, as entries write times."""
        return timestamps.to_text(self.clock())

    def age_s(self, at: str) -> float:
        """Seconds since a time that is written as entries write it; below 0 if it is to come."""
        return (timestamps.micros(self.at) - timestamps.micros(at)) / 1_000_000

    def file_age_s(self, path: Path) -> float:
        """Seconds since a file was written."""
        return self.clock().timestamp() - path.stat().st_mtime


Look: TypeAlias = Callable[[Any], Iterator[Found]]


def span(seconds: float) -> str:
    """A time that passed, in words: ``40 s``, ``5 min``, ``3 h``, ``12 days``."""
    for size, unit in ((2 * 86_400, "days"), (2 * 3_600, "h"), (120, "min")):
        if seconds >= size:
            return f"{int(seconds // {'days': 86_400, 'h': 3_600, 'min': 60}[unit]):,} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def amount(number: float) -> str:
    """Bytes in words: ``512 B``, ``3.2 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
