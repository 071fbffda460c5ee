"""What was said of one incident, record by record: its stages, and what was taken for its cause.

    the stay ──► the record that opened it, and the one that ended it
    the incident's node ──► records ──content──► stages
                     └──used──► causes ──content──► who took what for it

What was erased, or is of a newer program, is left out: the log still has its entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from wherefrom.errors import Refused
from wherefrom.formats import cause, incident
from wherefrom.formats.cause import Cause
from wherefrom.formats.incident import CLOSED, MARKED, OPENED, IncidentStage
from wherefrom.formats.timestamps import of_micros
from wherefrom.query.postmortem.listed import WORDS_MAX, accepted
from wherefrom.query.postmortem_answers import CauseWord, IncidentWord
from wherefrom.query.statements import predicate_in
from wherefrom.views.estate import Stay
from wherefrom.views.graph import Judgement, Lens, Snapshot

T = TypeVar("T")
Content = Callable[[int], bytes | None]


def words_of(
    graph: Snapshot, lens: Lens, stay: Stay, content: Content
) -> tuple[list[IncidentWord], bool]:
    """All stages, in the order of the log, what another system opened and ended among them; and
    whether there are more between the first and the last of them."""
    numbers = list(graph.numbers([stay.value]).values())
    mentioned = {one.entry for one in graph.mentions(numbers, lens, each_max=WORDS_MAX)}
    more = len(mentioned) >= 2 * WORDS_MAX
    ends = {stay.entry, *([] if stay.ended_by is None else [stay.ended_by])}
    judged = graph.judgements(mentioned | ends, lens)
    found = list(_stages(judged, stay, content))
    told = {(word.stage, word.entry) for word in found}
    if (OPENED, stay.entry) not in told and stay.entry in judged:
        found.append(_of_another(stay, OPENED, stay.began, judged[stay.entry]))
    if stay.ended is not None and stay.ended_by in judged and (CLOSED, stay.ended_by) not in told:
        found.append(_of_another(stay, CLOSED, stay.ended, judged[stay.ended_by]))
    return sorted(found, key=lambda word: (word.entry, word.stage)), more


def causes_of(graph: Snapshot, lens: Lens, stay: Stay, content: Content) -> list[CauseWord]:
    """What was taken for its cause, in the order of the log, withdrawals too."""
    numbers = list(graph.numbers([stay.value]).values())
    some = accepted(graph, lens, numbers).get(numbers[0], []) if numbers else []
    judged = graph.judgements({one.entry for one in some}, lens)
    found = []
    for one in some:
        said = _read(content(one.entry), cause.PREDICATE_TYPE, cause.parse)
        if said is not None and one.entry in judged:
            found.append(_cause(said, judged[one.entry], stands=one.stands))
    return found


def _stages(judged: dict[int, Judgement], stay: Stay, content: Content) -> Iterator[IncidentWord]:
    for entry in sorted(judged):
        if judged[entry].type != incident.PREDICATE_TYPE:
            continue
        said = _read(content(entry), incident.PREDICATE_TYPE, incident.parse)
        if said is not None and said.incident == stay.value:
            yield _word(said, judged[entry])


def _read(written: bytes | None, type: str, parse: Callable[[dict[str, object]], T]) -> T | None:
    predicate = None if written is None else predicate_in(written, type)
    try:
        return None if predicate is None else parse(predicate)
    except Refused:  # a newer program took what this one does not
        return None


def _word(said: IncidentStage, by: Judgement) -> IncidentWord:
    return IncidentWord(
        stage=said.stage, entry=by.entry, at=_at(said.at, by), received=by.received, trust=by.level,
        signers=by.signers, title=said.title, severity=said.severity, text=said.text,
        is_false=said.is_false if said.stage == MARKED else None, baseline_s=said.baseline_s,
        rule=said.rule, root=said.root, entries=said.entries, links=said.links,
    )  # fmt: skip


def _at(said: str, by: Judgement) -> str:
    """When it was said: not after we heard it, as in the estate."""
    return min(said, by.received)


def _of_another(stay: Stay, stage: str, at: int, by: Judgement) -> IncidentWord:
    title = stay.says or stay.name if stage == OPENED else ""
    return IncidentWord(
        stage=stage, entry=by.entry, at=of_micros(at), received=by.received, trust=by.level,
        signers=by.signers, title=title,
    )  # fmt: skip


def _cause(said: Cause, by: Judgement, *, stands: bool) -> CauseWord:
    return CauseWord(
        entry=by.entry, at=_at(said.at, by), received=by.received, trust=by.level,
        signers=by.signers, environment=said.environment, service=said.service, slot=said.slot,
        name=said.name,
        value=said.value, change=said.change, probability=said.probability,
        withdrawn=said.withdrawn, stands=stands,
    )  # fmt: skip
