"""ASGI and WSGI: a context for each request, the reality on each answer, an instance's page."""

import asyncio
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import httpx
import pytest

from wherefrom.capture import identity
from wherefrom.capture.propagation import asgi, context, wsgi
from wherefrom.errors import SettingError

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENT = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "x-request-id": "req-1"}


async def asgi_app(scope, receive, send):
    here = context.current()
    said = f"{here.correlation} {here.trace.trace_id} {here.caller}"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": said.encode()})


def wsgi_app(environ, start_response):
    """Asks what it belongs to as late as an application can: when its answer is sent."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("a", "b")])

    def pieces():
        here = context.current()
        yield f"{here.correlation} {here.trace.trace_id} {here.caller}".encode()

    return pieces()


def ask_asgi(path="/", headers=SENT, method="GET", **options):
    async def ask():
        transport = httpx.ASGITransport(asgi.Wherefrom(asgi_app, **options))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(ask())


def ask_wsgi(path="/", headers=SENT, method="GET", **options):
    app = validator(wsgi.Wherefrom(wsgi_app, **options))
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://x") as client:
        return client.request(method, path, headers=headers)


BOTH = pytest.mark.parametrize("ask", [ask_asgi, ask_wsgi], ids=["asgi", "wsgi"])


@BOTH
def test_an_application_works_in_the_context_of_its_request(ask, me):
    answer = ask()
    assert answer.text.split(" ") == ["req-1", TRACE, ""]
    assert answer.headers["wherefrom-reality"] == me.id
    assert answer.headers["a"] == "b"
    assert context.current() is None


@BOTH
def test_an_answer_tells_nothing_where_that_is_not_wanted(ask):
    assert "wherefrom-reality" not in ask(tells=False).headers


@BOTH
def test_at_the_edge_ids_are_made_anew(ask):
    correlation, trace, _ = ask(trusts=False).text.split(" ")
    assert correlation == trace != TRACE


@BOTH
def test_an_instance_says_what_it_is_as_it_is_now(ask, me):
    answer = ask("/.well-known/wherefrom")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == me.document()
    assert answer.json()["reality"] == me.id
    identity.loaded(flags={"checkout": "on"})
    assert ask("/.well-known/wherefrom").json()["reality"] == identity.identity().id != me.id
    head = ask("/.well-known/wherefrom", method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    post = ask("/.well-known/wherefrom", method="POST")
    assert (post.status_code, post.headers["allow"]) == (405, "GET, HEAD")


@BOTH
def test_the_page_may_be_left_to_the_application(ask):
    assert ask("/.well-known/wherefrom", well_known=False).text.startswith("req-1")


@BOTH
def test_a_proxy_s_word_for_the_caller_is_taken_only_if_the_program_says_so(ask):
    xfcc = "URI=spiffe://evil/x,By=spiffe://shop/cart;URI=spiffe://shop/web"
    headers = {**SENT, "x-forwarded-client-cert": xfcc}
    assert ask(headers=headers).text.split(" ")[2] == ""
    assert ask(headers=headers, xfcc=True).text.split(" ")[2] == "spiffe://shop/web"


@pytest.mark.parametrize("middleware", [asgi.Wherefrom, wsgi.Wherefrom])
def test_a_program_that_is_told_wrongly_what_it_is_does_not_start(middleware, monkeypatch):
    monkeypatch.setenv("WHEREFROM_ARTIFACT", "cart:latest")
    with pytest.raises(SettingError, match="WHEREFROM_ARTIFACT"):
        middleware(asgi_app)


def test_the_end_of_an_answer_closes_what_the_application_opened():
    closed = []

    class Pieces(list):
        def close(self):
            closed.append(context.current().correlation)

    def app(environ, start_response):
        start_response("200 OK", [])
        return Pieces([b"x"])

    environ = {"HTTP_X_REQUEST_ID": "req-1"}
    setup_testing_defaults(environ)
    answer = wsgi.Wherefrom(app)(environ, lambda *_: None)
    assert list(answer) == [b"x"]
    answer.close()
    assert closed == ["req-1"]


def test_what_is_no_request_is_passed_on():
    seen = []

    async def app(scope, receive, send):
        seen.append((scope["type"], context.current()))

    asyncio.run(asgi.Wherefrom(app)({"type": "lifespan"}, None, None))
    assert seen == [("lifespan", None)]
