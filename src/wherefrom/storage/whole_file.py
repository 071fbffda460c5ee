"""A small file that is replaced whole, or not at all.

    write <name>.new ──► flush to the disk ──► rename ──► flush the folder

A crash between two steps leaves the file as it was, and perhaps a temporary one.
"""

from __future__ import annotations

import os
from pathlib import Path

from wherefrom.storage.file_head import sync_folder


def replace_whole(path: Path, written: bytes) -> None:
    """Put ``written`` where ``path`` was, durably. Raises OSError."""
    new = path.with_name(path.name + ".new")
    with open(new, "wb") as file:
        file.write(written)
        file.flush()
        os.fdatasync(file.fileno())
    os.rename(new, path)
    sync_folder(path.parent)
