"""The rules for spans of a data directory: a file that people write, read again when it changes.

A file that is wrong is an error when a server starts. Changed to something wrong later, the rules
before it stay, and what is wrong is told: a slip must not end what is collected.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from wherefrom.errors import Error, SettingError
from wherefrom.formats.span_rules import SpanRules, parse

FILE_NAME: Final = "request-rules.json"
_Seen = tuple[int, int, int] | None


class RulesFile:
    """The rules in force; those of ``SpanRules`` where there is no file."""

    def __init__(self, path: Path, *, on_trouble: Callable[[str], None] = lambda says: None):
        """Raises SettingError for a file that is wrong."""
        self._path, self._on_trouble = path, on_trouble
        self._seen = self._look()
        self._rules = self._read()

    def __call__(self) -> SpanRules:
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._rules = self._read()
            except SettingError as error:
                self._on_trouble(f"the rules for spans stay as they were: {error}")
        return self._rules

    def _look(self) -> _Seen:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

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
