"""A sealed segment: a file with many edges in both directions, mapped into memory.

    up     effect ──► its causes        down   cause ──► its effects        (``adjacency``)
    times  entry ──► when it happened, else when it was heard, in microseconds

Written once by ``merge``, then only ever blanked or amended in place: when an entry is erased, a
row gets the next entry that states it, or goes. Every process that mapped the file sees that at
once, also one in the middle of an answer: what is erased is erased at every size.

    file = sections, each at a multiple of 64 │ footer (JSON) │ its CRC-32, its length u32 │ MAGIC

Every opening checks that the footer is the one of this file and fits it; ``check`` reads all.

Sizes:  17 to 20 bytes an edge for both directions, with 0.4 bytes a node · 8 bytes an entry
Source: docs/formats/graph.md, "Sealed edges"
"""

from __future__ import annotations

import contextlib
import mmap
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from wherefrom.errors import Corrupt
from wherefrom.views.graph.adjacency import (
    FLAGS_SHIFT,
    NEVER,
    RELATION,
    REVERSED,
    Adjacency,
    Found,
    Numbers,
    Spans,
)
from wherefrom.views.graph.lens import Lens, Step
from wherefrom.views.graph.schema import ALTERNATE, RELATION_NAMES, REPEATED

MAGIC: Final = b"wfedges2"
SECTION_AT: Final = 64
DIRECTIONS: Final = ("up", "down")
_TAIL_BYTES: Final = 8 + len(MAGIC)
_HUB_ROWS: Final = 1_024


class Section(msgspec.Struct, frozen=True, array_like=True):
    """Where one array lies, and what of: ``type`` as numpy writes it, such as ``<u4``; its CRC-32
    if it never changes, else 0."""

    offset: int
    type: str
    count: int
    crc: int = 0


class Footer(msgspec.Struct, frozen=True):
    """What is in the file ``name``; times of entries from ``entry_start`` to ``entry_end``."""

    name: str
    edges: int
    entry_start: int
    entry_end: int
    sections: dict[str, Section]


class Seen(NamedTuple):
    """Edges that a lens shows; ``late`` ones only if a repeat of theirs was stated in time."""

    steps: list[Step]
    late: list[Step]


class Segment:
    """An open segment. ``writable`` for the one that folds."""

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        """Map the file. Raises FileNotFoundError, Corrupt."""
        self.path = path
        with path.open("r+b" if writable else "rb") as file:
            if os.fstat(file.fileno()).st_size <= _TAIL_BYTES:
                raise self.damaged("it is too short")
            access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
            self._mapped = mmap.mmap(file.fileno(), 0, access=access)
        footer = self.footer = self._read_footer()
        self.up, self.down = (
            Adjacency(**{name: self._array(f"{d}.{name}") for name in Adjacency.SECTIONS})
            for d in DIRECTIONS
        )
        self.times = self._array("times")
        self.edges, self.entry_start, self.entry_end = (
            footer.edges, footer.entry_start, footer.entry_end,
        )  # fmt: skip

    def steps(
        self,
        nodes: Sequence[int],
        lens: Lens,
        *,
        up: bool,
        both: bool = False,
        only: int | None = None,
        never: int | None = None,
    ) -> Iterator[Seen]:
        """The edges from ``nodes`` to their causes (``up``) or from their effects, a piece after
        the other: whoever has enough of them asks for no more.

        both         also alternates that point the other way
        only, never  a relation to keep to, or to leave out
        """
        side = self.up if up else self.down
        here = side.present(nodes)
        if not here:
            return
        with self._led_astray():
            for found in side.spans(np.array(here, np.int64)).pieces():
                seen = Seen([], [])
                self._see(seen, found, lens, up=up, both=both, only=only, never=never)
                yield seen

    def latest(self, nodes: Sequence[int], lens: Lens, *, only: int, each_max: int) -> Seen:
        """The edges into ``nodes`` from their effects; of a hub at least the ``each_max`` from
        the effects with the highest numbers."""
        seen = Seen([], [])
        with self._led_astray():
            self._see_latest(seen, nodes, lens, only=only, each_max=each_max)
        return seen

    def _see_latest(
        self, seen: Seen, nodes: Sequence[int], lens: Lens, *, only: int, each_max: int
    ) -> None:
        spans = self.down.spans(np.array(self.down.present(nodes), np.int64))
        few = spans.counts <= _HUB_ROWS
        for found in Spans(*(column[few] for column in spans)).pieces():
            self._see(seen, found, lens, up=False, only=only)
        for node, start, count in zip(*(column[~few].tolist() for column in spans), strict=True):
            low, high = self.down.rows_with(only, start, start + count)
            wanted = len(seen.steps) + each_max
            while high > low and len(seen.steps) < wanted:
                row = np.arange(max(low, high - _HUB_ROWS), high)
                self._see(seen, Found(np.full(len(row), node), row), lens, up=False, only=only)
                high -= len(row)

    def _see(
        self,
        seen: Seen,
        found: Found,
        lens: Lens,
        *,
        up: bool,
        both: bool = False,
        only: int | None = None,
        never: int | None = None,
    ) -> None:
        """Add to ``seen`` what the lens shows of some rows."""
        side = self.up if up else self.down
        # Flags before the entry: an amendment writes them the other way round.
        marks, firsts = side.marks[found.row], side.firsts[found.row]
        wanted = firsts < min(lens.as_of, NEVER)
        if not both:
            wanted &= (marks & REVERSED) == 0
        if only is not None:
            wanted &= (marks & RELATION) == only
        if never is not None:
            wanted &= (marks & RELATION) != never
        if lens.at is not None:
            later, unknown = self._later(firsts, microseconds(lens.at))
            repeated = (marks >> FLAGS_SHIFT & REPEATED) != 0
            late = wanted & (unknown | later & repeated)
            seen.late.extend(_as_steps(side, found, firsts, marks, late, up=up))
            wanted &= ~(later | unknown)
        seen.steps.extend(_as_steps(side, found, firsts, marks, wanted, up=up))

    def every(self, *, up: bool) -> list[Step]:
        """All edges, as one direction has them."""
        side = self.up if up else self.down
        nodes = side.nodes().tolist()
        return [step for seen in self.steps(nodes, Lens(NEVER), up=up) for step in seen.steps]

    def check(self) -> None:
        """Read all of it. Raises Corrupt if it is not what was written; what an erasure amended
        is not looked at again."""
        for name, section in self.footer.sections.items():
            if section.crc and zlib.crc32(self._array(name).data) != section.crc:
                raise self.damaged(f"{name} is not what was written")
        for direction, side in zip(DIRECTIONS, (self.up, self.down), strict=True):
            if not side.is_sound:
                raise self.damaged(f"a row of {direction} is not what was written")

    def find(self, effect: int, relation: int, cause: int) -> tuple[int, int] | None:
        """(first, flags) of an edge, if it is here."""
        row = self.up.row_of(effect, cause, relation)
        if row is None:
            return None
        return int(self.up.firsts[row]), int(self.up.marks[row]) >> FLAGS_SHIFT & 0b11

    def set(self, effect: int, relation: int, cause: int, *, first: int, flags: int) -> None:
        """Amend an edge, if it is here."""
        # The row that ``find`` reads comes last: after a crash between two, all are done again.
        for side, node, other, mark in reversed(_places(self, effect, relation, cause)):
            row = side.row_of(node, other, mark)
            if row is not None:
                side.set(row, first, flags)

    def remove(self, effect: int, relation: int, cause: int) -> None:
        """Take an edge out of the file, if it is here."""
        # The row that ``find`` reads goes first: after a crash between two, the edge is not found
        # when it is to be taken back again, and ``mend`` takes the rest.
        for side, node, other, mark in _places(self, effect, relation, cause):
            side.take_back(node, other, mark)

    def mend(self, effect: int, relation: int, cause: int) -> None:
        """Take out what is left of an edge that was taken back by half."""
        self.remove(effect, relation, cause)
        for side, node, *_ in _places(self, effect, relation, cause):
            side.mend(node)

    def _later(self, firsts: Numbers, at: int) -> tuple[Numbers, Numbers]:
        """Which entries are dated after ``at``, and which are not among those with times here."""
        place = firsts.astype(np.int64) - self.entry_start
        unknown = (place < 0) | (place >= len(self.times))
        later = np.zeros(len(firsts), bool)
        later[~unknown] = self.times[place[~unknown]] > at
        return later, unknown

    def _read_footer(self) -> Footer:
        tail = self._mapped[-_TAIL_BYTES:]
        end = len(self._mapped) - _TAIL_BYTES
        crc, length = (int.from_bytes(tail[at : at + 4], "little") for at in (0, 4))
        if tail[8:] != MAGIC or not 0 < length <= end:
            raise self.damaged("it does not end as a segment does")
        said = self._mapped[end - length : end]
        if zlib.crc32(said) != crc:
            raise self.damaged("its footer is not the one that was written")
        try:
            footer = msgspec.json.decode(said, type=Footer)
        except msgspec.DecodeError as error:
            raise self.damaged(str(error)) from error
        if footer.name != self.path.name:
            raise self.damaged(f"it is {footer.name}")
        for section in footer.sections.values():
            size = np.dtype(section.type).itemsize * section.count
            if section.offset + size > end - length:
                raise self.damaged("a section is outside the file")
        return footer

    def _array(self, name: str) -> Numbers:
        return array_in(self._mapped, self.footer.sections[name])

    @contextlib.contextmanager
    def _led_astray(self) -> Iterator[None]:
        """A number that leads out of the file is damage to it, not a slip of ours."""
        try:
            yield
        except (IndexError, ValueError) as error:
            raise self.damaged(str(error)) from error

    def damaged(self, why: str) -> Corrupt:
        """The error that says so of this file."""
        return Corrupt(
            "a segment of the graph is damaged",
            where=str(self.path),
            got=why,
            do="Run `wherefrom views rebuild`; nothing but time is lost",
        )


def array_in(mapped: mmap.mmap, section: Section) -> Numbers:
    """A section of a mapped file."""
    return np.ndarray((section.count,), dtype=section.type, buffer=mapped, offset=section.offset)


def to_bytes(footer: Footer) -> bytes:
    """What a file ends with."""
    said = msgspec.json.encode(footer)
    return said + b"".join(n.to_bytes(4, "little") for n in (zlib.crc32(said), len(said))) + MAGIC


def _places(
    segment: Segment, effect: int, relation: int, cause: int
) -> list[tuple[Adjacency, int, int, int]]:
    """(side, node, other, mark) of each row of an edge; first the one that ``find`` reads."""
    up, down = segment.up, segment.down
    places = [(up, effect, cause, relation), (down, cause, effect, relation)]
    if relation == ALTERNATE and effect != cause:
        turned = relation | REVERSED
        places += [(up, cause, effect, turned), (down, effect, cause, turned)]
    return places


def microseconds(time: str) -> int:
    """A canonical time as microseconds since 1970."""
    return int(np.datetime64(time.removesuffix("Z"), "us").astype(np.int64))


def _as_steps(
    side: Adjacency, found: Found, firsts: Numbers, marks: Numbers, wanted: Numbers, *, up: bool
) -> Iterator[Step]:
    rows = found.row[wanted]
    if not len(rows):
        return iter(())
    columns = [found.node[wanted], side.others[rows], firsts[wanted], marks[wanted]]
    # What was taken back meanwhile has the other end of its neighbour by now.
    alive = side.firsts[rows] != NEVER
    if not alive.all():
        columns = [column[alive] for column in columns]
    here, there, firsts, marks = columns
    relations = marks & RELATION
    if len(relations) and relations.max() >= len(RELATION_NAMES):
        raise ValueError("a row has a relation that there is not")
    effects, causes = (here, there) if up else (there, here)
    turned = marks >= REVERSED
    if turned.any():
        effects, causes = np.where(turned, causes, effects), np.where(turned, effects, causes)
    said = (effects, relations, causes, firsts, marks >> FLAGS_SHIFT & 0b11)
    return map(Step._make, zip(*(column.tolist() for column in said), strict=True))
