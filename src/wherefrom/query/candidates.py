"""The estate's changes as candidates: a rollout that took many statements is one change.

    changes of an estate ──► by service, slot, name, before and after ──► Change, with its steps
     declared: pools, regions …      └ what instances report fits itself into the one that declared
     observed: instances come, go      it, as a step; or is a change that nobody declared

``rank_changes`` takes what comes out, with series whose ``identity`` is the estate's value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from wherefrom.formats.states import DECLARED
from wherefrom.formats.why_case import Change, Step, seconds
from wherefrom.query import reality_answers as estate

KIND_OF: Final[Mapping[str, str]] = {
    "artifact": "deploy",
    "config": "config",
    "flag": "flag",
    "policy": "config",
    "safe_mode": "config",
    "secret": "secret",
    "migration": "migration",
    "scale": "infra",
    "share": "infra",
    "resource": "infra",
}  # not what is asked about (``incident``) or answers it (``response``), ``catalog`` or its like
APART_S: Final = 3_600.0  # the same change again, so much later, is another one
EARLY_S: Final = 60.0  # so much before it is declared, an instance may report a change


class Candidate(NamedTuple):
    """A change, the statement that it begins with, and the records of all of its parts."""

    change: Change
    first: estate.Change
    entries: tuple[int, ...]


class _Rollout(NamedTuple):
    first: estate.Change
    started: float
    moments: list[float]
    added: dict[float, list[str]]
    removed: dict[float, list[str]]
    entries: set[int]


_ByPlace = defaultdict[tuple[str, str, str, str], list[_Rollout]]


def changes_of(found: Iterable[estate.Change]) -> tuple[Change, ...]:
    """Candidates from what changed in a window, in any order; the earliest first.

    An id is the entry that said it first, with service, slot and name. Raises Malformed for a time
    that is none.
    """
    return tuple(candidate.change for candidate in candidates_of(found))


def candidates_of(found: Iterable[estate.Change]) -> tuple[Candidate, ...]:
    """The same, each with the records behind it."""
    dated = [(seconds(c.at, where="at"), c) for c in found if c.slot in KIND_OF]
    dated.sort(key=lambda pair: (pair[0], pair[1].entry, pair[1].instance))
    rollouts: _ByPlace = defaultdict(list)
    declared = [pair for pair in dated if pair[1].mode == DECLARED]
    for at, change in declared:
        here = rollouts[_place(change)]
        last = _last(here, at, (change.before, change.after))
        if last is None:
            here.append(_Rollout(change, at, [at], {}, {}, {change.entry}))
        else:
            last.moments.append(at)
            last.entries.add(change.entry)
    for at, change in dated:
        if change.mode != DECLARED:
            _fit(rollouts[_place(change)], change, at)
    made = [
        Candidate(_change(r), r.first, tuple(sorted(r.entries)))
        for here in rollouts.values()
        for r in here
    ]
    return _named_apart(sorted(made, key=lambda one: (one.change.started, one.change.id)))


def _named_apart(found: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """With ids that differ: one record may change the same in two environments or pools."""
    seen: dict[str, int] = {}
    apart = []
    for one in found:
        id = one.change.id
        number = seen[id] = seen.get(id, 0) + 1
        named = id if number == 1 else f"{id}#{number}"
        apart.append(one._replace(change=one.change._replace(id=named)))
    return tuple(apart)


def _place(change: estate.Change) -> tuple[str, str, str, str]:
    return change.environment, change.service, change.slot, change.name


def _last(
    here: Iterable[_Rollout], at: float, values: tuple[str | None, str | None]
) -> _Rollout | None:
    """The newest rollout of a place with these values that this may be a part of."""
    fits = [
        r for r in here
        if (r.first.before, r.first.after) == values
        and r.started - EARLY_S <= at <= max(r.moments) + APART_S
    ]  # fmt: skip
    return max(fits, key=lambda r: r.started, default=None)


def _fit(mine: list[_Rollout], change: estate.Change, at: float) -> None:
    """What an instance reports: a step of what was declared at this place, or a change of its
    own."""
    near = [r for r in mine if r.started - EARLY_S <= at <= max(r.moments) + APART_S]
    came = [r for r in near if change.after is not None and r.first.after == change.after]
    went = [r for r in near if change.before is not None and r.first.before == change.before]
    for fits, names in ((came, "added"), (went, "removed")):
        rollout = max(fits, key=lambda r: r.started, default=None)
        if rollout is not None:
            rollout.moments.append(at)
            rollout.entries.add(change.entry)
            if change.instance:
                getattr(rollout, names).setdefault(at, []).append(change.instance)
    if not came and change.after is not None:
        names_of = {at: [change.instance]} if change.instance else {}
        mine.append(_Rollout(change, at, [at], names_of, {}, {change.entry}))


def _change(rollout: _Rollout) -> Change:
    first = rollout.first
    moments = sorted(set(rollout.moments))
    steps = (
        Step(
            at,
            None,
            tuple(dict.fromkeys(rollout.added.get(at, ()))),
            tuple(dict.fromkeys(rollout.removed.get(at, ()))),
        )
        for at in moments
    )
    return Change(
        id="/".join((str(first.entry), first.service, first.slot, first.name)),
        kind=KIND_OF[first.slot],
        service=first.service or None,
        started=min(moments),
        before=first.before,
        after=first.after,
        steps=tuple(steps),
        scope={"environment": first.environment} if first.environment else {},
    )
