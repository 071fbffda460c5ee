"""The two notations of PROV: PROV-N for people, PROV-JSON for programs.

    Statement("used", ("build:1", "sha256:7d"), [("wf:entry", Literal("12", "xsd:int"))])

    used(build:1, sha256:7d, -, [wf:entry="12" %% xsd:int])
    {"used": {"_:s1": {"prov:activity": "build:1", "prov:entity": "sha256:7d",
                       "wf:entry": {"$": "12", "type": "xsd:int"}}}}

Source: PROV-N (W3C Recommendation, 2013), grammar of §3; PROV-JSON (W3C Submission, 2013)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec


class Literal(NamedTuple):
    """A value with its XML Schema type."""

    text: str
    type: str


class Name(NamedTuple):
    """A value that is a qualified name."""

    text: str


Value: TypeAlias = str | Literal | Name
Attributes: TypeAlias = Iterable[tuple[str, Value]]


class Statement(NamedTuple):
    """An element or a relation: its word, the names in their order (None: not said), the rest."""

    word: str
    names: tuple[str | None, ...]
    attributes: Attributes


# word → the keys of its names in JSON, and what PROV-N puts after them when attributes follow.
_WORDS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "wasGeneratedBy": (("prov:entity", "prov:activity"), ", -"),
    "used": (("prov:activity", "prov:entity"), ", -"),
    "wasDerivedFrom": (("prov:generatedEntity", "prov:usedEntity"), ""),
    "wasAttributedTo": (("prov:entity", "prov:agent"), ""),
    "wasAssociatedWith": (("prov:activity", "prov:agent", "prov:plan"), ""),
    "actedOnBehalfOf": (("prov:delegate", "prov:responsible"), ", -"),
    "wasInformedBy": (("prov:informed", "prov:informant"), ""),
    "specializationOf": (("prov:specificEntity", "prov:generalEntity"), ""),
    "wasInvalidatedBy": (("prov:entity", "prov:activity"), ", -"),
    "hadMember": (("prov:collection", "prov:entity"), ""),
    "alternateOf": (("prov:alternate1", "prov:alternate2"), ""),
    "wasInfluencedBy": (("prov:influencee", "prov:influencer"), ""),
}
_ESCAPES: Final = {
    "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"
}  # fmt: skip
_ESCAPED: Final = re.compile(r'[\\"\n\r\t\x08\f]')


# PROV-N


def n_document(
    prefixes: Mapping[str, str],
    statements: Iterable[Statement],
    bundles: Mapping[str, Iterable[Statement]],
) -> str:
    """The text of a document in PROV-N."""
    lines = ["document"]
    lines += [f"  prefix {prefix} <{namespace}>" for prefix, namespace in prefixes.items()]
    lines += [f"  {_n_statement(statement)}" for statement in statements]
    for name, inside in bundles.items():
        lines.append(f"  bundle {name}")
        lines += [f"    {_n_statement(statement)}" for statement in inside]
        lines.append("  endBundle")
    return "\n".join([*lines, "endDocument"]) + "\n"


def _n_statement(statement: Statement) -> str:
    names = [name or "-" for name in statement.names]
    attributes = ", ".join(f"{key}={_n_value(value)}" for key, value in statement.attributes)
    rest = ""
    if attributes:
        missing = _WORDS[statement.word][1] if statement.word in _WORDS else ""
        if statement.word == "wasAssociatedWith" and len(names) == 2:
            missing = ", -"
        rest = f"{missing}, [{attributes}]"
    return f"{statement.word}({', '.join(names)}{rest})"


def _n_value(value: Value) -> str:
    if isinstance(value, Name):
        return f"'{value.text}'"
    if isinstance(value, Literal):
        return f'"{value.text}" %% {value.type}'
    return '"' + _ESCAPED.sub(lambda match: _ESCAPES[match[0]], value) + '"'


# PROV-JSON


def json_document(
    prefixes: Mapping[str, str],
    statements: Iterable[Statement],
    bundles: Mapping[str, Iterable[Statement]],
) -> str:
    """The text of a document in PROV-JSON."""
    document: dict[str, Any] = {"prefix": dict(prefixes), **_json_statements(statements)}
    if bundles:
        document["bundle"] = {name: _json_statements(inside) for name, inside in bundles.items()}
    return msgspec.json.encode(document).decode() + "\n"


def _json_statements(statements: Iterable[Statement]) -> dict[str, dict[str, Any]]:
    written: dict[str, dict[str, Any]] = {}
    for place, statement in enumerate(statements):
        body: dict[str, Any] = {}
        if statement.word in _WORDS:
            id = f"_:s{place}"
            keys = _WORDS[statement.word][0]
            ends = zip(keys, statement.names, strict=False)
            body.update((key, name) for key, name in ends if name is not None)
        else:
            (only,) = statement.names
            id = only or ""
        for key, value in _gathered(statement.attributes):
            body[key] = value
        written.setdefault(statement.word, {})[id] = body
    return written


def _gathered(attributes: Attributes) -> Iterator[tuple[str, Any]]:
    """Each key once, with its value or the list of its values."""
    found: dict[str, list[Any]] = {}
    for key, value in attributes:
        found.setdefault(key, []).append(_json_value(value))
    for key, values in found.items():
        yield key, values[0] if len(values) == 1 else values


def _json_value(value: Value) -> Any:
    if isinstance(value, Name):
        return {"$": value.text, "type": "xsd:QName"}
    if isinstance(value, Literal):
        return {"$": value.text, "type": value.type}
    return value
