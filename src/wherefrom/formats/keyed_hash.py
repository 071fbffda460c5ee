"""How a secret is told of: by a hash under a key that stays with whoever holds the secret.

    hmac-sha256:<16 hex: which key>:<64 hex>

Two hashes can be compared if they are under one key, and only then; which key it is says nothing
of the key. Kubernetes agents before this form wrote ``hmac-sha256:<64 hex>``: such values stay in
their records, and are compared with nothing.

Source: RFC 2104; docs/decisions/0034-keyed-hashes.md
"""

from __future__ import annotations

import re
from typing import Final

PREFIX: Final = "hmac-sha256"
EXPECTED: Final = "hmac-sha256:<16 hex digits>:<64 hex digits>"
_SPELLED: Final = re.compile(rf"{PREFIX}:([0-9a-f]{{16}}):[0-9a-f]{{64}}")


def is_keyed(value: object) -> bool:
    """Whether this is a keyed hash, in the one spelling."""
    return isinstance(value, str) and _SPELLED.fullmatch(value) is not None


def key_of(value: str) -> str:
    """Which key it is under, of one that ``is_keyed``."""
    return value.split(":")[1]
