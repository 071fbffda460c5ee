"""A server that decides, is away, is another program, or knows nobody."""

import contextlib
import http.server
import json
import socket
import threading

import pytest

from tests.reviews import POLICY, digest, verdict
from wherefrom.admission import remote as module
from wherefrom.admission.remote import RemoteDecider
from wherefrom.errors import NotFound, Refused, SettingError, Unavailable

A, B = digest(1), digest(2)
STATUS = {"origin": "log.example/a", "size": 12, "root": "00", "vkey": "v", "checkpoint": "c",
          "views": {"graph": 11, "estate": 12}}  # fmt: skip


@contextlib.contextmanager
def serving(answers):
    """``answers(path, document)`` gives a status and a body."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers.get("content-length") or 0)
            document = json.loads(self.rfile.read(length)) if length else None
            asked.append((self.path, document, self.headers.get("authorization")))
            status, body = answers(self.path, document)
            body = body(document) if callable(body) else body
            written = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        decider = RemoteDecider(
            f"http://127.0.0.1:{server.server_address[1]}", token="t", tls=False
        )
        try:
            yield decider, asked
        finally:
            decider.close()
            server.shutdown()
            thread.join()


def verdicts(artifacts):
    import msgspec

    return msgspec.to_builtins({"verdicts": [verdict(one) for one in artifacts]})


def problem(code, status, title="nothing is called this"):
    return status, {"code": code, "title": title, "status": status}


def test_it_asks_for_all_at_once_with_the_policy_as_a_document():
    with serving(lambda path, asked: (200, verdicts(asked["artifacts"]))) as (decider, asked):
        found = decider.decide(POLICY, [A, B], "prod")
    assert found == [verdict(A), verdict(B)]
    ((path, document, token),) = asked
    assert (path, token) == ("/v1/decide", "Bearer t")
    assert document == {
        "artifacts": [A, B], "policy": POLICY.to_document(), "environment": "prod",
    }  # fmt: skip


def test_one_that_is_not_there_costs_the_others_nothing():
    def answers(path, asked):
        if B in asked["artifacts"]:
            return problem("not_found", 404)
        return 200, verdicts(asked["artifacts"])

    with serving(answers) as (decider, _):
        good, missing = decider.decide(POLICY, [A, B], "prod")
    assert good == verdict(A)
    assert isinstance(missing, NotFound)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem("not_found", 404, "no such route"), Unavailable),
        (problem("unavailable", 503, "busy"), Unavailable),
        (problem("error", 500, "a mistake"), Unavailable),
        (problem("not_authenticated", 401, "who?"), SettingError),
        (problem("not_allowed", 403, "no"), SettingError),
        ((404, b"<html>"), Unavailable),
        ((400, b"<html>"), Unavailable),
        ((302, lambda asked: verdicts(asked["artifacts"])), Unavailable),
        ((200, b"<html>"), Unavailable),
        ((200, {"verdicts": [{"allowed": True}]}), Unavailable),
        ((200, {"verdicts": True}), Unavailable),
        ((200, b"\xff"), Unavailable),
    ],
)
def test_what_is_no_answer_is_never_a_yes(answer, kind, monkeypatch):
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.05)
    with (
        serving(lambda path, asked: answer) as (decider, _),
        pytest.raises(kind),
    ):
        decider.decide(POLICY, [A], "prod")


def test_a_busy_server_is_asked_again_for_a_moment(monkeypatch):
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    busy = iter([True, True, False])

    def answers(path, asked):
        if next(busy):
            return problem("unavailable", 503, "the graph is still reading the log")
        return 200, verdicts(asked["artifacts"])

    with serving(answers) as (decider, asked):
        assert decider.decide(POLICY, [A], "prod") == [verdict(A)]
    assert len(asked) == 3


def test_a_connection_that_broke_is_made_again_once():
    """As when a server ended an idle connection just then."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = []

        def serve():
            for _ in range(2):
                connection, _ = listening.accept()
                with connection:
                    taken.append(connection.recv(65536))
                    if len(taken) == 2:
                        body = json.dumps(STATUS).encode()
                        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
                        connection.sendall(head + body)

        thread = threading.Thread(target=serve)
        thread.start()
        decider = RemoteDecider(
            f"http://127.0.0.1:{listening.getsockname()[1]}", token=None, tls=False
        )
        assert decider.reached().size == 11
        decider.close()
        thread.join()
    assert len(taken) == 2


def test_a_question_that_the_log_refuses_is_a_refusal_of_that_question():
    with serving(lambda path, asked: problem("malformed", 400, "not a digest")) as (decider, _):
        found = decider.decide(POLICY, [A, B], "prod")
    assert [type(one) for one in found] == [Refused, Refused]


def test_an_answer_without_end_is_cut(monkeypatch):
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 100)
    with (
        serving(lambda path, asked: (200, b"x" * 1000)) as (decider, _),
        pytest.raises(Unavailable, match="too large"),
    ):
        decider.reached()


def test_how_far_it_is_is_how_far_the_graph_is():
    with serving(lambda path, asked: (200, STATUS)) as (decider, _):
        at = decider.reached()
    assert (at.origin, at.size) == ("log.example/a", 11)


def test_a_server_that_is_away_is_said_to_be():
    decider = RemoteDecider("http://127.0.0.1:9", token=None, tls=False)
    with pytest.raises(Unavailable, match="the log does not answer"):
        decider.reached()
    decider.close()
