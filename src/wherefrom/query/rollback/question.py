"""Where can this service go back to? The last good reality, and everything that is to be known.

    1. what it is now, and what it was: declared, or seen where nobody declares
    2. of each earlier one, the newest first: what speaks against it; what for it
    3. the first that something speaks for, else the first that nothing speaks against
    4. its parts, what going back changes, what was done to databases since, the commands

Sizes:  REALITIES_MAX realities of CHANGES_MAX changes, DAYS_MAX back
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from wherefrom.errors import Malformed, NotFound
from wherefrom.formats import timestamps
from wherefrom.formats.entry import LEVELS
from wherefrom.formats.rollback_settings import RollbackSettings
from wherefrom.formats.states import DECLARED, MODES, OBSERVED, Scope
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.query.reality import Reality, change_of, log_of_estate
from wherefrom.query.reality_answers import Change
from wherefrom.query.rollback.commands import by_place, commands, differing
from wherefrom.query.rollback.grounds import Grounds
from wherefrom.query.rollback.migrations import since as migrations_since
from wherefrom.query.rollback.realities import Stand, stands
from wherefrom.query.rollback_answers import (
    NONE,
    SAFE,
    UNSAFE,
    Ground,
    MigrationSince,
    PassedOver,
    RealityValue,
    RestoredPart,
    Rollback,
    Stood,
)
from wherefrom.views.estate import EstateSnapshot, Held
from wherefrom.views.graph import Lens, Snapshot

SLOTS: Final = ("artifact", "config", "flag", "policy", "secret")
DAYS_DEFAULT: Final = 90
DAYS_MAX: Final = 3_660
CHANGES_MAX: Final = 10_000
REALITIES_MAX: Final = 200
PASSED_OVER_MAX: Final = 50
BESIDE_MAX: Final = 50
_DAY: Final = 86_400 * 1_000_000


class RollbackOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked; times are RFC 3339.

    days  how far back is looked
    gone  values that are known to be nowhere, such as images that a registry has no more
    """

    service: str
    environment: str = ""
    at: str | None = None
    as_of: int | None = None
    days: int = DAYS_DEFAULT
    gone: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises Malformed."""
        if not self.service:
            raise Malformed("what goes back is a service")
        if not 1 <= self.days <= DAYS_MAX:
            raise Malformed("not a number of days", expected=f"1 to {DAYS_MAX}", got=self.days)


class _Weighed(NamedTuple):
    stand: Stand
    against: list[Ground]
    for_it: list[Ground]


class Rollbacks:
    """Answers over one log's estate and graph; safe for several threads.

    content   gives the content of an entry, None if it is erased
    settings  how services are brought back, as ``rollback.json`` says now
    """

    def __init__(
        self,
        reality: Reality,
        content: Callable[[int], bytes | None],
        settings: Callable[[], RollbackSettings],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reality, self._content, self._settings = reality, content, settings
        self._clock = clock

    def rollback(self, options: RollbackOptions) -> Rollback:
        """Where to go back to. Raises NotFound for a service that runs nowhere, Malformed."""
        options.check()
        with self._reality.snapshots(options.as_of) as (estate, graph, lens):
            at = micros(options.at or timestamps.to_text(self._clock()))
            return self._rollback(options, at, estate, graph, lens)

    def _rollback(
        self,
        options: RollbackOptions,
        at: int,
        estate: EstateSnapshot,
        graph: Snapshot,
        lens: Lens,
    ) -> Rollback:
        scope = _scope(options, estate, at, lens)
        held = estate.held(scope, at=at, as_of=lens.as_of, slots=SLOTS)
        mode = DECLARED if any(_is_declared_artifact(one) for one in held) else OBSERVED
        changed = estate.changed(
            scope, since=at - options.days * _DAY, until=at + 1, as_of=lens.as_of, slots=SLOTS,
            modes=(mode,), limit=CHANGES_MAX + 1,
        )  # fmt: skip
        found = stands([one for one in held if one.mode == mode], changed[:CHANGES_MAX])
        truncated = len(changed) > CHANGES_MAX or len(found) > REALITIES_MAX
        found = found[:REALITIES_MAX]
        grounds = Grounds(estate, graph, lens, self._content, scope)
        weighed = _weighed(found, grounds, gone=frozenset(options.gone), at=at)
        chosen = _chosen(weighed)
        passed = _passed_over(weighed, chosen)
        now = _stood(found[0], [one for one in held if one.mode == mode])
        nowhere = Rollback(
            service=scope.service, environment=scope.environment, verdict=NONE,
            at=of_micros(at), log=log_of_estate(estate), as_of=lens.as_of, now=now, to=None,
            trouble=grounds.trouble(found[0], at),
            evidence=[], parts=[], changes=[], beside=[], migrations=[],
            obstacles=["no earlier reality is known that nothing speaks against"], commands=[],
            passed_over=passed[:PASSED_OVER_MAX],
            truncated=truncated or len(passed) > PASSED_OVER_MAX,
        )  # fmt: skip
        if chosen is None:
            return nowhere
        stand = chosen.stand
        # As it was at its very end: what was said of it last counts.
        then_at = (at if stand.until is None else stand.until) - 1
        then = estate.held(
            scope, at=then_at, as_of=lens.as_of, slots=(*SLOTS, "resource"), modes=(mode,)
        )
        here = estate.held(
            scope, at=at, as_of=lens.as_of, slots=(*SLOTS, "resource"), modes=(mode,)
        )
        migrations, more = migrations_since(
            estate, scope, then=then_at, now=at, as_of=lens.as_of
        )  # fmt: skip
        obstacles = _obstacles(migrations, more=more)
        if not chosen.for_it:
            obstacles.append(
                "nothing says that it was good: no canary, and no hour without trouble"
            )
        return msgspec.structs.replace(
            nowhere,
            verdict=UNSAFE if obstacles else SAFE,
            to=_stood(stand, then),
            evidence=chosen.for_it,
            parts=[
                _part(one, grounds)
                for _, one in sorted(by_place(then).items())
                if one.slot in SLOTS
            ],
            changes=self._reality.differing(
                estate, graph, lens, scope, (at, then_at), slots=SLOTS, mode=mode
            ),
            beside=_beside(estate, graph, lens, scope, then_at, at),
            migrations=migrations,
            obstacles=obstacles,
            commands=commands(
                [one for one in differing(here, then) if one.place[1] != "secret"],
                self._settings(),
            ),
        )


def _scope(options: RollbackOptions, estate: EstateSnapshot, at: int, lens: Lens) -> Scope:
    wanted = Scope(options.environment, options.service)
    held = estate.held(wanted, at=at, as_of=lens.as_of, slots=("artifact",))
    found = sorted({one.scope.environment for one in held})
    if not found:
        raise NotFound(
            "nothing is known to run there", got=f"{options.environment}/{options.service}",
            expected="a service that is deployed, or observed",
            do="wherefrom running shows what does, and where",
        )  # fmt: skip
    if len(found) > 1:
        raise Malformed(
            "it runs in several environments", got=options.service, expected=", ".join(found),
            do="Say which: -e ENVIRONMENT",
        )  # fmt: skip
    return Scope(found[0], options.service)


def _is_declared_artifact(one: Held) -> bool:
    return one.slot == "artifact" and one.mode == DECLARED


def _weighed(
    found: Sequence[Stand], grounds: Grounds, *, gone: frozenset[str], at: int
) -> list[_Weighed]:
    """Each earlier reality, the newest first. One that it is now, it need not go back to."""
    now, *earlier = found
    weighed = []
    for stand in earlier:
        if stand.values == now.values or not stand.of("artifact"):
            continue
        against = grounds.against(stand, now, gone=gone, until=at)
        weighed.append(_Weighed(stand, against, grounds.for_it(stand, until=at)))
        if not against and weighed[-1].for_it:
            break  # further back it is no better
    return weighed


def _chosen(weighed: Sequence[_Weighed]) -> _Weighed | None:
    good = [one for one in weighed if not one.against]
    return next((one for one in good if one.for_it), good[0] if good else None)


def _passed_over(weighed: Sequence[_Weighed], chosen: _Weighed | None) -> list[PassedOver]:
    """Those that are newer than the one that is chosen; all of them, if none is."""
    passed = []
    for one in weighed:
        if one is chosen:
            break
        says = "nothing says that it was good"
        reasons = one.against or [Ground(code="evidence", says=says, entries=[])]
        passed.append(PassedOver(reality=_stood(one.stand, ()), reasons=reasons))
    return passed


def _stood(stand: Stand, held: Sequence[Held]) -> Stood:
    called = {one.value: one.says for one in held}
    return Stood(
        id=stand.id,
        since=None if stand.since is None else of_micros(stand.since),
        until=None if stand.until is None else of_micros(stand.until),
        values=[
            RealityValue(slot=slot, region=region, pool=pool, name=name, value=value,
                  says=called.get(value))
            for (region, pool, slot, name), some in sorted(stand.values.items())
            for value in sorted(some)
        ],
    )  # fmt: skip


def _part(one: Held, grounds: Grounds) -> RestoredPart:
    exists, why = grounds.exists(one.slot, one.value)
    vouched = grounds.vouched(one.value)
    known = vouched.level in LEVELS and LEVELS.index(vouched.level) > LEVELS.index("channel")
    return RestoredPart(
        slot=one.slot, region=one.scope.region, pool=one.scope.pool, name=one.name,
        value=one.value, says=one.says, exists=exists, trusted="yes" if known else "unknown",
        trust=vouched.level, signers=vouched.signers,
        because=[why, *vouched.fallen],
    )  # fmt: skip


def _obstacles(migrations: Sequence[MigrationSince], *, more: bool) -> list[str]:
    found = []
    for one in migrations:
        what = f"migration of {one.database} to {one.after or 'nothing'}"
        why = f": {one.undo}" if one.undo else ""
        if one.can_undo is False:
            found.append(f"{what} CANNOT BE UNDONE{why}")
        elif one.can_undo is None:
            found.append(f"{what}: nobody says whether it can be undone{why}")
    if more:
        found.append("more migrations were applied since than are looked at")
    return found


def _beside(
    estate: EstateSnapshot, graph: Snapshot, lens: Lens, scope: Scope, then: int, now: int
) -> list[Change]:
    """What changed since in the environment for every service, and is not taken back."""
    found = estate.changed(
        Scope(scope.environment), since=then + 1, until=now + 1, as_of=lens.as_of,
        slots=("flag", "policy", "config", "secret"), modes=MODES, limit=CHANGES_MAX,
    )  # fmt: skip
    wide = [one for one in found if not one.scope.service][:BESIDE_MAX]
    judged = graph.judgements({one.entry for one in wide}, lens)
    return [change_of(one, judged.get(one.entry)) for one in wide]
