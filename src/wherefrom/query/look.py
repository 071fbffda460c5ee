"""When and where to look for trouble: what a question about it comes down to."""

from __future__ import annotations

from typing import NamedTuple

from wherefrom.query.incident_answers import Incident


class Look(NamedTuple):
    """When and where to look, in seconds since 1970."""

    incident: Incident | None
    service: str
    environment: str
    since: float
    until: float
    detected: float
