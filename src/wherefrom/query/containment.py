"""What would not hold when something fails: breakers, timeouts, retries and fallbacks as they are.

    policies in force, with their settings ─┬─► a breaker that is off
    flags in force ─────────────────────────┼─► a fallback that hangs on a flag that is off
                                            └─► a timeout or retry that regions set apart

A containment policy is a bundle of kind ``policy`` with settings ``calls.<name>.…``; what is in
force is what instances report, else what was declared. Each is told with the records that prove it,
place by place. What cannot be told (a policy that nobody recorded, a flag that nobody states) is
told as unknown, never as fine.

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
from wherefrom.formats.states import DECLARED, OBSERVED
from wherefrom.query.answers import LogPosition
from wherefrom.query.bundles import Held
from wherefrom.query.reality_answers import Place, Stated

_SETTING: Final = re.compile(
    r"calls\.(?P<call>.+?)\."
    r"(?P<what>timeout_ms|retries\.[\w.]+|breaker\.enabled|fallback\.flag|reason)"
)
_OFF: Final = frozenset({"false", "off", "0", "disabled"})


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be, or cannot be told.

    rule     ``breaker``, ``apart``, ``fallback`` or ``drift``; of what cannot be told
             ``unrecorded``, ``unreadable`` or ``unstated``
    entries  the records that it rests on
    """

    rule: str
    environment: str
    service: str
    region: str
    pool: str
    says: str
    entries: list[int]


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """A policy in force in one place, and the records that prove it.

    entry     the record that it is in force there, observed if instances report it
    contents  the record of what it holds, None if nobody recorded that
    """

    environment: str
    service: str
    region: str
    pool: str
    name: str
    policy: str
    mode: str
    since: str
    entry: int
    trust: str
    signers: tuple[str, ...]
    contents: int | None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """``policies`` counts the places with one; ``unknown`` what cannot be told."""

    policies: int
    in_force: list[InForce]
    warnings: list[Warned]
    unknown: list[Warned]


class Containment(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of ``check containment``: ``Checked``, of which scope, at which time."""

    of: str
    at: str
    log: LogPosition
    as_of: int
    policies: int
    in_force: list[InForce]
    warnings: list[Warned]
    unknown: list[Warned]


class _Known(msgspec.Struct, frozen=True):
    """One policy in one place: its calls, each with what is set of it."""

    place: Place
    calls: Mapping[str, Mapping[str, Any]]
    entries: list[int]


def stated(place: Place) -> Sequence[Stated]:
    """What is in force in a place: what instances report, else what was declared."""
    return place.observed or ([place.declared] if place.declared else [])


def check_containment(places: Sequence[Place], bundles: Mapping[str, Held]) -> Checked:
    """Judge what is in force.

    places   of the slots ``policy`` and ``flag``, of one time
    bundles  those that are recorded, by digest
    """
    policies = [place for place in places if place.slot == "policy"]
    flags = [place for place in places if place.slot == "flag"]
    warnings, unknown, known, in_force = [], [], [], []
    for place in policies:
        if place.drift == "differs":
            says = f"{place.name}: what instances have is not what was declared"
            warnings.append(_warned("drift", place, says, [s.seen_entry for s in stated(place)]))
        for one in stated(place):
            held = bundles.get(one.value)
            in_force.append(_in_force(place, one, held))
            if held is not None:
                known.append(_Known(place, _calls(held.bundle), [one.entry, held.entry]))
            else:
                says = f"{place.name}: nobody recorded what {one.value} holds"
                unknown.append(_warned("unrecorded", place, says, [one.entry]))
    for policy in known:
        for call, said in sorted(policy.calls.items()):
            _breaker(policy, call, said, warnings, unknown)
            _fallback(policy, call, said, flags, warnings, unknown)
    warnings += _apart(known)
    return Checked(policies=len(policies), in_force=in_force, warnings=warnings, unknown=unknown)


def _in_force(place: Place, one: Stated, held: Held | None) -> InForce:
    return InForce(
        environment=place.environment, service=place.service, region=place.region,
        pool=place.pool, name=place.name, policy=one.value,
        mode=OBSERVED if place.observed else DECLARED, since=one.since, entry=one.entry,
        trust=one.trust, signers=one.signers, contents=None if held is None else held.entry,
    )  # fmt: skip


def _calls(bundle: Bundle) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for path, value in bundle.settings.items():
        if match := _SETTING.fullmatch(path):
            found[match["call"]][match["what"]] = value
    return found


def _breaker(
    policy: _Known,
    call: str,
    said: Mapping[str, Any],
    warnings: list[Warned],
    unknown: list[Warned],
) -> None:
    enabled = said.get("breaker.enabled", True)
    if enabled is False:
        says = f"the breaker of {call} is off"
        warnings.append(_warned("breaker", policy.place, says, policy.entries))
    elif enabled is not True:
        unknown.append(_unreadable(policy, call, "breaker.enabled"))


def _fallback(
    policy: _Known,
    call: str,
    said: Mapping[str, Any],
    flags: Sequence[Place],
    warnings: list[Warned],
    unknown: list[Warned],
) -> None:
    """The narrowest flag of that name that covers the place decides."""
    if (flag := said.get("fallback.flag")) is None:
        return
    if not isinstance(flag, str):
        unknown.append(_unreadable(policy, call, "fallback.flag"))
        return
    place = policy.place
    covering = [f for f in flags if f.name == flag and _covers(f, place)]
    if not covering:
        says = f"the fallback of {call} hangs on the flag {flag}, which nobody states"
        unknown.append(_warned("unstated", place, says, policy.entries))
        return
    narrowest = max(covering, key=lambda f: sum(map(bool, (f.service, f.region, f.pool))))
    off = [one for one in stated(narrowest) if one.value.lower() in _OFF]
    if off:
        says = f"the fallback of {call} hangs on the flag {flag}, which is off"
        entries = [*policy.entries, *(one.entry for one in off)]
        warnings.append(_warned("fallback", place, says, entries))


def _unreadable(policy: _Known, call: str, what: str) -> Warned:
    says = f"{what} of {call} is set to something that it cannot be"
    return _warned("unreadable", policy.place, says, policy.entries)


def _covers(flag: Place, place: Place) -> bool:
    if flag.environment not in ("", place.environment):
        return False
    pairs = ((getattr(flag, part), getattr(place, part)) for part in ("service", "region", "pool"))
    return all(not mine or mine == theirs for mine, theirs in pairs)


def _apart(known: Sequence[_Known]) -> list[Warned]:
    """Timeouts and retries of one call that regions set differently, and no reason for it."""
    grouped: dict[tuple[str, str, str, str], list[tuple[_Known, Any]]] = defaultdict(list)
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
        found.append(_warned("apart", place, says, sorted({e for p, _ in ones for e in p.entries})))
    return found


def _warned(rule: str, place: Place, says: str, entries: list[int]) -> Warned:
    return Warned(
        rule=rule, environment=place.environment, service=place.service, region=place.region,
        pool=place.pool, says=says, entries=entries,
    )  # fmt: skip
