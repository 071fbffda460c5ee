"""One thing, whatever it is: an artifact, a dataset, a model, a build, a package.

What is said of it, by whom, how far that is believed; where it came from and what came of it, one
hop each way; where it runs.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from wherefrom.errors import Error
from wherefrom.query.answers import TraceEdge, TraceNode
from wherefrom.query.desk import TraceOptions
from wherefrom.query.reality import RealityOptions
from wherefrom.web.asking import Ask
from wherefrom.web.page import Page

# Kinds that may be made from data, and those whose place in what runs is asked for.
MADE_OF_DATA: Final = frozenset({"artifact", "model", "file"})
RUNS: Final = frozenset({"image", "artifact", "config", "model", "package", "source", "file"})
COLUMNS_MAX: Final = 200


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a dataset, and the edges to those it was derived from."""

    id: str
    name: str
    sources: list[TraceEdge]


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
    answer["affected"] = _affected(ask, id) if first.kind in RUNS else None
    answer["columns"] = _columns(ask, first.id) if first.kind == "dataset" else []
    answer["data"] = _data(ask, id) if first.kind in MADE_OF_DATA else []
    return Page(
        template="thing.html", title=first.name or first.id, answer=answer, log=shown.log,
        beside={"id": id, "first": first},
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
