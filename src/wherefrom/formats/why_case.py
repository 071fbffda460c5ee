"""A why-case: what was wrong and when, what had changed, and what was measured meanwhile.

    case.json      when it was detected, at which service           ┐
    changes.jsonl  a change a line                                  ├──► Case
    series.csv     what was measured (``why_series.py`` reads it)   │
    topology.json  who calls whom                                   ┘

A case is a value: read from a folder, or made from the log. Who is to blame is asked elsewhere
(``query/why``). Keys that are not ours are left alone, so that others may note more.

Times are seconds since 1970, UTC: what is measured is compared and subtracted, never shown.

Sizes:  case.json 64 KiB · topology.json 16 MiB, 100,000 calls · changes.jsonl 64 MiB, 10,000
        changes · 10,000 steps a change · 10,000 instances a step · a name 2,048 bytes of UTF-8: as
        much as an estate may say, so that what is asked of one can be written down
Source: docs/formats/why-case.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import strict_json, timestamps, why_series
from wherefrom.formats.why_series import Samples

KINDS: Final = ("deploy", "config", "flag", "secret", "infra", "migration")
FILES: Final = ("case.json", "changes.jsonl", "series.csv", "topology.json")
CASE_BYTES_MAX: Final = 64 * 1024
CHANGES_BYTES_MAX: Final = 64 * 1024 * 1024
TOPOLOGY_BYTES_MAX: Final = 16 * 1024 * 1024
CHANGES_MAX: Final = 10_000
STEPS_MAX: Final = 10_000
INSTANCES_MAX: Final = 10_000
CALLS_MAX: Final = 100_000
NAME_BYTES_MAX: Final = 2_048

BYTES_MAX: Final = {
    "case.json": CASE_BYTES_MAX,
    "changes.jsonl": CHANGES_BYTES_MAX,
    "series.csv": why_series.BYTES_MAX,
    "topology.json": TOPOLOGY_BYTES_MAX,
}


class Step(NamedTuple):
    """One step of a rollout: at ``at``, ``fraction`` (0 to 1) had the new; None if nobody said."""

    at: float
    fraction: float | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Change(NamedTuple):
    """A change of one service, or of none in particular.

    before, after  what it replaced by what: digests, or versions of configuration; None: not said
    finished       None while it runs, and where nobody said
    steps          in the order of their times
    """

    id: str
    kind: str
    service: str | None
    started: float
    finished: float | None = None
    before: str | None = None
    after: str | None = None
    steps: tuple[Step, ...] = ()
    scope: Mapping[str, Any] = {}


class Case(NamedTuple):
    """Everything that is known of one incident. ``calls`` are pairs of caller and callee."""

    detected: float
    symptom: str | None = None
    changes: tuple[Change, ...] = ()
    series: tuple[Samples, ...] = ()
    calls: tuple[tuple[str, str], ...] = ()


def parse(files: Mapping[str, bytes], *, where: str = "") -> Case:
    """Read a case from its four files, by name. Raises Malformed or LimitPassed, naming the line.

    files  the bytes under each name of FILES
    where  the folder, for the messages
    """
    place = {name: f"{where}/{name}" if where else name for name in FILES}
    for name in FILES:
        if len(files[name]) > BYTES_MAX[name]:
            raise LimitPassed(
                "a file of a why-case is too large",
                where=place[name],
                expected=f"at most {BYTES_MAX[name]} bytes",
                got=f"{len(files[name])} bytes",
            )
    detected, symptom = _parse_case(files["case.json"], place["case.json"])
    return Case(
        detected=detected,
        symptom=symptom,
        changes=tuple(_parse_changes(files["changes.jsonl"], place["changes.jsonl"])),
        series=why_series.parse(files["series.csv"], where=place["series.csv"]),
        calls=_parse_calls(files["topology.json"], place["topology.json"]),
    )


def to_files(case: Case) -> dict[str, bytes]:
    """The four files of a case, by name: the inverse of ``parse``."""
    symptom = None if case.symptom is None else {"service": case.symptom}
    head = {"detected": time_text(case.detected), "symptom": symptom}
    return {
        "case.json": _json(head) + b"\n",
        "changes.jsonl": b"".join(_json(_change_object(c)) + b"\n" for c in case.changes),
        "series.csv": why_series.to_csv(case.series),
        "topology.json": _json({"calls": [list(pair) for pair in case.calls]}) + b"\n",
    }


def seconds(text: str, *, where: str) -> float:
    """An RFC 3339 time of any precision and offset as seconds since 1970. Raises Malformed."""
    return timestamps.parse(text, where=where).timestamp()


def time_text(moment: float) -> str:
    """Seconds since 1970 as entries write times."""
    return why_series.time_text(moment)


def _parse_case(content: bytes, where: str) -> tuple[float, str | None]:
    head = _object(content, where)
    detected = _time(head, "detected", where)
    if detected is None:
        raise Malformed(
            "a why-case does not say when it was detected",
            where=f"{where}: detected",
            expected="a time such as 2026-01-01T00:00:00Z",
        )
    symptom = head.get("symptom")
    if symptom is None:
        return detected, None
    symptom = strict_json.as_object(symptom, where=f"{where}: symptom")
    return detected, _name(symptom, "service", f"{where}: symptom")


def _parse_changes(content: bytes, where: str) -> list[Change]:
    changes: list[Change] = []
    seen: set[str] = set()
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        place = f"{where}, line {number}"
        change = _parse_change(_object(line, place), place)
        if change.id in seen:
            raise Malformed(
                "two changes have one id", where=place, expected="each id once", got=change.id
            )
        seen.add(change.id)
        changes.append(change)
        if len(changes) > CHANGES_MAX:
            raise LimitPassed(
                "a why-case has too many changes", where=place, expected=f"{CHANGES_MAX}"
            )
    return changes


def _parse_change(given: dict[str, Any], where: str) -> Change:
    id = _name(given, "id", where)
    if id is None:
        raise Malformed("a change has no id", where=where, expected="a text that names it")
    kind = given.get("kind")
    if kind not in KINDS:
        raise Malformed(
            "not a kind of change", where=f"{where}: kind", expected=" ".join(KINDS), got=kind
        )
    started = _time(given, "started", where)
    if started is None:
        raise Malformed(
            "a change does not say when it started",
            where=f"{where}: started",
            expected="a time such as 2026-01-01T00:00:00Z",
        )
    steps = strict_json.get_array(given, "steps", where=where)
    if len(steps) > STEPS_MAX:
        raise LimitPassed("a change has too many steps", where=where, expected=f"{STEPS_MAX}")
    read = [_parse_step(step, f"{where}: steps[{i}]") for i, step in enumerate(steps)]
    return Change(
        id=id,
        kind=kind,
        service=_name(given, "service", where),
        started=started,
        finished=_time(given, "finished", where),
        before=_name(given, "before", where),
        after=_name(given, "after", where),
        steps=tuple(sorted(read, key=lambda step: step.at)),
        scope=strict_json.get_object(given, "scope", where=where),
    )


def _parse_step(given: object, where: str) -> Step:
    step = strict_json.as_object(given, where=where)
    at = _time(step, "at", where)
    if at is None:
        raise Malformed(
            "a step does not say when it was taken",
            where=f"{where}.at",
            expected="a time such as 2026-01-01T00:00:00Z",
        )
    fraction = step.get("fraction")
    if fraction is not None and (
        isinstance(fraction, bool)
        or not isinstance(fraction, int | float)
        or not 0 <= fraction <= 1
    ):
        raise Malformed(
            "not a fraction of a rollout",
            where=f"{where}.fraction",
            expected="a number from 0 to 1, or null",
            got=fraction,
        )
    return Step(
        at=at,
        fraction=None if fraction is None else float(fraction),
        added=_instances(step, "instances_added", where),
        removed=_instances(step, "instances_removed", where),
    )


def _instances(step: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    given = strict_json.get_array(step, key, where=where)
    if len(given) > INSTANCES_MAX:
        raise LimitPassed(
            "a step names too many instances", where=f"{where}.{key}", expected=f"{INSTANCES_MAX}"
        )
    return tuple(_text(item, f"{where}.{key}[{i}]") for i, item in enumerate(given))


def _parse_calls(content: bytes, where: str) -> tuple[tuple[str, str], ...]:
    given = strict_json.get_array(_object(content, where), "calls", where=where)
    if len(given) > CALLS_MAX:
        raise LimitPassed("a topology has too many calls", where=where, expected=f"{CALLS_MAX}")
    calls = []
    for i, item in enumerate(given):
        place = f"{where}: calls[{i}]"
        pair = strict_json.as_array(item, where=place)
        if len(pair) != 2:
            raise Malformed(
                "a call is not a pair",
                where=place,
                expected='["caller", "callee"]',
                got=f"{len(pair)} items",
            )
        calls.append((_text(pair[0], place), _text(pair[1], place)))
    return tuple(calls)


def _object(content: bytes, where: str) -> dict[str, Any]:
    try:
        value = strict_json.decode(content)
    except Refused as error:
        inner = f", {error.where}" if error.where else ""
        raise type(error)(
            error.what, where=where + inner, expected=error.expected, got=error.got, do=error.do
        ) from error
    return strict_json.as_object(value, where=where)


def _time(given: dict[str, Any], key: str, where: str) -> float | None:
    text = strict_json.get_string(given, key, where=where)
    return None if text is None else seconds(text, where=f"{where}: {key}")


def _name(given: dict[str, Any], key: str, where: str) -> str | None:
    value = given.get(key)
    return None if value is None or value == "" else _text(value, f"{where}: {key}")


def _text(value: object, where: str) -> str:
    text = strict_json.as_string(value, where=where)
    if len(text.encode()) > NAME_BYTES_MAX:
        raise LimitPassed("a name is too long", where=where, expected=f"{NAME_BYTES_MAX} bytes")
    return text


def _change_object(change: Change) -> dict[str, Any]:
    return {
        "id": change.id,
        "kind": change.kind,
        "service": change.service,
        "scope": dict(change.scope),
        "before": change.before,
        "after": change.after,
        "started": time_text(change.started),
        "finished": None if change.finished is None else time_text(change.finished),
        "steps": [
            {
                "at": time_text(step.at),
                "fraction": step.fraction,
                "instances_added": list(step.added),
                "instances_removed": list(step.removed),
            }
            for step in change.steps
        ],
    }


def _json(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
