"""CloudEvents 1.0 in structured mode: the envelope, and what its data says where it is known.

    {"specversion": "1.0", "id", "source", "type", …, "data": {…}}
          │                              │             └ a statement, an OpenLineage event, …:
          │                              │               its facts, with this document as record
          └ document ──attributed_to──► source

Attributes are checked as the spec types them; ``null`` is an attribute that is not set. Data that
no format knows stays in the content. Data that a format knows but cannot read costs nothing but
its facts: the event is whole, and ``data_unread`` on its node says why (``malformed``,
``unsupported``, ``limit``). Data that must not be kept at all is refused with the event. A
CloudEvent in a CloudEvent is data like any other.

The extensions ``environment``, ``service``, ``region``, ``pool`` and ``instance`` say where the
event is of; what the data states of state without saying where is of there. The extension
``sequence`` is the event's place among those of its source.

Binary mode becomes structured before it comes here; a batch is an array and is cut before.

Sizes:  integers are signed 32 bits
Source: CloudEvents 1.0.2 spec.md §3.1, formats/json-format.md §§2-3
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from wherefrom.errors import ForbiddenField, Malformed, Refused, Unsupported
from wherefrom.formats import timestamps
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.states import Scope
from wherefrom.formats.strict_json import as_string, need_string

_NAME = re.compile(r"[a-z0-9]+")
# Letters, digits and marks of RFC 3986, and what IRIs add; no blanks, no quotes, no brackets.
_URI_REFERENCE = re.compile(r"[^\s<>\"{}|\\^`\x00-\x1f\x7f]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:" + _URI_REFERENCE.pattern)
_TEXTS: Final = frozenset({"subject", "datacontenttype", "dataschema", "time"})
_REQUIRED: Final = ("id", "source", "specversion", "type")
_SEQUENCE_CHARS_MAX: Final = 64
_DATA: Final = frozenset({"data", "data_base64"})
# Reads data that is a JSON object, for the scope that the event is of.
Inside = Callable[[Mapping[str, Any], Scope], Facts | None]


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be a CloudEvent, whole or not."""
    if "specversion" in document:
        return True
    # 0.1 and 0.2 wrote it so.
    return "cloudEventsVersion" in document or document.keys() >= {"eventID", "eventType", "source"}


def facts(
    document: Mapping[str, Any],
    *,
    document_id: str,
    inside: Inside | None = None,
) -> Facts:
    """What one CloudEvent says.

    inside  reads data that is a JSON object: its facts with ``document_id`` as the record, or
            None when no format knows it; raises Refused

    Raises Malformed for an attribute that is missing, of the wrong type or badly named;
    Unsupported for a version other than 1.0; ForbiddenField for data that must not be kept.
    """
    _check_version(document)
    attributes = _attributes(document)
    builder = FactsBuilder(document=document_id)
    source = attributes["source"]
    where = scope_of(document)
    builder.node(
        document_id,
        "event",
        attributes["type"],
        {
            "id": attributes["id"],
            "subject": attributes.get("subject"),
            "sequence": document.get("sequence"),
            "dataschema": attributes.get("dataschema"),
            "datacontenttype": attributes.get("datacontenttype"),
            **{part: text for part, text in where._asdict().items() if text},
        },
    )
    builder.node(source, "software", source)
    builder.edge(document_id, "attributed_to", source)
    inner = _fold_in(document.get("data"), builder, inside, where)
    time = attributes.get("time")
    occurred = timestamps.canonical(time, where="time") if time else None
    return builder.build(
        kind="event",
        type=attributes["type"],
        occurred=occurred or (inner.occurred if inner else None),
        namespaces=inner.namespaces if inner else (),
        producers=tuple(dict.fromkeys((source, *(inner.producers if inner else ())))),
        sequence=_sequence(document),
    )


def scope_of(document: Mapping[str, Any]) -> Scope:
    """Where the extension attributes of an event say that it is of."""
    said = {part: document.get(part) for part in Scope._fields}
    return Scope(**{part: text for part, text in said.items() if isinstance(text, str)})


def _sequence(document: Mapping[str, Any]) -> str | None:
    """The place of an event, as text that sorts as the places do; None if it has none.

    Numbers are compared as numbers, also where a producer does not pad them to one width. What
    is no sequence orders nothing, and costs nothing.

    Source: CloudEvents, extensions/sequence.md
    """
    said = document.get("sequence")
    text = str(said) if type(said) is int and said >= 0 else said
    if not isinstance(text, str) or not 0 < len(text) <= _SEQUENCE_CHARS_MAX:
        return None
    return text.zfill(_SEQUENCE_CHARS_MAX) if text.isascii() and text.isdecimal() else text


def _fold_in(
    data: object, builder: FactsBuilder, inside: Inside | None, where: Scope
) -> Facts | None:
    """Add the facts of known data to ``builder``; gives them, or None. Raises ForbiddenField."""
    if inside is None or not isinstance(data, dict):
        return None
    try:
        inner = inside(data, where)
    except ForbiddenField as error:
        error.where = f"data.{error.where}" if error.where else "data"
        raise
    except Refused as error:
        builder.node(builder.document, "event", None, {"data_unread": error.code})
        return None
    if inner is not None:
        for node in inner.nodes:
            builder.node(node.id, node.kind, node.name, node.properties)
        for edge in inner.edges:
            builder.edge(edge.source, edge.relation, edge.target, edge.properties)
        for tag in inner.tags:
            builder.tag(tag.name, tag.node)
        _fold_in_states(inner, builder, where)
    return inner


def _fold_in_states(inner: Facts, builder: FactsBuilder, where: Scope) -> None:
    """What the data states holds from the data's own time on, and only then from the event's."""

    def placed(scope: Scope) -> Scope:
        return Scope(*(own or given for own, given in zip(scope, where, strict=True)))

    replace = msgspec.structs.replace
    for state in inner.states:
        at = state.at or inner.occurred
        builder.state(replace(state, scope=placed(state.scope), at=at))
    for whole in inner.wholes:
        at = whole.at or inner.occurred
        builder.all_of(replace(whole, scope=placed(whole.scope), at=at))


def _check_version(document: Mapping[str, Any]) -> None:
    version = document.get("specversion", document.get("cloudEventsVersion"))
    if version is None and "specversion" not in document:
        version = "0.2 or older"
    if as_string(version, where="specversion") != "1.0":
        raise Unsupported(
            "a CloudEvent of another version", where="specversion", expected="1.0", got=version
        )


def _attributes(document: Mapping[str, Any]) -> dict[str, str]:
    """The text attributes that are set, all of them checked."""
    for key in _REQUIRED:
        need_string(document, key)
    found: dict[str, str] = {}
    for name, value in document.items():
        if name in _DATA:
            continue
        if not _NAME.fullmatch(name):
            raise Malformed(
                "not a name for an attribute", expected="lower-case letters and digits", got=name
            )
        if value is None:
            continue
        if name in _REQUIRED or name in _TEXTS:
            found[name] = need_string(document, name)
        else:
            _check_extension(name, value)
    if not _URI_REFERENCE.fullmatch(found["source"]):
        raise Malformed("not a URI reference", where="source", got=found["source"])
    if "dataschema" in found and not _URI.fullmatch(found["dataschema"]):
        raise Malformed("not a URI", where="dataschema", got=found["dataschema"])
    _check_data(document)
    return found


def _check_extension(name: str, value: object) -> None:
    """Boolean, 32-bit integer or text; the other types are written as text."""
    if isinstance(value, bool | str):
        return
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return
    raise Malformed(
        "not a value for an attribute",
        where=name,
        expected="a string, a boolean or a 32-bit integer",
        got=value if isinstance(value, int | float) else type(value).__name__,
    )


def _check_data(document: Mapping[str, Any]) -> None:
    encoded = document.get("data_base64")
    if encoded is None:
        return
    if "data" in document:
        raise Malformed("data and data_base64 together", expected="one of the two")
    try:
        binascii.a2b_base64(as_string(encoded, where="data_base64").encode(), strict_mode=True)
    except binascii.Error as error:
        raise Malformed("not base64", where="data_base64", got=str(error)) from error
