"""Which packages a log names: those that advisories are worth recording about.

    ids pkg:… ──a page──► without their versions, and the sources that SBOMs name beside

Whatever has a version is named by something that has it; a package without one is named by
advisories too, and counts only where something contains it.

Sizes:  PAGE_MAX ids of the graph a page
"""

from __future__ import annotations

from typing import Final

import msgspec

from wherefrom.errors import Refused
from wherefrom.formats import ecosystems
from wherefrom.formats.purl import canonical
from wherefrom.query.answers import LogPosition, log_of
from wherefrom.query.summary import summaries
from wherefrom.views.graph import Lens, Snapshot

PAGE_MAX: Final = 10_000
_PREFIX: Final = "pkg:"
_WITH_SOURCES: Final = ("pkg:deb/", "pkg:apk/", "pkg:rpm/")


class Packages(msgspec.Struct, frozen=True, kw_only=True):
    """Ids without a version, in order; ``after`` asks for the next page, None if there is none."""

    packages: list[str]
    after: str | None
    log: LogPosition


def packages(graph: Snapshot, lens: Lens, *, after: str = "") -> Packages:
    """A page of them, from what comes after ``after`` on."""
    rows = graph.ids_after(after, _PREFIX, PAGE_MAX)
    found: set[str] = set()
    bare: dict[int, str] = {}
    for id, number in rows:
        general = ecosystems.without_version(id)
        if general == id:
            bare[number] = id
        else:
            found.add(general)
    for number in graph.related(sorted(bare), ["contains", "depends_on"], lens, up=False):
        found.add(bare[number])
    distributed = {number: id for id, number in rows if id.startswith(_WITH_SOURCES)}
    for number, said in summaries(graph, sorted(distributed), lens).items():
        try:
            own = canonical(distributed[number])
            whole = canonical(str(said.properties.get("purl") or own.id))
        except Refused:
            continue
        if whole.id == own.id:
            found.update(id for id, _ in ecosystems.names_of(own, whole))
    return Packages(
        packages=sorted(found),
        after=rows[-1][0] if len(rows) == PAGE_MAX else None,
        log=log_of(graph),
    )
