"""``wherefrom incident``: opened, noted, closed by hand; what others opened is found and closed."""

from __future__ import annotations

import json
import time

import pytest

from tests.unit.cli.running import run
from wherefrom.app import DataFolder, open_recorder
from wherefrom.collect.principals import local
from wherefrom.formats import cdevents
from wherefrom.formats.timestamps import of_micros

NOW = int(time.time()) // 60 * 60


def at(minutes):
    return of_micros((NOW + 60 * minutes) * 1_000_000)


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/incident")
    put(folder)
    return folder


def put(folder, *documents):
    with open_recorder(folder) as recorder:
        found = recorder.record(
            [json.dumps(document).encode() for document in documents], principal=local(0)
        )
    assert all(one.index is not None for one in found), found


def alert(minutes, *, ended=None):
    """What Alertmanager posts of a cart that is slow in one region."""
    return {
        "version": "4", "groupKey": "g", "status": "resolved" if ended else "firing",
        "alerts": [{
            "status": "resolved" if ended else "firing", "fingerprint": "ab12",
            "labels": {"alertname": "SlowCart", "environment": "prod", "service": "cart",
                       "region": "eu"},
            "startsAt": at(minutes), **({"endsAt": at(ended)} if ended else {}),
        }],
    }  # fmt: skip


def open_now(folder):
    """The names of the incidents that are open."""
    running = run("running", "--slot", "incident", "--json", data=folder.path).json
    return [place["name"] for place in running["places"]]


def test_what_is_opened_is_open_until_it_is_closed_and_why_knows_it(folder):
    ran = run("incident", "open", "The cart fails", "-e", "prod", "--service", "cart",
              "--at", at(-30), "--severity", "ticket", data=folder.path)  # fmt: skip
    name = f"the-cart-fails@{at(-30)[:19]}Z"
    id = f"incident:wherefrom:{name}"
    assert (ran.code, ran.out.splitlines()) == (0, [id, "recorded as entry 1"])
    assert open_now(folder) == [name]
    why = run("why", "--alert", id, "--json", data=folder.path).json
    assert (why["incident"]["id"], why["detected"], why["service"]) == (id, at(-30), "cart")
    noted = run("incident", "note", id, "rolled back", "--link", "https://chat.example/1",
                "--entry", "1", data=folder.path)  # fmt: skip
    assert noted.code == 0
    assert open_now(folder) == [name]
    closed = run("incident", "close", "The cart fails", "--at", at(-5), "--json", data=folder.path)
    assert (closed.code, closed.json["incident"]) == (0, id)
    assert open_now(folder) == []
    again = run("why", "--alert", id, "--json", data=folder.path).json["incident"]
    assert (again["began"], again["ended"]) == (at(-30), at(-5))


def test_what_alertmanager_opened_is_closed_by_hand_in_its_place(folder):
    put(folder, alert(-20))
    assert open_now(folder) == ["ab12"]
    closed = run("incident", "close", "SlowCart", "it was nothing", "--json", data=folder.path)
    assert closed.json["incident"] == f"incident:alertmanager:ab12@{at(-20)}"
    assert open_now(folder) == []


def test_what_a_cdevent_opened_has_an_id_and_is_closed_in_its_place(folder):
    where = {"environment": {"id": "prod"}, "service": {"id": "till"}, "description": "shut"}
    put(folder, cdevents.make("incident.detected", "0.3.0", id="1", source="/pager",
                              timestamp=at(-9), subject="evening", content=where))  # fmt: skip
    noted = run("incident", "note", "evening", "looking", "--json", data=folder.path)
    assert noted.json["incident"] == "incident:cdevents:evening"
    assert run("incident", "close", "shut", data=folder.path).code == 0
    assert open_now(folder) == []


@pytest.mark.parametrize("verb", [("note", "nobody", "x"), ("close", "nobody")])
def test_what_nobody_opened_is_neither_noted_nor_closed(folder, verb):
    ran = run("incident", *verb, data=folder.path)
    assert ran.code == 1
    assert "no incident is called so" in ran.err
    assert "changes --slot incident" in ran.err


@pytest.mark.parametrize(
    "wrong", [("open", " "), ("open", "x", "--link", "javascript:alert(1)"),
              ("open", "x", "--severity", "panic"), ("open", "x" * 1_025)],
)  # fmt: skip
def test_what_is_no_incident_is_not_recorded(folder, wrong):
    ran = run("incident", *wrong, data=folder.path)
    assert ran.code in (1, 2)
    assert run("log", "status", "--json", data=folder.path).json["size"] == 1
