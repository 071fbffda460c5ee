"""Find the index of a content that the log already holds: strong, fast, rebuildable.

    newest ≤ 65,536   a dictionary of whole digests, in memory
    older             sorted runs on disk (``runs``), merged four to one; a candidate is read back
                      and compared in full, so a chance hit never costs a record

The runs are an index: whatever is missing is read again from the journal at the start. Measured
against one SQLite table in docs/decisions/0002-deduplication.md.

Sizes:  16 bytes an entry on disk · about 10 MB of memory
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherefrom.errors import Corrupt
from wherefrom.log.run_name import RunName, parse_name

if TYPE_CHECKING:  # ``runs`` computes with numpy, which a log without a run does without
    from wherefrom.log.runs import Run

RECENT_MAX: Final = 65_536
MERGE_FACTOR: Final = 4


class DedupIndex:
    """Which entry holds which content.

    folder   where runs lie, or None to keep everything in memory
    is_held  ``is_held(index, digest)``: does that entry still hold a content of this SHA-256?
    """

    def __init__(self, folder: Path | None, *, is_held: Callable[[int, bytes], bool]) -> None:
        self._folder = folder
        self._is_held = is_held
        self._recent: dict[bytes, int] = {}
        self._runs: list[Run] = self._load()
        self.size = self._runs[-1].name.limit if self._runs else 0
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dedup")
        self._merging: tuple[list[Run], Future[Run]] | None = None

    def close(self) -> None:
        """Finish a merge under way; what is only in memory is read again at the next start."""
        self._pool.shutdown(wait=True)
        self._take_merged()

    def find(self, digests: Sequence[bytes]) -> list[int | None]:
        """For each SHA-256, the entry that holds such a content, or None."""
        found: list[int | None] = [self._recent.get(d) for d in digests]
        if not self._runs:
            return found
        from wherefrom.log.runs import fingerprints_of

        asked = fingerprints_of(digests)
        for run in self._runs:
            for place, candidates in run.find(asked):
                if found[place] is None:
                    held = (i for i in candidates if self._is_held(i, digests[place]))
                    found[place] = next(held, None)
        return found

    def add(self, digests: Sequence[bytes | None], *, first: int) -> None:
        """The contents of entries from ``first`` on; None for an entry without a content."""
        assert first == self.size
        for index, digest in enumerate(digests, start=first):
            if digest is not None:
                self._recent.setdefault(digest, index)
        self.size = first + len(digests)
        if len(self._recent) >= RECENT_MAX and self._folder is not None:
            # An index that cannot be written costs memory, never a record: it is tried again.
            with contextlib.suppress(OSError, Corrupt):
                self._flush()

    def forget(self, index: int) -> None:
        """The content of an entry was erased: keep no trace of its digest."""
        for digest in [d for d, i in self._recent.items() if i == index]:
            del self._recent[digest]
        self._take_merged(wait=True)
        for run in self._runs:
            if run.name.first <= index < run.name.limit:
                run.forget(index)

    def _load(self) -> list[Run]:
        if self._folder is None or not self._folder.is_dir():
            return []
        # Half-written by a crash: it holds fingerprints that an erasure would not find.
        for half in self._folder.glob("*.new"):
            half.unlink()
        names = sorted(filter(None, (parse_name(p.name) for p in self._folder.iterdir())))
        if not names:
            return []
        from wherefrom.log.runs import Run

        chosen: list[Run] = []
        reached = 0
        for first in sorted({n.first for n in names}):
            if first != reached:
                continue
            # The widest first: a crash after a merge leaves the merged run and its parts.
            for name in sorted((n for n in names if n.first == first), reverse=True):
                try:
                    run = Run(self._folder / name.to_text())
                except (Corrupt, OSError, ValueError):
                    continue
                chosen.append(run)
                reached = name.limit
                break
        kept = {r.name for r in chosen}
        for name in names:
            if name not in kept:
                (self._folder / name.to_text()).unlink(missing_ok=True)
        return chosen

    def _flush(self) -> None:
        from wherefrom.log.runs import write_recent

        assert self._folder is not None
        first = self._runs[-1].name.limit if self._runs else 0
        self._runs.append(write_recent(self._folder, RunName(first, self.size), self._recent))
        self._recent.clear()
        self._take_merged()
        self._start_merge()

    def _start_merge(self) -> None:
        if self._merging is not None or self._folder is None:
            return
        from wherefrom.log.runs import merge_runs

        # The youngest four neighbours of like size become one, so about 3 · log4(n) runs stay.
        for start in range(len(self._runs) - MERGE_FACTOR, -1, -1):
            part = self._runs[start : start + MERGE_FACTOR]
            if part[0].count <= 2 * part[-1].count:
                self._merging = (part, self._pool.submit(merge_runs, self._folder, part))
                return

    def _take_merged(self, *, wait: bool = False) -> None:
        if self._merging is None or not (wait or self._merging[1].done()):
            return
        parts, future = self._merging
        self._merging = None
        try:
            merged = future.result()
        except (OSError, Corrupt):
            return  # the parts are still there, and the next flush tries again
        start = self._runs.index(parts[0])
        self._runs[start : start + len(parts)] = [merged]
        for part in parts:
            part.path.unlink(missing_ok=True)
