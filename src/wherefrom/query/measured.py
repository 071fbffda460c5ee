"""Everything that was measured in a window, from wherever it comes: pushed here, or read there.

    pushed series ──┐
    a Prometheus  ──┴──► Measured.window(since, until) ──► Series; calls that somebody declared

A source that fails makes the question fail: half of what was measured may say the opposite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from wherefrom.formats.series import Series

Calls = Sequence[tuple[str, str]]


class Source(Protocol):
    """Where series come from."""

    def __call__(self, since: float, until: float) -> list[Series]:
        """What was measured from ``since`` to ``until``, seconds since 1970.

        Raises Unavailable, LimitPassed.
        """
        ...


class Measured(NamedTuple):
    """All sources, and the calls between services that the settings name."""

    sources: Sequence[Source] = ()
    calls: Callable[[], Calls] = lambda: ()

    def window(self, since: float, until: float) -> list[Series]:
        """What was measured, of all sources. Raises as they do."""
        return [one for source in self.sources for one in source(since, until)]
