"""What an agent's documents lead to: read as a server reads them, and folded by the estate view.

told = Told(); told.add(documents); told.held(at)  ──► {(mode, scope, slot, name): Held}
"""

from __future__ import annotations

import json

import apsw

from wherefrom.formats import cdevents, timestamps
from wherefrom.formats.states import Scope, check
from wherefrom.views.estate import EstateSnapshot, schema
from wherefrom.views.estate.tables import Tables


class Told:
    """An estate in memory."""

    def __init__(self):
        self._db = apsw.Connection(":memory:")
        schema.create(self._db, facts_version=0)
        self._tables = Tables(self._db)
        self.size = 0

    def add(self, contents):
        """Record documents, in order."""
        for content in contents:
            document = json.loads(content)
            facts = cdevents.facts(document, document_id=f"document:{self.size}")
            check(facts.states, facts.wholes)
            source, said = document["context"]["source"], document["context"]["timestamp"]
            self._tables.add(self.size, facts, source=source, at=timestamps.micros(said))
            self.size += 1

    def held(self, at, **narrowed):
        """What held at a time, by place."""
        snapshot = EstateSnapshot(self._db, origin="", size=self.size, root=None)
        found = snapshot.held(Scope(), at=timestamps.micros(at), **narrowed)
        return {(h.mode, h.scope, h.slot, h.name): h for h in found}

    def values(self, at, **narrowed):
        """Only the values."""
        return {place: held.value for place, held in self.held(at, **narrowed).items()}
