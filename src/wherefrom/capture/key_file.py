"""A new secret key in a file that only its owner reads: all of it or none, and never over another.

Sizes:  KEY_BYTES bytes, as hex digits and a line's end
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32


def make(path: Path) -> bool:
    """Make a key where there is none. True if it was made here and now. Raises OSError."""
    if path.exists():
        return False
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(new, path)  # never over one that somebody else made a moment ago
    except FileExistsError:
        return False
    finally:
        os.unlink(new)
    return True
