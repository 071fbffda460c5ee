"""``wherefrom feed``: on a directory, through a server; what fails is said, and leaves no look."""

import json

import pytest

from tests.served import ServerProcess
from tests.unit.cli.running import run
from tests.unit.policy.vulnerable_world import advisory, sbom

APP = {"component": {"type": "application", "name": "app", "bom-ref": "r",
                     "purl": "pkg:npm/app@1.0.0"}}  # fmt: skip
SBOM = json.dumps(sbom("pkg:npm/lodash@4.17.15", metadata=APP)).encode()
RULE = {"name": "clean", "needs": "vulnerabilities", "from": "advisories", "trust": "channel"}
RULES = {"name": "p", "version": "1", "rules": [RULE]}


@pytest.fixture
def shelf(tmp_path):
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "lodash.json").write_bytes(advisory(fixed="4.0.0"))
    (shelf / "other.json").write_bytes(advisory("GHSA-5555-6666-7777", "other"))
    return shelf


@pytest.fixture
def data(tmp_path, shelf):
    data = tmp_path / "data"
    assert run("record", "-", stdin=SBOM, data=data).code == 0
    follow(data / "feeds.json", shelf)
    (tmp_path / "policy.json").write_text(json.dumps(RULES))
    return data


def follow(path, *shelves, **more):
    feeds = [{"name": f"f{at}", "from": str(one), **more} for at, one in enumerate(shelves)]
    path.write_text(json.dumps({"feeds": feeds}))


def test_a_look_records_what_is_about_the_logs_packages_and_a_policy_may_rest_on_it(data, shelf):
    decide = ["policy", "explain", "pkg:npm/app@1.0.0", "--policy", data.parent / "policy.json"]
    before = run(*decide, "--json", data=data)
    ran = run("feed", "sync", data=data)
    assert (ran.code, ran.err) == (0, "")
    assert "✓ f0: 2 advisories, of which 1 are about packages of this log; 1 new" in ran.out
    (said,) = run("feed", "sync", "f0", "--json", data=data).json["feeds"]
    assert (said["documents"], said["recorded"], said["new"]) == (2, 1, 0)
    assert (said["covers"], said["failed"], said["troubles"]) == (["npm"], None, [])
    shown = run("show", f"entry:{said['entry']}", "--json", data=data).json["matches"][0]
    assert shown["properties"]["feed"] == "f0"
    after = run(*decide, "--json", data=data)
    assert "no look at a feed" in before.out
    assert "2 packages compared with advisories of f0" in after.out
    # The next version of the advisory is about the version that is there.
    (shelf / "lodash.json").write_bytes(advisory(modified="2026-11-02T00:00:00Z"))
    assert run("feed", "sync", data=data).code == 0
    assert "GHSA-2222-3333-4444 (high)" in run(*decide, "--json", data=data).out


def test_the_list_says_when_each_was_looked_at_and_which_are_due(data):
    assert "never" in run("feed", "list", data=data).out
    run("feed", "sync", data=data)
    (said,) = run("feed", "list", "--json", data=data).json["feeds"]
    assert (said["name"], said["due"], said["recorded"]) == ("f0", False, 1)
    assert run("feed", "sync", "--due", data=data).out == "no feed is due\n"
    kept = json.loads((data / "feeds/f0.json").read_bytes())
    kept["looked"] = "2026-01-01T00:00:00.000000Z"
    (data / "feeds/f0.json").write_text(json.dumps(kept))
    assert "✓ f0" in run("feed", "sync", "--due", data=data).out


def test_a_feed_that_fails_is_told_leaves_no_look_and_costs_the_others_nothing(data, shelf):
    follow(data / "feeds.json", data / "nothing", shelf)
    ran = run("feed", "sync", data=data)
    assert ran.code == 3
    assert "f0 could not be looked at" in ran.err
    assert "the feed is not there" in ran.err
    assert "✓ f1" in ran.out
    assert run("show", "feed:f0", data=data).code == 1
    assert run("show", "feed:f1", data=data).code == 0


def test_a_document_that_is_broken_is_named_and_the_look_says_so(data, shelf):
    (shelf / "bad.json").write_bytes(advisory(modified="now"))
    ran = run("feed", "sync", "--json", data=data)
    assert ran.code == 1
    (said,) = ran.json["feeds"]
    assert said["unread"] == 1
    assert "bad.json" in said["troubles"][0]


def test_what_is_wrong_with_the_settings_is_misuse_and_no_feed_is_no_error(data, tmp_path):
    assert run("feed", "sync", "nope", data=data).code == 1
    assert run("feed", "sync", "--feeds", tmp_path / "none.json", data=data).code == 2
    assert run("feed", "sync", "--server", "http://127.0.0.1:9").code == 2
    (data / "feeds.json").write_text("feeds: 7")
    assert run("feed", "list", data=data).code == 2
    (data / "feeds.json").unlink()
    assert run("feed", "sync", data=data).out.startswith("no feed is followed")
    assert run("feed", "list", data=data).code == 0


def test_through_a_server_an_administrator_looks_and_nobody_else(data, shelf, monkeypatch):
    feeds = data.parent / "feeds.json"
    follow(feeds, shelf)
    sender = run("tokens", "new", "ci", "--role", "record", "--role", "read", "--json",
                 data=data).json["token"]  # fmt: skip
    with ServerProcess(data) as server:
        asked = ["feed", "sync", "--feeds", feeds, "--server", server.url, "--json"]
        monkeypatch.setenv("WHEREFROM_TOKEN", sender)
        ran = run(*asked)
        assert ran.code == 3
        assert "admin" in ran.json["feeds"][0]["failed"]
        monkeypatch.setenv("WHEREFROM_TOKEN", server.token)
        ran = run(*asked)
        assert ran.code == 0, ran
        assert (ran.json["feeds"][0]["documents"], ran.json["feeds"][0]["recorded"]) == (2, 1)
        with server.client() as client:
            answer = client.get("/v1/packages").json()
            entry = client.get(f"/v1/records/{ran.json['feeds'][0]['entry']}").json()
        assert answer["packages"] == ["pkg:npm/app", "pkg:npm/lodash"]
        assert answer["after"] is None
        assert entry["entry"]["trust"]["level"] == "signed"
        # With --data, while the server holds the directory, through that server.
        monkeypatch.delenv("WHEREFROM_TOKEN")
        assert run("feed", "sync", data=data).code == 0
