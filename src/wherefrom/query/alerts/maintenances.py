"""Which maintenances are declared, and whether one lies over an alert.

    estate, slot ``maintenance`` ──► Window ──covers──► environment, service

One silences only by the word of somebody known (``query.word``); what a mere token declares is
listed, and silences nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from wherefrom.formats.maintenance import SLOT
from wherefrom.formats.states import DECLARED, Scope
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.query.alerts.known import Log

LISTED_MAX: Final = 1_000
ANYWHERE: Final = Scope()


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One maintenance, by the record ``entry``. ``ended`` None while it lasts; ``counts``: whether
    somebody known declared it, so that it silences."""

    maintenance: str
    environment: str
    service: str
    since: str
    until: str
    ended: str | None
    reason: str
    entry: int
    counts: bool

    def covers(self, environment: str, service: str) -> bool:
        """Whether it lies over this place; what is of a whole environment, only over it whole."""
        return self.environment == environment and self.service in ("", service)


def windows_at(log: Log, *, at: int, scope: Scope = ANYWHERE) -> list[Window]:
    """Those that last at a time, in microseconds, and count."""
    return [
        one
        for one in _declared(log, at=at, scope=scope)
        if one.counts and micros(one.since) <= at < micros(one.until)
    ]


def windows_in(
    log: Log, *, since: int, until: int, now: int, scope: Scope = ANYWHERE
) -> list[Window]:
    """Those that last, or lasted, at any time from ``since`` to ``until``, the newest first."""
    changed = log.estate.changed(
        scope, since=since, until=now + 1, as_of=log.lens.as_of, slots=(SLOT,), modes=(DECLARED,),
        limit=LISTED_MAX,
    )  # fmt: skip
    found: dict[str, Window] = {}
    for moment in sorted({one.at for one in changed if one.after is not None} | {since, now}):
        for one in _declared(log, at=moment, scope=scope):
            found.setdefault(one.maintenance, one)
    ended = {one.before: one.at for one in changed if one.before is not None}
    listed = []
    for one in found.values():
        end = min(micros(one.until), ended.get(one.maintenance, until))
        if micros(one.since) < until and since < end:
            at = ended.get(one.maintenance)
            listed.append(msgspec.structs.replace(one, ended=None if at is None else of_micros(at)))
    return sorted(listed, key=lambda one: (one.since, one.maintenance), reverse=True)


def _declared(log: Log, *, at: int, scope: Scope) -> Iterator[Window]:
    """Those that are declared by a time and were not ended, whenever they last."""
    held = log.estate.held(
        scope, at=at, as_of=log.lens.as_of, slots=(SLOT,), modes=(DECLARED,)
    )  # fmt: skip
    count = log.that_count({one.entry for one in held})
    for one in sorted(held, key=lambda h: (h.scope, h.since)):
        said = {name: str(one.properties.get(name, "")) for name in ("since", "until", "reason")}
        if said["since"] and said["until"]:
            yield Window(
                maintenance=one.value, environment=one.scope.environment,
                service=one.scope.service, ended=None, entry=one.entry,
                counts=one.entry in count, **said,
            )  # fmt: skip


def is_silenced(windows: Iterable[Window], environment: str, service: str) -> bool:
    """Whether one of them lies over this place."""
    return any(one.covers(environment, service) for one in windows)
