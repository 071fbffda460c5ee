"""Base64 with one spelling for each value: RFC 4648 §4, padded, no line breaks, no spare bits.

    b"f"  ⇄  "Zg=="        "Zg", "Zh==", "Zg==\\n" and "Z g==" are refused

Python's ``b64decode`` skips what it does not know and ignores the bits that padding leaves over,
so one signature would have many spellings. Here ``decode`` takes only what ``encode`` writes.

Source: RFC 4648 §3.5 and §4
"""

from __future__ import annotations

import binascii

from wherefrom.errors import Malformed


def encode(value: bytes) -> str:
    """The base64 text of any bytes."""
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def decode(text: str, *, where: str) -> bytes:
    """The bytes whose ``encode`` is exactly ``text``. Raises Malformed for any other text."""
    try:
        value = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:  # binascii.Error, or a text that is not ASCII
        raise Malformed("not base64", where=where, expected="RFC 4648 §4", got=text) from error
    if encode(value) != text:
        raise Malformed(
            "base64 not in its one spelling",
            where=where,
            expected=_end_of(encode(value)),
            got=_end_of(text),
        )
    return value


def _end_of(text: str) -> str:
    """Where two spellings differ; the rest may be megabytes."""
    return text if len(text) <= 40 else "…" + text[-39:]
