"""JSON in one spelling, so that equal values have equal bytes and so equal digests.

    {"b": 1.0, "a": "é"}  ──►  {"a":"é","b":1}

Keys are sorted by their UTF-16 units, numbers are written as ECMAScript does, nothing is put
between tokens. What two readers could take for two values has no spelling here and is refused.

Sizes:  an integer is within ±(2^53 - 1), which every reader of doubles reads alike
Source: RFC 8785; ECMA-262, Number::toString
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any, Final

from wherefrom.errors import LimitPassed, Malformed

INTEGER_MAX: Final = 2**53 - 1
DEPTH_MAX: Final = 128


def to_bytes(value: Any) -> bytes:
    """The one spelling of a value made of dict, list, tuple, str, int, float, bool and None.

    Raises Malformed for any other type, a key that is no text, a number that JSON or a double
    does not have, half a surrogate pair; LimitPassed past DEPTH_MAX.
    """
    try:
        return _text(value, 1).encode()
    except UnicodeEncodeError as error:
        raise Malformed("half a surrogate pair has no spelling in UTF-8", got=error.object) from (
            error
        )


def _text(value: Any, depth: int) -> str:
    if depth > DEPTH_MAX:
        raise LimitPassed("a value nested too deeply", expected=f"depth_max {DEPTH_MAX}")
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        # A large double is written without a point, and comes back as a whole number.
        if abs(value) > INTEGER_MAX and not _is_double(value):
            raise Malformed(
                "an integer that doubles do not hold", expected="±(2^53 - 1)", got=str(value)[:40]
            )
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(item, depth + 1) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(_members(value, depth)) + "}"
    raise Malformed("JSON has no such value", got=type(value).__name__)


def _is_double(value: int) -> bool:
    return value.bit_length() < 1024 and _number(float(value)) == str(value)


def _members(value: dict[Any, Any], depth: int) -> list[str]:
    for key in value:
        if not isinstance(key, str):
            raise Malformed("a key of JSON is a text", got=key)
    ordered = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
    return [f"{_text(key, depth)}:{_text(value[key], depth + 1)}" for key in ordered]


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise Malformed("JSON has no such number", expected="a finite one", got=repr(value))
    if value == 0:
        return "0"
    if value < 0:
        return "-" + _number(-value)
    # Python and ECMAScript choose the same digits, the fewest that lead back to the number;
    # they differ in when to write an exponent, and how.
    written = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, written.digits))
    assert isinstance(written.exponent, int)
    point = written.exponent + len(digits)  # where it stands, counted from the first digit
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"
