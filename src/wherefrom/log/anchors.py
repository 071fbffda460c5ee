"""The anchors of a log: one file for each checkpoint that others hold, by its size.

    DIR/anchors/0000000000001234.json

Written once, each after it was checked, and never changed: the first one that covers an entry says
most of when that entry was there.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from pathlib import Path
from typing import Final

from wherefrom.errors import NotFound, StorageError
from wherefrom.formats import anchor as anchors
from wherefrom.formats.anchor import Anchor
from wherefrom.storage.whole_file import replace_whole

_DIGITS: Final = 19
_SUFFIX: Final = ".json"


class AnchorFolder:
    """Where anchors lie; for several processes, of which one writes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, anchor: Anchor) -> None:
        """Keep one that was checked. Raises StorageError."""
        try:
            self._path.mkdir(exist_ok=True)
            replace_whole(self._file(anchor.tree.size), anchors.to_bytes(anchor))
        except OSError as error:
            raise StorageError("cannot keep an anchor", where=str(self._path), got=error) from error

    def sizes(self) -> list[int]:
        """The sizes of the checkpoints that are anchored, in order."""
        try:
            names = os.listdir(self._path)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError("cannot be read", where=str(self._path), got=error) from error
        stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        return sorted(int(stem) for stem in stems if stem.isdecimal() and len(stem) == _DIGITS)

    def covering(self, entry: int | None = None) -> Anchor:
        """The first anchor that covers an entry, or the newest of all. Raises NotFound, Malformed.

        entry  its index
        """
        sizes = self.sizes()
        at = len(sizes) - 1 if entry is None else bisect_right(sizes, entry)
        if not 0 <= at < len(sizes):
            over = "of this log" if entry is None else f"over entry {entry}"
            raise NotFound(
                f"no checkpoint {over} is anchored elsewhere yet",
                do="A server anchors on a schedule: wherefrom up --anchor-root",
            )
        path = self._file(sizes[at])
        try:
            written = path.read_bytes()
        except OSError as error:
            raise StorageError("cannot be read", where=str(path), got=error) from error
        return anchors.parse(written, where=path.name)

    def _file(self, size: int) -> Path:
        return self._path / f"{size:0{_DIGITS}}{_SUFFIX}"
