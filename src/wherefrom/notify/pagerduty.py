"""Tell PagerDuty of an alert, by its Events API of version 2.

    opened, raised ──► {"event_action": "trigger", "dedup_key", "payload", "links"}
    closed         ──► {"event_action": "resolve", "dedup_key"}

The key is the incident's id, so what is sent twice, raised or ended is one alert there.

Source: PagerDuty, "Send an Alert Event" (Events API v2)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wherefrom.formats.alert_receivers import PagerDuty
from wherefrom.notify.alert_message import ToldAlert
from wherefrom.notify.posting import post

if TYPE_CHECKING:
    import httpx

SUMMARY_CHARS_MAX: Final = 1_024
KEY_CHARS_MAX: Final = 255
_SEVERITIES: Final = {"page": "critical", "ticket": "warning"}


def send(told: ToldAlert, to: PagerDuty, client: httpx.Client) -> None:
    """Send it once. Raises Unavailable if it is not taken."""
    post(client, to.name, to.url, msgspec.json.encode(body_of(told, to)))


def body_of(told: ToldAlert, to: PagerDuty) -> dict[str, Any]:
    """What the API takes."""
    head = {
        "routing_key": to.routing_key,
        "event_action": "resolve" if told.closed else "trigger",
        "dedup_key": told.key[:KEY_CHARS_MAX],
    }
    if told.closed:
        return head
    payload = {
        "summary": told.title[:SUMMARY_CHARS_MAX],
        "source": told.log,
        "severity": _SEVERITIES.get(told.severity, "info"),
        "timestamp": told.opened,
        "component": told.service,
        "group": told.environment,
        "class": told.rule,
        "custom_details": {
            "text": told.text,
            "incident": told.incident,
            "root": f"{told.root.kind} {told.root.id}",
            "records": [f"#{entry}" for entry in told.entries],
        },
    }
    found: dict[str, Any] = {
        **head,
        "client": "Wherefrom",
        "payload": {name: value for name, value in payload.items() if value},
        "links": [{"href": link, "text": name} for name, link in told.links.items()],
    }
    if "incident" in told.links:
        found["client_url"] = told.links["incident"]
    return found
