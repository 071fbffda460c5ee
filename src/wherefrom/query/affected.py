"""What a package, an artifact or a vulnerability reaches: down to what runs, and where.

    CVE ◄─describes─ claims ─describes─► products it affects ┐
    package URL, digest, … ──────────────────────────────────┴─ down ──► all that holds them
                                                                          └ meets what the estate
                                                                            holds at a time

An advisory that speaks of versions (OSV) reaches those that the log names, if they are affected or
cannot be compared. An image index and its platforms are one thing, as everywhere in the estate. Who
says that a product is not affected (VEX) excuses what is reached through it: such places are shown,
with the claim.

Sizes:  NODES_MAX things and SECONDS_MAX seconds; a bound that is reached is said
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple

from wherefrom.formats.claims import is_known_scheme, vulnerability_id
from wherefrom.formats.timestamps import of_micros
from wherefrom.query import spellings
from wherefrom.query.advisories import versions_met
from wherefrom.query.claimed import is_by_version, is_claim
from wherefrom.query.evidence import Walked, gather
from wherefrom.query.reality_answers import Claimed, Reached
from wherefrom.query.resolve import resolve
from wherefrom.query.summary import STRENGTH, summaries
from wherefrom.query.walk import Bounds, Walk
from wherefrom.views.estate import Held
from wherefrom.views.graph import Judgement, Lens, Snapshot, Step
from wherefrom.views.graph.schema import ALTERNATE, CONTAINS, DESCRIBES

NODES_MAX: Final = 200_000
SECONDS_MAX: Final = 10.0
DEPTH_MAX: Final = 60
VERSIONS_MAX: Final = 10_000
CLAIMS_MAX: Final = 10_000
_BAD: Final = frozenset({"affected", "under_investigation", "unknown", None})


class Blast(NamedTuple):
    """What is reached: from which ids, each from which one, how many things of each kind, with
    which claims of a vulnerability; ``reason`` is the bound that ended the search, if one did."""

    starts: list[str]
    came_from: Mapping[str, str | None]
    things: dict[str, int]
    claims: list[Claimed]
    reason: str | None


def blast(graph: Snapshot, text: str, lens: Lens) -> Blast:
    """All that ``text`` reaches. Raises NotFound, Ambiguous."""
    starts, claims = _starts(graph, text, lens)
    walk = Walk(
        graph, lens, starts, up=False,
        bounds=Bounds(depth_max=DEPTH_MAX, nodes_max=NODES_MAX, seconds_max=SECONDS_MAX),
    )  # fmt: skip
    walk.run()
    ways = [step for step, _ in walk.edges.values()]
    kinds = _kinds(graph, walk.depths, lens)
    images = [n for n in walk.depths if kinds.get(n) == "image"]
    parts = graph.steps(images, lens, up=True, only=CONTAINS, rows_max=NODES_MAX)
    kinds |= _kinds(graph, {part.cause for part in parts} - kinds.keys(), lens)
    platforms = [part for part in parts if kinds.get(part.cause) == "image"]
    came_from = _came_from(sorted(walk.starts & walk.depths.keys()), ways, platforms)
    ids = graph.ids(list(came_from))
    return Blast(
        starts=sorted(ids[n] for n in walk.starts),
        came_from={ids[n]: None if f is None else ids[f] for n, f in came_from.items()},
        things=dict(sorted(Counter(kinds.get(n, "artifact") for n in came_from).items())),
        claims=claims,
        reason=walk.reason,
    )


def _kinds(graph: Snapshot, numbers: Collection[int], lens: Lens) -> dict[int, str]:
    return {n: s.kind for n, s in summaries(graph, sorted(numbers), lens).items()}


def _starts(graph: Snapshot, text: str, lens: Lens) -> tuple[list[int], list[Claimed]]:
    text = text.strip()
    if is_known_scheme(text):
        text = vulnerability_id(text)
    numbers = _versions(graph, text, lens)
    if not numbers:
        ids = [match.id for match in resolve(graph, text, as_of=lens.as_of)]
        numbers = list(graph.numbers(ids).values())
    kinds = summaries(graph, numbers, lens)
    weak = [n for n in numbers if kinds[n].kind == "vulnerability"]
    if not weak:
        return numbers, []
    return _products(graph, weak, lens)


def _versions(graph: Snapshot, text: str, lens: Lens) -> list[int]:
    """Every version of a package that is named without one."""
    if not text.lower().startswith("pkg:") or "@" in text.rpartition("/")[2]:
        return []
    found = list(graph.numbers(spellings.exact_ids(text)).values())
    for prefix in spellings.prefixes(text):
        found += [n for _, n in graph.ids_from(prefix, VERSIONS_MAX)]
    seen = graph.visible(found, lens) if found else set()
    return [n for n in dict.fromkeys(found) if n in seen]


def _products(
    graph: Snapshot, vulnerabilities: list[int], lens: Lens
) -> tuple[list[int], list[Claimed]]:
    """What is affected by these, as somebody claims; and every claim about them."""
    same = set(vulnerabilities)
    for up in (True, False):
        for step in graph.steps(sorted(same), lens, up=up, only=ALTERNATE, rows_max=CLAIMS_MAX):
            same |= {step.effect, step.cause}
    about = graph.steps(sorted(same), lens, up=False, only=DESCRIBES, rows_max=CLAIMS_MAX)
    said = summaries(graph, sorted({s.effect for s in about}), lens)
    claims = [n for n, s in said.items() if is_claim(s)]
    ties = [
        Walked(step, 1)
        for step in graph.steps(claims, lens, up=True, only=DESCRIBES, rows_max=NODES_MAX)
        if step.cause not in same
    ]
    numbers = sorted({n for tie in ties for n in (tie.step.effect, tie.step.cause)})
    told = []
    found: list[int] = versions_met(graph, lens, {n: said[n] for n in claims}, ties)
    edges = gather(graph, lens, numbers, ties).edges
    for tie, edge in zip(ties, edges, strict=True):
        properties = said[tie.step.effect].properties
        status = properties.get("status")
        by_version = is_by_version(said[tie.step.effect])
        if by_version and edge.properties.get("as") != "product":
            continue  # another vulnerability that it is about, or its own name
        is_part = edge.properties.get("as") == "subcomponent"
        told.append(
            Claimed(
                product=edge.target,
                status=status or "unknown",
                justification=properties.get("justification"),
                within=tuple(edge.properties.get("within", ())) if is_part else (),
                entry=edge.entry,
                trust=edge.trust,
                signers=edge.signers,
                at=edge.occurred or edge.received,
            )
        )
        if status in _BAD and not by_version:
            found.append(tie.step.cause)
    return list(dict.fromkeys(found)), told


def _came_from(
    starts: Iterable[int], ways: Iterable[Step], platforms: Iterable[Step]
) -> dict[int, int | None]:
    """Each number that is reached, and from which one, on a shortest way."""
    onward: dict[int, list[int]] = defaultdict(list)
    for step in ways:
        onward[step.cause].append(step.effect)
        if step.relation == ALTERNATE:
            onward[step.effect].append(step.cause)
    for step in platforms:
        onward[step.effect].append(step.cause)
    came: dict[int, int | None] = dict.fromkeys(starts)
    todo = deque(came)
    while todo:
        here = todo.popleft()
        for there in sorted(onward[here]):
            if there not in came:
                came[there] = here
                todo.append(there)
    return came


def reached_places(
    found: Blast,
    held: Iterable[Held],
    judged: Mapping[int, Judgement],
    *,
    owner_of: Callable[[str], str | None] = lambda _: None,
) -> list[Reached]:
    """Each place of the estate that holds what is reached, with the way to it."""
    by_place: dict[tuple[str, ...], list[Held]] = defaultdict(list)
    for one in held:
        if one.value in found.came_from:
            by_place[*one.scope[:4], one.slot, one.name, one.mode, one.value].append(one)
    excuses = _excuses(found.claims)
    places = []
    for place, ones in sorted(by_place.items()):
        newest = max(ones, key=lambda one: (one.seen, one.seen_entry))
        via = _way(found.came_from, newest.value)
        environment, service, region, pool, slot, name, mode, value = place
        judgement = judged.get(newest.seen_entry)
        places.append(
            Reached(
                environment=environment, service=service, region=region, pool=pool, slot=slot,
                name=name, mode=mode, value=value, says=newest.says,
                since=of_micros(min(one.since for one in ones)), seen=of_micros(newest.seen),
                entry=newest.seen_entry,
                trust="unknown" if judgement is None else judgement.level,
                instances=len({one.scope.instance for one in ones if one.scope.instance}),
                via=via, excused=_excuse(via, excuses), owner=owner_of(service),
            )
        )  # fmt: skip
    return places


def _way(came_from: Mapping[str, str | None], value: str) -> list[str]:
    way = [value]
    while (before := came_from[way[-1]]) is not None:
        way.append(before)
    return way[::-1]


def _excuses(claims: Collection[Claimed]) -> dict[str, Claimed]:
    """What was claimed of each product by the most trusted word, of equal ones the last."""
    found: dict[str, Claimed] = {}
    for claim in sorted(claims, key=lambda c: (STRENGTH.get(c.trust, -1), c.at, c.entry)):
        for product in claim.within or (claim.product,):
            found[product] = claim
    return found


def _excuse(via: list[str], excuses: Mapping[str, Claimed]) -> Claimed | None:
    """The claim nearest to the place, if it says that there the thing does no harm."""
    for id in reversed(via):
        if (claim := excuses.get(id)) is not None:
            return None if claim.status in _BAD else claim
    return None
