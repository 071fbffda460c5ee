"""What somebody is to be told: a type, a time and data, under a name that stays the same.

The JSON that is sent is ``{"type", "timestamp", "data"}``, as Standard Webhooks recommends; a
message that is told twice has one id, by which a receiver knows it.

Source: standard-webhooks, spec/standard-webhooks.md ("Payload structure")
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message. ``id`` as ``id_of`` makes it; ``is_urgent``: it goes before those that are
    not."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]
    is_urgent: bool = False

    def body(self) -> bytes:
        """The bytes to send."""
        return msgspec.json.encode(
            {"type": self.type, "timestamp": self.timestamp, "data": self.data}
        )


def id_of(*parts: object) -> str:
    """The id of a message that is about ``parts``: the same for the same."""
    digest = hashlib.sha256(msgspec.json.encode([str(part) for part in parts])).hexdigest()
    return f"msg_{digest[:32]}"
