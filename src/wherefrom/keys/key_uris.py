"""How a key that another holds is named: the schemes of its URI. Reading one is ``held``."""

from __future__ import annotations

from typing import Final

SCHEMES: Final = ("awskms", "gcpkms", "azurekms", "hv", "pkcs11")


def is_held_elsewhere(where: str) -> bool:
    """Whether this is a URI of a key that another holds; else it is a file."""
    return where.partition(":")[0] in SCHEMES
