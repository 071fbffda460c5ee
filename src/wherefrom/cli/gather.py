"""Files, folders and standard input, as records: cut, and refused as early as they can be.

    PATH… | - ──► files, folders in sorted order ──► open_plain ──► split ──► Found, Found, …

Folders named ``.git`` and links to folders inside a folder are passed over; of what lies in a
folder only regular files are read. Nothing is held but the record at hand.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from wherefrom.cli.targets import path_of, unreadable
from wherefrom.collect.decompress import open_plain
from wherefrom.collect.split import split
from wherefrom.errors import Refused, StorageError

STDIN: Final = "-"
_READ_BYTES: Final = 256 * 1024
_SKIPPED: Final = frozenset({".git"})


class Found(NamedTuple):
    """One record and where it stood: exactly one of ``content``, ``refusal`` and ``unread``."""

    source: str
    line: int | None
    content: bytes | None = None
    refusal: Refused | None = None
    unread: StorageError | None = None


class Source(NamedTuple):
    """A file to read, or one that cannot be; ``size`` in bytes, 0 where that says nothing."""

    name: str
    path: Path | None
    size: int
    unread: StorageError | None = None


def sources(paths: Sequence[str]) -> Iterator[Source]:
    """Every file behind ``paths``, folders walked in sorted order."""
    for text in paths:
        if text == STDIN:
            yield Source(STDIN, None, 0)
        else:
            path = path_of(text) or Path(text)
            yield from _sources_at(path, named=True)


def _sources_at(path: Path, *, named: bool) -> Iterator[Source]:
    name = os.fsencode(path).decode("utf-8", "replace")  # a name need not be text
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            children = [] if not named and path.is_symlink() else sorted(path.iterdir())
            for child in children:
                if child.name not in _SKIPPED:
                    yield from _sources_at(child, named=False)
        elif stat.S_ISREG(status.st_mode):
            yield Source(name, path, status.st_size)
        elif named:  # a pipe, such as <(…)
            yield Source(name, path, 0)
    except OSError as error:
        if named or not path.is_symlink():  # a link to nothing is no file
            yield Source(name, path, 0, unreadable(path, error))


def records(source: Source, *, progress: Callable[[int], None]) -> Iterator[Found]:
    """The records in one source, in order; ``progress`` is told of bytes read."""
    if source.unread is not None:
        yield Found(source.name, None, unread=source.unread)
        return
    try:
        if source.path is None:
            yield from _pieces(source.name, sys.stdin.buffer, progress)
        else:
            with source.path.open("rb") as file:
                yield from _pieces(source.name, file, progress)
    except OSError as error:
        path = source.path or Path(STDIN)
        yield Found(source.name, None, unread=unreadable(path, error))


def _pieces(name: str, file: BinaryIO, progress: Callable[[int], None]) -> Iterator[Found]:
    try:
        for piece in split(open_plain(_counted(file, progress))):
            yield Found(name, piece.line, content=piece.content, refusal=piece.refusal)
    except Refused as error:  # the compression around it; the records before stay good
        yield Found(name, None, refusal=error)


def _counted(file: BinaryIO, progress: Callable[[int], None]) -> Iterator[bytes]:
    while chunk := file.read(_READ_BYTES):
        progress(len(chunk))
        yield chunk
