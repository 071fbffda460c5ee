"""The shapes of the answers about trouble; their JSON is what doors send.

    impact ──► Impact   splits by what ran there, and where it concentrates
    why    ──► Why      changes by how likely each did it, with the records behind each

Kept apart from what computes them, so that a client that only reads them computes nothing.
"""

from __future__ import annotations

from typing import Final

import msgspec

from wherefrom.query.answers import LogPosition

DIMENSIONS: Final = (
    "artifact", "bundle", "flag", "policy", "pool", "region", "environment", "service", "instance",
)  # fmt: skip


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One that was recorded: what it is called, since when, until when, and the record."""

    id: str
    name: str
    environment: str
    service: str
    began: str
    ended: str | None
    entry: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A label and its value; ``says`` how people call it, ``entries`` the records that say so."""

    label: str
    value: str
    says: str | None
    entries: list[int]


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """What befell the requests with one value of a label; None where it was not measured.

    failing, slow     shares of the requests, 0 to 1
    latency_ms_mean   over these requests; ``latency_ms_p95`` the worst of its parts
    """

    label: str
    value: str
    says: str | None
    entries: list[int]
    requests: float
    failing: float | None
    slow: float | None
    latency_ms_mean: float | None
    latency_ms_p95: float | None


class Concentrated(msgspec.Struct, frozen=True, kw_only=True):
    """A place where it goes wrong more often than elsewhere.

    measure   ``failing`` or ``slow``
    share     here; ``other_share`` elsewhere, once earlier finds are taken away
    lift      how many times as often, with the ends of its interval of 95 %
    q         the share of false finds, if all of at most this q are believed
    covers    share of all that went wrong which lies here
    same_as   other labels that the very same requests have: nobody can tell them apart
    """

    measure: str
    where: list[Told]
    requests: float
    share: float
    other_share: float
    lift: float
    low: float
    high: float
    q: float
    covers: float
    same_as: list[Told]
    says: str


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """Where it goes wrong. ``concentrated``: what explains most first; ``says``: what else to know.

    requests, failing, slow  of all that was looked at
    """

    service: str
    incident: Incident | None
    since: str
    until: str
    log: LogPosition
    as_of: int
    requests: float
    failing: float | None
    slow: float | None
    splits: list[Split]
    concentrated: list[Concentrated]
    says: list[str]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One reason: what it adds to the natural log-odds (below 0 it speaks against), in words."""

    feature: str
    contribution: float
    says: str


class RankedChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change and how likely it did it; ``change`` None is "none of these".

    entry    the record that said it first, of ``entries``: all that say a part of it
    name     which of its kind at the service, such as a flag's key; empty if there is but one
    """

    change: str | None
    probability: float
    evidence: list[Evidence]
    entry: int | None = None
    entries: list[int] = []
    kind: str | None = None
    slot: str | None = None
    name: str = ""
    service: str | None = None
    environment: str = ""
    before: str | None = None
    after: str | None = None
    before_says: str | None = None
    after_says: str | None = None
    started: str | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A change that began after the detection: it answers the trouble, and did not cause it."""

    change: str
    entry: int
    kind: str
    name: str
    service: str | None
    before: str | None
    after: str | None
    after_says: str | None
    started: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, likeliest first.

    detected   when it was, and ``onset`` when it seems to have begun, or None
    responses  ids of changes that began after the detection; ``responded`` what they are
    since      from when on changes and series are looked at
    series     how many of them were measured; ``calls`` pairs of services that call each other
    says       what else to know
    """

    service: str | None
    incident: Incident | None
    ranked: list[RankedChange]
    seconds: float
    detected: str
    onset: str | None
    responses: list[str]
    responded: list[Response]
    since: str
    until: str
    log: LogPosition
    as_of: int
    series: int
    calls: int
    says: list[str]
