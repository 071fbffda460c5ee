"""The indicators of health as gauges: in base units, in few parts, and only while somebody asks."""

import time

import pytest

from tests.served import Inside, until
from wherefrom.api.exposition import TEXT, write
from wherefrom.errors import Unavailable
from wherefrom.query.answers import LogPosition
from wherefrom.query.health.answers import Health, Indicator, Share
from wherefrom.query.health.asked import HealthOptions
from wherefrom.serving import health_metrics
from wherefrom.serving.health_metrics import (
    ENVIRONMENTS_MAX,
    NAMED,
    HealthMetrics,
    Scraped,
    keep_asking,
)
from wherefrom.serving.page import SharedPage


def indicator(id="N1", name="coverage", value=0.5, unit="share", **more):
    said = {"of": 2, "target": None, "met": None, "says": "", **more}
    return Indicator(id=id, name=name, value=value, unit=unit, **said)


def health(*indicators, size=7):
    log = LogPosition(origin="o", size=size, root="")
    return Health(log=log, at="", as_of=size, indicators=list(indicators))


def shown(*indicators):
    metrics = HealthMetrics()
    metrics.take(health(*indicators))
    return {
        (p.name.removeprefix("wherefrom_health_"), *p.labels.values()): p.value
        for family in metrics.families()
        for p in family.points
    }


def test_every_indicator_that_is_answered_has_its_gauge_and_no_other(tmp_path):
    with Inside(tmp_path / "data") as inside:
        answer = inside.desk.health.now(HealthOptions())
    assert {one.id for one in answer.indicators} == set(NAMED)
    units = {"share": "ratio", "s": "seconds", "ms": "seconds", "count": "",
             "bytes/day": "bytes_per_second"}  # fmt: skip
    for one in answer.indicators:
        assert NAMED[one.id].unit == units[one.unit], one.id
        assert NAMED[one.id].name.startswith(one.name.split()[0]), one.id
        assert NAMED[one.id].factor == {"ms": 0.001, "bytes/day": 1 / 86_400}.get(one.unit, 1)


def test_a_value_is_in_base_units_and_what_is_not_known_is_no_zero():
    found = shown(
        indicator("N3", "query latency", 250.0, "ms"),
        indicator("N6", "storage growth", 86_400.0, "bytes/day"),
        indicator("N7", "false alerts", None),
    )
    assert found["query_latency_seconds", "", ""] == 0.25
    assert found["storage_growth_bytes_per_second", "", ""] == 1.0
    assert not any(name == "false_alerts_ratio" for name, *_ in found)
    assert found["log_size",] == 7


def test_parts_are_environments_and_kinds_alone_and_of_many_the_worst():
    parts = [Share(environment=f"e{n}", value=n / 100, of=1) for n in range(ENVIRONMENTS_MAX + 5)]
    parts += [
        Share(kind="image", value=0.3, of=1),
        Share(environment="prod", service="till", value=0.1, of=1),
        Share(trust="signed", value=0.2, of=1),
        Share(value=0.9, of=1),
    ]
    found = shown(indicator(by=parts))
    assert found.pop(("coverage_ratio", "", "")) == 0.5
    assert found.pop(("coverage_ratio", "", "image")) == 0.3
    assert found.pop(("log_size",)) == 7
    assert set(found) == {("coverage_ratio", f"e{n}", "") for n in range(ENVIRONMENTS_MAX)}


def test_whether_a_target_is_met_is_told_where_it_is_known():
    found = shown(
        indicator(met=True), indicator("N5", "gap rate", met=False), indicator("N7", "false alerts")
    )
    assert {key[1]: value for key, value in found.items() if key[0] == "met"} == {
        "coverage": 1, "gap rate": 0
    }  # fmt: skip


def test_an_indicator_of_a_newer_program_is_passed_over():
    assert set(shown(indicator("N99", "something"))) == {("log_size",)}


def test_nothing_is_asked_until_somebody_scrapes_and_then_now_and_then(monkeypatch):
    monkeypatch.setattr(health_metrics, "_LOOK_EVERY_SECONDS", 0.01)
    scraped, metrics, asked = Scraped(SharedPage()), HealthMetrics(), []

    def ask():
        asked.append(1)
        return health(indicator())

    ended = keep_asking(lambda: ask, scraped, metrics, on_trouble=print)
    time.sleep(0.1)
    assert not asked
    assert metrics.families() == []
    scraped.note()
    until(metrics.families)
    time.sleep(0.1)
    assert len(asked) == 1
    assert b"wherefrom_health_coverage_ratio" in write(metrics.families(), media_type=TEXT)
    ended.set()


def test_why_there_is_no_answer_is_said_once_and_it_is_asked_again(monkeypatch):
    monkeypatch.setattr(health_metrics, "_LOOK_EVERY_SECONDS", 0.01)
    scraped, metrics, said, tries = Scraped(SharedPage()), HealthMetrics(), [], []

    def asking():
        tries.append(1)
        if len(tries) < 4:
            raise Unavailable("no view yet")
        return lambda: health(indicator())

    scraped.note()
    ended = keep_asking(asking, scraped, metrics, on_trouble=said.append)
    until(metrics.families)
    ended.set()
    assert len(tries) == 4
    assert said == ["the gauges of health wait: no view yet"]


@pytest.mark.parametrize(("ago", "is_lately"), [(10, True), (299, True), (301, False)])
def test_who_scraped_long_ago_wants_nothing_any_more(monkeypatch, ago, is_lately):
    scraped = Scraped(SharedPage())
    assert not scraped.lately()
    scraped.note()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + ago)
    assert scraped.lately() is is_lately
