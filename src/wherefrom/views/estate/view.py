"""The fold: from the log to intervals of state, a bounded number of records at a time.

    LogSource ──read──► Logged ──facts──► states, wholes ──retell──► intervals ──┐ one transaction
        │                  └ tombstone ──► taken back, and told again ───────────┤
        └─root_at(size)──────────────────────────────────────────────────────────┘ with size, root

How a view opens, steps and forgets is ``views.folded``'s. What a record says in a way that cannot
be read is a gap of the graph view; here it says nothing.

Sizes:  a transaction holds at most RECORDS_MAX records
Source: docs/decisions/0026-estate.md
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import apsw

from wherefrom.errors import Error
from wherefrom.formats import dsse, own, strict_json, timestamps
from wherefrom.formats.heard import heard_of
from wherefrom.log.logged import Logged
from wherefrom.views.estate import schema
from wherefrom.views.estate.clocks import Clocks
from wherefrom.views.estate.heard import HeardTables
from wherefrom.views.estate.tables import Tables
from wherefrom.views.folded import FactsOf, FoldedView
from wherefrom.views.view_file import Shape


class EstateView(FoldedView):
    """The one writer of an estate file. Readers open ``EstateReader`` on the same path."""

    called: ClassVar[str] = "estate"
    shape: ClassVar[Shape] = schema.SHAPE

    def __init__(
        self, db: apsw.Connection, *, path: Path, facts_of: FactsOf, facts_version: int
    ) -> None:
        super().__init__(db, path=path, facts_of=facts_of, facts_version=facts_version)
        self._tables = Tables(db)
        self._clocks = Clocks(db)
        self._heard = HeardTables(db)
        self._reload()

    def _take(self, logged: Logged) -> None:
        entry = logged.entry
        self._clocks.add(logged.index, entry)
        if logged.content is None:
            return
        if entry.trust.level == "self":
            if entry.kind == "tombstone":
                self._erase(logged.content)
            return
        try:
            facts = logged.facts or self._facts_of(logged.content)
        except Exception:  # noqa: BLE001 - the graph says that it could not be read
            return
        said = facts.producers[0] if facts.producers else ""
        at = timestamps.micros(entry.occurred or entry.received)
        received = timestamps.micros(entry.received)
        heard = heard_of(facts) if logged.heard is None else logged.heard
        self._heard.add(
            logged.index, heard, source=said, producer=entry.producer, at=min(at, received)
        )
        if facts.states or facts.wholes or facts.sequence is not None:
            self._tables.add(
                logged.index, facts, source=said or entry.producer, at=at, heard=received
            )

    def _erase(self, content: bytes) -> None:
        try:
            envelope = dsse.parse(strict_json.as_object(strict_json.decode(content), where=""))
            decision = own.parse_payload(envelope.payload_type, envelope.payload)
        except Error:
            return
        if isinstance(decision, own.Tombstone):
            self._tables.erase(decision.entry)
            self._heard.erase(decision.entry)
            self._unswept = True

    def _flush(self) -> None:
        self._tables.flush()
        self._clocks.write()
        self._heard.flush()

    def _forget(self) -> None:
        self._tables.forget()
        self._clocks.forget()
        self._heard.forget()
