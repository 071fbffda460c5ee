"""From pictures to the documents that tell how they differ; documents are CDEvents. Pure.

    picture ──compared with what was told──► changes: began, became, ended   (changes)
    picture ─────────────────────────────────► all of it, with ``all``       (snapshot)

What began is told twice where its beginning is known: from then on, and from now on. Otherwise
one who heard in between that it had ended, from an agent before this one, would leave it ended.

Sizes:  a document is STATES_MAX states and about BYTES_MAX bytes at most; a snapshot that is too
        much for one is cut by slot, and then by service
Source: docs/formats/cdevents.md, "Custom types"; docs/kubernetes.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.capture import changes
from wherefrom.capture.kubernetes.picture import Picture, Place, Stated
from wherefrom.errors import Refused
from wherefrom.formats import states as limits
from wherefrom.formats import timestamps
from wherefrom.formats.states import MODES, Scope, State

STATES_MAX: Final = 20_000
BYTES_MAX: Final = 8 * 1024 * 1024
GAPS_MAX: Final = 100
_STATE_BYTES: Final = 400  # of a state, besides its values and properties
_Key = tuple[str, str]  # mode, environment


class Said(NamedTuple):
    """A state on its way: what a place holds from ``at`` on; None: from the document's time on."""

    place: Place
    value: str | None
    says: str | None = None
    properties: Mapping[str, Any] = {}
    at: str | None = None


class Teller:
    """Remembers what was told. Times are RFC 3339 as ``timestamps`` writes them.

    source  who tells: ``/kubernetes/<cluster>``
    """

    def __init__(self, *, source: str) -> None:
        self._source = source
        self._told: dict[Place, tuple[Stated, str]] = {}

    def changes(self, picture: Picture, *, now: str) -> list[bytes]:
        """What became different since the last call of either."""
        found, gaps = self._differences(picture, now, again=False)
        made = []
        for mode, environment in sorted(found):
            for piece in cut(found[mode, environment]):
                made.append(self._encode(mode, Scope(environment), piece, now, gaps=gaps))
        return made

    def snapshot(
        self,
        picture: Picture,
        *,
        now: str,
        environments: Collection[str],
        whole: Collection[tuple[str, str]],
    ) -> list[bytes]:
        """All of it, for each environment and mode.

        environments  also those in which there is nothing
        whole         the modes and slots that the picture has entirely
        """
        found, gaps = self._differences(picture, now, again=True)
        unknown = {(p.mode, p.scope.environment, p.slot) for p in picture.unknown}
        made = []
        for environment in sorted(environments):
            for mode in MODES:
                slots = sorted(
                    slot for m, slot in whole
                    if m == mode and (mode, environment, slot) not in unknown
                )  # fmt: skip
                for scope, some, piece in _pieces(
                    found.get((mode, environment), []), Scope(environment), slots
                ):
                    made.append(self._encode(mode, scope, piece, now, whole=some, gaps=gaps))
        return made

    def _differences(
        self, picture: Picture, now: str, *, again: bool
    ) -> tuple[dict[_Key, list[Said]], tuple[str, ...]]:
        """What to say, by mode and environment; with ``again`` also what was said already."""
        found: dict[_Key, list[Said]] = defaultdict(list)
        unsayable = []
        told: dict[Place, tuple[Stated, str]] = {}
        for place, stated in picture.states.items():
            before = self._told.get(place)
            try:
                _check(place, stated)
            except Refused as error:
                unsayable.append(f"{place.slot} {place.name} of {place.scope.service}: {error}")
                continue
            if before is not None and before[0] == stated and (not again or stated.until):
                told[place] = before
                continue
            told[place] = (stated, now)
            found[place.mode, place.scope.environment].extend(_said(place, stated, before, now))
        for place, before in self._told.items():
            if place in told:
                continue
            if place in picture.unknown:
                told[place] = before  # it holds what we said, for all that we know
            elif before[0].until is None:
                found[place.mode, place.scope.environment].append(Said(place, None))
        self._told = told
        return found, (*picture.gaps, *unsayable)

    def _encode(
        self, mode: str, scope: Scope, piece: Sequence[Said], now: str,
        *, whole: tuple[str, ...] = (), gaps: tuple[str, ...] = (),
    ) -> bytes:  # fmt: skip
        return changes.estate(
            mode, scope, [_state(said, scope) for said in piece], all_of=whole, at=now,
            source=self._source, gaps=_some(gaps),
        )  # fmt: skip


def _said(
    place: Place, stated: Stated, before: tuple[Stated, str] | None, now: str
) -> Iterator[Said]:
    """What a place began to hold, holds, or held. Nothing is dated before what was said last."""
    value, says, properties, since, until = stated
    running = before[0] if before is not None and before[0].until is None else None
    floor = before[1] if running is not None and before is not None else ""
    began = running is None or (running.value, running.since) != (value, since)
    if since is not None and began and floor < since < now:
        yield Said(place, value, says, properties, since)
        floor = since
    if until is None:
        yield Said(place, value, says, properties)
        return
    # Nodes count whole seconds: what ended in the one that it began in ran until the next.
    ended = until if until > floor else _second_after(floor) if floor == until else now
    yield Said(place, None, says, properties, ended if ended < now else None)


def _second_after(time: str) -> str:
    return timestamps.to_text(timestamps.parse(time, where="") + timedelta(seconds=1))


def _pieces(
    found: Sequence[Said], scope: Scope, slots: Sequence[str]
) -> Iterator[tuple[Scope, tuple[str, ...], Sequence[Said]]]:
    """Documents of a snapshot: one, or by slot, or by service; the scope, what is whole, states."""
    cuts = list(cut(found))
    if len(cuts) <= 1:
        if found or slots:
            yield scope, tuple(slots), found
        return
    by_slot: Mapping[str, list[Said]] = defaultdict(list)
    for said in found:
        by_slot[said.place.slot].append(said)
    for slot in sorted({*by_slot, *slots}):
        whole = (slot,) if slot in slots else ()
        if len(list(cut(by_slot[slot]))) <= 1:
            yield scope, whole, by_slot[slot]
            continue
        by_service: Mapping[str, list[Said]] = defaultdict(list)
        for said in by_slot[slot]:
            by_service[said.place.scope.service].append(said)
        for service, some in sorted(by_service.items()):
            parts = list(cut(some))
            for part in parts:
                # What has no service cannot be a scope of its own.
                sole = len(parts) == 1 and service
                yield scope._replace(service=service), whole if sole else (), part


def _check(place: Place, stated: Stated) -> None:
    """Raises LimitPassed or Malformed for what no record may say."""
    limits.check((State(*place, stated.value),), ())


def _state(said: Said, scope: Scope) -> dict[str, Any]:
    place, value, says, properties, at = said
    narrowed = {
        part: mine
        for part, mine, outer in zip(Scope._fields, place.scope, scope, strict=True)
        if mine and mine != outer
    }
    told = {"scope": narrowed, "says": says, "at": at, "properties": dict(properties)}
    written = {"slot": place.slot, "name": place.name, "value": value}
    return {**written, **{key: given for key, given in told.items() if given}}


def _some(gaps: Sequence[str]) -> list[str]:
    more = len(gaps) - GAPS_MAX
    return [*gaps[:GAPS_MAX], *([f"and {more} more"] if more > 0 else [])]


def cut(states: Sequence[Said]) -> Iterator[Sequence[Said]]:
    """Pieces that a document can hold."""
    piece: list[Said] = []
    size = 0
    for said in states:
        weight = len(msgspec.json.encode((said.value, said.says, said.properties))) + _STATE_BYTES
        if piece and (len(piece) >= STATES_MAX or size + weight > BYTES_MAX):
            yield piece
            piece, size = [], 0
        piece.append(said)
        size += weight
    if piece:
        yield piece


def merged(documents: Iterable[bytes]) -> list[bytes]:
    """Fewer documents that lead to the same picture: of changes that follow each other, the newest.

    Snapshots stay as they are. The states of a merged document say when each was so.
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


def _newest(documents: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    gaps: dict[str, None] = {}
    for document in documents:
        gaps.update(dict.fromkeys(document.get("customData", {}).get("gaps", ())))
        content, told = document["subject"]["content"], document["context"]["timestamp"]
        for state in content["states"]:
            scope = {**content["scope"], **state.get("scope", {})}
            key = (state["slot"], state["name"], *sorted(scope.items()))
            said = {**state, "scope": scope, "at": state.get("at", told)}
            if key not in newest or newest[key]["at"] <= said["at"]:
                newest[key] = said
    states, context = list(newest.values()), documents[-1]["context"]
    mode = context["type"].removeprefix("dev.cdeventsx.prov-estate.").partition(".")[0]
    for first in range(0, len(states), STATES_MAX):
        yield changes.estate(
            mode, Scope(documents[-1]["subject"]["id"]), states[first : first + STATES_MAX],
            all_of=(), at=context["timestamp"], source=context["source"], gaps=_some([*gaps]),
        )  # fmt: skip
