"""Keys of a terminal: bytes as they come, also in pieces, as names.

    b"\\x1b[A" ──► "up"     b"\\t" ──► "tab"     b"q" ──► "q"     b"\\xc3" … b"\\xbc" ──► "ü"

A lone escape is the key of that name; it is told from the beginning of an arrow by nothing coming
after it, so whoever reads waits a moment and then says ``flush``.

Source: ECMA-48 §5.4; XTerm Control Sequences, "PC-Style Function Keys"
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

_NAMED: Final = {
    "\t": "tab", "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace",
    "\x15": "clear",
}  # fmt: skip
# The last letter of a sequence, or the number in front of ``~``.
_LETTERS: Final = {
    "A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end", "Z": "back-tab",
}  # fmt: skip
_NUMBERS: Final = {
    "1": "home", "4": "end", "5": "page-up", "6": "page-down", "7": "home", "8": "end",
}  # fmt: skip
_SEQUENCE: Final = re.compile(r"\x1b(?:\[([0-9;?]*)([A-Za-z~])|O([A-Z]))")
_BEGUN: Final = re.compile(r"\x1b(?:\[[0-9;?]*|O)?\Z")


class Keys:
    """What has come and is no whole key yet."""

    def __init__(self) -> None:
        self._left = ""
        # What is no UTF-8 is no key.
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")

    @property
    def waits(self) -> bool:
        """Whether something came that may go on."""
        return bool(self._left)

    def read(self, came: bytes) -> list[str]:
        """The keys that are whole now."""
        self._left += self._decoder.decode(came)
        return list(self._take(whole=False))

    def flush(self) -> list[str]:
        """Nothing more comes: what is left is what it is."""
        return list(self._take(whole=True))

    def _take(self, *, whole: bool) -> Iterator[str]:
        text, self._left = self._left, ""
        while text:
            found = _SEQUENCE.match(text)
            if found is not None:
                text = text[found.end() :]
                name = _LETTERS.get(found[2] or found[3] or "")
                if found[2] == "~":
                    name = _NUMBERS.get(found[1].partition(";")[0])
                if name:
                    yield name
                continue
            if not whole and _BEGUN.match(text):
                self._left = text
                return
            first, text = text[0], text[1:]
            if first == "\x1b":
                yield "escape"
            elif first in _NAMED:
                yield _NAMED[first]
            elif first.isprintable():
                yield first
