"""What was done to databases since a reality stood, and whether it can be undone.

    where each database was then │ where it is now ──► the steps between, newest first
                                     └ alike: nothing has to be undone

What nobody says can be undone is not taken for undoable. Alembic keeps only where a database is: a
change from one head to another may be of several migrations, of which the last alone is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wherefrom.formats.states import DECLARED, Scope
from wherefrom.formats.timestamps import of_micros
from wherefrom.query.rollback_answers import MigrationSince
from wherefrom.views.estate import Changed, EstateSnapshot, Held

STEPS_MAX: Final = 1_000
_SLOT: Final = ("migration",)
_Where = tuple[str, str]  # the service, or none, and the database
_SAID: Final = {"yes": True, "no": False, True: True, False: False}


def since(
    estate: EstateSnapshot, scope: Scope, *, then: int, now: int, as_of: int
) -> tuple[list[MigrationSince], bool]:
    """The migrations of a service's databases, and of those of no service, that were applied after
    ``then``; the newest first. And whether there are more."""
    asked: dict[str, Any] = {"as_of": as_of, "slots": _SLOT}
    everywhere = Scope(scope.environment)
    before, after = (
        _by_place(estate.held(everywhere, at=at, **asked), scope) for at in (then, now)
    )
    changed = estate.changed(
        everywhere, since=then + 1, until=now + 1, limit=STEPS_MAX + 1, **asked
    )  # fmt: skip
    declared = {_where(one) for one in changed if one.mode == DECLARED}
    found = []
    for one in changed[:STEPS_MAX]:
        where = _where(one)
        if one.scope.service not in ("", scope.service) or one.scope.instance:
            continue
        if one.mode != DECLARED and where in declared:
            continue  # what the database says of the same steps
        if before.get(where) == after.get(where):
            continue  # it was taken back since
        if one.before is None and one.mode != DECLARED:
            continue  # it was looked at for the first time
        held = _held_at(estate, one, as_of)
        found.append(_migration(one, {} if held is None else held.properties))
    return found, len(changed) > STEPS_MAX


def _by_place(held: list[Held], scope: Scope) -> dict[_Where, str]:
    """Where each database is: as declared, else as it says itself."""
    found: dict[_Where, str] = {}
    for one in sorted(held, key=lambda one: one.mode == DECLARED):
        if one.scope.service in ("", scope.service):
            found[_where(one)] = one.value
    return found


def _where(one: Held | Changed) -> _Where:
    return one.scope.service, one.name


def _held_at(estate: EstateSnapshot, one: Changed, as_of: int) -> Held | None:
    held = estate.held(one.scope, at=one.at, as_of=as_of, slots=_SLOT, modes=(one.mode,))
    return next((h for h in held if (h.scope, h.name) == (one.scope, one.name)), None)


def _migration(one: Changed, properties: Mapping[str, Any]) -> MigrationSince:
    said = properties.get("can_undo")
    can_undo = _SAID.get(said) if isinstance(said, str | bool) else None
    undo = properties.get("undo")
    if can_undo and one.mode != DECLARED:
        can_undo = None  # of the last one only
    return MigrationSince(
        database=one.name, service=one.scope.service, at=of_micros(one.at), before=one.before,
        after=one.after, says=one.says[1], can_undo=can_undo,
        undo=undo if isinstance(undo, str) else None, entry=one.entry,
    )  # fmt: skip
