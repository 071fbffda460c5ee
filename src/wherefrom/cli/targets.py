"""What an argument means: an id, or a file that is hashed on the spot.

    ./x  /x  file:x   ──► sha256 of the file
    anything else     ──► an id; if nothing has it and a file does, sha256 of the file

Sizes:  a file is read in pieces of 1 MiB, however large it is
Source: INTERFACES, "Command line"
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

from wherefrom.errors import NotFound, SettingError, StorageError

T = TypeVar("T")
_PIECE_BYTES: Final = 1024 * 1024


def path_of(text: str) -> Path | None:
    """The path that ``text`` can only be, or None. Raises SettingError for another host's file."""
    if text.startswith(("./", "../", "/")):
        return Path(text)
    if text[:5].lower() != "file:":
        return None
    if text[5:7] != "//":
        return Path(unquote(text[5:]))
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise SettingError(
            "a file on another host",
            got=text,
            expected="file:///PATH or a path",
            do="Copy it here first",
        )
    return Path(unquote(parts.path))


def is_file(text: str) -> bool:
    """Whether ``text`` names a file that is there."""
    try:
        return Path(text).is_file()
    except OSError:  # too long for a name, say
        return False


def digest_of(path: Path) -> str:
    """``sha256:`` and the digest of a file. Raises StorageError if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
    except OSError as error:
        raise unreadable(path, error) from error
    return "sha256:" + digest.hexdigest()


def read_file(path: Path, *, bytes_max: int = 64 * 1024 * 1024) -> bytes:
    """All of a small file. Raises StorageError, also for one over ``bytes_max``."""
    try:
        with path.open("rb") as file:
            written = file.read(bytes_max + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(written) > bytes_max:
        raise StorageError(
            "the file is too large", where=str(path), expected=f"{bytes_max} bytes at most"
        )
    return written


def unreadable(path: Path, error: OSError) -> StorageError:
    """A file that the system does not let us read, or write."""
    why = error.strerror or type(error).__name__
    return StorageError("cannot use the file", where=str(path), got=why.lower())


def ask(text: str, question: Callable[[str], T]) -> T:
    """Ask about the thing that an argument means. Raises what the question raises, StorageError."""
    path = path_of(text)
    if path is not None:
        return _ask_of_file(path, question)
    try:
        return question(text)
    except NotFound:
        if not is_file(text):
            raise
        return _ask_of_file(Path(text), question)


def _ask_of_file(path: Path, question: Callable[[str], T]) -> T:
    digest = digest_of(path)
    try:
        return question(digest)
    except NotFound as error:
        if error.got != digest:
            raise
        raise NotFound(
            "no record speaks of this file",
            where=str(path),
            got=digest,
            do="Record what is known of it first: wherefrom record",
        ) from error
