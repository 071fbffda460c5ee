"""One thing, whatever it is: an artifact, a dataset, a model, a build, a package.

What is said of it, by whom, how far that is believed; where it came from and what came of it, one
hop each way; where it runs.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import Error
from wherefrom.query.answers import Trace, TraceEdge, TraceNode
from wherefrom.query.desk import TraceOptions
from wherefrom.query.reality import RealityOptions
from wherefrom.web.asking import Ask
from wherefrom.web.page import Page

# Kinds that may be made from data, and those whose place in what runs is asked for.
MADE_OF_DATA: Final = frozenset({"artifact", "model", "file"})
RUNS: Final = frozenset({"image", "artifact", "config", "model", "package", "source", "file"})
COLUMNS_MAX: Final = 200
SHOWN_MAX: Final = 200


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a dataset, and the edges to those it was derived from."""

    id: str
    name: str
    sources: list[TraceEdge]


class Hop(NamedTuple):
    """One step from a thing: what it leads to, and what that is known as."""

    edge: TraceEdge
    other: str
    node: TraceNode | None


def hops_of(found: Trace) -> list[Hop]:
    """The steps of a trace of depth 1, without those that only say what else a thing is called."""
    nodes = {node.id: node for node in found.nodes}
    up, starts = found.direction == "up", set(found.starts)
    hops = []
    for edge in found.edges:
        here, other = (edge.source, edge.target) if up else (edge.target, edge.source)
        if here in starts and other not in starts:
            hops.append(Hop(edge, other, nodes.get(other)))
    return hops


def thing(ask: Ask) -> Page:
    """``/things/{id}``"""
    id = ask.path("id")
    options = TraceOptions(at=ask.at, as_of=ask.as_of)
    shown = ask.desk.show(id, options)
    hops = {
        way: ask.desk.trace(
            id, TraceOptions(direction=way, depth=1, at=ask.at, as_of=ask.as_of)
        )
        for way in ("up", "down")
    }  # fmt: skip
    first = shown.matches[0]
    answer: dict[str, Any] = {"shown": shown, "up": hops["up"], "down": hops["down"]}
    # Of what much came of, all that runs takes long to find: the page does not wait for it.
    waits = len(hops["down"].edges) > SHOWN_MAX and not ask.wants("runs")
    runs = first.kind in RUNS
    answer["affected"] = _affected(ask, id) if runs and not waits else None
    answer["columns"] = _columns(ask, first.id) if first.kind == "dataset" else []
    answer["data"] = _data(ask, id) if first.kind in MADE_OF_DATA else []
    return Page(
        template="thing.html", title=first.name or first.id, answer=answer, log=shown.log,
        beside={"id": id, "first": first, "shown_max": SHOWN_MAX,
                "waits": runs and waits,
                "ways": {way: hops_of(found) for way, found in hops.items()}},
    )  # fmt: skip


def _columns(ask: Ask, id: str) -> list[Column]:
    """The columns of a dataset that records name, each with what it was derived from."""
    prefix = "column:" + id.removeprefix("dataset:") + ":"
    found = ask.desk.find(prefix, as_of=ask.as_of, own=True).matches
    columns = []
    for match in [one for one in found if one.id.startswith(prefix)][:COLUMNS_MAX]:
        hop = ask.desk.trace(
            match.id, TraceOptions(depth=1, at=ask.at, as_of=ask.as_of, own=True)
        )  # fmt: skip
        sources = [edge for edge in hop.edges if edge.source == match.id and not edge.annotation]
        columns.append(Column(id=match.id, name=match.id[len(prefix) :], sources=sources))
    return sorted(columns, key=lambda column: column.name)


def _data(ask: Ask, id: str) -> list[TraceNode]:
    """The datasets that something was made from, the nearest first."""
    options = TraceOptions(kinds=("dataset", "dataset_version"), at=ask.at, as_of=ask.as_of)
    found = ask.desk.trace(id, options)
    nodes = [node for node in found.nodes if node.kind in options.kinds]
    return sorted(nodes, key=lambda node: (node.depth, node.id))


def _affected(ask: Ask, id: str) -> Any:
    try:
        return ask.desk.reality.affected(id, RealityOptions(at=ask.at, as_of=ask.as_of))
    except Error:
        return None  # what reaches too far to say is asked for on a page of its own
