"""What would not hold when something fails: breakers, timeouts, retries and fallbacks as they are.

    policies in force, with their settings ─┬─► a breaker that is off
    flags in force ─────────────────────────┼─► a fallback that hangs on a flag that is off
                                            └─► a timeout or retry that regions set apart

A containment policy is a bundle of kind ``policy`` with settings ``calls.<name>.…``; what is in
force is what instances report, else what was declared. What cannot be told (a policy that nobody
recorded, a flag that nobody states) is told as unknown, never as fine.

Source: docs/formats/containment.md
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from wherefrom.formats.config_bundle import Bundle
from wherefrom.query.reality_answers import Place, Stated

_SETTING: Final = re.compile(
    r"calls\.(?P<call>.+?)\."
    r"(?P<what>timeout_ms|retries\.[\w.]+|breaker\.enabled|fallback\.flag|reason)"
)
_OFF: Final = frozenset({"false", "off", "0", "disabled"})


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be, or cannot be told.

    rule     ``breaker``, ``apart``, ``fallback``, ``drift``, ``unrecorded`` or ``unstated``
    entries  the records that it rests on
    """

    rule: str
    environment: str
    service: str
    region: str
    pool: str
    says: str
    entries: list[int]


class Containment(msgspec.Struct, frozen=True, kw_only=True):
    """``policies`` counts the places with one; ``unknown`` what cannot be told."""

    policies: int
    warnings: list[Warned]
    unknown: list[Warned]


class _InForce(msgspec.Struct, frozen=True):
    """One policy in one place: its calls, each with what is set of it."""

    place: Place
    calls: Mapping[str, Mapping[str, Any]]
    entry: int


def check_containment(places: Sequence[Place], bundles: Mapping[str, Bundle]) -> Containment:
    """Judge what is in force.

    places   of the slots ``policy`` and ``flag``, of one time
    bundles  those that are recorded, by digest
    """
    policies = [place for place in places if place.slot == "policy"]
    flags = [place for place in places if place.slot == "flag"]
    warnings, unknown, known = [], [], []
    for place in policies:
        stated: Sequence[Stated] = place.observed or ([place.declared] if place.declared else [])
        if place.drift == "differs":
            says = f"{place.name}: what instances have is not what was declared"
            warnings.append(_warned("drift", place, says, [one.seen_entry for one in stated]))
        for one in stated:
            if one.value in bundles:
                known.append(_InForce(place, _calls(bundles[one.value]), one.entry))
            else:
                says = f"{place.name}: nobody recorded what {one.value} holds"
                unknown.append(_warned("unrecorded", place, says, [one.entry]))
    for policy in known:
        for call, said in sorted(policy.calls.items()):
            if said.get("breaker.enabled") is False:
                says = f"the breaker of {call} is off"
                warnings.append(_warned("breaker", policy.place, says, [policy.entry]))
            if isinstance(flag := said.get("fallback.flag"), str):
                _fallback(policy, call, flag, flags, warnings, unknown)
    warnings += _apart(known)
    return Containment(policies=len(policies), warnings=warnings, unknown=unknown)


def _calls(bundle: Bundle) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for path, value in bundle.settings.items():
        if match := _SETTING.fullmatch(path):
            found[match["call"]][match["what"]] = value
    return found


def _fallback(
    policy: _InForce,
    call: str,
    flag: str,
    flags: Sequence[Place],
    warnings: list[Warned],
    unknown: list[Warned],
) -> None:
    """The narrowest flag of that name that covers the place decides."""
    place = policy.place
    covering = [f for f in flags if f.name == flag and _covers(f, place)]
    if not covering:
        says = f"the fallback of {call} hangs on the flag {flag}, which nobody states"
        unknown.append(_warned("unstated", place, says, [policy.entry]))
        return
    narrowest = max(covering, key=lambda f: sum(map(bool, (f.service, f.region, f.pool))))
    stated: Sequence[Stated] = narrowest.observed or (
        [narrowest.declared] if narrowest.declared else []
    )
    off = [one for one in stated if one.value.lower() in _OFF]
    if off:
        says = f"the fallback of {call} hangs on the flag {flag}, which is off"
        entries = [policy.entry, *(one.entry for one in off)]
        warnings.append(_warned("fallback", place, says, entries))


def _covers(flag: Place, place: Place) -> bool:
    if flag.environment not in ("", place.environment):
        return False
    pairs = ((getattr(flag, part), getattr(place, part)) for part in ("service", "region", "pool"))
    return all(not mine or mine == theirs for mine, theirs in pairs)


def _apart(known: Sequence[_InForce]) -> list[Warned]:
    """Timeouts and retries of one call that regions set differently, and no reason for it."""
    grouped: dict[tuple[str, str, str, str], list[tuple[_InForce, Any]]] = defaultdict(list)
    for policy in known:
        place = policy.place
        for call, said in policy.calls.items():
            for what in said:
                if what.startswith(("timeout_ms", "retries.")):
                    where = (place.environment, place.service, call, what)
                    grouped[where].append((policy, said[what]))
    found = []
    for (_, _, call, what), ones in sorted(grouped.items()):
        explained = any("reason" in policy.calls[call] for policy, _ in ones)
        values = {json.dumps(value, sort_keys=True) for _, value in ones}
        regions = {policy.place.region for policy, _ in ones}
        if len(values) < 2 or len(regions) < 2 or explained:
            continue
        told = sorted({f"{p.place.region or 'elsewhere'} {json.dumps(v)}" for p, v in ones})
        says = f"{what} of {call} differs by region, without a reason: {', '.join(told)}"
        place = msgspec.structs.replace(ones[0][0].place, region="", pool="")
        found.append(_warned("apart", place, says, sorted({p.entry for p, _ in ones})))
    return found


def _warned(rule: str, place: Place, says: str, entries: list[int]) -> Warned:
    return Warned(
        rule=rule, environment=place.environment, service=place.service, region=place.region,
        pool=place.pool, says=says, entries=entries,
    )  # fmt: skip
