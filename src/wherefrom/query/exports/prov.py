"""A trace as W3C PROV: entities, activities, agents, and what relates them.

    node of a kind ──► entity · activity · agent      wf:kind, wf:id, prov:label, wfp:…
    edge           ──► a statement of PROV            prov:type wf:RELATION, wf:entry, wf:trust, …
    describes      ──► bundle of the document, in it the thing described
    the answer     ──► entity wf:answer               wf:origin, wf:size, wf:root, …

Where the ends of an edge are not what PROV asks for (a change that changed an entity), it is
``wasInfluencedBy``, which takes anything; a run of a job is associated with its plan. Three
relations of PROV may carry no attributes (specializationOf, alternateOf, hadMember): beside each
stands a ``wasInfluencedBy`` with the same ends, which says whose word it is.

The records are the same in both notations; ``prov_text`` writes them.

Source: PROV-DM §5, PROV-CONSTRAINTS §6.4 (typing); docs/formats/exports.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from wherefrom.formats.facts import KINDS
from wherefrom.query.answers import Path, Trace, TraceEdge, TraceNode
from wherefrom.query.exports.prov_names import Names, property_name, term
from wherefrom.query.exports.prov_text import (
    Attributes,
    Literal,
    Name,
    Statement,
    Value,
    json_document,
    n_document,
)
from wherefrom.query.exports.remarks import about, others_of, vouched

# relation → the statement, and what PROV wants at each end (E entity, A activity, G agent).
_STATEMENTS: Final = {
    "generated_by": ("wasGeneratedBy", "EA"),
    "used": ("used", "AE"),
    "derived_from": ("wasDerivedFrom", "EE"),
    "attributed_to": ("wasAttributedTo", "EG"),
    "associated_with": ("wasAssociatedWith", "AG"),
    "acted_for": ("actedOnBehalfOf", "GG"),
    "informed_by": ("wasInformedBy", "AA"),
    "specializes": ("specializationOf", "EE"),
    "revises": ("wasDerivedFrom", "EE"),
    "invalidated_by": ("wasInvalidatedBy", "EA"),
    "contains": ("hadMember", "EE"),
    "depends_on": ("wasDerivedFrom", "EE"),
    "alternate": ("alternateOf", "EE"),
    "deploys": ("used", "AE"),
    "runs": ("used", "AE"),
    "changes": ("wasInformedBy", "AA"),
}
_WITHOUT_ATTRIBUTES: Final = frozenset({"specializationOf", "alternateOf", "hadMember"})
_ELEMENTS: Final = {"Entity": "entity", "Activity": "activity", "Agent": "agent"}
_TYPES: Final = {
    "job": "prov:Plan", "person": "prov:Person", "organization": "prov:Organization",
    "software": "prov:SoftwareAgent", "builder": "prov:SoftwareAgent",
}  # fmt: skip


def to_prov_json(answer: Trace | Path) -> str:
    """The text of a PROV-JSON document."""
    return json_document(*_document(answer))


def to_prov_n(answer: Trace | Path) -> str:
    """The text of a PROV-N document."""
    return n_document(*_document(answer))


def _document(
    answer: Trace | Path,
) -> tuple[dict[str, str], list[Statement], dict[str, list[Statement]]]:
    """Prefixes, statements, and the statements of each bundle."""
    names = Names()
    kinds = {node.id: node.kind for node in answer.nodes}
    bundles: dict[str, list[Statement]] = {}
    relations: list[Statement] = []
    types: dict[str, list[str]] = {}
    for edge in answer.edges:
        attributes = _evidence(edge)
        if edge.relation == "describes" and _class(kinds[edge.source]) == "Entity":
            types.setdefault(edge.source, []).append("prov:Bundle")
            described = _element(kinds[edge.target], names.of(edge.target), attributes)
            bundles.setdefault(names.of(edge.source), []).append(described)
            continue
        if edge.relation == "contains":
            types.setdefault(edge.source, []).append("prov:Collection")
        relations += _relation(edge, kinds, names, attributes)
    best = vouched(answer)
    statements = [_element("answer", term("answer"), _about(answer))]
    for node in answer.nodes:
        said = [*_of_node(node, types.get(node.id, ()))]
        if node.id in best:
            said += _word(best[node.id])
        statements.append(_element(node.kind, names.of(node.id), said))
    return names.prefixes, statements + relations, bundles


def _class(kind: str) -> str:
    return KINDS.get(kind, "Entity")


def _element(kind: str, name: str, attributes: Attributes) -> Statement:
    return Statement(_ELEMENTS[_class(kind)], (name,), attributes)


def _relation(
    edge: TraceEdge, kinds: dict[str, str], names: Names, attributes: Attributes
) -> Iterator[Statement]:
    ends = names.of(edge.source), names.of(edge.target)
    classes = _class(kinds[edge.source]), _class(kinds[edge.target])
    statement, wanted = _STATEMENTS.get(edge.relation, ("wasInfluencedBy", "EE"))
    if edge.relation == "revises":
        attributes = [("prov:type", Name("prov:Revision")), *attributes]
    if kinds[edge.target] == "job" and classes[0] == "Activity" and edge.relation == "specializes":
        yield Statement("wasAssociatedWith", (ends[0], None, ends[1]), attributes)
    elif not all(map(_fits, wanted, classes)):
        yield Statement("wasInfluencedBy", ends, attributes)
    elif statement in _WITHOUT_ATTRIBUTES:
        yield Statement(statement, ends, [])
        yield Statement("wasInfluencedBy", ends, attributes)
    else:
        yield Statement(statement, ends, attributes)


def _fits(wanted: str, given: str) -> bool:
    """An agent may be an entity or an activity too; these two are never each other."""
    return given == "Agent" or {"E": "Entity", "A": "Activity", "G": "Agent"}[wanted] == given


def _about(answer: Trace | Path) -> Iterator[tuple[str, Value]]:
    for key, value in about(answer).items():
        yield term(key), _value(value)
    for other in others_of(answer):
        yield term("follows"), f"{other.origin} {other.size} {other.root}"
    for entry in answer.erased:
        yield term("erased"), _value(entry)
    for id in answer.frontier:
        yield term("frontier"), id
    for gap in answer.gaps:
        yield term("gap"), f"{gap.node} {gap.missing}"


def _of_node(node: TraceNode, types: list[str] | tuple[str, ...]) -> Iterator[tuple[str, Value]]:
    given = [_TYPES[node.kind]] if node.kind in _TYPES else []
    for type in dict.fromkeys([*given, *types]):
        yield "prov:type", Name(type)
    if node.name is not None:
        yield "prov:label", node.name
    yield term("id"), node.id
    yield term("kind"), node.kind
    yield from _properties(node.properties)


def _evidence(edge: TraceEdge) -> list[tuple[str, Value]]:
    said: list[tuple[str, Value]] = [("prov:type", Name(term(edge.relation))), *_word(edge)]
    said += [(term("also_said_by"), _value(e)) for e in edge.entries if e != edge.entry]
    if edge.occurred is not None:
        said.append((term("occurred"), Literal(edge.occurred, "xsd:dateTime")))
    said.append((term("received"), Literal(edge.received, "xsd:dateTime")))
    return [*said, *_properties(edge.properties)]


def _word(edge: TraceEdge) -> Iterator[tuple[str, Value]]:
    """Which entry says it, how far that is believed, and who signed."""
    if edge.log:
        yield term("log"), edge.log
    yield term("entry"), _value(edge.entry)
    yield term("trust"), edge.trust
    for signer in edge.signers:
        yield term("signer"), signer


def _properties(properties: dict[str, Any]) -> Iterator[tuple[str, Value]]:
    for key, value in properties.items():
        if value is not None:
            yield property_name(key), _value(value)


def _value(value: Any) -> Value:
    """A scalar as PROV types it; lists and objects as JSON text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return Literal("true" if value else "false", "xsd:boolean")
    if isinstance(value, int):
        return Literal(str(value), "xsd:int" if abs(value) < 2**31 else "xsd:integer")
    if isinstance(value, float):
        return Literal(repr(value), "xsd:double")
    return msgspec.json.encode(value).decode()
