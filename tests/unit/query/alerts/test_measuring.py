"""What was measured of objectives: series by minute and reality, indicators that hold, PromQL."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from wherefrom.errors import Unavailable
from wherefrom.formats.objectives import parse
from wherefrom.formats.series import Labels, series
from wherefrom.formats.timestamps import micros
from wherefrom.query.alerts import measuring as module
from wherefrom.query.alerts.measuring import (
    BACK_S,
    CHUNK_S,
    REALITIES_MAX,
    AskedRatios,
    Measuring,
)
from wherefrom.query.measured import Measured

NOW = 1_767_225_600.0
ERRORS = "{name: a, service: cart, environment: prod, target: 99, series: errors, by: [reality]}"


def objectives(*lines):
    return parse(f"objectives: [{', '.join(lines)}]".encode(), where="o")


class Source:
    """Series by minute: (labels, metric, value, from, until) in minutes before NOW."""

    def __init__(self, *rows):
        self.rows, self.asked, self.fails = list(rows), [], False

    def __call__(self, since, until):
        self.asked.append((since, until))
        if self.fails:
            raise Unavailable("away")
        found = []
        for labels, metric, value, first, last in self.rows:
            times = [NOW - 60 * m for m in range(first, last - 1, -1)]
            samples = {t: value for t in times if since <= t <= until}
            if samples:
                found.append(series(labels, metric, samples))
        return found


def both(identity, requests, rate, *, first=120, last=0, **labels):
    said = Labels(**{"environment": "prod", "service": "cart", "identity": identity, **labels})
    return (
        (said, "requests", requests, first, last),
        (said, "success_rate", 1 - rate, first, last),
    )


def measured(said, source, *, now=NOW, **more):
    made = Measuring(Measured((source,)), **more)
    while True:
        made.step(said, now=now, watched_only=False)
        if not made.is_behind():
            return made


def standing(made, reality=""):
    (one,) = [one for one in made.standings() if one.reality == reality]
    return one


def test_requests_weigh_and_each_reality_is_looked_at_by_itself():
    source = Source(*both("v1", 980, 0.0), *both("v2", 20, 0.5))
    made = measured(objectives(ERRORS), source)
    assert standing(made).rates["300"] == pytest.approx(1.0)
    assert standing(made, "v2").rates["300"] == pytest.approx(50)
    assert standing(made, "v1").share == 0
    pages = [reality for _, reality, burns in made.burning() if burns[0].windows.severity == "page"]
    assert pages == ["v2"]
    assert not any(not reality for _, reality, _ in made.burning())


def test_one_failed_request_of_few_burns_nothing_and_several_do():
    well = both("v1", 0.1, 0.0)
    one = measured(objectives(ERRORS), Source(*well, *both("v2", 1, 1.0, first=2, last=2)))
    assert standing(one).rates["300"] > 14.4
    assert standing(one, "v2").rates["3600"] == pytest.approx(100)
    assert one.burning() == []
    some = measured(objectives(ERRORS), Source(*well, *both("v2", 1, 1.0, first=5, last=1)))
    assert {reality for _, reality, _ in some.burning()} == {"", "v2"}


def test_series_that_count_no_requests_burn_as_they_are():
    said = Labels(environment="prod", service="cart", identity="v1")
    source = Source((said, "success_rate", 0.0, 2, 2))
    assert measured(objectives(ERRORS), source).burning()


def test_other_services_environments_and_what_callers_saw_do_not_count():
    source = Source(
        *both("v1", 100, 0.0),
        *both("v1", 100, 1.0, service="till"),
        *both("v1", 100, 1.0, environment="test"),
        *both("v1", 100, 1.0, caller="shop"),
    )
    assert standing(measured(objectives(ERRORS), source)).share == 0


def test_what_says_no_environment_is_of_any():
    source = Source(*both("v1", 100, 1.0, environment=""))
    assert standing(measured(objectives(ERRORS), source)).share == 1


def test_the_past_is_read_piece_by_piece_and_nothing_is_known_before():
    source = Source(*both("v1", 100, 1.0))
    said, made = objectives(ERRORS), Measuring(Measured((source,)))
    made.step(said, now=NOW)
    assert made.is_behind()
    assert made.is_unknown("a")
    assert made.burning() == []
    assert all(until - since <= CHUNK_S + 600 for since, until in source.asked)
    while made.is_behind():
        made.step(said, now=NOW)
    assert len(source.asked) <= BACK_S / CHUNK_S + 1
    assert made.burning()
    covered = sorted(source.asked)
    assert covered[0][0] == NOW - BACK_S
    assert all(later[0] <= earlier[1] for earlier, later in pairwise(covered))


def test_the_newest_minutes_are_read_again_and_count_once():
    source = Source(*both("v1", 100, 0.0))
    said, made = objectives(ERRORS), measured(objectives(ERRORS), source)
    before = standing(made)
    for _ in range(5):
        made.step(said, now=NOW)
    assert standing(made) == before
    source.rows = list(both("v1", 100, 1.0, first=5))
    made.step(said, now=NOW)
    assert standing(made).rates["300"] == pytest.approx(100), "late samples take their place"


def test_what_cannot_be_read_is_told_once_and_is_not_known():
    source, troubles = Source(*both("v1", 100, 1.0)), []
    said = objectives(ERRORS)
    made = measured(said, source, on_trouble=troubles.append)
    source.fails = True
    for _ in range(3):
        made.step(said, now=NOW + 60)
    assert made.is_unknown("a")
    assert made.burning() == []
    assert troubles == ["objective a is not measured: away"]
    source.fails = False
    made.step(said, now=NOW + 120)
    assert made.burning()


def test_only_so_many_realities_are_kept_those_that_were_seen_last():
    rows = [
        row for n in range(REALITIES_MAX + 5) for row in both(f"v{n}", 1, 0.0, last=n)
    ]  # fmt: skip
    made = measured(objectives(ERRORS), Source(*rows))
    kept = {one.reality for one in made.standings()} - {""}
    assert kept == {f"v{n}" for n in range(REALITIES_MAX)}


def test_an_objective_that_is_said_otherwise_is_measured_anew():
    source = Source(*both("v1", 100, 0.005))
    made = measured(objectives(ERRORS), source)
    other = objectives(ERRORS.replace("target: 99", "target: 99.9"))
    made.step(other, now=NOW)
    assert made.is_behind()
    made.step(objectives(), now=NOW)
    assert made.standings() == []


def test_slow_answers_are_bad_by_their_rate():
    said = Labels("prod", "cart")
    rows = ((said, "requests", 100, 60, 0), (said, "slow_rate", 0.25, 60, 0))
    one = ERRORS.replace("errors", "slow")
    assert standing(measured(objectives(one), Source(*rows))).share == pytest.approx(0.25)


# -- indicators


class Indicator:
    def __init__(self, value):
        self.value, self.asked = value, []

    def __call__(self, objective, at):
        self.asked.append(at)
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


COVERAGE = "{name: c, target: 99, indicator: coverage}"


def test_of_a_share_what_is_missing_is_bad_and_it_holds():
    found = Indicator(0.9)
    said, made = objectives(COVERAGE), Measuring(Measured(), indicated=found)
    made.step(said, now=NOW)
    assert standing(made).share == pytest.approx(0.1)
    assert {b.windows.severity for _, _, burns in made.burning() for b in burns} == {
        "page", "ticket"
    }  # fmt: skip
    past = [micros(at) / 1e6 for at in found.asked if at is not None]
    assert min(past) == NOW - BACK_S
    assert len(past) < 40, "a few moments of the past"
    before = len(found.asked)
    made.step(said, now=NOW + 30)
    assert len(found.asked) == before + 1


@pytest.mark.parametrize(
    ("bound", "share"),
    [("at_most: 10", 0.0), ("at_most: 4", 1.0), ("at_least: 4", 0.0), ("at_least: 10", 1.0)],
)
def test_with_a_bound_it_is_good_or_bad(bound, share):
    one = f"{{name: c, target: 99, indicator: N2, {bound}}}"
    made = Measuring(Measured(), indicated=Indicator(5.0))
    made.step(objectives(one), now=NOW)
    assert standing(made).share == share


def test_an_indicator_that_nobody_knows_burns_nothing():
    troubles = []
    found = Indicator(Unavailable("coverage is not known", got="nothing runs"))
    made = Measuring(Measured(), indicated=found, on_trouble=troubles.append)
    made.step(objectives(COVERAGE), now=NOW)
    assert made.burning() == []
    assert standing(made).says == "coverage is not known: got nothing runs"
    assert len(troubles) == 1


# -- PromQL

PROMQL = (
    "{name: p, target: 99, by: [reality],"
    " promql: {errors: 'e[$window] $by', total: 't[$window] $by'}}"
)


def test_a_prometheus_says_each_window_and_each_reality():
    asked = []

    def ask(objective, at):
        asked.append((objective.name, at))
        shares = {
            "": dict.fromkeys(module.SPANS_S, 0.001),
            "v2": dict.fromkeys(module.SPANS_S, 0.5),
        }
        return AskedRatios(shares, {"v2": dict.fromkeys(module.SPANS_S, 1.0)})

    made = Measuring(Measured(), ask=ask)
    made.step(objectives(PROMQL), now=NOW)
    assert made.burning() == [], "it is watched by that Prometheus"
    here = PROMQL.replace("target: 99", "target: 99, watched: here")
    made.step(objectives(here), now=NOW)
    assert {reality for _, reality, _ in made.burning()} == {"v2"}
    assert asked == [("p", NOW)]
    made.step(objectives(here.replace("target: 99,", "target: 99, requests_min: 9,")), now=NOW)
    assert {reality for _, reality, _ in made.burning()} == {"v2"}
    made.step(objectives(here.replace("target: 99,", "target: 99, requests_min: 99,")), now=NOW)
    assert made.burning() == []


def test_without_a_prometheus_it_says_so():
    made = Measuring(Measured())
    made.step(objectives(PROMQL), now=NOW, watched_only=False)
    assert "no Prometheus" in standing(made).says


def test_an_answer_can_be_sent():
    made = measured(objectives(ERRORS), Source(*both("v2", 20, 0.5)))
    written = msgspec.json.encode(made.standings())
    assert msgspec.json.decode(written, type=list[module.ObjectiveStanding]) == made.standings()
