"""OLPC canonical JSON: the bytes that the signatures of in-toto's and TUF's old metadata are over.

    {"b": 1, "a": "x\\"y"}  ──►  {"a":"x\\"y","b":1}

Keys in the order of their code points, nothing between the tokens, integers only; in a string
just the quotation mark and the backslash are escaped, and every other character stands as it is,
line ends included. So it is not RFC 8785, and not always JSON.

Sizes:  values as ``strict_json`` reads them, so 128 levels at most
Source: in-toto specification v1.0 §4.2.1; securesystemslib, formats.encode_canonical
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wherefrom.errors import Malformed


def encode(value: Any) -> bytes:
    """``value`` in canonical form. Raises Malformed for a number that is no integer."""
    return "".join(_parts(value)).encode()


def _parts(value: Any) -> Iterator[str]:
    if value is None or isinstance(value, bool):
        yield {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, str):
        yield _string(value)
    elif isinstance(value, int):
        yield str(value)
    elif isinstance(value, list):
        yield "["
        for index, item in enumerate(value):
            yield "," if index else ""
            yield from _parts(item)
        yield "]"
    elif isinstance(value, dict):
        yield "{"
        for index, key in enumerate(sorted(value)):
            yield f"{',' if index else ''}{_string(key)}:"
            yield from _parts(value[key])
        yield "}"
    else:
        raise Malformed("canonical JSON has integers only", got=repr(value)[:40])


def _string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
