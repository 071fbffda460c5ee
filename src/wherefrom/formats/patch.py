r"""Patches as git writes them: which lines of which files were removed and added. Pure.

    diff --git a/models/a.sql b/models/b.sql
    --- a/models/a.sql          /dev/null where there was none; "a/na\tme" quoted, as C has it
    +++ b/models/b.sql
    @@ -3,2 +3 @@              so many lines of each side follow: a removed line may begin with --
    --- a comment that went
    -select 1
    +select 2
    \ No newline at end of file

Source: git-diff(1), "Generating patch text with -p"
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_HUNK: Final = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_ESCAPE: Final = re.compile(rb'\\(?:([0-7]{3})|([abtnvfr"\\]))')
_ESCAPED: Final = dict(zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True))
_NONE: Final = b"/dev/null"


class FilePatch(NamedTuple):
    """What became of one file: ``before`` and ``after`` are its paths, None where it was not.

    lines  those that were removed or added, without their mark and end
    """

    before: str | None
    after: str | None
    lines: list[bytes]


def files(lines: Iterable[bytes]) -> Iterator[FilePatch]:
    """The files of a patch that have changed lines; ``lines`` without their ends.

    Whatever is no file of a patch is passed over.
    """
    found = FilePatch(None, None, [])
    before: str | None = None
    left = 0
    for line in lines:
        if left:
            if line[:1] in (b"-", b"+"):
                found.lines.append(line[1:])
                left -= 1
            elif line[:1] == b" ":  # of both sides
                left -= 2
        elif hunk := _HUNK.match(line):
            left = sum(1 if count is None else int(count) for count in hunk.groups())
        elif line.startswith(b"--- "):
            before = _path(line[4:])
        elif line.startswith(b"+++ "):
            if found.lines:
                yield found
            found = FilePatch(before, _path(line[4:]), [])
    if found.lines:
        yield found


def _path(said: bytes) -> str | None:
    """A path after ``---`` or ``+++``: without ``a/`` or ``b/``, and the tab after one with
    blanks."""
    said = said.removesuffix(b"\t")
    if said == _NONE:
        return None
    if said[:1] == said[-1:] == b'"' and len(said) > 1:
        said = _ESCAPE.sub(_unescaped, said[1:-1])
    return said[2:].decode("utf-8", "replace")


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        return bytes([int(match[1], 8) & 0xFF])
    return bytes([_ESCAPED[match[2][0]]])
