"""What an artifact was made of, as far as records say: commits, base images, packages.

    artifact ──generated_by──► build ──used──► commits, base images
        ├─────derived_from───────────────────► the same
        └─────contains, depends_on───────────► packages, as its SBOMs list them

Each with the record that says so. Sizes:  PARTS_MAX parts, DEPTH_MAX steps from part to part;
``truncated`` says if there is more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
    """Ids of commits, of images it was built from, of packages in it, each with an entry that
    says so."""

    commits: Mapping[str, int] = {}
    bases: Mapping[str, int] = {}
    packages: Mapping[str, int] = {}
    truncated: bool = False

    def by_role(self) -> Iterator[tuple[str, str, int]]:
        """Role (``commit``, ``base`` or ``package``), id and entry of each."""
        for role, ids in (
            ("commit", self.commits), ("base", self.bases), ("package", self.packages)
        ):  # fmt: skip
            for id, entry in ids.items():
                yield role, id, entry


def made_of(graph: Snapshot, lens: Lens, value: str) -> MadeOf:
    """What the artifact ``value`` was made of; nothing for one that the graph does not know."""
    start = dict.fromkeys(graph.numbers([value]).values(), 0)
    if not start:
        return MadeOf()
    start = _step(graph, lens, start, (ALTERNATE,), up=True) | start
    start = _step(graph, lens, start, (ALTERNATE,), up=False) | start
    whole = _step(graph, lens, start, (CONTAINS,), up=False) | start
    sources = dict(whole)
    for relations in (_MADE, _USED, _USED):
        sources = _step(graph, lens, sources, relations, up=True) | sources
    parts, truncated = _parts(graph, lens, start)
    told = sorted(sources.keys() | parts.keys())
    kinds = {number: it.kind for number, it in summaries(graph, told, lens).items()}
    ids = graph.ids(sorted(kinds))

    def of_kind(kind: str, among: Mapping[int, int], but: Mapping[int, int]) -> dict[str, int]:
        return {
            ids[number]: entry
            for number, entry in among.items()
            if kinds.get(number) == kind and number not in but
        }

    return MadeOf(
        commits=of_kind("commit", sources, {}),
        bases=of_kind("image", sources, whole),
        packages=of_kind("package", parts, start),
        truncated=truncated,
    )


def packages_in(graph: Snapshot, lens: Lens, start: set[int]) -> set[str]:
    """The packages among the parts of some things, without these themselves."""
    parts, _ = _parts(graph, lens, dict.fromkeys(start, 0))
    kinds = summaries(graph, sorted(parts.keys() - start), lens)
    return set(graph.ids([n for n, said in kinds.items() if said.kind == "package"]).values())


def _parts(graph: Snapshot, lens: Lens, start: Mapping[int, int]) -> tuple[dict[int, int], bool]:
    """Some things with all their parts, each with an entry that says so; whether there are more."""
    parts, fresh, depth = dict(start), dict(start), 0
    while fresh and len(parts) < PARTS_MAX and depth < DEPTH_MAX:
        found = _step(graph, lens, fresh, _PARTS, up=True)
        fresh = {number: entry for number, entry in found.items() if number not in parts}
        parts |= fresh
        depth += 1
    return parts, bool(fresh)


def _step(
    graph: Snapshot, lens: Lens, numbers: Iterable[int], relations: Iterable[int], *, up: bool
) -> dict[int, int]:
    """The nodes one step on, each with the first entry that says so."""
    found: dict[int, int] = {}
    for relation in relations:
        for step in graph.steps(sorted(numbers), lens, up=up, only=relation, rows_max=PARTS_MAX):
            found.setdefault(step.cause if up else step.effect, step.first)
    return found
