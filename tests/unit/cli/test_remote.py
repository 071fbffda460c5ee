"""A server over HTTP: what is sent, what is tried again, and every odd answer."""

import json

import httpx
import pytest

from tests.unit.cli.running import event
from wherefrom.cli import remote as module
from wherefrom.cli.remote import Remote
from wherefrom.cli.settings import Where
from wherefrom.errors import (
    Ambiguous,
    Corrupt,
    Error,
    NotAllowed,
    NotFound,
    SettingError,
    Unavailable,
)
from wherefrom.query.desk import TraceOptions

URL = "http://server.example"


def remote(answer, monkeypatch, token="wf_secret"):
    """A ``Remote`` whose requests ``answer`` answers; and the requests."""
    requests = []

    def handle(request):
        requests.append(request)
        return answer(request)

    client = httpx.Client
    monkeypatch.setattr(
        module.httpx, "Client",
        lambda **given: client(**{**given, "transport": httpx.MockTransport(handle)}),
    )  # fmt: skip
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return Remote(Where(data=None, server=URL, token=token)), requests


def recorded(request):
    """Answers as ``POST /v1/records`` does, an item for each element."""
    sent = json.loads(request.content)
    number = len(sent) if isinstance(sent, list) else 1
    items = [{"status": "recorded", "index": i, "content": "sha256:x"} for i in range(number)]
    return httpx.Response(201, json={"items": items, "log": {"size": number, "root": "ab"}})


def test_contents_go_as_exact_slices_of_one_array_and_whole_documents_alone(monkeypatch):
    place, requests = remote(recorded, monkeypatch)
    a, b = json.dumps(event(1)).encode(), json.dumps(event(2), indent=1).encode()
    outcomes = place.record([a, b + b"\n", b])
    assert [o.status for o in outcomes] == ["recorded"] * 3
    assert [r.content for r in requests] == [b"[" + a + b",\n" + b + b"]", b + b"\n"]
    assert requests[0].headers["authorization"] == "Bearer wf_secret"
    assert place.position() == (1, "ab")


def test_what_cannot_be_read_is_refused_here_and_never_breaks_the_array(monkeypatch):
    place, requests = remote(recorded, monkeypatch)
    good = json.dumps(event(1)).encode()
    outcomes = place.record([b'{"a": 1}]', good, b"{}", b'{"x":'])
    assert [(o.status, o.code) for o in outcomes] == [
        ("refused", "malformed"), ("recorded", None), ("refused", "unsupported"),
        ("refused", "malformed"),
    ]  # fmt: skip
    assert [r.content for r in requests] == [b"[" + good + b"]"]


def test_nothing_is_sent_when_everything_is_refused_here(monkeypatch):
    place, requests = remote(recorded, monkeypatch)
    assert place.record([b"{}"])[0].code == "unsupported"
    assert requests == []


def test_an_answer_for_another_number_of_records_is_never_guessed_at(monkeypatch):
    short = {"items": [], "log": {"size": 1, "root": ""}}
    place, _ = remote(lambda r: httpx.Response(201, json=short), monkeypatch)
    with pytest.raises(Corrupt, match=r"other records than were sent.*1 items, got 0"):
        place.record([json.dumps(event(1)).encode()])


def test_a_busy_server_is_asked_again(monkeypatch):
    answers = [httpx.Response(503, headers={"Retry-After": "1"}, json={"code": "unavailable"})] * 3
    place, requests = remote(lambda r: answers.pop() if answers else recorded(r), monkeypatch)
    assert place.record([json.dumps(event(1)).encode()])[0].status == "recorded"
    assert len(requests) == 4


def test_a_lost_answer_is_asked_for_again_because_the_same_is_recorded_once(monkeypatch):
    lost = [httpx.ReadError("gone")]

    def answer(request):
        if lost:
            raise lost.pop()
        return recorded(request)

    place, requests = remote(answer, monkeypatch)
    assert place.record([json.dumps(event(1)).encode()])[0].status == "recorded"
    assert len(requests) == 2


def test_a_server_that_keeps_breaking_off_is_given_up(monkeypatch):
    def answer(request):
        raise httpx.ReadError("gone")

    place, requests = remote(answer, monkeypatch)
    with pytest.raises(Unavailable, match=r"the server does not answer.*gone"):
        place.status()
    assert len(requests) == 3


def test_a_server_that_is_not_there_is_not_asked_twice(monkeypatch):
    def answer(request):
        raise httpx.ConnectError("refused")

    place, requests = remote(answer, monkeypatch)
    with pytest.raises(Unavailable, match="wherefrom up"):
        place.status()
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [("not_found", NotFound), ("ambiguous", Ambiguous), ("not_allowed", NotAllowed),
     ("of_a_later_version", Error)],
)  # fmt: skip
def test_a_problem_becomes_the_error_it_was(monkeypatch, code, kind):
    problem = {"title": "what", "code": code, "where": "w", "expected": "e", "got": "g", "do": "d"}
    place, _ = remote(lambda r: httpx.Response(404, json=problem), monkeypatch)
    with pytest.raises(kind) as caught:
        place.show("x", TraceOptions())
    error = caught.value
    assert (error.what, error.where, error.expected) == ("what", "w", "e")
    assert (error.got, error.do) == ("g", "d")


def test_a_missing_token_says_where_one_lies(monkeypatch):
    place, requests = remote(
        lambda r: httpx.Response(401, json={"code": "not_authenticated"}), monkeypatch, token=None
    )
    with pytest.raises(SettingError, match="WHEREFROM_TOKEN"):
        place.status()
    assert "authorization" not in requests[0].headers


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[1]),
        httpx.Response(404, text="<html>"),
        httpx.Response(200, json={"origin": 1}),
    ],
)
def test_another_kind_of_server_is_named_as_such(monkeypatch, answer):
    place, _ = remote(lambda r: answer, monkeypatch)
    with pytest.raises(Unavailable, match=r"cannot be read|not how a Wherefrom server answers"):
        place.status()


def test_an_id_travels_whole_whatever_is_in_it(monkeypatch):
    seen = []

    def answer(request):
        seen.append(request.url.raw_path)
        return httpx.Response(404, json={"code": "not_found", "title": "no"})

    place, _ = remote(answer, monkeypatch)
    with pytest.raises(NotFound):
        place.trace("pkg:npm/%40a/b@1?x=y#z/../é", TraceOptions(direction="down", depth=3))
    assert seen == [
        b"/v1/trace/pkg%3Anpm%2F%2540a%2Fb%401%3Fx%3Dy%23z%2F..%2F%C3%A9?direction=down&depth=3"
    ]
