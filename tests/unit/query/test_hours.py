"""What is left, by the hour, of spans and samples whose time is over."""

import pytest

from tests.unit.cli.running import run
from wherefrom.app import DataFolder, open_recorder
from wherefrom.formats.otlp import Source, Span
from wherefrom.formats.series import Labels, Series
from wherefrom.formats.series_settings import SeriesSettings
from wherefrom.formats.span_rules import SpanRules
from wherefrom.query.hours import HourOptions, hours
from wherefrom.views.requests.reader import RequestReader
from wherefrom.views.requests.store import RequestStore
from wherefrom.views.series.reader import SeriesReader
from wherefrom.views.series.store import SeriesStore

T = 1_767_268_800  # a whole hour


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two hours of a cart: one by spans, and one by series of two instances."""
    folder = DataFolder(tmp_path_factory.mktemp("hours") / "data")
    folder.create(origin="log.example/hours")
    with open_recorder(folder):
        pass
    spans = RequestStore(folder.requests_path, lambda: SpanRules(keep_hours=1))
    spans.add([
        Span(f"{n:032x}", f"{n:016x}", "", "GET", T * 10**6, 4_000, n == 1, Source("cart", "prod"),
             reality="sha256:r") for n in range(1, 5)
    ])  # fmt: skip
    spans.expire((T + 7_200) * 10**6)
    spans.close()
    store = SeriesStore(folder.series_path, lambda: SeriesSettings(keep_hours=1))
    for name, rate in (("a", 1.0), ("b", 0.5)):
        where = Labels("prod", "cart", instance=name, identity="v1")
        for metric, value in (("requests", 30.0), ("success_rate", rate), ("cpu", 1.0)):
            store.add([Series(where, metric, [T + 3_600.0], [value])], now=T + 3_600)
        store.add([Series(where._replace(caller="shop"), "requests", [T + 3_600.0], [9.0])],
                  now=T + 3_600)  # fmt: skip
    store.expire(T + 9_000)
    store.close()
    return folder


def asked(folder, **options):
    readers = RequestReader(folder.requests_path), SeriesReader(folder.series_path)
    return [
        (h.hour[11:13], h.service, h.identity, h.source, h.requests, h.failing, h.latency_ms_mean)
        for h in hours(*readers, HourOptions(**options)).hours
    ]


def test_both_are_told_by_the_hour_the_newest_first(folder):
    assert asked(folder) == [
        ("13", "cart", "v1", "series", 60, pytest.approx(0.25), None),
        ("12", "cart", "sha256:r", "spans", 4, pytest.approx(0.25), pytest.approx(4.0)),
    ]


def test_a_window_and_a_service_narrow_it(folder):
    assert [h[0] for h in asked(folder, until="2026-01-01T13:00:00Z")] == ["12"]
    assert [h[0] for h in asked(folder, since="2026-01-01T13:00:00Z")] == ["13"]
    assert asked(folder, service="shop") == asked(folder, environment="test") == []


def test_the_command_shows_them(folder):
    said = run("hours", data=folder.path).out
    assert "2026-01-01T13h  prod/cart  v1" in said
    assert "60 requests" in said
    assert "25 % fail" in said
    assert run("hours", "--json", "--service", "x", data=folder.path).json == {
        "hours": [], "truncated": False,
    }  # fmt: skip
    assert "Nothing is summed up" in run("hours", "--service", "x", data=folder.path).out
