"""Deciding alerts: one a root, raised but never lowered, and nothing that flaps."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherefrom.formats.objectives import SEVERITIES
from wherefrom.views.health.alerting import DAY_S, DOUBLED_MAX, Alerts, Root, Signal

T = 1_767_225_600.0
QUIET = 900.0
CART = Root("service", "prod/cart")


def signal(rule="burns", root=CART, severity="page", **more):
    return Signal(
        rule=rule, root=root, severity=severity, environment="prod", service="cart",
        **{"title": f"{rule} of {root.id}", "text": f"{rule} is bad", **more},
    )  # fmt: skip


def decide(alerts, signals, now, **more):
    stages = alerts.decide(signals, now=now, quiet_s=QUIET, **more)
    alerts.take(stages)
    return [(one.stage, one.alert.severity, one.alert.root) for one in stages]


def test_an_alert_opens_once_and_closes_when_nothing_spoke_for_it_long_enough():
    alerts = Alerts()
    assert decide(alerts, [signal()], T) == [("opened", "page", CART)]
    assert decide(alerts, [signal()], T + 60) == []
    assert decide(alerts, [], T + 120) == []
    assert decide(alerts, [signal()], T + 900) == [], "it came back: the wait begins anew"
    assert decide(alerts, [], T + 960) == []
    assert decide(alerts, [], T + 960 + QUIET - 1) == []
    assert decide(alerts, [], T + 960 + QUIET) == [("closed", "page", CART)]
    assert decide(alerts, [], T + 9_000) == []


def test_several_rules_about_one_root_are_one_alert_that_says_all_of_it():
    alerts = Alerts()
    some = [
        signal("slow", severity="ticket", entries=(1,)),
        signal("errors", entries=(2, 1)),
        signal("errors", text="of canary", entries=(3,)),
    ]
    (stage,) = alerts.decide(some, now=T, quiet_s=QUIET)
    assert (stage.alert.rule, stage.alert.severity) == ("errors", "page")
    assert stage.text == "errors is bad; of canary; slow is bad"
    assert stage.entries == (2, 1, 3)


def test_a_ticket_is_raised_to_a_page_and_never_lowered():
    alerts = Alerts()
    assert decide(alerts, [signal(severity="ticket")], T) == [("opened", "ticket", CART)]
    assert decide(alerts, [signal(severity="page")], T + 60) == [("noted", "page", CART)]
    assert decide(alerts, [signal(severity="ticket")], T + 120) == []
    assert alerts.open[CART].severity == "page"
    assert alerts.open[CART].opened == T


def test_other_roots_are_other_alerts_pages_first():
    other = Root("digest", "sha256:" + "a" * 64)
    got = decide(Alerts(), [signal(severity="ticket"), signal("integrity", other)], T)
    assert got == [("opened", "page", other), ("opened", "ticket", CART)]


def test_in_a_maintenance_it_is_recorded_and_told_when_that_ends():
    alerts = Alerts()
    (stage,) = alerts.decide([signal()], now=T, quiet_s=QUIET, silenced=lambda one: True)
    assert (stage.stage, stage.alert.severity, stage.is_told) == ("opened", "info", False)
    alerts.take([stage])
    assert decide(alerts, [signal()], T + 60, silenced=lambda one: True) == []
    (stage,) = alerts.decide([signal()], now=T + 120, quiet_s=QUIET)
    assert (stage.stage, stage.alert.severity, stage.is_told) == ("noted", "page", True)


def test_what_is_over_before_the_maintenance_is_was_never_told():
    alerts = Alerts()
    alerts.take(alerts.decide([signal()], now=T, quiet_s=QUIET, silenced=lambda one: True))
    alerts.decide([], now=T + 60, quiet_s=QUIET)
    (stage,) = alerts.decide([], now=T + 60 + QUIET, quiet_s=QUIET)
    assert (stage.stage, stage.is_told) == ("closed", False)


def test_a_maintenance_elsewhere_silences_only_what_is_there():
    alerts = Alerts()
    some = [signal("a", severity="page"), signal("b", severity="ticket")]
    got = decide(alerts, some, T, silenced=lambda one: one.rule == "a")
    assert got == [("opened", "ticket", CART)]


def test_what_nobody_can_measure_now_stays_as_it_is():
    alerts = Alerts()
    decide(alerts, [signal()], T)
    decide(alerts, [], T + 60)
    for minute in range(2, 100):
        assert decide(alerts, [], T + 60 * minute, unknown=lambda one: True) == []
    assert decide(alerts, [], T + 6_000) == [], "and only then the wait begins"
    assert decide(alerts, [], T + 6_000 + QUIET) == [("closed", "page", CART)]


def test_what_comes_back_takes_twice_as_long_to_end():
    alerts, now = Alerts(), T
    waits = []
    for _ in range(7):
        assert decide(alerts, [signal()], now)[0][0] == "opened"
        ended = now + 60
        now = ended
        while not decide(alerts, [], now):
            now += 60
        waits.append(now - ended)
        now += 60
    assert waits == [QUIET * 2 ** min(n, DOUBLED_MAX) for n in range(7)]


def test_a_day_later_it_is_as_if_it_had_never_been():
    alerts = Alerts(opened={CART: [T - DAY_S - 1, T - 60]})
    assert alerts.quiet_of(CART, now=T, quiet_s=QUIET) == QUIET
    assert alerts.quiet_of(CART, now=T - 120, quiet_s=QUIET) == 2 * QUIET


def test_nothing_is_decided_twice_if_it_could_not_be_recorded():
    alerts = Alerts()
    first = alerts.decide([signal()], now=T, quiet_s=QUIET)
    again = alerts.decide([signal()], now=T, quiet_s=QUIET)
    assert first == again
    assert alerts.open == {}


def opens_at_most(minutes):
    """How often one root can open in so long: each time it waited longer, a day at a time."""
    day, opens = DAY_S / 60, 0
    quiet, spent = QUIET / 60, 0.0
    while spent < min(minutes, day):
        opens += 1
        spent += quiet * 2 ** min(opens - 1, DOUBLED_MAX) + 1
    return opens * -(-minutes // day)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32), odds=st.sampled_from((0.01, 0.1, 0.5, 0.9)),
    hours=st.integers(1, 60),
)  # fmt: skip
def test_no_series_whatever_makes_it_flap_and_no_restart_repeats_or_forgets(seed, odds, hours):
    draw = random.Random(seed)
    alerts, log, silent, opened = Alerts(), [], 0, []
    for minute in range(hours * 60):
        now = T + 60 * minute
        speaks = draw.random() < odds
        severity = draw.choice(("ticket", "page"))
        stages = alerts.decide(
            [signal(severity=severity)] if speaks else [], now=now, quiet_s=QUIET
        )
        alerts.take(stages)
        silent = 0 if speaks else silent + 1
        for stage in stages:
            log.append((minute, stage))
            if stage.stage == "opened":
                assert speaks
                opened.append(now)
            elif stage.stage == "closed":
                assert silent * 60 >= QUIET
            else:
                assert speaks
        if draw.random() < 0.02:  # a restart, that knows what the log knows
            days = [at for at in opened if at > now - DAY_S]
            alerts = Alerts(alerts.open.values(), {CART: days})
            silent = min(silent, 1)
    said = [stage.stage for _, stage in log if stage.stage != "noted"]
    assert said == [("opened", "closed")[n % 2] for n in range(len(said))]
    assert len(opened) <= opens_at_most(hours * 60)
    rank = [SEVERITIES.index(stage.alert.severity) for _, stage in log]
    for (a, b), (one, other) in zip(pairwise(rank), pairwise(s.stage for _, s in log), strict=True):
        if other == "noted":
            assert b > a, (one, other)
    for minute in range(60):  # and it does end
        final = alerts.decide([], now=T + 60 * hours * 60 + minute * 900, quiet_s=QUIET)
        alerts.take(final)
    assert alerts.open == {}


@pytest.mark.parametrize("count", [1, 60])
def test_an_alert_of_many_things_stays_short(count):
    some = [signal(text=f"thing {n}", entries=(n,)) for n in range(count)]
    (stage,) = Alerts().decide(some, now=T, quiet_s=QUIET)
    assert len(stage.entries) == min(count, 50)
    assert ("40 more" in stage.text) is (count == 60)
