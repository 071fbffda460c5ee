"""Whatever goes wrong is answered by a problem object (RFC 9457), and nothing ends the server."""

import contextlib
import json
import socket
import urllib.parse

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.served import event_bytes
from wherefrom.api.wire import HEAD_BYTES_MAX
from wherefrom.errors import Unavailable

IN_THIS_FILE = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def check_problem(answer, status, code):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (said["status"], said["code"]) == (status, code)
    assert said["type"] == f"urn:wherefrom:error:{code}"
    assert said["title"] in said["detail"]
    return said


def raw(server, sent, *, reads=2):
    """Send bytes as they are; returns the status, and the body if it is a problem object."""
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as wire:
        wire.settimeout(10)
        # It may answer, and close, before it has read everything.
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            wire.sendall(sent)
        got = b""
        while b"\r\n\r\n" not in got or not got.partition(b"\r\n\r\n")[2]:
            if not (more := wire.recv(65536)):
                break
            got += more
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head, got[:300]
    return int(got.split()[1]), json.loads(body)


# -- routes


@pytest.mark.parametrize("path", ["/", "/nothing", "/v1", "/v1/records/1/nothing", "/api/v1"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_route_is_a_problem_object(client, method, path):
    assert "/openapi.json" in check_problem(client.request(method, path), 404, "not_found")["do"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/records", "POST"),
        ("DELETE", "/v1/records/1", "GET, HEAD"),
        ("DELETE", "/v1/keys", "GET, HEAD, POST"),
        ("POST", "/checkpoint", "GET, HEAD"),
        ("PUT", "/v1/records/1/erase", "POST"),
    ],
)
def test_a_wrong_method_is_405_and_names_the_right_ones(client, method, path, allowed):
    answer = client.request(method, path)
    assert check_problem(answer, 405, "method_not_allowed")["expected"] == allowed
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "path", ["/checkpoint", "/healthz", "/v1/log", "/v1/records/0", "/v1/keys"]
)
def test_head_is_get_without_the_body(client, path):
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    same = ("content-type", "content-length", "cache-control")
    assert [head.headers.get(k) for k in same] == [get.headers.get(k) for k in same]


def test_head_of_a_wrong_method_has_its_status_and_no_body(client):
    answer = client.head("/v1/records")
    assert (answer.status_code, answer.content) == (405, b"")


# -- questions


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/records/x", 400, "malformed"),
        ("/v1/records/-1", 400, "malformed"),
        ("/v1/records/%D9%A1", 400, "malformed"),
        ("/v1/records/" + "9" * 5000, 400, "malformed"),
        ("/v1/records/999999", 404, "not_found"),
        ("/v1/records/999999/content", 404, "not_found"),
        ("/v1/receipts/999999", 404, "not_found"),
        ("/v1/trace/nothing%20is%20called%20this", 404, "not_found"),
        ("/v1/trace/entry:0?direction=sideways", 400, "malformed"),
        ("/v1/trace/entry:0?depth=-1", 400, "malformed"),
        ("/v1/trace/entry:0?depth=1e3", 400, "malformed"),
        ("/v1/trace/entry:0?at=yesterday", 400, "malformed"),
        ("/v1/trace/entry:0?as_of=999999", 404, "not_found"),
        ("/v1/show/entry:0?as_of=999999", 404, "not_found"),
        ("/v1/find?q=a&as_of=999999", 404, "not_found"),
        ("/v1/log/consistency", 400, "malformed"),
        ("/v1/log/consistency?from=1", 400, "malformed"),
        ("/v1/log/consistency?from=1&to=999999", 404, "not_found"),
        ("/v1/log/consistency?from=1&to=0", 404, "not_found"),
        ("/tile/nonsense", 404, "not_found"),
        ("/tile/0/000.p/0", 404, "not_found"),
        ("/tile/0/999.p/1", 404, "not_found"),
        ("/tile/entries/999", 404, "not_found"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(client, path, status, code):
    check_problem(client.get(path), status, code)


@IN_THIS_FILE
@given(st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=40))
def test_an_id_reaches_the_reader_exactly_as_it_was_written(client, text):
    asked = f"no such thing: {text} ."
    answer = client.get("/v1/show/" + urllib.parse.quote(asked, safe=""))
    said = check_problem(answer, 404, "not_found")["got"]
    assert said == "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in asked)


@pytest.mark.parametrize("path", ["a/../b", "../../metrics", "a//b/./c", "a%2F..%2Fb", "a%2fb;c=d"])
def test_dots_and_slashes_in_an_id_are_part_of_the_id(server, path):
    token = server.token["admin"].encode()
    line = f"GET /v1/show/{path} HTTP/1.1".encode()
    status, said = raw(
        server, line + b"\r\nHost: a\r\nAuthorization: Bearer " + token + b"\r\n\r\n"
    )
    assert status == 404
    assert said["got"] == urllib.parse.unquote(path)


QUERY_NAMES = st.sampled_from(
    ["q", "at", "as_of", "depth", "direction", "kind", "to", "trace", "content", "from", "wait"]
)
QUERY_VALUES = st.one_of(
    st.sampled_from(["0", "1", "5", "up", "down", "entry:0", "2026-01-01T00:00:00Z", "1" * 16]),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.binary(max_size=5),
)
ASKED = st.sampled_from(
    ["/v1/trace/entry:0", "/v1/show/entry:0", "/v1/find", "/v1/prove/entry:0", "/v1/verify/entry:0",
     "/v1/log/consistency", "/v1/records/0", "/v1/receipts/0", "/v1/keys", "/tile/0/000.p/1"]
)  # fmt: skip


@IN_THIS_FILE
@given(ASKED, st.lists(st.tuples(QUERY_NAMES, QUERY_VALUES), max_size=4))
def test_no_query_makes_a_question_fail_with_a_mistake_of_ours(server, client, path, query):
    server.fold()
    answer = client.get(path + "?" + urllib.parse.urlencode(query))
    assert answer.status_code in (200, 400, 404, 409), answer.text
    if answer.status_code != 200:
        check_problem(answer, answer.status_code, answer.json()["code"])


# -- the wire


def test_a_head_without_an_end_is_refused_before_it_fills_the_memory(server):
    for sent in (
        b"GET /healthz HTTP/1.1\r\nx: " + b"y" * 4_000_000,
        b"GET /healthz HTTP/1.1\r\n" + b"x: y\r\n" * 700_000,
        b"GET /" + b"y" * 4_000_000,
    ):
        status, said = raw(server, sent)
        assert (status, said["code"]) in ((431, "limit"), (400, "malformed"))


def test_trailers_without_an_end_are_refused_too(server):
    token = server.token["admin"].encode()
    head = b"POST /v1/records HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    sent = (
        head
        + b"Authorization: Bearer "
        + token
        + b"\r\n\r\n2\r\n{}\r\n0\r\n"
        + b"x: y\r\n" * 700_000
    )
    assert raw(server, sent)[0] == 431


def test_a_head_within_the_limit_is_answered(client):
    headers = {f"x-{n}": "y" * 1000 for n in range(HEAD_BYTES_MAX // 1100)}
    assert client.get("/healthz", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /v1/find?q=\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/show/\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n",
        b"POST /v1/records HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/records HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    ],
)
def test_what_is_no_http_is_a_problem_object_and_not_a_trace(server, sent):
    speak = "Speak HTTP/1.1, with TLS only if the server was started with --tls-cert"
    assert raw(server, sent) == (
        400,
        {
            "type": "urn:wherefrom:error:malformed",
            "title": "this is not HTTP/1.1",
            "status": 400,
            "detail": f"this is not HTTP/1.1. {speak}",
            "code": "malformed",
            "do": speak,
        },
    )


@pytest.mark.parametrize("path", ["/v1/log", "/v1/records"])
def test_a_token_of_strange_bytes_is_only_unknown(server, path):
    method = b"GET" if path == "/v1/log" else b"POST"
    for bearer in (b"\xff\xfe" * 200, b"a b c", b"", b"\xe2\x82\xac"):
        sent = method + f" {path} HTTP/1.1\r\nHost: a\r\n".encode()
        status, said = raw(server, sent + b"Authorization: Bearer " + bearer + b"\r\n\r\n")
        assert (status, said["code"]) == (401, "not_authenticated")


def test_a_length_over_the_limit_is_refused_before_it_is_sent(server):
    token = server.token["admin"].encode()
    sent = b"POST /v1/records HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000000\r\n"
    status, said = raw(server, sent + b"Authorization: Bearer " + token + b"\r\n\r\n{")
    assert (status, said["code"]) == (413, "limit")
    assert "body_bytes_max" in said["expected"]


# -- mistakes of ours


def test_a_mistake_of_ours_is_500_and_says_nothing_of_its_inside(server, client, monkeypatch):
    def fails(*_, **__):
        raise ValueError("a secret in a message")

    monkeypatch.setattr(server.recorder, "judge", fails)
    answer = client.post("/v1/records", content=event_bytes(1))
    check_problem(answer, 500, "error")
    monkeypatch.setattr(server.desk, "record", fails)
    beside = client.get("/v1/records/0")
    check_problem(beside, 500, "error")
    assert "secret" not in answer.text + beside.text


def test_while_the_reader_does_not_answer_reads_are_503_and_writes_go_on(server, client, number):
    server.proxy.fails = Unavailable("the reader process does not answer", do="Ask again")
    try:
        for path in ("/v1/log", "/checkpoint", "/tile/0/000.p/1", "/v1/find?q=a", "/readyz"):
            answer = client.get(path)
            check_problem(answer, 503, "unavailable")
            assert answer.headers["retry-after"] == "1"
        assert client.post("/v1/records", content=event_bytes(900_000)).status_code == 201
        assert client.get("/healthz").text == "ok\n"
        assert b"wherefrom_log_size" in client.get("/metrics").content
    finally:
        server.proxy.fails = None
    assert client.get("/readyz").text == "ready\n"
