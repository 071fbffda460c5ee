"""Wherefrom: where things come from and what became of them, with proof."""

from typing import Any

__version__ = "0.1.0"

# name → the module that has it, imported when it is first asked for: whoever imports us to be
# recorded pays for nothing else.
_LATE = {
    "identity": "wherefrom.capture.identity",
    "loaded": "wherefrom.capture.identity",
    "invocation": "wherefrom.capture.invocation",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'wherefrom' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATE[name]), name)
