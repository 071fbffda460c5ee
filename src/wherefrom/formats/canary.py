"""What a canary was found to be, as the predicate of a statement: its verdict and the numbers.

    {"service", "environment", "since", "until", "verdict", "alpha",
     "canary": {"where", "artifact", "reality", "requests"}, "baseline": {…},
     "apart": [{"slot", "name", "value"}], "measures": [{"measure", "verdict", "canary", …}], "log"}
        subjects: the canary's artifact, and its reality if it is known

    statement ──describes──► canary:<digest of the record> ──used──► artifacts of both, service

What is judged is what the two sides have *apart*: a reality is the one that was judged if it holds
all of it. How a verdict is reached is ``query.canary``'s.

Sizes:  a name 256 bytes · APART_MAX things apart · MEASURES measures
Source: docs/formats/canary.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import names, reality_id, statement_shape
from wherefrom.formats.digests import strong_id_in
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.statement_shape import need_sized, need_time
from wherefrom.formats.states import PART_BYTES_MAX, VALUE_BYTES_MAX

PREDICATE_TYPE: Final = "urn:wherefrom:canary:v1"
PASS: Final = "pass"
FAIL: Final = "fail"
UNDECIDED: Final = "undecided"
VERDICTS: Final = (PASS, FAIL, UNDECIDED)
MEASURES: Final = ("failing", "slow", "latency")
# Of these a reality is made; a canary differs from what is beside it in one of them at least.
APART_SLOTS: Final = ("artifact", "config", "flag", "policy")
APART_MAX: Final = 1_000


class _Part(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A part of a predicate: what is not said is not written."""


class CanarySide(_Part, frozen=True):
    """One of the two that were compared: ``where`` it is, such as ``pool=canary``."""

    where: str
    requests: int
    artifact: str | None = None
    reality: str | None = None


class CanaryApart(_Part, frozen=True):
    """Something that only the canary has."""

    slot: str
    name: str
    value: str


class Measure(_Part, frozen=True):
    """One measure of both, and how much worse the canary surely is: from ``low`` to ``high``.

    canary, baseline  shares of their answers; of ``latency``, means in milliseconds
    effect            their difference; of ``latency``, the median of their ratios by minute, less 1
    tolerance         so much worse is borne
    low, high         each end holds whenever one looks; None: nothing is known
    samples           of each side: answers; of ``latency``, minutes
    decided           when the verdict was reached
    """

    measure: str
    verdict: str
    canary: float
    baseline: float
    effect: float
    tolerance: float
    canary_samples: int
    baseline_samples: int
    low: float | None = None
    high: float | None = None
    decided: str | None = None


class LogAt(_Part, frozen=True):
    """As of which log it was said what runs where."""

    origin: str
    size: int
    root: str | None = None


class CanaryVerdict(_Part, frozen=True):
    """The verdict: ``fail`` if any measure is one, ``pass`` if all are.

    alpha  the chance that a canary which is no worse than is borne fails, however often one looked
    """

    service: str
    environment: str
    since: str
    until: str
    verdict: str
    alpha: float
    canary: CanarySide
    baseline: CanarySide
    log: LogAt
    apart: list[CanaryApart] = []
    measures: list[Measure] = []


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> CanaryVerdict:
    """Read a predicate. Raises Malformed for a field that is wrong or unknown, LimitPassed."""
    found = statement_shape.convert(predicate, CanaryVerdict, "a canary's verdict", where)
    _check(found, where)
    return found


def to_statement(verdict: CanaryVerdict) -> bytes:
    """The in-toto statement, canonical. Raises Malformed or LimitPassed for what ``parse`` would
    refuse, and for a canary of which nobody knows what it is."""
    predicate: dict[str, Any] = msgspec.to_builtins(verdict)
    parse(predicate)
    return statement_shape.of_subjects(_subjects(verdict), PREDICATE_TYPE, predicate)


def together(measures: Sequence[Measure]) -> str:
    """The verdict that follows from all measures."""
    said = {one.verdict for one in measures}
    return FAIL if FAIL in said else PASS if said == {PASS} else UNDECIDED


def add(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    subjects: Sequence[str],
    where: str,
) -> str:
    """Add what a verdict's statement says; returns when it was reached.

    Raises as ``parse``, and Malformed for other subjects than its own.
    """
    found = parse(predicate, where=where)
    own = [f"{a}:{d}" for s in _subjects(found) for a, d in s["digest"].items()]
    if list(subjects) != own:
        raise Malformed(
            "a canary's verdict under other subjects than its own", where="subject",
            expected=", ".join(own), got=", ".join(subjects[:3]),
            do="Make it with: wherefrom canary SERVICE --record",
        )  # fmt: skip
    activity = builder.node(
        f"canary:{builder.document}", "activity", f"canary of {found.service}: {found.verdict}",
        {"verdict": found.verdict, "service": found.service, "environment": found.environment,
         "since": found.since, "until": found.until},
    )  # fmt: skip
    builder.edge(builder.document, "describes", activity)
    service = builder.node(names.service_id(found.service), "service", found.service)
    builder.edge(activity, "used", service)
    for side in (found.canary, found.baseline):
        if side.artifact is not None:
            builder.edge(activity, "used", builder.node(side.artifact, "artifact"))
        if side.reality is not None:
            node = builder.node(side.reality, "reality", reality_id.short(side.reality))
            builder.edge(activity, "used", node)
    return found.until


def _subjects(verdict: CanaryVerdict) -> list[dict[str, Any]]:
    """The artifact and the reality of the canary. Raises Malformed if neither is known."""
    side = verdict.canary
    named = [(verdict.service, side.artifact), (f"{verdict.service} reality", side.reality)]
    found = [{"name": n, "digest": dict([id.split(":", 1)])} for n, id in named if id]
    if not found:
        raise Malformed(
            "a verdict about nothing", where="canary", expected="the digest of what it runs",
            do="Deploy by digest, and record it: then the canary has one",
        )  # fmt: skip
    return found


def _check(found: CanaryVerdict, where: str) -> None:
    for what in ("service", "environment"):
        need_sized(getattr(found, what), f"{where}.{what}", PART_BYTES_MAX)
    if not found.service:
        raise Malformed("a verdict about no service", where=f"{where}.service")
    for what in ("since", "until"):
        need_time(getattr(found, what), f"{where}.{what}")
    _among(found.verdict, VERDICTS, f"{where}.verdict")
    if not 0 < found.alpha < 1:
        raise Malformed("not a chance", where=f"{where}.alpha", got=found.alpha)
    for what in ("canary", "baseline"):
        _check_side(getattr(found, what), f"{where}.{what}")
    if found.log.size < 0:
        raise Malformed("not the size of a log", where=f"{where}.log", got=found.log.size)
    if len(found.apart) > APART_MAX:
        raise LimitPassed("too many", where=f"{where}.apart", expected=f"{APART_MAX} at most")
    for one in found.apart:
        _among(one.slot, APART_SLOTS, f"{where}.apart")
        need_sized(one.name, f"{where}.apart", PART_BYTES_MAX)
        need_sized(one.value, f"{where}.apart", VALUE_BYTES_MAX)
    measured = [one.measure for one in found.measures]
    if len(set(measured)) != len(measured):
        raise Malformed("a measure twice", where=f"{where}.measures", got=" ".join(measured))
    for number, measure in enumerate(found.measures):
        _check_measure(measure, f"{where}.measures[{number}]")
    if found.verdict != together(found.measures):
        raise Malformed(
            "a verdict that does not follow from its measures", where=f"{where}.verdict",
            expected=together(found.measures), got=found.verdict,
        )  # fmt: skip


def _check_side(side: CanarySide, where: str) -> None:
    need_sized(side.where, f"{where}.where", VALUE_BYTES_MAX)
    if side.requests < 0:
        raise Malformed("less than nothing", where=f"{where}.requests", got=side.requests)
    if side.artifact is not None and strong_id_in(side.artifact) != side.artifact:
        raise Malformed("not a digest", where=f"{where}.artifact", got=side.artifact)
    if side.reality is not None:
        reality_id.id_of(side.reality, where=f"{where}.reality")


def _check_measure(one: Measure, where: str) -> None:
    _among(one.measure, MEASURES, f"{where}.measure")
    _among(one.verdict, VERDICTS, f"{where}.verdict")
    numbers = (one.canary, one.baseline, one.effect, one.low, one.high, one.tolerance)
    if not all(number is None or isfinite(number) for number in numbers):
        raise Malformed("not a number", where=where)
    if min(one.canary_samples, one.baseline_samples) < 0:
        raise Malformed("less than nothing", where=f"{where}.samples")
    if one.decided is not None:
        need_time(one.decided, f"{where}.decided")


def _among(text: str, known: Sequence[str], where: str) -> None:
    if text not in known:
        raise Malformed("none of what it can be", where=where, expected=" ".join(known), got=text)
