"""Checkpoints: the three lines in which a log commits to everything it holds.

    example.com/log                                  origin: which log
    7                                                size: how many entries
    u09ZfFWb+iWERUw5K6y9W9D5eLOvp8CbIEKQQP7KA40=     root of the tree, 32 bytes

This is the text inside a signed note (``note.py``); who signed it is checked in ``keys/``.
Lines after the third are extensions: we read them and write none, because cosignatures of type
0x06 do not cover them.

Sizes:  a size is under 2^63 · a root is 32 bytes
Source: C2SP tlog-checkpoint v1.0.0
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from wherefrom.errors import Malformed
from wherefrom.formats import base64_strict, note

SIZE_LIMIT: Final = 2**63
ROOT_BYTES: Final = 32

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


class Checkpoint(NamedTuple):
    """A claim of a log: its first ``size`` entries have this Merkle ``root`` (32 bytes)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def to_text(self) -> str:
        """The text to sign, with its final newline. Raises Malformed if ``parse`` would refuse."""
        return to_text(self)


def parse(text: str, *, where: str = "checkpoint") -> Checkpoint:
    """Read the text of a checkpoint, with its final newline; one spelling. Raises Malformed."""
    note.check_text(text, where=where)
    lines = text[:-1].split("\n")
    if len(lines) < 3:
        raise Malformed(
            "a checkpoint is too short",
            where=where,
            expected="origin, size and root",
            got=f"{len(lines)} lines",
        )
    if "" in lines:
        raise Malformed("a checkpoint has an empty line", where=f"{where}, line {lines.index('')}")
    size = parse_decimal(lines[1], where=f"{where}.size")
    root = base64_strict.decode(lines[2], where=f"{where}.root")
    if len(root) != ROOT_BYTES:
        raise Malformed(
            "a root is not a hash",
            where=f"{where}.root",
            expected="32 bytes",
            got=f"{len(root)} bytes",
        )
    return Checkpoint(lines[0], size, root, tuple(lines[3:]))


def to_text(checkpoint: Checkpoint, *, where: str = "checkpoint") -> str:
    """The text to sign, with its final newline. Raises Malformed if ``parse`` would refuse it."""
    lines = [
        checkpoint.origin,
        str(checkpoint.size),
        base64_strict.encode(checkpoint.root),
        *checkpoint.extensions,
    ]
    text = "\n".join(lines) + "\n"
    if parse(text, where=where) != checkpoint:
        raise Malformed("a line of a checkpoint holds a newline", where=where)
    return text


def parse_decimal(text: str, *, where: str) -> int:
    """A number from 0 to 2^63 - 1 without sign, spaces or leading zeros. Raises Malformed."""
    if not _DECIMAL.fullmatch(text) or int(text) >= SIZE_LIMIT:
        raise Malformed(
            "not a number in its one spelling",
            where=where,
            expected="0 to 2^63 - 1 in decimal, no sign, no leading zeros",
            got=text,
        )
    return int(text)
