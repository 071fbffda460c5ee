"""The file name of a sorted run: apart from ``runs``, for which numpy must be there."""

from __future__ import annotations

from typing import NamedTuple


class RunName(NamedTuple):
    """The run covers entries ``first`` to ``limit`` (exclusive)."""

    first: int
    limit: int

    def to_text(self) -> str:
        """The file's name."""
        return f"{self.first:016d}-{self.limit:016d}.run"


def parse_name(text: str) -> RunName | None:
    """Read a run's file name, or None for any other file."""
    first, _, rest = text.partition("-")
    limit = rest.removesuffix(".run")
    if first.isdecimal() and limit.isdecimal():
        name = RunName(int(first), int(limit))
        return name if name.to_text() == text else None
    return None
