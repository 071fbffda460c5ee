"""One thing, whatever it is: an artifact, a dataset, a model, a build, a package.

What is said of it, by whom, how far that is believed; where it came from and what came of it, one
hop each way; where it runs.
"""

from __future__ import annotations

from typing import Any, Final

from wherefrom.errors import Error
from wherefrom.query.desk import TraceOptions
from wherefrom.query.reality import RealityOptions
from wherefrom.web.asking import Ask
from wherefrom.web.page import Page

# Kinds whose place in what runs is asked for.
RUNS: Final = frozenset({"image", "artifact", "config", "model", "package", "source", "file"})


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
    return Page(
        template="thing.html", title=first.name or first.id, answer=answer, log=shown.log,
        beside={"id": id, "first": first},
    )  # fmt: skip


def _affected(ask: Ask, id: str) -> Any:
    try:
        return ask.desk.reality.affected(id, RealityOptions(at=ask.at, as_of=ask.as_of))
    except Error:
        return None  # what reaches too far to say is asked for on a page of its own
