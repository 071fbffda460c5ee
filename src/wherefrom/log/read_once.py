"""One reading for all views: the first that folds a record reads it, the others are told the rest.

    log ──read──► ReadOnce ──► the graph folds entries n to m: all of each record
                     ├ kept ─► the estate folds n to m: what is stated, and heard, and decisions
                     └ kept ─► health folds n to m: what is counted, and decisions

What a record says costs far more to find out than to fold. Kept of the last range is only what the
other views can need: what records state, what each is heard as, who made it, what is counted of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from wherefrom.formats.counted import Counted, counted_of
from wherefrom.formats.facts import Facts
from wherefrom.formats.heard import heard_of
from wherefrom.log.logged import Around, Logged, LogSource

_NOTHING: Final = Facts(kind="", type="", document="")
_UNCOUNTED: Final = Counted()


class ReadOnce(Around):
    """A ``LogSource`` over another, for views that fold the same ranges one after the other."""

    def __init__(self, log: LogSource, *, facts_of: Callable[[bytes], Facts]) -> None:
        super().__init__(log)
        self._facts_of = facts_of
        self._first = 0
        self._kept: list[Logged] = []

    def read(self, first: int, limit: int) -> Iterator[Logged]:
        """The log's records; those of the last range as far as they state something."""
        if self._first <= first and limit <= self._first + len(self._kept):
            yield from self._kept[first - self._first : limit - self._first]
            return
        self._first, self._kept = first, []
        for logged in self._log.read(first, limit):
            read = self._with_facts(logged)
            self._kept.append(_short(read))
            yield read

    def _with_facts(self, logged: Logged) -> Logged:
        if logged.content is None or logged.facts is not None or logged.entry.trust.level == "self":
            return logged
        try:
            return msgspec.structs.replace(logged, facts=self._facts_of(logged.content))
        except Exception:  # noqa: BLE001 - whoever folds it finds out why
            return logged


def _short(logged: Logged) -> Logged:
    """The record, without what the other views cannot need."""
    facts = logged.facts
    if logged.content is None or logged.entry.trust.level == "self":
        return logged
    if facts is None:
        return Logged(logged.index, logged.entry, b"", _NOTHING, (), _UNCOUNTED)
    stated = Facts(
        kind=facts.kind, type=facts.type, document="", producers=facts.producers[:1],
        sequence=facts.sequence, states=facts.states, wholes=facts.wholes,
    )  # fmt: skip
    heard = tuple(heard_of(facts))
    return Logged(logged.index, logged.entry, b"", stated, heard, counted_of(facts, heard))
