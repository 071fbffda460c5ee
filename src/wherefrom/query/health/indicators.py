"""Every indicator: what it is called, what its target is, and how it is found.

    Asked ──find──► Found(value, of, says, by) ──► Indicator, against its target

Source: docs/health.md has the same table in words
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed, NotFound, Unavailable
from wherefrom.query.health import coverage, of_records, of_servers, of_work
from wherefrom.query.health.answers import Indicator, Lack, Missing
from wherefrom.query.health.asked import Asked
from wherefrom.query.health.coverage import Unit, Wanted
from wherefrom.query.health.found import Found, unknown


class Known(NamedTuple):
    """One indicator.

    low     whether a lower value is better
    parts   by what it can be told apart: the fields of ``Wanted`` that it heeds
    behind  what is missing behind it, the worst first, where that can be listed
    """

    id: str
    name: str
    unit: str
    target: float | None
    low: bool
    find: Callable[[Asked], Found]
    parts: tuple[str, ...] = Wanted._fields
    behind: Callable[[Asked], list[Missing]] | None = None


def indicator(one: Known, asked: Asked) -> Indicator:
    """One indicator of a question."""
    deaf = [
        name
        for name, wanted in zip(Wanted._fields, asked.wanted, strict=True)
        if wanted and name not in one.parts
    ]
    try:
        found = unknown(f"not told by {' and '.join(deaf)}") if deaf else one.find(asked)
    except (Unavailable, LimitPassed) as error:
        found = unknown(str(error))
    met = None
    if one.target is not None and found.value is not None:
        met = found.value <= one.target if one.low else found.value >= one.target
    return Indicator(
        id=one.id, name=one.name, value=found.value, unit=one.unit, of=found.of,
        target=one.target, met=met, says=found.says, by=list(found.by),
    )  # fmt: skip


def named(text: str) -> Known:
    """An indicator by its id or name. Raises NotFound."""
    wanted = text.strip().lower().replace("-", " ").replace("_", " ")
    for one in INDICATORS:
        if wanted in (one.id.lower(), one.name):
            return one
    raise NotFound(
        "no such indicator", got=text,
        expected=", ".join(f"{one.id} {one.name}" for one in INDICATORS),
        do="See: wherefrom health",
    )  # fmt: skip


def _coverage(asked: Asked) -> Found:
    units = asked.units
    if not units:
        return unknown("nothing runs, and nothing was made, that a rule asks about")
    says = "; ".join(coverage.lines(units, asked.known)) + asked.left_out
    return Found(coverage.share(units), len(units), says, coverage.shares(units))


def _uncovered(asked: Asked) -> list[Missing]:
    return coverage.missing(asked.units, asked.graph, asked.lens, asked.known)


def _sbom_coverage(asked: Asked) -> Found:
    if "sbom" not in asked.judge.needs():
        return unknown("the policy of coverage asks for no SBOM")
    units = [one._replace(lacks=tuple(_sboms(one))) for one in asked.units]
    if not units:
        return unknown("nothing runs, and nothing was made, that a rule asks about")
    says = f"{sum(not one.lacks for one in units)} of {len(units)} have an SBOM that counts"
    says += asked.left_out
    return Found(coverage.share(units), len(units), says, coverage.shares(units))


def _without_sbom(asked: Asked) -> list[Missing]:
    units = [one._replace(lacks=tuple(_sboms(one))) for one in asked.units]
    return coverage.missing(units, asked.graph, asked.lens, asked.known)


def _sboms(one: Unit) -> list[Lack]:
    return [lack for lack in one.lacks if lack.needs == "sbom"]


_WHOLE: Final[tuple[str, ...]] = ()
_PLACES: Final = ("environment", "service")
INDICATORS: Final = (
    Known("N1", "coverage", "share", 0.99, False, _coverage, behind=_uncovered),
    Known("N2", "freshness", "s", 10, True, of_records.freshness),
    Known("N3", "query latency", "ms", 500, True, of_servers.query_latency, _WHOLE),
    Known("N4", "integrity failures", "count", 0, True, of_records.integrity, _WHOLE),
    Known(
        "N5", "gap rate", "share", 0.001, True, of_work.gap_rate, (*_PLACES, "kind"), of_work.silent
    ),
    Known("N6", "storage growth", "bytes/day", None, True, of_records.growth),
    Known("N7", "false alerts", "share", None, True, of_work.false_alerts, _PLACES),
    Known("N8", "root cause", "s", 7_200, True, of_work.root_cause, _PLACES),
    Known("N9", "query errors", "share", 0.001, True, of_servers.query_errors, _WHOLE),
    Known("N10", "enforcement", "share", 0.05, True, of_work.enforcement, _PLACES[:1]),
    Known("N11", "verified", "share", 1.0, False, of_records.verified, ("kind", "trust")),
    Known("N12", "redaction failures", "count", 0, True, of_records.redaction, _WHOLE),
    Known("N13", "reproduction", "s", 1_800, True, of_work.reproduction, _WHOLE),
    Known("N14", "verification", "ms", 100, True, of_servers.verification, _WHOLE),
    Known("N15", "aliases", "share", None, True, of_records.aliases),
    Known("N16", "clock skew", "count", 0, True, of_records.clock_skew),
    Known("N17", "sbom coverage", "share", 0.99, False, _sbom_coverage, behind=_without_sbom),
    Known("N18", "signed changes", "share", None, False, of_records.signed_changes),
)
