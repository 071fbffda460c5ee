"""The page of a lineage: the drawing, what steers it, and the same in words."""

from __future__ import annotations

from collections import Counter
from typing import Final

from wherefrom.formats.facts import KINDS, RELATIONS
from wherefrom.web.asking import Ask
from wherefrom.web.lineage.answer import drawn
from wherefrom.web.lineage.explorer import Explored, explore
from wherefrom.web.lineage.filters import DEPTH_MAX, DIRECTIONS, TRUST, read_filters
from wherefrom.web.lineage.labels import kind_said, relation_said, short_name
from wherefrom.web.lineage.svg import to_svg
from wherefrom.web.lineage.text_tree import text_tree
from wherefrom.web.page import Page
from wherefrom.web.words import thing_path, with_query

# So many things are told in words below their drawing; more have a page of their own for it.
LISTED_MAX: Final = 300


def lineage(ask: Ask) -> Page:
    """``/lineage/{id}``, or its list alone with ``?view=list``."""
    filters = read_filters(ask.request.query_params)
    explored = explore(ask.desk, ask.path("id"), filters)
    things = explored.folding.things()
    alone = ask.query("view") == "list"
    start = explored.scene.things[explored.scene.starts[0]]

    def thing_link(id: str) -> str:
        return with_query(thing_path(id), as_of=filters.as_of, at=filters.at)

    listed = alone or len(things) <= LISTED_MAX
    return Page(
        template="lineage.html",
        title=f"Lineage of {short_name(start.id, start.name, 60)}",
        answer=drawn(explored),
        log=explored.log,
        beside={
            "explored": explored,
            "start": start,
            "things": len(things),
            "svg": "" if alone else to_svg(explored, thing_link),
            "lines": text_tree(explored, thing_link) if listed else [],
            "alone": alone,
            "list_link": _with_view(explored),
            "drawing_link": explored.filters.link(explored.id),
            "thing_link": thing_link(start.id),
            "causes_deeper": _causes_deeper(explored),
            **_choices(explored),
        },
    )


def _with_view(explored: Explored) -> str:
    link = explored.filters.link(explored.id)
    return f"{link}{'&' if '?' in link else '?'}view=list"


def _causes_deeper(explored: Explored) -> bool:
    """Whether more columns stand left of what was asked for than right: it is then in view if the
    drawing is looked at from its right side."""
    places = explored.figure.places
    here = places[explored.scene.starts[0]].column
    columns = [place.column for place in places.values()]
    return here - min(columns) > max(columns) - here


def _choices(explored: Explored) -> dict[str, object]:
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
