"""Whoever decides about images, and the three things it may say of one.

    artifacts × policy × environment ──Decider──► a verdict or an error each ──► Told
        Yes         it may run, as of a log size, until the policy says to ask again
        No          it may not, and why
        CannotTell  the log could not be asked: what goes then is a setting, not an answer

``remote`` asks a server, ``local`` a directory. A verdict that is not of what was asked tells
nothing: an answer must not be carried to another question (kyverno#17173).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from wherefrom.errors import Error, NotFound, Refused, Unavailable
from wherefrom.formats.policy import Policy
from wherefrom.formats.timestamps import micros
from wherefrom.policy.verdict import Verdict
from wherefrom.query.answers import LogPosition

_SECOND = 1_000_000


class Decider(Protocol):
    """Where verdicts come from. May be used by several threads."""

    def decide(
        self, policy: Policy, artifacts: Sequence[str], environment: str
    ) -> list[Verdict | Error]:
        """One for each artifact, in order. Raises Error if none can be decided."""
        ...

    def reached(self) -> LogPosition:
        """Which log answers, and up to which size. Raises Error."""
        ...


class Yes(NamedTuple):
    """It may run. ``until``: seconds since 1970, by the clock of whoever decided.

    excused  by which exceptions, in words; empty if every rule holds
    """

    origin: str
    as_of: int
    until: float
    excused: tuple[str, ...] = ()


class Why(NamedTuple):
    """A rule that does not hold, and what to do."""

    rule: str
    says: str
    remedy: str


class No(NamedTuple):
    """It may not run."""

    origin: str
    as_of: int
    reasons: tuple[Why, ...]


class CannotTell(NamedTuple):
    """Nobody could be asked."""

    why: str


Told = Yes | No | CannotTell


def told(found: Verdict | Error, *, policy: Policy, artifact: str, environment: str) -> Told:
    """What a decider's answer to a question comes to."""
    if isinstance(found, NotFound):
        remedy = "Record what its builder says of it: wherefrom record FILE"
        return No("", 0, (Why("recorded", "nothing is recorded of it", remedy),))
    if isinstance(found, Refused):
        return No("", 0, (Why("readable", str(found), ""),))
    if isinstance(found, Error):
        return CannotTell(str(found))
    if (found.artifact, found.digest, found.environment) != (artifact, policy.digest, environment):
        return CannotTell("the answer is to another question")
    if found.allowed:
        excused = tuple(
            f'rule "{r.rule}" is excused until {r.excused.until}: {r.excused.reason}'
            for r in found.reasons
            if r.excused is not None
        )
        return Yes(found.log.origin, found.as_of, micros(found.until) / _SECOND, excused)
    reasons = tuple(
        Why(r.rule, r.says, r.remedy) for r in found.reasons if not r.ok and r.excused is None
    )
    return No(found.log.origin, found.as_of, reasons)


def need_all(found: Sequence[Verdict | Error], asked: Sequence[str]) -> None:
    """Raises Unavailable unless there is an answer to each question."""
    if len(found) != len(asked):
        raise Unavailable(
            "there are not as many answers as questions", expected=str(len(asked)), got=len(found)
        )
