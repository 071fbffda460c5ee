"""Dashboards as Grafana reads them: what is where, and what each panel asks."""

import json

import pytest

from wherefrom.formats.grafana import GRID, Panel, Query, Row, dashboard, expressions
from wherefrom.reporting.dashboards import dashboards

MADE = dashboards("https://wherefrom.example/")


def made(*rows):
    return dashboard(
        uid="u", title="t", says="s", rows=rows, since="now-1h", refresh="1m", links={},
        numbers={}, tags=("a", "b"),
    )  # fmt: skip


def test_panels_stand_beside_each_other_and_what_has_no_room_stands_below():
    wide = [Panel(str(n), "", [Query("up")], width=w, height=h) for n, w, h in
            [(1, 8, 4), (2, 16, 9), (3, 12, 5)]]  # fmt: skip
    document = made(Row("first", wide), Row("second", wide[:1]))
    places = [(p["title"], *p["gridPos"].values()) for p in document["panels"]]
    assert places == [
        ("first", 0, 0, 24, 1), ("1", 0, 1, 8, 4), ("2", 8, 1, 16, 9), ("3", 0, 10, 12, 5),
        ("second", 0, 15, 24, 1), ("1", 0, 16, 8, 4),
    ]  # fmt: skip


def test_a_panel_asks_what_it_was_given_and_shows_traces_where_it_should():
    queries = [Query("a", "of {{x}}", exemplar=True), Query("b")]
    document = made(Row("r", [Panel("p", "why", queries), Panel("now", "", queries, kind="stat")]))
    _, drawn, stat = document["panels"]
    asked = [(t["refId"], t["expr"], t["legendFormat"], t["exemplar"]) for t in drawn["targets"]]
    assert asked == [
        ("A", "a", "of {{x}}", True), ("B", "b", "__auto", False),
    ]  # fmt: skip
    assert (drawn["targets"][0]["range"], stat["targets"][0]["instant"]) == (True, True)
    assert drawn["description"] == "why"
    assert expressions(document) == ["a", "b", "a", "b"]


def test_changes_that_were_posted_to_grafana_are_drawn_by_their_tags():
    (drawn,) = made()["annotations"]["list"]
    assert drawn["datasource"] == {"type": "grafana", "uid": "-- Grafana --"}
    assert drawn["target"] == {"type": "tags", "tags": ["a", "b"], "matchAny": True, "limit": 100}


@pytest.mark.parametrize("name", MADE)
def test_a_dashboard_of_ours_is_whole(name):
    document = MADE[name]
    assert json.loads(json.dumps(document)) == document
    assert document["uid"] == f"wherefrom-{name}"
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in document["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= GRID
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] not in ("row", "text"):
            assert panel["targets"], panel["title"]
            assert panel["description"], panel["title"]
    typed = {one["name"] for one in document["templating"]["list"]}
    for expression in expressions(document):
        assert "$job" in expression or "admission" in expression, expression
        assert "$price" not in expression or "price" in typed


def test_there_are_no_links_to_a_server_that_nobody_named():
    text = json.dumps(dashboards())
    assert "wherefrom.example" not in text
    assert "](" not in text
    assert "https://wherefrom.example/log" in json.dumps(MADE)
