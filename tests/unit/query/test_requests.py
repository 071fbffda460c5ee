"""The way of a request: hops by program and reality, in order, whatever is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Malformed, NotFound
from wherefrom.formats.otlp import Source
from wherefrom.query import requests as module
from wherefrom.views.requests.reader import Held

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
T = 1_793_534_400_000_000


def held(span, parent="", service="a", *, start=0, micros=1000, error=False, reality="r", **more):
    said = {"flags": "", "correlation": "", "origin": "", "caller": "", "whole": False, **more}
    return Held(
        span, parent, T + start, micros, f"n{span}", error, Source(service), reality, **said
    )


class Nothing:
    """A log that says nothing of any request."""

    origin, size, root = "log.example/x", 1, None

    def lens(self):
        pass

    def numbers(self, ids):
        list(ids)
        return {}

    def steps(self, *_, **__):
        return []

    def mentions(self, *_, **__):
        return []

    def judgements(self, *_):
        return {}


def request_path(reader, text):
    return module.request_path(reader, Nothing(), text)


class Given:
    def __init__(self, *spans, ids=()):
        self._spans, self._ids = spans, list(ids)

    def traces(self, id, *, limit):
        return [TRACE] if id in self._ids else []

    def spans(self, trace, *, limit):
        return sorted(self._spans, key=lambda s: s.start)[:limit] if trace == TRACE else []


def hops(*spans):
    (trace,) = request_path(Given(*spans), TRACE).traces
    return [(hop.depth, hop.service, hop.spans) for hop in trace.hops]


def test_spans_of_one_program_are_one_hop_and_callees_hang_below_it():
    assert hops(
        held("1"), held("2", "1", start=1), held("3", "2", "b", start=2),
        held("4", "3", "c", start=3), held("5", "3", "b", start=4), held("6", "1", "d", start=5),
    ) == [(0, "a", 2), (1, "b", 2), (2, "c", 1), (1, "d", 1)]  # fmt: skip


def test_another_reality_of_the_same_program_is_another_hop():
    assert hops(held("1"), held("2", "1", reality="r2")) == [(0, "a", 1), (1, "a", 1)]


def test_a_program_that_is_called_back_is_a_hop_of_its_own():
    assert hops(held("1"), held("2", "1", "b"), held("3", "2", "a")) == [
        (0, "a", 1), (1, "b", 1), (2, "a", 1),
    ]  # fmt: skip


def test_a_caller_that_is_not_held_is_counted_and_makes_a_root():
    (trace,) = request_path(Given(held("1", "99"), held("2", "99", "b")), TRACE).traces
    assert [hop.depth for hop in trace.hops] == [0, 0]
    assert trace.missing == 1


def test_spans_that_call_each_other_in_a_circle_are_shown():
    assert sorted(hops(held("1", "2"), held("2", "1", "b"))) == [(0, "a", 1), (0, "b", 1)]
    assert hops(held("1", "1")) == [(0, "a", 1)]
    assert hops(held("1", "2"), held("2", "1")) == [(0, "a", 2)]


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab"), st.integers(0, 9)),
                min_size=1, max_size=10))  # fmt: skip
def test_every_span_is_of_one_hop_however_they_hang_together(drawn):
    spans = [held(f"{n:x}", f"{p:x}", s, start=t) for n, (p, s, t) in enumerate(drawn)]
    assert sum(count for *_, count in hops(*spans)) == len(spans)


def test_a_hop_says_how_long_it_took_and_what_failed():
    (trace,) = request_path(
        Given(held("1", start=0, micros=1000), held("2", "1", start=500, micros=2000, error=True),
              held("3", "1", "b", correlation="order-7", origin="o")),
        TRACE,
    ).traces  # fmt: skip
    first = trace.hops[0]
    assert (first.duration_ms, first.errors, trace.duration_ms) == (2.5, 1, 2.5)
    assert (trace.correlation, trace.origin) == ("order-7", "o")


@pytest.mark.parametrize(
    "text", [TRACE, TRACE.upper(), f"00-{TRACE}-00f067aa0ba902b7-01", "order-7"]
)
def test_a_request_is_found_by_traceparent_trace_and_id(text):
    assert request_path(Given(held("1"), ids=["order-7"]), text).traces[0].trace == TRACE


def test_a_request_of_which_nothing_is_held_says_what_may_have_been():
    with pytest.raises(NotFound, match="the rules left it out, or its time is over"):
        request_path(Given(), "order-8")


@pytest.mark.parametrize("text", ["", "x" * 300, "a\0b", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"])
def test_what_can_be_no_request_is_malformed(text):
    with pytest.raises(Malformed):
        request_path(Given(), text)


def test_answers_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "SPANS_MAX", 2)
    (trace,) = request_path(Given(*(held(str(n), start=n) for n in range(3))), TRACE).traces
    assert (trace.truncated, sum(hop.spans for hop in trace.hops)) == (True, 2)


def test_a_long_chain_of_spans_is_one_hop():
    spans = [held(f"{n:04x}", f"{n - 1:04x}" if n else "", start=-n) for n in range(3000)]
    assert hops(*spans) == [(0, "a", 3000)]
