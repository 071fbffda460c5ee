"""Which maintenances are declared, and whether one lies over an alert.

    estate, slot ``maintenance`` ──► Window ──covers──► environment, service

Whoever may record ``urn:wherefrom:maintenance:v1`` may declare one: intake rules, and the scopes of
tokens, say who that is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from wherefrom.formats.maintenance import SLOT
from wherefrom.formats.states import DECLARED, Scope
from wherefrom.formats.timestamps import of_micros
from wherefrom.views.estate import EstateSnapshot

LISTED_MAX: Final = 1_000
ANYWHERE: Final = Scope()


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One maintenance, by the record ``entry``. ``ended`` None while it lasts."""

    maintenance: str
    environment: str
    service: str
    since: str
    until: str
    ended: str | None
    reason: str
    entry: int

    def covers(self, environment: str, service: str) -> bool:
        """Whether it lies over this place; what is of a whole environment, only over it whole."""
        return self.environment == environment and self.service in ("", service)


def windows_at(
    estate: EstateSnapshot,
    *,
    at: int,
    as_of: int,
    scope: Scope = ANYWHERE,
) -> list[Window]:
    """Those that last at a time, in microseconds."""
    held = estate.held(scope, at=at, as_of=as_of, slots=(SLOT,), modes=(DECLARED,))
    return [
        Window(
            maintenance=one.value,
            environment=one.scope.environment,
            service=one.scope.service,
            since=of_micros(one.since),
            until=str(one.properties.get("until", "")),
            ended=None,
            reason=str(one.properties.get("reason", "")),
            entry=one.entry,
        )
        for one in sorted(held, key=lambda h: (h.scope, h.since))
    ]


def windows_in(
    estate: EstateSnapshot,
    *,
    since: int,
    until: int,
    as_of: int,
    scope: Scope = ANYWHERE,
) -> list[Window]:
    """Those that began in a window of time, or last at its start or end, the newest first."""
    changed = estate.changed(
        scope, since=since, until=until, as_of=as_of, slots=(SLOT,), modes=(DECLARED,),
        limit=LISTED_MAX,
    )  # fmt: skip
    moments = {one.at for one in changed if one.after is not None} | {since, until - 1}
    found: dict[str, Window] = {}
    for moment in sorted(moments):
        for one in windows_at(estate, at=moment, as_of=as_of, scope=scope):
            found.setdefault(one.maintenance, one)
    ended = {one.before: one.at for one in changed if one.before is not None}
    listed = [
        msgspec.structs.replace(one, ended=of_micros(ended[one.maintenance]))
        if one.maintenance in ended
        else one
        for one in found.values()
    ]
    return sorted(listed, key=lambda one: (one.since, one.maintenance), reverse=True)


def is_silenced(windows: Iterable[Window], environment: str, service: str) -> bool:
    """Whether one of them lies over this place."""
    return any(one.covers(environment, service) for one in windows)
