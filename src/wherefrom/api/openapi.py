"""The server's own description, OpenAPI 3.1."""

from __future__ import annotations

from typing import Any


def openapi() -> dict[str, Any]:
    """The document at ``/openapi.json``."""
    return {"openapi": "3.1.0", "info": {"title": "Wherefrom", "version": "1"}, "paths": {}}
