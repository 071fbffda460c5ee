"""Where did this come from? What came of it? The walk, with its evidence and its limits.

    ids ──► Walk (up: effect → cause · down: cause → effect) ──► depths, edges
        ──► documents that describe what was found, beside the walk
        ──► evidence, gaps, what is erased, what a bound cut off ──► Trace

``up`` is the default: a build's product leads to its build, commit and builder. ``down`` asks
what a commit, a package or a dataset ended up in; there a part leads to its wholes, because
``contains`` goes from whole to part. ``kind`` filters what is shown, not what is walked.

Sizes:  DOCUMENTS_EACH_MAX documents a node, DOCUMENTS_MAX in all
Source: INTERFACES, "Relations", "Command line"
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from wherefrom.errors import NotFound
from wherefrom.formats import timestamps
from wherefrom.query.answers import FRONTIER_MAX, Trace, erased_in, log_of
from wherefrom.query.evidence import Evidence, Walked, gather, in_order
from wherefrom.query.gaps import missing_links
from wherefrom.query.summary import mentions_of
from wherefrom.query.walk import DEPTH_MAX as DEPTH_MAX
from wherefrom.query.walk import NODES_MAX, SECONDS_MAX, Bounds, Walk
from wherefrom.views.graph import Lens, Snapshot, Step
from wherefrom.views.graph.schema import CONTAINS, KIND_NUMBERS

DOCUMENTS_EACH_MAX: Final = 8
DOCUMENTS_MAX: Final = 1_000
WHOLES_MAX: Final = 16

_IMAGE: Final = KIND_NUMBERS["image"]


def trace(
    snapshot: Snapshot,
    ids: str | Sequence[str],
    *,
    direction: str = "up",
    depth: int = DEPTH_MAX,
    kind: str | Collection[str] | None = None,
    at: str | None = None,
    as_of: int | None = None,
    nodes_max: int = NODES_MAX,
    seconds_max: float = SECONDS_MAX,
) -> Trace:
    """Walk from ``ids`` (one thing under one or more names) and say what was found.

    ids        node ids, from ``resolve``; the first is the answer's ``of``
    direction  ``up`` to causes, ``down`` to effects
    kind       show only the starts and nodes of this kind or these kinds
    at         RFC 3339: only what is dated up to then
    as_of      only entries below this log size, with the trust they had then

    Raises NotFound if no id is there under this lens, Malformed for a time that is none,
    Unavailable for a size not reached; ValueError for a slip in direction or bounds.
    """
    if direction not in ("up", "down"):
        raise ValueError(f"a trace goes up or down, not {direction!r}")
    asked = [ids] if isinstance(ids, str) else list(ids)
    lens = snapshot.lens(
        as_of=as_of, at=None if at is None else timestamps.canonical(at, where="at")
    )
    starts = starts_of(snapshot, asked, lens)
    up = direction == "up"
    bounds = Bounds(depth_max=depth, nodes_max=nodes_max, seconds_max=seconds_max)
    walk = Walk(snapshot, lens, starts, up=up, bounds=bounds)
    if up:
        walk.enter_wholes(_wholes(snapshot, lens, list(walk.depths)))
    walk.run()
    return _answer(snapshot, lens, asked[0], starts, walk, up=up, kind=kind)


def starts_of(snapshot: Snapshot, ids: Sequence[str], lens: Lens) -> list[int]:
    """The numbers of ``ids`` that the lens shows, in order. Raises NotFound if none is."""
    numbers = snapshot.numbers(ids)
    seen = snapshot.visible(list(numbers.values()), lens) if numbers else set()
    found = [numbers[i] for i in dict.fromkeys(ids) if i in numbers and numbers[i] in seen]
    if not found:
        raise NotFound(
            "no record speaks of this",
            got=", ".join(ids),
            expected=f"an id in the log at size {lens.as_of}",
            do="Look for it with `wherefrom find`",
        )
    return found


def _wholes(snapshot: Snapshot, lens: Lens, starts: list[int]) -> list[Step]:
    """The ``contains`` edges from image indexes to images among ``starts``."""
    images = _images(snapshot, starts, lens)
    if not images:
        return []
    steps = snapshot.steps(images, lens, up=False, only=CONTAINS, rows_max=WHOLES_MAX)
    wholes = _images(snapshot, sorted({s.effect for s in steps}), lens)
    return [s for s in steps if s.effect in wholes]


def _images(snapshot: Snapshot, numbers: list[int], lens: Lens) -> list[int]:
    """Those of ``numbers`` that some record calls an image."""
    by_node = mentions_of(snapshot, numbers, lens)
    return [n for n, mentions in by_node.items() if any(m.kind == _IMAGE for m in mentions)]


def _answer(
    snapshot: Snapshot,
    lens: Lens,
    of: str,
    starts: list[int],
    walk: Walk,
    *,
    up: bool,
    kind: str | Collection[str] | None,
) -> Trace:
    depths = dict(walk.depths)
    walked = [Walked(step, level) for step, level in walk.edges.values()]
    notes: list[str] = []
    _add_documents(snapshot, lens, walk, depths, walked, notes)
    evidence = gather(snapshot, lens, list(depths), walked)
    nodes, edges = evidence.nodes(depths), in_order(evidence.edges)
    start_ids = [evidence.ids[n] for n in starts]
    gaps = missing_links(
        nodes,
        edges,
        starts=start_ids,
        unexpanded={evidence.ids[n] for n in walk.unexpanded},
        up=up,
    )
    if kind:
        shown = {kind} if isinstance(kind, str) else set(kind)
        nodes = [n for n in nodes if n.kind in shown or n.id in start_ids]
        kept = {n.id for n in nodes}
        edges = [e for e in edges if e.source in kept and e.target in kept]
    return Trace(
        of=of,
        starts=start_ids,
        direction="up" if up else "down",
        log=log_of(snapshot),
        as_of=lens.as_of,
        at=lens.at,
        nodes=nodes,
        edges=edges,
        gaps=gaps,
        erased=erased_in(snapshot, lens),
        truncated=walk.reason is not None,
        reason=walk.reason,
        frontier=_frontier(walk, evidence, notes),
        notes=notes,
    )


def _add_documents(
    snapshot: Snapshot,
    lens: Lens,
    walk: Walk,
    depths: dict[int, int],
    walked: list[Walked],
    notes: list[str],
) -> None:
    """Put the documents that describe a node beside it, without walking through them."""
    steps = snapshot.documents(list(walk.depths), lens, each_max=DOCUMENTS_EACH_MAX + 1)
    counts: dict[int, int] = {}
    left_out = False
    added = 0
    for step in sorted(steps, key=lambda s: (walk.depths[s.cause], s.cause, -s.effect)):
        if (step.effect, step.relation, step.cause) in walk.edges:
            continue
        counts[step.cause] = counts.get(step.cause, 0) + 1
        if counts[step.cause] > DOCUMENTS_EACH_MAX or added >= DOCUMENTS_MAX:
            left_out = True
            continue
        added += 1
        level = walk.depths[step.cause] + 1
        depths.setdefault(step.effect, level)
        walked.append(Walked(step, level, annotation=True))
    if left_out:
        notes.append("more documents describe these nodes than are shown: `wherefrom show` lists")


def _frontier(walk: Walk, evidence: Evidence, notes: list[str]) -> list[str]:
    frontier = sorted(evidence.ids[n] for n in walk.unexpanded)
    if len(frontier) > FRONTIER_MAX:
        notes.append(f"the frontier has {len(frontier)} nodes; {FRONTIER_MAX} are listed")
    return frontier[:FRONTIER_MAX]
