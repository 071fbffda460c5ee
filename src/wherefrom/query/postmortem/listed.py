"""Which incidents there were: those that the estate holds, whoever opened them.

    slot ``incident`` ──► stays ──┐
    the incident's node ──────────┴──► severity, notes, marks, when it was explained ──► brief

What is marked, and how long such a thing took before, is what was said last.

Sizes:  STAYS_MAX incidents are looked at; WORDS_MAX records of one, the first and the last of them
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import NotFound
from wherefrom.formats import cause, incident
from wherefrom.formats.incident import BASELINE, MARKED, NOTED
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.query.clocks import happened
from wherefrom.query.postmortem_answers import IncidentBrief
from wherefrom.query.same import TRUSTED
from wherefrom.views.estate import FOR_EVER, EstateSnapshot, Stay
from wherefrom.views.graph import Judgement, Lens, Mention, Snapshot
from wherefrom.views.graph.schema import RELATION_NUMBERS

SLOT: Final = "incident"
STAYS_MAX: Final = 10_000
WORDS_MAX: Final = 500
CAUSES_MAX: Final = 1_000
_SECOND: Final = 1_000_000
_USED: Final = RELATION_NUMBERS["used"]
_OPENED_BY: Final = (
    (incident.PREDICATE_TYPE, "wherefrom"), ("alertmanager.", "alertmanager"),
    ("grafana.", "grafana"), ("dev.cdevents.", "cdevents"),
)  # fmt: skip


class Accepted(NamedTuple):
    """That a change was taken for the cause of an incident: by which record, when, of which node;
    ``stands`` unless it was withdrawn since, by somebody who is believed as far."""

    entry: int
    at: str
    node: int
    withdrawn: bool
    stands: bool


def stays(
    estate: EstateSnapshot, scope: Scope, lens: Lens, *, limit: int = STAYS_MAX
) -> list[Stay]:
    """Incidents of a scope, the newest first."""
    return estate.stays(
        scope, since=0, until=FOR_EVER, as_of=lens.as_of, slots=(SLOT,), limit=limit
    )


def find_stay(estate: EstateSnapshot, text: str, *, as_of: int, by: int | None = None) -> Stay:
    """The newest incident of this id, title, alert or fingerprint. Raises NotFound.

    by  nothing later is known, microseconds since 1970; None: everything is
    """
    until = FOR_EVER if by is None else by + 1
    found = estate.stays(Scope(), since=0, until=until, as_of=as_of, slots=(SLOT,), limit=STAYS_MAX)
    for one in found:
        if text in (one.value, one.name, one.says):
            over = one.ended is not None and one.ended < until
            return one if over else one._replace(ended=None, ended_by=None)
    raise NotFound(
        "no incident is called so", got=text,
        expected="an incident's id, its title, its alert's name or fingerprint",
        do="See which there were: wherefrom incident list",
    )  # fmt: skip


def briefs(graph: Snapshot, lens: Lens, some: Sequence[Stay]) -> list[IncidentBrief]:
    """Each with what its records say of it, without reading them."""
    numbers = graph.numbers({one.value for one in some})
    mentions: dict[int, list[Mention]] = defaultdict(list)
    for one in graph.mentions(sorted(numbers.values()), lens, each_max=WORDS_MAX):
        mentions[one.node].append(one)
    entries = {one.entry for ones in mentions.values() for one in ones}
    judged = graph.judgements(entries | {one.entry for one in some}, lens)
    causes = accepted(graph, lens, sorted(numbers.values()))
    return [
        _brief(one, _said(mentions.get(numbers.get(one.value, -1), ()), judged), judged,
               causes.get(numbers.get(one.value, -1), []))
        for one in some
    ]  # fmt: skip


def accepted(graph: Snapshot, lens: Lens, incidents: Sequence[int]) -> dict[int, list[Accepted]]:
    """What was taken for the cause of each incident, by its number, in the order of the log."""
    ids = {number: id for id, number in _ids(graph, incidents).items()}
    steps = graph.steps(incidents, lens, up=True, only=_USED, rows_max=CAUSES_MAX)
    nodes = sorted({step.cause for step in steps})
    mentions = graph.mentions(nodes, lens, each_max=WORDS_MAX)
    judged = graph.judgements({one.entry for one in mentions}, lens)
    by_node: dict[int, list[_Word]] = defaultdict(list)
    for one in sorted(mentions, key=lambda m: m.entry):
        by = judged.get(one.entry)
        if by is not None and by.type == cause.PREDICATE_TYPE:
            told = _properties(one)
            withdrawn = bool(told.get("withdrawn"))
            of, known = str(told.get("incident", "")), by.level in TRUSTED
            by_node[one.node].append(_Word(one.entry, happened(by), withdrawn, of, known))
    found: dict[int, list[Accepted]] = defaultdict(list)
    for effect, node in sorted({(step.effect, step.cause) for step in steps}):
        found[effect] += [
            Accepted(one.entry, one.at, node, one.withdrawn, _stands(one, by_node[node]))
            for one in by_node[node]
            if one.of == ids[effect]
        ]
    return {number: sorted(some) for number, some in found.items()}


class _Word(NamedTuple):
    """One word about a cause: of which incident, and whether somebody known says it."""

    entry: int
    at: str
    withdrawn: bool
    of: str
    known: bool


def _stands(one: _Word, words: Sequence[_Word]) -> bool:
    """Whether the newest word about it that counts, whichever incident that names, is no other.

    A stranger does not take back what somebody known said.
    """
    counting = [other for other in words if other.known or not one.known]
    return not one.withdrawn and not counting[-1].withdrawn


def _ids(graph: Snapshot, numbers: Iterable[int]) -> dict[str, int]:
    return {id: number for number, id in graph.ids(sorted(set(numbers))).items()}


def _properties(mention: Mention) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(mention.properties) if mention.properties else {}
    return found


def _said(mentions: Iterable[Mention], judged: Mapping[int, Judgement]) -> list[dict[str, Any]]:
    """What the records of an incident say, in the order of the log; ``by`` the type of each."""
    return [
        {**_properties(one), "by": judged[one.entry].type}
        for one in sorted(mentions, key=lambda m: m.entry)
        if one.entry in judged
    ]


def _brief(
    one: Stay,
    said: Sequence[Mapping[str, Any]],
    judged: Mapping[int, Judgement],
    causes: Sequence[Accepted],
) -> IncidentBrief:
    of_ours = [told for told in said if told["by"] == incident.PREDICATE_TYPE]
    marked = [told for told in of_ours if told.get("stage") == MARKED]
    baselines = [told["baseline_s"] for told in of_ours if told.get("stage") == BASELINE]
    stands = [found for found in causes if found.stands]
    first = min(stands, key=lambda found: (found.at, found.entry), default=None)
    by = judged.get(one.entry)
    type = "" if by is None else by.type
    return IncidentBrief(
        id=one.value,
        title=one.says or one.name,
        name=one.name,
        **one.scope._asdict(),
        severity=_last(said, "severity"),
        rule=_last(said, "rule"),
        opened_by=next((name for start, name in _OPENED_BY if type.startswith(start)), type),
        began=of_micros(one.began),
        ended=None if one.ended is None else of_micros(one.ended),
        seconds=None if one.ended is None else (one.ended - one.began) / _SECOND,
        is_false=bool(marked[-1].get("false")) if marked else None,
        baseline_s=baselines[-1] if baselines else None,
        notes=sum(told.get("stage") == NOTED for told in of_ours),
        explained=None if first is None else first.at,
        explained_s=None if first is None else max(0, micros(first.at) - one.began) / _SECOND,
        entry=one.entry,
        trust="unknown" if by is None else by.level,
    )


def _last(said: Sequence[Mapping[str, Any]], key: str) -> str:
    return next((str(told[key]) for told in reversed(said) if told.get(key)), "")
