"""What templates write: short ids, ages and times, and links to pages.

    sha256:7d0e66fd45ea…  ──short──►  sha256:7d0e66fd45ea        1299060.9  ──age──►  15 d

Names come from records, so from strangers: the templates escape them, ``harmless`` goes over all
that they write, and ``quoted`` makes one word of a name in a command that somebody may copy.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode

from wherefrom.formats.entry import KEY_ID
from wherefrom.formats.shown import cut, measured, percent, short_id, short_key, trust_said
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import micros
from wherefrom.query import scopes

_UNITS: Final = ((86_400 * 365, "y"), (86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_BYTES: Final = ("B", "KiB", "MiB", "GiB", "TiB")
NAME_CHARS: Final = 64
PRETTY_BYTES_MAX: Final = 4_000


# Controls but for the end of a line and a tab, marks of direction and width, and surrogates.
_STRANGE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def harmless(text: str) -> str:
    """``text`` without what could turn a line around or hide in it."""
    return _STRANGE.sub("\N{REPLACEMENT CHARACTER}", text)


def name(text: str | None, chars: int = NAME_CHARS) -> str:
    """A name on one line: its middle left out where it is long."""
    return cut(harmless(text or ""), chars)


def age(seconds: float | None) -> str:
    """How long something lasted or is ago, in its largest unit; ``–`` where that is not known."""
    if seconds is None:
        return "–"
    size = abs(seconds)
    for unit, word in _UNITS:
        if size >= unit:
            return f"{'-' if seconds < 0 else ''}{int(size // unit)} {word}"
    return "now" if size < 0.001 else f"{seconds * 1000:.0f} ms"


def when(moment: str | None) -> str:
    """A time to the second, for reading; ``–`` where there is none."""
    return f"{moment[:10]} {moment[11:19]}" if moment else "–"


def since(moment: str | None, now: str) -> str:
    """How long ``moment`` was before ``now``."""
    return age((micros(now) - micros(moment)) / 1_000_000) if moment else "–"


def size(count: float | None) -> str:
    """Bytes, in their largest unit."""
    if count is None:
        return "–"
    for unit in _BYTES:
        if abs(count) < 1024 or unit == _BYTES[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError


def thing_path(id: str) -> str:
    """The path of a thing's page; its id is one segment, whatever it holds."""
    if id.startswith("incident:"):
        return f"/incidents/{quote(id, safe=':@')}"
    if KEY_ID.fullmatch(id):
        return f"/keys#{id}"
    return f"/things/{quote(id, safe=':@')}"


def lineage_path(id: str) -> str:
    """The path of the drawing of a thing; its id is one segment, whatever it holds."""
    return f"/lineage/{quote(id, safe=':@')}"


def service_path(environment: str, service: str) -> str:
    """The path of a service's page; each name is one segment, whatever it holds.

    Browsers take a name of dots for a way up, however it is written: that one is asked for by a
    scope.
    """
    if {environment, service} & {".", ".."}:
        scope = scopes.to_text(Scope(environment, service))
        return with_query("/running", scope=scope)
    return f"/services/{quote(environment, safe='')}/{quote(service, safe='')}"


def with_query(path: str, **query: Any) -> str:
    """A link; what is None or empty is left out, what the path says already stays as it is."""
    there = parse_qs(path.partition("?")[2])
    said = [
        (name, value) for name, value in query.items()
        if value not in (None, "", ()) and name not in there
    ]  # fmt: skip
    if not said:
        return path
    before, hash, fragment = path.partition("#")
    return f"{before}{'&' if '?' in before else '?'}{urlencode(said, doseq=True)}{hash}{fragment}"


def argument(name: str) -> str:
    """``name`` as the last word of a command: quoted for a shell, and never taken for an option."""
    return f"-- {shlex.quote(name)}" if name.startswith("-") else shlex.quote(name)


def pretty(value: Any) -> str:
    """A value of a record, indented, for reading."""
    return beginning(value, PRETTY_BYTES_MAX)


def beginning(value: Any, bytes_max: int) -> str:
    """A value of a record as ``pretty`` writes it, no longer than that; it says where it ends.

    Indented, what came in a megabyte may be a hundred: no more is written than is shown.
    """
    written: list[str] = []
    left = bytes_max
    for piece in json.JSONEncoder(indent=2, ensure_ascii=False, default=str).iterencode(value):
        raw = piece.encode("utf-8", "replace")
        written.append(raw[:left].decode("utf-8", "ignore"))
        left -= len(raw)
        if left < 0:
            return "".join([*written, "\n… and more: this is its beginning"])
    return "".join(written)


FILTERS: Final = {
    "age": age,
    "argument": argument,
    "cut": name,
    "key": short_key,
    "measured": measured,
    "lineage": lineage_path,
    "percent": percent,
    "pretty": pretty,
    "quoted": shlex.quote,
    "short": lambda id: name(short_id(id)),
    "since": since,
    "size": size,
    "thing": thing_path,
    "trust": trust_said,
    "when": when,
}
