"""Tell a Grafana what changed: an annotation of its organisation, which dashboards show by tag.

    Message of type "annotation" ──its data──► POST /api/annotations

Grafana gives what it is sent a number of its own, so one whose answer was lost may stand there
twice.

Source: grafana.com/docs/grafana, "Annotations HTTP API"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from wherefrom.errors import Unavailable
from wherefrom.formats.grafana_annotations import Grafana
from wherefrom.notify.message import Message
from wherefrom.notify.posting import post

if TYPE_CHECKING:
    import httpx

TYPE: Final = "annotation"


def send(message: Message, to: Grafana, client: httpx.Client) -> None:
    """Send it once. Raises Unavailable if it is not taken."""
    if message.type != TYPE:
        raise Unavailable(f"{to.name} is told of changes alone", got=message.type)
    url = f"{to.url.rstrip('/')}/api/annotations"
    body = msgspec.json.encode(message.data)
    post(client, to.name, url, body, {"Authorization": f"Bearer {to.token}"})
