"""Who is joined to whom, in compressed sparse rows: one direction of a sealed segment.

    node 70 ──bit 70 set?──► rank among the set bits ──► offsets[rank] .. offsets[rank + 1] ──► rows
              bits, ranks                                                      others, firsts, marks

A bit for each number makes a node that is not here cost one look, and needs no sorted list of
those that are. A node's rows are sorted by ``order_of``, so that one edge is found by bisection.

An alternate reads both ways, so it stands in both directions of the file, each way round: the
second is ``REVERSED``.

Sizes:  node, row and entry numbers are below 2^32 - 1 · NEVER marks a row that was taken back
Source: docs/formats/graph.md, "Sealed edges"
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from wherefrom.views.graph.schema import RELATION_NAMES

NEVER: Final = 2**32 - 1
RELATION: Final = 0b1_1111
FLAGS_SHIFT: Final = 5
REVERSED: Final = 0b1000_0000
assert len(RELATION_NAMES) <= RELATION + 1

SUM_ROWS: Final = 1 << 16
_WORD: Final = 64
# A hub may have a million rows, and an answer wants the first few.
_PIECE: Final = 1 << 16

Numbers = npt.NDArray[Any]


class Spans(NamedTuple):
    """The rows of several nodes: where those of each begin, and how many it has."""

    nodes: Numbers
    starts: Numbers
    counts: Numbers

    def pieces(self) -> Iterator[Found]:
        """Every row, about _PIECE at a time."""
        total = int(self.counts.sum())
        if 0 < total <= _PIECE:
            yield Found(
                np.repeat(self.nodes, self.counts), _ranges(self.starts, self.counts, total)
            )
        elif total:
            for node, start, count in zip(*(column.tolist() for column in self), strict=True):
                for begin in range(start, start + count, _PIECE):
                    row = np.arange(begin, min(begin + _PIECE, start + count))
                    yield Found(np.full(len(row), node), row)


class Found(NamedTuple):
    """Rows of several nodes: ``node`` is whose, ``row`` where they stand."""

    node: Numbers
    row: Numbers


class Adjacency:
    """One direction. The arrays may be memory-mapped; ``SECTIONS`` says what each is.

    bits     a bit for each number, set if the node has rows
    ranks    how many bits are set before each word
    offsets  where each node's rows begin, and one more for the end of the last
    others   the node at the other end of each row
    firsts   the lowest entry that states it, or NEVER
    marks    relation, flags << FLAGS_SHIFT, REVERSED
    sums     of each SUM_ROWS rows what ``sums_of`` gives; 0 once one of them was amended
    """

    SECTIONS: Final = {
        "bits": np.uint64,
        "ranks": np.uint32,
        "offsets": np.uint32,
        "others": np.uint32,
        "firsts": np.uint32,
        "marks": np.uint8,
        "sums": np.uint32,
    }

    def __init__(
        self,
        *,
        bits: Numbers,
        ranks: Numbers,
        offsets: Numbers,
        others: Numbers,
        firsts: Numbers,
        marks: Numbers,
        sums: Numbers,
    ) -> None:
        self.bits, self.ranks, self.offsets = bits, ranks, offsets
        self.others, self.firsts, self.marks = others, firsts, marks
        self.sums = sums
        self._words: memoryview = bits.data  # four times as fast as the array for a single word

    def nodes(self, start: int = 0, end: int = NEVER + 1) -> Numbers:
        """The nodes that have rows, from ``start`` to below ``end``, multiples of 64."""
        words = self.bits[start // _WORD : end // _WORD]
        return start + np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little"))

    def present(self, nodes: Sequence[int]) -> Sequence[int]:
        """Those of ``nodes`` that have rows. Most levels of a walk have few, and many of none:
        looked at one by one, those cost less than the arrays that they would be put in."""
        bits = self._words
        end = len(bits) * _WORD
        return [n for n in nodes if n < end and bits[n >> 6] >> (n & 63) & 1]

    def spans(self, nodes: Numbers) -> Spans:
        """Where the rows of ``nodes`` begin, and how many there are. int64, all of them present."""
        word = nodes >> 6
        below = (np.uint64(1) << (nodes & 63).astype(np.uint64)) - np.uint64(1)
        rank = self.ranks[word].astype(np.int64) + np.bitwise_count(self.bits[word] & below)
        starts = self.offsets[rank].astype(np.int64)
        return Spans(nodes, starts, self.offsets[rank + 1].astype(np.int64) - starts)

    def row_of(self, node: int, other: int, mark: int) -> int | None:
        """The row of one edge, by its order; None if it is not here. ``mark`` without flags."""
        start, end = self.rows_of(node)
        wanted = order_of(mark, other)
        row = bisect_left(range(end), wanted, start, key=self._order)
        while row < end and self._order(row) == wanted:
            if self.firsts[row] != NEVER:
                return row
            row += 1
        return None

    def rows_of(self, node: int) -> tuple[int, int]:
        """Where the rows of one node begin and end."""
        word, shift = divmod(node, _WORD)
        if word >= len(self.bits):
            return 0, 0
        bits = self._words[word]
        if not bits >> shift & 1:
            return 0, 0
        rank = int(self.ranks[word]) + (bits & ((1 << shift) - 1)).bit_count()
        return int(self.offsets[rank]), int(self.offsets[rank + 1])

    def rows_with(self, relation: int, start: int, end: int) -> tuple[int, int]:
        """Of the rows of one node, where those of a relation begin and end."""
        rows = range(end)
        low = bisect_left(rows, relation, start, key=self._relation)
        return low, bisect_left(rows, relation + 1, low, key=self._relation)

    @property
    def is_sound(self) -> bool:
        """Whether every row says what was written, but for flags and what was amended since."""
        found = sums_of(self.others, self.firsts, self.marks)
        return bool(np.all((found == self.sums) | (self.sums == 0)))

    def set(self, row: int, first: int, flags: int) -> None:
        """Give a row another first entry and other flags."""
        if self.firsts[row] != first:
            self._sum_no_more(row, row + 1)
        self.firsts[row] = first
        self.marks[row] = int(self.marks[row]) & (RELATION | REVERSED) | flags << FLAGS_SHIFT

    def take_back(self, node: int, other: int, mark: int) -> None:
        """Take an edge out, so that no row tells any more what it said; the order stays.

        Rows that were taken back before repeat the living one before them, so they are after it,
        and change with it. NEVER comes first: a reader looks for it last.
        """
        start, end = self.rows_of(node)
        wanted = order_of(mark, other)
        low = bisect_left(range(end), wanted, start, key=self._order)
        high = bisect_right(range(end), wanted, low, key=self._order)
        self._sum_no_more(low, high)
        self.firsts[low:high] = NEVER
        self.others[low:high] = self.others[low - 1] if low > start else 0
        self.marks[low:high] = self.marks[low - 1] if low > start else 0

    def mend(self, node: int) -> None:
        """Have every row of ``node`` that was taken back, perhaps by half, repeat the living one
        before it."""
        start, end = self.rows_of(node)
        alive = self.firsts[start:end] != NEVER
        before = np.maximum.accumulate(np.where(alive, np.arange(1, end - start + 1), 0))
        self._sum_no_more(start, end)
        for column in (self.others, self.marks):
            said = np.concatenate((np.zeros(1, column.dtype), column[start:end]))
            column[start:end] = said[before]

    def _sum_no_more(self, low: int, high: int) -> None:
        # Before the change: a crash after it must not look like damage.
        self.sums[low // SUM_ROWS : -(-high // SUM_ROWS)] = 0

    def _relation(self, row: int) -> int:
        return int(self.marks[row]) & RELATION

    def _order(self, row: int) -> int:
        return order_of(int(self.marks[row]), int(self.others[row]))


def sums_of(others: Numbers, firsts: Numbers, marks: Numbers) -> Numbers:
    """A checksum of each SUM_ROWS rows without their flags, which change often; never 0."""
    sums = []
    for start in range(0, len(others), SUM_ROWS):
        rows = slice(start, start + SUM_ROWS)
        found = zlib.crc32(others[rows].data)
        found = zlib.crc32(firsts[rows].data, found)
        sums.append(zlib.crc32((marks[rows] & (RELATION | REVERSED)).data, found) or 1)
    return np.array(sums, np.uint32)


def order_of(mark: int, other: int) -> int:
    """What a node's rows are sorted by: relation, which way round, the other end."""
    return (mark & RELATION) << 33 | (mark & REVERSED) << 25 | other


def orders_of(marks: Numbers, others: Numbers) -> Numbers:
    """``order_of`` for arrays; 38 bits each."""
    wide = marks.astype(np.uint64)
    relation = (wide & np.uint64(RELATION)) << np.uint64(33)
    reverse = (wide & np.uint64(REVERSED)) << np.uint64(25)
    return relation | reverse | others.astype(np.uint64)


def _ranges(starts: Numbers, counts: Numbers, total: int) -> Numbers:
    """start, start + 1, … for each start, one after the other."""
    shifts = starts - np.concatenate(([0], np.cumsum(counts)[:-1]))
    return np.repeat(shifts, counts) + np.arange(total)
