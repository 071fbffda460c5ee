"""Who somebody is at a registry, as ``docker login`` and its like keep it.

    {"auths": {"ghcr.io": {"auth": base64("user:password")}}} ──► user, password

A password that a helper program keeps (``credsStore``) is not here: no program is run for it.

Sizes:  a file is FILE_BYTES_MAX
Source: docker/cli, config file; containers-auth.json(5)
"""

from __future__ import annotations

from typing import Final

from wherefrom.errors import Refused
from wherefrom.formats import base64_strict, strict_json
from wherefrom.formats.strict_json import get_object, get_string

FILE_BYTES_MAX: Final = 1024 * 1024
_HUB: Final = ("docker.io", "index.docker.io", "registry-1.docker.io")


def credentials(written: bytes, host: str, *, where: str) -> tuple[str, str] | None:
    """User and password for a registry, by its host and port; None if none are here.

    Raises Malformed for a file that is none.
    """
    document = strict_json.as_object(strict_json.decode(written), where=where)
    auths = get_object(document, "auths", where=where)
    wanted = _HUB if host in _HUB else (host,)
    for key in auths:
        named = key.partition("://")[2] or key
        if named.partition("/")[0].lower() in wanted:
            return _basic(get_object(auths, key, where=f"{where}.auths"))
    return None


def _basic(said: dict[str, object]) -> tuple[str, str] | None:
    user, password = (get_string(said, key) for key in ("username", "password"))
    if user and password:
        return user, password
    try:
        text = base64_strict.decode(get_string(said, "auth") or "", where="auth").decode()
    except (Refused, UnicodeDecodeError):
        return None
    user, colon, password = text.partition(":")
    return (user, password) if user and colon else None
