"""Fields of JSON objects, by the type they must have. Absent and null are empty, as in Go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wherefrom.errors import Malformed
from wherefrom.formats import timestamps


def obj(parent: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """An object, or an empty one. Raises Malformed."""
    found = parent.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _wrong("an object", found, key, where)
    return found


def items(parent: Mapping[str, Any], key: str, where: str) -> Iterator[tuple[Any, str]]:
    """The objects of an array, each with its place. Raises Malformed."""
    found = parent.get(key)
    if found is None:
        return
    if not isinstance(found, list):
        raise _wrong("an array", found, key, where)
    for index, one in enumerate(found):
        if not isinstance(one, dict):
            raise _wrong("an object", one, f"{key}[{index}]", where)
        yield one, _path(where, f"{key}[{index}]")


def text(parent: Mapping[str, Any], key: str, where: str) -> str:
    """A text, or an empty one. Raises Malformed."""
    found = parent.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise _wrong("text", found, key, where)
    return found


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
    return timestamps.canonical(found, where=_path(where, key)) if found else None


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _wrong(expected: str, got: object, key: str, where: str) -> Malformed:
    return Malformed(
        "a field of the wrong type", where=_path(where, key), expected=expected, got=got
    )
