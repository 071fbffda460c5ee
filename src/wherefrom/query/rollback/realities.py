"""The realities that a service had, newest first: what it holds, wound back change by change.

    held now ──► Stand (since the last change)
       └ before that change ──► Stand ──► …    each with the records that ended it

A reality is what is declared in all pools and regions of a service; where nobody declares, what its
instances reported. The same reality at two times is two stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

from wherefrom.formats import canonical_json, reality_id
from wherefrom.formats.digests import sha256_id, strong_id_in
from wherefrom.formats.states import Scope
from wherefrom.views.estate import Changed, Held

# Region, pool, slot and name: where a value is.
Key = tuple[str, str, str, str]
Values = Mapping[Key, frozenset[str]]
_Place = tuple[Scope, str, str]


class Stand(NamedTuple):
    """What a service was for a while, in microseconds since 1970.

    since     None: longer than is looked at; ``until`` None: it is so now
    ended_by  the records that made it another
    """

    since: int | None
    until: int | None
    values: Values
    ended_by: tuple[int, ...]

    @property
    def id(self) -> str:
        """The id of the reality if it has one of each part, else the digest of all its parts."""
        found: dict[str, set[str]] = {"artifact": set(), "config": set(), "policy": set()}
        flags: dict[str, str] = {}
        for (_, _, slot, name), some in self.values.items():
            if slot == "flag":
                flags[name] = min(some)
            else:
                found.setdefault(slot, set()).update(some)
        if all(len(some) <= 1 and all(map(_is_digest, some)) for some in found.values()):
            one = {slot: next(iter(some), None) for slot, some in found.items()}
            return reality_id.Reality(
                one["artifact"], one["config"], reality_id.flag_set(flags) if flags else None,
                one["policy"],
            ).id  # fmt: skip
        parts = [[*key, sorted(some)] for key, some in sorted(self.values.items())]
        return sha256_id(canonical_json.to_bytes(parts))

    def of(self, slot: str) -> set[str]:
        """Every value in a slot."""
        return {value for key, some in self.values.items() if key[2] == slot for value in some}


def stands(held: Iterable[Held], changed: Iterable[Changed]) -> list[Stand]:
    """What a service was, newest first.

    held     what it holds at a time
    changed  what changed until then, the newest first; what was before all of it is a stand too
    """
    state: dict[_Place, str] = {(one.scope, one.slot, one.name): one.value for one in held}
    found: list[Stand] = []
    until: int | None = None
    ended_by: tuple[int, ...] = ()
    for moment, group in groupby(changed, key=lambda change: change.at):
        together = list(group)
        found.append(Stand(moment, until, _values(state), ended_by))
        for one in together:
            place = (one.scope, one.slot, one.name)
            if one.before is None:
                state.pop(place, None)
            else:
                state[place] = one.before
        until, ended_by = moment, tuple(sorted({one.entry for one in together}))
    found.append(Stand(None, until, _values(state), ended_by))
    return _joined(found)


def _values(state: Mapping[_Place, str]) -> Values:
    found: dict[Key, set[str]] = {}
    for (scope, slot, name), value in state.items():
        found.setdefault((scope.region, scope.pool, slot, name), set()).add(value)
    return {key: frozenset(some) for key, some in found.items()}


def _joined(found: Iterable[Stand]) -> list[Stand]:
    """Without those that nothing changed between: one instance of several came or went."""
    joined: list[Stand] = []
    for one in found:
        if joined and joined[-1].values == one.values:
            joined[-1] = joined[-1]._replace(since=one.since)
        else:
            joined.append(one)
    return joined


def _is_digest(value: str) -> bool:
    return strong_id_in(value) == value
