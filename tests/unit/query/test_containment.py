"""Containment: every rule warns of just what it is about, and what cannot be told is unknown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wherefrom.capture.bundles import flat
from wherefrom.formats.config_bundle import Bundle
from wherefrom.query.bundles import Held
from wherefrom.query.containment import Checked, check_containment
from wherefrom.query.reality_answers import Observed, Place, Stated

GOOD = {"timeout_ms": 800, "retries": {"max": 2, "backoff_ms": 50}, "breaker": {"enabled": True}}
POLICIES: dict[str, Held] = {}


def policy(entry: int = 100, **call: Any) -> str:
    """The digest of a policy whose one call is good but for this; what it holds is in an entry."""
    return settings({"calls": {"payment": GOOD | call}}, entry)


def settings(value: dict[str, Any], entry: int = 100) -> str:
    made = Bundle(name="calls", kind="policy", version="1", settings=flat(value))
    POLICIES[made.digest] = Held(made, entry)
    return made.digest


def stated(value: str, entry: int, **more: Any) -> Any:
    kind = Observed if more else Stated
    return kind(
        value=value, says=None, since="2026-01-01T00:00:00.000000Z",
        seen="2026-01-01T00:00:00.000000Z", age=0.0, source="/s", entry=entry, seen_entry=entry,
        trust="signed", signers=("k:1",), **more,
    )  # fmt: skip


def place(
    value: str | None, entry: int, region: str = "", *, slot: str = "policy", name: str = "calls",
    service: str = "cart", pool: str = "", environment: str = "prod",
    seen: tuple[str, int] | None = None, drift: str | None = None,
) -> Place:  # fmt: skip
    return Place(
        environment=environment, service=service, region=region, pool=pool, slot=slot, name=name,
        declared=None if value is None else stated(value, entry),
        observed=[stated(*seen, instances=2)] if seen else [], drift=drift,
    )  # fmt: skip


def flag(value: str, entry: int, **scope: str) -> Place:
    return place(value, entry, **{"service": "", "name": "later", **scope}, slot="flag")  # type: ignore[arg-type]


def check(*places: Place) -> Checked:
    return check_containment(places, POLICIES)


Told = list[tuple[str, str, list[int]]]


def told(found: Checked) -> tuple[Told, Told]:
    warned, unknown = (
        [(w.rule, w.region, w.entries) for w in side] for side in (found.warnings, found.unknown)
    )
    return warned, unknown


def test_what_holds_everywhere_is_proven_place_by_place_and_warned_of_nowhere() -> None:
    one = policy()
    found = check(place(one, 1, "eu"), place(one, 2, "us", seen=(one, 3)))
    assert told(found) == ([], [])
    assert found.policies == 2
    assert [(f.region, f.policy, f.mode, f.entry, f.contents) for f in found.in_force] == [
        ("eu", one, "declared", 1, 100), ("us", one, "observed", 3, 100),
    ]  # fmt: skip
    assert {(f.trust, f.signers) for f in found.in_force} == {("signed", ("k:1",))}


def test_a_breaker_that_is_off_is_warned_of_and_one_that_nobody_sets_is_not() -> None:
    off = policy(breaker={"enabled": False})
    assert told(check(place(off, 1, "eu"))) == ([("breaker", "eu", [1, 100])], [])
    assert told(check(place(policy(breaker={"window_s": 9}), 1))) == ([], [])


@pytest.mark.parametrize("value", ["false", 0, None, {}])
def test_a_breaker_that_is_set_to_no_yes_or_no_is_unknown(value: object) -> None:
    odd = policy(breaker={"enabled": value})
    assert told(check(place(odd, 1, "eu"))) == ([], [("unreadable", "eu", [1, 100])])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"timeout_ms": 900}, "timeout_ms of payment differs by region"),
        ({"retries": {"max": 3, "backoff_ms": 50}}, "retries.max of payment differs by region"),
        ({"retries": {"max": 2, "backoff_ms": 9}}, "retries.backoff_ms of payment differs"),
    ],
)
def test_regions_set_apart_need_a_reason_in_any_of_them(change: dict[str, Any], what: str) -> None:
    a, b, why = policy(100), policy(101, **change), policy(102, **change, reason="a slow link")
    found = check(place(a, 1, "eu"), place(b, 2, "us"))
    assert told(found) == ([("apart", "", [1, 2, 100, 101])], [])
    assert what in found.warnings[0].says
    assert "eu" in found.warnings[0].says
    assert told(check(place(a, 1, "eu"), place(why, 2, "us"))) == ([], [])


def test_what_is_apart_within_a_region_or_of_another_service_is_no_regions_matter() -> None:
    a, b = policy(), policy(timeout_ms=900)
    assert told(check(place(a, 1, "eu"), place(b, 2, "eu", pool="canary"))) == ([], [])
    assert told(check(place(a, 1, "eu"), place(b, 2, "us", service="shop"))) == ([], [])
    assert told(check(place(a, 1, "eu"), place(b, 2, "us", environment="test"))) == ([], [])


def test_a_reason_for_one_call_excuses_no_other() -> None:
    a = settings({"calls": {"x": {"timeout_ms": 1, "reason": "far"}, "y": {"timeout_ms": 1}}})
    b = settings({"calls": {"x": {"timeout_ms": 2}, "y": {"timeout_ms": 2}}})
    (found,) = check(place(a, 1, "eu"), place(b, 2, "us")).warnings
    assert "timeout_ms of y" in found.says


@pytest.mark.parametrize("value", ["false", "off", "OFF", "0", "disabled"])
def test_a_fallback_that_hangs_on_a_flag_that_is_off_is_warned_of(value: str) -> None:
    hangs = policy(fallback={"flag": "later"})
    found = check(place(hangs, 1, "eu"), flag(value, 7))
    assert told(found) == ([("fallback", "eu", [1, 100, 7])], [])


@pytest.mark.parametrize(
    ("flags", "rules"),
    [
        ([flag("on", 7)], []),
        ([flag("off", 7), flag("on", 8, region="eu")], []),
        ([flag("on", 7), flag("off", 8, service="cart")], ["fallback"]),
        ([flag("on", 7), flag("off", 8, region="us")], []),
        ([flag("on", 7), flag("off", 8, environment="test")], []),
        ([flag("off", 7, environment="")], ["fallback"]),
    ],
)
def test_the_narrowest_flag_that_covers_the_place_decides(
    flags: list[Place], rules: list[str]
) -> None:
    found = check(place(policy(fallback={"flag": "later"}), 1, "eu"), *flags)
    assert ([w.rule for w in found.warnings], found.unknown) == (rules, [])


def test_a_flag_that_nobody_states_or_that_is_no_text_is_unknown() -> None:
    hangs = policy(fallback={"flag": "later"})
    expected = [("unstated", "eu", [1, 100])]
    assert told(check(place(hangs, 1, "eu"))) == ([], expected)
    assert told(check(place(hangs, 1, "eu"), flag("off", 7, region="us"))) == ([], expected)
    odd = policy(fallback={"flag": 7})
    assert told(check(place(odd, 1, "eu"))) == ([], [("unreadable", "eu", [1, 100])])


def test_instances_with_another_policy_than_was_declared_are_warned_of_and_judged_as_they_are() -> (
    None
):
    declared, runs = policy(100), policy(101, breaker={"enabled": False})
    found = check(place(declared, 1, "eu", seen=(runs, 5), drift="differs"))
    assert told(found) == ([("drift", "eu", [5]), ("breaker", "eu", [5, 101])], [])
    assert told(check(place(declared, 1, "eu", drift="unobserved"))) == ([], [])


def test_a_policy_that_nobody_recorded_is_unknown_and_has_no_contents() -> None:
    unknown = "sha256:" + "e" * 64
    found = check(place(unknown, 1, "eu"))
    assert told(found) == ([], [("unrecorded", "eu", [1])])
    assert unknown in found.unknown[0].says
    assert found.in_force[0].contents is None


def test_other_settings_stand_beside_and_quoted_calls_are_calls() -> None:
    one = settings({"owner": "ops", "calls": {"a.b": {"breaker": {"enabled": False}, "x": 1}}})
    (found,) = check(place(one, 1)).warnings
    assert json.dumps("a.b") in found.says
