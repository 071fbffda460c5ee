"""What is counted of a record: of what and where it is, how much it names, and what it tells.

    Facts, Heard ──counted_of──► Counted ──► the view of health sums it up, hour by hour

Of records that are few and say what an indicator is made of (decisions, rebuilds, incidents and
their causes, measures) it is kept what they say: ``told``. All of it follows from the record alone.

Sizes:  TOLD_MAX things told, MADE_MAX things made a record; the first in order
Source: docs/health.md
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from wherefrom.formats import cause, incident, measures, rebuild, slsa
from wherefrom.formats.facts import Facts, Node
from wherefrom.formats.heard import KINDS, Heard
from wherefrom.formats.states import DECLARED, Scope

DECIDED, REBUILT, CAUSED, INCIDENT, MEASURED = (
    "decided",
    "rebuilt",
    "caused",
    "incident",
    "measured",
)
REFUSED, MISSED, ERASED = "refused", "missed", "erased"
TOLD_MAX: Final = 64
MADE_MAX: Final = 64
_SERVICE: Final = "service:"
_MADE: Final = frozenset({"image", "artifact", "package", "model"})
_OF_VERDICTS: Final = ("environment", "policyDigest", "failing", "decidedBy")
_OF_INCIDENTS: Final = (
    "stage", "severity", "rule", "false", "baseline_s", "startsAt", "endsAt", "environment",
    "service",
)  # fmt: skip


class Told(NamedTuple):
    """One thing that a record tells: ``what``, of which id, and more of it."""

    what: str
    id: str
    says: Mapping[str, Any] = {}


class Counted(NamedTuple):
    """What is counted of a record.

    environment, service  the one that it is of; empty where it is of none, or of several
    kind     as ``formats.heard`` has kinds, else the entry's; of a change of no service, such as of
             a flag, what it changed
    things   how many it names, itself apart; ``aliases`` names of the same thing among them
    made     id and kind of what a build made
    """

    environment: str = ""
    service: str = ""
    kind: str = ""
    things: int = 0
    aliases: int = 0
    made: tuple[tuple[str, str], ...] = ()
    told: tuple[Told, ...] = ()


def counted_of(facts: Facts, heard: Collection[Heard]) -> Counted:
    """What is counted of a record that says this, and is heard as that."""
    environments = {one.environment for one in heard if one.environment}
    # A flag, a secret or a schema is of an environment, and of no service that is heard of.
    environments |= {state.scope.environment for state in facts.states if state.scope.environment}
    services = {one.about for one in heard if one.about.startswith(_SERVICE)}
    aliases, generated = 0, []
    for edge in facts.edges:
        if edge.relation == "alternate":
            aliases += 1
        elif edge.relation == "generated_by":
            generated.append(edge)
    made: tuple[tuple[str, str], ...] = ()
    if generated:
        nodes = {node.id: node for node in facts.nodes}
        made = tuple(
            {
                edge.source: (edge.source, nodes[edge.source].kind)
                for edge in generated
                if edge.source in nodes
                and nodes[edge.source].kind in _MADE
                and edge.target in nodes
                and nodes[edge.target].kind == "build"
            }.values()
        )[:MADE_MAX]
    return Counted(
        environment=environments.pop() if len(environments) == 1 else "",
        service=services.pop().removeprefix(_SERVICE) if len(services) == 1 else "",
        kind=_kind(facts, heard),
        things=max(0, len(facts.nodes) - 1),
        aliases=aliases,
        made=made,
        told=tuple(one for one, _ in zip(_told(facts), range(TOLD_MAX), strict=False)),
    )


def _kind(facts: Facts, heard: Collection[Heard]) -> str:
    kind = next((one.kind for one in heard), facts.kind)
    if kind != "change":
        return kind
    return next((s.slot for s in facts.states if s.mode == DECLARED and s.slot in KINDS), kind)


def _told(facts: Facts) -> Iterator[Told]:
    if facts.kind == "incident" or facts.type == incident.PREDICATE_TYPE:
        where = {s.value: s.scope for s in facts.states if s.slot == INCIDENT and s.value}
        for node in facts.nodes:
            if node.kind == "incident":
                scope = where.get(node.id, Scope())
                place = {"environment": scope.environment, "service": scope.service}
                said = {key: text for key, text in place.items() if text}
                said |= {"type": facts.type, **_some(node, _OF_INCIDENTS)}
                yield Told(INCIDENT, node.id, said)
        return
    if not facts.type.startswith(("urn:wherefrom:", "https://slsa.dev/verification_summary/")):
        return
    if facts.type == cause.PREDICATE_TYPE:
        for node in facts.nodes:
            if node.kind == "change" and node.id.startswith("cause:"):
                yield Told(CAUSED, str((node.properties or {}).get("incident") or ""),
                           {"cause": node.id,
                            **_some(node, ("withdrawn", "service", "environment"))})  # fmt: skip
        return
    own = next((node for node in facts.nodes if node.id == facts.document), None)
    if own is None:
        return
    if facts.type == rebuild.PREDICATE_TYPE:
        yield Told(REBUILT, _described(facts), _some(own, ("result", "seconds")))
    elif facts.type == measures.PREDICATE_TYPE:
        yield Told(MEASURED, "", dict(own.properties or {}))
    elif slsa.is_vsa(facts.type) and (own.properties or {}).get("decidedBy"):
        allowed = (own.properties or {}).get("verificationResult") == "PASSED"
        yield Told(DECIDED, _described(facts), {"allowed": allowed, **_some(own, _OF_VERDICTS)})


def _described(facts: Facts) -> str:
    """The first thing that the record is about."""
    return next(
        (e.target for e in facts.edges if e.relation == "describes" and e.source == facts.document),
        "",
    )


def _some(node: Node, names: Collection[str]) -> dict[str, Any]:
    said = node.properties or {}
    return {name: said[name] for name in names if name in said}
