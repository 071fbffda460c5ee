"""The whole document."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from wherefrom import __version__
from wherefrom.api.openapi.paths import paths
from wherefrom.api.schemas import schemas

_DESCRIPTION: Final = """\
Records where things come from and what became of them, in one tamper-evident log.

Send a bearer token, except for the log itself (`/checkpoint`, `/tile/`), `/healthz`, `/readyz`,
`/metrics` and this page. Every answer of 400 and above is a problem object (RFC 9457) unless it
says what became of each record. Whatever is sent twice is recorded once, so anything may be sent
again; 503 says after how many seconds."""


@cache
def openapi() -> dict[str, Any]:
    """The document at ``/openapi.json``."""
    scheme = {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the roles `read`, `record` or `admin`: `wherefrom tokens new`.",
    }
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Wherefrom",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths(),
        "components": {"schemas": schemas(), "securitySchemes": {"bearer": scheme}},
    }
