"""Deciding an alert: what speaks for one now, and which are open, give what is to be recorded.

    signals ──by root──► opened · raised · still open · quiet … long enough ──► closed
                           one alert a root: a digest, a change, a service, a producer

An alert ends when nothing has spoken for it for ``quiet_s``, and each time it comes back within
a day it takes twice as long to end: what flaps becomes one long alert. In a declared maintenance
it is recorded, as of no severity that reaches people; if it still holds when that ends, it is
raised then. It is never lowered while it is open.

Pure: no clock, no log. The open alerts are the log's incidents that a rule opened; what is not in
the log, since when nothing speaks, costs a restart no more than a later end.

Sizes:  ENTRIES_MAX entries and TEXT_CHARS_MAX characters an alert · LISTED_MAX things it names
Source: docs/alerts.md
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from wherefrom.formats.objectives import INFO, SEVERITIES, Severity
from wherefrom.formats.timestamps import of_posix

ENTRIES_MAX: Final = 50
LISTED_MAX: Final = 20
TEXT_CHARS_MAX: Final = 2_000
TITLE_CHARS_MAX: Final = 200
DAY_S: Final = 86_400.0
# An alert that came so often in a day, less one, takes so many times twice as long to end.
DOUBLED_MAX: Final = 4
# How rules of objectives begin, before the name of the objective.
BURNS: Final = "burns"
_INCIDENT: Final = re.compile(r"incident:wherefrom:(.+)-[0-9a-f]{16}@[^@]+")


class Root(NamedTuple):
    """What an alert is about: ``digest``, ``change``, ``service``, ``producer`` or ``log``, and its
    id."""

    kind: str
    id: str


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """That a rule finds trouble at this moment.

    title    the same for as long as it lasts; ``text`` says how it is now
    entries  the records that it rests on
    """

    rule: str
    root: Root
    severity: Severity
    title: str
    text: str
    environment: str = ""
    service: str = ""
    entries: tuple[int, ...] = ()


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that is open, as the log says.

    opened   seconds since 1970
    """

    incident: str
    rule: str
    root: Root
    severity: Severity
    title: str
    environment: str
    service: str
    opened: float


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be recorded of an alert, and told if ``is_told``."""

    stage: Literal["opened", "noted", "closed"]
    alert: Alert
    text: str
    at: float
    entries: tuple[int, ...] = ()

    @property
    def is_told(self) -> bool:
        """Whether people are told: not of what is only recorded."""
        return self.alert.severity != INFO


class Alerts:
    """The open alerts of one log, and when each came before; one thread's.

    open    those that the log has
    opened  of a root, when it was opened in the last day, seconds since 1970
    """

    def __init__(
        self, open: Iterable[Alert] = (), opened: Mapping[Root, Sequence[float]] | None = None
    ) -> None:
        self.open: dict[Root, Alert] = {one.root: one for one in open}
        self._quiet_since: dict[Root, float] = {}
        self._opened: defaultdict[Root, list[float]] = defaultdict(list)
        for root, times in (opened or {}).items():
            self._opened[root] = sorted(times)

    @property
    def is_ending(self) -> bool:
        """Whether nothing speaks for an alert that is open."""
        return bool(self._quiet_since)

    def decide(
        self,
        signals: Iterable[Signal],
        *,
        now: float,
        quiet_s: float,
        silenced: Callable[[Signal], bool] = lambda signal: False,
        unknown: Callable[[Alert], bool] = lambda alert: False,
    ) -> list[Stage]:
        """What is to be recorded now, pages first. Nothing changes here before ``take``.

        silenced  whether a maintenance is declared where a signal is of
        unknown   whether nobody can say now if an alert still holds: it stays as it is
        """
        by_root: dict[Root, list[Signal]] = defaultdict(list)
        for signal in signals:
            by_root[signal.root].append(signal)
        stages = []
        for root, some in by_root.items():
            self._quiet_since.pop(root, None)
            stage = self._speaks(root, some, now, silenced)
            if stage is not None:
                stages.append(stage)
        for root, alert in self.open.items():
            if root in by_root:
                continue
            if unknown(alert):
                self._quiet_since.pop(root, None)
                continue
            # A clock that was set back begins the wait again.
            since = self._quiet_since[root] = min(self._quiet_since.get(root, now), now)
            if now - since >= self.quiet_of(root, now=now, quiet_s=quiet_s):
                text = f"nothing speaks for it any more, for {_span(now - since)}"
                # Nothing ends before it began, whatever the clock was set to.
                at = max(now, alert.opened)
                stages.append(Stage(stage="closed", alert=alert, text=text, at=at))
        return sorted(stages, key=lambda s: -SEVERITIES.index(s.alert.severity))

    def take(self, stages: Iterable[Stage]) -> None:
        """These are recorded: from now on it is so."""
        for one in stages:
            root = one.alert.root
            if one.stage == "closed":
                self.open.pop(root, None)
                self._quiet_since.pop(root, None)
                continue
            self.open[root] = one.alert
            if one.stage == "opened":
                kept = [at for at in self._opened[root] if at > one.at - DAY_S]
                self._opened[root] = [*kept, one.at]

    def quiet_of(self, root: Root, *, now: float, quiet_s: float) -> float:
        """How long nothing may speak for it before it ends: longer for one that comes back."""
        recent = sum(at > now - DAY_S for at in self._opened.get(root, ()))
        return quiet_s * (1 << min(max(recent - 1, 0), DOUBLED_MAX))

    def _speaks(
        self, root: Root, some: Sequence[Signal], now: float, silenced: Callable[[Signal], bool]
    ) -> Stage | None:
        ranked = sorted(
            some, key=lambda s: (-SEVERITIES.index(s.severity), s.rule, s.environment, s.service)
        )
        told = [one for one in ranked if not silenced(one)]
        first = (told or ranked)[0]
        severity: Severity = first.severity if told else INFO
        text = _joined([one.text for one in [first, *(o for o in ranked if o is not first)]])
        entries = tuple(dict.fromkeys(e for one in ranked for e in one.entries))[:ENTRIES_MAX]
        before = self.open.get(root)
        if before is None:
            alert = Alert(
                incident=incident_id(first.rule, root, now), rule=first.rule, root=root,
                severity=severity, title=first.title[:TITLE_CHARS_MAX],
                environment=first.environment, service=first.service, opened=now,
            )  # fmt: skip
            return Stage(stage="opened", alert=alert, text=text, at=now, entries=entries)
        if SEVERITIES.index(severity) <= SEVERITIES.index(before.severity):
            return None
        raised = msgspec.structs.replace(
            before, severity=severity, title=first.title[:TITLE_CHARS_MAX]
        )
        at = max(now, before.opened)
        return Stage(stage="noted", alert=raised, text=text, at=at, entries=entries)


def incident_id(rule: str, root: Root, at: float) -> str:
    """What the incident of an alert is called: another one each time it opens."""
    digest = hashlib.sha256("\0".join((rule, *root)).encode()).hexdigest()[:16]
    return f"incident:wherefrom:{rule}-{digest}@{of_posix(int(at))}"


def rule_of(incident: str) -> str:
    """The rule that an incident of such an id was opened by; empty if by none of ours."""
    found = _INCIDENT.fullmatch(incident)
    return "" if found is None else found[1]


def is_of_behaviour(rule: str) -> bool:
    """Whether a rule looks at how services fare; all others look at records and evidence."""
    return rule.startswith(f"{BURNS}-")


def _joined(texts: Sequence[str]) -> str:
    listed = list(dict.fromkeys(texts))
    said = "; ".join(listed[:LISTED_MAX])
    if len(listed) > LISTED_MAX:
        said += f"; and {len(listed) - LISTED_MAX} more"
    return said[:TEXT_CHARS_MAX]


def _span(seconds: float) -> str:
    if seconds < 7_200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3_600:.0f} hours"
