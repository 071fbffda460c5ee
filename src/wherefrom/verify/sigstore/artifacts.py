"""The thing that a signature is asked about: a file, a digest of one, or a folder that is a model.

    file    ──► any digest that a bundle names, and the bytes for a key that hashes itself
    digest  ──► that one
    folder  ──► any digest of each file in it                          (``model_files`` compares)

Sizes:  a file is read in pieces of 1 MiB, once for each algorithm, and whole only up to 1 GiB ·
        a folder has 1,000,000 files at most
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from wherefrom.errors import LimitPassed, ProofError, SettingError, StorageError
from wherefrom.formats.digests import STRONG

FILES_MAX: Final = 1_000_000
CONTENT_BYTES_MAX: Final = 1024 * 1024 * 1024
_PIECE_BYTES: Final = 1024 * 1024
_DIGEST: Final = re.compile(r"([a-z0-9_]+):([0-9A-Fa-f]+)")
# Digests that the standard library makes; a subject's others are not compared.
HASHES: Final = (
    "sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s",
)  # fmt: skip


class Artifact(Protocol):
    """What a signature may be of."""

    @property
    def name(self) -> str:
        """How to speak of it."""

    def digest(self, algorithm: str) -> bytes | None:
        """Its digest by this algorithm, or None where it cannot be known. Raises StorageError."""

    def content(self) -> bytes | None:
        """Its bytes, or None where only a digest is known. Raises StorageError."""


class GivenDigest:
    """A file of which only a digest is known."""

    def __init__(self, algorithm: str, digest: bytes) -> None:
        self.name = f"{algorithm}:{digest.hex()}"
        self._algorithm, self._digest = algorithm, digest

    def digest(self, algorithm: str) -> bytes | None:
        """The digest, if it is by this algorithm."""
        return self._digest if algorithm == self._algorithm else None

    def content(self) -> bytes | None:
        """Nothing."""
        return None


class FileArtifact:
    """A file, read when a digest is first asked for."""

    def __init__(self, path: Path, *, start: int = 0, end: int | None = None) -> None:
        self.name = os.fspath(path)
        self._path, self._start, self._end = path, start, end
        self._digests: dict[str, bytes] = {}

    def digest(self, algorithm: str) -> bytes | None:
        """The digest, or None for an algorithm that is not known here."""
        if algorithm not in HASHES:
            return None
        if algorithm not in self._digests:
            hashed = hashlib.new(algorithm)
            for piece in self._pieces():
                hashed.update(piece)
            self._digests[algorithm] = hashed.digest()
        return self._digests[algorithm]

    def content(self) -> bytes | None:
        """All of the file. Raises LimitPassed over CONTENT_BYTES_MAX."""
        if self.size() > CONTENT_BYTES_MAX:
            raise LimitPassed(
                "an Ed25519 key signs the file itself, and it is too large to hold",
                where=self.name,
                expected=f"{CONTENT_BYTES_MAX} bytes at most",
            )
        return b"".join(self._pieces())

    def size(self) -> int:
        """How many bytes the file has. Raises StorageError."""
        try:
            return self._path.stat().st_size
        except OSError as error:
            raise unreadable(self._path, error) from error

    def _pieces(self) -> Iterator[bytes]:
        at = self._start
        try:
            with self._path.open("rb") as file:
                file.seek(at)
                while self._end is None or at < self._end:
                    wanted = _PIECE_BYTES if self._end is None else self._end - at
                    piece = file.read(min(wanted, _PIECE_BYTES))
                    if not piece:
                        return
                    at += len(piece)
                    yield piece
        except OSError as error:
            raise unreadable(self._path, error) from error


class FolderArtifact:
    """A folder that holds a model; ``ignored`` are paths in it that are no part of the model."""

    def __init__(self, path: Path, *, ignored: Sequence[str] = ()) -> None:
        self.name = os.fspath(path)
        self.path, self.ignored = path, tuple(ignored)

    def digest(self, algorithm: str) -> bytes | None:
        """Nothing: a folder has none of its own."""
        return None

    def content(self) -> bytes | None:
        """Nothing."""
        return None

    def files(self, ignored: Sequence[str]) -> list[str]:
        """Paths of its files relative to it, with ``/``, sorted; without what is ``ignored``.

        Raises StorageError, LimitPassed, and ProofError for a link: what it leads to is no part
        of what was signed.
        """
        left_out = {*ignored, *self.ignored}
        found: list[str] = []
        folders = [""]
        while folders:
            inside = folders.pop()
            try:
                with os.scandir(self.path / inside) as listed:
                    entries = list(listed)
            except OSError as error:
                raise unreadable(self.path / inside, error) from error
            for entry in entries:
                path = f"{inside}/{entry.name}".lstrip("/")
                if path in left_out:
                    continue
                if entry.is_symlink():
                    raise ProofError(
                        "a symbolic link in a model", where=path, expected="files and folders",
                        do="Ignore it, or give the model without links",
                    )  # fmt: skip
                if entry.is_dir():
                    folders.append(path)
                else:
                    found.append(path)
            if len(found) > FILES_MAX:
                raise LimitPassed("a model with too many files", expected=f"{FILES_MAX} at most")
        return sorted(found)


def parse_digest(text: str) -> GivenDigest | None:
    """``sha256:HEX`` and its like as an artifact; None for a text that is no digest at all.

    Raises SettingError for the digest of an algorithm that is not known, or one cut short.
    """
    match = _DIGEST.fullmatch(text)
    if match is None:
        return None
    algorithm, digits = match[1], match[2]
    if algorithm not in HASHES or len(digits) != STRONG[algorithm]:
        raise SettingError(
            "not a digest that a signature can be compared with",
            got=text[:80],
            expected=", ".join(f"{name}: and {STRONG[name]} hex digits" for name in HASHES[:3]),
        )
    return GivenDigest(algorithm, bytes.fromhex(digits))


def unreadable(path: Path, error: OSError) -> StorageError:
    """A file or folder that the system does not let us read."""
    why = error.strerror or type(error).__name__
    return StorageError("cannot use the file", where=os.fspath(path), got=why.lower())
