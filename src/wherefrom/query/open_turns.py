"""What is recorded to be denied while it runs: by the log's own word, and by nobody else's.

    estate, slot ``denied`` ──own statements, the newest of each──► Open

Strangers may state the same slot; what they say is shown as theirs, and changes nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from msgspec import structs

from wherefrom.formats.digests import strong_id
from wherefrom.formats.states import OBSERVED
from wherefrom.formats.turned import PREDICATE_TYPE, SLOT
from wherefrom.query.reality_answers import Place, Stated
from wherefrom.views.estate import EstateSnapshot
from wherefrom.views.graph import Lens, Snapshot

T = TypeVar("T", bound=Stated)


class Against(NamedTuple):
    """What speaks against something: the policy's digest, and its rules that do not hold."""

    policy: str
    rules: tuple[str, ...]


class Open(NamedTuple):
    """What speaks against something that runs: since when, by the record ``entry``."""

    against: Against
    at: int
    entry: int


def open_turns(
    estate: EstateSnapshot, graph: Snapshot, lens: Lens, *, at: int, own: str
) -> dict[tuple[str, str], Open]:
    """By environment and artifact, what speaks against what is denied at a time, in microseconds.

    own  the key that signs what this log itself says
    """
    said = estate.stated(SLOT, mode=OBSERVED, at=at, as_of=lens.as_of)
    judged = graph.judgements({one.entry for one in said}, lens)
    found: dict[tuple[str, str], Open | None] = {}
    for one in said:
        by = judged.get(one.entry)
        if by is None or by.type != PREDICATE_TYPE or own not in by.signers:
            continue
        rules = one.properties.get("rules")
        open = None
        if one.value is not None:
            against = Against(one.value, tuple(rules) if isinstance(rules, list) else ())
            open = Open(against, one.at, one.entry)
        found.setdefault((one.environment, one.name), open)
    return {place: open for place, open in found.items() if open is not None}


def with_denied(
    found: Sequence[Place],
    denied: Mapping[tuple[str, str], Open],
    same: Callable[[str, str], bool],
) -> list[Place]:
    """Places, with a mark at each artifact that is denied where it is.

    same  whether two values are one thing: what runs by a name is denied by its digest
    """

    def marked(one: T, environment: str) -> T:
        found = denied.get((environment, one.value))
        if found is None and not _is_digest(one.value):
            named = (open for (e, name), open in denied.items()
                     if e == environment and same(one.value, name))  # fmt: skip
            found = next(named, None)
        if found is None:
            return one
        return structs.replace(one, marks=(*one.marks, "denied"), denied=found.entry)

    return [
        structs.replace(
            place,
            declared=place.declared and marked(place.declared, place.environment),
            observed=[marked(one, place.environment) for one in place.observed],
        )
        if place.slot == "artifact"
        else place
        for place in found
    ]


def _is_digest(value: str) -> bool:
    algorithm, _, digits = value.partition(":")
    return strong_id(algorithm, digits) is not None
