"""Alerts in every shape: what they are about is read, more is said, and nothing else is touched."""

import copy
import json

import jsonschema_rs
import pytest

from tests.paths import DATA
from wherefrom.errors import Unsupported
from wherefrom.formats import alert_shapes, yaml_text
from wherefrom.formats.alert_shapes import TEXT_CHARS_MAX, About, Note

API = DATA / "runtime" / "alertmanager" / "api" / "v2" / "openapi.yaml"
ARTIFACT = "sha256:" + "ab" * 32
NOTE = Note(
    texts={"artifact": ARTIFACT, "owner": "payments"},
    links={"service": "https://w.example/services/prod/cart"},
    details={"found": {"service": "cart"}},
)


def alert(**changes):
    return {
        "labels": {"alertname": "SlowCart", "service": "cart", "environment": "prod"},
        "annotations": {"summary": "slow"}, "startsAt": "2026-01-01T11:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p:9090/g", **changes,
    }  # fmt: skip


def group(*alerts, **changes):
    listed = [{"status": "firing", "fingerprint": "ab12", **one} for one in alerts or (alert(),)]
    return {
        "version": "4", "groupKey": '{}:{alertname="SlowCart"}', "truncatedAlerts": 0,
        "status": "firing", "receiver": "on-call", "groupLabels": {"alertname": "SlowCart"},
        "commonLabels": {"service": "cart"}, "commonAnnotations": {"summary": "slow"},
        "externalURL": "http://am:9093", "alerts": listed, **changes,
    }  # fmt: skip


def pagerduty(**changes):
    return {
        "routing_key": "R" * 32, "event_action": "trigger", "dedup_key": "cart-slow",
        "payload": {
            "summary": "cart is slow", "source": "prom", "severity": "critical",
            "timestamp": "2026-01-01T11:00:00Z", "component": "cart",
            "custom_details": {"environment": "prod", "load": 1.5},
        },
        "links": [{"href": "https://x.example", "text": "theirs"}], **changes,
    }  # fmt: skip


def grafana(**changes):
    return group(**{"version": "1", "orgId": 1, "title": "[FIRING:1]", "state": "alerting",
                    "message": "…", **changes})  # fmt: skip


PLAIN = {"service": "cart", "environment": "prod", "at": "2026-01-01T11:00:00Z", "load": 1.5}
DATADOG = {
    "event_type": "query_alert_monitor", "title": "cart is slow", "id": "7",
    "tags": "monitor,service:cart,env:prod", "date": "2026-01-01T11:00:00Z",
}  # fmt: skip
BODIES = {
    "alertmanager": group(), "grafana": grafana(), "alerts": [alert()], "pagerduty": pagerduty(),
    "datadog": DATADOG, "plain": PLAIN,
}  # fmt: skip


def noted(document, *notes):
    before = copy.deepcopy(document)
    made = alert_shapes.shape_of(document).noted(document, notes or [NOTE])
    assert document == before, "what came was changed"
    return made


@pytest.mark.parametrize("name", BODIES)
def test_every_shape_says_where_and_since_when(name):
    (about,) = alert_shapes.shape_of(BODIES[name]).abouts(BODIES[name])
    assert (about.environment, about.service) == ("prod", "cart")
    assert about.started == "2026-01-01T11:00:00Z"


@pytest.mark.parametrize("name", BODIES)
def test_only_what_may_hold_more_is_changed_and_it_says_all(name):
    made = noted(BODIES[name])
    assert ARTIFACT in json.dumps(made)
    assert "https://w.example/services/prod/cart" in json.dumps(made)
    assert without_ours(made) == without_ours(BODIES[name])


def without_ours(value):
    """What is not Wherefrom's: all that a receiver knows an alert by is in it."""
    if isinstance(value, dict):
        kept = {k: without_ours(v) for k, v in value.items() if not k.startswith("wherefrom")}
        return kept
    if isinstance(value, list):
        return [
            without_ours(one) for one in value
            if not (isinstance(one, dict) and str(one.get("text", "")).startswith("Wherefrom: "))
        ]  # fmt: skip
    return value


@pytest.mark.parametrize("name", BODIES)
def test_what_is_noted_again_says_the_new_alone(name):
    once = noted(BODIES[name], Note(texts={"note": "nothing yet"}, links={"change": "https://c"}))
    assert noted(once) == noted(BODIES[name])


@pytest.mark.parametrize("when", [
    {"date": "1767265200000"}, {"date": 1767265200000}, {"date_happened": 1767265200},
    {"last_updated": "1767265200000", "date": ""},
])  # fmt: skip
def test_an_event_of_datadog_began_when_it_says_in_seconds_or_milliseconds(when):
    document = {**DATADOG, "date": None, **when}
    (about,) = alert_shapes.shape_of(document).abouts(document)
    assert about.started == "2026-01-01T11:00:00Z"


@pytest.mark.parametrize(("tags", "service", "artifact"), [
    (["service:cart", "env:prod", "service:mail"], "cart", ""),
    (["service: cart ", 5, None, "alone"], "cart", ""),
    (f"image_id:registry.example/cart@{ARTIFACT}", "", ARTIFACT),
])  # fmt: skip
def test_tags_of_datadog_say_what_it_is_about(tags, service, artifact):
    (about,) = alert_shapes.shape_of(document := {**DATADOG, "tags": tags}).abouts(document)
    assert (about.service, about.artifact) == (service, artifact)


@pytest.mark.parametrize("tags", [None, 5, [], "alone", {"service": "cart"}])
def test_an_event_of_datadog_whose_tags_name_nothing_is_no_alert(tags):
    with pytest.raises(Unsupported):
        alert_shapes.shape_of({**DATADOG, "tags": tags})


@pytest.mark.parametrize("note", [NOTE, Note(texts={"note": "nothing"})])
def test_links_in_our_name_that_somebody_else_put_there_go(note):
    forged = {"href": "https://evil.example", "text": "Wherefrom: service"}
    theirs = {"href": "https://x.example", "text": "theirs"}
    made = noted(pagerduty(links=[forged, theirs]), note)
    assert "evil.example" not in json.dumps(made)
    assert theirs in made["links"]


def test_annotations_are_texts_and_labels_and_keys_stay():
    made = noted(group())
    (one,) = made["alerts"]
    assert one["labels"] == alert()["labels"]
    assert one["annotations"] == {
        "summary": "slow", "wherefrom_artifact": ARTIFACT, "wherefrom_owner": "payments",
        "wherefrom_link_service": "https://w.example/services/prod/cart",
    }  # fmt: skip
    assert made["groupKey"] == group()["groupKey"]


def test_common_annotations_are_those_that_all_alerts_share():
    two = group(alert(), alert(labels={"alertname": "SlowCart", "service": "mail"}))
    same, other = Note(texts={"owner": "a", "as_of": "9"}), Note(texts={"owner": "b", "as_of": "9"})
    made = noted(two, same, other)
    assert made["commonAnnotations"] == {"summary": "slow", "wherefrom_as_of": "9"}


@pytest.mark.parametrize(("shape", "extra"), [
    ("postableAlerts", {}),
    ("gettableAlerts", {
        "fingerprint": "ab12", "updatedAt": "2026-01-01T11:00:00Z",
        "receivers": [{"name": "on-call"}],
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
    }),
])  # fmt: skip
def test_a_list_is_still_what_alertmanagers_api_describes(shape, extra):
    definitions = yaml_text.decode(API.read_bytes(), where="openapi.yaml")["definitions"]
    schema = {"$ref": f"#/definitions/{shape}", "definitions": definitions}
    validator = jsonschema_rs.Draft4Validator(schema, validate_formats=True)
    before = [alert(**extra)]
    assert validator.is_valid(before)
    made = noted(before)
    assert validator.is_valid(made), [str(e) for e in validator.iter_errors(made)]
    assert made[0]["annotations"]["wherefrom_owner"] == "payments"
    made[0]["annotations"]["wherefrom_found"] = {"not": "a text"}
    assert not validator.is_valid(made), "the schema would let anything pass"


def test_pagerdutys_keys_stay_and_its_links_are_added_to():
    made = noted(pagerduty())
    assert (made["routing_key"], made["dedup_key"]) == ("R" * 32, "cart-slow")
    assert made["links"] == [
        {"href": "https://x.example", "text": "theirs"},
        {"href": "https://w.example/services/prod/cart", "text": "Wherefrom: service"},
    ]
    details = made["payload"]["custom_details"]
    assert details["load"] == 1.5
    assert details["wherefrom"]["owner"] == "payments"


@pytest.mark.parametrize("details", ["a text", ["a", "list"]])
def test_details_that_are_no_object_are_left_as_they_are(details):
    one = pagerduty()
    one["payload"]["custom_details"] = details
    assert noted(one)["payload"] == one["payload"]


def test_the_end_of_a_pagerduty_alert_has_nothing_to_add_to():
    one = {"routing_key": "R" * 32, "event_action": "resolve", "dedup_key": "cart-slow"}
    shape = alert_shapes.shape_of(one)
    assert shape.abouts(one) == []
    assert shape.noted(one, []) == one


@pytest.mark.parametrize("document", [
    {}, [], [{"annotations": {}}], {"alerts": "none"}, "text", 7, None, {"service": 7},
    {"version": "4", "groupKey": "", "status": "firing", "alerts": [{"labels": "x"}]},
])  # fmt: skip
def test_what_is_no_alert_is_told_apart(document):
    if document == []:
        assert alert_shapes.shape_of(document).abouts(document) == []
        return
    with pytest.raises(Unsupported, match="not an alert that is read here"):
        alert_shapes.shape_of(document)


@pytest.mark.parametrize("image", [ARTIFACT, f"registry.example/cart:1@{ARTIFACT}"])
def test_an_artifact_is_known_by_its_digest_in_any_of_the_usual_labels(image):
    about = About(artifact=ARTIFACT, name="X")
    assert alert_shapes.shape_of([alert()]).abouts(
        [alert(labels={"alertname": "X", "image": image}, startsAt="")]
    ) == [about]


def test_a_long_text_is_cut_and_harmless():
    made = noted([alert()], Note(texts={"changes": "a\x1b[2J" + "b" * 5_000}))
    text = made[0]["annotations"]["wherefrom_changes"]
    assert len(text) == TEXT_CHARS_MAX
    assert "\x1b" not in text


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a": 1}', b'{"service": "a", "service": "b"}'])
def test_a_body_that_cannot_be_read_comes_back_byte_for_byte(body):
    assert alert_shapes.unchanged(body, "why") == body


def test_an_alert_nobody_could_look_up_says_why():
    made = json.loads(alert_shapes.unchanged(json.dumps(group()).encode(), "no answer"))
    assert made["alerts"][0]["annotations"] == {"summary": "slow", "wherefrom_note": "no answer"}
