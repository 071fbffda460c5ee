"""What goes out over HTTP and through queues, and what comes in at the other end."""

import json

import httpx
import pytest
import requests

from wherefrom.capture.propagation import celery_tasks, context, http_clients, queues

SENT = {"x-request-id": "order-7"}


def caught(request):
    return httpx.Response(200, json=dict(request.headers))


@pytest.fixture
def here(me):
    with context.entered(context.begin(SENT)) as here:
        yield here


def test_httpx_sends_it_along(here):
    transport = httpx.MockTransport(caught)
    with httpx.Client(transport=transport, event_hooks=http_clients.hooks()) as client:
        sent = client.get("http://x/").json()
    assert context.begin(sent).correlation == "order-7"
    assert sent["traceparent"] == here.trace.to_text()


def test_httpx_sends_it_along_from_tasks(here):
    import asyncio

    async def ask():
        transport = httpx.MockTransport(caught)
        hooks = http_clients.async_hooks()
        async with httpx.AsyncClient(transport=transport, event_hooks=hooks) as client:
            return (await client.get("http://x/")).json()

    assert context.begin(asyncio.run(ask())).parent == here.trace.span_id


def test_only_hosts_that_are_named_are_told(here):
    transport = httpx.MockTransport(caught)
    hooks = http_clients.hooks(only=["*.shop.internal"])
    with httpx.Client(transport=transport, event_hooks=hooks) as client:
        assert "baggage" in client.get("http://Cart.shop.internal/").json()
        assert "baggage" not in client.get("http://elsewhere.example/").json()


def test_requests_sends_it_along(here):
    adapter = http_clients.requests_adapter(only=["cart"])
    for host, told in (("cart", True), ("other", False)):
        prepared = requests.Request("GET", f"http://{host}/").prepare()
        adapter.add_headers(prepared)
        assert ("traceparent" in prepared.headers) == told
    adapter.add_headers(prepared := requests.Request("GET", "http://cart/").prepare())
    assert prepared.headers["traceparent"] == here.trace.to_text()


def test_a_header_that_was_set_by_hand_stays(here):
    transport = httpx.MockTransport(caught)
    mine = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    with httpx.Client(transport=transport, event_hooks=http_clients.hooks()) as client:
        sent = client.get("http://x/", headers={"traceparent": mine}).json()
    assert sent["traceparent"] == mine
    assert "order-7" in sent["baggage"]


def test_kafka_s_headers_carry_it_beside_others(here):
    headers = queues.with_headers([("schema", b"\xff"), ("none", None), ("baggage", "tier=gold")])
    assert dict(headers)["schema"] == b"\xff"
    assert all(isinstance(value, bytes) for _, value in headers)
    assert [name for name, _ in headers].count("baggage") == 1
    with queues.received(headers) as there:
        assert (there.correlation, there.parent) == ("order-7", here.trace.span_id)
        assert [member.key for member in there.baggage] == ["tier"]
    assert context.current() is here


@pytest.mark.parametrize("headers", [None, [], {}, [("x", None)], {"traceparent": 7}])
def test_a_message_without_any_begins_here(headers):
    with queues.received(headers) as there:
        assert there.correlation == there.trace.trace_id


def test_an_envelope_carries_it_through_a_queue_that_has_no_headers(here):
    message = json.loads(json.dumps(queues.wrap({"order": 7})))
    with context.entered(context.begin()), queues.unwrap(message) as body:
        assert body == {"order": 7}
        assert context.current().correlation == "order-7"


@pytest.mark.parametrize("message", [{"body": 1}, 7, {"headers": 1, "body": 2, "x": 3}, None])
def test_a_message_without_an_envelope_is_its_own_body(message):
    with queues.unwrap(message) as body:
        assert body == message
        assert context.current().correlation == context.current().trace.trace_id


def test_a_broken_envelope_still_gives_its_body():
    with queues.unwrap({"headers": 7, "body": 1}) as body:
        assert body == 1


@pytest.fixture
def celery():
    from celery import Celery

    celery_tasks.connect()
    app = Celery("t", broker="memory://", backend="cache+memory://", set_as_current=False)
    yield app
    celery_tasks.disconnect()


def test_celery_s_messages_carry_it(here, celery):
    sent = {}

    @celery.task(name="work")
    def work():
        pass

    from celery import signals

    def look(headers=None, **_):
        sent.update(headers)

    signals.after_task_publish.connect(look)
    work.delay()
    signals.after_task_publish.disconnect(look)
    assert context.begin({k: sent[k] for k in ("traceparent", "baggage")}).correlation == "order-7"


def test_a_task_that_runs_eagerly_stays_where_it_was_sent(here, celery):
    celery.conf.task_always_eager = True

    @celery.task(name="eager")
    def work():
        return context.current().trace.span_id

    assert work.delay().get() == here.trace.span_id
    assert context.current() is here
