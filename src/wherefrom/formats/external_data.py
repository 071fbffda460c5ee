"""Gatekeeper's external data: a list of keys is asked about, and each is answered or an error.

    {"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest",
     "request": {"keys": ["host/name@sha256:…"]}} ──parse──► keys
    items ──to_response──► {…, "kind": "ProviderResponse",
                            "response": {"idempotent": true, "items": [{"key", "value", "error"}],
                                         "systemError": ""}}

A key that is not let in is an *error* and never a value: a template that only looks for errors,
as most do, must not let it in.

Sizes:  KEYS_MAX keys · a request 1 MiB
Source: open-policy-agent.github.io/gatekeeper, externaldata
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import strict_json

API_VERSIONS: Final = (
    "externaldata.gatekeeper.sh/v1beta1",
    "externaldata.gatekeeper.sh/v1",
    "externaldata.gatekeeper.sh/v1alpha1",
)
KEYS_MAX: Final = 1_000
BYTES_MAX: Final = 1024 * 1024


class Item(NamedTuple):
    """The answer for one key: a value, or why there is none."""

    key: str
    value: Any = None
    error: str = ""


def parse(written: bytes) -> tuple[str, list[str]]:
    """The version that is spoken, and the keys. Raises Malformed, LimitPassed, Unsupported."""
    if len(written) > BYTES_MAX:
        raise LimitPassed("a request is too large", expected=f"bytes_max {BYTES_MAX}")
    document = strict_json.as_object(strict_json.decode(written, depth_max=16), where="")
    version = document.get("apiVersion")
    if document.get("kind") != "ProviderRequest":
        raise Malformed(
            "not a request of Gatekeeper", expected="ProviderRequest", got=document.get("kind")
        )
    if version not in API_VERSIONS:
        raise Unsupported("another version", expected=API_VERSIONS[0], got=version)
    request = strict_json.need_object(document, "request")
    keys = strict_json.need_array(request, "keys", where="request")
    if len(keys) > KEYS_MAX:
        raise LimitPassed("too many keys", where="request.keys", expected=f"keys_max {KEYS_MAX}")
    return str(version), [
        strict_json.as_string(key, where=f"request.keys[{number}]")
        for number, key in enumerate(keys)
    ]


def to_response(
    items: Iterable[Item], *, version: str = API_VERSIONS[0], system_error: str = ""
) -> bytes:
    """What Gatekeeper reads."""
    told = [{"key": one.key, "value": one.value, "error": one.error} for one in items]
    return msgspec.json.encode(
        {
            "apiVersion": version,
            "kind": "ProviderResponse",
            "response": {"idempotent": True, "items": told, "systemError": system_error},
        }
    )
