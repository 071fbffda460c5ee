"""What work belongs to: taken from headers, kept in threads and tasks, sent on."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.capture import identity
from wherefrom.capture.propagation import context
from wherefrom.formats.trace_context import Baggage, parse_baggage, parse_traceparent

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
ORIGIN = "sha256:" + "9" * 64


def test_work_that_nobody_sent_begins_here(me):
    here = context.begin()
    assert here.correlation == here.trace.trace_id
    assert here.origin == me.id
    assert (here.parent, here.tracestate, here.baggage, here.caller) == ("", "", (), "")


def test_ids_of_a_sender_are_kept_and_the_span_is_our_own(me):
    sent = {
        "traceparent": PARENT,
        "tracestate": "a=1",
        "baggage": f"tier=gold,prov.correlation.id=order-7,prov.origin.reality.id={ORIGIN}",
    }
    here = context.begin(sent)
    assert (here.correlation, here.origin) == ("order-7", ORIGIN)
    assert here.trace.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert here.trace.span_id != here.parent == "00f067aa0ba902b7"
    assert not here.trace.sampled
    assert (here.tracestate, here.baggage) == ("a=1", (Baggage("tier", "gold"),))


@pytest.mark.parametrize("name", context.REQUEST_HEADERS)
def test_a_request_id_of_others_is_the_correlation_id(name):
    assert context.begin({name: "req-1", "traceparent": PARENT}).correlation == "req-1"


def test_a_sender_that_is_not_trusted_decides_no_id(me):
    sent = {"traceparent": PARENT, "x-request-id": "x", "baggage": "prov.correlation.id=x"}
    here = context.begin(sent, trusts=False)
    assert here.correlation == here.trace.trace_id != parse_traceparent(PARENT).trace_id
    assert (here.origin, here.parent, here.baggage) == (me.id, "", ())


@pytest.mark.parametrize(
    "sent",
    [
        {"traceparent": "x", "tracestate": "a=1"},
        {"traceparent": "", "baggage": "prov.correlation.id=a%0Ab"},
        {"x-request-id": "a\r\nb"},
        {"x-request-id": "x" * 200},
        {"baggage": "prov.origin.reality.id=latest"},
        {"baggage": "prov.origin.reality.id=sha512:" + "a" * 128},
    ],
)
def test_headers_that_cannot_be_read_are_passed_over(sent, me):
    here = context.begin(sent)
    assert here.correlation == here.trace.trace_id
    assert (here.origin, here.tracestate, here.parent) == (me.id, "", "")


@given(st.dictionaries(
    st.sampled_from(["traceparent", "tracestate", "baggage", "x-request-id"]),
    st.text(st.characters(max_codepoint=255), max_size=100)))  # fmt: skip
def test_no_header_is_an_error_and_what_goes_out_can_be_read(sent):
    with context.entered(context.begin(sent)) as here:
        out = context.headers()
    again = context.begin(out)
    assert again.correlation == here.correlation
    assert again.origin == here.origin
    assert again.parent == here.trace.span_id
    assert again.trace.trace_id == here.trace.trace_id
    assert not set("".join(out.values())) & set("\r\n\0")


def test_what_goes_out_is_what_came_in_from_this_span(me):
    sent = {"traceparent": PARENT, "tracestate": "a=1", "baggage": "tier=gold;p=1"}
    with context.entered(context.begin(sent)) as here:
        out = context.headers()
    assert out["traceparent"] == here.trace.to_text()
    assert out["tracestate"] == "a=1"
    assert parse_baggage(out["baggage"]) == (
        Baggage(context.CORRELATION, here.correlation),
        Baggage(context.ORIGIN, me.id),
        Baggage("tier", "gold", ("p=1",)),
    )


def test_headers_of_another_library_stay_and_its_baggage_is_kept(me):
    with context.entered(context.begin()) as here:
        out = context.add_to({"traceparent": PARENT, "baggage": "a=1,prov.correlation.id=other"})
    assert "traceparent" not in out
    assert parse_baggage(out["baggage"])[-1] == Baggage("a", "1")
    assert f"{context.CORRELATION}={here.correlation}" in out["baggage"]
    assert "other" not in out["baggage"]


def test_headers_that_come_twice_are_joined_or_none():
    pairs = [(b"Baggage", b"a=1"), (b"baggage", b"b=2"), ("traceparent", PARENT)]
    assert context.carrier_of(pairs) == {"baggage": "a=1,b=2", "traceparent": PARENT}
    assert context.carrier_of([("traceparent", PARENT)] * 2)["traceparent"] == ""


def test_a_thread_knows_what_its_work_belongs_to_only_if_it_is_carried():
    seen = {}

    def look(name):
        seen[name] = context.current()

    with context.entered(context.begin()) as here, ThreadPoolExecutor(1) as pool:
        pool.submit(look, "pool").result()
        pool.submit(context.carried(look), "carried").result()
        pool.submit(look, "after").result()
        work = context.carried(look)
    thread = threading.Thread(target=work, args=("later",))
    thread.start()
    thread.join()
    assert seen == {"pool": None, "carried": here, "after": None, "later": here}
    assert context.current() is None


def test_tasks_of_asyncio_keep_theirs_apart():
    async def handle(id):
        with context.entered(context.begin({"x-request-id": id})):
            await asyncio.sleep(0)
            inner = await asyncio.create_task(look())
            thread = await asyncio.to_thread(context.current)
            return inner.correlation, thread.correlation

    async def look():
        await asyncio.sleep(0)
        return context.current()

    async def main():
        return await asyncio.gather(*(handle(f"r{n}") for n in range(20)))

    assert asyncio.run(main()) == [(f"r{n}", f"r{n}") for n in range(20)]


def test_attributes_say_the_reality_of_now(me):
    assert context.attributes() == {context.REALITY: me.id}
    flags = identity.loaded(flags={"a": "on"})
    with context.entered(context.called_by(context.begin(), "spiffe://shop/web")) as here:
        assert context.attributes() == {
            context.REALITY: flags.id,
            context.FLAG_SET: flags.reality.flags,
            context.CORRELATION: here.correlation,
            context.ORIGIN: flags.id,
            context.CALLER: "spiffe://shop/web",
        }
