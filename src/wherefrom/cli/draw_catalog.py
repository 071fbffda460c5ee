"""Answers about catalogues for people: services with their owners, and who is silent.

production/cart  shop, critical
  missing  sbom         ci       never
  late     observation  cluster  3 h ago, within 15 min  #17 signed
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.draw_reality import age
from wherefrom.cli.render import columns, count, foot
from wherefrom.formats.shown import cut, printable, short_id

if TYPE_CHECKING:
    from wherefrom.query.catalog.answers import (
        CatalogShown,
        Expected,
        Gaps,
        LastHeard,
        ServiceShown,
        Share,
    )
    from wherefrom.query.catalog.in_force import HeldCatalog

_LISTED: Final = 8


def draw_catalog(answer: CatalogShown, *, one: bool) -> Iterator[str]:
    """A line a service; of one asked for by name, who was heard of it too."""
    if not answer.catalogs:
        yield "No catalogue is in force. Record one: wherefrom catalog record FILE"
    for shown in answer.services:
        yield _service(shown)
        if one:
            yield from _in_full(shown)
    for name in answer.named_twice:
        yield f"{printable(name)} is named by more than one catalogue"
    yield ""
    yield from _catalogs(answer.catalogs)
    yield foot(answer.log, as_of=answer.as_of)


def _service(shown: ServiceShown) -> str:
    said = shown.service
    told = [said.owner or "nobody's", said.criticality or "", "billable" if said.billable else ""]
    where = ", ".join(said.environments or shown.runs_in)
    line = f"{printable(said.name)}  {printable(', '.join(filter(None, told)))}"
    return cut(f"{line}  {printable(where)}", columns())


def _in_full(shown: ServiceShown) -> Iterator[str]:
    said = shown.service
    for what, listed in (
        ("called", said.aliases), ("code", said.repositories), ("images", said.images),
        ("data", said.namespaces), ("tags", said.tags), ("runs in", shown.runs_in),
    ):  # fmt: skip
        if listed:
            yield cut(f"  {what}  {printable(', '.join(listed))}", columns())
    if shown.owner is not None:
        for kind, contact in sorted(shown.owner.contacts.items()):
            yield cut(f"  {printable(kind)}  {printable(contact)}", columns())
    for emitter in said.emitters:
        kinds = ", ".join(emitter.kinds)
        within = f", every {age(emitter.within)}" if emitter.within is not None else ""
        yield cut(f"  expected  {printable(emitter.name)}: {printable(kinds)}{within}", columns())
    for kind, last in shown.heard.items():
        yield cut(f"  heard  {kind}  {_last(last)}", columns())


def draw_gaps(answer: Gaps) -> Iterator[str]:
    """What is late or missing, by environment and service; then strangers, and coverage."""
    for (environment, service), ones in groupby(
        answer.gaps, key=lambda one: (one.environment, one.service)
    ):
        some = list(ones)
        told = ", ".join(filter(None, (some[0].owner or "nobody's", some[0].criticality)))
        name = "/".join(filter(None, (environment, service)))
        yield f"{click.style(printable(name), bold=True)}  {printable(told)}"
        rows = [(one.state, one.kind, one.emitter, _says(one)) for one in some]
        widths = [max(len(row[n]) for row in rows) for n in range(3)]
        for row in rows:
            cells = [printable(cell).ljust(width) for cell, width in zip(row, widths, strict=False)]
            yield cut(f"  {'  '.join(cells)}  {row[3]}", columns())
    if not answer.gaps:
        yield "Everything that is expected came." if answer.expected else "Nothing is expected."
    for stranger in answer.unknown[:_LISTED]:
        where = f" in {', '.join(stranger.environments)}" if stranger.environments else ""
        yield cut(f"No catalogue names {printable(stranger.service + where)}", columns())
    if len(answer.unknown) > _LISTED:
        yield f"and {len(answer.unknown) - _LISTED:,} more services that no catalogue names"
    for name, where_too in sorted(answer.undeclared.items()):
        listed = printable(", ".join(where_too))
        yield cut(f"{printable(name)} runs in {listed}, and no catalogue says so", columns())
    if answer.unseen:
        listed = ", ".join(map(printable, answer.unseen[:_LISTED]))
        more = " …" if len(answer.unseen) > _LISTED else ""
        yield cut(f"No record names {listed}{more}", columns())
    yield ""
    parts = [f"{_share(answer.coverage.all)} of what is expected is there"]
    if answer.coverage.production.expected:
        parts.append(f"in production {_share(answer.coverage.production)}")
    yield "; ".join(parts)
    yield from _catalogs(answer.catalogs)
    yield foot(answer.log, as_of=answer.as_of)


def _says(one: Expected) -> str:
    if one.without:
        listed = ", ".join(short_id(id) for id in one.without[:3])
        more = " …" if len(one.without) > 3 else ""
        return f"none of {printable(listed)}{more}, which {'run' if one.without[1:] else 'runs'}"
    if one.last is None or one.age is None:
        return "never"
    within = f", within {age(one.within)}" if one.within is not None else ""
    return f"{age(one.age)} ago{within}  #{one.last.entry} {one.last.trust}"


def _last(last: LastHeard) -> str:
    by = last.source or last.producer
    return f"{last.at[:19]}Z  {printable(by)}  #{last.entry} {last.trust}"


def _catalogs(some: list[HeldCatalog]) -> Iterator[str]:
    for one in some:
        held = count(one.services, "service") if one.held else "erased"
        told = f"{printable(one.name)} {short_id(one.digest)}: {held}, since {one.since[:19]}Z"
        yield cut(f"{told}  #{one.entry} {one.trust}", columns())


def _share(share: Share) -> str:
    if share.share is None:
        return "none"
    return f"{share.covered:,} of {share.expected:,} ({share.share:.1%})"
