"""What ``wherefrom top`` shows: asked of a place as any other command asks it.

    Where, Wish ──reading──► status, running, changes, … ──► Frame ──► drawn, or JSON

Each part is asked by itself: what one cannot answer is said in its place, and costs the others
nothing. While the log has not grown, the frame before is still true.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import msgspec

from wherefrom.cli.opening import reading
from wherefrom.cli.settings import Where
from wherefrom.errors import Error, NotAllowed, NotFound
from wherefrom.formats import timestamps
from wherefrom.query.desk import LogStatus
from wherefrom.query.health import Health, HealthOptions
from wherefrom.query.reality import RealityOptions
from wherefrom.query.reality_answers import Change, Place

if TYPE_CHECKING:
    from wherefrom.cli.places import Reading

CHANGES_MAX: Final = 100
CHANGES_DAYS: Final = 30
ALERTS_MAX: Final = 200
HEALTH_SECONDS: Final = 30.0
T = TypeVar("T")


class Wish(NamedTuple):
    """What is to be shown; empty for all."""

    environment: str = ""
    service: str = ""

    @property
    def scope(self) -> str:
        """As ``running`` and ``changes`` take it, also for names with a slash."""
        said = {"environment": self.environment, "service": self.service}
        return ",".join(f"{name}={value}" for name, value in said.items() if value)


class Verdicts(msgspec.Struct, frozen=True, kw_only=True):
    """What the policies in force say of what runs: how many artifacts."""

    policies: int
    allowed: int
    denied: int
    unjudged: int


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One look.

    at         when
    log        where the log stands, and its views
    health     its indicators; None if they could not be asked
    verdicts   None where no policy is in force
    incidents  open ones, newest first; ``drifting`` places, ``denied`` ones among them first
    changes    newest first, of CHANGES_DAYS
    troubles   by part, why it could not be asked
    """

    at: str
    environment: str
    service: str
    log: LogStatus
    health: Health | None
    verdicts: Verdicts | None
    incidents: list[Place]
    drifting: list[Place]
    changes: list[Change]
    troubles: dict[str, str]


def asked(where: Where, wish: Wish, before: Frame | None = None) -> Frame:
    """One look at a place. Raises what ``reading`` and the question about the log raise.

    before  the last look: still true where the log has not grown and the same is wished
    """
    with reading(where) as place:
        status, now = place.status(), datetime.now(UTC)
        at = timestamps.to_text(now)
        if before is not None and _same(before, status, wish):
            return msgspec.structs.replace(before, at=at, log=status)
        troubles: dict[str, str] = {}

        def part(name: str, question: Callable[[], T], otherwise: T) -> T:
            try:
                return question()
            except NotAllowed as error:
                troubles[name] = error.what
            except NotFound:
                pass  # nothing is called so, yet
            except Error as error:
                troubles[name] = str(error)
            return otherwise

        running = RealityOptions(slots=("incident",))
        since = timestamps.to_text(now - timedelta(days=CHANGES_DAYS))
        recent = RealityOptions(since=since, limit=CHANGES_MAX)
        scope = wish.scope
        incidents: list[Place] = part(
            "incidents", lambda: place.running(scope, running, drifting=False).places, []
        )
        drifting: list[Place] = part(
            "drift", lambda: place.running(scope, RealityOptions(), drifting=True).places, []
        )
        return Frame(
            at=at,
            environment=wish.environment,
            service=wish.service,
            log=status,
            health=part("health", lambda: _health(place, wish, before, now), None),
            verdicts=part("policies", lambda: _verdicts(place, wish), None),
            incidents=sorted(incidents, key=_since, reverse=True)[:ALERTS_MAX],
            drifting=sorted(drifting, key=lambda one: not is_denied(one))[:ALERTS_MAX],
            changes=part("changes", lambda: place.changes(scope, recent).changes, []),
            troubles=troubles,
        )


def _same(before: Frame, status: LogStatus, wish: Wish) -> bool:
    return (
        _wish_of(before) == wish
        and not before.troubles
        and before.log.size == status.size
        and before.log.views == status.views
    )


def _health(place: Reading, wish: Wish, before: Frame | None, now: datetime) -> Health:
    """Health, anew only now and then: it counts over a month."""
    if before is not None and before.health is not None and wish == _wish_of(before):
        asked_at = timestamps.parse(before.health.at, where="at")
        if (now - asked_at).total_seconds() < HEALTH_SECONDS:
            return before.health
    return place.health(HealthOptions(environment=wish.environment, service=wish.service))


def _wish_of(frame: Frame) -> Wish:
    return Wish(frame.environment, frame.service)


def _verdicts(place: Reading, wish: Wish) -> Verdicts | None:
    said = place.policy_status(wish.environment, limit=1)
    if not said.policies:
        return None
    return Verdicts(
        policies=len(said.policies), allowed=said.allowed, denied=said.denied,
        unjudged=said.unjudged,
    )  # fmt: skip


def is_denied(place: Place) -> bool:
    """Whether the policy in force denies what runs there."""
    return any("denied" in one.marks for one in place.observed)


def _since(place: Place) -> str:
    stated = [*place.observed, *([place.declared] if place.declared else [])]
    return max((one.since for one in stated), default="")
