"""Feeds of advisories: fetched when they changed, unpacked within bounds, and what is new of them
recorded."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.unit.capture.test_registry import serving
from tests.unit.policy.vulnerable_world import advisory, vex
from wherefrom.capture.feeds import fetch as fetching
from wherefrom.capture.feeds import unpack
from wherefrom.capture.feeds.fetch import FeedFolder, Kept
from wherefrom.capture.feeds.sync import Wanted, documents_of, fetch, sync
from wherefrom.errors import LimitPassed, Malformed, NotFound, Refused, StorageError, Unavailable
from wherefrom.formats import feed_settings
from wherefrom.formats.feed_settings import Feed, Feeds

AT = "2026-11-26T12:00:00.000000Z"
LODASH, OTHER = advisory(), advisory("GHSA-5555-6666-7777", "other")
PYTHON = advisory("PYSEC-2026-1", "flask", ecosystem="PyPI")


class Log:
    """What a log takes, and how it answers."""

    def __init__(self, *, refuse: str = "") -> None:
        self.taken: list[bytes] = []
        self.refuse = refuse

    def record(self, contents):
        answers = []
        for content in contents:
            if self.refuse and self.refuse.encode() in content:
                answers.append("not allowed here")
                continue
            answers.append("known" if content in self.taken else "recorded")
            self.taken.append(content)
        return answers


def look(feed, folder, *, log=None, kept=None, packages=("pkg:npm/lodash",), size=7):
    kept = Kept() if kept is None else kept
    fetch(feed, folder, kept)
    log = log or Log()
    wanted = Wanted(frozenset(packages), size)
    return sync(feed, documents_of(feed, folder), kept, log.record, wanted=wanted, at=AT), log


@pytest.fixture
def folder(tmp_path):
    return FeedFolder(tmp_path / "feeds", "f")


@pytest.fixture
def shelf(tmp_path):
    """A directory with advisories, and what is none."""
    shelf = tmp_path / "shelf"
    for name, content in {
        "a/lodash.json": LODASH, "b/other.json": OTHER, "c.json": b'{"no": "advisory"}',
        "README.md": b"x", ".git/x.json": LODASH,
    }.items():  # fmt: skip
        path = shelf / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return shelf


def here(shelf, **fields):
    return Feed(**{"name": "f", "from_": str(shelf), **fields})


def test_what_is_about_packages_of_the_log_is_recorded_as_it_is_and_all_is_counted(shelf, folder):
    done, log = look(here(shelf), folder)
    assert log.taken == [LODASH]
    assert (done.looked.documents, done.looked.recorded, done.new) == (2, 1, 1)
    assert done.looked.covers == ("npm",)
    assert (done.looked.newest, done.looked.at) == ("2026-11-01T00:00:00.000000Z", AT)
    assert (done.looked.size, done.looked.complete) == (7, False)


def test_all_is_recorded_where_the_operator_says_so(shelf, folder):
    done, log = look(here(shelf, all=True), folder)
    assert log.taken == [LODASH, OTHER]
    assert done.looked.complete


def test_only_what_changed_is_recorded_again_and_the_digest_tells_that_something_did(shelf, folder):
    kept, log = Kept(), Log()
    first, _ = look(here(shelf), folder, log=log, kept=kept)
    again, _ = look(here(shelf), folder, log=log, kept=kept)
    assert (again.new, again.digest, len(log.taken)) == (0, first.digest, 1)
    changed = advisory(modified="2026-11-02T00:00:00Z")
    (shelf / "a/lodash.json").write_bytes(changed)
    done, _ = look(here(shelf), folder, log=log, kept=kept)
    assert (done.new, log.taken) == (1, [LODASH, changed])
    assert done.digest != first.digest


def test_one_that_was_recorded_is_recorded_again_whatever_it_is_about_then(shelf, folder):
    kept, log = Kept(), Log()
    look(here(shelf), folder, log=log, kept=kept)
    gone = advisory(affected=[], withdrawn="2026-11-03T00:00:00Z")
    (shelf / "a/lodash.json").write_bytes(gone)
    done, _ = look(here(shelf), folder, log=log, kept=kept)
    assert done.new == 1
    assert log.taken[-1] == gone


def test_a_package_that_the_log_names_since_is_looked_for_in_what_is_there_already(shelf, folder):
    kept, log = Kept(), Log()
    look(here(shelf), folder, log=log, kept=kept)
    look(here(shelf), folder, log=log, kept=kept, packages=("pkg:npm/lodash", "pkg:npm/other"))
    assert log.taken == [LODASH, OTHER]


def test_only_chosen_ecosystems_and_formats_are_counted(shelf, folder):
    (shelf / "python.json").write_bytes(PYTHON)
    (shelf / "vex.json").write_bytes(json.dumps(vex(product="pkg:npm/lodash@1")).encode())
    done, _ = look(here(shelf, ecosystems=("PyPI",)), folder)
    assert (done.looked.documents, done.looked.covers) == (1, ("pypi",))
    done, log = look(here(shelf, format="openvex"), folder)
    assert done.looked.documents == len(log.taken) == 1
    done, log = look(here(shelf), folder)
    assert (done.looked.documents, len(log.taken)) == (4, 2)


def test_what_a_database_keeps_in_yaml_is_written_as_the_json_that_it_means(shelf, folder):
    (shelf / "p.yaml").write_text(
        "id: PYSEC-2026-2\nmodified: 2026-01-02T00:00:00Z\naffected:\n"
        "- package: {ecosystem: PyPI, name: flask}\n  versions: ['1.10']\n"
    )
    done, log = look(here(shelf), folder, packages=("pkg:pypi/flask",))
    assert json.loads(log.taken[0])["affected"][0]["versions"] == ["1.10"]
    assert done.looked.covers == ("npm", "pypi")


def test_what_is_broken_or_not_taken_is_counted_and_named_and_the_rest_goes_on(shelf, folder):
    (shelf / "bad.json").write_bytes(advisory(modified="now"))
    (shelf / "worse.json").write_bytes(b"{")
    (shelf / "no.yaml").write_text("a: [")
    done, log = look(here(shelf, all=True), folder, log=Log(refuse="other"))
    assert log.taken == [LODASH]
    assert (done.looked.documents, done.looked.unread, done.looked.recorded) == (2, 3, 1)
    told = "\n".join(done.troubles)
    assert all(name in told for name in ("bad.json", "worse.json", "no.yaml", "not allowed here"))


def test_a_directory_that_is_not_there_is_no_empty_feed(tmp_path, folder):
    with pytest.raises(StorageError, match="the feed is not there"):
        look(here(tmp_path / "none"), folder)


# -- over HTTP


def zipped(*documents, name="{}.json"):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for at, content in enumerate(documents):
            archive.writestr(name.format(at), content)
    return written.getvalue()


def tarred(*documents, mode="w:gz"):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode=mode) as archive:
        for at, content in enumerate(documents):
            member = tarfile.TarInfo(f"x/{at}.json")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        LODASH, b" [" + LODASH + b" ,\n" + OTHER + b" ]\n", zipped(LODASH, OTHER),
        tarred(LODASH, OTHER), tarred(LODASH, OTHER, mode="w"), tarred(LODASH, mode="w:xz"),
    ],
)  # fmt: skip
def test_a_file_in_any_form_gives_its_documents_exactly(body, folder):
    with serving(lambda *_: (200, {}, body)) as (url, _):
        _, log = look(here(f"{url}/all"), folder)
    assert log.taken == [LODASH]


def test_what_did_not_change_is_not_sent_again_and_is_still_looked_at(folder):
    def answers(_, headers):
        if headers.get("If-None-Match") == '"1"':
            assert headers["If-Modified-Since"] == "Thu, 26 Nov 2026 00:00:00 GMT"
            return 304, {}, b""
        said = {"ETag": '"1"', "Last-Modified": "Thu, 26 Nov 2026 00:00:00 GMT"}
        return 200, said, zipped(LODASH, OTHER)

    kept, log = Kept(), Log()
    with serving(answers) as (url, asked):
        feed = here(f"{url}/all.zip")
        look(feed, folder, kept=kept, log=log)
        done, _ = look(feed, folder, kept=kept, log=log, packages=("pkg:npm/other",))
        assert len(asked) == 2
        assert log.taken == [LODASH, OTHER]
        assert done.looked.documents == 2
        # Of another address nothing is known.
        look(here(f"{url}/more.zip"), folder, kept=kept)
        assert "If-None-Match" not in asked[-1][1]


def test_of_an_index_only_what_changed_is_fetched(folder):
    dated = {"GHSA-2222-3333-4444": "1", "GHSA-5555-6666-7777": "1"}
    by_id = {"GHSA-2222-3333-4444": LODASH, "GHSA-5555-6666-7777": OTHER}

    def answers(path, _):
        if path == "/osv/all.json":
            index = [{"id": id, "modified": at} for id, at in dated.items()]
            return 200, {}, json.dumps(index).encode()
        return 200, {}, by_id[path.removeprefix("/osv/").removesuffix(".json")]

    kept = Kept()
    with serving(answers) as (url, asked):
        feed = here(f"{url}/osv/all.json")
        done, log = look(feed, folder, kept=kept)
        assert (done.looked.documents, log.taken) == (2, [LODASH])
        dated["GHSA-2222-3333-4444"] = "2"
        del asked[:]
        look(feed, folder, kept=kept)
    assert [path for path, _ in asked] == ["/osv/all.json", "/osv/GHSA-2222-3333-4444.json"]


@pytest.mark.parametrize("id", ["../../x", "a/b", "", "x" * 300, "a\nb"])
def test_an_index_cannot_name_a_file_elsewhere(folder, id):
    body = json.dumps([{"id": id, "modified": "1"}]).encode()
    with serving(lambda *_: (200, {}, body)) as (url, _), pytest.raises(Refused):
        look(here(f"{url}/all.json"), folder)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ((404, {}, b""), Unavailable, "HTTP 404"),
        ((500, {}, b""), Unavailable, "HTTP 500"),
        ((302, {"Location": "/again"}, b""), Unavailable, "leads on and on"),
        ((302, {"Location": "http://feeds.example/x"}, b""), Malformed, "anybody on the way"),
        ((302, {"Location": "ftp://127.0.0.1/x"}, b""), Malformed, "anybody on the way"),
        ((200, {}, b"<html>"), Malformed, "no JSON, ZIP or tar"),
        ((200, {}, b""), Malformed, "no JSON, ZIP or tar"),
        ((200, {}, b"[{},"), Malformed, "JSON"),
        ((200, {}, b"[{} {}]"), Malformed, "cut off"),
        ((200, {}, zipped(LODASH)[:-30]), Malformed, "ZIP"),
        ((200, {}, tarred(LODASH)[:-40]), Malformed, "tar"),
        ((304, {}, b""), Unavailable, "HTTP 304"),
    ],
)
def test_a_feed_that_is_not_as_it_should_be_is_told_apart_from_one_without_advisories(
    folder, answer, error, says
):
    with serving(lambda *_: answer) as (url, _), pytest.raises(error, match=says):
        look(here(f"{url}/all"), folder)


def test_what_was_kept_stays_if_the_next_answer_is_broken_off(folder, monkeypatch):
    bodies = [zipped(LODASH), b"x" * 4096]
    with serving(lambda *_: (200, {}, bodies.pop(0))) as (url, _):
        feed = here(f"{url}/all.zip")
        look(feed, folder)
        monkeypatch.setattr(fetching, "BODY_BYTES_MAX", 1024)
        with pytest.raises(LimitPassed, match="the feed is too large"):
            look(feed, folder)
    assert [d.content for d in documents_of(feed, folder)] == [LODASH]
    assert [path.name for path in folder.body.parent.iterdir()] == ["f.body"]


def test_nobody_answering_is_unavailable(folder):
    with serving(lambda *_: (200, {}, b"")) as (url, _):
        pass
    with pytest.raises(Unavailable, match="does not answer"):
        look(here(f"{url}/all"), folder)


BOMB = b" " * 3_000_000


@pytest.mark.parametrize(
    "body", [zipped(BOMB), tarred(BOMB), tarred(BOMB, mode="w:xz"), tarred(*[b"{}"] * 20)]
)
def test_what_unpacks_to_a_great_deal_ends_the_look(body, folder, monkeypatch):
    monkeypatch.setattr(unpack, "UNPACKED_BYTES_MAX", 1_000_000)
    monkeypatch.setattr(unpack, "DOCUMENTS_MAX", 10)
    with serving(lambda *_: (200, {}, body)) as (url, _):
        feed = here(f"{url}/all")
        with pytest.raises(LimitPassed, match="too much"):
            look(feed, folder)


def test_a_zip_says_itself_that_it_unpacks_to_too_much(folder, monkeypatch):
    monkeypatch.setattr(unpack, "RATIO_MAX", 100)
    with serving(lambda *_: (200, {}, zipped(BOMB))) as (url, _):
        feed = here(f"{url}/all")
        with pytest.raises(LimitPassed, match="packs too much into too little"):
            look(feed, folder)


@pytest.mark.parametrize("to", ["http://127.0.0.1:1/x", "http://localhost/x"])
def test_a_feed_of_somebody_elses_does_not_lead_to_what_listens_here(folder, monkeypatch, to):
    moved = httpx.MockTransport(lambda _: httpx.Response(302, headers={"Location": to}))
    client = httpx.Client(transport=moved)
    monkeypatch.setattr(fetching.httpx, "Client", lambda **_: client)
    with pytest.raises(Malformed, match="a feed that leads elsewhere"):
        look(here("https://feeds.example/all.zip"), folder)


def test_a_document_that_is_too_large_is_named_and_the_others_are_read(folder, monkeypatch):
    monkeypatch.setattr(unpack, "DOCUMENT_BYTES_MAX", 1_000)
    with serving(lambda *_: (200, {}, tarred(LODASH + b" " * 2_000, LODASH))) as (url, _):
        done, log = look(here(f"{url}/all"), folder)
    assert log.taken == [LODASH]
    assert done.looked.unread == 1


# -- what is kept, and settings


def test_what_is_kept_is_read_back_and_nothing_of_what_is_broken(folder):
    kept = Kept(origin="o", etag="e", recorded={"a": "b"}, dated={"c": "d"}, looked=AT)
    folder.write(kept)
    assert folder.read() == kept
    (folder.body.parent / "f.json").write_bytes(b"{")
    assert folder.read() == Kept()


def test_a_file_of_feeds_is_yaml_or_json_and_says_what_it_leaves_open():
    said = feed_settings.parse(
        b"feeds:\n- {name: a, from: /srv/x}\n- {name: b, from: 'https://osv.example/all.zip',"
        b" every: 30m, ecosystems: [PyPI], all: true}\n",
        where="f",
    )
    assert said.of(()) == list(said.feeds)
    (b,) = said.of(("b",))
    assert (b.every_s, b.url, said.feeds[0].url) == (1800, "https://osv.example/all.zip", None)
    assert feed_settings.parse(json.dumps({"feeds": []}).encode(), where="f") == Feeds()
    with pytest.raises(NotFound, match="no feed of this name"):
        said.of(("c",))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "a b"}, "not the name of a feed"),
        ({"from": " "}, "from nowhere"),
        ({"from": "http://feeds.example/x"}, "anybody on the way"),
        ({"from": "ftp://feeds.example/x"}, "anybody on the way"),
        ({"every": "often"}, "often"),
        ({"ecosystems": ["Debian:12"]}, "not an ecosystem"),
        ({"format": "xml"}, "not feeds"),
        ({"token": "x"}, "not feeds"),
        ({"document": "https://x.example/a"}, "without {id}"),
        ({"document": "http://x.example/{id}"}, "anybody on the way"),
    ],
)
def test_settings_that_are_wrong_are_refused_and_it_is_said_where(fields, says):
    said = {"feeds": [{"name": "a", "from": "/x", **fields}]}
    with pytest.raises(Malformed, match=says):
        feed_settings.parse(json.dumps(said).encode(), where="feeds.json")


def test_two_feeds_have_two_names():
    twice = json.dumps({"feeds": [{"name": "a", "from": "/x"}] * 2}).encode()
    with pytest.raises(Malformed, match="two feeds with one name"):
        feed_settings.parse(twice, where="feeds.json")


def test_paths_of_documents_stay_in_their_folder(folder):
    assert folder.document("GHSA-1").parent == folder.body.parent / "f"
    assert isinstance(folder.document("GHSA-1"), Path)
