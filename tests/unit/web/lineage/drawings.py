"""Drawings of small logs for tests, and what can be read off an SVG."""

from __future__ import annotations

import contextlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from starlette.datastructures import QueryParams

from tests.unit.views.fakes import FakeLog, folded
from wherefrom.query import path, resolve, trace
from wherefrom.query.desk import TraceOptions
from wherefrom.views.graph import Snapshot
from wherefrom.web.lineage.explorer import Explored, explore
from wherefrom.web.lineage.filters import read_filters
from wherefrom.web.lineage.svg import to_svg
from wherefrom.web.words import thing_path

SVG = "{http://www.w3.org/2000/svg}"


class SnapshotDesk:
    """What a drawing asks a desk, answered from one snapshot of a graph."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def trace(self, text: str, options: TraceOptions) -> Any:
        return self.trace_ids(self._ids(text, options), options)

    def trace_ids(self, ids: list[str], options: TraceOptions) -> Any:
        how = {"direction": options.direction, "at": options.at, "as_of": options.as_of}
        return trace(self._snapshot, ids, depth=options.depth, **how)

    def path(self, a: str, b: str, options: TraceOptions) -> Any:
        ends = (self._ids(a, options), self._ids(b, options))
        return path(self._snapshot, *ends, at=options.at, as_of=options.as_of)

    def _ids(self, text: str, options: TraceOptions) -> list[str]:
        return [m.id for m in resolve(self._snapshot, text, at=options.at, as_of=options.as_of)]


@contextlib.contextmanager
def desk_of(log: FakeLog, folder: Path) -> Iterator[SnapshotDesk]:
    """A desk over a fresh view of ``log``."""
    reader = folded(log, folder, f"{len(list(folder.iterdir()))}.sqlite")
    with reader.snapshot() as snapshot:
        yield SnapshotDesk(snapshot)
    reader.close()


def drawn(desk: Any, id: str, query: str = "") -> Explored:
    """What a link shows."""
    return explore(desk, id, read_filters(QueryParams(query)))


def svg_of(explored: Explored) -> str:
    """Its drawing."""
    return to_svg(explored, thing_path)


class Box(NamedTuple):
    """A box of a drawing, where it stands, and what it says."""

    left: float
    top: float
    right: float
    bottom: float
    says: str
    href: str


def root_of(svg: str) -> ET.Element:
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def boxes_of(svg: str) -> list[Box]:
    """Every box with text, in the order in which Tab comes to it."""
    found = []
    for one in root_of(svg):
        if "n" not in one.get("class", "").split():
            continue
        left, top = map(float, re.findall(r"-?\d+", one.get("transform")))
        rect = one.find(f"{SVG}rect")
        if rect is not None:
            width, height = float(rect.get("width")), float(rect.get("height"))
        else:
            outline = one.findall(f"{SVG}path")[-1].get("d")
            cut, straight, *_, down = (
                float(n) for n in re.match(r"M(\d+) 0h(\d+)l(\d+) (\d+)v(\d+)", outline).groups()
            )
            width, height = straight + 2 * cut, down + 2 * cut
        says = " ".join(text for part in one.iter(f"{SVG}text") for text in part.itertext())
        found.append(Box(left, top, left + width, top + height, says, one.get("href", "")))
    return found


class Piece(NamedTuple):
    """A piece of a line: level, or curved somewhere within these bounds."""

    left: float
    top: float
    right: float
    bottom: float


def pieces_of(svg: str) -> list[Piece]:
    """Every piece of every line."""
    return [
        piece
        for path in root_of(svg).iter(f"{SVG}path")
        if "l" in path.get("class", "").split()
        for piece in _pieces(path.get("d"))
    ]


def _pieces(way: str) -> Iterator[Piece]:
    x = y = 0.0
    for command, said in re.findall(r"([MHc])([^MHc]*)", way):
        numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", said)]
        before = (x, y)
        if command == "M":
            x, y = numbers
            continue
        if command == "H":
            x = numbers[0]
        else:
            x, y = x + numbers[4], y + numbers[5]
        ends = [before[0], x]
        if command == "c" and numbers[4] == 0:
            ends.append(before[0] + numbers[0])  # out and back
        yield Piece(min(ends), min(before[1], y), max(ends), max(before[1], y))


def crossed(svg: str) -> list[str]:
    """Which lines run through which boxes; a line may touch the side where it ends."""
    pieces = pieces_of(svg)
    return [
        f"{piece} through {box.says}"
        for box in boxes_of(svg)
        for piece in pieces
        if piece.left < box.right
        and piece.right > box.left
        and piece.top < box.bottom
        and piece.bottom > box.top
    ]


def overlapping(svg: str) -> list[str]:
    """Which boxes lie on which."""
    boxes = boxes_of(svg)
    return [
        f"{one.says} on {other.says}"
        for n, one in enumerate(boxes)
        for other in boxes[n + 1 :]
        if one.left < other.right
        and other.left < one.right
        and one.top < other.bottom
        and other.top < one.bottom
    ]
