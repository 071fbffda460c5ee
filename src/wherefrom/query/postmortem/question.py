"""Where incidents are asked about: which there were, what was said, and the report of one.

    text ──find──► the stay ──┬─ words, causes ──────────────► show
                              └─ report.py: ranking, timeline, gaps ──► report

A report has no clock: asked again of the log at the same size, with the same series, it is the same.
"Now" is when the newest entry of that size was received.
"""  # noqa: E501 - the picture

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import msgspec

from wherefrom.errors import Malformed
from wherefrom.formats import entry as entries
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import micros
from wherefrom.log.reader import LogReader
from wherefrom.query.catalog import CatalogQuestions, Catalogs
from wherefrom.query.incidents import Incidents
from wherefrom.query.postmortem.listed import briefs, find_stay, stays
from wherefrom.query.postmortem.looking import Asking, Looking, position
from wherefrom.query.postmortem.words import causes_of, words_of
from wherefrom.query.postmortem_answers import IncidentList, IncidentShown, Postmortem
from wherefrom.query.reality import Reality

LIST_DEFAULT: Final = 50
LIST_MAX: Final = 1_000


class IncidentsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which are listed: of a service, of an environment; ``open`` only those that are."""

    service: str = ""
    environment: str = ""
    open: bool = False
    limit: int = LIST_DEFAULT
    as_of: int | None = None


class Postmortems:
    """Answers over one log's estate, graph, spans and series; safe for several threads."""

    def __init__(
        self,
        log: LogReader,
        reality: Reality,
        incidents: Incidents,
        catalogs: Catalogs,
        expected: CatalogQuestions,
    ) -> None:
        self._log = log
        self._asking = Asking(log, reality, incidents, catalogs, expected)

    def list(self, wanted: IncidentsWanted) -> IncidentList:
        """Which incidents there were, the newest first. Raises Malformed."""
        if not 0 < wanted.limit <= LIST_MAX:
            raise Malformed("not a limit", expected=f"1 to {LIST_MAX}", got=wanted.limit)
        with self._looking(wanted.as_of) as look:
            scope = Scope(wanted.environment, wanted.service)
            found = stays(look.estate, scope, look.lens)
            if wanted.open:
                found = [one for one in found if one.ended is None]
            return IncidentList(
                incidents=briefs(look.graph, look.lens, found[: wanted.limit]),
                truncated=len(found) > wanted.limit,
                log=position(self._log, look.lens.as_of),
                as_of=look.lens.as_of,
            )

    def show(self, text: str, *, as_of: int | None = None) -> IncidentShown:
        """One incident, and all that was said of it. Raises NotFound."""
        with self._looking(as_of) as look:
            stay = find_stay(look.estate, text, as_of=look.lens.as_of)
            (brief,) = briefs(look.graph, look.lens, [stay])
            words, more = words_of(look.graph, look.lens, stay, self._log.content_of)
            return IncidentShown(
                incident=brief,
                words=words,
                truncated=more,
                causes=causes_of(look.graph, look.lens, stay, self._log.content_of),
                log=position(self._log, look.lens.as_of),
                as_of=look.lens.as_of,
            )

    def report(self, text: str, *, as_of: int | None = None) -> Postmortem:
        """What happened, what was known when, what was uncertain. Raises NotFound, Unavailable."""
        from wherefrom.query.postmortem.report import Reporting  # late: numpy, as asked rarely

        with self._looking(as_of) as look:
            stay = find_stay(look.estate, text, as_of=look.lens.as_of)
            return Reporting(self._asking, look, stay).made()

    @contextlib.contextmanager
    def _looking(self, as_of: int | None) -> Iterator[Looking]:
        with self._asking.reality.snapshots(as_of) as (estate, graph, lens):
            self._log.refresh()
            newest = next(self._log.entries(max(0, lens.as_of - 1), lens.as_of), None)
            read = newest and entries.read_stored(newest, where=f"entry {lens.as_of - 1}")
            yield Looking(estate, graph, lens, micros(read.received) if read else 0)
