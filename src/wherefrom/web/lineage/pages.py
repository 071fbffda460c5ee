"""The page of a lineage: the drawing, what steers it, and the same in words.

/lineage/{id} ──► the page; ?part=drawing ──► the drawing alone, for a page that is open
embedded(…)   ──► what ``lineage_drawing.html`` needs, for a page that shows a lineage too
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import msgspec

from wherefrom.formats.facts import KINDS, RELATIONS
from wherefrom.web.asking import Ask
from wherefrom.web.lineage.answer import drawn
from wherefrom.web.lineage.explorer import Explored, explore
from wherefrom.web.lineage.filters import DEPTH_MAX, DIRECTIONS, TRUST, Filters, read_filters
from wherefrom.web.lineage.labels import kind_said, relation_said, short_name
from wherefrom.web.lineage.svg import to_svg
from wherefrom.web.lineage.text_tree import TextLine, text_tree
from wherefrom.web.page import Page
from wherefrom.web.words import thing_path, with_query

# So many things are told in words below their drawing; more have a page of their own for it.
LISTED_MAX: Final = 300


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A drawing for a template.

    svg        the element; empty where the list stands alone
    lines      the list; empty where there are too many things to tell below their drawing
    links      of this drawing with its size, of its list alone, of its page
    from_right whether what was asked for is in view if the drawing is looked at from its right
    """

    svg: str
    lines: list[TextLine]
    things: int
    notes: list[str]
    steps: int | None
    link: str
    list_link: str
    page_link: str
    from_right: bool


def lineage(ask: Ask) -> Page:
    """``/lineage/{id}``, or its list alone with ``?view=list``."""
    filters = read_filters(ask.request.query_params)
    explored = explore(ask.desk, ask.path("id"), filters)
    start = explored.scene.things[explored.scene.starts[0]]
    return Page(
        template="lineage.html",
        title=f"Lineage of {short_name(start.id, start.name, 60)}",
        answer=drawn(explored),
        log=explored.log,
        beside={
            "start": start,
            "start_link": _link_of(explored, start.id),
            "lineage_drawn": _shown(explored, alone=ask.query("view") == "list"),
            **_choices(explored),
        },
    )


def embedded(ask: Ask, id: str, *, depth: int = 1) -> Shown:
    """The lineage of ``id`` for another page, ``depth`` hops each way. Raises NotFound."""
    filters = Filters(depth=depth, at=ask.at, as_of=ask.as_of)
    return _shown(explore(ask.desk, id, filters), alone=False)


def _shown(explored: Explored, *, alone: bool) -> Shown:
    def link(id: str) -> str:
        return _link_of(explored, id)

    things = len(explored.folding.things())
    page_link = explored.filters.link(explored.id)
    listed = alone or things <= LISTED_MAX
    return Shown(
        svg="" if alone else to_svg(explored, link),
        lines=text_tree(explored, link) if listed else [],
        things=things,
        notes=explored.notes,
        steps=explored.way.length if explored.way is not None else None,
        link=explored.pinned.link(explored.id),
        list_link=f"{page_link}{'&' if '?' in page_link else '?'}view=list",
        page_link=page_link,
        from_right=_causes_deeper(explored),
    )


def _link_of(explored: Explored, id: str) -> str:
    return with_query(thing_path(id), as_of=explored.filters.as_of, at=explored.filters.at)


def _causes_deeper(explored: Explored) -> bool:
    places = explored.figure.places
    here = places[explored.scene.starts[0]].column
    columns = [place.column for place in places.values()]
    return here - min(columns) > max(columns) - here


def _choices(explored: Explored) -> dict[str, Any]:
    """What the form offers: kinds and relations that are there, or chosen."""
    scene, filters = explored.scene, explored.filters
    kinds = Counter(thing.kind for thing in scene.things.values())
    return {
        "directions": DIRECTIONS,
        "depth_max": DEPTH_MAX,
        "levels": TRUST,
        "kinds": [
            (kind, kind_said(kind), kinds[kind])
            for kind in KINDS
            if kind in kinds or kind in filters.kinds
        ],
        "relations": [
            (relation, relation_said(relation), scene.relations[relation])
            for relation in RELATIONS
            if scene.relations[relation] or relation in filters.relations
        ],
    }
