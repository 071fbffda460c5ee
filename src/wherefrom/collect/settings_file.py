"""Settings of a data directory in a file that people write, read again when it changes.

A file that is wrong is an error when a server starts. Changed to something wrong later, what it
said before stays, and what is wrong is told: a slip must not end what is collected.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from wherefrom.errors import Error, SettingError

SPAN_RULES: Final = "request-rules.json"
SERIES: Final = "series.json"
ROLLBACK: Final = "rollback.json"
FEEDS: Final = "feeds.json"
WATCH: Final = "watch.yaml"
NOTIFY: Final = "notify.yaml"
OBJECTIVES: Final = "objectives.yaml"
COVERAGE: Final = "coverage.yaml"
QUESTIONS: Final = "questions.yaml"
_Seen = tuple[int, int, int] | None
T = TypeVar("T")
Read = TypeVar("Read", covariant=True)


class Parse(Protocol[Read]):
    """Reads what a file holds. Raises Malformed."""

    def __call__(self, content: bytes, *, where: str) -> Read: ...


class SettingsFile(Generic[T]):
    """What a file says now; ``default`` where there is none.

    what  how it is called where something is wrong with it
    """

    def __init__(
        self, path: Path, parse: Parse[T], default: T, *, what: str,
        on_trouble: Callable[[str], None] = lambda says: None,
    ) -> None:  # fmt: skip
        """Raises SettingError for a file that is wrong."""
        self._path, self._parse, self._default, self._what = path, parse, default, what
        self._on_trouble = on_trouble
        self._seen = self._look()
        self._said = self._read()

    def __call__(self) -> T:
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._said = self._read()
            except SettingError as error:
                self._on_trouble(f"{self._what} stay as they were: {error}")
        return self._said

    def _look(self) -> _Seen:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> T:
        return read(self._path, self._parse, self._default, what=self._what)


def read(path: Path, parse: Parse[T], default: T, *, what: str) -> T:
    """What a file says, once. Raises SettingError."""
    try:
        return parse(path.read_bytes(), where=str(path))
    except FileNotFoundError:
        return default
    except OSError as error:
        raise SettingError(
            f"{what} cannot be read",
            got=str(error),
            do="Let the owner of the directory read it: wherefrom doctor",
        ) from error
    except Error as error:
        raise SettingError(
            error.what,
            where=error.where,
            expected=error.expected,
            got=error.got,
            do=error.do or "Mend the file; wherefrom doctor names the line",
        ) from error
