"""``wherefrom incident``: opened, noted, closed by hand; what others opened is found and closed."""

from __future__ import annotations

import json
import time
import zipfile
from urllib.parse import quote

import pytest

from tests.served import Inside
from tests.unit.cli.running import run
from wherefrom.app import DataFolder, open_recorder
from wherefrom.collect.principals import local
from wherefrom.formats import cdevents, incident
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
    assert "wherefrom incident list" in ran.err


def test_what_would_be_over_before_it_began_is_not_closed(folder):
    put(folder, alert(-20))
    ran = run("incident", "close", "ab12", "--at", at(-30), data=folder.path)
    assert (ran.code, open_now(folder)) == (1, ["ab12"])
    assert "over before it was detected" in ran.err
    assert run("incident", "close", "ab12", "--at", at(-20), data=folder.path).code == 1
    assert run("incident", "close", "ab12", "--at", at(-19), data=folder.path).code == 0


def test_two_incidents_of_one_title_and_second_are_not_called_alike(folder):
    opened = ("incident", "open", "it fails", "--at", at(-9), "-e", "prod")
    assert run(*opened, "--service", "cart", data=folder.path).code == 0
    ran = run(*opened, "--service", "mail", data=folder.path)
    assert (ran.code, len(open_now(folder))) == (1, 1)
    assert "another incident is called so" in ran.err
    assert run(*opened, "--service", "cart", "--text", "still", data=folder.path).code == 0


@pytest.mark.parametrize(
    "wrong", [("open", " "), ("open", "x", "--link", "javascript:alert(1)"),
              ("open", "x", "--severity", "panic"), ("open", "x" * 1_025)],
)  # fmt: skip
def test_what_is_no_incident_is_not_recorded(folder, wrong):
    ran = run("incident", *wrong, data=folder.path)
    assert ran.code in (1, 2)
    assert run("log", "status", "--json", data=folder.path).json["size"] == 1


def test_it_is_marked_and_compared_with_what_such_a_thing_took_before(folder):
    put(folder, alert(-20, ended=-10))
    assert (
        run("incident", "mark", "ab12", "--false", "--text", "a test", data=folder.path).code == 0
    )
    assert run("incident", "baseline", "ab12", "3h", data=folder.path).code == 0
    (one,) = run("incident", "list", "--json", data=folder.path).json["incidents"]
    assert (one["false"], one["baseline_s"], one["opened_by"]) == (True, 10_800, "alertmanager")
    assert (one["region"], one["seconds"]) == ("eu", 600)
    assert run("incident", "mark", "ab12", "--real", data=folder.path).code == 0
    (one,) = run("incident", "list", "--json", data=folder.path).json["incidents"]
    assert one["false"] is False
    assert "3 h before Wherefrom" in run("incident", "show", "SlowCart", data=folder.path).out


@pytest.mark.parametrize(
    ("wrong", "code"),
    [(("mark", "ab12"), 2), (("mark", "ab12", "--false", "--real"), 2),
     (("baseline", "ab12", "long"), 1), (("report", "ab12", "--no-pdf"), 2),
     (("report", "nobody"), 1), (("list", "--limit", "0"), 2)],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(folder, wrong, code):
    put(folder, alert(-20))
    ran = run("incident", *wrong, data=folder.path)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err


def test_a_report_is_a_folder_whose_evidence_verify_checks(folder, tmp_path):
    put(folder, alert(-20, ended=-10))
    run("incident", "note", "ab12", "it was the disk", data=folder.path)
    out = tmp_path / "postmortem"
    ran = run("incident", "report", "ab12", "-o", out, data=folder.path)
    assert ran.code == 0
    assert sorted(file.name for file in out.iterdir()) == [
        "evidence.zip", "report.html", "report.json", "report.md", "report.pdf",
    ]  # fmt: skip
    key = run("log", "status", "--json", data=folder.path).json["vkey"]
    checked = run("verify", out / "evidence.zip", "--offline", "--log-key", key, "--json")
    assert checked.json["result"] == "proven"
    report = json.loads((out / "report.json").read_bytes())
    shown = run("incident", "report", "ab12", "--json", data=folder.path).json
    assert report == shown
    again = run("incident", "report", "ab12", "-o", out, data=folder.path)
    assert again.code != 0
    assert "a report is made in a new folder" in again.err


def test_the_evidence_holds_every_record_of_the_report_and_a_changed_one_is_seen(folder, tmp_path):
    put(folder, alert(-20, ended=-10))
    out = tmp_path / "postmortem"
    report = run(
        "incident", "report", "ab12", "-o", out, "--no-pdf", "--json", data=folder.path
    ).json
    with zipfile.ZipFile(out / "evidence.zip") as file:
        held = {name: file.read(name) for name in file.namelist()}
    entries = {int(name.partition("/")[2]) for name in held if name.startswith("entries/")}
    assert entries >= set(report["entries"]) != set()
    one = f"contents/{report['entries'][0]}"
    held[one] = held[one].replace(b"SlowCart", b"FastCart")
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(changed, "w") as file:
        for name, written in held.items():
            file.writestr(name, written)
    key = run("log", "status", "--json", data=folder.path).json["vkey"]
    assert run("verify", changed, "--offline", "--log-key", key).code == 1


def test_reports_fit_a_page_of_a_hundred_columns(folder):
    put(folder, alert(-20, ended=-10))
    run("incident", "note", "ab12", "a long note " * 40, data=folder.path)
    for asked in (("list",), ("show", "ab12"), ("report", "ab12")):
        lines = run("incident", *asked, data=folder.path).out.splitlines()
        assert max(map(len, lines)) <= 100, asked
    for form, start in (("markdown", "# Postmortem"), ("html", "<!doctype html>")):
        ran = run("incident", "report", "ab12", "--format", form, data=folder.path)
        assert ran.out.startswith(start)


def test_long_names_fit_a_page_of_a_hundred_columns_too(folder):
    place = ("-e", "prod", "--service", "cart")
    run("change", "set", "flag", "f" * 250, "on" * 99, *place, "--at", at(-50), data=folder.path)
    ran = run("incident", "open", "x" * 900, *place, data=folder.path)
    id = ran.out.splitlines()[0]
    for asked in ("show", "report"):
        lines = run("incident", asked, id, data=folder.path).out.splitlines()
        assert max(map(len, lines)) <= 100, asked


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Inside(tmp_path_factory.mktemp("incident") / "data") as inside:
        sent = inside.client.post("/v1/records", json=alert(-20, ended=-10))
        assert sent.status_code == 201
        inside.fold()
        yield inside


@pytest.mark.parametrize(
    "asked", [("list",), ("list", "--open"), ("show", "ab12"), ("report", "SlowCart"),
              ("report", "ab12", "--as-of", "2"), ("show", "nobody")],
)  # fmt: skip
def test_a_server_answers_as_the_directory_does(server, monkeypatch, asked):
    monkeypatch.setenv("WHEREFROM_TOKEN", server.token["reader"])
    there = run("incident", *asked, "--json", "--server", server.url)
    here = run("incident", *asked, "--json", data=server.folder.path)
    assert (there.code, there.written) == (here.code, here.written)
    assert bool(here.written) == (here.code == 0)


def test_a_server_takes_what_is_said_from_whoever_may_record(server, monkeypatch, tmp_path):
    monkeypatch.setenv("WHEREFROM_TOKEN", server.token["admin"])
    at_server = ("--server", server.url)
    assert run("incident", "note", "ab12", "seen from afar", *at_server).code == 0
    server.fold()
    shown = run("incident", "show", "ab12", "--json", *at_server).json
    assert [word["text"] for word in shown["words"] if word["stage"] == "noted"] == [
        "seen from afar"
    ]
    out = tmp_path / "postmortem"
    assert run("incident", "report", "ab12", "-o", out, *at_server).code == 0
    key = run("log", "status", "--json", *at_server).json["vkey"]
    checked = run("verify", out / "evidence.zip", "--offline", "--log-key", key, "--json")
    assert checked.json["result"] == "proven"
    monkeypatch.setenv("WHEREFROM_TOKEN", server.token["reader"])
    assert run("incident", "open", "no", *at_server).code == 1


@pytest.mark.parametrize(
    ("form", "kind", "start"),
    [("markdown", "text/markdown", b"# Postmortem"), ("html", "text/html", b"<!doctype"),
     ("pdf", "application/pdf", b"%PDF-"), ("json", "application/json", b"{")],
)  # fmt: skip
def test_a_report_is_served_in_each_form(server, form, kind, start):
    id = f"incident:alertmanager:ab12@{at(-20)}"
    answer = server.client.get(f"/v1/incidents/{quote(id, safe='')}/report?format={form}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert answer.content.startswith(start)
    if form == "html":
        assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("id", [
    "incident:x/report", "incident:x/evidence", "x://y/report", "incident:../..", "incident:a?b#c",
    "incident:%2F", "incident:a b", "incident:a&b=c+d", "incident:é", "incident:'\"<b>",
])  # fmt: skip
def test_an_incident_is_found_over_http_whatever_its_id_looks_like(tmp_path, id):
    with Inside(tmp_path / "data") as inside:
        said = incident.IncidentStage(incident=id, stage="opened", at=at(-5), title="odd")
        inside.recorder.record([incident.to_statement(said)], principal=local(0))
        inside.fold()
        path = f"/v1/incidents/{quote(id, safe='')}"
        for asked in (path, f"{path}/report"):
            assert inside.client.get(asked).json()["incident"]["id"] == id, asked
        assert inside.client.get(f"{path}/evidence").content.startswith(b"PK")


def test_what_is_no_form_or_incident_is_refused_over_http(server):
    assert server.client.get("/v1/incidents/ab12/report?format=odt").status_code == 400
    assert server.client.get("/v1/incidents/nobody/report").status_code == 404
    assert server.client.get("/v1/incidents?limit=0").status_code == 400
    with server.as_("sender") as sender:
        assert sender.get("/v1/incidents").status_code == 403
    with server.as_() as nobody:
        assert nobody.get("/v1/incidents/ab12/evidence").status_code == 401
