"""One record, counted: which part it is of, how late it came, what it tells. Pure.

    Logged ──of_record──► Row(part, late, bytes, …), events, made

Sizes:  LATE_EDGES_S are the upper edges of how late, in seconds; UNTIMED and FUTURE stand below
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

from wherefrom.errors import Error
from wherefrom.formats import counted, dsse, own, strict_json
from wherefrom.formats.counted import Counted, Told, counted_of
from wherefrom.formats.heard import heard_of
from wherefrom.formats.timestamps import micros
from wherefrom.log.logged import Logged
from wherefrom.views.folded import FactsOf

HOUR_MICROS: Final = 3_600 * 1_000_000
LATE_EDGES_S: Final = (
    0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1_800, 3_600, 21_600, 86_400, 604_800, 2_592_000,
)  # fmt: skip
UNTIMED: Final = -1  # does not say when it happened
FUTURE: Final = -2  # dated after it was received, by more than clocks usually differ
FUTURE_MICROS: Final = 1_000_000
_EDGES: Final = tuple(int(edge * 1_000_000) for edge in LATE_EDGES_S)
_NOTHING: Final = Counted()
_OWN: Final = frozenset({"refusals", "gap", "verdict", "tombstone"})


class Part(NamedTuple):
    """What records are counted apart by."""

    environment: str
    service: str
    kind: str
    trust: str
    producer: str


class Row(NamedTuple):
    """One record. ``late`` is a number of LATE_EDGES_S, UNTIMED or FUTURE."""

    received: int
    part: Part
    late: int
    bytes: int
    things: int
    aliases: int
    made: tuple[tuple[str, str], ...]
    told: tuple[Told, ...]
    at: int


def of_record(logged: Logged, *, facts_of: FactsOf) -> Row:
    """Count a record; of one that is erased, what its entry says."""
    entry = logged.entry
    received = micros(entry.received)
    at = received if entry.occurred is None else micros(entry.occurred)
    late = UNTIMED
    if entry.occurred is not None:
        behind = received - at
        late = FUTURE if behind < -FUTURE_MICROS else bisect_left(_EDGES, behind)
    told: tuple[Told, ...] = ()
    said, trust = _NOTHING, entry.trust.level
    if trust == "self":
        if entry.kind in _OWN and logged.content:
            told = tuple(_of_own(logged.content))
    elif logged.content is not None:
        said = _said(logged, facts_of)
        told = said.told
    part = Part(said.environment, said.service, said.kind or entry.kind, trust, entry.producer)
    return Row(
        received, part, late, entry.size, said.things, said.aliases, said.made, told,
        min(at, received),
    )  # fmt: skip


def _said(logged: Logged, facts_of: FactsOf) -> Counted:
    if logged.counted is not None:
        return logged.counted
    assert logged.content is not None
    try:
        facts = logged.facts or facts_of(logged.content)
    except Exception:  # noqa: BLE001 - the graph says that it could not be read
        return _NOTHING
    heard = heard_of(facts) if logged.heard is None else logged.heard
    return counted_of(facts, heard)


def _of_own(content: bytes) -> Iterator[Told]:
    """What the log's own records tell of health."""
    try:
        envelope = dsse.parse(strict_json.as_object(strict_json.decode(content), where=""))
        decision = own.parse_payload(envelope.payload_type, envelope.payload)
    except Error:
        return
    if isinstance(decision, own.Refusals):
        for code, number in sorted(decision.counts.items()):
            yield Told(counted.REFUSED, code, {"count": number, "producer": decision.producer})
    elif isinstance(decision, own.Gap):
        yield Told(counted.MISSED, decision.what, {"why": decision.why, "count": decision.count})
    elif isinstance(decision, own.Tombstone):
        yield Told(counted.ERASED, str(decision.entry), {"reason": decision.reason})
