"""Secrets as keyed hashes, and the key: a rotation shows, the secret does not.

    [name, secret] in canonical JSON + key ──HMAC-SHA256──► hmac-sha256:<which key>:<64 hex>

The name is hashed too, so that two settings with one secret do not look alike. Whoever has the same
key file tells the same secret by the same hash; a new key makes every secret look changed, and
says so: which key it was stands in the hash.

Sizes:  a key is 32 bytes, written as 64 hex digits and a line's end
Source: RFC 2104, 8785; the form is ``formats.keyed_hash``
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any, Final

from wherefrom.capture import key_file
from wherefrom.errors import Refused, SettingError, StorageError
from wherefrom.formats import canonical_json
from wherefrom.formats.keyed_hash import PREFIX

_SPELLED: Final = re.compile(rb"([0-9a-f]{64})\n?")


def keyed_hash(name: str, secret: Any, key: bytes) -> str:
    """What may be told of a secret.

    name    what it is called where it is: the path of a setting, the key of a Secret
    secret  a JSON value; bytes are their text, or where they are none their hex digits
    """
    if len(key) != key_file.KEY_BYTES:
        raise ValueError(f"a key has {key_file.KEY_BYTES} bytes, not {len(key)}")
    which = hashlib.sha256(b"wherefrom bundle hash key" + key).hexdigest()[:16]
    return f"{PREFIX}:{which}:{hmac.digest(key, _spelled(name, secret), 'sha256').hex()}"


def _spelled(name: str, secret: Any) -> bytes:
    if isinstance(secret, bytes):
        try:
            secret = secret.decode("utf-8")
        except UnicodeDecodeError:
            secret = {"hex": secret.hex()}
    try:
        return canonical_json.to_bytes([name, secret])
    except (
        Refused
    ):  # a number beyond the doubles, half a surrogate pair: it has a hash all the same
        return json.dumps([name, secret], sort_keys=True).encode()


def read_or_make(path: Path) -> tuple[bytes, bool]:
    """The key in a file that only its owner reads, and whether it was made here and now.

    Raises SettingError, StorageError.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = key_file.make(path)
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
    return bytes.fromhex(spelled[1].decode()), is_new
