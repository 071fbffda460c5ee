"""Where people read more of an alert: pages of the server that they reach at some address."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from wherefrom.views.health.alerting import BURNS, Alert

LINKED_MAX: Final = 5
_RUNBOOK: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")


def links_of(
    alert: Alert, entries: tuple[int, ...], url: str, runbooks: str = ""
) -> dict[str, str]:
    """Where people find what to do, the alert, its root and its records.

    url, runbooks  where pages and runbooks are; no links to them without
    """
    found = {"runbook": page} if (page := runbook_of(alert.rule, runbooks)) else {}
    if not url:
        return found
    base = url.rstrip("/")
    found |= {"incident": f"{base}/incidents/{quote(alert.incident, safe='')}"}
    if alert.root.kind == "digest":
        found["digest"] = f"{base}/things/{quote(alert.root.id, safe='')}"
    if alert.root.kind == "change":
        found["change"] = f"{base}/keys#{quote(alert.root.id, safe='')}"
    if alert.service and alert.environment:
        place = f"{quote(alert.environment, safe='')}/{quote(alert.service, safe='')}"
        found["service"] = f"{base}/services/{place}"
    found |= {f"record {entry}": f"{base}/records/{entry}" for entry in entries[:LINKED_MAX]}
    return found


def runbook_of(name: str, runbooks: str) -> str:
    """Where the runbook of a rule is, or of this name; empty if nobody says where they are."""
    # Rules of objectives are called after them, and have one page.
    page = BURNS if name.startswith(f"{BURNS}-") else name
    if not runbooks or not _RUNBOOK.fullmatch(page):
        return ""
    return f"{runbooks.rstrip('/')}/{page}.md"
