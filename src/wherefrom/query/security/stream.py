"""The stream of security events, page by page: nothing is lost or doubled between two pages.

    log from ``since`` on ──reading──► events ──ocsf, cef──► a line each; ``next``: where to go on

A page holds all events of a record or none, and the same records give the same lines for ever, so
whoever keeps ``next`` can begin again there. What is read is the log itself, and no view.

Sizes:  a page reads RECORDS_MAX records, and ends after EVENTS_MAX events
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from wherefrom import __version__
from wherefrom.errors import Malformed
from wherefrom.formats import cef, ocsf
from wherefrom.formats import entry as entries
from wherefrom.formats.entry import Entry
from wherefrom.formats.security_event import SecurityEvent
from wherefrom.log.reader import LogReader
from wherefrom.log.replay import service_key_id
from wherefrom.query.security.reading import events_of

RECORDS_MAX: Final = 5_000
EVENTS_MAX: Final = 1_000
OCSF, CEF = "ocsf", "cef"


class Line(msgspec.Struct, frozen=True):
    """One event as it is written, and what its transport wants to know of it.

    entry, number  the record, and which of its events it is
    """

    text: str
    entry: int
    number: int
    name: str
    severity: int
    at: str


class SecurityPage(msgspec.Struct, frozen=True):
    """Lines in order; ``next`` the record to go on at, from 0. The log ends where it is what was
    asked for."""

    lines: list[Line]
    next: int


def _ocsf(event: SecurityEvent, origin: str) -> str:
    made = ocsf.to_object(event, origin=origin, version=__version__)
    return msgspec.json.encode(made).decode()


def _cef(event: SecurityEvent, origin: str) -> str:
    return cef.to_line(event, origin=origin, version=__version__)


FORMATS: Final[Mapping[str, Callable[[SecurityEvent, str], str]]] = {OCSF: _ocsf, CEF: _cef}


class SecurityDesk:
    """The stream of one log; safe for several threads."""

    def __init__(self, log: LogReader) -> None:
        self._log = log

    @functools.cached_property
    def _own_key(self) -> str:
        return service_key_id(self._log)

    def page(self, format: str, since: int) -> SecurityPage:
        """What concerns security in the records from ``since`` on.

        format  of FORMATS

        Raises Malformed for another format, or a record that the log has not reached.
        """
        if format not in FORMATS:
            raise Malformed("not a format", expected=" ".join(FORMATS), got=format)
        size = self._log.refresh().size
        if not 0 <= since <= size:
            raise Malformed(
                "no such place in the log", where="since", expected=f"0 to {size}", got=since,
                do="A log that is shorter than it was is another log, or an older copy",
            )  # fmt: skip
        written, lines, at = FORMATS[format], [], since
        for logged in self._log.read(since, min(size, since + RECORDS_MAX)):
            for event in events_of(logged, self._entry_of, own_key=self._own_key):
                text = written(event, self._log.origin)
                lines.append(
                    Line(text, event.entry, event.number, event.name, event.severity, event.at)
                )
            at = logged.index + 1
            if len(lines) >= EVENTS_MAX:
                break
        return SecurityPage(lines, at)

    def _entry_of(self, index: int) -> Entry | None:
        if not 0 <= index < self._log.size:
            return None
        return entries.read_stored(self._log.record(index).entry, where=f"entry {index}")
