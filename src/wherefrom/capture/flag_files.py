"""A file of flags, whenever it is another than it was: looked at, never locked.

    stat ──as before──► nothing
       └ another ──► bytes ──► those told last? nothing : JSON that is sent

Only what was told is not told again: what failed on the way comes back at the next look. A look is
one ``stat``, through whatever links lead to the file, so that a file that is replaced and a
ConfigMap whose ``..data`` turns to another folder are seen alike, also where nothing notifies.

A file that was written less than SETTLED_SECONDS ago is read at each look: it could be written
again within one tick of the disk's clock.

Sizes:  16 MiB a file
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wherefrom.errors import LimitPassed, Malformed, StorageError
from wherefrom.formats import strict_json, yaml_text

FILE_BYTES_MAX: Final = 16 * 1024 * 1024
SETTLED_SECONDS: Final = 2
_Stamp = tuple[int, int, int, int]


class WatchedFile:
    """One file, and what of it was told last."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._told: bytes | None = None
        self._told_stamp: _Stamp | None = None
        self._stamp: _Stamp | None = None

    def changed(self) -> bytes | None:
        """Its content as JSON, if it is another than that which was told last.

        Raises StorageError for a file that cannot be read, Malformed for one that is no JSON or
        YAML: half written, it is another one at the next look.
        """
        try:
            stat = self._path.stat()
        except OSError as error:
            raise self._unreadable(error) from error
        stamp = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        is_settled = abs(self._now() - stat.st_mtime) > SETTLED_SECONDS
        self._stamp = stamp if is_settled else None
        if is_settled and stamp == self._told_stamp:
            return None
        content = self.read()
        if content == self._told:
            self._told_stamp = self._stamp
            return None
        return content

    def told(self, content: bytes) -> None:
        """``content``, which ``changed`` gave last, need not be told again."""
        self._told, self._told_stamp = content, self._stamp

    def read(self) -> bytes:
        """Its content as JSON. Raises StorageError, LimitPassed, Malformed."""
        try:
            with self._path.open("rb") as file:
                content = file.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise self._unreadable(error) from error
        if len(content) > FILE_BYTES_MAX:
            raise LimitPassed(
                "the file of flags is too large", where=str(self._path),
                expected=f"{FILE_BYTES_MAX} bytes at most",
            )  # fmt: skip
        if self._path.suffix in (".yaml", ".yml"):
            content = _from_yaml(content, self._path)
        strict_json.decode(content)
        return content

    def _unreadable(self, error: OSError) -> StorageError:
        return StorageError(
            "the file of flags cannot be read", where=str(self._path), got=error.strerror
        )


def _from_yaml(content: bytes, path: Path) -> bytes:
    import yaml  # late: most files are JSON

    try:
        yaml_text.need_shallow(content.decode("utf-8-sig"), where=str(path))
        document = yaml.safe_load(content)
        return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (yaml.YAMLError, Malformed, TypeError, ValueError, RecursionError) as error:
        raise Malformed("not YAML that JSON can say", where=str(path), got=str(error)) from error
