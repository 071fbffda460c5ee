"""Small ways of writing that every verb shares: JSON, tables, short ids, one line cut to fit.

Sizes:  a page is as wide as the terminal, 100 columns where there is none; 60 at least
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

COLUMNS_DEFAULT: Final = 100
COLUMNS_MIN: Final = 60
DIGEST_CHARS: Final = 12
KEY_CHARS: Final = 8

_RUN: Final = re.compile(r"run:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGESTS: Final = ("sha256:", "sha384:", "sha512:", "gitCommit:")


def columns() -> int:
    """How wide to write."""
    return max(COLUMNS_MIN, shutil.get_terminal_size((COLUMNS_DEFAULT, 24)).columns)


def write_json(answer: Any) -> None:
    """An answer as JSON on standard output: indented for a terminal, else one line."""
    import msgspec

    written = msgspec.json.encode(answer)
    if sys.stdout.isatty():
        written = msgspec.json.format(written, indent=2)
    click.echo(written)


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


def table(rows: Sequence[Sequence[str]], *, indent: int = 0) -> str:
    """Columns as wide as their longest cell; the last one is cut to fit the page."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        line = " " * indent
        line += "".join(f"{c:<{w}}  " for c, w in zip(row[:-1], widths, strict=False))
        lines.append((line + cut(row[-1], max(12, columns() - len(line)))).rstrip())
    return "\n".join(lines)


def foot(log: Any, *, as_of: int | None = None) -> str:
    """Of which log an answer speaks."""
    known = f", as known at size {as_of}" if as_of is not None and as_of != log.size else ""
    return f"log  {log.origin}, size {log.size}{known}\nroot {log.root or 'of nothing yet'}"


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 entry``, ``2 entries``, ``4,096 records``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
