"""Where people read more of an alert: pages of the server that they reach at some address."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from wherefrom.views.health.alerting import Alert

LINKED_MAX: Final = 5


def links_of(alert: Alert, entries: tuple[int, ...], url: str) -> dict[str, str]:
    """Where people find it, its root and its records; nothing without ``url``."""
    if not url:
        return {}
    base = url.rstrip("/")
    found = {"incident": f"{base}/incidents/{quote(alert.incident, safe='')}"}
    if alert.root.kind in ("digest", "change"):
        found[alert.root.kind] = f"{base}/things/{quote(alert.root.id, safe='')}"
    if alert.service and alert.environment:
        place = f"{quote(alert.environment, safe='')}/{quote(alert.service, safe='')}"
        found["service"] = f"{base}/services/{place}"
    found |= {f"record {entry}": f"{base}/records/{entry}" for entry in entries[:LINKED_MAX]}
    return found
