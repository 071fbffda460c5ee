"""Alertmanager's webhook: incidents begin when an alert fires and end when it is resolved."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.formats.told import alone, links, node, only, told
from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats.states import OBSERVED, Scope, State

BEGUN, ENDED = "2026-01-01T10:00:00.000000Z", "2026-01-01T10:30:00.000000Z"
ID = f"incident:alertmanager:ab12@{BEGUN}"


def alert(**changes: Any) -> dict[str, Any]:
    return {
        "status": "firing", "labels": {"alertname": "SlowCart", "severity": "page"},
        "annotations": {"summary": "ask jane@example.com"}, "startsAt": "2026-01-01T11:00:00+01:00",
        "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p:9090/g", "fingerprint": "ab12",
        **changes,
    }  # fmt: skip


def group(*alerts: Any, **changes: Any) -> dict[str, Any]:
    return {
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing",
        "receiver": "wherefrom", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://am:9093", "alerts": list(alerts or [alert()]), **changes,
    }  # fmt: skip


def test_a_firing_alert_opens_an_incident() -> None:
    found = told(group(), service="cart")
    assert only(found) == State(
        OBSERVED, Scope("prod", "cart"), "incident", "ab12", ID, "SlowCart", at=BEGUN
    )
    incident = node(found, ID)
    assert (incident.kind, incident.name) == ("incident", "SlowCart")
    assert (found.document, "describes", ID) in links(found)
    assert (ID, "changes", "service:cart") in links(found)
    assert "jane" not in str(found)


def test_a_resolved_alert_says_from_when_to_when_it_was_open() -> None:
    found = alone(group(alert(status="resolved", endsAt="2026-01-01T10:30:00Z")))
    assert [(s.value, s.at) for s in found.states] == [(ID, BEGUN), (None, ENDED)]
    assert (found.kind, found.occurred) == ("incident", ENDED)


def test_labels_say_where_before_the_event_does() -> None:
    labels = {"alertname": "A", "env": "stage", "service": "shop", "region": "eu", "job": "j"}
    assert only(told(group(alert(labels=labels)), service="x")).scope == Scope(
        "stage", "shop", "eu"
    )
    assert only(told(group(alert(labels={"job": "j"})))).scope == Scope("prod", "j")


def test_alerts_are_told_apart_by_fingerprint_or_else_by_their_labels() -> None:
    found = alone(
        group(
            alert(fingerprint="", labels={"a": "1", "b": "2"}),
            alert(fingerprint="", labels={"b": "2", "a": "1"}),
            alert(fingerprint="", labels={"a": "2"}),
        )
    )
    names = [state.name for state in found.states]
    assert names[0] == names[1] != names[2]


def test_an_alert_that_fires_again_is_another_incident_of_the_same_name() -> None:
    first, again = only(alone(group())), only(alone(group(alert(startsAt="2026-01-02T00:00:00Z"))))
    assert first.name == again.name
    assert first.value != again.value


def test_grafana_sends_the_same() -> None:
    found = alone(group(version="1", orgId=1))
    assert found.type == "grafana.webhook/1"
    assert only(found).value == ID


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        (group(version="3"), Unsupported, "a webhook of another version, at version"),
        (group(alert(status="pending")), Malformed, r"not a status of an alert, at alerts\[0\]"),
        (group(alert(startsAt="now")), Malformed, r"not an RFC 3339 time, at alerts\[0\].startsAt"),
        (group(alert(labels=None)), Malformed, r"missing, at alerts\[0\].labels"),
        (group(alert(status="resolved", endsAt=None)), Malformed, r"missing, at .*endsAt"),
    ],
)
def test_what_is_broken_is_refused(document: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        alone(document)
