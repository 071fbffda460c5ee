"""A sorted run: which entries hold contents with which fingerprints, in one file.

    fingerprints (u64 each, sorted) │ entry indexes (u64 each) │ crc32 of both, count (u64 each)

A fingerprint is the first 8 bytes of the content's SHA-256: enough to find a candidate, which the
caller then compares in full. An erased content's fingerprint is overwritten by a neighbour's, for
a digest that stays on disk would let somebody guess what was erased.

Sizes:  16 bytes an entry
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wherefrom.errors import Corrupt
from wherefrom.log.run_name import RunName, parse_name

Keys = npt.NDArray[np.uint64]
_NONE = np.uint64(2**64 - 1)
_FOOT = np.dtype("<u8")


class Run:
    """One run, memory-mapped."""

    def __init__(self, path: Path) -> None:
        name = parse_name(path.name)
        assert name is not None
        self.name, self.path = name, path
        length = path.stat().st_size
        if length < 16 or length % 16:
            raise Corrupt("a run of the de-duplication index has another length", where=str(path))
        words: Any = np.memmap(path, dtype="<u8", mode="r+")
        count = int(words[-1])
        if len(words) != 2 * count + 2 or int(words[-2]) != zlib.crc32(words[:-2]):
            raise Corrupt("a run of the de-duplication index was changed", where=str(path))
        self._words, self.count = words, count
        self.fingerprints: Keys = words[:count]
        self.indexes: Keys = words[count : 2 * count]

    def find(self, fingerprints: Keys) -> list[tuple[int, list[int]]]:
        """``(place in the question, candidate entries)`` of each fingerprint found."""
        starts = np.searchsorted(self.fingerprints, fingerprints)
        inside = starts < self.count
        hits = np.flatnonzero(inside)
        hits = hits[self.fingerprints[starts[hits]] == fingerprints[hits]]
        found = []
        for place in hits.tolist():
            at = int(starts[place])
            candidates = []
            while at < self.count and self.fingerprints[at] == fingerprints[place]:
                if self.indexes[at] != _NONE:
                    candidates.append(int(self.indexes[at]))
                at += 1
            found.append((place, candidates))
        return found

    def forget(self, index: int) -> None:
        """Overwrite what is known of an entry's content, durably."""
        for at in np.flatnonzero(self.indexes == np.uint64(index)).tolist():
            # A neighbour's fingerprint keeps the run sorted and says nothing of the erased one.
            self.fingerprints[at] = self.fingerprints[at - 1] if at else 0
            self.indexes[at] = _NONE
        self._words[-2] = zlib.crc32(self._words[:-2])
        self._words.flush()


def fingerprints_of(digests: Iterable[bytes]) -> Keys:
    """Of each SHA-256, what a run knows it by."""
    written = np.frombuffer(b"".join([d[:8] for d in digests]), dtype=">u8")
    return written.astype("<u8")


def write_recent(folder: Path, name: RunName, recent: Mapping[bytes, int]) -> Run:
    """A run of the newest contents: SHA-256 → entry."""
    indexes: Keys = np.fromiter(recent.values(), dtype="<u8", count=len(recent))
    return write_run(folder, name, fingerprints_of(recent), indexes)


def write_run(folder: Path, name: RunName, fingerprints: Keys, indexes: Keys) -> Run:
    """Sort and write a run; whole or not at all."""
    order = np.argsort(fingerprints, kind="stable")
    body = np.concatenate([fingerprints[order], indexes[order]]).astype("<u8")
    foot = np.array([zlib.crc32(body.tobytes()), len(fingerprints)], dtype=_FOOT)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name.to_text()
    new = path.with_suffix(".new")
    with open(new, "wb") as file:
        file.write(body.tobytes())
        file.write(foot.tobytes())
        file.flush()
        os.fdatasync(file.fileno())
    os.rename(new, path)
    return Run(path)


def merge_runs(folder: Path, runs: list[Run]) -> Run:
    """One run of several neighbours; the old files stay until the caller drops them."""
    name = RunName(runs[0].name.first, runs[-1].name.limit)
    indexes = np.concatenate([r.indexes for r in runs])
    kept = indexes != _NONE
    return write_run(
        folder, name, np.concatenate([r.fingerprints for r in runs])[kept], indexes[kept]
    )


def check_run(path: Path) -> None:
    """Read a run from end to end, changing nothing. Raises Corrupt, OSError."""
    name = parse_name(path.name)
    written = path.read_bytes()
    words: Keys = np.frombuffer(written[: len(written) // 8 * 8], dtype="<u8")
    count = (len(words) - 2) // 2
    if name is None or count < 0 or len(written) != 16 * count + 16 or int(words[-1]) != count:
        raise Corrupt("a run of the de-duplication index has another length", where=str(path))
    indexes = words[count : 2 * count]
    kept = indexes[indexes != _NONE]
    inside = bool(np.all((kept >= name.first) & (kept < name.limit)))
    in_order = bool(np.all(words[: count - 1] <= words[1:count])) if count else True
    if int(words[-2]) != zlib.crc32(words[:-2].tobytes()) or not (inside and in_order):
        raise Corrupt("a run of the de-duplication index was changed", where=str(path))
