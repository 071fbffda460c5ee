"""Send one message to one webhook, signed as Standard Webhooks says.

    webhook-id, webhook-timestamp, body ──HMAC-SHA256──► webhook-signature: v1,<base64>

A receiver checks it with any library of Standard Webhooks, refuses an old timestamp, and knows a
message that comes twice by its id. No redirect is followed: a body goes where the settings say.

Source: standard-webhooks, spec/standard-webhooks.md
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING

from wherefrom.formats import base64_strict
from wherefrom.formats.notify_settings import Webhook
from wherefrom.notify.message import Message
from wherefrom.notify.posting import post

if TYPE_CHECKING:
    import httpx


def signature(message_id: str, timestamp: int, body: bytes, *, key: bytes) -> str:
    """The header that signs a message."""
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64_strict.encode(hmac.new(key, signed, hashlib.sha256).digest())


def send(message: Message, webhook: Webhook, client: httpx.Client) -> None:
    """Send it once. Raises Unavailable if it is not taken."""
    body, now = message.body(), int(time.time())
    headers = {
        "webhook-id": message.id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(message.id, now, body, key=webhook.key),
    }
    post(client, webhook.name, webhook.url, body, headers)
