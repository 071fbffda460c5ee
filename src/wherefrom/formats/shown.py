"""Ids, names and trust as people see them: short, on one line, and harmless.

    sha256:7d0e…64 digits  ──►  sha256:7d0e66fd45ea        "a\\x1b[2J"  ──►  "a�[2J"

Sizes:  a digest is shown by its first 12 digits, a key by its first 8
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

DIGEST_CHARS: Final = 12
KEY_CHARS: Final = 8

_RUN: Final = re.compile(r"run:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGESTS: Final = ("sha256:", "sha384:", "sha512:", "gitCommit:")


def short_id(id: str) -> str:
    """An id as short as it stays usable: ``wherefrom find`` finds it by its beginning."""
    if _RUN.fullmatch(id):
        return id[: len("run:") + 8]
    for prefix in _DIGESTS:
        if id.startswith(prefix):
            digest, mark, rest = id[len(prefix) :].partition("#")
            return prefix + digest[:DIGEST_CHARS] + mark + rest
    return id


def short_key(key: str) -> str:
    """``k:`` and its first 8 digits."""
    return key[: 2 + KEY_CHARS]


def cut(text: str, width: int) -> str:
    """``text`` on one line of at most ``width``, its middle left out if it is longer."""
    text = printable(text)
    if len(text) <= width:
        return text
    if width < 8:
        return text[: max(0, width - 1)] + "…"
    tail = (width - 1) // 2  # what tells names apart often stands at their end
    return text[: width - 1 - tail] + "…" + text[len(text) - tail :]


def printable(text: str) -> str:
    """``text`` without what could move a cursor: a name in a record is a stranger's text."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def trust_said(trust: str, signers: Sequence[str]) -> str:
    """``signed k:12345678``, ``channel``, …"""
    if not signers:
        return trust
    more = f" +{len(signers) - 1}" if len(signers) > 1 else ""
    return f"{trust} {short_key(signers[0])}{more}"


def percent(share: float) -> str:
    """``40 %``, ``0.3 %``, ``under 0.01 %``."""
    hundred = 100 * share
    if hundred >= 10:
        return f"{hundred:.0f} %"
    if 0 < hundred < 0.01:
        return "under 0.01 %"
    return f"{hundred:.2f}".rstrip("0").rstrip(".") + " %"


def measured(value: float | None, unit: str) -> str:
    """A value in words: ``98.0 %``, ``1.2 s``, ``unknown``."""
    if value is None:
        return "unknown"
    if unit == "share":
        return f"{value * 100:.4g} %"
    if unit == "s":
        return _duration(value)
    if unit == "ms":
        return f"{value:.3g} ms" if value < 10_000 else _duration(value / 1_000)
    if unit == "bytes/day":
        return f"{_bytes(value)}/day"
    return f"{value:,.0f}"


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s" if seconds >= 1 or not seconds else f"{seconds * 1_000:.3g} ms"


def _bytes(value: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if abs(value) < 1_000:
            return f"{value:.3g} {unit}"
        value /= 1_000
    return f"{value:,.1f} TB"
