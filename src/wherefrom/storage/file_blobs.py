"""Blobs as files below one folder: the name is the path, so the folder is a static tile tree.

    write <name>.<pid>.new ──► link to <name> (fails if taken) ──► remove the temporary name

A crash between two steps leaves at most a temporary file. Nothing is synced one by one: ``sync``
flushes the file system once for many blobs, and recovery checks what was put since.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from pathlib import Path

from wherefrom.errors import AlreadyExists, NotFound, StorageError

_NAME = re.compile(r"[a-z0-9]+(/[a-z0-9]+(\.[a-z]+)?)+")


class FileBlobs:
    """The contract ``Blobs`` in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, written: bytes) -> None:
        path = self._path(name)
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            try:
                self._write(new, written)
                os.link(new, path)
            except FileExistsError:
                if path.read_bytes() != written:
                    raise AlreadyExists(
                        "a blob's name is taken by other bytes", where=str(path)
                    ) from None
            finally:
                new.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError("cannot write a blob", where=str(path), got=error) from error

    def get(self, name: str) -> bytes:
        path = self._path(name)
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound("no such blob", where=str(path)) from None
        except OSError as error:
            raise StorageError("cannot read a blob", where=str(path), got=error) from error

    def names(self, prefix: str) -> Iterator[str]:
        for folder, _, files in os.walk(self._folder / prefix):
            for file in files:
                if not file.endswith(".new"):
                    yield str((Path(folder) / file).relative_to(self._folder))

    def sync(self) -> None:
        try:
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                sync_all = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
                if sync_all is None:  # not Linux
                    os.sync()
                elif sync_all(descriptor) != 0:
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StorageError("cannot flush blobs", where=str(self._folder), got=error) from error

    def replace(self, name: str, written: bytes) -> None:
        path = self._path(name)
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            try:
                self._write(new, written)
                os.rename(new, path)
            finally:
                new.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError("cannot write a blob", where=str(path), got=error) from error

    def _write(self, path: Path, written: bytes) -> None:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        with open(descriptor, "wb") as file:
            file.write(written)  # all of it or an error: a full disk may take a part

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a blob name: {name!r}")
        return self._folder / name
