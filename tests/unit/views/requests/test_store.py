"""Spans at rest: kept by rule, found by trace and id, summed up when their time is over."""

import os

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.collect.settings_file import SPAN_RULES, SettingsFile
from wherefrom.collect.span_rules import RulesFile
from wherefrom.errors import Corrupt, SettingError, StorageError
from wherefrom.formats.otlp import Source, Span
from wherefrom.formats.span_rules import SpanRules, parse
from wherefrom.views.requests import reader as reader_module
from wherefrom.views.requests import store as module
from wherefrom.views.requests.reader import Hour, RequestReader
from wherefrom.views.requests.store import HOUR, Kept, RequestStore

T = 1_793_534_400_000_000
CART = Source("cart", "prod", instance="cart-1", artifact="sha256:" + "a" * 64)


def span(trace=1, number=1, *, start=T, error=False, source=CART, ids=(), **more):
    return Span(
        f"{trace:032x}", f"{number:016x}", more.pop("parent", ""), "n", start, 10, error, source,
        ids=tuple(ids), **more,
    )  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "views" / "requests.db"


@pytest.fixture
def opened(path):
    stores = []

    def open_(**rules):
        stores.append(RequestStore(path, lambda: SpanRules(**rules)))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


def held(path, trace=1):
    return RequestReader(path).spans(f"{trace:032x}", limit=100)


def test_what_is_added_is_found_by_its_trace_and_by_its_ids(opened, path):
    one = span(ids=["order-7", "req-1"], reality="sha256:x", flags="f", correlation="order-7",
               origin="o", caller="c", parent="2" * 16)  # fmt: skip
    assert opened().add([one, span(2, ids=["order-8"])]) == Kept(2, 0)
    (found,) = held(path)
    assert (found.span, found.parent, found.start, found.micros) == (one.span, "2" * 16, T, 10)
    assert (found.source, found.reality, found.flags) == (CART, "sha256:x", "f")
    assert (found.correlation, found.origin, found.caller) == ("order-7", "o", "c")
    reader = RequestReader(path)
    assert reader.traces("order-7", limit=9) == reader.traces("req-1", limit=9) == [one.trace]
    assert reader.traces("order", limit=9) == []


def test_traces_of_one_id_come_newest_first(opened, path):
    opened().add([span(n, start=T + n % 3, ids=["x"]) for n in (1, 2, 3)])
    found = RequestReader(path).traces("x", limit=2)
    assert found == [f"{n:032x}" for n in (2, 1)]


def test_what_is_sent_twice_is_held_once(opened, path):
    store = opened()
    store.add([span(), span()])
    store.add([span()])
    assert len(held(path)) == 1


def test_what_the_rules_leave_out_is_not_held_and_what_follows_an_error_is(opened, path):
    store = opened(sample=0)
    assert store.add([span(1, 1), span(1, 2, error=True), span(1, 3), span(2, 1)]) == Kept(2, 2)
    assert [one.span for one in held(path)] == [f"{n:016x}" for n in (2, 3)]
    assert held(path, 2) == []


def test_spans_whose_time_is_over_are_summed_up_and_their_ids_forgotten(opened, path):
    store = opened(keep_hours=2)
    other = Source("cart", "prod", instance="cart-2")
    store.add([
        span(1, 1, reality="r", ids=["old"]), span(1, 2, reality="r", error=True, source=other),
        span(2, 1, start=T + HOUR, ids=["old", "new"]), span(2, 2, start=T + 3 * HOUR),
    ])  # fmt: skip
    assert store.expire(T + 2 * HOUR) == 0
    assert store.expire(T + 2 * HOUR + 1) == 2
    reader = RequestReader(path)
    assert reader.hours() == [Hour(T - T % HOUR, "prod", "cart", "r", 2, 1, 20)]
    assert held(path) == []
    assert reader.traces("old", limit=9) == [f"{2:032x}"]
    assert store.expire(T + 4 * HOUR) == 1
    assert reader.traces("new", limit=9) == [f"{2:032x}"]  # the rest of its trace is held
    assert store.expire(T + 6 * HOUR) == 1
    assert reader.traces("new", limit=9) == []
    assert sum(hour.spans for hour in reader.hours()) == 4


def test_spans_of_a_billable_service_never_expire(opened, path):
    store = opened(keep_hours=1, sample=0, billable=("billing",))
    store.add([span(1, 1, source=Source("billing"), ids=["r"]), span(1, 2)])
    assert store.expire(T + 1000 * HOUR) == 1
    (found,) = held(path)
    assert found.whole
    assert RequestReader(path).traces("r", limit=9) == [f"{1:032x}"]


def test_who_calls_whom_is_told_by_the_spans_of_a_window(opened, path):
    shop, mail, cron = Source("shop", instance="s1"), Source("mail"), Source("cron")
    opened(billable=("mail",)).add([
        span(1, 1, source=shop), span(1, 2, parent=f"{1:016x}"),
        span(1, 3, parent=f"{2:016x}", source=mail), span(1, 4, parent=f"{1:016x}", source=shop),
        span(1, 5, parent=f"{9:016x}", source=cron), span(1, 6, parent=f"{1:016x}",
        start=T + HOUR, source=cron), span(2, 1, parent=f"{1:016x}", source=Source()),
    ])  # fmt: skip
    reader = RequestReader(path)
    assert reader.calls(T, T + 1, limit=99) == [("cart", "mail"), ("shop", "cart")]
    assert reader.calls(T, T + HOUR + 1, limit=99)[-1] == ("shop", "cron")
    assert reader.calls(T + 1, T + 2, limit=99) == []
    plan = list(apsw.Connection(str(path)).execute(
        "EXPLAIN QUERY PLAN " + reader_module._NEWEST, (1, 2, 3)
    ))  # fmt: skip
    assert all("USING INDEX" in row[3] for row in plan if " spans" in row[3]), plan


def test_a_step_of_expiry_is_bounded(opened, monkeypatch):
    monkeypatch.setattr(module, "EXPIRED_AT_ONCE", 2)
    store = opened(keep_hours=1)
    store.add([span(1, n) for n in range(1, 6)])
    assert [store.expire(T + 9 * HOUR) for _ in range(4)] == [2, 2, 1, 0]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(0, 5), st.booleans()),
                max_size=20))  # fmt: skip
def test_held_and_summed_up_together_are_all_that_was_kept(tmp_path_factory, drawn):
    path = tmp_path_factory.mktemp("s") / "requests.db"
    store = RequestStore(path, lambda: SpanRules(keep_hours=1))
    model = {(t, s): (h, e) for t, s, h, e in drawn}
    store.add([span(t, s, start=T + h * HOUR, error=e) for t, s, h, e in drawn])
    store.expire(T + 4 * HOUR)
    store.close()
    gone = {k for k, (h, _) in model.items() if h < 3}
    assert sum(len(held(path, t)) for t in (1, 2, 3)) == len(model) - len(gone)
    hours = RequestReader(path).hours()
    assert sum(hour.spans for hour in hours) == len(gone)
    assert sum(hour.errors for hour in hours) == sum(model[k][1] for k in gone)


def test_a_file_that_nobody_made_holds_nothing(path):
    assert held(path) == []
    assert not path.exists()


def test_a_file_of_another_version_is_begun_anew(opened, path):
    opened().add([span()])
    db = apsw.Connection(str(path))
    db.execute("PRAGMA user_version = 99")
    assert held(path) == []
    opened()
    assert held(path) == []
    db.close()


def test_a_damaged_file_is_named(path):
    path.parent.mkdir()
    path.write_bytes(b"no database" * 500)
    with pytest.raises(StorageError, match=r"requests\.db.*Delete it"):
        RequestStore(path, SpanRules)
    with pytest.raises(Corrupt, match="the file of spans is damaged"):
        held(path)


def test_rules_are_read_again_when_they_change_and_wrong_ones_are_told(tmp_path):
    path, told = tmp_path / "request-rules.json", []
    rules = SettingsFile(
        path, parse, SpanRules(), what="the rules for spans", on_trouble=told.append
    )
    assert rules() == SpanRules()
    path.write_text('{"sample": 0.5}')
    assert rules().sample == 0.5
    path.write_text('{"sample": 50}')
    assert rules().sample == rules().sample == 0.5
    assert len(told) == 1
    assert "stay as they were: not a rate" in told[0]
    with pytest.raises(SettingError, match="not a rate"):
        SettingsFile(path, parse, SpanRules(), what="the rules for spans")
    os.remove(path)
    assert rules() == SpanRules()


def test_what_the_catalogue_says_is_read_again_when_it_changes_and_may_be_lost(tmp_path):
    written, catalogued = tmp_path / SPAN_RULES, tmp_path / "catalogued.json"
    written.write_text('{"sample": 0}')
    rules = RulesFile(tmp_path, catalogued=catalogued)
    assert rules().billable == ()
    for text, billable in (
        ('{"billable": ["pay"]}', ("pay",)), ("{", ()), ('{"billable": ["a", "b"]}', ("a", "b")),
    ):  # fmt: skip
        catalogued.write_text(text)
        assert rules().billable == billable
        assert rules().sample == 0
    catalogued.unlink()
    assert rules().billable == ()
