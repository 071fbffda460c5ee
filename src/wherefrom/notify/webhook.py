"""Send one message to one webhook, signed as Standard Webhooks says.

    webhook-id, webhook-timestamp, body ──HMAC-SHA256──► webhook-signature: v1,<base64>

A receiver checks it with any library of Standard Webhooks, refuses an old timestamp, and knows a
message that comes twice by its id. No redirect is followed: a body goes where the settings say.

Sizes:  TIMEOUT_SECONDS for an answer; of it only the status is read
Source: standard-webhooks, spec/standard-webhooks.md
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Final

from wherefrom import __version__
from wherefrom.errors import Unavailable
from wherefrom.formats import base64_strict
from wherefrom.formats.notify_settings import Webhook
from wherefrom.notify.message import Message

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS: Final = 15.0


def signature(message_id: str, timestamp: int, body: bytes, *, key: bytes) -> str:
    """The header that signs a message."""
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64_strict.encode(hmac.new(key, signed, hashlib.sha256).digest())


def send(message: Message, webhook: Webhook, client: httpx.Client) -> None:
    """Send it once. Raises Unavailable if it is not taken."""
    import httpx

    body, now = message.body(), int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"wherefrom/{__version__}",
        "webhook-id": message.id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(message.id, now, body, key=webhook.key),
    }
    try:
        with client.stream("POST", webhook.url, content=body, headers=headers) as answer:
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Unavailable(
            f"{webhook.name} does not answer",
            got=type(error).__name__,
            do="See whether its address in notify.yaml is right",
        ) from error
    if not 200 <= status < 300:
        raise Unavailable(
            f"{webhook.name} does not take it",
            got=f"HTTP {status}",
            do="See what it says of the message, and whether both have one secret",
        )
