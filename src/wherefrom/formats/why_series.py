"""The series of a why-case: what was measured of each service, instance and identity.

    time,service,caller,instance,identity,metric,value
    2026-01-01T12:00:00Z,cart,,cart-7d9f-x2,sha256:5dc0…,success_rate,0.994
    2026-01-01T12:00:00Z,cart,shop,cart-7d9f-x2,sha256:5dc0…,latency_ms_p95,48.2

    rows of one (service, caller, instance, identity, metric) ──► Samples, in the order of time

``caller`` is empty where a service measures itself; else this is the caller's view of ``service``.
``instance`` and ``identity`` are empty where nobody said. A row without a value, with ``NaN`` or
with an infinite one (a quantile above the last bound of its histogram), was not measured; nor was
one above VALUE_MAX, so that sums and squares stay finite. A ratio of rates may overshoot: a success
rate up to RATE_MAX counts as 1.

Sizes:  256 MiB · 5,000,000 rows · 200,000 series
Source: docs/formats/why-case.md
"""

from __future__ import annotations

import csv
import io
import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import timestamps

METRICS: Final = (
    "success_rate",
    "latency_ms_p95",
    "latency_ms_mean",
    "requests",
    "cpu",
    "memory",
)
COLUMNS: Final = ("time", "service", "caller", "instance", "identity", "metric", "value")
BYTES_MAX: Final = 256 * 1024 * 1024
ROWS_MAX: Final = 5_000_000
SERIES_MAX: Final = 200_000
RATE_MAX: Final = 1.05
VALUE_MAX: Final = 1e18
_LAST_S: Final = 253_402_300_799.9999  # a double of the last microsecond of all is the next year

_Key = tuple[str, str, str, str, str]


class Samples(NamedTuple):
    """One series: ``times`` in seconds since 1970, ascending, and a value at each."""

    service: str
    caller: str
    instance: str
    identity: str
    metric: str
    times: Sequence[float]
    values: Sequence[float]

    def until(self, moment: float) -> Samples:
        """What of it is dated no later than ``moment``."""
        end = bisect_right(self.times, moment)
        if end == len(self.times):
            return self
        return self._replace(times=self.times[:end], values=self.values[:end])


def parse(content: bytes, *, where: str = "series.csv") -> tuple[Samples, ...]:
    """Read the rows. Raises Malformed or LimitPassed, naming the line."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("a why-case is not UTF-8", where=where, got=str(error)) from error
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        order = _order_of(next(rows, []), where)
        found = _gather(rows, order, where)
    except csv.Error as error:
        raise Malformed(
            "not comma-separated values", where=f"{where}, line {rows.line_num}", got=str(error)
        ) from error
    measured = ((key, times, values) for key, (times, values) in found.items() if times)
    return tuple(_in_order(*one) for one in measured)


def to_csv(series: Iterable[Samples]) -> bytes:
    """Write series as rows, one series after the other: the inverse of ``parse``."""
    written = io.StringIO(newline="")
    plain = csv.writer(written, lineterminator="\n")
    # A carriage return alone is no reason to quote for csv, but it ends a line for its reader.
    quoted = csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL)
    plain.writerow(COLUMNS)
    texts: dict[float, str] = {}
    for one in series:
        rows = quoted if any("\r" in name for name in one[:5]) else plain
        for moment, value in zip(one.times, one.values, strict=True):
            text = texts.get(moment)
            if text is None:
                text = texts[moment] = time_text(moment)
            rows.writerow([text, *one[:5], repr(float(value))])
    return written.getvalue().encode()


def time_text(moment: float) -> str:
    """Seconds since 1970 as entries write times."""
    return timestamps.to_text(datetime.fromtimestamp(min(moment, _LAST_S), UTC))


def _order_of(header: list[str], where: str) -> list[int]:
    if sorted(header) != sorted(COLUMNS):
        raise Malformed(
            "not the columns of a why-case's series",
            where=f"{where}, line 1",
            expected=",".join(COLUMNS),
            got=",".join(header) or "nothing",
        )
    return [header.index(column) for column in COLUMNS]


def _gather(
    rows: Iterable[list[str]], order: list[int], where: str
) -> dict[_Key, tuple[array[float], array[float]]]:
    found: dict[_Key, tuple[array[float], array[float]]] = {}
    moments: dict[str, float] = {}
    at, of_service, of_caller, of_instance, of_identity, of_metric, of_value = order
    for number, row in enumerate(rows, start=2):
        if len(row) != len(COLUMNS):
            if not row:
                continue
            raise Malformed(
                "a row has not the columns of the first line",
                where=f"{where}, line {number}",
                expected=f"{len(COLUMNS)} values",
                got=f"{len(row)}",
            )
        moment = moments.get(row[at])
        if moment is None:
            place = f"{where}, line {number}: time"
            moment = moments[row[at]] = timestamps.parse(row[at], where=place).timestamp()
        key = (row[of_service], row[of_caller], row[of_instance], row[of_identity], row[of_metric])
        samples = found.get(key)
        if samples is None:
            _check_key(key, f"{where}, line {number}")
            if len(found) >= SERIES_MAX:
                raise LimitPassed(
                    "a why-case has too many series", where=where, expected=f"{SERIES_MAX}"
                )
            samples = found[key] = (array("d"), array("d"))
        value = _value(row[of_value], key[4], where, number)
        if value is not None:
            samples[0].append(moment)
            samples[1].append(value)
        if number > ROWS_MAX:
            raise LimitPassed("a why-case has too many rows", where=where, expected=f"{ROWS_MAX}")
    return found


def _check_key(key: _Key, where: str) -> None:
    service, _, _, _, metric = key
    if not service:
        raise Malformed("a row names no service", where=f"{where}: service", expected="a name")
    if metric not in METRICS:
        raise Malformed(
            "not a metric", where=f"{where}: metric", expected=" ".join(METRICS), got=metric
        )


def _value(text: str, metric: str, where: str, number: int) -> float | None:
    """The value of a row; None for one that was not measured."""
    if text == "":
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if math.isnan(value) or value > VALUE_MAX:
        return None
    largest = RATE_MAX if metric == "success_rate" else math.inf
    if "_" in text or not 0 <= value <= largest:
        raise Malformed(
            "not a value of this metric",
            where=f"{where}, line {number}: value",
            expected="0 to 1" if metric == "success_rate" else "a number, 0 or more",
            got=f"{metric} {text}",
        )
    return min(value, 1.0) if metric == "success_rate" else value


def _in_order(key: _Key, times: array[float], values: array[float]) -> Samples:
    if any(a > b for a, b in pairwise(times)):
        order = sorted(range(len(times)), key=times.__getitem__)
        times = array("d", (times[i] for i in order))
        values = array("d", (values[i] for i in order))
    return Samples(*key, times=times, values=values)
