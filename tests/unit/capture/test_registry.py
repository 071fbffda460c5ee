"""A registry that answers by pages, wants tokens, or lies: asked as the specification says."""

import contextlib
import http.server
import json
import threading

import pytest

from wherefrom.capture.registry import Registry
from wherefrom.errors import LimitPassed, Malformed, SettingError, Unavailable
from wherefrom.formats.digests import sha256_id

TAKEN = "2026-01-01T00:00:00Z"
MANIFEST = b'{"schemaVersion": 2, "layers": []}'


@contextlib.contextmanager
def serving(answers):
    """A server; ``answers(path, headers)`` gives status, headers and body of each request."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            status, headers, body = answers(self.path, self.headers)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value.replace("HOST", f"127.0.0.1:{port}"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}", asked
        finally:
            server.shutdown()
            thread.join()


def plain(path, _):
    if path.startswith("/v2/_catalog"):
        if "last=" not in path:
            return (
                200,
                {"Link": '</v2/_catalog?n=1&last=a>; rel="next"'},
                b'{"repositories": ["a"]}',
            )
        return 200, {}, b'{"repositories": ["b/c"]}'
    if path.endswith("/tags/list?n=500"):
        return 200, {}, b'{"tags": ["1", "2"]}' if path.startswith("/v2/a/") else b'{"tags": null}'
    return 200, {"Docker-Content-Digest": sha256_id(MANIFEST)}, MANIFEST


def inventory(url, environment=None, names=()):
    with Registry(url, environment=environment or {}) as registry:
        return registry.inventory(names, taken=TAKEN)


def test_pages_are_followed_and_tags_that_lead_to_one_digest_are_one_image():
    with serving(plain) as (url, _):
        found = inventory(url)
    host = url.removeprefix("http://")
    assert found.covers == (f"{host}/a", f"{host}/b/c")
    (image,) = found.listed
    assert (image.id, image.names) == (sha256_id(MANIFEST), (f"{host}/a:1", f"{host}/a:2"))


def test_a_token_is_fetched_where_the_registry_says_and_sent_with_what_it_is_for():
    def answers(path, headers):
        if path.startswith("/token"):
            assert "scope=repository%3Aa%3Apull" in path
            return 200, {}, json.dumps({"token": "T"}).encode()
        if headers.get("Authorization") != "Bearer T":
            challenge = 'Bearer realm="http://HOST/token",service="reg",scope="repository:a:pull"'
            return 401, {"WWW-Authenticate": challenge}, b""
        return plain(path, headers)

    with serving(answers) as (url, asked):
        found = inventory(f"{url}/a", {"WHEREFROM_REGISTRY_USER": "u"})
    assert len(found.listed) == 1
    assert [h.get("Authorization") for p, h in asked if p.startswith("/token")] == ["Basic dTo="]


def test_a_password_is_not_sent_in_the_clear_to_somebody_else():
    def answers(*_):
        return 401, {"WWW-Authenticate": 'Bearer realm="http://thief.example/token"'}, b""

    with serving(answers) as (url, _), pytest.raises(Unavailable, match="in the clear"):
        inventory(url, {"WHEREFROM_REGISTRY_USER": "u", "WHEREFROM_REGISTRY_PASSWORD": "p"})


def other(wanted, answer):
    return lambda p, h: answer if wanted in p else plain(p, h)


@pytest.mark.parametrize(
    ("wanted", "answer", "error", "says"),
    [
        ("/manifests/", (200, {"Docker-Content-Digest": "sha256:" + "0" * 64}, MANIFEST),
         Malformed, "another manifest than it says"),
        ("_catalog", (200, {"Link": '<http://other.example/v2/_catalog>; rel="next"'},
                      b'{"repositories": []}'), Malformed, "on another host"),
        ("_catalog", (200, {"Link": '<http://[>; rel="next"'}, b'{"repositories": []}'),
         Malformed, "on another host"),
        ("_catalog", (200, {}, b'{"repositories": ["../etc"]}'), Malformed, "not a name of a reg"),
        ("_catalog", (200, {}, b"<html>"), Malformed, "not JSON"),
        ("_catalog", (500, {}, b""), Unavailable, "does not answer as one.*HTTP 500"),
        ("_catalog", (302, {"Location": "http://other.example/"}, b""), Unavailable, "HTTP 302"),
        ("_catalog", (403, {}, b""), Unavailable, "does not let us ask"),
        ("/tags/list", (200, {}, b'{"tags": ["' + b"x" * 2_000_000 + b'"]}'), LimitPassed,
         "an answer is too large"),
    ],
)  # fmt: skip
def test_a_registry_that_answers_otherwise_is_refused(wanted, answer, error, says):
    answers = other(wanted, answer)
    with serving(answers) as (url, _), pytest.raises(error, match=says):
        inventory(url)


def test_what_went_away_meanwhile_is_not_listed_and_a_page_that_leads_to_itself_ends():
    def answers(path, headers):
        if "/manifests/1" in path:
            return 404, {}, b""
        if "_catalog" in path:
            return 200, {"Link": '</v2/_catalog?n=500>; rel="next"'}, b'{"repositories": ["a"]}'
        return plain(path, headers)

    with serving(answers) as (url, _):
        (image,) = inventory(url).listed
    assert [name[-2:] for name in image.names] == [":2"]


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://[", "http://u:p@x"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(SettingError, match="not the address of a registry"):
        Registry(url, environment={})
