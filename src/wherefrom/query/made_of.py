"""What an artifact was made of, as far as records say: commits, base images, packages.

    artifact ──generated_by──► build ──used──► commits, base images
        ├─────derived_from───────────────────► the same
        └─────contains, depends_on───────────► packages, as its SBOMs list them

Sizes:  PARTS_MAX parts, DEPTH_MAX steps from part to part; ``truncated`` says if there is more
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from wherefrom.query.summary import summaries
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.schema import ALTERNATE, CONTAINS, RELATION_NUMBERS

PARTS_MAX: Final = 20_000
DEPTH_MAX: Final = 12
_MADE: Final = tuple(RELATION_NUMBERS[name] for name in ("generated_by", "derived_from"))
_USED: Final = (RELATION_NUMBERS["used"], RELATION_NUMBERS["derived_from"])
_PARTS: Final = (CONTAINS, RELATION_NUMBERS["depends_on"])


class MadeOf(NamedTuple):
    """Ids: of commits, of images it was built from, of packages in it."""

    commits: frozenset[str]
    bases: frozenset[str]
    packages: frozenset[str]
    truncated: bool = False


def made_of(graph: Snapshot, lens: Lens, value: str) -> MadeOf:
    """What the artifact ``value`` was made of; nothing for one that the graph does not know."""
    start = set(graph.numbers([value]).values())
    if not start:
        return MadeOf(frozenset(), frozenset(), frozenset())
    start |= _step(graph, lens, start, (ALTERNATE,), up=True)
    start |= _step(graph, lens, start, (ALTERNATE,), up=False)
    whole = start | _step(graph, lens, start, (CONTAINS,), up=False)
    sources = set(whole)
    for relations in (_MADE, _USED, _USED):
        sources |= _step(graph, lens, sources, relations, up=True)
    parts, truncated = _parts(graph, lens, start)
    kinds = {n: s.kind for n, s in summaries(graph, sorted(sources | parts), lens).items()}
    ids = graph.ids(sorted(kinds))

    def of_kind(kind: str, among: Iterable[int]) -> frozenset[str]:
        return frozenset(ids[n] for n in among if kinds.get(n) == kind)

    return MadeOf(
        commits=of_kind("commit", sources),
        bases=of_kind("image", sources - whole),
        packages=of_kind("package", parts - start),
        truncated=truncated,
    )


def packages_in(graph: Snapshot, lens: Lens, start: set[int]) -> set[str]:
    """The packages among the parts of some things, without these themselves."""
    parts, _ = _parts(graph, lens, start)
    kinds = summaries(graph, sorted(parts - start), lens)
    return set(graph.ids([n for n, said in kinds.items() if said.kind == "package"]).values())


def _parts(graph: Snapshot, lens: Lens, start: set[int]) -> tuple[set[int], bool]:
    """Some things with all their parts, and whether there are more."""
    parts, fresh, depth = set(start), set(start), 0
    while fresh and len(parts) < PARTS_MAX and depth < DEPTH_MAX:
        fresh = _step(graph, lens, fresh, _PARTS, up=True) - parts
        parts |= fresh
        depth += 1
    return parts, bool(fresh)


def _step(
    graph: Snapshot, lens: Lens, numbers: set[int], relations: Iterable[int], *, up: bool
) -> set[int]:
    found = set()
    for relation in relations:
        for step in graph.steps(sorted(numbers), lens, up=up, only=relation, rows_max=PARTS_MAX):
            found.add(step.cause if up else step.effect)
    return found
