"""What records say of a reality: how its canaries went, what was blamed on it, who vouches for it.

    artifact ──mentions──► entries ─┬─ a canary's verdict ──► pass or fail, if all that it is about
                                    │                         is in the reality
                                    ├─ signed once, and no longer believed ──► not trusted
                                    └─ deleted ──► gone
    artifact ◄──used── incident     ──► it was blamed

Each thing is told with its records. What somebody said of another environment, or of a flag that
is not set in this reality, says nothing of it.

Sizes:  ENTRIES_MAX records of one thing, from both ends
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple

from wherefrom.errors import Refused
from wherefrom.formats import cause
from wherefrom.formats.canary import FAIL, PASS, PREDICATE_TYPE, CanaryVerdict, parse
from wherefrom.formats.cause import Cause
from wherefrom.formats.digests import strong_id_in
from wherefrom.formats.shown import short_id, short_key
from wherefrom.formats.states import Scope
from wherefrom.query.bundles import recorded
from wherefrom.query.rollback.realities import Key, Stand
from wherefrom.query.rollback_answers import Ground
from wherefrom.query.same import TRUSTED
from wherefrom.query.statements import predicate_in
from wherefrom.query.summary import STRENGTH, Summary, summaries
from wherefrom.views.estate import EstateSnapshot
from wherefrom.views.graph import Judgement, Lens, Snapshot
from wherefrom.views.graph.schema import RELATION_NUMBERS

ENTRIES_MAX: Final = 200
STEPS_MAX: Final = 1_000
UPTIME_S_MIN: Final = 3_600
BRIEF_S_MAX: Final = 300
INCIDENTS_MAX: Final = 1_000
_MICROS: Final = 1_000_000
_USED: Final = RELATION_NUMBERS["used"]
_INVALIDATED: Final = RELATION_NUMBERS["invalidated_by"]
# What says that a thing is there, and not only that it was to run.
_TELL_OF_IT: Final = frozenset({"attestation", "bundle", "sbom"})
_CHANNEL: Final = STRENGTH["channel"]
_ROLLED_BACK: Final = "dev.cdevents.service.rolledback"
_SLOTS_OF_BUNDLES: Final = ("config", "policy")


class Vouched(NamedTuple):
    """How far a thing is believed: the best level, by whom; what was believed once, and is not."""

    level: str
    signers: tuple[str, ...]
    fallen: Sequence[Ground]


class Grounds:
    """Asks once a thing, in one look at graph and estate.

    content  gives the content of an entry, None if it is erased
    """

    def __init__(
        self,
        estate: EstateSnapshot,
        graph: Snapshot,
        lens: Lens,
        content: Callable[[int], bytes | None],
        scope: Scope,
    ) -> None:
        self._estate, self._graph, self._lens = estate, graph, lens
        self._content = content
        self._scope = scope
        self._judged: dict[str, list[Judgement]] = {}

    # -- of a reality

    def against(
        self, stand: Stand, now: Stand, *, gone: Collection[str], until: int
    ) -> list[Ground]:
        """Why a reality is not to be gone back to; nothing if nothing speaks against it.

        gone   values that are known to be nowhere
        until  when was looked, for one that has no end
        """
        found = [*self._mixed(stand, now), *self._brief(stand, until)]
        found += self._taken_back(stand)
        for key, some in sorted(stand.values.items()):
            for value in sorted(some & set(gone)):
                says = f"{_named(key, value)} is not there any more"
                found.append(Ground(code="gone", says=says, entries=[]))
        return found + self._of_its_parts(stand)

    def trouble(self, stand: Stand, at: int) -> list[Ground]:
        """What speaks against what runs, and the incidents that are open."""
        held = self._estate.held(
            self._scope, at=at, as_of=self._lens.as_of, slots=("incident",)
        )  # fmt: skip
        open_ = [
            Ground(code="incident", says=f"{one.says or one.name} is open", name=one.name,
                   entries=[one.entry])
            for one in held
        ]  # fmt: skip
        return [*open_, *self._of_its_parts(stand)]

    def _of_its_parts(self, stand: Stand) -> list[Ground]:
        found = self._causes(stand)
        for artifact in sorted(stand.of("artifact")):
            found += self._blamed(artifact)
            found += self._deleted(artifact)
        if (failed := self._canary(stand)) is not None and failed[1].verdict == FAIL:
            found.append(_of_canary(*failed))
        for _, some in sorted(stand.values.items()):
            for value in sorted(some):
                found += self.vouched(value).fallen
        return found

    def for_it(self, stand: Stand, *, until: int) -> list[Ground]:
        """Why a reality is held to be good."""
        found = []
        passed = self._canary(stand)
        if passed is not None and passed[1].verdict == PASS:
            found.append(_of_canary(*passed))
        if stand.since is None:
            return found
        end = until if stand.until is None else stand.until
        seconds = (end - stand.since) // _MICROS
        if seconds >= UPTIME_S_MIN and not self._had_incident(stand.since, end):
            says = f"it ran for {_lasting(seconds)} without an incident of the service"
            found.append(Ground(code="uptime", says=says, entries=[]))
        return found

    def _had_incident(self, since: int, until: int) -> bool:
        """Whether one began, or one that it found was still open after an hour."""
        asked: dict[str, Any] = {"as_of": self._lens.as_of, "slots": ("incident",)}
        began = self._estate.changed(
            self._scope, since=since, until=until, limit=INCIDENTS_MAX, **asked
        )
        if any(one.after for one in began):
            return True
        return bool(self._estate.held(self._scope, at=since + UPTIME_S_MIN * _MICROS, **asked))

    def _mixed(self, stand: Stand, now: Stand) -> list[Ground]:
        """A rollout that was under way: some of it was what runs now."""
        by_name: dict[str, set[str]] = {}
        for (_, _, slot, name), some in stand.values.items():
            if slot == "artifact":
                by_name.setdefault(name, set()).update(some)
        there = now.of("artifact")
        mixed = [name for name, some in by_name.items() if len(some) > 1 and some & there]
        if not mixed:
            return []
        says = "a rollout was under way: a part of it is what runs now"
        return [Ground(code="mixed", says=says, entries=list(stand.ended_by))]

    def _brief(self, stand: Stand, until: int) -> list[Ground]:
        if stand.since is None:
            return []
        seconds = ((until if stand.until is None else stand.until) - stand.since) / _MICROS
        if seconds >= BRIEF_S_MAX:
            return []
        says = f"it stood for {_lasting(int(seconds))} only"
        return [Ground(code="brief", says=says, entries=list(stand.ended_by))]

    def _taken_back(self, stand: Stand) -> list[Ground]:
        """What followed it was told as a rollback."""
        judged = self._graph.judgements(stand.ended_by, self._lens)
        by = [e for e, said in judged.items() if said.type.startswith(_ROLLED_BACK)]
        if not by:
            return []
        return [Ground(code="rolled_back", says="it was rolled back from", entries=sorted(by))]

    def _causes(self, stand: Stand) -> list[Ground]:
        """Values that somebody took for the cause of trouble, and that was not withdrawn."""
        found = []
        parts = {(key[2], key[3], value) for key, some in stand.values.items() for value in some}
        for slot, name, value in sorted(parts):
            digest = cause.subject(
                environment=self._scope.environment, service=self._scope.service, slot=slot,
                name=name, value=value,
            )  # fmt: skip
            said = self._newest_cause(cause.node_id(digest))
            if said is not None and not said[1].withdrawn:
                of = f" of {said[1].incident}" if said[1].incident else ""
                says = f"{' '.join(filter(None, (slot, name)))} {short_id(value)} was the cause{of}"
                found.append(Ground(code="cause", says=says, entries=[said[0]]))
        return found

    def _newest_cause(self, node: str) -> tuple[int, Cause] | None:
        """The newest word about it; of those who are known, where any of them spoke."""
        numbers = list(self._graph.numbers([node]).values())
        found = self._graph.mentions(numbers, self._lens, each_max=ENTRIES_MAX)
        judged = self._graph.judgements({one.entry for one in found}, self._lens)
        for entry in sorted(
            judged, key=lambda entry: (judged[entry].level in TRUSTED, entry), reverse=True
        ):
            if judged[entry].type != cause.PREDICATE_TYPE:
                continue
            content = self._content(entry)
            predicate = None if content is None else predicate_in(content, cause.PREDICATE_TYPE)
            if predicate is not None:
                with contextlib.suppress(Refused):  # a newer program's
                    return entry, cause.parse(predicate)
        return None

    def _canary(self, stand: Stand) -> tuple[int, CanaryVerdict, Judgement] | None:
        """The last verdict that is about this reality."""
        has = {(key[2], key[3], value) for key, some in stand.values.items() for value in some}
        found = []
        for artifact in sorted(stand.of("artifact")):
            for said in self._records(artifact):
                if said.type != PREDICATE_TYPE:
                    continue
                verdict = self._verdict(said.entry)
                if verdict is None or not self._is_here(verdict) or not verdict.apart:
                    continue
                about = {(one.slot, one.name, one.value) for one in verdict.apart}
                if about <= has and verdict.verdict in (PASS, FAIL):
                    found.append((verdict.until, said.entry, verdict, said))
        if not found:
            return None
        _, entry, verdict, said = max(found, key=lambda one: one[:2])
        return entry, verdict, said

    def _verdict(self, entry: int) -> CanaryVerdict | None:
        content = self._content(entry)
        predicate = None if content is None else predicate_in(content, PREDICATE_TYPE)
        try:
            return None if predicate is None else parse(predicate)
        except Refused:  # a newer program took what this one does not
            return None

    def _is_here(self, verdict: CanaryVerdict) -> bool:
        here = (self._scope.service, self._scope.environment)
        return (verdict.service, verdict.environment) == here

    # -- of a thing

    def _blamed(self, artifact: str) -> list[Ground]:
        """Incidents here whose record names it."""
        here = (None, self._scope.environment)
        entries = [
            entry
            for entry, said in self._touching(artifact, _USED, up=False)
            if said.properties.get("environment") in here
        ]
        judged = self._graph.judgements(entries, self._lens)
        says = f"an incident was put down to {short_id(artifact)}"
        return [
            Ground(code="incident", says=says, entries=[entry])
            for entry, said in sorted(judged.items())
            if said.kind == "incident"
        ]

    def _deleted(self, artifact: str) -> list[Ground]:
        says = f"{short_id(artifact)} was deleted"
        return [
            Ground(code="gone", says=says, entries=[entry])
            for entry, _ in self._touching(artifact, _INVALIDATED, up=True)
        ]

    def _touching(self, id: str, relation: int, *, up: bool) -> list[tuple[int, Summary]]:
        """What a thing is related to, each with the first record that says so."""
        numbers = list(self._graph.numbers([id]).values())
        steps = self._graph.steps(numbers, self._lens, up=up, only=relation, rows_max=STEPS_MAX)
        ends = {step.cause if up else step.effect: step.first for step in steps}
        told = summaries(self._graph, sorted(ends), self._lens)
        return [(ends[number], said) for number, said in sorted(told.items())]

    def exists(self, slot: str, value: str) -> tuple[str, Ground]:
        """``yes`` or ``unknown``, and why."""
        if slot in _SLOTS_OF_BUNDLES and _is_digest(value):
            held = recorded(self._graph, self._lens, value, self._content)
            if held is None:
                says = "nobody recorded what it holds, or that is erased"
                return "unknown", Ground(code="exists", says=says, entries=[])
            return "yes", Ground(
                code="exists", says="what it holds is recorded", entries=[held.entry]
            )
        if slot == "secret":
            says = "of secrets the log holds no more than that they were others"
            return "unknown", Ground(code="exists", says=says, entries=[])
        if slot != "artifact":
            return "yes", Ground(code="exists", says="it is a value", entries=[])
        if not _is_digest(value):
            says = "a name that may have moved: it was not deployed by digest"
            return "unknown", Ground(code="exists", says=says, entries=[])
        told = [one.entry for one in self._records(value) if one.kind in _TELL_OF_IT]
        if not told:
            says = "only deployments speak of it; a registry was not asked"
            return "unknown", Ground(code="exists", says=says, entries=[])
        return "yes", Ground(code="exists", says="its records are held", entries=told[:3])

    def vouched(self, value: str) -> Vouched:
        """How far the records of a value are believed now."""
        records = [one for one in self._records(value) if one.kind in _TELL_OF_IT]
        best = max(records, key=lambda one: STRENGTH[one.level], default=None)
        standing = {one.type for one in records if STRENGTH[one.level] > _CHANNEL}
        fallen = [
            Ground(
                code="trust",
                says=f"{one.type} of {short_id(value)} was {one.door} by "
                f"{', '.join(map(short_key, one.door_signers)) or 'nobody'}, and is not believed "
                "any more",
                entries=[one.entry, *([one.verdict] if one.verdict is not None else [])],
            )
            for one in records
            # What was signed again, by a key that counts, stands.
            if STRENGTH[one.door] > _CHANNEL >= STRENGTH[one.level] and one.type not in standing
        ]
        if best is None:
            return Vouched("unknown", (), fallen)
        return Vouched(best.level, best.signers, fallen)

    def _records(self, value: str) -> list[Judgement]:
        """Every record that speaks of a value, in the order of the log."""
        if value not in self._judged:
            entries: set[int] = set()
            if _is_digest(value):
                numbers = list(self._graph.numbers([value]).values())
                found = self._graph.mentions(numbers, self._lens, each_max=ENTRIES_MAX)
                entries = {one.entry for one in found}
            judged = self._graph.judgements(entries, self._lens)
            self._judged[value] = [judged[entry] for entry in sorted(judged)]
        return self._judged[value]


def _of_canary(entry: int, verdict: CanaryVerdict, judged: Judgement) -> Ground:
    worse = "failed" if verdict.verdict == FAIL else "passed"
    says = f"its canary {worse} at {verdict.until[:16]}Z, {judged.level}"
    measures = [one for one in verdict.measures if one.verdict == verdict.verdict]
    if verdict.verdict == FAIL and measures:
        says += f": {', '.join(one.measure for one in measures)}"
    return Ground(code="canary", says=says, entries=[entry])


def _named(key: Key, value: str) -> str:
    region, pool, slot, name = key
    where = "/".join(filter(None, (region, pool)))
    return " ".join(filter(None, (slot, name, short_id(value), f"in {where}" if where else "")))


def _lasting(seconds: int) -> str:
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} s"


def _is_digest(value: str) -> bool:
    return strong_id_in(value) == value
