"""The pages over HTTP, on the sample estate: as a browser asks for them, without one."""

from __future__ import annotations

import gzip
import json
import re
import secrets
import signal
from html import unescape
from html.parser import HTMLParser
from urllib.parse import quote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.served import PLAIN, ServerProcess, followed
from wherefrom.api.problems import on_error
from wherefrom.app import DataFolder
from wherefrom.capture import changes
from wherefrom.collect.principals import Principal
from wherefrom.errors import Error, Unavailable
from wherefrom.formats.states import Scope
from wherefrom.web.page import SECURITY_HEADERS
from wherefrom.web.routes import writer_routes
from wherefrom.web.words import service_path

TILL = "registry.corner-shop.example/till:1.0.0"
BASKETS = "dataset:s3://corner-shop-lake:features/baskets"
PAGES = [
    "/", "/find?q=till", "/find", "/running", "/running?drift=1", "/running?scope=prod/till",
    "/changes?since=2026-11-01T00:00:00Z", "/changes", "/gaps", "/services/prod/till",
    f"/things/{quote(TILL, safe='')}", "/records/0", "/records/17", "/records/71", "/log", "/keys",
    "/alerts", "/objectives", "/health", "/health/N1", "/health/freshness",
    "/executive", "/on-call", "/debug",
    "/incidents", "/incidents?open=1", "/incidents/saturday-evening",
    "/policies", "/audit", "/audit?from=10", "/things/what-to-restock-3.safetensors",
    f"/things/{quote(BASKETS, safe='')}",
    f"/lineage/{quote(TILL, safe='')}", f"/lineage/{quote(TILL, safe='')}?view=list",
]  # fmt: skip
VOID = {"meta", "link", "input", "br", "hr", "img"}
HOSTILE = '"><script>alert(1)</script><b onload=x>\u202e'


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("pages") / "data", "--sample") as running:
        with running.client() as client:
            followed(client)
        yield running


@pytest.fixture
def browser(server):
    """A client that signed in with the form, as a browser does."""
    with httpx.Client(base_url=server.url, verify=PLAIN, timeout=30) as client:
        answer = client.post("/login", data={"token": token_of(server), "to": "/running?drift=1"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/running?drift=1")
        yield client


def token_of(server):
    return (server.data / "token").read_text().strip()


class Read(HTMLParser):
    """A page as read: what it links to, its text, and what is wrong with its tags."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.links, self.wrong, self.words, self.inline = [], [], [], [], []
        self.ids = []
        self.feed(html)
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.ids += [said["id"]] if "id" in said else []
        self.inline += [name for name in said if name.startswith("on") or name == "style"]
        self.inline += ["script"] if tag == "script" and "src" not in said else []
        self.inline += [tag] if tag in ("style", "iframe", "object", "embed", "base") else []
        for name in ("href", "src", "action"):
            if said.get(name):
                self.links.append(said[name])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"/{tag}")

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def read(answer, status=200):
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    found = Read(answer.text)
    assert (found.wrong, found.inline) == ([], [])
    assert len(found.ids) == len(set(found.ids)), found.ids
    return found


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_html_that_loads_nothing_from_elsewhere(browser, path):
    answer = browser.get(path)
    page = read(answer)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name.lower()] == value
    assert all(link.startswith(("/", "#", "?")) for link in page.links), page.links
    assert len(gzip.compress(answer.content, 5)) < 150_000


def test_every_link_of_every_page_leads_to_a_page(browser):
    seen, ahead = set(), list(PAGES)
    while ahead and len(seen) < 250:
        path = ahead.pop(0).partition("#")[0]
        if path in seen or path in ("", "/logout", "/login") or path.startswith("/static"):
            continue
        seen.add(path)
        answer = browser.get(path)
        assert answer.status_code == 200, path
        if "html" in answer.headers["content-type"] and "/report" not in path:
            ahead += [link for link in read(answer).links if link.startswith("/")]
    assert len(seen) > 100


@pytest.mark.parametrize("path", [path for path in PAGES if path not in ("/find", "/objectives")])
def test_a_page_has_a_twin_in_json_that_says_the_same_size(browser, path):
    page = browser.get(path)
    twin = re.search(r'rel="alternate" type="application/json" href="([^"]+)"', page.text)
    answer = browser.get(twin[1].replace("&amp;", "&"))
    assert answer.headers["content-type"] == "application/json"
    found = json.dumps(answer.json())
    assert f'"size": {re.search(r"As of size <b>([0-9]+)</b>", page.text)[1]}' in found


def test_the_twin_of_a_question_is_the_answer_of_the_api(server, browser):
    with server.client() as api:
        for twin, asked in (("/find?q=till&", "/v1/find?q=till"), ("/gaps?", "/v1/catalog/gaps")):
            said = [browser.get(f"{twin}format=json").json(), api.get(asked).json()]
            for one in said:
                one.pop("at", None)
            ages = re.compile(r'"age": [0-9.]+')
            assert ages.sub("", json.dumps(said[0])) == ages.sub("", json.dumps(said[1]))


def test_nobody_sees_a_page_who_did_not_sign_in(server):
    with httpx.Client(base_url=server.url, verify=PLAIN) as client:
        for path in PAGES:
            answer = client.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/login")
        assert client.get("/gaps?format=json").status_code == 401
        assert client.get("/live").status_code == 401
        sign_in = read(client.get("/login?to=/gaps"))
        assert "Token" in sign_in.text


def test_a_wrong_token_signs_nobody_in_and_a_good_one_leads_back(server):
    with httpx.Client(base_url=server.url, verify=PLAIN) as client:
        answer = client.post("/login", data={"token": "wf_" + "x" * 43, "to": "/gaps"})
        assert "set-cookie" not in answer.headers
        page = client.get(answer.headers["location"])
        assert "Nobody has this token" in read(page).text
        answer = client.post("/login", data={"token": token_of(server), "to": "/gaps"})
        assert answer.headers["location"] == "/gaps"
        cookie = answer.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("httponly", "samesite=lax", "path=/"))
        assert read(client.get("/gaps")).text
        client.post("/logout")
        assert client.get("/gaps").status_code == 303


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "x"]
)
def test_signing_in_leads_to_no_other_site(server, to):
    with httpx.Client(base_url=server.url, verify=PLAIN) as client:
        answer = client.post("/login", data={"token": token_of(server), "to": to})
        assert answer.headers["location"] == "/"
        answer = client.post("/login", data={"token": "no", "to": to})
        assert answer.headers["location"] == "/login?wrong=1"


def test_a_form_of_another_site_signs_nobody_in_or_out(server, browser):
    for path in ("/login", "/logout"):
        answer = browser.post(
            path, data={"token": token_of(server)}, headers={"Origin": "https://evil.example"}
        )
        assert answer.status_code == 403
    assert browser.get("/gaps").status_code == 200


def test_the_cookie_opens_pages_and_nothing_of_the_api(browser):
    assert browser.get("/v1/gaps").status_code == 404
    assert browser.get("/v1/catalog/gaps").status_code == 401
    assert browser.post("/v1/records", content=b"{}").status_code == 401


def test_a_lasting_link_says_the_same_when_the_log_has_grown(server, browser):
    link = re.search(r'<a href="([^"]+)">lasting link', browser.get("/services/prod/till").text)[1]
    before = read(browser.get(link)).text
    with server.client() as api:
        said = changes.deploy(
            Scope("prod", "till"), "sha256:" + "e" * 64, at="2026-11-20T10:00:00Z", source="/ci"
        )
        assert api.post("/v1/records", content=said).status_code == 201
        followed(api)
    after = browser.get(link)
    old, new = (re.sub(r"You look.*?now", "", text) for text in (before, read(after).text))
    ages = re.compile(r"\d+ (s|min|h|d|ms)\b|now")
    assert ages.sub("", old) == ages.sub("", new)
    assert "e" * 12 in browser.get("/services/prod/till").text
    assert "as_of=" in re.search(r'href="(/things/[^"]+)"', after.text)[1]


def test_a_lasting_link_carries_its_time_and_so_keeps_what_is_old(browser):
    page = browser.get("/services/prod/till")
    link = unescape(re.search(r'<a href="([^"]+)">lasting link', page.text)[1])
    assert re.search(r"as_of=[0-9]+&at=20[0-9%AT.-]+Z", link)
    # Nothing is told in ages that grow: it is the same to the letter, however late it is opened.
    assert browser.get(link).text == browser.get(link).text
    assert "/running?drift=1&amp;as_of=5" in browser.get("/?as_of=5").text


@pytest.mark.parametrize("path", ["/objectives", "/audit"])
def test_a_page_of_how_things_stand_now_does_not_say_that_it_tells_of_the_past(browser, path):
    page = read(browser.get(f"{path}?as_of=5"))
    assert "is not kept for size 5" in page.text
    assert "As of size 5 " not in page.text
    assert "lasting link" not in page.text


def test_keys_and_policies_are_told_as_of_a_size(browser):
    def told(path):
        return read(browser.get(path)).text

    trusted = re.findall(r"k:[0-9a-f]{8}", told("/keys"))
    assert trusted
    assert set(re.findall(r"k:[0-9a-f]{8}", told("/keys?as_of=1"))) < set(trusted)
    assert "lasting link" in told("/keys")
    assert "lasting link" in told("/policies")
    assert "No policy is in force" in told("/policies?as_of=1")
    read(browser.get("/keys?as_of=100000"), 404)
    read(browser.get("/policies?as_of=100000"), 404)


def test_no_time_and_no_size_is_too_early_for_a_page(browser):
    pages = ("/", "/changes", "/services/prod/till", "/on-call", "/running", "/gaps")
    for path in (*pages, "/policies", "/keys"):
        for asked in ("at=0001-01-01T00:00:00Z", "at=9999-12-31T23:59:59Z", "as_of=0"):
            assert browser.get(f"{path}?{asked}").status_code == 200, (path, asked)
    assert browser.get("/incidents?as_of=0").status_code == 200
    assert browser.get("/incidents/saturday-evening/report?as_of=0").status_code == 404
    assert "no incident is named" in read(browser.get("/incidents/"), 404).text


def test_an_open_incident_is_shown_at_a_time_before_it_began(server, browser):
    alert = {
        "status": "firing", "labels": {"alertname": "Slow", "environment": "prod"},
        "annotations": {}, "startsAt": "2026-11-20T10:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "", "fingerprint": "0123456789abcdef",
    }  # fmt: skip
    said = {
        "version": "4", "groupKey": "g", "status": "firing", "receiver": "r", "externalURL": "",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "truncatedAlerts": 0,
        "alerts": [alert],
    }  # fmt: skip
    with server.client() as api:
        assert api.post("/v1/webhooks/alertmanager", json=said).status_code == 201
        followed(api)
    page = read(browser.get("/incidents/0123456789abcdef"))
    assert not any(link.startswith("/services/prod/?") for link in page.links)
    assert "wherefrom rollback" not in page.text
    read(browser.get("/incidents/0123456789abcdef?at=2020-01-01T00:00:00Z"))


def test_a_thing_that_is_called_an_incident_and_is_none_has_its_page(browser):
    page = read(browser.get("/incidents/incident:%2Fpager:saturday-evening"))
    assert "Records" in page.text
    assert "no incident is called so" in read(browser.get("/incidents/nothing"), 404).text


@pytest.mark.parametrize(
    ("environment", "service"),
    [("a/b", "c"), ("prod", "x/../y"), ("prod", "a\nb"), ("p,q", "s=t@{1}#2?%2f"), ("prod", "..")],
)
def test_a_service_has_a_page_whatever_it_is_called(server, browser, environment, service):
    with server.client() as api:
        said = changes.deploy(
            Scope(environment, service), "sha256:" + "9" * 64, at="2026-11-20T10:00:00Z",
            source="/ci",
        )  # fmt: skip
        assert api.post("/v1/records", content=said).status_code == 201
        followed(api)
    path = service_path(environment, service)
    assert path in map(unescape, browser.get("/running").text.split('"'))
    assert "sha256:999999999999" in read(browser.get(path)).text


def test_a_command_takes_no_name_for_an_option(server, browser):
    page = read(browser.get(service_path("--plan", "--yes")))
    assert "wherefrom rollback -e --plan -- --yes" in page.text
    page = read(browser.get("/services/prod/till"))
    assert "wherefrom rollback -e prod till" in page.text


def test_a_large_record_is_shown_as_far_as_a_page_may_weigh(server, browser):
    names = [secrets.token_hex(9) for _ in range(60_000)]
    said = {
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/p",
        "subject": [{"name": "x", "digest": {"sha256": "8" * 64}}], "predicate": {"names": names},
    }  # fmt: skip
    with server.client() as api:
        index = api.post("/v1/records", json=said).json()["items"][0]["index"]
    answer = browser.get(f"/records/{index}")
    assert "and more: this is its beginning" in read(answer).text
    assert names[0] in answer.text
    assert names[-1] not in answer.text
    assert len(gzip.compress(answer.content, 5)) < 150_000


def test_a_reader_that_is_gone_is_said_in_a_page():
    class Gone:
        async def passed(self, request, **_):
            raise Unavailable("the reader process does not answer", do="Ask again in a second")

    routes = writer_routes(Gone(), lambda: 1, lambda endpoint: endpoint)
    client = TestClient(Starlette(routes=routes, exception_handlers={Error: on_error}))
    answer = client.get("/running")
    assert "does not answer" in read(answer, 503).text
    assert answer.headers["retry-after"] == "1"
    assert client.get("/running?format=json").json()["code"] == "unavailable"


def test_who_may_not_read_is_told_so_in_a_page(server):
    token, _ = DataFolder(server.data).tokens.add(Principal(name="ci", roles=("record",)))
    with httpx.Client(base_url=server.url, verify=PLAIN) as client:
        read(client.post("/login", data={"token": token}), 403)
        assert not client.cookies
        client.cookies.set("wherefrom", token)
        for path in PAGES:
            read(client.get(path), 403)
        read(client.post("/login", data={"token": "x" * 9_000}), 413)


def test_what_a_stranger_writes_is_text_and_nothing_else(server, browser):
    scope = Scope("prod", HOSTILE[:60])
    with server.client() as api:
        said = changes.deploy(scope, "sha256:" + "d" * 64, at="2026-11-21T10:00:00Z", source="/ci")
        answer = api.post("/v1/records", content=said)
        assert answer.status_code == 201, answer.text
        index = answer.json()["items"][0]["index"]
        followed(api)
    found = read(browser.get(f"/find?q={quote(HOSTILE)}"))
    assert "<script>alert(1)</script>" in found.text
    for path in ("/", "/running", f"/records/{index}", f"/services/prod/{quote(scope.service)}"):
        answer = browser.get(path)
        read(answer)
        assert "<script>alert" not in answer.text
        assert "\u202e" not in answer.text


def test_an_error_is_a_page_that_says_what_to_do(browser):
    answer = browser.get("/things/sha256:" + "0" * 64)
    page = read(answer, 404)
    assert "What to do" in page.text
    assert "Home" in page.text
    assert browser.get("/running?as_of=x").status_code == 400
    assert browser.get("/running?part=nothing").status_code == 400
    assert browser.get("/running?format=xml").status_code == 400


def test_a_dataset_shows_its_columns_and_a_model_the_data_behind_it(browser):
    dataset = browser.get(f"/things/{quote(BASKETS, safe='')}?format=json").json()
    sources = {c["name"]: [e["to"] for e in c["sources"]] for c in dataset["columns"]}
    assert sources["sold"] == ["column:s3://corner-shop-lake:clean/receipts:paid"]
    assert set(sources) == {"sold", "sku", "left"}
    model = browser.get("/things/what-to-restock-3.safetensors")
    assert "The data behind it" in read(model).text
    assert "shop.public.receipts" in model.text


def test_the_log_is_shown_to_have_only_grown(browser):
    for size in (1, 40, 77):
        found = browser.get(f"/audit?from={size}&format=json").json()
        assert (found["since"], found["consistent"]) == (size, True)
        assert found["root_since"] != found["log"]["root"] or size == found["log"]["size"]
    assert "✓ yes" in read(browser.get("/audit?from=40")).text
    assert browser.get("/audit?from=x").status_code == 400


def test_an_objective_is_shown_with_what_is_left_of_it(server, browser):
    (server.data / "objectives.yaml").write_text(
        "objectives:\n  - {name: proven, environment: prod, target: 0.99, period: 30d, "
        "indicator: coverage}\n"
    )
    try:
        page = read(browser.get("/objectives"))
        assert "proven" in page.text
        part = browser.get("/objectives?environment=prod&part=burn").text
        assert part.strip().startswith('<ul class="tiles">')
        assert "proven" not in browser.get("/objectives?environment=elsewhere&part=burn").text
        assert "decided here" not in read(browser.get("/alerts")).text
    finally:
        (server.data / "objectives.yaml").unlink()


def test_a_teams_own_questions_stand_first(server, browser):
    (server.data / "questions.yaml").write_text('- {title: "Tills?", path: /services/prod/till}\n')
    page = browser.get("/").text
    assert page.index("Tills?") < page.index("What is not as declared?")
    (server.data / "questions.yaml").write_text("nonsense: 1\n")
    assert "Tills?" in browser.get("/").text
    assert "the questions of the first page stay as they were" in server.errors()


def test_a_postmortem_is_a_page_a_text_and_a_pdf(browser):
    for form, media_type, begins in (
        ("html", "text/html", b"<!doctype html>"),
        ("markdown", "text/markdown", b"# "),
        ("pdf", "application/pdf", b"%PDF-"),
    ):
        answer = browser.get(f"/incidents/saturday-evening/report?as={form}")
        assert answer.headers["content-type"].startswith(media_type)
        assert answer.content.lower().startswith(begins.lower())
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert browser.get("/incidents/saturday-evening/report?as=doc").status_code == 400
    assert browser.get("/incidents/nothing/report").status_code == 404
    browser.cookies.clear()
    assert browser.get("/incidents/saturday-evening/report").status_code == 303


def test_a_part_of_a_page_is_that_block_alone(browser):
    part = browser.get("/log?part=records").text
    assert part.strip().startswith("<table>")
    assert part.strip() in browser.get("/log").text


@pytest.mark.parametrize("path", ["/", "/executive", "/on-call?environment=prod"])
def test_what_takes_long_is_asked_for_by_a_page_that_is_there(browser, path):
    page = browser.get(path).text
    parts = [unescape(link) for link in re.findall(r'data-load="([^"]+)"', page)]
    assert parts
    for part in parts:
        found = browser.get(part)
        assert found.status_code == 200, part
        assert "<html" not in found.text
        assert found.text.strip()
    if path != "/":
        whole = browser.get(path + ("&" if "?" in path else "?") + "whole=1").text
        assert all(browser.get(part).text.strip() in whole for part in parts)
        assert browser.get(parts[0].partition("?")[0] + "?format=json").json()["lacking"]


def test_files_of_ours_are_kept_for_ever_and_no_other_file_is_given(browser):
    answer = browser.get("/static/style.css")
    assert "immutable" in answer.headers["cache-control"]
    for path in (
        "../page.py", "..%2fpage.py", "%2e%2e/page.py", "/etc/passwd", "", "%00", "a" * 5_000,
        "style.css/",
    ):  # fmt: skip
        assert browser.get(f"/static/{path}").status_code == 404


def test_an_open_page_is_told_that_the_log_grew(server, browser):
    with browser.stream("GET", "/live") as stream, server.client() as api:
        lines = stream.iter_lines()
        size = told(lines)
        said = changes.deploy(
            Scope("test", "till"), "sha256:" + "c" * 64, at="2026-11-22T10:00:00Z", source="/ci"
        )
        assert api.post("/v1/records", content=said).status_code == 201
        assert told(lines) > size


def told(lines):
    for line in lines:
        if line.startswith("data: "):
            return json.loads(line.removeprefix("data: "))["size"]
    raise AssertionError("the stream ended")


def test_a_log_that_holds_nothing_has_pages_too(tmp_path):
    with ServerProcess(tmp_path / "data") as server, server.client() as client:
        followed(client)
        for path in (
            "/", "/incidents", "/alerts", "/objectives",
            "/running", "/changes", "/gaps", "/policies", "/keys", "/health",
            "/health/N1", "/executive", "/on-call", "/debug", "/requests", "/log", "/audit",
            "/records/0", "/find?q=x",
        ):  # fmt: skip
            read(client.get(path))


def test_a_server_ends_at_once_though_a_page_is_open(tmp_path):
    with ServerProcess(tmp_path / "data") as server:
        token = token_of(server)
        one = httpx.Client(base_url=server.url, verify=PLAIN, cookies={"wherefrom": token})
        with one, one.stream("GET", "/live") as stream:
            lines = stream.iter_lines()
            assert told(lines) == 1
            server.process.send_signal(signal.SIGTERM)
            # One that was cut off would be an error here: the stream comes to its end.
            assert not [line for line in lines if line.startswith("data")]
