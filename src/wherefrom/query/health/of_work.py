"""Indicators of what people and gates do: decisions, incidents and their causes, builds made again.

Source: docs/health.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from wherefrom.errors import NotFound
from wherefrom.formats import counted
from wherefrom.formats.timestamps import micros
from wherefrom.query.catalog.answers import Gaps
from wherefrom.query.catalog.answers import Share as Covered
from wherefrom.query.health.answers import Lack, Missing, Share
from wherefrom.query.health.asked import WINDOW_DAYS, Asked
from wherefrom.query.health.found import Figure, Found, median, parts_of, unknown
from wherefrom.views.health import Event

_SECOND: Final = 1_000_000
_ALERTING: Final = ("alertmanager.", "grafana.")
# What may be said of an incident long after it.
_AFTERWARDS: Final = ("marked", "baseline")


# -- decisions


def enforcement(asked: Asked) -> Found:
    """Of what gates and clusters decided about, what the last word refuses."""
    last: dict[tuple[str, str, str], Event] = {}
    for event in asked.events(counted.DECIDED):
        place = str(event.says.get("environment") or "")
        last[event.id, place, str(event.says.get("policyDigest") or "")] = event
    found = _refused(last.values())
    if not found.of:
        return unknown(f"no gate and no cluster decided anything in {WINDOW_DAYS} days")
    no = [event for event in last.values() if not event.says.get("allowed")]
    rules = Counter(rule for event in no for rule in event.says.get("failing") or ())
    says = f"{len(no):,} of {found.of:,} decided about are refused"
    if rules:
        says += ", by rule: " + ", ".join(f"{rule} {n}" for rule, n in rules.most_common(4))
    by = parts_of(
        last.values(), lambda one: (str(one.says.get("environment") or ""), "", "", ""),
        _refused, low=True,
    )  # fmt: skip
    return Found(found.value, found.of, says, by)


def _refused(some: Collection[Event]) -> Figure:
    no = sum(not event.says.get("allowed") for event in some)
    return Figure(no / len(some) if some else None, len(some))


# -- incidents


class Incident(NamedTuple):
    """One incident, by all that was said of it; times in microseconds."""

    id: str
    environment: str
    service: str
    opened: int
    is_alert: bool
    is_false: bool


def incidents(asked: Asked) -> dict[str, Incident]:
    """Every incident that began, went on or ended in the window, by all that was ever said of it;
    marks and rules by whose word counts."""
    found: dict[str, Incident] = {}
    recent = asked.everywhere(counted.INCIDENT)
    # Only what opens one need say where it is, and it may have been opened before.
    events = asked.ever(
        counted.INCIDENT, {one.id for one in recent if one.says.get("stage") not in _AFTERWARDS}
    )
    count = asked.that_count(events)
    for event in events:
        said = event.says
        stage = said.get("stage")
        is_known = event.entry in count
        if stage == "baseline" or (stage == "marked" and not is_known):
            continue
        one = found.get(event.id)
        if one is None:
            one = Incident(
                event.id, str(said.get("environment") or ""), str(said.get("service") or ""),
                event.at, False, False,
            )  # fmt: skip
        begun = said.get("startsAt")
        opened = micros(begun) if isinstance(begun, str) else event.at
        if stage in (None, "opened"):
            one = one._replace(opened=min(one.opened, opened))
        alerting = bool(said.get("rule") and is_known) or str(said.get("type", "")).startswith(
            _ALERTING
        )
        one = one._replace(is_alert=one.is_alert or alerting)
        if stage == "marked":
            one = one._replace(is_false=bool(said.get("false")))
        found[event.id] = one
    wanted = asked.wanted
    return {
        id: one
        for id, one in found.items()
        if wanted.environment in ("", one.environment) and wanted.service in ("", one.service)
    }


def false_alerts(asked: Asked) -> Found:
    """Of alerts, those that were marked false."""
    some = [one for one in incidents(asked).values() if one.is_alert]
    found = _false(some)
    if not found.of:
        return unknown(f"no alert in {WINDOW_DAYS} days")
    no = sum(one.is_false for one in some)
    says = f"{no} of {found.of} alerts were marked false (wherefrom incident mark)"
    by = parts_of(some, lambda one: (one.environment, one.service, "", ""), _false, low=True)
    return Found(found.value, found.of, says, by)


def _false(some: Collection[Incident]) -> Figure:
    return Figure(sum(one.is_false for one in some) / len(some) if some else None, len(some))


def root_cause(asked: Asked) -> Found:
    """How long the middle incident took from its beginning to the first accepted explanation."""
    known = incidents(asked)
    real = [one for one in known.values() if not one.is_false]
    took = {
        one.id: max(0.0, (first.received - one.opened) / _SECOND)
        for one, first in _explained(asked, real)
    }
    if not took:
        if not real:
            return unknown(f"no incident in {WINDOW_DAYS} days")
        return Found(
            None, len(real), f"none of {len(real)} incidents is explained: wherefrom why --accept"
        )
    value = median(list(took.values()))
    says = f"{len(took)} of {len(real)} incidents explained; half within {_long(value)}"
    before = median(_baselines(asked))
    if before is not None and value is not None:
        says += f"; before Wherefrom {_long(before)}, so {_faster(before, value)}"
    else:
        says += "; how long it took before is not said (wherefrom incident baseline)"
    by = parts_of(
        [known[id] for id in took], lambda one: (one.environment, one.service, "", ""),
        lambda some: Figure(median([took[one.id] for one in some]), len(some)), low=True,
    )  # fmt: skip
    return Found(value, len(took), says, by)


def _explained(asked: Asked, some: Collection[Incident]) -> Iterator[tuple[Incident, Event]]:
    """Those that are explained, each with the first explanation that stands."""
    # Wherever the cause lies: it may be another service's.
    said = asked.ever(counted.CAUSED, {one.id for one in some})
    count = asked.that_count(said)
    causes = [event for event in said if event.entry in count]
    # What was taken back explained nothing, after all; others of the same incident stand.
    taken_back = {
        (e.id, e.says.get("cause")): e.entry for e in causes if e.says.get("withdrawn")
    }  # fmt: skip
    first: dict[str, Event] = {}
    for event in causes:
        since = taken_back.get((event.id, event.says.get("cause")), -1)
        if not event.says.get("withdrawn") and event.entry > since:
            first.setdefault(event.id, event)
    return ((one, first[one.id]) for one in some if one.id in first)


def _faster(before: float, now: float) -> str:
    if not now:
        return "at once"
    if now > before:
        return f"{now / before:,.1f} times as slow" if before else "slower"
    return f"{before / now:,.1f} times as fast"


def _baselines(asked: Asked) -> list[float]:
    """How long such things took before, as somebody said, ever."""
    found: dict[str, float] = {}
    for event in asked.known_events(counted.INCIDENT, since=0):
        seconds: Any = event.says.get("baseline_s")
        if isinstance(seconds, int | float):
            found[event.id] = float(seconds)
    return list(found.values())


def _long(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


# -- builds


def reproduction(asked: Asked) -> Found:
    """How long the middle build took to be made again."""
    events = asked.known_events(counted.REBUILT)
    took = [float(e.says["seconds"]) for e in events if "seconds" in e.says]
    results = Counter(str(e.says.get("result")) for e in events)
    if not events:
        return unknown(f"nothing was built again in {WINDOW_DAYS} days: wherefrom rebuild")
    says = ", ".join(f"{n} {word}" for word, n in results.most_common())
    if not took:
        return Found(None, len(events), f"{says}; none says how long it took")
    return Found(median(took), len(took), f"{says}; half within {_long(median(took))}")


# -- gaps


def gap_rate(asked: Asked) -> Found:
    """Of what the catalogue expects, what is late or never came."""
    try:
        gaps = asked.gaps
    except NotFound:
        if asked.known.catalogs:
            return unknown(f"no catalogue names the service {asked.wanted.service}")
        return unknown("no catalogue says who should send what: wherefrom catalog record FILE")
    kind = asked.wanted.kind
    covered = gaps.coverage.kinds.get(kind) if kind else gaps.coverage.all
    if covered is None or not covered.expected:
        return unknown(f"the catalogue expects {f'no {kind}' if kind else 'nothing'}")
    expected, missing = covered.expected, covered.expected - covered.covered
    says = f"{missing} of {expected} expected by the catalogue are late or never came"
    kinds = Counter(one.kind for one in gaps.gaps)
    if kinds and not kind:
        says += ": " + ", ".join(f"{name} {n}" for name, n in kinds.most_common(4))
    return Found(missing / expected, expected, says, _gap_parts(gaps, kind))


def _gap_parts(gaps: Gaps, kind: str) -> list[Share]:
    covered = gaps.coverage
    some = [
        Share(environment=name, value=_lacking(one), of=one.expected)
        for name, one in covered.environments.items()
        if one.expected and not kind
    ]
    some += [
        Share(kind=name, value=_lacking(one), of=one.expected)
        for name, one in covered.kinds.items()
        if one.expected and kind in ("", name)
    ]
    return sorted(some, key=lambda one: (bool(one.kind), -(one.value or 0)))


def _lacking(one: Covered) -> float:
    return (one.expected - one.covered) / one.expected


def silent(asked: Asked) -> list[Missing]:
    """Who should have sent something and did not."""
    return [
        Missing(
            environment=one.environment, service=one.service, owner=one.owner, artifact="",
            name=None, kind=one.kind,
            lacks=[
                Lack(
                    rule=one.kind, needs=one.kind,
                    says=_says_gap(one.state, one.age, len(one.without)),
                    remedy=f"Have {one.emitter} send its {one.kind} records",
                    entries=[] if one.last is None else [one.last.entry],
                )
            ],
        )
        for one in asked.gaps.gaps
        if asked.wanted.kind in ("", one.kind)
    ]  # fmt: skip


def _says_gap(state: str, age: float | None, without: int) -> str:
    if without:
        return f"{without} of what runs {'has' if without == 1 else 'have'} none"
    if state == "late":
        return f"late: the last came {_long(age)} ago"
    return "none ever came"
