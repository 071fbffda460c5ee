"""``POST /v1/enrich``: an alert in, the same alert out with what the log knows of it."""

import json
import time

import pytest

from tests.served import Inside
from tests.unit.cli.running import run
from tests.unit.formats.test_alert_shapes import BODIES, group, without_ours
from wherefrom.api import enrichments
from wherefrom.capture import changes
from wherefrom.cli import remote
from wherefrom.collect.principals import local
from wherefrom.errors import Unavailable
from wherefrom.formats import catalog
from wherefrom.formats.catalog import Catalog, Service, Team
from wherefrom.formats.series import Labels, Series
from wherefrom.formats.series_settings import SeriesSettings
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import of_posix
from wherefrom.query.enrich import enriching
from wherefrom.views.series.store import SeriesStore

OLD, NEW = (f"sha256:{letter * 64}" for letter in "ab")
NOW = time.time() // 60 * 60


def at(minutes):
    return of_posix(int(NOW + 60 * minutes))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A cart whose canary fails since ten minutes ago; mail, of which nobody measures anything."""
    with Inside(tmp_path_factory.mktemp("enrich") / "data") as inside:
        team = Team(name="payments", contacts={"slack": "#payments"})
        named = Catalog(
            name="all", issued=at(-600), teams=(team,),
            services=(Service(name="cart", owner="payments"),),
        )  # fmt: skip
        told = [catalog.to_statement(named)]
        for pool, value, minute in (("main", OLD, -300), ("canary", NEW, -11)):
            told.append(
                changes.deploy(Scope("prod", "cart", "", pool), value, at=at(minute), source="/cd")
            )
        told.append(changes.deploy(Scope("prod", "mail"), OLD, at=at(-20), source="/cd"))
        inside.recorder.record(told, principal=local(0))
        store = SeriesStore(inside.folder.series_path, SeriesSettings)
        for pool, born, rate in (("main", -60, 0.999), ("canary", -10, 0.6)):
            where = Labels("prod", "cart", pool=pool, instance=f"cart-{pool}")
            times = [NOW + 60 * m for m in range(born, 0)]
            measured = {"requests": [100.0] * len(times), "success_rate": [rate] * len(times)}
            store.add([Series(where, *one) for one in _series(measured, times)], now=NOW)
        store.close()
        inside.fold()
        (inside.folder.path / "notify.yaml").write_text("url: https://w.example\n")
        with pytest.MonkeyPatch.context() as patch:  # a slow machine must not change an answer
            patch.setattr(enriching, "WITHIN_SECONDS", 60.0)
            patch.setattr(enrichments, "ANSWER_SECONDS", 60.0)
            patch.setattr(remote, "ENRICH_SECONDS", 60.0)
            yield inside


def _series(measured, times):
    return [(metric, times, values) for metric, values in measured.items()]


def sent(server, body, *, who="reader"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with server.as_(who) as client:
        return client.post("/v1/enrich", content=content)


@pytest.mark.parametrize("name", BODIES)
def test_every_shape_comes_back_in_its_shape_with_what_is_known(server, name):
    body = json.loads(json.dumps(BODIES[name]).replace("2026-01-01T11:00:00Z", at(-2)))
    answer = sent(server, body)
    assert answer.status_code == 200
    assert without_ours(answer.json()) == without_ours(body)
    said = answer.text
    for known in (NEW, OLD, "payments", "#payments", "https://w.example/services/prod/cart"):
        assert known in said, known


def test_the_change_that_did_it_is_ranked_by_why(server):
    body = {"service": "cart", "environment": "prod", "at": at(-2)}
    told = sent(server, body).json()["wherefrom"]
    first, *_ = told["found"]["changes"]
    assert (first["after"], first["entry"]) == (NEW, 3)
    why = server.client.get("/v1/why", params={"service": "cart", "environment": "prod",
                                               "at": at(-2)}).json()  # fmt: skip
    assert first["probability"] == pytest.approx(why["ranked"][0]["probability"], abs=0.05)
    assert f"record #{first['entry']}" in told["changes"]
    assert told["found"]["deployment"]["after"] == NEW
    ran = run(*told["command"].split()[1:], "--json", data=server.folder.path)
    assert ran.code == 0, ran.err
    assert ran.json["ranked"][0]["entry"] == 3


def test_what_came_after_the_alert_began_is_no_cause_of_it(server):
    told = sent(server, {"service": "cart", "environment": "prod", "at": at(-60)}).json()
    found = told["wherefrom"]["found"]
    assert found["deployment"]["after"] == OLD
    assert [one["artifact"] for one in found["artifacts"]] == [OLD]
    assert NEW not in json.dumps(found)
    assert NEW in sent(server, {"service": "cart", "environment": "prod"}).text


def test_what_is_not_known_is_said_and_the_rest_is_found(server):
    answer = sent(server, {"service": "mail", "environment": "prod"})
    told = answer.json()["wherefrom"]
    assert told["found"]["deployment"]["after"] == OLD
    assert "owner" not in told
    assert told["note"] == answer.headers["x-wherefrom-note"] == "no catalogue names mail"


def test_an_alert_of_an_artifact_alone_finds_what_runs_it(server):
    told = sent(server, {"image": f"registry.example/cart@{NEW}"}).json()["wherefrom"]
    assert (told["found"]["service"], told["owner"]) == ("cart", "payments (slack: #payments)")


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"labels": {}}', b"\xff\xfe"])
def test_what_is_no_alert_comes_back_byte_for_byte(server, body):
    answer = sent(server, body)
    assert (answer.status_code, answer.content) == (200, body)
    assert answer.headers["x-wherefrom-note"]


def test_who_may_not_read_gets_nothing(server):
    assert sent(server, group(), who="sender").status_code == 403
    assert sent(server, group(), who=None).status_code == 401


@pytest.mark.parametrize("fails", ["unavailable", "late", "broken"])
def test_an_alert_comes_back_with_a_note_if_the_reader_does_not_answer(server, fails, monkeypatch):
    body = group()
    if fails == "late":
        monkeypatch.setattr(enrichments, "ANSWER_SECONDS", 0.0)
    elif fails == "broken":
        monkeypatch.setattr(server.reader.state.desk.enriching, "enrich", lambda body: 1 / 0)
    else:
        monkeypatch.setattr(server.proxy, "fails", Unavailable("the reader is gone"))
    answer = sent(server, body)
    assert answer.status_code == 200
    assert without_ours(answer.json()) == body
    note = answer.json()["alerts"][0]["annotations"]["wherefrom_note"]
    assert note.startswith("Wherefrom")
    assert answer.headers["x-wherefrom-note"] == note


def test_the_command_line_gives_the_same_on_a_directory_and_through_a_server(server, monkeypatch):
    body = json.dumps({"service": "mail", "environment": "prod", "at": at(-2)}).encode()
    here = run("enrich", "-", stdin=body, data=server.folder.path)
    monkeypatch.setenv("WHEREFROM_TOKEN", server.token["reader"])
    there = run("enrich", "-", "--server", server.url, stdin=body)
    assert (here.code, there.code) == (0, 0)
    assert here.json == there.json == sent(server, body).json()
    assert "no catalogue names mail" in here.err
    assert "no catalogue names mail" in there.err


def test_the_command_line_gives_an_alert_on_whatever_happens(tmp_path):
    body = json.dumps(group()).encode()
    gone = run("enrich", "-", "--server", "http://127.0.0.1:1", stdin=body)
    none = run("enrich", "-", stdin=body, data=tmp_path / "nothing")
    for ran in (gone, none):
        assert ran.code == 0
        assert without_ours(ran.json) == group()
        note = ran.json["alerts"][0]["annotations"]["wherefrom_note"]
        assert "".join(note.split()) in "".join(ran.err.split()), "lines end anywhere"
    unread = run("enrich", "-", stdin=b"not an alert", data=tmp_path / "nothing")
    assert (unread.code, unread.written) == (0, b"not an alert")
    assert run("enrich", tmp_path / "missing.json").code == 2
