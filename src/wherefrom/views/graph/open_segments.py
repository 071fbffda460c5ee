"""Open segments by name, for the readers of one graph."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from wherefrom.views.graph.segment import Segment


class OpenSegments:
    """Segments stay mapped from answer to answer. Several threads may use it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, Segment] = {}
        self._lock = threading.Lock()

    def get(self, names: Sequence[str]) -> tuple[Segment, ...]:
        """These segments. Raises FileNotFoundError if one was replaced meanwhile."""
        with self._lock:
            for name in self._open.keys() - set(names):
                del self._open[name]
            for name in names:
                if name not in self._open:
                    self._open[name] = Segment(self._folder / name)
            return tuple(self._open[name] for name in names)
