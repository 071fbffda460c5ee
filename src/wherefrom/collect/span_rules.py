"""The rules for spans of a data directory: a file that people write, read again when it changes.

A file that is wrong is an error when a server starts. Changed to something wrong later, the rules
before it stay, and what is wrong is told: a slip must not end what is collected.

Beside it may lie what the catalogue in force says of services, which the fold of the log writes
(``query.catalog.noted``); where that cannot be read, it says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from wherefrom.errors import Error, SettingError
from wherefrom.formats.span_rules import Catalogued, SpanRules, parse

FILE_NAME: Final = "request-rules.json"
_Seen = tuple[int, int, int] | None


class RulesFile:
    """The rules in force; those of ``SpanRules`` where there is no file."""

    def __init__(
        self,
        path: Path,
        *,
        catalogued: Path | None = None,
        on_trouble: Callable[[str], None] = lambda says: None,
    ):
        """Raises SettingError for a file that is wrong."""
        self._path, self._catalogued, self._on_trouble = path, catalogued, on_trouble
        self._seen = self._look(path)
        self._beside = self._look(catalogued)
        self._written = self._read()
        self._rules = self._written.beside(self._read_catalogued())

    def __call__(self) -> SpanRules:
        seen, beside = self._look(self._path), self._look(self._catalogued)
        if (seen, beside) == (self._seen, self._beside):
            return self._rules
        if seen != self._seen:
            self._seen = seen
            try:
                self._written = self._read()
            except SettingError as error:
                self._on_trouble(f"the rules for spans stay as they were: {error}")
        self._beside = beside
        self._rules = self._written.beside(self._read_catalogued())
        return self._rules

    def _look(self, path: Path | None) -> _Seen:
        try:
            found = None if path is None else path.stat()
        except OSError:
            return None
        return None if found is None else (found.st_mtime_ns, found.st_size, found.st_ino)

    def _read_catalogued(self) -> Catalogued:
        try:
            written = b"{}" if self._catalogued is None else self._catalogued.read_bytes()
            return msgspec.json.decode(written, type=Catalogued)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return Catalogued()

    def _read(self) -> SpanRules:
        try:
            return parse(self._path.read_bytes(), where=str(self._path))
        except FileNotFoundError:
            return SpanRules()
        except OSError as error:
            raise SettingError("the rules for spans cannot be read", got=str(error)) from error
        except Error as error:
            raise SettingError(
                error.what, where=error.where, expected=error.expected, got=error.got
            ) from error
