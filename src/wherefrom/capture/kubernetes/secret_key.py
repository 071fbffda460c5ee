"""The key under which secrets are hashed: made once, kept beside the agent's state, never sent.

Two agents that have the same key file tell the same secret by the same hash; a new key makes
every secret look changed.

Sizes:  32 bytes, as 64 hex digits and a line's end
Source: RFC 2104
"""

from __future__ import annotations

import hmac
import re
from pathlib import Path
from typing import Final

from wherefrom.capture import key_file
from wherefrom.capture.kubernetes.bundles import Keyed
from wherefrom.errors import SettingError, StorageError

_SPELLED: Final = re.compile(rb"([0-9a-f]{64})\n?")


def keyed_by(key: bytes) -> Keyed:
    """Hashes under a key."""
    return lambda value: "hmac-sha256:" + hmac.digest(key, value, "sha256").hex()


def read_or_make(path: Path) -> bytes:
    """The key in a file that only its owner reads. Raises SettingError, StorageError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key_file.make(path)
        spelled = _SPELLED.fullmatch(path.read_bytes())
    except OSError as error:
        raise StorageError(
            "the key of hashes cannot be kept", where=str(path), got=error.strerror
        ) from error
    if spelled is None:
        raise SettingError(
            "not a key of hashes", where=str(path), expected="64 hex digits",
            do="Put back the one that was there; a new one makes every secret look changed",
        )  # fmt: skip
    return bytes.fromhex(spelled[1].decode())
