"""One logged record, read: what it says, ready to be numbered and stored. Pure.

    Logged ──► own record (trust "self")?  ──► its decision, and a node for the document
           └─► anything else               ──► facts_of(content)
                                               └ cannot be read ──► a gap, never a stall

What is not in the closed tables of ``formats.facts`` is a gap too, whole: half a record's facts
would be a statement that nobody made.

Sizes:  an id is at most 2,048 bytes of UTF-8, without NUL
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import Error, Malformed
from wherefrom.formats import dsse, own, strict_json
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.facts import ID_BYTES_MAX, Facts, Node
from wherefrom.log.logged import Logged
from wherefrom.views.folded import FactsOf
from wherefrom.views.graph.schema import KIND_NUMBERS, RELATION_NUMBERS
from wherefrom.views.graph.spelling import tag_key

WHY_CHARS_MAX: Final = 300
_JSON: Final = msgspec.json.Encoder(order="sorted")
_OWN_KINDS: Final = frozenset({"genesis", "key", "policy", "verdict", "tombstone", "gap", "system"})


class SaidGap(NamedTuple):
    """What is missing, why, and how many of it."""

    what: str
    why: str
    how_many: int = 1


class Said(NamedTuple):
    """What one record says; kinds and relations are numbers, properties JSON text.

    nodes  id → (kind, name, properties)
    edges  (effect id, relation, cause id) → properties
    tags   (one spelling, spelling as said, node id)
    """

    document: str | None = None
    nodes: Mapping[str, tuple[int, str | None, str | None]] = {}
    edges: Mapping[tuple[str, int, str], str | None] = {}
    tags: tuple[tuple[str, str, str], ...] = ()
    verdict: own.Verdict | None = None
    tombstone: own.Tombstone | None = None
    gap: SaidGap | None = None


def read(logged: Logged, *, facts_of: FactsOf) -> Said | None:
    """What ``logged`` says, or None if its content is erased. Raises nothing for bad content."""
    if logged.content is None:
        return None
    try:
        entry = logged.entry
        if entry.trust.level == "self" and entry.kind in _OWN_KINDS:
            return _own(logged.index, logged.content)
        return _checked(logged.facts or facts_of(logged.content))
    except Error as error:
        return Said(gap=SaidGap("facts", f"{error.code}: {error}"[:WHY_CHARS_MAX]))
    except Exception as error:  # noqa: BLE001  a reader's fault costs one record, not the view
        why = f"{type(error).__name__}: {error}"[:WHY_CHARS_MAX]
        return Said(gap=SaidGap("facts", why.encode("utf-8", "replace").decode()))


def _own(index: int, content: bytes) -> Said:
    envelope = dsse.parse(strict_json.as_object(strict_json.decode(content), where=""))
    decision = own.parse_payload(envelope.payload_type, envelope.payload)
    document = sha256_id(content)
    kind = own.entry_kind(decision)
    scalars = {k: v for k, v in msgspec.to_builtins(decision).items() if v not in (None, "", ())}
    if isinstance(decision, own.IntakeRules):
        scalars["rules"] = [rule.name for rule in decision.rules]
    scalars.pop("trusted_root", None)  # the whole root: its digest names it
    node = Node(document, "attestation", None, {"decision": kind, **scalars})
    said = Said(document=document, nodes={document: _node(node)})
    if isinstance(decision, own.Gap):
        return said._replace(gap=SaidGap(decision.what, decision.why, decision.count))
    if isinstance(decision, own.Verdict):
        _need_earlier(decision.entry, index, "verdict")
        return said._replace(verdict=decision)
    if isinstance(decision, own.Tombstone):
        _need_earlier(decision.entry, index, "tombstone")
        return said._replace(tombstone=decision)
    return said


def _need_earlier(entry: int, index: int, what: str) -> None:
    if not 0 <= entry < index:
        raise Malformed(
            f"a {what} on an entry that did not exist yet",
            where=f"entry {index}",
            expected=f"an entry below {index}",
            got=str(entry),
        )


def _checked(facts: Facts) -> Said:
    nodes: dict[str, tuple[int, str | None, str | None]] = {}
    for node in facts.nodes:
        nodes.setdefault(node.id, _node(node))
    edges: dict[tuple[str, int, str], str | None] = {}
    for edge in facts.edges:
        if edge.source not in nodes or edge.target not in nodes:
            raise Malformed("an edge names a node that the record does not describe")
        edges.setdefault(
            (edge.source, RELATION_NUMBERS[edge.relation], edge.target),
            _json(edge.properties) if edge.properties else None,
        )
    for tag in facts.tags:
        if tag.node not in nodes:
            raise Malformed("a tag names a node that the record does not describe")
        _check_text(tag.name)
    if facts.document not in nodes:
        nodes[facts.document] = _node(Node(facts.document, "resource"))
    tags = tuple((tag_key(t.name), t.name, t.node) for t in facts.tags)
    return Said(document=facts.document, nodes=nodes, edges=edges, tags=tags)


def _node(node: Node) -> tuple[int, str | None, str | None]:
    _check_text(node.id)
    if node.name is not None:
        _check_text(node.name)
    return (
        KIND_NUMBERS[node.kind],
        node.name or None,
        _json(node.properties) if node.properties else None,
    )


def _check_text(text: str) -> None:
    # encode() also refuses half a surrogate pair, which SQLite would refuse in mid-batch.
    size = len(text) if text.isascii() else len(text.encode())
    if not 0 < size <= ID_BYTES_MAX or "\0" in text:
        raise Malformed(
            "an id or name that cannot be stored",
            expected=f"1 to {ID_BYTES_MAX} bytes of UTF-8 without NUL",
            got=text[:80],
        )


def _json(properties: Mapping[str, Any]) -> str:
    try:
        return _JSON.encode(properties).decode()
    except (OverflowError, TypeError):  # an integer past 64 bits
        text = json.dumps(dict(properties), sort_keys=True, separators=(",", ":"))
        text.encode()
        return text
