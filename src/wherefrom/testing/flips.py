"""Tampering: one bit of a file, or one word of a view, changed by somebody who could write there.

flip(path, bit)       the bytes as they were, to be put back
where_lies(...)       the bit in the middle of a content, as it lies in the journal
rename_in_view(...)   a view that says another name: SQLite itself finds nothing wrong with it
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from wherefrom.errors import NotFound


def flip(path: Path, bit: int) -> None:
    """Change one bit in place; the same call puts it back. Raises OSError, IndexError."""
    with open(path, "r+b") as file:
        file.seek(bit // 8)
        found = file.read(1)
        if not found:
            raise IndexError(f"{path} has no bit {bit}")
        file.seek(bit // 8)
        file.write(bytes([found[0] ^ 1 << bit % 8]))
        file.flush()
        os.fsync(file.fileno())


def where_lies(content: bytes, folder: Path) -> tuple[Path, int]:
    """The journal's file that holds ``content``, and a bit in its middle. Raises NotFound."""
    for path in sorted((folder / "journal").glob("*.wfj")):
        at = path.read_bytes().find(content)
        if at >= 0:
            return path, 8 * (at + len(content) // 2)
    raise NotFound("no file of the journal holds this content", where=str(folder / "journal"))


def rename_in_view(path: Path, *, name: str, to: str) -> int:
    """In the graph that lies at ``path``, call what is called ``name`` otherwise; how often.

    Raises apsw.Error.
    """
    db = apsw.Connection(str(path))
    try:
        db.set_busy_timeout(10_000)
        db.execute("UPDATE mentions SET name = ? WHERE name = ?", (to, name))
        return db.changes()
    finally:
        db.close()
