"""Cross-domain completeness of a whole log: what it uses and cannot explain, and who can.

    our nodes ──used, deployed, run, derived from──► uses ──no origin of our own──► unexplained
                                                             └─ids─► each followed log ──► explained

A thing is *used* if a record of ours states an edge of ``USES`` that leads to it, and *explained*
by a log that states an edge of ``ORIGINS`` from it or from another name of it (one ``alternate``
away, as our own log or that one knows it). Commits and source locations are where provenance
begins: they are not counted. A trace has a narrower figure of its own, of its ``gaps``.

Sizes:  SECONDS_MAX in all; then the figures are of the ``looked`` of all ``nodes``
Source: docs/decisions/0023-federation.md
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from wherefrom.query.summary import summaries
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.lens import CHUNK
from wherefrom.views.graph.schema import ALTERNATE

SECONDS_MAX: Final = 10.0
ALTERNATES_MAX: Final = 10_000
USES: Final = ("used", "deploys", "runs", "derived_from")
ORIGINS: Final = ("generated_by", "derived_from", "revises")
_BEGINNINGS: Final = frozenset({"commit", "source"})


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """What our log, at ``size``, uses and does not explain, and what others say of that.

    used         things that it uses, beginnings not counted
    unexplained  those of them that it does not explain
    explained    those of these that some followed log explains; ``by`` is how many each does
    looked       nodes of our graph that were looked at, of ``nodes``; fewer if time ran out
    """

    size: int
    used: int
    unexplained: int
    explained: int
    by: dict[str, int]
    looked: int
    nodes: int


def crossing(
    own: Snapshot, others: Mapping[str, Snapshot], *, seconds_max: float = SECONDS_MAX
) -> Crossing:
    """Count it, over graphs as they are now. ``others`` by origin."""
    lens = own.lens()
    until = time.monotonic() + seconds_max
    used = unexplained = explained = looked = 0
    by = dict.fromkeys(others, 0)
    for numbers in _nodes(own):
        if time.monotonic() > until:
            break
        looked += len(numbers)
        here = own.related(numbers, USES, lens, up=False)
        kinds = {n: s.kind for n, s in summaries(own, sorted(here), lens).items()}
        here = {n for n in here if kinds.get(n) not in (None, *_BEGINNINGS)}
        used += len(here)
        names = _names(own, here, lens)
        origins = own.related(sorted({n for ns in names.values() for n in ns}), ORIGINS, lens)
        names = {n: ns for n, ns in names.items() if not ns & origins}
        unexplained += len(names)
        ids = own.ids(sorted({n for ns in names.values() for n in ns}))
        called = {n: {ids[m] for m in ns} for n, ns in names.items()}
        found: set[int] = set()
        for origin, other in others.items():
            known = _explained(other, called)
            by[origin] += len(known)
            found |= known
        explained += len(found)
    return Crossing(
        size=own.size, used=used, unexplained=unexplained, explained=explained, by=by,
        looked=looked, nodes=own.nodes(),
    )  # fmt: skip


def _nodes(snapshot: Snapshot) -> Iterator[Sequence[int]]:
    last = -1
    while found := snapshot.nodes_after(last, CHUNK):
        yield found
        last = found[-1]


def _explained(other: Snapshot, called: Mapping[int, set[str]]) -> set[int]:
    """Those of our things, by number, that another log explains under one of their names."""
    lens = other.lens()
    numbers = other.numbers({id for ids in called.values() for id in ids})
    names = _names(other, numbers.values(), lens)
    origins = other.related(sorted({n for ns in names.values() for n in ns}), ORIGINS, lens)
    known = {id for id, n in numbers.items() if names[n] & origins}
    return {thing for thing, ids in called.items() if ids & known}


def _names(snapshot: Snapshot, numbers: Iterable[int], lens: Lens) -> dict[int, set[int]]:
    """Each node with its alternates, both ways."""
    found = {n: {n} for n in numbers}
    for up in (True, False):
        steps = snapshot.steps(sorted(found), lens, up=up, only=ALTERNATE, rows_max=ALTERNATES_MAX)
        for step in steps:
            here, there = (step.effect, step.cause) if up else (step.cause, step.effect)
            found[here].add(there)
    return found
