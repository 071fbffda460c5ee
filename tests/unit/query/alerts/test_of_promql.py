"""PromQL objectives, asked of a real Prometheus: each window, and each reality."""

from __future__ import annotations

import msgspec
import pytest

from tests.prometheus_server import History, prometheus
from wherefrom.errors import Unavailable
from wherefrom.formats.objectives import parse
from wherefrom.formats.series_settings import Prometheus, SeriesSettings
from wherefrom.query.alerts.of_promql import ratios


def test_the_shares_of_an_objective_are_asked_window_by_window(tmp_path):
    history = History()
    for minute in range(91):
        for reality, bad, requests in (("v1", 0, 980), ("v2", 10, 20)):
            at = 1_767_225_600 + 60 * minute
            labels = {"reality": reality}
            history.add("bad", "counter", "bad_total", labels, at, float(bad * minute))
            history.add("all", "counter", "all_total", labels, at, float(requests * minute))
    text = (
        "objectives: [{name: a, service: cart, target: 99, by: [reality], promql: {"
        "errors: 'sum by ($by) (rate(bad_total[$window]))',"
        " total: 'sum by ($by) (rate(all_total[$window]))'}}]"
    )
    (objective,) = parse(text.encode(), where="o").objectives
    with prometheus(tmp_path / "p", history) as url:
        settings = SeriesSettings(prometheus=Prometheus(url=url))
        at = 1_767_225_600 + 60 * 90
        found, requests = ratios(objective, settings, at=at, folder=tmp_path)
        assert requests == {}
        assert found[""][300] == pytest.approx(0.01)
        assert found["v2"] == pytest.approx(dict.fromkeys(found["v2"], 0.5))
        assert found["v1"][3_600] == 0
        assert set(found) == {"", "v1", "v2"}
        nothing = ratios(objective, settings, at=at + 30 * 86_400, folder=tmp_path)
        assert nothing == ({}, {})
        least = msgspec.structs.replace(objective, requests_min=50)
        asked = ratios(least, settings, at=at, folder=tmp_path)
        assert asked.shares == found
        assert set(asked.requests) == {"", "v1", "v2"}
        assert asked.requests["v2"][3_600] == pytest.approx(20 * 60, rel=0.02)
        assert set(asked.requests[""]) == {3_600, 21_600, 86_400, 3 * 86_400}
    with pytest.raises(Unavailable, match="no Prometheus is named"):
        ratios(objective, SeriesSettings(), at=at, folder=tmp_path)
