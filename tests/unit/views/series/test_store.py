"""Pushed series at rest: held once, for a set time, then summed up; bounded."""

import apsw
import pytest

from wherefrom.errors import Corrupt, LimitPassed
from wherefrom.formats.series import Labels, Series
from wherefrom.formats.series_settings import SeriesSettings
from wherefrom.views.series import reader as reader_module
from wherefrom.views.series import store as module
from wherefrom.views.series.reader import Hour, SeriesReader
from wherefrom.views.series.store import Kept, SeriesStore

NOW = 1_767_268_800.0  # a whole hour
CART = Labels(service="cart", instance="cart-1", flags=(("new", "on"),))


def some(*pairs, labels=CART, metric="requests"):
    return Series(labels, metric, [at for at, _ in pairs], [value for _, value in pairs])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "views" / "series.db"


@pytest.fixture
def opened(path):
    stores = []

    def open_(**settings):
        stores.append(SeriesStore(path, lambda: SeriesSettings(**settings)))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


def held(path, since=0, until=NOW * 2):
    return [
        (s.labels, s.metric, list(zip(s.times, s.values, strict=True)))
        for s in SeriesReader(path).window(since, until)
    ]


def test_what_is_added_is_found_in_its_window_by_place_and_metric(opened, path):
    store = opened()
    other = some((NOW, 3.0), labels=Labels(service="shop"))
    assert store.add([some((NOW - 60, 1.0), (NOW, 2.0)), other], now=NOW) == Kept(3, 0)
    assert held(path) == [
        (CART, "requests", [(NOW - 60, 1.0), (NOW, 2.0)]),
        (Labels(service="shop"), "requests", [(NOW, 3.0)]),
    ]
    assert held(path, NOW - 60, NOW - 60) == [(CART, "requests", [(NOW - 60, 1.0)])]


def test_what_is_sent_twice_is_held_once_and_the_last_counts(opened, path):
    store = opened()
    store.add([some((NOW, 1.0))], now=NOW)
    store.add([some((NOW - 1, 7.0), (NOW, 2.0))], now=NOW)
    assert held(path) == [(CART, "requests", [(NOW - 1, 7.0), (NOW, 2.0)])]
    assert store._db.execute("SELECT samples FROM held").get == 2


def test_what_is_too_old_or_ahead_of_the_clock_is_left_out_and_counted(opened, path):
    store = opened(keep_hours=1)
    late = some((NOW - 3_601, 1.0), (NOW - 3_599, 2.0), (NOW + 599, 3.0), (NOW + 601, 4.0))
    assert store.add([late], now=NOW) == Kept(2, 2)
    assert [v for _, _, pairs in held(path) for _, v in pairs] == [2.0, 3.0]


def test_what_is_over_is_summed_up_by_the_hour_and_gone(opened, path):
    store = opened(keep_hours=1)
    store.add([some((NOW - 60, 1.0), (NOW - 30, 2.0), (NOW, 4.0))], now=NOW)
    assert store.expire(NOW + 3_600) == 2
    assert held(path) == [(CART, "requests", [(NOW, 4.0)])]
    hour = int(NOW) - 3_600
    assert SeriesReader(path).hours() == [Hour(hour, CART, "requests", 2, 3.0)]
    assert store.expire(NOW + 3_601) == 1
    assert store.expire(NOW + 3_601) == 0
    assert store._db.execute("SELECT count(*) FROM places").get == 0
    # A place that comes again is another one of the same name.
    store.add([some((NOW + 3_600, 5.0))], now=NOW + 3_600)
    assert held(path) == [(CART, "requests", [(NOW + 3_600, 5.0)])]


def test_a_minute_in_which_nothing_is_over_looks_at_no_sample(opened):
    store = opened()
    store.add([some(*((NOW + n - 20_000, 1.0) for n in range(20_000)))], now=NOW)
    looked = []
    store._db.set_progress_handler(lambda: looked.append(1) or False, 100)
    assert store.expire(NOW) == 0
    assert len(looked) * 100 < 2_000  # steps of SQLite: so that no push waits


def test_a_push_over_a_limit_is_taken_in_no_part(opened, path, monkeypatch):
    store = opened()
    monkeypatch.setattr(module, "SAMPLES_MAX", 2)
    store.add([some((NOW, 1.0))], now=NOW)
    with pytest.raises(LimitPassed, match="samples_max"):
        store.add([some((NOW - 1, 1.0), (NOW - 2, 1.0))], now=NOW)
    assert held(path) == [(CART, "requests", [(NOW, 1.0)])]
    monkeypatch.setattr(module, "PLACES_MAX", 1)
    with pytest.raises(LimitPassed, match="places_max"):
        store.add([some((NOW, 1.0), labels=Labels(service="x"))], now=NOW)
    store.add([some((NOW - 1, 1.0))], now=NOW)  # a place that is known may go on
    assert len(held(path)) == 1
    # Nothing is remembered of what was not taken.
    monkeypatch.undo()
    store.add([some((NOW, 1.0), labels=Labels(service="x"))], now=NOW)
    assert held(path)[1] == (Labels(service="x"), "requests", [(NOW, 1.0)])


def test_a_window_with_too_much_in_it_is_refused(opened, path, monkeypatch):
    opened().add([some((NOW, 1.0), (NOW - 1, 1.0))], now=NOW)
    monkeypatch.setattr(reader_module, "SAMPLES_READ_MAX", 1)
    with pytest.raises(LimitPassed, match="shorter"):
        held(path)


def test_a_file_that_is_not_there_holds_nothing_and_a_damaged_one_is_told(path):
    assert held(path) == []
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 500)
    with pytest.raises(Corrupt, match="file of series"):
        held(path)


def test_a_file_of_another_version_is_begun_anew(opened, path):
    opened().add([some((NOW, 1.0))], now=NOW)
    db = apsw.Connection(str(path))
    db.execute("PRAGMA user_version = 99")
    db.close()
    assert held(path) == []
    opened().add([some((NOW, 2.0))], now=NOW)
    assert held(path) == [(CART, "requests", [(NOW, 2.0)])]
