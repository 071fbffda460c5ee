"""What turned, as the message that says it.

Turn ──► {"type": "policy.denied", "timestamp", "data": what, where, by which policy and rules}

Source: docs/continuous.md ("Messages")
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import msgspec

from wherefrom.notify.message import Message, id_of
from wherefrom.policy.watched import Turn

PLACES_MAX: Final = 200


def message_of(turn: Turn, *, origin: str, url: str) -> Message:
    """The message. ``url`` is where people reach the log ``origin``; no links without it."""
    said = turn.turned
    root = (turn.artifact, said.policy, *said.rules)
    return Message(
        id=id_of(said.to, said.summary if said.summary is not None else said.at, *root),
        type=f"policy.{said.to}",
        timestamp=said.at,
        is_urgent=turn.production,
        data={
            "log": origin,
            "artifact": turn.artifact,
            "name": turn.name,
            "environment": said.environment,
            "production": turn.production,
            "services": sorted({place.service for place in turn.places}),
            "places": msgspec.to_builtins(turn.places[:PLACES_MAX]),
            "policy": {"name": turn.policy, "digest": said.policy},
            "now": said.to,
            "was": "allowed" if turn.was is None else "denied",
            "rules": list(said.rules),
            "failing": msgspec.to_builtins(turn.reasons),
            "summary": said.summary,
            "links": _links(turn, url.rstrip("/")),
        },
    )


def _links(turn: Turn, url: str) -> dict[str, Any]:
    if not url:
        return {}
    said = turn.turned
    links = {
        "status": f"{url}/v1/policy/status?environment={quote(said.environment, safe='')}",
        "artifact": f"{url}/v1/show/{quote(turn.artifact, safe='')}",
    }
    if said.summary is not None:
        links["summary"] = f"{url}/v1/records/{said.summary}/content"
    return links
