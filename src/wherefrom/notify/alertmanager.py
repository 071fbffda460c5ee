"""Tell an Alertmanager of alerts: again and again while they are open, as it expects.

    ToldAlert ──► POST /api/v2/alerts [{"labels", "annotations", "startsAt", "endsAt", …}]

An Alertmanager takes an alert for over when nobody has spoken of it for a while, so each says how
long it counts (ENDS_SECONDS), and is sent again every RESEND_SECONDS, as Prometheus does. One that
is over is sent for KEPT_SECONDS more. What the labels say makes it the same alert: the rule and
its root, so nothing that is sent twice is there twice.

Source: Alertmanager, api/v2/openapi.yaml (postAlerts); Prometheus, rules/manager.go
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wherefrom.formats.alert_receivers import Alertmanager
from wherefrom.formats.timestamps import to_text
from wherefrom.notify.alert_message import ToldAlert
from wherefrom.notify.posting import post

if TYPE_CHECKING:
    import httpx

RESEND_SECONDS: Final = 60.0
ENDS_SECONDS: Final = 4 * RESEND_SECONDS
KEPT_SECONDS: Final = 300.0
_PATH: Final = "/api/v2/alerts"


def send(some: Iterable[ToldAlert], to: Alertmanager, client: httpx.Client) -> None:
    """Send them once. Raises Unavailable if they are not taken."""
    now = datetime.now(UTC)
    alerts = [one for told in some for one in alerts_of(told, now=now)]
    headers = {"Authorization": f"Bearer {to.token}"} if to.token else {}
    body = msgspec.json.encode(alerts)
    post(client, to.name, to.url.rstrip("/") + _PATH, body, headers)


def alerts_of(told: ToldAlert, *, now: datetime) -> list[dict[str, Any]]:
    """An alert as the API takes it. One that was raised ends as what it was: its severity is one
    of the labels that tell alerts apart."""
    ends = told.closed or to_text(now + timedelta(seconds=ENDS_SECONDS))
    found = [_alert(told, told.severity, ends)]
    if told.was and told.was != told.severity and not told.closed:
        found.append(_alert(told, told.was, to_text(now)))
    return found


def _alert(told: ToldAlert, severity: str, ends: str) -> dict[str, Any]:
    labels = {
        "alertname": told.rule,
        "severity": severity,
        "environment": told.environment,
        "service": told.service,
        "root_kind": told.root.kind,
        "root": told.root.id,
        "log": told.log,
    }
    annotations = {
        "summary": told.title,
        "description": told.text,
        "incident": told.incident,
        "records": " ".join(f"#{entry}" for entry in told.entries),
        "runbook_url": told.links.get("runbook", ""),  # as Grafana and kube-prometheus call it
        **{
            f"link_{name.replace(' ', '_')}": link
            for name, link in told.links.items()
            if name != "runbook"
        },
    }
    alert: dict[str, Any] = {
        "labels": {name: text for name, text in labels.items() if text},
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": told.opened,
        "endsAt": ends,
    }
    if "incident" in told.links:
        alert["generatorURL"] = told.links["incident"]
    return alert
