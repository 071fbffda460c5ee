"""Which commits, base images and packages are live: what the artifacts in some places are made of.

    places ──artifacts──► made_of each ──by service and container──► one line a material
                                         └ in which artifacts, in how many instances, by which
                                           record; on one side only, where declared and observed
                                           differ

What nobody recorded an SBOM or a build of is listed as unknown, never left out.

Sizes:  ARTIFACTS_MAX artifacts an answer; ``truncated`` says if there are more
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from wherefrom.formats.timestamps import micros
from wherefrom.query.made_of import MadeOf
from wherefrom.query.reality_answers import Material, Materials, Place
from wherefrom.query.running import Same
from wherefrom.views.graph import Judgement

ARTIFACTS_MAX: Final = 500
_SECOND: Final = 1_000_000
_ROLES: Final = ("commit", "base", "package")


class _Container(NamedTuple):
    """The artifacts of one container of a service, in whatever region and pool."""

    declared: set[str]
    instances: Counter[str]
    apart: set[str]  # the values of places where declared and observed differ


def materials(
    places: Sequence[Place],
    ask: Callable[[str], MadeOf],
    judge: Callable[[Iterable[int]], Mapping[int, Judgement]],
    *,
    at: int,
    same: Same,
    part: str = "",
) -> list[Materials]:
    """What each container of each service is made of, in the order of ``places``.

    ask   what an artifact was made of
    part  only materials whose id holds this text, in whatever case
    """
    containers = _containers(places, same)
    values = dict.fromkeys(
        value for one in containers.values() for value in sorted(one.declared | {*one.instances})
    )
    made = {value: ask(value) for value in list(values)[:ARTIFACTS_MAX]}
    judged = judge({entry for one in made.values() for _, _, entry in one.by_role()})
    answers = []
    for (environment, service, name), container in containers.items():
        of = sorted(container.declared | {*container.instances})
        answers.append(
            Materials(
                environment=environment,
                service=service,
                name=name,
                materials=[
                    one
                    for one in _of(container, made, judged, at)
                    if part.casefold() in one.id.casefold()
                ],
                unknown=[value for value in of if value in made and not any(made[value][:3])],
                truncated=any(value not in made or made[value].truncated for value in of),
            )
        )
    return answers


def _containers(places: Iterable[Place], same: Same) -> dict[tuple[str, str, str], _Container]:
    found: dict[tuple[str, str, str], _Container] = {}
    for place in places:
        if place.slot != "artifact":
            continue
        where = (place.environment, place.service, place.name)
        container = found.setdefault(where, _Container(set(), Counter(), set()))
        if place.declared is not None:
            container.declared.add(place.declared.value)
        for one in place.observed:
            container.instances[one.value] += one.instances
        if place.declared is not None and place.drift == "differs":
            declared = place.declared.value
            others = {one.value for one in place.observed if not same(declared, one.value)}
            container.apart.update(others, {declared})
    return found


def _of(
    container: _Container,
    made: Mapping[str, MadeOf],
    judged: Mapping[int, Judgement],
    at: int,
) -> Iterator[Material]:
    held_by: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for value in sorted(container.declared | {*container.instances}):
        for role, id, entry in made.get(value, MadeOf()).by_role():
            held_by[role, id][value] = entry
    known = {value for value in container.apart if any(made.get(value, MadeOf())[:3])}
    declared = known & container.declared
    runs = known & {*container.instances} - declared
    for role, id in sorted(held_by, key=lambda one: (_ROLES.index(one[0]), one[1])):
        entries = held_by[role, id]
        entry = max(entries.values())
        judgement = judged[entry]
        said = judgement.occurred or judgement.received
        drift = None
        if declared and runs and entries.keys() <= runs:
            drift = "undeclared"
        elif declared and runs and entries.keys() <= declared - {*container.instances}:
            drift = "unobserved"
        yield Material(
            role=role,
            id=id,
            artifacts=tuple(entries),
            instances=sum(container.instances[value] for value in entries),
            drift=drift,
            entry=entry,
            type=judgement.type,
            trust=judgement.level,
            signers=judgement.signers,
            said=said,
            age=max(at - micros(said), 0) / _SECOND,
        )
