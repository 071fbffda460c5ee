"""Which commits, runs, migrations and people touched a table, dataset or column in a window.

    text ──► every table that is called so, its other names, its versions
               ├─ changes ──── commits, migrations          └ a column: of those that name it
               ├─ generated_by ── runs that wrote it
               └─ invalidated_by ── what dropped it

Names are short in a repository (``customers``) and long in a warehouse (``db.public.customers``):
both are asked about at once, and each touch says which of them it touched. Reading is no touch.

Sizes:  TOUCHES_MAX touches
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from wherefrom.errors import NotFound
from wherefrom.query import spellings
from wherefrom.query.evidence import Walked, gather
from wherefrom.query.reality_answers import Touch
from wherefrom.query.resolve import named
from wherefrom.query.summary import summaries
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.schema import ALTERNATE, RELATION_NAMES, RELATION_NUMBERS

TOUCHES_MAX: Final = 100_000
_TABLES: Final = frozenset({"dataset", "column"})
_SPECIALIZES: Final = RELATION_NUMBERS["specializes"]
# relation → whether what touched is the cause of it
_TOUCHES: Final = {"changes": False, "generated_by": True, "invalidated_by": True}
_WHO: Final = tuple(RELATION_NUMBERS[name] for name in ("attributed_to", "associated_with"))
_PEOPLE: Final = frozenset({"person", "organization"})


def touched(
    graph: Snapshot, text: str, lens: Lens, *, since: str | None, until: str | None
) -> tuple[list[str], list[Touch]]:
    """The ids of what is called ``text``, and what touched them from ``since`` on and before
    ``until``, newest first. Raises NotFound."""
    things, column = _things(graph, text.strip(), lens)
    versions = _beside(graph, things, lens)
    found = _touches(graph, things | versions, lens)
    if column is not None:
        found = [one for one in found if _names(one, column)]
    kept = [
        one
        for one in found
        if (since is None or one.at >= since) and (until is None or one.at < until)
    ]
    kept.sort(key=lambda one: (one.at, one.entry, one.id, one.what), reverse=True)
    return sorted(graph.ids(sorted(things)).values()), kept


def _things(graph: Snapshot, text: str, lens: Lens) -> tuple[set[int], str | None]:
    """Tables of this name; or of what is before its last dot, and the column after it."""
    found = _called(graph, text, lens)
    if found:
        return found, None
    table, dot, column = text.rpartition(".")
    if dot and (found := _called(graph, table, lens)):
        return found, column
    raise NotFound(
        "no table, dataset or column is called this", got=text,
        expected=f"a name in the log at size {lens.as_of}",
        do="Look for it with `wherefrom find`",
    )  # fmt: skip


def _called(graph: Snapshot, text: str, lens: Lens) -> set[int]:
    exact = [*spellings.exact_ids(text), *spellings.named_ids(text)]
    numbers = [*graph.numbers(exact).values(), *named(graph, text, lens)]
    seen = graph.visible(numbers, lens) if numbers else set()
    kinds = summaries(graph, sorted(seen), lens)
    return {n for n in seen if kinds[n].kind in _TABLES}


def _beside(graph: Snapshot, things: Collection[int], lens: Lens) -> set[int]:
    """Other names and versions of these."""
    found: set[int] = set()
    for relation, up in ((ALTERNATE, True), (ALTERNATE, False), (_SPECIALIZES, False)):
        for step in graph.steps(
            sorted({*things, *found}), lens, up=up, only=relation, rows_max=TOUCHES_MAX
        ):
            found.add(step.cause if up else step.effect)
    return found - set(things)


def _touches(graph: Snapshot, things: Collection[int], lens: Lens) -> list[Touch]:
    walked = [
        Walked(step, 1)
        for name, is_cause in _TOUCHES.items()
        for step in graph.steps(
            sorted(things), lens, up=is_cause, only=RELATION_NUMBERS[name], rows_max=TOUCHES_MAX
        )
    ]
    numbers = sorted({n for w in walked for n in (w.step.effect, w.step.cause)})
    edges = gather(graph, lens, numbers, walked).edges
    said = summaries(graph, numbers, lens)
    judged = graph.judgements({edge.entry for edge in edges}, lens)
    makers = [w.step.cause if _is_cause(w) else w.step.effect for w in walked]
    who = _who(graph, makers, lens)
    found = []
    for walk, edge, maker in zip(walked, edges, makers, strict=True):
        by = edge.target if _is_cause(walk) else edge.source
        found.append(
            Touch(
                at=edge.occurred or edge.received,
                id=by,
                kind=said[maker].kind,
                name=said[maker].name,
                what=edge.source if _is_cause(walk) else edge.target,
                how=edge.relation,
                entry=edge.entry,
                type=judged[edge.entry].type,
                trust=edge.trust,
                signers=edge.signers,
                by=who.get(maker, []),
                properties=edge.properties,
            )
        )
    return found


def _is_cause(walked: Walked) -> bool:
    return _TOUCHES[RELATION_NAMES[walked.step.relation]]


def _who(graph: Snapshot, makers: Sequence[int], lens: Lens) -> dict[int, list[str]]:
    """Names of the people and organizations behind each."""
    steps = [
        step
        for relation in _WHO
        for step in graph.steps(
            sorted(set(makers)), lens, up=True, only=relation, rows_max=TOUCHES_MAX
        )
    ]
    numbers = sorted({step.cause for step in steps})
    said, ids = summaries(graph, numbers, lens), graph.ids(numbers)
    found: dict[int, set[str]] = {}
    for step in steps:
        if said[step.cause].kind in _PEOPLE:
            name = said[step.cause].name or ids[step.cause]
            found.setdefault(step.effect, set()).add(name)
    return {maker: sorted(names) for maker, names in found.items()}


def _names(touch: Touch, column: str) -> bool:
    """Whether what touched a table named this column; a run writes all of them."""
    named = touch.properties.get("names")
    return touch.kind == "run" or (isinstance(named, list) and column.lower() in named)
