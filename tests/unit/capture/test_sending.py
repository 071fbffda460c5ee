"""Records from a program to a real server, and what becomes of them when there is none."""

import json

import pytest

from tests.served import Inside, event_bytes
from wherefrom.capture.sending import Sender, items_of
from wherefrom.errors import NotAllowed, Refused, SettingError, Unavailable


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Inside(tmp_path_factory.mktemp("sending") / "data") as inside:
        yield inside


def test_each_record_has_its_outcome(server):
    sender = Sender(environ={"WHEREFROM_URL": server.url + "/",
                             "WHEREFROM_TOKEN": server.token["sender"]})  # fmt: skip
    items = sender.send([event_bytes(1), b"{}"])
    assert [item["status"] for item in items] == ["recorded", "refused"]
    assert [item["status"] for item in sender.send([event_bytes(1)])] == ["known"]


def test_what_is_refused_altogether_is_an_error(server):
    with pytest.raises(Refused, match="the server refused"):
        Sender(server.url, server.token["sender"]).send([b"{}"])


@pytest.mark.parametrize("who", ["reader", None])
def test_a_token_that_will_not_do_is_an_error(server, who):
    with pytest.raises(NotAllowed, match="takes nothing from us"):
        Sender(server.url, server.token[who] if who else "wf_x").send([event_bytes(2)])


def test_a_server_that_is_not_there_is_an_error():
    with pytest.raises(Unavailable, match="does not answer"):
        Sender("http://127.0.0.1:9").send([b"{}"])


def test_what_is_no_server_of_ours_is_an_error():
    import http.server
    import threading

    class Other(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps([1]).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with pytest.raises(Unavailable, match="got status 200"):
            Sender(f"http://127.0.0.1:{other.server_port}").send([b"{}"])
        other.shutdown()


@pytest.mark.parametrize("url", ["", "server:8474", "ftp://x", "http://"])
def test_an_address_that_is_none_is_refused_at_once(url):
    with pytest.raises(SettingError, match="not the address of a server"):
        Sender(url, environ={})


ITEM = {"status": "recorded", "index": 1}


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (201, {"items": [ITEM]}, Unavailable),  # of another number than was sent
        (201, {"items": [ITEM, 7]}, Unavailable),
        (201, {"items": [ITEM, {}]}, Unavailable),
        (503, {"items": [ITEM, ITEM]}, Unavailable),
        (403, {"detail": "no role"}, NotAllowed),
    ],
)
def test_an_answer_that_does_not_tell_of_each_tells_of_none(status, said, error):
    with pytest.raises(error):
        items_of(status, json.dumps(said).encode(), sent=2, where="here")


def test_items_are_read_whatever_the_status_says_of_all_of_them():
    refused = {"items": [{"status": "refused"}] * 2}
    for status in (403, 422, 207):
        assert items_of(status, json.dumps(refused).encode(), sent=2, where="") == refused["items"]
