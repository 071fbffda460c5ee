"""Write a segment: from rows, when the tail is sealed, or from older segments, when they merge.

    sources ──rows of a range of nodes──► together, sorted ──► columns, a part after the other

The ranges are chosen so that a part holds about PART_ROWS rows: a merge of a hundred million edges
takes no more memory than one of ten. What was taken back is left out.

Sizes:  PART_ROWS rows a part, more only if one node has more · 2^26 nodes a part at most
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

import msgspec
import numpy as np

from wherefrom.views.graph.adjacency import (
    FLAGS_SHIFT,
    NEVER,
    REVERSED,
    Adjacency,
    Numbers,
    orders_of,
    sums_of,
)
from wherefrom.views.graph.schema import ALTERNATE
from wherefrom.views.graph.segment import (
    DIRECTIONS,
    SECTION_AT,
    Footer,
    Section,
    Segment,
    array_in,
    to_bytes,
)

PART_ROWS: Final = 1 << 20
_READ_TIMES: Final = 1 << 16
_PART_NODES: Final = 1 << 26
_WORD: Final = 64


class Rows(NamedTuple):
    """Rows of one direction, arrays of one length."""

    nodes: Numbers
    others: Numbers
    firsts: Numbers
    marks: Numbers


class Source(Protocol):
    """Rows of one direction that can be asked for by a range of nodes."""

    node_end: int

    def count(self, start: int, end: int) -> int:
        """How many rows the nodes from ``start`` to below ``end`` have."""

    def rows(self, start: int, end: int) -> Rows:
        """Those rows."""


class Stopped(Exception):
    """The writing was told to stop."""


def seal(path: Path, edges: Numbers, *, entry_start: int, times: Numbers) -> None:
    """Write the tail.

    edges  rows of (effect, relation, cause, first, flags), integers, in any order
    times  of each entry from ``entry_start`` on, in microseconds
    """
    relations = edges[:, 1]
    effects, causes, firsts = (edges[:, column].astype(np.uint32) for column in (0, 2, 3))
    marks = (relations | edges[:, 4] << FLAGS_SHIFT).astype(np.uint8)
    turn = (relations == ALTERNATE) & (effects != causes)

    def side(here: Numbers, there: Numbers) -> list[_Unsorted]:
        return [
            _Unsorted(
                np.concatenate((here, there[turn])),
                np.concatenate((there, here[turn])),
                np.concatenate((firsts, firsts[turn])),
                np.concatenate((marks, marks[turn] | REVERSED)),
            )
        ]

    _write(
        path,
        lambda: side(effects, causes),
        lambda: side(causes, effects),
        entries=(entry_start, entry_start + len(times)),
        times=[times],
    )


def read_edges(rows: Iterable[Sequence[int]]) -> Numbers:
    """Rows of five numbers as an array, which takes a tenth of what so many tuples take."""
    return np.fromiter(chain.from_iterable(rows), np.uint32).reshape(-1, 5)


def read_times(times: Iterable[str]) -> Numbers:
    """Times as entries write them, in microseconds."""
    read = (time.removesuffix("Z") for time in times)
    parts = [np.zeros(0, np.int64)]
    while part := list(islice(read, _READ_TIMES)):
        parts.append(np.array(part, "datetime64[us]").astype(np.int64))
    return np.concatenate(parts)


def merge(path: Path, segments: Sequence[Segment], *, go_on: Callable[[], bool]) -> None:
    """Write neighbours as one; the oldest first.

    Raises Stopped once ``go_on`` says no, Corrupt if one is not what was written: what it says
    now would get a sum of its own.
    """
    for segment in segments:
        segment.check()
    _write(
        path,
        lambda: [_Sealed(s.up) for s in segments],
        lambda: [_Sealed(s.down) for s in segments],
        entries=(segments[0].entry_start, segments[-1].entry_end),
        times=[s.times for s in segments],
        go_on=go_on,
    )


class _Unsorted:
    """Rows in memory."""

    def __init__(self, nodes: Numbers, others: Numbers, firsts: Numbers, marks: Numbers) -> None:
        order = np.argsort(nodes, kind="stable")
        self._rows = Rows(nodes[order], others[order], firsts[order], marks[order])
        self.node_end = int(nodes.max()) + 1 if len(nodes) else 0

    def _range(self, start: int, end: int) -> slice:
        ends = np.minimum((start, end), NEVER).astype(np.uint32)
        return slice(*np.searchsorted(self._rows.nodes, ends).tolist())

    def count(self, start: int, end: int) -> int:
        found = self._range(start, end)
        return int(found.stop - found.start)

    def rows(self, start: int, end: int) -> Rows:
        found = self._range(start, end)
        return Rows(*(column[found] for column in self._rows))


class _Sealed:
    """One direction of a segment. Ranges begin and end at multiples of 64."""

    def __init__(self, adjacency: Adjacency) -> None:
        self._adjacency = adjacency
        self.node_end = len(adjacency.bits) * _WORD

    def _offsets(self, start: int, end: int) -> Numbers:
        a = self._adjacency
        first, last = (a.ranks[min(n // _WORD, len(a.bits))] for n in (start, end))
        return a.offsets[int(first) : int(last) + 1]

    def count(self, start: int, end: int) -> int:
        offsets = self._offsets(start, end)
        return int(offsets[-1]) - int(offsets[0])

    def rows(self, start: int, end: int) -> Rows:
        a = self._adjacency
        offsets = self._offsets(start, end)
        found = slice(int(offsets[0]), int(offsets[-1]))
        nodes = np.repeat(a.nodes(start, end), offsets[1:] - offsets[:-1])
        return Rows(nodes, a.others[found], a.firsts[found], a.marks[found])


def _write(
    path: Path,
    up: Callable[[], Sequence[Source]],
    down: Callable[[], Sequence[Source]],
    *,
    entries: tuple[int, int],
    times: Sequence[Numbers],
    go_on: Callable[[], bool] = lambda: True,
) -> None:
    try:
        with path.open("w+b") as file:
            _write_to(file, path.name, up, down, entries=entries, times=times, go_on=go_on)
    except BaseException:
        path.unlink(missing_ok=True)  # on a full disk, half a segment is what others need
        raise


def _write_to(
    file: BinaryIO,
    name: str,
    up: Callable[[], Sequence[Source]],
    down: Callable[[], Sequence[Source]],
    *,
    entries: tuple[int, int],
    times: Sequence[Numbers],
    go_on: Callable[[], bool],
) -> None:
    sections: dict[str, Section] = {}
    edges = 0
    # One after the other: rows that are sorted in memory are there for one direction only.
    for direction, sources in zip(DIRECTIONS, (up, down), strict=True):
        written, edges = _write_direction(file, sources(), go_on)
        for column, section in written.items():
            sections[f"{direction}.{column}"] = section
    sections["times"] = _write_array(file, times, np.int64)
    file.write(to_bytes(Footer(name, edges, *entries, sections)))
    file.flush()
    os.fsync(file.fileno())


def _write_direction(
    file: BinaryIO, sources: Sequence[Source], go_on: Callable[[], bool]
) -> tuple[dict[str, Section], int]:
    """The sections, and how many edges they hold."""
    node_end = max((s.node_end for s in sources), default=0)
    words = -(-node_end // _WORD)
    bits = np.zeros(words, np.uint64)
    offsets = [np.zeros(1, np.int64)]
    columns: dict[str, list[Numbers]] = {"others": [], "firsts": [], "marks": []}
    # Three columns grow at once, so each has its part of the file: as many rows as there may be.
    bound = sum(s.count(0, words * _WORD) for s in sources)
    at = {name: _reserve(file, bound * np.dtype(Adjacency.SECTIONS[name]).itemsize)
          for name in columns}  # fmt: skip
    rows = edges = 0
    for start, end in _ranges(sources, words * _WORD):
        if not go_on():
            raise Stopped
        part = _sorted_part([s.rows(start, end) for s in sources], start)
        nodes, counts = np.unique(part.nodes, return_counts=True)
        np.bitwise_or.at(bits, nodes >> 6, np.uint64(1) << (nodes & (_WORD - 1)).astype(np.uint64))
        offsets.append(rows + np.cumsum(counts))
        for name in columns:
            values = getattr(part, name).astype(Adjacency.SECTIONS[name])
            file.seek(at[name] + rows * values.itemsize)
            file.write(values.tobytes())
        rows += len(part.nodes)
        edges += int(np.count_nonzero(part.marks & REVERSED == 0))
    file.seek(0, os.SEEK_END)
    ranks = np.concatenate(([0], np.cumsum(np.bitwise_count(bits), dtype=np.int64)))
    if rows > NEVER:
        raise OverflowError(f"{rows} rows in a segment; {NEVER} fit")
    sections = {n: Section(at[n], np.dtype(Adjacency.SECTIONS[n]).str, rows) for n in columns}
    sums = _sums(file, sections) if rows else np.zeros(0, np.uint32)
    sections |= {
        "bits": _write_array(file, [bits], np.uint64),
        "ranks": _write_array(file, [ranks], np.uint32),
        "offsets": _write_array(file, offsets, np.uint32),
        # They change with what is amended, and each says of its own rows whether it is right.
        "sums": msgspec.structs.replace(_write_array(file, [sums], np.uint32), crc=0),
    }
    return sections, edges


def _sums(file: BinaryIO, sections: dict[str, Section]) -> Numbers:
    file.flush()
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return sums_of(**{name: array_in(mapped, section) for name, section in sections.items()})


def _sorted_part(sources: Sequence[Rows], start: int) -> Rows:
    """Rows of several sources by node and order, without what was taken back."""
    part = Rows(*(np.concatenate(columns) for columns in zip(*sources, strict=True)))
    alive = part.firsts != NEVER
    if not alive.all():
        part = Rows(*(column[alive] for column in part))
    local = (part.nodes.astype(np.int64) - start).astype(np.uint64)
    order = np.argsort(local << np.uint64(38) | orders_of(part.marks, part.others))
    return Rows(*(column[order] for column in part))


def _ranges(sources: Sequence[Source], end: int) -> Iterator[tuple[int, int]]:
    """Ranges of nodes with about PART_ROWS rows each, at multiples of 64."""
    start = 0
    while start < end:
        low, high = 1, min(_PART_NODES, end - start) // _WORD
        while low < high:
            words = (low + high + 1) // 2
            if sum(s.count(start, start + words * _WORD) for s in sources) <= PART_ROWS:
                low = words
            else:
                high = words - 1
        yield start, start + low * _WORD
        start += low * _WORD


def _reserve(file: BinaryIO, size: int) -> int:
    start = -(-file.seek(0, os.SEEK_END) // SECTION_AT) * SECTION_AT
    file.truncate(start + size)
    return start


def _write_array(file: BinaryIO, parts: Sequence[Numbers], kind: type) -> Section:
    start = -(-file.seek(0, os.SEEK_END) // SECTION_AT) * SECTION_AT
    file.truncate(start)
    file.seek(start)
    count = crc = 0
    for part in parts:
        written = part.astype(kind).tobytes()
        file.write(written)
        count, crc = count + len(part), zlib.crc32(written, crc)
    return Section(start, np.dtype(kind).str, count, crc)
