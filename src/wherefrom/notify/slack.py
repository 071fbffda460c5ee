"""Tell a channel of Slack of an alert, by an incoming webhook.

    ToldAlert ──► {"text": headline, "blocks": [what, where, links]}

Texts are ``verbatim``: no name in them becomes a mention, no address a link.
``block_id`` of the first block is the message's id: what is told twice can be known by it.

Source: Slack, "Sending messages using incoming webhooks"; "Reference: blocks"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wherefrom.formats.alert_receivers import Slack
from wherefrom.notify.alert_message import ToldAlert
from wherefrom.notify.posting import post

if TYPE_CHECKING:
    import httpx

TEXT_CHARS_MAX: Final = 2_900  # of 3,000 that a section may have
_MARKS: Final = {"page": ":rotating_light:", "ticket": ":ticket:"}


def send(told: ToldAlert, to: Slack, client: httpx.Client, *, id: str) -> None:
    """Send it once. Raises Unavailable if it is not taken."""
    post(client, to.name, to.url, msgspec.json.encode(body_of(told, to, id=id)))


def body_of(told: ToldAlert, to: Slack, *, id: str) -> dict[str, Any]:
    """What the webhook takes."""
    mark = ":white_check_mark:" if told.closed else _MARKS.get(told.severity, "")
    where = " · ".join(filter(None, (told.environment, told.service, told.root.id)))
    links = " · ".join(f"<{link}|{_plain(name)}>" for name, link in told.links.items())
    sections = [f"{mark} *{_plain(told.headline)}*\n{_plain(told.text)}", _plain(where), links]
    return {
        **({"channel": to.channel} if to.channel else {}),
        "text": _plain(told.headline),
        "blocks": [
            {
                "type": "section",
                "block_id": f"{id}-{number}",
                "text": {"type": "mrkdwn", "text": text[:TEXT_CHARS_MAX], "verbatim": True},
            }
            for number, text in enumerate(sections)
            if text
        ],
    }


def _plain(text: str) -> str:
    """As Slack wants what is no mark-up."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
