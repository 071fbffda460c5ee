"""What a Prometheus is asked, and its answers as series. Nothing here goes over a network.

    Group, step ──► a query a metric ──query_range──► matrices ──► Series of each place
                     $by $match $range …               └ info: labels of job and instance

Counts come as what a step had of them; failures and slow answers become rates of them. Where two
results have one place (they differ in a label that does not count), counts are added, and of all
else the mean is taken.

Source: Prometheus, "HTTP API", range queries; docs/formats/series.md
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.series import SERIES_MAX, TEXT_BYTES_MAX, Labels, Series, checked, series
from wherefrom.formats.series_settings import ERRORS, Group

POINTS_MAX: Final = 10_000  # a Prometheus gives 11,000 a series at most
_JOIN: Final = ("job", "instance")
_COUNTS: Final = ("requests", ERRORS, "slow")

_Matrix = dict[Labels, dict[float, float]]


class Result(NamedTuple):
    """One series of an answer, its labels as they stand there."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, float]]


class _Sent(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Matrices(msgspec.Struct):
    result_type: str = msgspec.field(name="resultType")
    result: list[_Sent]


class _Answer(msgspec.Struct):
    data: _Matrices


def queries(
    group: Group, *, step_s: int, range_s: int, match: str, slow_ms: float
) -> dict[str, str]:
    """The query of each metric of a group."""
    said = {
        "$by": ", ".join(group.names),
        "$match": match,
        "$range": f"{range_s}s",
        "$step": f"{step_s}s",
        "$every": str(step_s),
        "$slow": f"{slow_ms / 1000:g}",
    }
    return {name: _filled(template, said) for name, template in group.metrics.items()}


def wants_info(group: Group) -> bool:
    """Whether an info metric can be told by job and instance here."""
    return set(_JOIN) <= set(group.names)


def info_query(group: Group, info: str, *, match: str) -> str:
    """What asks for the labels of each job and instance."""
    return f"max by ({', '.join(group.names)}) ({info}{{{match}}})"


def parse(content: bytes, *, where: str) -> list[Result]:
    """Read the answer to a range query. Raises Malformed, LimitPassed."""
    try:
        data = msgspec.json.decode(content, type=_Answer).data
        if data.result_type != "matrix":
            raise Malformed(
                "not an answer to a range query", where=where, expected="matrix",
                got=data.result_type,
            )  # fmt: skip
        if len(data.result) > SERIES_MAX:
            raise LimitPassed(
                "a query has too many series", where=where, expected=f"series_max {SERIES_MAX}",
                got=len(data.result), do="Narrow it down: match, or fewer labels, in series.json",
            )  # fmt: skip
        return [
            Result(one.metric, [(at, float(value)) for at, value in one.values])
            for one in data.result
        ]
    except (msgspec.DecodeError, ValueError) as error:
        raise Malformed("not an answer of a Prometheus", where=where, got=str(error)) from error


def error_of(content: bytes) -> str:
    """What an answer says went wrong, or how it begins."""
    try:
        said: Any = msgspec.json.decode(content)
        return str(said["error"])[:400]
    except (msgspec.DecodeError, KeyError, TypeError):
        return content[:200].decode("utf-8", "replace")


def assemble(
    group: Group, answers: Mapping[str, Iterable[Result]], info: Iterable[Result] = ()
) -> list[Series]:
    """The series of a group: ``answers`` by metric, in pieces of time or whole."""
    more = _told_by(info)
    matrices = {name: _matrix(group, name, found, more) for name, found in answers.items()}
    requests = matrices.get("requests", {})
    for counted, rate in ((ERRORS, "success_rate"), ("slow", "slow_rate")):
        if counted in matrices:
            bad = matrices.pop(counted)
            shares = _shares(requests, bad)
            matrices[rate] = (
                {place: {t: 1 - v for t, v in some.items()} for place, some in shares.items()}
                if counted == ERRORS
                else shares
            )
    found = []
    for name, matrix in matrices.items():
        for place, samples in matrix.items():
            kept = {t: v for t, v in samples.items() if _counts(name, v)}
            if kept:
                found.append(series(place, name, kept))
    return found


def _filled(template: str, said: Mapping[str, str]) -> str:
    for name, text in said.items():
        template = template.replace(name, text)
    return template


def _counts(metric: str, value: float) -> bool:
    try:
        return checked(metric, value, where=metric) is not None
    except Malformed:
        return False  # a counter that went back, a template that is not of this metric


def _told_by(info: Iterable[Result]) -> dict[tuple[str, str], Mapping[str, str]]:
    return {(one.labels.get("job", ""), one.labels.get("instance", "")): one.labels for one in info}


def _matrix(
    group: Group, metric: str, found: Iterable[Result],
    more: Mapping[tuple[str, str], Mapping[str, str]],
) -> _Matrix:  # fmt: skip
    matrix: _Matrix = {}
    seen: dict[tuple[Labels, float], int] = {}
    for one in found:
        told = more.get((one.labels.get("job", ""), one.labels.get("instance", "")), {})
        place = _labels(group, one.labels, told)
        if not place.service:
            continue
        samples = matrix.setdefault(place, {})
        for at, value in one.samples:
            if math.isnan(value) or math.isinf(value):
                continue
            number = seen[place, at] = seen.get((place, at), 0) + 1
            before = samples.get(at, 0.0)
            samples[at] = before + (value if metric in _COUNTS else (value - before) / number)
    return matrix


def _labels(group: Group, own: Mapping[str, str], told: Mapping[str, str]) -> Labels:
    said: dict[str, Any] = {}
    for part, names in group.labels.items():
        for name in names:
            text = own.get(name) or told.get(name)
            if text:
                # OTLP's job is namespace/name.
                text = text.rpartition("/")[2] if name == "job" else text
                said[part] = text.encode()[:TEXT_BYTES_MAX].decode("utf-8", "ignore")
                break
    flags = sorted((key, text) for key, name in group.flags.items() if (text := own.get(name)))
    return Labels(**said, flags=tuple(flags))


def _shares(requests: _Matrix, bad: _Matrix) -> _Matrix:
    """Of what was asked, which share was so: 0 where nothing was, and nothing where nobody asked.

    Rates are extrapolated one by one, so a share may come out a little above 1.
    """
    return {
        place: {
            at: min(max(bad.get(place, {}).get(at, 0.0), 0.0) / all_of, 1.0)
            for at, all_of in samples.items()
            if all_of > 0
        }
        for place, samples in requests.items()
    }
