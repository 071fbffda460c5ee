"""Fields of Kubernetes' objects that ``strict_json`` has no word for: absent and null are empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wherefrom.errors import Malformed
from wherefrom.formats import timestamps
from wherefrom.formats.strict_json import as_object, get_array, get_string


def items(parent: Mapping[str, Any], key: str, where: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects of an array, each with its place. Raises Malformed."""
    for index, one in enumerate(get_array(parent, key, where=where)):
        place = _place(where, f"{key}[{index}]")
        yield as_object(one, where=place), place


def text(parent: Mapping[str, Any], key: str, where: str) -> str:
    """A text, or an empty one. Raises Malformed."""
    return get_string(parent, key, where=where) or ""


def flag(parent: Mapping[str, Any], key: str, where: str, *, otherwise: bool = False) -> bool:
    """True or false. Raises Malformed."""
    found = parent.get(key)
    if found is None:
        return otherwise
    if not isinstance(found, bool):
        raise _wrong("true or false", found, key, where)
    return found


def number(parent: Mapping[str, Any], key: str, where: str) -> int | None:
    """A whole number, or None. Raises Malformed."""
    found = parent.get(key)
    if found is None:
        return None
    if not isinstance(found, int) or isinstance(found, bool):
        raise _wrong("a whole number", found, key, where)
    return found


def at(parent: Mapping[str, Any], key: str, where: str) -> str | None:
    """A time, in the one spelling of ``timestamps``, or None. Raises Malformed."""
    found = text(parent, key, where)
    return timestamps.canonical(found, where=_place(where, key)) if found else None


def _place(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _wrong(expected: str, got: object, key: str, where: str) -> Malformed:
    return Malformed(
        "a field has the wrong type", where=_place(where, key), expected=expected, got=got
    )
