"""What ran where at each moment: the estate of a window, for series that do not say it themselves.

    held at its begin ┐
    changed in it     ├──► Estates ──of(labels)──► Pieces: what was there, by which record
    held at its end   ┘

A series that names its artifact is believed; of all else the place is looked up: first what the
instance itself reports, then what is declared for it, the narrowest scope first. What could be one
of several is left out: a guess would set apart what nobody saw apart.

Sizes:  CHANGES_MAX changes a window; times are seconds since 1970
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from math import inf
from typing import Final, NamedTuple

from wherefrom.formats import reality_id
from wherefrom.formats.series import Labels
from wherefrom.formats.states import OBSERVED, Scope
from wherefrom.views.estate import Changed, EstateSnapshot

SLOTS: Final = ("artifact", "config", "flag", "policy")
CHANGES_MAX: Final = 10_000
SHORT_CHARS_MIN: Final = 8  # of a digest, to know it by its first digits
_MICROS: Final = 1_000_000

Slot = tuple[str, str]  # a slot and which one in it


class Value(NamedTuple):
    """What is in a slot, how people call it, and the record that says so; None: nobody did."""

    value: str
    says: str | None
    entry: int | None


class Piece(NamedTuple):
    """A stretch of time in which nothing changed at a place: from ``since``, before ``until``."""

    since: float
    until: float
    scope: Scope
    values: Mapping[Slot, Value]


class _Place:
    """One slot in one scope, as it went: ``times`` ascending, and what was there from then on."""

    def __init__(self, mode: str, scope: Scope, slot: Slot) -> None:
        self.mode, self.scope, self.slot = mode, scope, slot
        self.times: list[float] = []
        self.held: list[Value | None] = []

    def add(self, at: float, value: Value | None) -> None:
        self.times.append(at)
        self.held.append(value)

    def at(self, moment: float) -> Value | None:
        here = bisect_right(self.times, moment) - 1
        return self.held[here] if here >= 0 else None

    @property
    def order(self) -> tuple[bool, int]:
        """Who is believed first: what was seen, then what is declared, the narrowest of each."""
        return self.mode != OBSERVED, -sum(map(bool, self.scope))


class Estates:
    """The estate from ``since`` to ``until``, seconds since 1970, as known at ``as_of``.

    truncated  whether more changed than is looked at
    """

    def __init__(self, estate: EstateSnapshot, *, since: float, until: float, as_of: int) -> None:
        self._places: dict[tuple[str, Scope, Slot], _Place] = {}
        self._realities: dict[str, dict[Slot, str]] = {}
        asked = {"as_of": as_of, "slots": SLOTS}
        begin, end = int(since * _MICROS), int(until * _MICROS) + 1
        for held in estate.held(Scope(), at=begin, **asked):  # type: ignore[arg-type]
            place = self._place(held.mode, held.scope, (held.slot, held.name))
            place.add(-inf, Value(held.value, held.says, held.entry))
            self._know(held.properties.get("reality"), place.slot, held.value)
        found = estate.changed(
            Scope(),
            since=begin + 1,
            until=end,
            limit=CHANGES_MAX + 1,
            **asked,  # type: ignore[arg-type]
        )
        self.truncated = len(found) > CHANGES_MAX
        for change in sorted(found[:CHANGES_MAX], key=lambda change: change.at):
            self._follow(change)
        for held in estate.held(Scope(), at=end, **asked):  # type: ignore[arg-type]
            self._know(held.properties.get("reality"), (held.slot, held.name), held.value)
        self._of_service: dict[str, list[_Place]] = {}
        for place in self._places.values():
            self._of_service.setdefault(place.scope.service, []).append(place)
        self.of = cache(self._of)

    @property
    def services(self) -> set[str]:
        """Every service of which anything is known."""
        return {service for service in self._of_service if service}

    def differs(self, service: str, slot: Slot) -> bool:
        """Whether a slot of a service held more than one value in the window."""
        places = (p for p in self._of_service.get(service, ()) if p.slot == slot)
        return len({value.value for p in places for value in p.held if value}) > 1

    def beside(self, scope: Scope, slot: Slot, moment: float) -> set[str]:
        """What the same service had in this slot just before ``moment``, in any of its places."""
        before = moment - 1 / _MICROS
        held = (
            place.at(before)
            for place in self._of_service.get(scope.service, ())
            if place.slot == slot and place.scope.environment == scope.environment
        )
        return {value.value for value in held if value is not None}

    def _of(self, labels: Labels) -> list[Piece]:
        """What was where ``labels`` say, stretch by stretch, from ever to ever."""
        mine = self._of_service.get(labels.service, [])
        scope = _scope_of(labels, mine)
        places: dict[Slot, list[_Place]] = {}
        for place in (*mine, *self._of_service.get("", [])):
            if _fits(place.scope, scope):
                places.setdefault(place.slot, []).append(place)
        for some in places.values():
            some.sort(key=lambda place: place.order)
        told = dict(self._told(labels, mine))
        moments = sorted(
            {t for slot, some in places.items() if slot not in told for p in some for t in p.times}
        )
        edges = [-inf, *(t for t in moments if t > -inf), inf]
        pieces = []
        for since, until in pairwise(edges):
            values = {
                slot: value
                for slot, some in places.items()
                if (value := next((v for p in some if (v := p.at(since))), None))
            }
            pieces.append(Piece(since, until, scope, values | told))
        return pieces

    def _told(self, labels: Labels, mine: Iterable[_Place]) -> Iterator[tuple[Slot, Value]]:
        """What the labels say themselves, in the spelling of the estate."""
        known: dict[Slot, dict[str, Value]] = {}
        for place in mine:
            for value in filter(None, place.held):
                known.setdefault(place.slot, {})[value.value] = value
        for slot in ("artifact", "config"):
            text = labels.identity if slot == "artifact" else labels.bundle
            if text:
                names = [key for key in known if key[0] == slot] or [(slot, "")]
                yield from self._named(text, slot, known, _first(names, labels.service))
        for key, text in labels.flags:
            said = known.get(("flag", key), {}).get(text)
            yield ("flag", key), said or Value(text, None, None)

    def _named(
        self, text: str, slot: str, known: Mapping[Slot, Mapping[str, Value]], default: Slot
    ) -> Iterator[tuple[Slot, Value]]:
        for id, parts in self._realities.items():
            if slot == "artifact" and is_short_for(text, id):
                for part, text in parts.items():
                    yield part, known.get(part, {}).get(text) or Value(text, None, None)
                return
        for key, values in known.items():
            for value in values.values():
                if key[0] == slot and (is_short_for(text, value.value) or text == value.says):
                    yield key, value
                    return
        yield default, Value(text, None, None)

    def _place(self, mode: str, scope: Scope, slot: Slot) -> _Place:
        key = (mode, scope, slot)
        if key not in self._places:
            self._places[key] = _Place(*key)
        return self._places[key]

    def _follow(self, change: Changed) -> None:
        place = self._place(change.mode, change.scope, (change.slot, change.name))
        after = None
        if change.after is not None:
            after = Value(change.after, change.says[1], change.entry)
        place.add(change.at / _MICROS, after)

    def _know(self, reality: object, slot: Slot, value: str) -> None:
        if isinstance(reality, str):
            self._realities.setdefault(reality, {})[slot] = value


def _scope_of(labels: Labels, mine: Iterable[_Place]) -> Scope:
    """Where it is, as far as labels, the instance's own reports or the lack of a choice say."""
    said = Scope(labels.environment, labels.service, labels.region, labels.pool, labels.instance)
    some = [p.scope for p in mine]
    names = {labels.instance, labels.instance.rpartition(":")[0]} - {""}
    own = [scope for scope in some if scope.instance in names]
    for scopes in (own, some):
        for part in ("environment", "region", "pool"):
            values = {getattr(scope, part) for scope in scopes}
            if not getattr(said, part) and len(values) == 1:
                said = said._replace(**{part: values.pop()})
    return said._replace(instance=own[0].instance) if own else said


def _fits(place: Scope, where: Scope) -> bool:
    return all(not a or a == b for a, b in zip(place, where, strict=True))


def _first(names: list[Slot], service: str) -> Slot:
    return next((n for n in names if n[1] in ("", service)), min(names))


def is_short_for(text: str, value: str) -> bool:
    """Whether ``text`` is a value, a reality's short name, or a digest's first digits."""
    if text == value or text == reality_id.short(value):
        return True
    digits = text.rpartition(":")[2]
    return len(digits) >= SHORT_CHARS_MIN and value.rpartition(":")[2].startswith(digits)
