"""What is recorded to be denied while it runs: by the log's own word, and by nobody else's.

    estate, slot ``denied`` ──own statements, the newest of each──► Open

Strangers may state the same slot; what they say is shown as theirs, and changes nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from msgspec import structs

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
    named: Callable[[str], str],
) -> list[Place]:
    """Places, with a mark at each artifact that is denied where it is.

    named  what runs by a name (``thing_named``)
    """

    def marked(one: T, environment: str) -> T:
        open = denied.get((environment, named(one.value)))
        if open is None:
            return one
        return structs.replace(one, marks=(*one.marks, "denied"), denied=open.entry)

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
