"""For the tests of formats that tell of changes: a document alone, or in a CloudEvent."""

from __future__ import annotations

import json
from typing import Any

from wherefrom.formats.facts import Facts, Node
from wherefrom.formats.recognise import facts_of, read
from wherefrom.formats.states import State


def alone(document: Any) -> Facts:
    """What the document says by itself."""
    return facts_of(json.dumps(document).encode())


def format_of(document: Any) -> str:
    """The format that knows it."""
    return read(json.dumps(document).encode()).format


def told(document: Any, **attributes: Any) -> Facts:
    """What it says as the data of a CloudEvent; ``environment`` is prod."""
    event = {
        "specversion": "1.0", "id": "1", "source": "https://example.org/hook", "type": "t",
        "environment": "prod", **attributes, "data": document,
    }  # fmt: skip
    found = facts_of(json.dumps(event).encode())
    unread = (node(found, found.document).properties or {}).get("data_unread")
    assert unread is None, unread
    return found


def said(facts: Facts) -> dict[tuple[str, str], str | None]:
    """The value of each state, by slot and name."""
    return {(state.slot, state.name): state.value for state in facts.states}


def only(facts: Facts) -> State:
    """The one state."""
    (state,) = facts.states
    return state


def node(facts: Facts, id: str) -> Node:
    """The node with this id."""
    return next(n for n in facts.nodes if n.id == id)


def of_kind(facts: Facts, kind: str) -> list[Node]:
    """The nodes of a kind."""
    return [n for n in facts.nodes if n.kind == kind]


def links(facts: Facts) -> set[tuple[str, str, str]]:
    """Its edges."""
    return {(e.source, e.relation, e.target) for e in facts.edges}
