"""What was measured of services, with where it was measured: rows that are pushed, or read.

    time,service,caller,instance,identity,metric,value[,environment,region,pool,bundle,flag:KEY …]
    {"time", "service", "metric", "value", "caller", …, "flags": {"checkout-v2": "on"}}
        └ rows of one place and metric ──► Series, in the order of time

The first seven columns are those of a why-case, so its ``series.csv`` can be pushed as it is. Only
``time``, ``service``, ``metric`` and ``value`` must be there. ``identity`` is what was measured:
the digest of an artifact or a reality, whole or its first hex digits, or what people call it.

Sizes:  ROWS_MAX rows · SERIES_MAX series · FLAGS_MAX flags a row · a text TEXT_BYTES_MAX bytes
        a line of CSV LINE_CHARS_MAX characters: each comma makes an object
Source: docs/formats/series.md
"""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import strict_json, timestamps, why_series

SLOW: Final = "slow_rate"  # which share of the answers took longer than they should
METRICS: Final = (*why_series.METRICS, SLOW)
RATES: Final = ("success_rate", SLOW)
TEXTS: Final = (
    "environment", "service", "caller", "region", "pool", "instance", "identity", "bundle",
)  # fmt: skip
NEEDED: Final = ("time", "service", "metric", "value")
ROWS_MAX: Final = 500_000
SERIES_MAX: Final = 50_000
FLAGS_MAX: Final = 16
TEXT_BYTES_MAX: Final = 256
LINE_CHARS_MAX: Final = 16 * 1024
_FLAG: Final = "flag:"


class Labels(NamedTuple):
    """Where and of what something was measured; an empty text is not said.

    caller    who saw it so; empty where the service measured itself
    identity  of the artifact or the reality; ``bundle`` of the configuration
    flags     pairs of a flag's key and its value, in order
    """

    environment: str = ""
    service: str = ""
    caller: str = ""
    region: str = ""
    pool: str = ""
    instance: str = ""
    identity: str = ""
    bundle: str = ""
    flags: tuple[tuple[str, str], ...] = ()


class Series(NamedTuple):
    """One metric of one place: ``times`` in seconds since 1970, ascending, and a value at each."""

    labels: Labels
    metric: str
    times: Sequence[float]
    values: Sequence[float]


def parse_csv(content: bytes, *, where: str = "") -> list[Series]:
    """Read rows with a line of columns above them. Raises Malformed, LimitPassed."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("series are not UTF-8", where=where, got=str(error)) from error
    rows = csv.reader(_lines(text), strict=True)
    try:
        return gather(_csv_rows(rows, where))
    except csv.Error as error:
        raise Malformed(
            "not comma-separated values", where=f"line {rows.line_num}", got=str(error)
        ) from error


def parse_ndjson(content: bytes, *, where: str = "") -> list[Series]:
    """Read an object a line. Raises Malformed, LimitPassed."""
    return gather(_json_rows(content, where))


class Row(NamedTuple):
    """One measurement; ``value`` None where it was not measured."""

    labels: Labels
    metric: str
    at: float
    value: float | None


def gather(rows: Iterable[Row]) -> list[Series]:
    """Rows as series, in the order in which each first came; the last of two at a time counts."""
    found: dict[tuple[Labels, str], dict[float, float]] = {}
    for number, row in enumerate(rows, start=1):
        if number > ROWS_MAX:
            raise LimitPassed("too many rows at once", expected=f"rows_max {ROWS_MAX}")
        samples = found.setdefault((row.labels, row.metric), {})
        if len(found) > SERIES_MAX:
            raise LimitPassed("too many series at once", expected=f"series_max {SERIES_MAX}")
        if row.value is not None:
            samples[row.at] = row.value
    return [series(*key, samples) for key, samples in found.items() if samples]


def series(labels: Labels, metric: str, samples: Mapping[float, float]) -> Series:
    """One series of samples by time."""
    times = array("d", samples)
    if any(a > b for a, b in pairwise(times)):
        times = array("d", sorted(times))
    return Series(labels, metric, times, array("d", (samples[t] for t in times)))


def checked(metric: str, value: float, *, where: str) -> float | None:
    """A value as it is kept: None for one that was not measured. Raises Malformed.

    A rate that is a ratio of two others may overshoot a little, and counts as 1.
    """
    if metric not in METRICS:
        raise Malformed(
            "not a metric", where=f"{where}: metric", expected=" ".join(METRICS), got=metric
        )
    if math.isnan(value) or value > why_series.VALUE_MAX:
        return None
    largest = why_series.RATE_MAX if metric in RATES else math.inf
    if not 0 <= value <= largest:
        raise Malformed(
            "not a value of this metric", where=f"{where}: value",
            expected="0 to 1" if metric in RATES else "a number, 0 or more",
            got=f"{metric} {value}",
        )  # fmt: skip
    return min(value, 1.0) if metric in RATES else value


def _lines(text: str) -> Iterator[str]:
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if len(line) > LINE_CHARS_MAX:
            raise LimitPassed(
                "a line is too long", where=f"line {number}", got=f"{len(line)}",
                expected=f"line_chars_max {LINE_CHARS_MAX}",
            )  # fmt: skip
        yield line


def _csv_rows(rows: Iterator[list[str]], where: str) -> Iterator[Row]:
    header = next(rows, [])
    _check_columns(header)
    at = {name: place for place, name in enumerate(header)}
    texts = [at.get(name, -1) for name in TEXTS]
    flags = [(name[len(_FLAG) :], place) for name, place in at.items() if name.startswith(_FLAG)]
    moments: dict[str, float] = {}
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        place = f"{where}line {number}"
        if len(row) != len(header):
            raise Malformed(
                "a row has not the columns of the first line", where=place,
                expected=f"{len(header)} values", got=f"{len(row)}",
            )  # fmt: skip
        told = [row[i] if i >= 0 else "" for i in texts]
        text = row[at["time"]]
        if text not in moments:
            moments[text] = timestamps.parse(text, where=f"{place}: time").timestamp()
        labels = _labels(told, [(key, row[i]) for key, i in flags if row[i]], place)
        metric = row[at["metric"]]
        value = _number(row[at["value"]], place)
        yield Row(labels, metric, moments[text], checked(metric, value, where=place))


def _check_columns(header: Sequence[str]) -> None:
    known = {*NEEDED, *TEXTS}
    odd = [name for name in header if name not in known and not _is_flag(name)]
    if odd or len(set(header)) != len(header) or not set(NEEDED) <= set(header):
        raise Malformed(
            "not the columns of series", where="line 1",
            expected=f"{','.join(NEEDED)}, and some of {','.join(TEXTS)}, flag:KEY",
            got=",".join(header)[:400] or "nothing",
        )  # fmt: skip
    if sum(map(_is_flag, header)) > FLAGS_MAX:
        raise LimitPassed("a row has too many flags", expected=f"flags_max {FLAGS_MAX}")


def _is_flag(name: str) -> bool:
    return name.startswith(_FLAG) and len(name) > len(_FLAG)


def _number(text: str, where: str) -> float:
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    return -1.0 if "_" in text else value


def _json_rows(content: bytes, where: str) -> Iterator[Row]:
    for number, line in enumerate(io.BytesIO(content), start=1):
        if not line.strip():
            continue
        place = f"{where}line {number}"
        said = strict_json.as_object(strict_json.decode(line), where=place)
        odd = said.keys() - {*NEEDED, *TEXTS, "flags"}
        if odd:
            raise Malformed(
                "not a part of a row", where=place, expected=" ".join((*NEEDED, *TEXTS, "flags")),
                got=min(odd),
            )  # fmt: skip
        flags = strict_json.get_object(said, "flags", where=place)
        if len(flags) > FLAGS_MAX:
            raise LimitPassed("a row has too many flags", expected=f"flags_max {FLAGS_MAX}")
        told = [strict_json.get_string(said, name, where=place) or "" for name in TEXTS]
        pairs = [(key, _text(value, f"{place}: flags")) for key, value in flags.items()]
        time = strict_json.need_string(said, "time", where=place)
        metric = strict_json.need_string(said, "metric", where=place)
        yield Row(
            _labels(told, pairs, place),
            metric,
            timestamps.parse(time, where=f"{place}: time").timestamp(),
            checked(metric, _json_number(said, place), where=place),
        )


def _json_number(said: Mapping[str, Any], where: str) -> float:
    value = said.get("value")
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed("not a number", where=f"{where}: value", got=value)
    # A whole number may be larger than any double.
    return float(max(min(value, 2 * why_series.VALUE_MAX), -1))


def _text(value: object, where: str) -> str:
    return strict_json.as_string(value, where=where)


def _labels(texts: Sequence[str], flags: Iterable[tuple[str, str]], where: str) -> Labels:
    labels = Labels(**dict(zip(TEXTS, texts, strict=True)), flags=tuple(sorted(flags)))
    if not labels.service:
        raise Malformed("a row names no service", where=f"{where}: service", expected="a name")
    for text in (*texts, *(part for pair in labels.flags for part in pair)):
        if len(text) > TEXT_BYTES_MAX // 4 and len(text.encode()) > TEXT_BYTES_MAX:
            raise LimitPassed(
                "a text is too long", where=where, expected=f"{TEXT_BYTES_MAX} bytes", got=text[:80]
            )
    return labels
