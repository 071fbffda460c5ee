"""Why a change stands where it stands, in words: one clause a feature, with its figures.

Findings, contribution ──► "new 5dc0e1b2 fails 40 % against 0.3 % in the same minutes"
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import exp
from typing import Final

from wherefrom.formats.shown import cut, percent, printable
from wherefrom.query.why.estate import Estate, Group
from wherefrom.query.why.features import ASKED_MORE, Findings, Measured
from wherefrom.query.why.grid import BURNS, FAILS, HOLDS, WAITS
from wherefrom.query.why.lift import Lift

NAME_CHARS: Final = 32
SILENT_NAMED: Final = 3
_DIGEST: Final = re.compile(r"(?:.*@)?(?:sha(?:256|512):)?([0-9a-f]{8})[0-9a-f]{24,}")

_Says = Callable[[Findings, Estate], str]


def says(feature: str, found: Findings, measured: Measured) -> str:
    """The clause of one feature of one change."""
    return _WORDS[feature](found, measured.estate)


def says_none(feature: str, measured: Measured) -> str:
    """The clause of what speaks for none of the changes."""
    if feature == "elsewhere":
        if measured.none["elsewhere"] > 0 and measured.suspect:
            return f"{name(measured.suspect)} got worse by itself, and nobody changed it"
        return "what got worse got worse where something changed"
    if feature == "nothing_lifts":
        if measured.none["nothing_lifts"] < 0.5:
            return "a new version does worse than the one it replaces"
        return "no new version does clearly worse than the one it replaces"
    if feature == "more_asked":
        times = exp(measured.none["more_asked"] + ASKED_MORE)
        return f"services in general are asked {times:.1f} times as often as before it began"
    return f"{percent(measured.none['many_hurt'])} of all services got worse"


# -- figures


def span(seconds: float) -> str:
    """``41 s``, ``12 min``, ``3.5 h``."""
    seconds = abs(seconds)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def name(text: str | None) -> str:
    """A name of a stranger's, short and on one line; a digest by its first eight digits."""
    if not text:
        return "version"
    digest = _DIGEST.fullmatch(text)
    return digest[1] if digest else cut(printable(text), NAME_CHARS)


def _milliseconds(logarithm: float) -> str:
    value = exp(min(logarithm, 50.0))
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _level(metric: str, value: float) -> str:
    if metric == "success_rate":
        return f"fails {percent(max(value, 0.0))}"
    kind = "p95" if metric.endswith("p95") else "on average"
    return f"takes {_milliseconds(value)} ({kind})"


def _levels(metric: str, new: float, old: float) -> str:
    if metric == "success_rate":
        return f"fails {percent(max(new, 0.0))} against {percent(max(old, 0.0))}"
    kind = "p95" if metric.endswith("p95") else "on average"
    return f"takes {_milliseconds(new)} against {_milliseconds(old)} ({kind})"


# -- clauses


def _new(found: Findings) -> str:
    return f"new {name(found.change.after)}"


def _lifted(kind: str) -> _Says:
    def told(found: Findings, _: Estate) -> str:
        lift = found.lifts[kind]
        seen = f", as {name(lift.caller)} sees it" if lift.caller else ""
        return f"{_new(found)} {_compared(lift)} in the same minutes{seen}"

    return told


def _compared(lift: Lift) -> str:
    if lift.kind in (FAILS, WAITS):
        return _levels(lift.metric, lift.new, lift.old)
    times = exp(min(lift.size, 20.0))
    what = "processor time" if lift.kind == BURNS else "memory"
    return f"takes {times:.1f} times the {what} of the old"


def _stands_out(found: Findings, _: Estate) -> str:
    if found.values["new_stands_out"] > 0:
        return "no other change differs as much from what it replaces"
    return "another change differs more from what it replaces"


def _turned(found: Findings, _: Estate) -> str:
    kind = max((FAILS, WAITS), key=lambda k: found.lifts[k].turned if k in found.lifts else 0.0)
    what = "failed" if kind == FAILS else "waited"
    return f"{_new(found)} {what} no more than the old until the trouble began"


def _fine(found: Findings, _: Estate) -> str:
    lift = found.lifts.get(FAILS) or found.lifts.get(WAITS)
    figures = f" ({_compared(lift)})" if lift else ""
    return f"{_new(found)} does no worse than the old in the same minutes{figures}"


def _silent(found: Findings, _: Estate) -> str:
    silent = found.presence.silent
    who = ", ".join(name(instance) for instance in silent[:SILENT_NAMED])
    return f"{len(silent)} of {found.presence.due} declared new instances never reported: {who}"


def _gone(found: Findings, _: Estate) -> str:
    gone = found.presence.gone
    who = ", ".join(name(instance) for instance in gone[:SILENT_NAMED])
    return f"{len(gone)} of {found.presence.due} new instances stopped reporting: {who}"


def _near(found: Findings, estate: Estate) -> str:
    here = name(found.change.service)
    if estate.symptom is None:
        return f"{here} is at, or below, what got worse"
    if found.hops == 0:
        return f"{here} is where the symptom is"
    calls = "1 call" if found.hops == 1 else f"{found.hops} calls"
    return f"{here} is {calls} below {name(estate.services[estate.symptom])}"


def _above(found: Findings, estate: Estate) -> str:
    symptom = "" if estate.symptom is None else name(estate.services[estate.symptom])
    return f"{name(found.change.service)} calls {symptom}, where the symptom is"


def _explains(found: Findings, _: Estate) -> str:
    share = percent(found.values["explains"])
    return f"{share} of what got worse is at {name(found.change.service)} or calls it"


def _hurt(found: Findings, _: Estate) -> str:
    here = name(found.change.service)
    if found.own is None:
        return f"{here} itself got worse"
    return f"{here} itself got worse: {_group(found.own)}"


def _group(group: Group) -> str:
    seen = f", as {name(group.caller)} sees it" if group.caller else ""
    return _levels(group.metric, group.shift.after, group.shift.before) + seen


def _strained(found: Findings, estate: Estate) -> str:
    here = found.change.service or ""
    groups = [estate.worst.get((here, kind)) for kind in (BURNS, HOLDS)]
    worst = max((g for g in groups if g), key=lambda g: g.shift.strength, default=None)
    what = "memory" if worst is not None and worst.kind == HOLDS else "processor time"
    return f"{name(here)} needs more {what} than before"


def _beneath(found: Findings, _: Estate) -> str:
    return f"what {name(found.change.service)} calls got as much worse: it may be a victim"


def _outward(found: Findings, _: Estate) -> str:
    return f"{name(found.change.service)} finds what it calls worse than others find it"


def _pushes(found: Findings, _: Estate) -> str:
    return f"{name(found.change.service)} calls what is below it far more often than before"


def _since(found: Findings, _: Estate) -> str:
    here = name(found.change.service)
    if found.since is None:
        return f"{here} got worse when the change came"
    what = "fails more" if found.since[2] == "success_rate" else "is slower"
    return f"{here} {what} since the change, other services do not"


def _on_time(found: Findings, _: Estate) -> str:
    gap = found.step_gap_s or 0.0
    when = "after" if gap >= 0 else "before"
    if found.step is None or len(found.change.steps) < 2:
        return f"onset {span(gap)} {when} it started"
    return f"onset {span(gap)} {when} step {found.step + 1} of {len(found.change.steps)}"


def _too_late(found: Findings, _: Estate) -> str:
    gap = max(-(found.step_gap_s or 0.0), 0.0)
    return f"it started {span(gap)} after the trouble did: it cannot be the cause"


def _long_before(found: Findings, _: Estate) -> str:
    return f"its last step was {span(found.step_gap_s or 0.0)} before the trouble began"


_WORDS: Final[dict[str, _Says]] = {
    "new_fails": _lifted(FAILS),
    "new_waits": _lifted(WAITS),
    "new_burns": _lifted(BURNS),
    "new_holds": _lifted(HOLDS),
    "new_stands_out": _stands_out,
    "new_turned": _turned,
    "new_is_fine": _fine,
    "never_reports": _silent,
    "stops_reporting": _gone,
    "near": _near,
    "above": _above,
    "explains": _explains,
    "hurt": _hurt,
    "strained": _strained,
    "beneath": _beneath,
    "outward": _outward,
    "pushes": _pushes,
    "since_the_change": _since,
    "on_time": _on_time,
    "too_late": _too_late,
    "long_before": _long_before,
}
