"""An incident from end to end: a real server, a real Prometheus, and the records of what happened.

change deploy, observed instances, an Alertmanager webhook ──► log ──┐
two versions of a cart, one of which fails ──► Prometheus ───────────┴──► impact, why
"""

from __future__ import annotations

import re

import httpx
import pytest

from tests import shop_world as shop
from tests.shop_incident import ALERT, incident


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The shop's last hour: what Prometheus saw of it, and what was recorded."""
    with incident(tmp_path_factory.mktemp("incident")) as made:
        yield made


def entry_of(world, artifact):
    """The record that declared it."""
    found = world.json("changes", "prod/cart", "--since", "2.days.ago", "--mode", "declared")
    return next(c["entry"] for c in found["changes"] if c["after"] == artifact)


def test_impact_names_the_new_artifact_and_the_records_behind_it(world):
    asked = (
        "--alert",
        ALERT,
        "--since",
        world.at(shop.TROUBLE + 1),
        "--until",
        world.at(shop.BACK),
    )
    answer = world.json("impact", *asked)
    assert answer["incident"]["service"] == "cart"
    first = next(c for c in answer["concentrated"] if c["measure"] == "failing")
    assert [(t["label"], t["value"]) for t in first["where"]] == [("artifact", shop.NEW)]
    assert first["share"] == pytest.approx(shop.FAILS, abs=0.001)
    assert first["low"] > 50 < first["lift"]
    assert first["covers"] > 0.95
    # The pool is canary wherever the artifact is the new one: nobody can tell which it is.
    assert [(t["label"], t["value"]) for t in first["same_as"]] == [("pool", "canary")]
    entries = first["where"][0]["entries"]
    assert entries
    with world.server.client() as client:
        for entry in entries:
            assert shop.NEW in client.get(f"/v1/records/{entry}/content").text
    said = world.ask("impact", *asked)
    assert "40 % fail against 0.2 % elsewhere" in said
    assert "the same requests are pool=canary" in said


def test_impact_of_latency_is_told_apart_from_failing(world):
    answer = world.json("impact", "--alert", ALERT, "--until", world.at(shop.BACK))
    assert [c for c in answer["concentrated"] if c["measure"] == "slow"] == []
    assert any("are slow; no more at one place than at others" in s for s in answer["says"])
    by = {(s["label"], s["value"]): s for s in answer["splits"]}
    assert by["artifact", shop.OLD]["requests"] > by["artifact", shop.NEW]["requests"] > 100


def test_impact_before_the_rollout_says_that_there_is_nothing_to_compare(world):
    answer = world.json(
        "impact", "--service", "cart", "--since", world.at(-55), "--until", world.at(-30)
    )
    assert answer["concentrated"] == []
    assert any("nothing to compare" in says for says in answer["says"])


def test_why_ranks_the_rollout_first_with_its_record_and_the_line_of_the_issue(world):
    answer = world.json("why", "--alert", ALERT)
    first = answer["ranked"][0]
    assert (first["kind"], first["service"], first["after"]) == ("deploy", "cart", shop.NEW)
    assert first["probability"] > 0.9
    assert first["entry"] == entry_of(world, shop.NEW)
    says = [reason["says"] for reason in first["evidence"]]
    # The minute in which it began, and that in which it ended, are half of each.
    told = re.compile(r"new bbbbbbbb fails (3[5-9]|40) % against 0\.2 % in the same minutes")
    assert any(told.fullmatch(line) for line in says), says
    assert not any("stopped reporting" in line for line in says), says
    assert any(re.fullmatch(r"onset \d+ s after step \d of \d", line) for line in says), says
    assert {row["change"] is None for row in answer["ranked"]} == {True, False}
    assert sum(row["probability"] for row in answer["ranked"]) == pytest.approx(1)
    assert answer["log"]["size"] > 8
    assert answer["calls"] == 1  # the client's own metric says that shop calls cart
    flag = next(row for row in answer["ranked"] if row["kind"] == "flag")
    assert flag["probability"] < 0.05


def test_the_way_back_is_a_response_and_no_candidate(world):
    answer = world.json("why", "--alert", ALERT)
    (back,) = answer["responded"]
    assert (back["before"], back["after"]) == (shop.NEW, shop.OLD)
    assert answer["responses"] == [back["change"]]
    assert back["change"] not in {row["change"] for row in answer["ranked"]}
    said = world.ask("why", "--alert", ALERT)
    assert "it began after the detection" in said
    assert re.search(r"^ +new bbbbbbbb fails 40 % against 0\.2 % in the same minutes", said, re.M)


def test_a_service_alone_is_asked_about_by_its_open_incident(world):
    assert world.json("why", "--service", "cart")["incident"]["name"] == ALERT


def test_what_is_written_down_is_ranked_alike(world, tmp_path):
    asked = ("--alert", ALERT, "--until", world.at(0))
    live = world.json("why", *asked, "--write-case", tmp_path / "case")
    again = world.json("why", "--case", tmp_path / "case")
    assert [row["change"] for row in again["ranked"]] == [row["change"] for row in live["ranked"]]
    for a, b in zip(again["ranked"], live["ranked"], strict=True):
        assert a["probability"] == pytest.approx(b["probability"], rel=1e-9)
        assert [e["says"] for e in a["evidence"]] == [e["says"] for e in b["evidence"]]
    assert again["responses"] == live["responses"]
    assert (again["detected"], again["onset"]) == (live["detected"], live["onset"])


def test_as_of_an_earlier_log_the_change_is_not_known(world):
    entry = entry_of(world, shop.NEW)
    answer = world.json(
        "why", "--service", "cart", "--at", world.at(shop.ALERT), "--as-of", str(entry)
    )
    assert answer["as_of"] == entry
    assert shop.NEW not in {row["after"] for row in answer["ranked"]}


def test_an_alert_that_nobody_recorded_is_not_found(world):
    world.ask("why", "--alert", "Nothing", code=1)
    world.ask("impact", "--alert", "Nothing", code=1)


def test_the_server_says_what_is_wrong_with_a_prometheus_that_does_not_answer(world):
    path = world.server.data / "series.json"
    good = path.read_text()
    try:
        path.write_text('{"prometheus": {"url": "http://127.0.0.1:9"}}')
        with world.server.client() as client:
            answer = client.get("/v1/why", params={"alert": ALERT})
        assert answer.status_code == 503
        assert "Prometheus does not answer" in answer.json()["title"]
        assert "127.0.0.1:9" in answer.json()["where"]
        path.write_text('{"prometheus": {"url": "nowhere"}}')
        with world.server.client() as client:
            answer = client.get("/v1/impact", params={"alert": ALERT})
        assert answer.status_code == 503
        assert "not the address of a Prometheus: nowhere" in answer.json()["got"]
    finally:
        path.write_text(good)
    assert httpx.get(world.prometheus_url + "/-/ready").status_code == 200
