"""A drawing as JSON: what is drawn, where it stands, and what says so. Pure.

Explored ──► LineageDrawn: things, groups and links, with the places that the drawing gives them
"""

from __future__ import annotations

import msgspec

from wherefrom.query.answers import LogPosition, Path
from wherefrom.web.lineage.explorer import Explored
from wherefrom.web.lineage.filters import Filters
from wherefrom.web.lineage.folding import Group


class At(msgspec.Struct, frozen=True, kw_only=True):
    """A box, in the drawing's units; ``column`` counts from causes to effects."""

    column: int
    left: int
    top: int
    width: int
    height: int


class ThingDrawn(msgspec.Struct, frozen=True, kw_only=True):
    """A thing; ``missing`` is what no record says of it, ``beyond`` where more may come."""

    id: str
    kind: str
    name: str | None
    trust: str
    documents: int
    names: list[str]
    missing: list[str]
    beyond: list[str]
    lit: bool
    at: At


class GroupDrawn(msgspec.Struct, frozen=True, kw_only=True):
    """Neighbours drawn as one; ``open`` in a link unfolds it, by its ``token``."""

    token: str
    of: str
    way: str
    relation: str
    kind: str
    members: list[str]
    opened: bool
    at: At


class LinkDrawn(
    msgspec.Struct, frozen=True, kw_only=True, rename={"source": "from", "target": "to"}
):
    """A line: ends are ids, or tokens of groups; it stands for so many ``links``."""

    source: str
    target: str
    relation: str
    trust: str
    entry: int | None
    links: int
    hidden: int
    lit: bool


class LineageDrawn(msgspec.Struct, frozen=True, kw_only=True):
    """What the page of a lineage shows.

    link  that of this drawing, as of this size; ``filters`` what it says
    way   between the ends that the link names
    """

    of: str
    starts: list[str]
    log: LogPosition
    as_of: int
    at: str | None
    filters: Filters
    link: str
    things: list[ThingDrawn]
    groups: list[GroupDrawn]
    links: list[LinkDrawn]
    way: Path | None
    notes: list[str]


def drawn(explored: Explored) -> LineageDrawn:
    """The answer of a drawing."""
    lit_things, lit_links = explored.lit()
    scene, groups = explored.scene, explored.folding.groups
    things = []
    for id in explored.folding.things():
        thing = scene.things[id]
        names = [link.effect if link.cause == id else link.cause for link in scene.names_of(id)]
        things.append(
            ThingDrawn(
                id=id,
                kind=thing.kind,
                name=thing.name,
                trust=explored.trust_of(id),
                documents=thing.documents,
                names=names,
                missing=list(thing.missing.values()),
                beyond=thing.beyond,
                lit=id in lit_things,
                at=_at(explored, id),
            )
        )
    links = []
    for line in explored.folding.lines():
        best = line.links[0]
        links.append(
            LinkDrawn(
                source=line.effect,
                target=line.cause,
                relation=line.relation,
                trust=best.trust,
                entry=best.entry,
                links=len(line.links),
                hidden=best.hidden,
                lit=any(link.key in lit_links for link in line.links),
            )
        )
    return LineageDrawn(
        of=explored.id,
        starts=scene.starts,
        log=explored.log,
        as_of=explored.as_of,
        at=explored.filters.at,
        filters=explored.filters,
        link=explored.pinned.link(explored.id),
        things=things,
        groups=[_group(explored, group) for group in groups.values()],
        links=links,
        way=explored.way,
        notes=explored.notes,
    )


def _group(explored: Explored, group: Group) -> GroupDrawn:
    return GroupDrawn(
        token=group.token,
        of=group.of,
        way=group.way,
        relation=group.relation,
        kind=group.kind,
        members=group.members,
        opened=group.opened,
        at=_at(explored, group.token),
    )


def _at(explored: Explored, item: str) -> At:
    place = explored.figure.places[item]
    return At(
        column=place.column,
        left=place.left,
        top=place.top,
        width=place.right - place.left,
        height=place.height,
    )
