"""What a containment policy may say, as a JSON Schema: ``bundle pack --kind policy`` asks for it.

    {"calls": {NAME: {"timeout_ms", "retries", "breaker", "fallback", "reason"}}, …}

Other settings may stand beside these; but a breaker that is ``"false"``, a text, would be taken for
one that nobody turned off. The schema's digest stands in the bundles that satisfied it; its bytes
are docs/formats/containment.schema.json.

Source: JSON Schema 2020-12; docs/formats/containment.md
"""

from __future__ import annotations

import json
from typing import Any, Final

NAME: Final = "the schema of containment policies"
_TEXT: Final = {"type": "string", "minLength": 1}
_CALL: Final = {
    "type": "object",
    "properties": {
        "timeout_ms": {"type": "number", "exclusiveMinimum": 0},
        "retries": {
            "type": "object",
            "properties": {"max": {"type": "integer", "minimum": 0}},
        },
        "breaker": {"type": "object", "properties": {"enabled": {"type": "boolean"}}},
        "fallback": {"type": "object", "properties": {"flag": _TEXT}},
        "reason": _TEXT,
    },
}
SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A containment policy",
    "type": "object",
    "properties": {"calls": {"type": "object", "additionalProperties": _CALL}},
}


def schema_bytes() -> bytes:
    """The schema as it is published."""
    return json.dumps(SCHEMA, indent=1).encode() + b"\n"
