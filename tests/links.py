"""in-toto links and layouts in their first wrapper, as in-toto's own tools write them.

python -m tests.links   writes tests/vectors/in_toto_link.json anew
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.folders import BUILDER
from wherefrom.formats import olpc_json

VECTOR = Path(__file__).parent / "vectors" / "in_toto_link.json"
SOURCE, TOOL, APP = ("1" * 64, "2" * 64, "3" * 64)


def link(**fields: Any) -> dict[str, Any]:
    """The link of a step that made ``app`` of ``app.c``, and left ``make.sh`` as it was."""
    return {
        "_type": "link",
        "name": "build",
        "command": ["cc", "-o", "app", "app.c"],
        "materials": {
            "app.c": {"sha256": SOURCE, "sha512": "4" * 128},
            "make.sh": {"sha256": TOOL},
        },
        "products": {
            "app.c": {"sha256": SOURCE, "sha512": "4" * 128},
            "make.sh": {"sha256": TOOL},
            "app": {"sha256": APP},
        },
        "byproducts": {"stdout": 'a "word"\n', "stderr": "", "return-value": 0},
        "environment": {"variables": ["TOKEN=hush"], "workdir": "/src"},
    } | fields


def layout(*keys: Any, **fields: Any) -> dict[str, Any]:
    """A layout with the one step ``build``, which any of ``keys`` may sign for."""
    known = {
        "f" * 60 + f"{n:04}": {
            "keyid": "f" * 60 + f"{n:04}",
            "keytype": "ed25519",
            "scheme": "ed25519",
            "keyval": {"public": key.public_key.hex()},
        }
        for n, key in enumerate(keys)
    }
    return {
        "_type": "layout",
        "readme": "How app is built\nand nothing else",
        "expires": "2030-01-01T00:00:00Z",
        "keys": known,
        "steps": [
            {
                "_type": "step",
                "name": "build",
                "expected_command": ["cc", "-o", "app", "app.c"],
                "expected_materials": [["ALLOW", "app.c"], ["DISALLOW", "*"]],
                "expected_products": [["CREATE", "app"]],
                "pubkeys": list(known),
                "threshold": 1,
            }
        ],
        "inspect": [
            {
                "_type": "inspection",
                "name": "unpack",
                "run": ["tar", "xf", "app.tar"],
                "expected_materials": [["MATCH", "app", "WITH", "PRODUCTS", "FROM", "build"]],
                "expected_products": [],
            }
        ],
    } | fields


def wrapped(signed: dict[str, Any], *keys: Any, hints: list[str] | None = None) -> bytes:
    """``signed`` in the wrapper, signed by ``keys``; ``hints`` are their keyids."""
    message = olpc_json.encode(signed)
    hints = ["e" * 60 + f"{n:04}" for n in range(len(keys))] if hints is None else hints
    signatures = [
        {"keyid": hint, "sig": key.sign(message).hex()}
        for key, hint in zip(keys, hints, strict=True)
    ]
    return json.dumps({"signatures": signatures, "signed": signed}, indent=1).encode()


if __name__ == "__main__":
    VECTOR.write_bytes(wrapped(link(), BUILDER) + b"\n")
