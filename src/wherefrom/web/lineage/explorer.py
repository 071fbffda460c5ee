"""Draw the lineage of a thing: ask, filter, fold, open, lay out.

    desk ──traces up and down, the way──► Scene ──► Folding ──a stage for each opening──► Figure

Everything is asked as of one size of the log, that of the first answer, so a drawing never mixes
two states of it; the links that open more carry that size, and the drawing that they give is this
one with more beside.

Sizes:  as ``query/walk.py`` for each trace, ``folding.py`` for what is drawn of it
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from wherefrom.query.answers import LogPosition, Path, Trace
from wherefrom.query.desk import Desk, TraceOptions
from wherefrom.web.lineage.figure import Figure, FigureMaker
from wherefrom.web.lineage.filters import TRUST, Filters
from wherefrom.web.lineage.folding import VISIBLE_MAX, Folding
from wherefrom.web.lineage.labels import id_piece, short_name
from wherefrom.web.lineage.scene import Scene

LABEL_CHARS: Final = 24


class Explored(msgspec.Struct, frozen=True, kw_only=True):
    """A drawing before it is drawn.

    id       what was asked for, as it was asked for; ``pinned`` are the filters that give this
             drawing again, with its size
    way      the lit way, if one was asked for
    trusts   of each thing, how far the best record is believed that says where it came from; of
             one that no record says that of, the best that says what came of it
    labels   how many things are called the same in LABEL_CHARS
    notes    in words, what a reader should know of it
    """

    id: str
    filters: Filters
    pinned: Filters
    log: LogPosition
    as_of: int
    scene: Scene
    folding: Folding
    figure: Figure
    way: Path | None
    trusts: dict[str, str]
    labels: Counter[str]
    notes: list[str]

    def lit(self) -> tuple[set[str], set[tuple[str, str, str]]]:
        """The ids on the lit way, and its links as (effect, relation, cause)."""
        if self.way is None:
            return set(), set()
        links = {(edge.source, edge.relation, edge.target) for edge in self.way.edges}
        return {node.id for node in self.way.nodes}, links

    def trust_of(self, id: str) -> str:
        """How far what is said of a thing is believed; empty if nothing is drawn that says it."""
        return self.trusts.get(id, "")

    def label(self, id: str, chars: int) -> str:
        """What a thing is called in ``chars``; of several called the same, each with a piece of
        its id."""
        thing = self.scene.things[id]
        piece = id_piece(id)
        if self.labels[short_name(id, thing.name, LABEL_CHARS)] < 2 or not piece:
            return short_name(id, thing.name, chars)
        return f"{short_name(id, thing.name, chars - len(piece) - 1)} {piece}"


def explore(desk: Desk, id: str, filters: Filters) -> Explored:
    """The lineage of ``id``. Raises NotFound, Ambiguous, Malformed, Unavailable."""
    scene = Scene(filters)
    both = ("up", "down") if filters.direction == "both" else (filters.direction,)
    first = desk.trace(id, _options(filters, both[0], filters.depth))
    pinned = msgspec.structs.replace(filters, as_of=first.as_of)
    traces = [first, *(desk.trace(id, _options(pinned, way, filters.depth)) for way in both[1:])]
    for trace in traces:
        scene.starts = list(dict.fromkeys([*scene.starts, *trace.starts]))
        scene.kept.update(trace.starts)
        scene.add(trace)
    way = None
    if filters.origin:
        way = desk.path(filters.origin, filters.to, _options(pinned, "up", None))
        scene.add(way)
    folding = Folding(scene, pinned=[node.id for node in way.nodes] if way else [])
    maker = FigureMaker(scene, folding)
    maker.stage()

    def expand(here: str) -> None:
        for direction in ("up", "down"):
            scene.add(desk.trace_ids([here], _options(pinned, direction, 1)))

    for token in filters.opened:
        folding.open(token, expand)
        maker.stage()
    return Explored(
        id=id,
        filters=filters,
        pinned=pinned,
        log=first.log,
        as_of=first.as_of,
        scene=scene,
        folding=folding,
        figure=maker.figure(),
        way=way,
        trusts=_trusts(scene),
        labels=Counter(
            short_name(id, scene.things[id].name, LABEL_CHARS) for id in folding.things()
        ),
        notes=_notes(traces, way, scene, folding),
    )


def _options(filters: Filters, direction: str, depth: int | None) -> TraceOptions:
    return TraceOptions(direction=direction, depth=depth, at=filters.at, as_of=filters.as_of)


def _trusts(scene: Scene) -> dict[str, str]:
    of_origin: dict[str, int] = {}
    of_use: dict[str, int] = {}
    for link in scene.links():
        level = TRUST.index(link.trust)
        of_origin[link.effect] = max(level, of_origin.get(link.effect, 0))
        of_use[link.cause] = max(level, of_use.get(link.cause, 0))
    return {id: TRUST[level] for id, level in {**of_use, **of_origin}.items()}


def _notes(traces: Sequence[Trace], way: Path | None, scene: Scene, folding: Folding) -> list[str]:
    """What a reader should know of a drawing: what is not in it, and why."""
    notes = []
    for trace in traces:
        if trace.reason in ("nodes", "time"):
            side = "what it came from" if trace.direction == "up" else "what came of it"
            notes.append(
                f"{side} is more than one look can hold: the bound of {trace.reason} was reached; "
                "begin at a thing further on, or choose a smaller depth"
            )
        notes += [note for note in trace.notes if "wherefrom show" not in note]
        if trace.erased:
            one = len(trace.erased) == 1
            said = "1 record is erased" if one else f"{len(trace.erased)} records are erased"
            notes.append(f"{said}: what they said is in no drawing")
    notes += way.notes if way is not None else []
    notes += scene.notes
    if scene.left_out:
        notes.append(f"{scene.left_out} links are left out by the filters")
    if folding.full:
        notes.append(
            f"the drawing is full at {VISIBLE_MAX:,} things: the rest stays folded; begin at a "
            "thing further on"
        )
    if folding.unknown:
        notes.append("some of what the link opens is not here: it was made with other filters")
    return list(dict.fromkeys(notes))
