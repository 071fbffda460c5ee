"""The record that tells states: a CDEvent of a type of our own. Pure.

    {"context": {"specversion", "id", "source", "type", "timestamp"},
     "subject": {"id": "prod", "content": {
         "scope": {"environment": "prod"},
         "all": ["artifact"],                       here stands all there is; absent: changes only
         "states": [{"slot", "name", "value", "says", "scope", "at", "properties"}]}},
     "customData": {"gaps": […]}}                   what could not be read; absent: nothing

Sizes:  a document is STATES_MAX states and about BYTES_MAX bytes at most; ``parts`` cuts
Source: CDEvents 0.6.0-draft, spec.md and custom/; docs/kubernetes.md, "What is sent"
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.capture.kubernetes.picture import Place
from wherefrom.formats.states import Scope

SPECVERSION: Final = "0.6.0-draft"
TYPES: Final[Mapping[str, str]] = {
    mode: f"dev.cdeventsx.prov-estate.{mode}.0.1.0" for mode in ("observed", "declared")
}
STATES_MAX: Final = 20_000
BYTES_MAX: Final = 8 * 1024 * 1024
GAPS_MAX: Final = 100
_JSON: Final = msgspec.json.Encoder(order="sorted")


class Said(NamedTuple):
    """A state on its way: what a place holds from ``at`` on; None: from the document's time on."""

    place: Place
    value: str | None
    says: str | None = None
    properties: Mapping[str, Any] = {}
    at: str | None = None


class Heading(NamedTuple):
    """What a document says besides its states."""

    mode: str
    source: str
    id: str
    timestamp: str
    scope: Scope
    whole: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()


def encode(heading: Heading, states: Iterable[Said]) -> bytes:
    """The bytes that are recorded; every state lies in the scope of the heading."""
    environment = heading.scope.environment
    content: dict[str, Any] = {"scope": _parts(heading.scope, Scope())}
    if heading.whole:
        content["all"] = list(heading.whole)
    content["states"] = [_state(said, heading.scope) for said in states]
    document: dict[str, Any] = {
        "context": {
            "specversion": SPECVERSION,
            "id": heading.id,
            "source": heading.source,
            "type": TYPES[heading.mode],
            "timestamp": heading.timestamp,
        },
        "subject": {"id": environment, "content": content},
    }
    if heading.gaps:
        said = list(heading.gaps[:GAPS_MAX])
        if len(heading.gaps) > GAPS_MAX:
            said.append(f"and {len(heading.gaps) - GAPS_MAX} more")
        document |= {"customData": {"gaps": said}, "customDataContentType": "application/json"}
    return _JSON.encode(document)


def _state(said: Said, scope: Scope) -> dict[str, Any]:
    written: dict[str, Any] = {
        "slot": said.place.slot, "name": said.place.name, "value": said.value,
    }  # fmt: skip
    narrowed = _parts(said.place.scope, scope)
    if narrowed:
        written["scope"] = narrowed
    if said.says is not None:
        written["says"] = said.says
    if said.at is not None:
        written["at"] = said.at
    if said.properties:
        written["properties"] = dict(said.properties)
    return written


def _parts(scope: Scope, outer: Scope) -> dict[str, str]:
    told = zip(Scope._fields, scope, outer, strict=True)
    return {part: mine for part, mine, theirs in told if mine and mine != theirs}


def cut(states: Sequence[Said], *, states_max: int = STATES_MAX) -> Iterator[Sequence[Said]]:
    """Pieces that a document can hold."""
    piece: list[Said] = []
    size = 0
    for said in states:
        weight = len(_JSON.encode((said.value, said.says, said.properties))) + 400
        if piece and (len(piece) >= states_max or size + weight > BYTES_MAX):
            yield piece
            piece, size = [], 0
        piece.append(said)
        size += weight
    if piece:
        yield piece


def merged(documents: Iterable[bytes]) -> list[bytes]:
    """Fewer documents that lead to the same picture: of changes that follow each other, the newest.

    Snapshots stay as they are. The states of a merged document say when each was so; it bears the
    id of the last one that went into it.
    """
    made: list[bytes] = []
    waiting: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for written in documents:
        document = msgspec.json.decode(written)
        context, subject = document["context"], document["subject"]
        key = (context["type"], context["source"], subject["id"])
        if "all" in subject["content"]:
            if key in waiting:
                made += _newest(waiting.pop(key))
            made.append(written)
        else:
            waiting.setdefault(key, []).append(document)
    return made + [one for found in waiting.values() for one in _newest(found)]


def _newest(documents: list[dict[str, Any]]) -> Iterator[bytes]:
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    gaps: dict[str, None] = {}
    for document in documents:
        gaps.update(dict.fromkeys(document.get("customData", {}).get("gaps", ())))
        content, told = document["subject"]["content"], document["context"]["timestamp"]
        for state in content["states"]:
            place = {**content["scope"], **state.get("scope", {})}
            key = (state["slot"], state["name"], *sorted(place.items()))
            said = {**state, "at": state.get("at", told)}
            if key not in newest or newest[key]["at"] <= said["at"]:
                newest[key] = said
    states, last = list(newest.values()), documents[-1]
    if gaps:
        last |= {"customData": {"gaps": [*gaps]}, "customDataContentType": "application/json"}
    id = last["context"]["id"]
    for first in range(0, len(states), STATES_MAX):
        last["context"]["id"] = f"{id}.{first}" if first else id
        last["subject"]["content"]["states"] = states[first : first + STATES_MAX]
        yield _JSON.encode(last)
