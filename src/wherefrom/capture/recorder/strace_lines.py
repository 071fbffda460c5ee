"""The lines that strace writes, as calls: text in, values out, and no line is too strange.

    4242 openat(AT_FDCWD</src>, "a.c", O_RDONLY) = 3</src/a.c>  ──► Call("openat", [...], result)
    4242 vfork( <unfinished ...>                                ──► Began: the answer comes later
    4242 <... vfork resumed>) = 4243                            ──► Call, with its arguments
    4243 +++ exited with 7 +++                                  ──► Ended(7)

A line that is none of these (a signal, a cut one, a message) is nothing. A call that failed is
nothing too, but a connect that is only on its way: what a program looked for and did not find is
no input. strace escapes what is not plain ASCII, so a line is ASCII, and a path is bytes.

Sizes:  PENDING_MAX calls wait for their end; what is more is forgotten
Source: strace(1), options -f, -y and -q; strace 5.3 to 6.x
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

PENDING_MAX: Final = 10_000
FORKS: Final = frozenset({"clone", "clone3", "fork", "vfork"})

_LINE: Final = re.compile(r"(\d{1,10}) +(.*)", re.DOTALL)
_CALL: Final = re.compile(r"([a-z_][a-z0-9_]*)\(")
_RESUMED: Final = re.compile(r"<\.\.\. ([a-z_][a-z0-9_]*) resumed>(?:, )?")
_UNFINISHED: Final = re.compile(r",? ?<unfinished \.\.\.>$")
_ENDED: Final = re.compile(r"\+\+\+ (?:exited with (\d{1,3})|killed by SIG\w+.*) \+\+\+$")
_RESULT: Final = re.compile(r"\) += (.+)", re.DOTALL)
# One step of a scan: a string, what a number stands for, a bracket, a comma, other text.
_TOKEN: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|<(?:[^<>\\]|\\.)*>|[\[{(]|[\]})]|,|[^"<\[{(\]}),]+|.', re.DOTALL
)
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BEHIND: Final = re.compile(r"(?:-?\d+|AT_FDCWD)<((?:[^<>\\]|\\.)*)>(\(deleted\))?", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\([0-7]{1,3}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f", "e": "\033"}


class Call(NamedTuple):
    """A call that succeeded, or a connect that is on its way.

    args    each as strace wrote it; ``text_of`` and ``path_behind`` read one
    result  what stands after the sign of equality
    """

    pid: int
    name: str
    args: tuple[str, ...]
    result: str


class Began(NamedTuple):
    """A process is about to be made: its lines may come before its parent's answer."""

    pid: int


class Ended(NamedTuple):
    """A process ended; ``status`` is None if a signal killed it."""

    pid: int
    status: int | None


Event = Call | Began | Ended


class Lines:
    """Puts together what strace wrote in pieces, because other lines came between."""

    def __init__(self) -> None:
        self._pending: dict[int, str] = {}

    def event(self, line: str) -> Event | None:
        """What a line says, None if nothing."""
        found = _LINE.fullmatch(line.rstrip("\n"))
        if found is None:
            return None
        pid, text = int(found[1]), found[2]
        if text.startswith("+++"):
            ended = _ENDED.match(text)
            self._pending.pop(pid, None)
            return Ended(pid, int(ended[1]) if ended[1] else None) if ended else None
        if text.startswith("<..."):
            resumed = _RESUMED.match(text)
            begun = self._pending.pop(pid, None)
            if resumed is None or begun is None or not begun.startswith(resumed[1] + "("):
                return None
            text = begun + text[resumed.end() :]
        elif text.endswith("<unfinished ...>"):
            return self._begin(pid, text)
        return _call(pid, text)

    def _begin(self, pid: int, text: str) -> Began | None:
        if len(self._pending) >= PENDING_MAX and pid not in self._pending:
            return None
        begun = _UNFINISHED.sub("", text)
        # What comes after is told apart by its comma, which strace writes on either line.
        self._pending[pid] = begun if begun.endswith("(") else begun + ", "
        return Began(pid) if begun.partition("(")[0] in FORKS else None


def _call(pid: int, text: str) -> Call | None:
    if " = -1 E" in text and "EINPROGRESS" not in text and '"' not in text.rpartition(" = ")[2]:
        return None
    name = _CALL.match(text)
    if name is None:
        return None
    args: list[str] = []
    piece: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(text, name.end()):
        said = token[0]
        if said in ("(", "[", "{"):
            depth += 1
        elif said in (")", "]", "}"):
            if depth == 0:
                args.append("".join(piece).strip())
                result = _RESULT.fullmatch(text, token.start())
                return Call(pid, name[1], _given(args), result[1]) if result else None
            depth -= 1
        elif said == "," and depth == 0:
            args.append("".join(piece).strip())
            piece = []
            continue
        piece.append(said)
    return None


def _given(args: list[str]) -> tuple[str, ...]:
    """Without the empty ones, which a call in two pieces leaves at the seam."""
    return tuple(arg for arg in args if arg)


def text_of(arg: str) -> str | None:
    """The string that an argument is; bytes that are no UTF-8 as ``os.fsdecode`` has them."""
    found = _STRING.match(arg)
    return _plain(found[1]) if found else None


def path_behind(arg: str) -> str | None:
    """The path that a descriptor stands for, if it stands for one: ``3</src/a.c>``."""
    found = _BEHIND.match(arg)
    if found is None:
        return None
    path = _plain(found[1])
    return path if path.startswith("/") else None


def is_fork(call: Call) -> bool:
    """Whether a call made a process; its result is the number of that."""
    return call.name in FORKS


def number_of(result: str) -> int | None:
    """The number that a result begins with, None if it is none or below 0."""
    found = re.match(r"\d{1,10}", result)
    return int(found[0]) if found else None


def lines_of(chunks: Iterator[bytes]) -> Iterator[str]:
    """The lines in bytes as they come; the last one too, though no end of line follows it."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode("latin-1")
    if rest:
        yield rest.decode("latin-1")


def _plain(escaped: str) -> str:
    if "\\" not in escaped and escaped.isascii():
        return escaped
    as_latin = _ESCAPE.sub(_unescaped, escaped)
    return as_latin.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _unescaped(found: re.Match[str]) -> str:
    said = found[1]
    if said[0] in "01234567":
        return chr(int(said, 8) & 0xFF)
    if said[0] == "x" and len(said) == 3:
        return chr(int(said[1:], 16))
    return _ESCAPED.get(said, said)
