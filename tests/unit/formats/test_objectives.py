"""What an estate promises: read strictly, each slip named with its place."""

import pytest

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.objectives import PERIODS, Objectives, parse, window_name

GOOD = "{name: a, target: 99.9, service: cart, series: errors}"


def of(*lines, more=""):
    return parse(f"objectives: [{', '.join(lines)}]\n{more}".encode(), where="objectives.yaml")


def test_an_empty_file_has_no_objectives_and_the_rules_that_need_none():
    assert parse(b"", where="objectives.yaml") == Objectives()
    assert Objectives().integrity
    assert Objectives().coverage_drop.within_s == 3600
    assert Objectives().clock_skew.ahead_s == 10


def test_each_source_is_read_and_the_rest_has_defaults():
    said = of(
        GOOD,
        "{name: b, target: 99, indicator: coverage, environment: prod, at_least: 0.9}",
        "{name: c, target: 99, promql: {errors: 'e[$window]', total: 't[$window]'}}",
        more="quiet: 5m\ncoverage_drop: {points: 20, within: 30m}\nintegrity: false\n",
    )
    a, b, c = said.objectives
    assert (a.budget, a.period_s) == (pytest.approx(0.001), 30 * 86400)
    assert [one.is_watched_here for one in (a, b, c)] == [True, True, False]
    assert (said.quiet_s, said.coverage_drop.within_s, said.integrity) == (300, 1800, False)


def test_the_factors_are_those_of_the_workbook_and_of_sloths_week():
    def factors(days):
        return [one.factor(days * 86400) for one in PERIODS[days * 86400]]

    assert factors(30) == [14.4, 6.0, 3.0, 1.0]
    assert factors(7) == [13.44, 3.5, 1.4, 0.98]
    assert [window_name(s) for s in (300, 3600, 86400, 90)] == ["5m", "1h", "1d", "90s"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{name: A, target: 99, service: s, series: errors}", "not a name"),
        ("{name: a, target: 100, service: s, series: errors}", "not a target"),
        ("{name: a, target: 0, service: s, series: errors}", "not a target"),
        ("{name: a, target: .nan, service: s, series: errors}", "not a target"),
        ("{name: a, target: 99, service: s, series: errors, period: 9d}", "not a period"),
        ("{name: a, target: 99, service: s, series: errors, period: soon}", "not a duration"),
        ("{name: a, target: 99}", "not said what is measured"),
        ("{name: a, target: 99, series: errors, service: s, indicator: N1}", "not said what"),
        ("{name: a, target: 99, series: errors}", "series of no service"),
        ("{name: a, target: 99, indicator: N1, requests_min: 5}", "requests of an indicator"),
        ("{name: a, target: 99, series: errors, service: s, requests_min: -1}", "requests_min"),
        ("{name: a, target: 99, series: errors, service: s, at_most: 1}", "no indicator"),
        ("{name: a, target: 99, indicator: N2, at_most: 1, at_least: 1}", "two bounds"),
        ("{name: a, target: 99, indicator: N2, by: [reality]}", "not looked at by"),
        ("{name: a, target: 99, indicator: N2, watched: prometheus}", "is watched here"),
        ("{name: a, target: 99, series: errors, service: s, by: [pod]}", "by their reality"),
        ("{name: a, target: 99, series: errors, service: s, kind: x}", "of indicators"),
        ("{name: a, target: 99, series: errors, service: s, labels: {a-b: c}}", "not a label"),
        ("{name: a, target: 99, series: errors, service: s, matched_by: {pod: p}}", "not a part"),
        ("{name: a, target: 99, series: errors, service: s, alert: 'a b'}", "not a name of an"),
        ("{name: a, target: 99, promql: {errors: e, total: 't[$window]'}}", "without a window"),
        ("{name: a, target: 99, by: [x], promql: {errors: 'e[$window]', total: 't[$window]'}}",
         "not split"),
        ("{name: a, target: 99, series: errors, service: s, more: 1}", "not objectives"),
    ],
)  # fmt: skip
def test_what_is_no_objective_is_refused_with_its_place(line, says):
    with pytest.raises(Malformed, match=says) as refused:
        of(line)
    assert "objectives.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("quiet: 9s", "quiet"),
        ("coverage_drop: {points: 0}", "points"),
        ("clock_skew: {ahead: 0s}", "ahead"),
        ("coverage_drop: {within: 30d}", "within"),
        ("coverage_drop: {within: 1h, lasting: 2h}", "lasting"),
        ("watch: 1", "not objectives"),
    ],
)
def test_rules_out_of_their_bounds_are_refused(more, says):
    with pytest.raises(Malformed, match=says):
        of(GOOD, more=more)


def test_names_are_of_one_and_there_are_not_too_many():
    with pytest.raises(Malformed, match="two objectives of one name"):
        of(GOOD, GOOD)
    with pytest.raises(LimitPassed, match="too many objectives"):
        of(*(GOOD.replace("name: a", f"name: a{n}") for n in range(201)))
    with pytest.raises(LimitPassed, match="too long"):
        of(f"{{name: a, target: 99, service: s, series: errors, description: '{'x' * 5000}'}}")
