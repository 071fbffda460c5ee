"""Tickets of a real server: opened once for what the log says, closed when it is over, through
kills and lost answers."""

import json
import time

import pytest

from tests.served import ServerProcess, until
from tests.trackers import GitHubStub, body_of
from tests.unit.cli.running import run


def settings(path, stub, **more):
    told = {"name": "shop", "kind": "github", "url": stub.url, "project": stub.project,
            "token": stub.token, **more}  # fmt: skip
    (path / "notify.yaml").write_text(json.dumps({"url": "https://w.example", "tickets": [told]}))


def incident(server, *words):
    ran = run("incident", *words, data=server.data)
    assert ran.code == 0, ran.err
    return ran


@pytest.mark.parametrize("lost", [False, True])
def test_an_incident_gets_one_ticket_through_kills_and_it_is_closed(tmp_path, lost):
    with GitHubStub() as stub, ServerProcess(tmp_path / "data") as server:
        settings(server.data, stub)
        if lost:
            stub.next("", "", "unanswered")
        incident(server, "open", "cart fails", "--service", "cart", "-e", "prod",
                 "--severity", "ticket")  # fmt: skip
        until(lambda: stub.issues)
        server.kill()
        server.start()
        (issue,) = stub.issues
        assert issue["title"].startswith("cart fails")
        assert "https://w.example/incidents/" in body_of(issue)
        shown = next(x for x in body_of(issue).splitlines() if x.startswith("$ wherefrom incident"))
        id = shown.split()[-1]
        until(lambda: any((server.data / "notify/tickets/shop").glob("*.json")))
        incident(server, "close", id, "rolled back")
        until(lambda: stub.issues[0]["state"] == "closed")
        assert len(stub.issues) == 1
        assert stub.issues[0]["said"][0].strip("`").startswith("rolled back")
        until(lambda: not any((server.data / "notify/tickets/shop").glob("*.json")))


def test_a_page_gets_no_ticket_unless_it_is_wanted(tmp_path):
    with GitHubStub() as stub, ServerProcess(tmp_path / "data") as server:
        settings(server.data, stub)
        incident(server, "open", "all is down", "-e", "prod", "--severity", "page")
        incident(server, "open", "a trifle", "-e", "prod", "--severity", "ticket")
        until(lambda: stub.issues)
        time.sleep(1.5)  # a round more
        assert [one["title"] for one in stub.issues] == ["a trifle (prod)"]
        settings(server.data, stub, severities=["page", "ticket"])
        until(lambda: len(stub.issues) == 2)
