"""JSON, read once and strictly: what two parsers could read differently is refused.

Other parsers keep the last of two equal keys, turn 1e999 into infinity and let half a surrogate
pair through; each lets one document mean two things to two readers. Here each is an error with
its reason.

    bytes ──► read, and written again: the same bytes? ──► str · int · float · bool · None
      └ no ──► one pass of the C scanner, a hook per object ──┘

A writer names each key once, so bytes that are just what a writer makes of the value they were
read as hold no key twice; that is a tenth of the work, and most machines write so. All else is
read by the hook, which knows what is wrong.

Limits are arguments with safe defaults; a refusal names the one that was passed.
Source: RFC 8259; RFC 7493 (I-JSON) §2
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import msgspec

from wherefrom.errors import LimitPassed, Malformed

DEPTH_MAX: Final = 128
NUMBER_DIGITS_MAX: Final = 400
STRING_CHARS_MAX: Final = 16 * 1024 * 1024
VALUES_MAX: Final = 2_000_000


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Malformed(
                    "a JSON object names one key twice",
                    where=f"key {key!r}",
                    expected="each key once",
                    do="Two readers could believe different values; send the object with one",
                )
            seen.add(key)
    return made


def _integer(text: str) -> int:
    if len(text) > NUMBER_DIGITS_MAX:
        raise LimitPassed(
            "a number is too long", expected=f"number_digits_max {NUMBER_DIGITS_MAX}", got=text[:40]
        )
    return int(text)


def _float(text: str) -> float:
    if len(text) > NUMBER_DIGITS_MAX:
        raise LimitPassed(
            "a number is too long", expected=f"number_digits_max {NUMBER_DIGITS_MAX}", got=text[:40]
        )
    value = float(text)
    if math.isinf(value):
        raise Malformed("a number is too large for a double", got=text)
    return value


def _constant(text: str) -> NoReturn:
    raise Malformed("JSON has no such value", expected="a finite number", got=text)


_START_BYTES: Final = 256
# Of a number at the limit, a look at every fiftieth byte sees eight digits.
_LONG_NUMBER: Final = re.compile(rb"[0-9]{8}")
_WRITER: Final = msgspec.json.Encoder()


def _as_written(content: bytes) -> Any:
    """The value of bytes that a plain writer makes of it; None for all others, and for null."""
    start = content[:_START_BYTES]
    if b'": ' in start or b"\n" in start:
        return None  # written for people: not worth a try
    if _LONG_NUMBER.search(content[:: NUMBER_DIGITS_MAX // 8]):
        return None
    try:
        value = msgspec.json.decode(content)
        return value if _WRITER.encode(value) == content else None
    except (ValueError, RecursionError, OverflowError):
        return None


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def decode(content: bytes, *, depth_max: int = DEPTH_MAX) -> Any:
    """Read exactly one JSON value from UTF-8 ``content`` (a leading BOM is refused).

    Raises Malformed for bytes that are not UTF-8 or not one JSON value, a repeated key, a number
    outside the doubles, half a surrogate pair; LimitPassed for nesting past ``depth_max``, a number
    or string past its limit, more than VALUES_MAX commas and opening brackets: a value takes a
    hundred times the memory of the byte or two it may be written in.
    """
    brackets = content.count(b"{") + content.count(b"[")
    if len(content) > VALUES_MAX and brackets + content.count(b",") > VALUES_MAX:
        raise LimitPassed(
            "a document holds too many values",
            expected=f"values_max {VALUES_MAX} commas and opening brackets",
            do="Send it in parts",
        )
    value = _as_written(content)
    if value is None:
        value = _read(content, depth_max=depth_max)
    # Both walks are paid only by the rare document that could break the rule.
    if b"\\u" in content or len(content) > STRING_CHARS_MAX:
        _walk(value, depth_max=depth_max)
    elif brackets > depth_max:
        _need_shallow(value, depth_max=depth_max)
    return value


def _read(content: bytes, *, depth_max: int) -> Any:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(
            "not UTF-8 text",
            where=f"byte {error.start}",
            got=content[error.start : error.start + 8],
        ) from error
    try:
        # raw_decode skips no white space in front, so strip what JSON calls white space.
        text = text.strip(" \t\n\r")
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(
            "not JSON",
            where=f"line {error.lineno} column {error.colno}",
            expected=error.msg.removeprefix("Expecting ").lower(),
            got=text[error.pos : error.pos + 40] or "the end of the input",
        ) from error
    except RecursionError as error:
        raise LimitPassed("JSON nested too deeply", expected=f"depth_max {depth_max}") from error
    if end != len(text):
        raise Malformed(
            "more after the JSON value", where=f"character {end}", got=text[end : end + 40]
        )
    return value


def _need_shallow(value: Any, *, depth_max: int) -> None:
    """Raises LimitPassed; a tenth of the time of ``_walk``, which looks at strings too."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth_max):
        if not level:
            return
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
    if level:
        raise LimitPassed("JSON nested too deeply", expected=f"depth_max {depth_max}")


def _walk(value: Any, *, depth_max: int) -> None:
    stack: list[tuple[Any, int]] = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, str):
            _check_string(item)
        elif isinstance(item, dict | list):
            if depth > depth_max:
                raise LimitPassed("JSON nested too deeply", expected=f"depth_max {depth_max}")
            if isinstance(item, dict):
                for key in item:
                    _check_string(key)
            children = item.values() if isinstance(item, dict) else item
            stack.extend((c, depth + 1) for c in children if isinstance(c, str | dict | list))


def _check_string(text: str) -> None:
    if len(text) > STRING_CHARS_MAX:
        raise LimitPassed("a string is too long", expected=f"string_chars_max {STRING_CHARS_MAX}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Malformed(
            "half a surrogate pair in a string", got=ascii(text[error.start : error.start + 8])
        ) from error


# Typed access with an error that names the place. A format reads fields through these, so every
# message has the same shape: what, where, expected, got.


def _wrong(value: object, *, where: str, expected: str) -> Malformed:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    kind = names.get(type(value), "null" if value is None else "a number")
    shown = kind if isinstance(value, dict | list) or value is None else f"{kind} {value!r}"
    return Malformed("a field has the wrong type", where=where, expected=expected, got=shown)


def as_object(value: object, *, where: str) -> dict[str, Any]:
    """``value`` if it is an object. Raises Malformed otherwise."""
    if not isinstance(value, dict):
        raise _wrong(value, where=where, expected="an object")
    return value


def as_array(value: object, *, where: str) -> list[Any]:
    """``value`` if it is an array. Raises Malformed otherwise."""
    if not isinstance(value, list):
        raise _wrong(value, where=where, expected="an array")
    return value


def as_string(value: object, *, where: str) -> str:
    """``value`` if it is a string. Raises Malformed otherwise."""
    if not isinstance(value, str):
        raise _wrong(value, where=where, expected="a string")
    return value


# The place is put into words only for an error: these run for every field of every record.


def _place(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _missing(where: str, key: str) -> Malformed:
    return Malformed("a required field is missing", where=_place(where, key))


def need_object(parent: Mapping[str, Any], key: str, *, where: str = "") -> dict[str, Any]:
    """The object under a required key. Raises Malformed if it is missing, null or no object."""
    value = parent.get(key)
    if type(value) is dict:
        return value
    if value is None:
        raise _missing(where, key)
    return as_object(value, where=_place(where, key))


def need_array(parent: Mapping[str, Any], key: str, *, where: str = "") -> list[Any]:
    """The array under a required key. Raises Malformed if it is missing, null or no array."""
    value = parent.get(key)
    if type(value) is list:
        return value
    if value is None:
        raise _missing(where, key)
    return as_array(value, where=_place(where, key))


def need_string(parent: Mapping[str, Any], key: str, *, where: str = "") -> str:
    """The non-empty string under a required key. Raises Malformed otherwise."""
    value = parent.get(key)
    if type(value) is str and value:
        return value
    if value is None or value == "":
        raise _missing(where, key)
    return as_string(value, where=_place(where, key))


def get_object(parent: Mapping[str, Any], key: str, *, where: str = "") -> dict[str, Any]:
    """The object under an optional key, ``{}`` if missing or null. Raises Malformed otherwise."""
    value = parent.get(key)
    if type(value) is dict:
        return value
    return {} if value is None else as_object(value, where=_place(where, key))


def get_array(parent: Mapping[str, Any], key: str, *, where: str = "") -> list[Any]:
    """The array under an optional key, ``[]`` if missing or null. Raises Malformed otherwise."""
    value = parent.get(key)
    if type(value) is list:
        return value
    return [] if value is None else as_array(value, where=_place(where, key))


def get_string(parent: Mapping[str, Any], key: str, *, where: str = "") -> str | None:
    """The string under an optional key, None if missing, null or empty. Raises Malformed."""
    value = parent.get(key)
    if value is None or value == "":
        return None
    return value if type(value) is str else as_string(value, where=_place(where, key))
