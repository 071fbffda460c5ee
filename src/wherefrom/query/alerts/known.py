"""Which alerts there were, and which are open: incidents that a rule opened, by the log's own word.

    estate, slot ``incident`` ──own statements that name a rule──► Known: opened, raised, closed

Somebody whose word counts (``query.word``) may close one, as any incident: then it is over, and
opens again if a rule still says so. What others say ends none.

Sizes:  KNOWN_MAX are looked at, the newest · for what a stranger ended, ENDED_S seconds back
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Final

import msgspec

from wherefrom.errors import NotFound, Refused
from wherefrom.formats import incident as incidents
from wherefrom.formats.incident import CLOSED, NOTED, OPENED, IncidentStage
from wherefrom.formats.objectives import SEVERITIES
from wherefrom.formats.states import OBSERVED, Scope
from wherefrom.formats.timestamps import micros
from wherefrom.log.reader import LogReader
from wherefrom.query.show import show
from wherefrom.query.statements import predicate_in
from wherefrom.query.word import Words
from wherefrom.views.estate import EstateSnapshot
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.health.alerting import Alert, Root

SLOT: Final = "incident"
KNOWN_MAX: Final = 10_000
ENDED_S: Final = 7 * 86_400
_MICROS: Final = 1_000_000

ANYWHERE: Final = Scope()


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One alert. ``entry`` opened it; ``closed`` is when it ended, seconds since 1970."""

    alert: Alert
    entry: int
    text: str
    entries: tuple[int, ...]
    closed: float | None


class Log:
    """One look at a log: its views, and what is in its records. ``own`` signs for it."""

    def __init__(
        self,
        estate: EstateSnapshot,
        graph: Snapshot,
        lens: Lens,
        log: LogReader,
        *,
        own: str,
        words: Words,
    ) -> None:
        self.estate, self.graph, self.lens = estate, graph, lens
        self.content_of, self.own, self._words = log.content_of, own, words

    def stage_in(self, entry: int) -> IncidentStage | None:
        """What a record says of an incident, if it does."""
        return self.stage_of(self.content_of(entry))

    @staticmethod
    def stage_of(content: bytes | None) -> IncidentStage | None:
        """What a record says of an incident, if it does."""
        predicate = predicate_in(content or b"", incidents.PREDICATE_TYPE)
        if predicate is None:
            return None
        try:
            return incidents.parse(predicate)
        except Refused:
            return None

    def own_among(self, entries: set[int]) -> set[int]:
        """Those that the log itself signed, and that are still believed."""
        judged = self.graph.judgements(entries, self.lens)
        return {
            entry for entry, by in judged.items()
            if by.type == incidents.PREDICATE_TYPE and self.own in by.signers
        }  # fmt: skip

    def that_count(self, entries: Collection[int]) -> frozenset[int]:
        """Those that are the word of somebody known."""
        return self._words.that_count(entries, self.graph, self.lens)


def open_alerts(
    log: Log,
    *,
    at: int,
    scope: Scope = ANYWHERE,
    known: Mapping[str, Known] | None = None,
) -> list[Known]:
    """The alerts that are open at a time, in microseconds.

    known  what was found before, by incident: read once
    """
    held = log.estate.held(
        scope, at=at, as_of=log.lens.as_of, slots=(SLOT,), modes=(OBSERVED,)
    )  # fmt: skip
    before = known or {}
    named: dict[str, set[int]] = defaultdict(set)  # a stranger may name one of ours elsewhere
    for one in held:
        if one.properties.get("rule") or one.value in before:
            named[one.value].add(one.entry)
    found = {incident: before[incident] for incident in named if incident in before}
    own = log.own_among({e for incident in named.keys() - before.keys() for e in named[incident]})
    new = {
        incident: entry
        for incident in named.keys() - before.keys()
        for entry in sorted(named[incident] & own)
    }
    for incident, opening in _ended_by_nobody(log, before, at=at, scope=scope).items():
        if incident in before:
            found[incident] = before[incident]
        else:
            new.setdefault(incident, opening)
    found |= {one.alert.incident: one for one in _read(log, new, {})}
    return list(found.values())


def _ended_by_nobody(
    log: Log, known: Mapping[str, Known], *, at: int, scope: Scope
) -> dict[str, int]:
    """By alert, what opened it: those that the estate has no more, by a word that does not count.

    Looked at closely are alerts alone, however many incidents strangers open and close.
    """
    ended: dict[str, int] = {}
    begun: dict[int, str] = {}
    for one in log.estate.changed(
        scope, since=at - ENDED_S * _MICROS, until=at + 1, as_of=log.lens.as_of, slots=(SLOT,),
        modes=(OBSERVED,), limit=KNOWN_MAX,
    ):  # fmt: skip
        if one.before is not None:
            ended.setdefault(one.before, one.entry)
        if one.after is not None:
            begun[one.entry] = one.after
    opened = {incident: one.entry for incident, one in known.items()}
    opened |= {begun[entry]: entry for entry in log.own_among(set(begun))}
    ours = {incident: entry for incident, entry in ended.items() if incident in opened}
    count = log.that_count(ours.values())
    return {
        incident: opened[incident]
        for incident, entry in ours.items()
        if entry not in count and not is_closed(log, incident)
    }


def is_closed(log: Log, incident: str) -> bool:
    """Whether somebody whose word counts said that it is over."""
    for entry in sorted(log.that_count(_mentions(log, incident))):
        said = log.stage_in(entry)
        if said is not None and said.incident == incident and said.stage == CLOSED:
            return True
    return False


def alerts_since(
    log: Log,
    *,
    since: int,
    until: int,
    scope: Scope = ANYWHERE,
    limit: int = KNOWN_MAX,
) -> list[Known]:
    """The alerts that opened or ended in a window of microseconds, the newest first."""
    changed = log.estate.changed(
        scope, since=since, until=until, as_of=log.lens.as_of, slots=(SLOT,), modes=(OBSERVED,),
        limit=limit,
    )  # fmt: skip
    begun: dict[int, str] = {}
    ended: dict[str, float] = {}
    ended_by: dict[str, int] = {}
    for one in changed:
        if one.before is not None:
            ended.setdefault(one.before, one.at / _MICROS)
            ended_by.setdefault(one.before, one.entry)
        if one.after is not None:
            begun[one.entry] = one.after
    opened = {begun[entry]: entry for entry in sorted(log.own_among(set(begun)), reverse=True)}
    for incident in ended.keys() - opened.keys():
        entry = _opening(log, incident)
        if entry is not None:
            opened[incident] = entry
    found = list(_read(log, opened, ended))
    count = log.that_count({ended_by[k.alert.incident] for k in found if k.closed is not None})
    found = [
        msgspec.structs.replace(one, closed=None)
        if one.closed is not None
        and ended_by[one.alert.incident] not in count
        and not is_closed(log, one.alert.incident)
        else one
        for one in found
    ]
    return sorted(found, key=lambda one: (-one.alert.opened, one.alert.incident))


def _read(log: Log, opened: Mapping[str, int], ended: Mapping[str, float]) -> Iterator[Known]:
    own = log.own_among(set(opened.values()))
    for incident, entry in opened.items():
        said = log.stage_in(entry) if entry in own else None
        if said is None or said.incident != incident or not said.rule or said.root is None:
            continue
        alert = Alert(
            incident=incident, rule=said.rule, root=Root(said.root.kind, said.root.id),
            severity=said.severity or "info", title=said.title, environment=said.environment,
            service=said.service, opened=micros(said.at) / _MICROS,
        )  # fmt: skip
        yield Known(
            alert=_raised(log, alert), entry=entry, text=said.text, entries=tuple(said.entries),
            closed=ended.get(incident),
        )  # fmt: skip


def _raised(log: Log, alert: Alert) -> Alert:
    """The same as it was raised last."""
    for said in _stages(log, alert.incident):
        if said.stage != NOTED or not said.severity:
            continue
        if SEVERITIES.index(said.severity) > SEVERITIES.index(alert.severity):
            alert = msgspec.structs.replace(
                alert, severity=said.severity, title=said.title or alert.title
            )
    return alert


def _opening(log: Log, incident: str) -> int | None:
    """The record that opened one."""
    for entry in _entries(log, incident):
        said = log.stage_in(entry)
        if said is not None and said.stage == OPENED and said.incident == incident:
            return entry
    return None


def _stages(log: Log, incident: str) -> Iterator[IncidentStage]:
    for entry in _entries(log, incident):
        said = log.stage_in(entry)
        if said is not None and said.incident == incident:
            yield said


def _entries(log: Log, incident: str) -> list[int]:
    """The log's own records about an incident, oldest first."""
    return sorted(log.own_among(_mentions(log, incident)))


def _mentions(log: Log, incident: str) -> set[int]:
    """Records about an incident, whoever made them."""
    try:
        shown = show(log.graph, [incident], at=None, as_of=log.lens.as_of)
    except NotFound:
        return set()
    return {record.entry for match in shown.matches for record in match.records}
