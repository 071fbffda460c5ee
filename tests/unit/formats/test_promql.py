"""What a Prometheus is asked, and what becomes of its answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import promql
from wherefrom.formats.promql import Result, assemble, info_query, parse, queries, wants_info
from wherefrom.formats.series import Labels
from wherefrom.formats.series_settings import GROUPS, Group, SeriesSettings
from wherefrom.formats.series_settings import parse as parse_settings

PLAIN = Group({"requests": "r", "errors": "e", "slow": "s"}, {"service": ("app", "job")})


def result(labels: dict[str, str], **samples: float) -> Result:
    return Result(labels, [(float(at[1:]), value) for at, value in samples.items()])


def values(found: list[Any], metric: str) -> dict[float, float]:
    (one,) = [s for s in found if s.metric == metric]
    return dict(zip(one.times, one.values, strict=True))


def test_a_template_is_filled_with_labels_matchers_and_durations() -> None:
    group = Group({"cpu": "sum by ($by) (rate(c{$match}[$range]))"}, {"service": ("app",)})
    asked = queries(group, step_s=30, range_s=120, match='cluster="a"', slow_ms=500)
    assert asked == {"cpu": 'sum by (app) (rate(c{cluster="a"}[120s]))'}
    slow = queries(GROUPS[0], step_s=60, range_s=60, match="", slow_ms=500)["slow"]
    assert 'le="0.5"' in slow
    assert slow.startswith("60 * (")


def test_failures_are_shares_of_what_was_asked_and_none_where_nobody_failed() -> None:
    found = assemble(
        PLAIN,
        {
            "requests": [result({"app": "cart"}, t0=10, t60=20, t120=0)],
            "errors": [result({"app": "cart"}, t60=5)],
            "slow": [result({"app": "cart"}, t0=-0.5, t60=21)],
        },
    )
    assert values(found, "success_rate") == {0: 1.0, 60: 0.75}  # not where nothing was asked
    assert values(found, "slow_rate") == {0: 0.0, 60: 1.0}  # extrapolation overshoots
    assert values(found, "requests") == {0: 10, 60: 20, 120: 0}


def test_a_place_that_never_failed_has_no_error_series_and_did_not_fail() -> None:
    found = assemble(PLAIN, {"requests": [result({"app": "cart"}, t0=10)], "errors": []})
    assert values(found, "success_rate") == {0: 1.0}


def test_two_results_of_one_place_are_added_and_levels_are_averaged() -> None:
    group = Group({"requests": "r", "latency_ms_p95": "l"}, {"service": ("app",)})
    two = [result({"app": "cart", "job": name}, t0=value) for name, value in (("a", 10), ("b", 30))]
    found = assemble(group, {"requests": two, "latency_ms_p95": two})
    assert values(found, "requests") == {0: 40}
    assert values(found, "latency_ms_p95") == {0: 20}


def test_the_first_label_that_says_something_counts_and_an_otlp_job_is_its_last_part() -> None:
    found = assemble(
        PLAIN, {"requests": [result({"app": "", "job": "shop/cart"}, t0=1), result({}, t0=1)]}
    )
    assert [s.labels for s in found] == [Labels(service="cart")]


def test_info_tells_what_the_metric_does_not() -> None:
    group = Group(
        {"requests": "r"},
        {"service": ("service_name", "job"), "instance": ("pod", "instance"), "pool": ("pool",)},
        {"new-cart": "flag_new_cart"},
    )
    assert wants_info(group)
    assert not wants_info(PLAIN)
    assert info_query(group, "target_info", match="") == (
        "max by (service_name, job, pod, instance, pool, flag_new_cart) (target_info{})"
    )
    found = assemble(
        group,
        {"requests": [result({"job": "c", "instance": "1:80", "flag_new_cart": "on"}, t0=1)]},
        [result({"job": "c", "instance": "1:80", "service_name": "cart", "pod": "cart-1",
                 "pool": "canary"}, t0=1)],
    )  # fmt: skip
    assert found[0].labels == Labels(
        service="cart", pool="canary", instance="cart-1", flags=(("new-cart", "on"),)
    )


def test_an_answer_is_read_with_what_is_not_a_number() -> None:
    sent = {"status": "success", "data": {"resultType": "matrix", "result": [
        {"metric": {"a": "b"}, "values": [[1, "2.5"], [2, "NaN"], [3, "+Inf"]]}]}}  # fmt: skip
    (found,) = parse(json.dumps(sent).encode(), where="q")
    assert found.samples[0] == (1, 2.5)
    group = Group({"cpu": "c"}, {"service": ("a",)})
    assert values(assemble(group, {"cpu": [found]}), "cpu") == {1: 2.5}


@pytest.mark.parametrize(
    "sent",
    [
        b"<html>",
        b"{}",
        b'{"data": {"resultType": "vector", "result": []}}',
        b'{"data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "x"]]}]}}',
    ],
)
def test_what_is_no_answer_is_refused(sent: bytes) -> None:
    with pytest.raises(Malformed, match="not an answer"):
        parse(sent, where="q")


def test_too_many_series_are_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promql, "SERIES_MAX", 0)
    one = b'{"data": {"resultType": "matrix", "result": [{"metric": {}, "values": []}]}}'
    with pytest.raises(LimitPassed, match=r"series\.json"):
        parse(one, where="q")


# -- settings


def test_settings_have_defaults_that_need_only_an_address() -> None:
    settings = parse_settings(b'{"prometheus": {"url": "http://p:9090"}}', where="f")
    assert settings.prometheus is not None
    assert settings.prometheus.groups == GROUPS
    assert parse_settings(b"{}", where="f") == SeriesSettings()


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ('{"keep_hours": 0}', "keep_hours"),
        ('{"calls": [["a"]]}', "not settings of series"),
        ('{"prometheus": {}}', "url"),
        ('{"prometheus": {"url": "p:9090"}}', "not the address"),
        ('{"prometheus": {"url": "http://p", "step_s": 0}}', "step_s"),
        ('{"prometheus": {"url": "http://p", "range_s": 5000}}', "range_s"),
        ('{"prometheus": {"url": "http://p", "timeout_s": 0}}', "timeout_s"),
        ('{"prometheus": {"url": "http://p", "token": "x"}}', "token"),
        ('{"prometheus": {"url": "http://p", "groups": [{"metrics": {"heat": "x"}, "labels": '
         '{"service": ["a"]}}]}}', r"groups\[0\].metrics"),
        ('{"prometheus": {"url": "http://p", "groups": [{"metrics": {}, "labels": {"zone": '
         '["a"]}}]}}', r"groups\[0\].labels"),
        ('{"prometheus": {"url": "http://p", "groups": [{"metrics": {}}]}}', "which service"),
    ],
)  # fmt: skip
def test_settings_that_are_none_are_refused_and_named(said: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        parse_settings(said.encode(), where="f")
