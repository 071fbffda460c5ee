"""What an agent's documents lead to: read back, and folded by the estate view itself.

told = Told(); told.add(documents); told.held(at)  ──► {(mode, scope, slot, name): Held}
"""

from __future__ import annotations

import json

import apsw

from wherefrom.formats import timestamps
from wherefrom.formats.facts import Facts
from wherefrom.formats.states import Scope, State, Whole, check
from wherefrom.views.estate import EstateSnapshot, schema
from wherefrom.views.estate.tables import Tables

TYPE = "dev.cdeventsx.prov-estate."


def read(content):
    """States and wholes of one document, as its format says."""
    document = json.loads(content)
    context, subject = document["context"], document["subject"]
    assert context["specversion"] == "0.6.0-draft"
    assert context["type"].startswith(TYPE)
    assert context["type"].endswith(".0.1.0")
    mode = context["type"].removeprefix(TYPE).removesuffix(".0.1.0")
    inside = subject["content"]
    scope = Scope(**inside["scope"])
    assert subject["id"] == scope.environment
    states = []
    for said in inside["states"]:
        assert said.keys() <= {"slot", "name", "value", "says", "scope", "at", "properties"}
        narrowed = Scope(**{**inside["scope"], **said.get("scope", {})})
        states.append(
            State(mode, narrowed, said["slot"], said["name"], said["value"], said.get("says"),
                  said.get("properties"), said.get("at"))
        )  # fmt: skip
    wholes = [Whole(mode, scope, tuple(inside["all"]))] if "all" in inside else []
    check(tuple(states), tuple(wholes))
    return context, states, wholes


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
            context, states, wholes = read(content)
            facts = Facts(
                kind="observation", type=context["type"], states=tuple(states),
                wholes=tuple(wholes),
            )  # fmt: skip
            at = timestamps.micros(context["timestamp"])
            self._tables.add(self.size, facts, source=context["source"], at=at)
            self.size += 1

    def held(self, at, **narrowed):
        """What held at a time, by place."""
        snapshot = EstateSnapshot(self._db, origin="", size=self.size, root=None)
        found = snapshot.held(Scope(), at=timestamps.micros(at), **narrowed)
        return {(h.mode, h.scope, h.slot, h.name): h for h in found}

    def values(self, at, **narrowed):
        """Only the values."""
        return {place: held.value for place, held in self.held(at, **narrowed).items()}
