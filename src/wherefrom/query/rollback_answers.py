"""The shapes of the answer about going back; their JSON is what doors send.

rollback ──► Rollback   the last good reality, whether all of it is there and trusted, what going
                        back changes, the commands, and the realities that were passed over
"""

from __future__ import annotations

import msgspec

from wherefrom.query.answers import LogPosition
from wherefrom.query.reality_answers import Change, Differing

SAFE, UNSAFE, NONE = "safe", "not safely", "none"


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to know, and the records that say it.

    code  what it is about: ``canary``, ``cause``, ``incident``, ``rolled_back``, ``trust``,
          ``gone``, ``brief``, ``mixed``, ``evidence``, ``uptime``, ``exists``
    name  of an incident, what it is called
    """

    code: str
    says: str
    entries: list[int]
    name: str = ""


class RealityValue(msgspec.Struct, frozen=True, kw_only=True):
    """What is in one place of a reality."""

    slot: str
    region: str
    pool: str
    name: str
    value: str
    says: str | None


class Stood(msgspec.Struct, frozen=True, kw_only=True):
    """A reality of the service, as it was declared or, where nobody declares, seen.

    id     the digest of its parts: of the reality, where it has one of each
    since  when it began to be so, None: before what was looked at; ``until`` None: it is so now
    """

    id: str
    since: str | None
    until: str | None
    values: list[RealityValue]


class PassedOver(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier reality that is not gone back to, and why."""

    reality: Stood
    reasons: list[Ground]


class RestoredPart(RealityValue, frozen=True, kw_only=True):
    """One part of the reality to go back to.

    exists   ``yes``, or ``unknown``; what is known to be gone is not gone back to
    trusted  ``yes``, or ``unknown`` where nobody whom we know vouches for it; ``trust`` is the best
             level of the records that speak of it, as they are believed now
    """

    exists: str
    trusted: str
    trust: str
    signers: tuple[str, ...]
    because: list[Ground]


class MigrationSince(msgspec.Struct, frozen=True, kw_only=True):
    """A migration that was applied since. ``can_undo`` None: nobody says."""

    database: str
    service: str
    at: str
    before: str | None
    after: str | None
    says: str | None
    can_undo: bool | None
    undo: str | None
    entry: int


class RollbackCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What brings a part back. ``argv`` empty: nobody says how, and ``says`` what to do.

    by       the tool, or ``settings``
    entries  the records that it follows from
    """

    slot: str
    name: str
    argv: list[str]
    by: str
    says: str
    entries: list[int]


class Rollback(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. ``verdict``: ``safe``; ``not safely``, see ``obstacles``; ``none`` to go back to.

    changes     what going back changes: ``a`` is now, ``b`` then
    trouble     what speaks against what it is now, and its incidents that are open
    beside      what changed since for all services of the environment, and stays as it is
    evidence    why the reality is held to be good
    """

    service: str
    environment: str
    verdict: str
    at: str
    log: LogPosition
    as_of: int
    now: Stood
    trouble: list[Ground]
    to: Stood | None
    evidence: list[Ground]
    parts: list[RestoredPart]
    changes: list[Differing]
    beside: list[Change]
    migrations: list[MigrationSince]
    obstacles: list[str]
    commands: list[RollbackCommand]
    passed_over: list[PassedOver]
    truncated: bool
