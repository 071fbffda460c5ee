"""Canonical JSON: one spelling for a value, so that its digest is the value's own.

    value ──► keys by UTF-16 code units, no blanks, numbers as ECMAScript writes them ──► bytes

Sizes:  whole numbers up to 2^53 − 1 either way, and beyond those that a double is written as
Source: RFC 8785; ECMA-262 §6.1.6.1.20 (Number::toString)
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any, Final

from wherefrom.errors import Malformed

INTEGER_MAX: Final = 2**53 - 1


def to_bytes(value: Any) -> bytes:
    """``value`` (objects, lists, texts, numbers, booleans, None) in its one spelling.

    Raises Malformed for a number or a text that JSON has no one spelling of.
    """
    try:
        return _written(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Malformed("half a surrogate pair in a text", got=ascii(error.object)[:80]) from error


def _written(value: Any) -> str:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_text(key)}:{_written(value[key])}" for key in keys) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int):
        # A large double is written without a point, and comes back as a whole number.
        if abs(value) > INTEGER_MAX and not _is_double(value):
            raise Malformed(
                "a whole number that not every reader of JSON keeps", got=value,
                expected=f"{INTEGER_MAX} at most", do="Write it as a text",
            )  # fmt: skip
        return str(value)
    if isinstance(value, float):
        return _float(value)
    raise Malformed("a value that JSON does not have", got=type(value).__name__)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _is_double(value: int) -> bool:
    return value.bit_length() < 1024 and _float(float(value)) == str(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise Malformed("a number that JSON does not have", got=value, expected="a finite one")
    if value == 0:
        return "0"
    sign, found, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, found))
    point = len(digits) + exponent  # so many digits stand before it
    if len(digits) <= point <= 21:
        said = digits + "0" * (point - len(digits))
    elif 0 < point <= 21:
        said = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        said = "0." + "0" * -point + digits
    else:
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        said = f"{digits[0]}{rest}e{point - 1:+d}"
    return "-" + said if sign else said
