"""What this estate promises, as ``DIR/objectives.yaml`` says it: objectives, and rules of our own.

    objectives:
      - {name: cart-availability, service: cart, environment: prod, target: 99.9, series: errors,
         by: [reality]}
      - {name: coverage, environment: prod, target: 99, indicator: coverage}
      - {name: checkout, target: 99.5, promql: {errors: 'sum(rate(…[$window]))', total: …}}
    integrity: true                            a running artifact of production that fails a check
    coverage_drop: {points: 10, within: 1h, lasting: 5m}    critical for what was just released
    clock_skew: {ahead: 10s}                   a producer whose records are dated in the future

An objective is a share of good, in percent, over a period. What burns the rest of it faster than
it lasts is told: fast to a page, slowly to a ticket, by two windows each, so that it begins early
and ends when it is over.

    factor = budget × period ÷ long window        burns: errors > factor × (1 − target), in both

Of few requests one that fails is a large share. So a long window counts as one of ``requests_min``
at least, those that are missing good; not the short one, which only says that it goes on.

Sizes:  OBJECTIVES_MAX objectives · a name NAME_CHARS_MAX characters · a query QUERY_CHARS_MAX
Source: Google, "The Site Reliability Workbook", chapter 5; Sloth, windows of 7, 28 and 30 days;
        docs/objectives.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import statement_shape, strict_json, yaml_text
from wherefrom.formats.timestamps import duration_s

OBJECTIVES_MAX: Final = 200
NAME_CHARS_MAX: Final = 63
QUERY_CHARS_MAX: Final = 4_096
BY_MAX: Final = 4
LABELS_MAX: Final = 32
REQUESTS_MAX: Final = 10**9
PAGE: Final = "page"
TICKET: Final = "ticket"
INFO: Final = "info"
# Those that reach people, the worse last.
SEVERITIES: Final = (INFO, TICKET, PAGE)
HERE: Final = "here"
PROMETHEUS: Final = "prometheus"
WINDOW: Final = "$window"
BY: Final = "$by"
_NAME: Final = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{NAME_CHARS_MAX - 1}}}")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,99}")
_DAY: Final = 86_400
QUIET_S: Final = (10, _DAY)

Severity = Literal["page", "ticket", "info"]

_STARTER: Final = """\
# What this estate promises. See docs/objectives.md; check it with: wherefrom objectives check
objectives:
  # Of 1,000 answers of a service one may fail; looked at by reality too, so that a canary counts.
  - name: {service}-errors
    service: {service}
    environment: {environment}
    target: 99.9
    series: errors
    by: [reality]
  # How much of what runs there has a complete, trusted chain.
  - name: coverage-{environment}
    environment: {environment}
    target: 99
    indicator: coverage
# What runs in production and fails a check pages at once.
integrity: true
# Less coverage so soon after a release is critical for it.
coverage_drop: {{points: 10, within: 1h, lasting: 5m}}
# A producer that dates its records so far in the future is a ticket.
clock_skew: {{ahead: 10s}}
# An alert ends when nothing spoke for it for so long; later, if it came back.
quiet: 15m
"""


class Windows(NamedTuple):
    """Two windows that are looked at together, and which share of the budget may go in the long."""

    severity: Severity
    short_s: int
    long_s: int
    budget: float

    def factor(self, period_s: int) -> float:
        """How many times faster than it lasts the budget may be used up."""
        return round(self.budget * period_s / self.long_s, 6)


def _windows(*budgets: float) -> tuple[Windows, ...]:
    spans: tuple[tuple[Severity, int, int], ...] = (
        (PAGE, 300, 3_600), (PAGE, 1_800, 21_600), (TICKET, 7_200, _DAY),
        (TICKET, 21_600, 3 * _DAY),
    )  # fmt: skip
    return tuple(Windows(*span, share) for span, share in zip(spans, budgets, strict=True))


_MONTH: Final = _windows(0.02, 0.05, 0.10, 0.10)
# period in seconds → what is looked at.
PERIODS: Final[Mapping[int, tuple[Windows, ...]]] = {
    7 * _DAY: _windows(0.08, 0.125, 0.20, 0.42),
    28 * _DAY: _MONTH,
    30 * _DAY: _MONTH,
}
SPANS_S: Final = (300, 1_800, 3_600, 7_200, 21_600, _DAY, 3 * _DAY)


class Ratio(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two PromQL queries: how many were bad, and how many there were. ``$window`` stands for the
    window, ``$by`` for the labels that the answer is split by."""

    errors: str
    total: str


class Objective(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One objective: one of ``indicator``, ``series`` and ``promql`` says what is measured.

    target       percent that is to be good, over ``period``: 7d, 28d or 30d
    indicator    of our own, by id or name: a share, or with ``at_most`` or ``at_least`` how much
                 of the time it is so; of one ``kind`` or level of ``trust``, if given
    series       ``errors``, or ``slow``: what a service's series say
    by           what it is looked at by, besides all together: ``reality`` of a series, labels
    matched_by   which labels of a Prometheus say service, environment and reality of a series
    watched      ``here``, or by a ``prometheus`` that has the rules; by who measures it if empty
    requests_min  of how many requests a long window is at least; None: of a series so many that one
                 that fails is too little, of PromQL none
    labels       more of them, for the rules; ``annotations`` likewise
    alert        how the rule is called there; after the objective if empty
    """

    name: str
    target: float
    period: str = "30d"
    description: str = ""
    environment: str = ""
    service: str = ""
    indicator: str = ""
    kind: str = ""
    trust: str = ""
    at_most: float | None = None
    at_least: float | None = None
    series: Literal["", "errors", "slow"] = ""
    promql: Ratio | None = None
    by: tuple[str, ...] = ()
    matched_by: dict[str, str] = {}
    watched: Literal["", "here", "prometheus"] = ""
    requests_min: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    alert: str = ""

    @property
    def period_s(self) -> int:
        """The period in seconds."""
        return duration_s(self.period, where=f"{self.name}.period")

    @property
    def windows(self) -> tuple[Windows, ...]:
        """What is looked at, pages first."""
        return PERIODS[self.period_s]

    @property
    def budget(self) -> float:
        """Which share may be bad."""
        return (100 - self.target) / 100

    def requests_least(self, windows: Windows) -> int:
        """Of how many requests the long one of these is at least; 0 if it does not matter."""
        if self.requests_min is not None:
            return self.requests_min
        if not self.series:  # nobody says that its total counts requests
            return 0
        return int(1 / (windows.factor(self.period_s) * self.budget)) + 1

    @property
    def is_watched_here(self) -> bool:
        """Whether Wherefrom itself tells when it burns."""
        return (self.watched or (HERE if self.promql is None else PROMETHEUS)) == HERE


class CoverageDrop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many percent points of coverage may go within how long after a release; told if it is so
    for ``lasting`` (None: at once), as papers may come a little after what they are of."""

    points: float = 10.0
    within: str = "1h"
    lasting: str | None = "5m"

    @property
    def within_s(self) -> int:
        """The same in seconds."""
        return duration_s(self.within, where="coverage_drop.within")

    @property
    def lasting_s(self) -> int:
        """The same in seconds."""
        return duration_s(self.lasting, where="coverage_drop.lasting") if self.lasting else 0


class ClockSkew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far ahead of ours a producer's clock has to be; in this hour, or the one before."""

    ahead: str = "10s"

    @property
    def ahead_s(self) -> int:
        """The same in seconds."""
        return duration_s(self.ahead, where="clock_skew.ahead")


class Objectives(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says.

    quiet  how long nothing may speak for an alert before it ends; longer for one that comes back
    """

    objectives: tuple[Objective, ...] = ()
    integrity: bool = True
    coverage_drop: CoverageDrop | None = CoverageDrop()
    clock_skew: ClockSkew | None = ClockSkew()
    quiet: str = "15m"

    @property
    def quiet_s(self) -> int:
        """The same in seconds."""
        return duration_s(self.quiet, where="quiet")


def parse(content: bytes, *, where: str) -> Objectives:
    """Read the file. Raises Malformed, LimitPassed."""
    written = yaml_text.decode(content, where=where)
    document = strict_json.as_object({} if written is None else written, where=where)
    said = statement_shape.convert(
        document, Objectives, "objectives", where,
        do="Start from one that is right: wherefrom objectives new",
    )  # fmt: skip
    if len(said.objectives) > OBJECTIVES_MAX:
        raise LimitPassed("too many objectives", where=where, expected=f"{OBJECTIVES_MAX} at most")
    names = [one.name for one in said.objectives]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Malformed("two objectives of one name", where=where, got=" ".join(sorted(twice)))
    _need(where, "quiet", duration_s(said.quiet, where=f"{where}: quiet"), *QUIET_S)
    drop = said.coverage_drop
    if drop is not None:
        within = duration_s(drop.within, where=f"{where}: coverage_drop.within")
        _need(f"{where}: coverage_drop", "points", drop.points, 0.1, 100)
        _need(f"{where}: coverage_drop", "within", within, 60, 7 * _DAY)
        if drop.lasting is not None:
            lasting = duration_s(drop.lasting, where=f"{where}: coverage_drop.lasting")
            _need(f"{where}: coverage_drop", "lasting", lasting, 1, within)
    if said.clock_skew is not None:
        ahead = duration_s(said.clock_skew.ahead, where=f"{where}: clock_skew.ahead")
        _need(f"{where}: clock_skew", "ahead", ahead, 1, _DAY)
    for one in said.objectives:
        _check(one, f"{where}: {one.name}")
    return said


def starter(*, environment: str, service: str) -> str:
    """A file to begin with."""
    return _STARTER.format(environment=environment, service=service)


def window_name(seconds: int) -> str:
    """A window as a Prometheus writes it: 5m, 1h, 3d."""
    for length, letter in ((_DAY, "d"), (3_600, "h"), (60, "m")):
        if seconds % length == 0:
            return f"{seconds // length}{letter}"
    return f"{seconds}s"


def _check(one: Objective, where: str) -> None:
    if not _NAME.fullmatch(one.name):
        raise Malformed(
            "not a name", where=where, got=one.name,
            expected=f"small letters, digits and dashes, {NAME_CHARS_MAX} at most",
        )  # fmt: skip
    if not 0 < one.target < 100:
        raise Malformed(
            "not a target", where=f"{where}.target", expected="percent, above 0 and below 100",
            got=one.target,
        )  # fmt: skip
    if duration_s(one.period, where=f"{where}.period") not in PERIODS:
        raise Malformed(
            "not a period", where=f"{where}.period",
            expected=" ".join(map(window_name, PERIODS)), got=one.period,
        )  # fmt: skip
    given = {"indicator": one.indicator, "series": one.series, "promql": one.promql}
    sources = [name for name, value in given.items() if value]
    if len(sources) != 1:
        raise Malformed(
            "it is not said what is measured", where=where,
            expected="one of indicator, series and promql", got=" and ".join(sources) or "none",
        )  # fmt: skip
    for text in _texts(one):
        if len(text) > QUERY_CHARS_MAX or "\n\n" in text or "\0" in text:
            raise LimitPassed(
                "a text is too long, or none", where=where, got=text[:60],
                expected=f"{QUERY_CHARS_MAX} characters at most",
            )  # fmt: skip
    _check_source(one, where)
    _check_by(one, where)


def _texts(one: Objective) -> Iterator[str]:
    yield from (one.description, one.environment, one.service, one.indicator, one.alert)
    if one.promql is not None:
        yield from (one.promql.errors, one.promql.total)
    for pairs in (one.labels, one.annotations, one.matched_by):
        for key, value in pairs.items():
            yield from (key, value)


def _check_source(one: Objective, where: str) -> None:
    bounds = [bound for bound in (one.at_most, one.at_least) if bound is not None]
    if bounds and not one.indicator:
        raise Malformed("a bound of what is no indicator", where=where, expected="indicator: …")
    if len(bounds) == 2:
        raise Malformed("two bounds", where=where, expected="at_most, or at_least")
    if (one.kind or one.trust) and not one.indicator:
        raise Malformed("kind and trust are of indicators", where=where)
    if one.requests_min is not None:
        if one.indicator:
            raise Malformed("requests of an indicator", where=f"{where}.requests_min")
        _need(where, "requests_min", one.requests_min, 0, REQUESTS_MAX)
    if one.series and not one.service:
        raise Malformed("series of no service", where=f"{where}.service", expected="its name")
    if one.promql is None:
        if one.watched == PROMETHEUS and one.indicator:
            raise Malformed(
                "an indicator is watched here", where=f"{where}.watched", expected=HERE,
                got=one.watched, do="Or write what /metrics says of it as promql",
            )  # fmt: skip
        return
    for name in ("errors", "total"):
        query = getattr(one.promql, name)
        if WINDOW not in query:
            raise Malformed(
                "a query without a window", where=f"{where}.promql.{name}",
                expected=f"… rate(…[{WINDOW}]) …", got=query,
            )  # fmt: skip
        if one.by and BY not in query:
            raise Malformed(
                "a query that is not split", where=f"{where}.promql.{name}",
                expected=f"sum by ({BY}) (…), as there is a by", got=query,
            )  # fmt: skip


def _check_by(one: Objective, where: str) -> None:
    if len(one.by) > BY_MAX or max(len(one.labels), len(one.annotations)) > LABELS_MAX:
        raise LimitPassed(
            "too much is listed", where=where,
            expected=f"{BY_MAX} to look at it by, {LABELS_MAX} labels and annotations",
        )  # fmt: skip
    if one.indicator and one.by:
        raise Malformed("an indicator is not looked at by anything", where=f"{where}.by")
    if one.series and set(one.by) - {"reality"}:
        raise Malformed(
            "series are looked at by their reality", where=f"{where}.by", expected="reality",
            got=" ".join(one.by),
        )  # fmt: skip
    odd = set(one.matched_by) - {"service", "environment", "reality"}
    if odd:
        raise Malformed(
            "not a part of a place", where=f"{where}.matched_by",
            expected="service environment reality", got=" ".join(sorted(odd)),
        )  # fmt: skip
    for label in (*one.by, *one.labels, *one.matched_by.values()):
        if not _LABEL.fullmatch(label):
            raise Malformed("not a label of a Prometheus", where=where, got=label)
    if one.alert and not _LABEL.fullmatch(one.alert):
        raise Malformed("not a name of an alert", where=f"{where}.alert", got=one.alert)


def _need(where: str, what: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise Malformed(
            "a setting out of its bounds", where=f"{where}, {what}", expected=f"{least} to {most}",
            got=value,
        )  # fmt: skip
