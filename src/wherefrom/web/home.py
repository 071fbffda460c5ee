"""The first page: what runs, what changed last, how good the evidence is, and where to look.

One page for the on-call engineer: what is wrong stands first, and every line leads on.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from wherefrom.formats.question_settings import Question
from wherefrom.formats.timestamps import moved
from wherefrom.query.answers import LogPosition
from wherefrom.query.catalog.answers import Expected
from wherefrom.query.postmortem.question import IncidentsWanted
from wherefrom.query.postmortem_answers import IncidentBrief
from wherefrom.query.reality import RealityOptions
from wherefrom.query.reality_answers import Change
from wherefrom.web.asking import Ask
from wherefrom.web.page import Page
from wherefrom.web.services import ServiceLine, lines, missing

CHANGES_SHOWN: Final = 12
SERVICES_SHOWN: Final = 14
GAPS_SHOWN: Final = 8
CHANGES_DAYS: Final = 30
INCIDENTS_SHOWN: Final = 10


SHIPPED: Final = (
    Question(title="What is not as declared?", path="/running?drift=1",
             says="places where what is seen differs from what was declared"),
    Question(title="What changed today?", path="/changes",
             says="every change of the last day, newest first"),
    Question(title="Who is silent?", path="/gaps",
             says="emitters that should have sent a record, and did not"),
    Question(title="What is denied and runs?", path="/policies",
             says="artifacts that the policy in force refuses"),
    Question(title="Whose word counts?", path="/keys",
             says="keys, their states, and since when they count"),
)  # fmt: skip


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """What the first page says; ``at`` is the time it speaks of.

    services  those that run, what is wrong first; ``services_all`` how many there are
    incidents those that are open, the newest first
    gaps_all  how many there are; None where no catalogue says what should come
    denied    artifacts that run and are denied, None where no policy is in force
    questions the team's own, then those that are shipped
    """

    at: str
    log: LogPosition
    as_of: int
    services: list[ServiceLine]
    services_all: int
    drifting: int
    changes: list[Change]
    gaps: list[Expected]
    gaps_all: int | None
    incidents: list[IncidentBrief]
    denied: int | None
    questions: tuple[Question, ...]


def home(ask: Ask) -> Page:
    """``/``"""
    options = RealityOptions(at=ask.at, as_of=ask.as_of)
    running = ask.desk.reality.running("", options)
    since = moved(running.at, -CHANGES_DAYS * 86_400)
    changes = ask.desk.reality.changes(
        "", RealityOptions(at=ask.at, as_of=ask.as_of, since=since, limit=CHANGES_SHOWN)
    )
    gaps = missing(ask)
    now = ask.at is None and ask.as_of is None  # policies are told of as they stand
    status = ask.statuses.status(limit=1) if now else None
    trouble = ask.desk.postmortems.list(
        IncidentsWanted(open=True, limit=INCIDENTS_SHOWN, as_of=ask.as_of)
    )
    found = lines(running)
    answer = Home(
        at=running.at, log=running.log, as_of=running.as_of, services=found[:SERVICES_SHOWN],
        services_all=len(found), drifting=running.drifting, changes=changes.changes,
        gaps=gaps.gaps[:GAPS_SHOWN] if gaps else [], gaps_all=len(gaps.gaps) if gaps else None,
        incidents=trouble.incidents, denied=status.denied if status and status.policies else None,
        questions=(*ask.own_questions(), *SHIPPED),
    )  # fmt: skip
    return Page(
        template="home.html", title="Wherefrom", answer=answer, log=running.log, at=running.at
    )


def find(ask: Ask) -> Page:
    """``/find?q=``: a search that takes anything: an id, a tag, a name, how one begins."""
    text = ask.query("q").strip()
    found: Any = ask.desk.find(text, as_of=ask.as_of) if text else None
    return Page(
        template="find.html", title=f"Find {text}" if text else "Find", answer=found,
        log=found.log if found else None, beside={"text": text},
    )  # fmt: skip
