"""What a record says, in the one vocabulary the graph speaks.

A format turns content into ``Facts``; a view folds them. Facts are statements, not truth: the
view stores each with its entry index, so it can be shown with its proof and withdrawn.

    content ──► formats.recognise ──► Facts(nodes, edges, tags)
                                        │       │      └ name:tag → node, an interval
                                        │       └ effect ──relation──► cause
                                        └ id, kind, name, properties

Identity is by rule, here and in ``digests``, ``purl`` and ``names``: one spelling, one node.
Whatever a record *teaches* (a second digest, a purl for a digest) is an ``alternate`` edge.

Sizes:  an id is at most 2,048 bytes of UTF-8 · a name 1,024 · facts at most 200,000 nodes,
        packed 64 KiB
Source: W3C PROV-DM §2; the relation table stands in INTERFACES, docs/formats/relations.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from wherefrom.formats.states import State, Whole

ID_BYTES_MAX: Final = 2048
NAME_BYTES_MAX: Final = 1024
PACKED_BYTES_MAX: Final = 64 * 1024
WITHIN_MAX: Final = 64

# Raised whenever any format's facts change; views made under another one are built again.
FACTS_VERSION: Final = 11

# relation → the PROV relation it is (or is a typed form of). Effect to cause. Closed: a new
# relation is a decision (docs/decisions/), never a side effect of a format.
RELATIONS: Final[Mapping[str, str]] = {
    "generated_by": "wasGeneratedBy",
    "used": "used",
    "derived_from": "wasDerivedFrom",
    "attributed_to": "wasAttributedTo",
    "associated_with": "wasAssociatedWith",
    "acted_for": "actedOnBehalfOf",
    "informed_by": "wasInformedBy",
    "specializes": "specializationOf",
    "revises": "wasRevisionOf",
    "invalidated_by": "wasInvalidatedBy",
    "contains": "hadMember",
    "depends_on": "wasDerivedFrom",
    "alternate": "alternateOf",
    "describes": "hadMember",
    "deploys": "used",
    "runs": "used",
    "changes": "wasInformedBy",
}

# kind of node → its PROV type.
KINDS: Final[Mapping[str, str]] = {
    "artifact": "Entity",  # a file or blob, named by digest
    "image": "Entity",  # a container image, index or platform manifest
    "package": "Entity",  # a package URL
    "commit": "Entity",  # a git commit
    "source": "Entity",  # a repository or other source location, named by URI
    "dataset": "Entity",  # a dataset in general, by namespace and name
    "dataset_version": "Entity",  # one version of a dataset
    "column": "Entity",  # a column of a dataset, by dataset and name
    "model": "Entity",
    "component": "Entity",  # an SBOM part that has neither purl nor digest
    "attestation": "Entity",  # the statement itself, by the digest of its bytes
    "sbom": "Entity",  # the SBOM document itself, by the digest of its bytes
    "event": "Entity",  # the event itself, by the digest of its bytes
    "policy": "Entity",
    "job": "Entity",  # a recipe (prov:Plan): runs specialise it
    "resource": "Entity",  # anything else named by URI
    "vulnerability": "Entity",  # a CVE, GHSA, … by its id
    "claim": "Entity",  # what a document says of one vulnerability in some products
    "service": "Entity",  # something that is deployed and called, by its name
    "environment": "Entity",  # where services are deployed, by its name
    "instance": "Entity",  # one running copy of a service
    "config": "Entity",  # a bundle of settings, by its digest
    "release": "Entity",  # one version of something that is released, by name and version
    "catalog": "Entity",  # which services there are and whose, by its digest
    "reality": "Entity",  # what an instance is made of, by the digest of its parts
    "flag": "Entity",  # a feature flag, by its environment and key
    "report": "Entity",  # results of tests or scans, by the digest of its bytes
    "build": "Activity",
    "run": "Activity",
    "deployment": "Activity",
    "change": "Activity",  # a change of reality: a merge, a migration, an activation
    "incident": "Activity",  # an incident, from its detection to its end
    "activity": "Activity",
    "builder": "Agent",
    "person": "Agent",
    "organization": "Agent",
    "software": "Agent",
}


class Node(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing, under its canonical id; ``properties`` hold JSON scalars and short lists."""

    id: str
    kind: str
    name: str | None = None
    properties: Mapping[str, Any] | None = None


class Edge(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``source`` (the effect) relates to ``target`` (its cause); both are node ids."""

    source: str
    relation: str
    target: str
    properties: Mapping[str, Any] | None = None


class Tag(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A name that may move, such as ``nginx:1.25``, and the node it pointed to then."""

    name: str
    node: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that one record says.

    kind        the entry's kind: ``attestation``, ``bundle``, ``event``, ``sbom``, …
    type        media type, predicate type or event type; at most 256 bytes of UTF-8
    occurred    when it happened, as ``timestamps.to_text`` writes it, or None
    document    the node id of the record itself (``sha256:`` of its bytes)
    namespaces  job and dataset namespaces it speaks of, for the scopes of tokens
    producers   who the content says made it (URIs, unchecked), for the scopes of tokens
    sequence    its place among the records of its first producer, to be compared as text
    states      what it says of reality; ``wholes`` of which scopes that is all
    """

    kind: str
    type: str
    document: str
    occurred: str | None = None
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    tags: tuple[Tag, ...] = ()
    namespaces: tuple[str, ...] = ()
    producers: tuple[str, ...] = ()
    sequence: str | None = None
    states: tuple[State, ...] = ()
    wholes: tuple[Whole, ...] = ()


def subjects(facts: Facts) -> list[tuple[str, ...]]:
    """How each thing that a record describes can be called, by id and by name; nothing in
    particular is one too, called ``""``."""
    named = {node.id: node.name for node in facts.nodes}
    described = [e.target for e in facts.edges if e.relation == "describes"]
    return [(id, *filter(None, (named.get(id),))) for id in described] or [("",)]


def environments(facts: Facts) -> tuple[str, ...]:
    """What a record says under the property ``environment`` of the things and edges in it."""
    stated = [node.properties for node in facts.nodes] + [edge.properties for edge in facts.edges]
    found = [properties.get("environment") for properties in stated if properties]
    found += [state.scope.environment for state in facts.states]
    found += [whole.scope.environment for whole in facts.wholes]
    return tuple(dict.fromkeys(text for text in found if isinstance(text, str) and text))


def packed(facts: Facts) -> bytes | None:
    """``facts`` as MessagePack; None if they are too large or hold what it has no form for."""
    try:
        written = _PACK.encode((FACTS_VERSION, facts))
    except (OverflowError, UnicodeEncodeError):  # an integer past 64 bits, half a surrogate pair
        return None
    return written if len(written) <= PACKED_BYTES_MAX else None


def unpacked(written: bytes) -> Facts | None:
    """What ``packed`` wrote; None for the facts of another version of this program."""
    try:
        version, facts = _UNPACK.decode(written)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return facts if version == FACTS_VERSION else None


_PACK: Final = msgspec.msgpack.Encoder()
_UNPACK: Final = msgspec.msgpack.Decoder(tuple[int, Facts])


class FactsBuilder:
    """Collects nodes and edges in order, each once; a later mention of a node adds to it.

    A name given later fills a missing one; a kind given later replaces ``artifact``,
    ``component`` and ``resource``, which say less than any other kind.
    """

    _VAGUE = frozenset({"artifact", "component", "resource"})

    def __init__(self, *, document: str) -> None:
        self.document = document
        self._nodes: dict[str, Node] = {}
        self._edges: dict[tuple[str, str, str], Edge] = {}
        self._tags: dict[Tag, None] = {}
        self._states: list[State] = []
        self._wholes: list[Whole] = []

    def node(
        self,
        id: str,
        kind: str,
        name: str | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> str:
        """Add or complete a node; returns its id. ``properties`` that are None are left out."""
        assert kind in KINDS, kind
        kept = {k: v for k, v in properties.items() if v is not None} if properties else {}
        old = self._nodes.get(id)
        if old is None:
            self._nodes[id] = Node(id, kind, name or None, kept or None)
        else:
            merged = {**(old.properties or {}), **kept}
            better = kind if old.kind in self._VAGUE else old.kind
            self._nodes[id] = Node(id, better, old.name or name or None, merged or None)
        return id

    def edge(
        self,
        source: str,
        relation: str,
        target: str,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Add an edge between two ids; a self-loop says nothing and is dropped."""
        assert relation in RELATIONS, relation
        if source != target:
            self._edges.setdefault(
                (source, relation, target), Edge(source, relation, target, properties or None)
            )

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Keep all that is added inside, or, when an error leaves it, nothing."""
        before = (self._nodes.copy(), self._edges.copy(), self._tags.copy())
        stated = (len(self._states), len(self._wholes))
        try:
            yield
        except BaseException:
            self._nodes, self._edges, self._tags = before
            del self._states[stated[0] :], self._wholes[stated[1] :]
            raise

    def described(self) -> set[str]:
        """What the record itself was said to describe."""
        return {
            target
            for source, relation, target in self._edges
            if source == self.document and relation == "describes"
        }

    def also(self, node: str, others: Iterable[str], *, edges_max: int) -> bool:
        """Say of ``others`` what was said of ``node``: its parts, what it needs, claims about it.

        One of ``others`` that is itself a part of something stays what it is. Returns False, and
        says nothing, when that would be more than ``edges_max`` edges.
        """
        whole = ("contains", "depends_on")
        parts = {edge.target for edge in self._edges.values() if edge.relation in whole}
        more = [other for other in others if other not in parts and other != node]
        of_node = [
            edge
            for edge in self._edges.values()
            if (edge.source == node and edge.relation in whole)
            or (edge.target == node and edge.relation == "describes")
        ]
        if len(of_node) * len(more) > edges_max:
            return False
        for ends, edge in self._edges.items():
            if edge.properties and edge.properties.get("within") == [node]:
                within = {"within": [node, *more][:WITHIN_MAX]}
                self._edges[ends] = msgspec.structs.replace(
                    edge, properties={**edge.properties, **within}
                )
        for edge in of_node:
            for other in more:
                source, target = edge.source, edge.target
                source, target = (other, target) if source == node else (source, other)
                self.edge(source, edge.relation, target, edge.properties)
        return True

    def names_of(self, nodes: Iterable[str]) -> set[str]:
        """``nodes``, and what one ``alternate`` edge said so far ties to them."""
        found = given = set(nodes)
        for source, relation, target in self._edges:
            if relation == "alternate" and (source in given or target in given):
                found = found | {source, target}
        return found

    def tag(self, name: str, node: str) -> None:
        """Say that ``name`` pointed to ``node`` when the record was made."""
        self._tags[Tag(name, node)] = None

    def state(self, *states: State) -> None:
        """Say what is where from when on."""
        self._states += states

    def all_of(self, whole: Whole) -> None:
        """Say that the states of this record are all there are in a scope."""
        self._wholes.append(whole)

    def build(
        self,
        *,
        kind: str,
        type: str,
        occurred: str | None = None,
        namespaces: tuple[str, ...] = (),
        producers: tuple[str, ...] = (),
        sequence: str | None = None,
    ) -> Facts:
        """Close the builder into ``Facts``; every end of an edge must have been added."""
        assert all(
            e.source in self._nodes and e.target in self._nodes for e in self._edges.values()
        )
        return Facts(
            kind=kind,
            type=type,
            document=self.document,
            occurred=occurred,
            nodes=tuple(self._nodes.values()),
            edges=tuple(self._edges.values()),
            tags=tuple(self._tags),
            namespaces=namespaces,
            producers=producers,
            sequence=sequence,
            states=tuple(self._states),
            wholes=tuple(self._wholes),
        )
