"""The shapes of the answers about health; their JSON is what doors send.

health             ──► Health            every indicator: value, target, met or not, in parts
health --explain   ──► HealthExplained   what is missing, whose it is, which fix closes most
health --history   ──► History           one indicator at moments of the past

A value is None where it is not known, and ``says`` tells why.
"""

from __future__ import annotations

import msgspec

from wherefrom.query.answers import LogPosition


class IndicatorShare(msgspec.Struct, frozen=True, kw_only=True):
    """An indicator of one part; an empty field is *any*. ``of`` is how many it was counted over.

    Where all four are empty it is, of coverage, of what was made and runs nowhere.
    """

    environment: str = ""
    service: str = ""
    kind: str = ""
    trust: str = ""
    value: float | None
    of: int


# Another answer has a Share of its own, and schemas have one name each.
Share = IndicatorShare


class Indicator(msgspec.Struct, frozen=True, kw_only=True):
    """One indicator.

    id      as in docs/health.md: ``N1``; ``name`` one word or two: ``coverage``
    value   in ``unit``: ``share`` (0 to 1), ``s``, ``ms``, ``count``, ``bytes/day``
    of      how many things or records it was counted over
    target  None where none is set; ``met`` None where either is unknown
    by      the same in parts, the worst first
    """

    id: str
    name: str
    value: float | None
    unit: str
    of: int
    target: float | None
    met: bool | None
    says: str
    by: list[IndicatorShare] = []


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Every indicator at a time, as known at a log size."""

    log: LogPosition
    at: str
    as_of: int
    indicators: list[Indicator]


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is missing: by which rule, or of which kind; what helps.

    needs  what the rule asks for: ``sbom``, ``provenance``, …
    """

    rule: str
    needs: str = ""
    says: str
    remedy: str = ""
    entries: list[int] = []


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is missing. ``owner`` is of the catalogue, None where it says nothing."""

    environment: str
    service: str
    owner: str | None
    artifact: str
    name: str | None
    kind: str
    lacks: list[Lack]


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to mend.

    closes  how many would then miss nothing any more; ``helps`` how many would miss less
    """

    rule: str
    owner: str | None
    services: list[str]
    closes: int
    helps: int
    says: str
    remedy: str


class HealthExplained(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind one indicator.

    missing    the worst first; ``truncated`` if not all is listed
    fixes      the one that closes most first
    by_policy  name, version and digest of the policy that says what a whole chain is; else empty
    """

    log: LogPosition
    at: str
    as_of: int
    indicator: Indicator
    missing: list[Missing]
    fixes: list[Fix]
    truncated: bool
    by_policy: str = ""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """An indicator at a moment: ``size`` is that of the log then."""

    at: str
    size: int
    value: float | None
    of: int


class History(msgspec.Struct, frozen=True, kw_only=True):
    """One indicator, the oldest point first."""

    log: LogPosition
    indicator: str
    name: str
    unit: str
    since: str
    until: str
    step_s: int
    points: list[Point]
