"""Which of two versions comes first, in the order that their ecosystem has. Pure.

    "debian", "1:3.0~rc1-1" ──parse──► Ordered ──compare──► -1, 0, 1, or None: nobody can tell

None is an answer of its own: whoever asks whether a version is before a fix must not take it for
one that is past it. A text that an order does not read wholly is no version of it: the library
that compares here is more lenient (it drops a fourth number of a semantic version).

Sizes:  a version is at most 256 characters
Source: univers (docs/decisions/0043); semver.org §11; PEP 440; deb-version(7); rpmvercmp
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

CHARS_MAX: Final = 256
_CACHED_MAX: Final = 65_536
_SEMVER: Final = re.compile(
    r"[vV]?[0-9]+(?:\.[0-9]+){0,2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z.-]+)?"
)
_DOTTED: Final = re.compile(r"[0-9]+(?:[.-][0-9]+)*")
_COMPOSER: Final = re.compile(
    r"v?([0-9]+(?:\.[0-9]+){0,2})(?:[-_.]?(alpha|beta|rc)[.-]?([0-9]*))?", re.IGNORECASE
)
# What begins with a letter ("latest", "(devel)") would be ordered somewhere, which says nothing.
_NUMBER_FIRST: Final = re.compile(r"[0-9][!-~]*")
_PYPI: Final = re.compile(r"[vV]?[0-9][!-~]*")
# Each order: the class of univers that has it, and what it reads wholly.
ORDERS: Final[Mapping[str, tuple[str, re.Pattern[str]]]] = {
    "alpine": ("AlpineLinuxVersion", _NUMBER_FIRST),
    "composer": ("SemverVersion", _COMPOSER),
    "conan": ("ConanVersion", _NUMBER_FIRST),
    "debian": ("DebianVersion", _NUMBER_FIRST),
    "dotted": ("", _DOTTED),
    "gem": ("RubygemsVersion", _NUMBER_FIRST),
    "maven": ("MavenVersion", _NUMBER_FIRST),
    "nuget": ("NugetVersion", _NUMBER_FIRST),
    "pypi": ("PypiVersion", _PYPI),
    "rpm": ("RpmVersion", _NUMBER_FIRST),
    "semver": ("SemverVersion", _SEMVER),
}


class Ordered(NamedTuple):
    """A version that its order can compare."""

    order: str
    value: Any


@lru_cache(maxsize=_CACHED_MAX)
def parse(order: str, text: str) -> Ordered | None:
    """A version; None where the order is not known, or does not read the text."""
    known = ORDERS.get(order)
    if known is None or len(text) > CHARS_MAX or not known[1].fullmatch(text):
        return None
    if order == "dotted":
        return Ordered(order, tuple(map(int, re.split("[.-]", text))))
    if order == "composer":
        text = _of_composer(text)
    from univers import versions as classes  # late: it takes 70 ms

    try:
        return Ordered(order, getattr(classes, known[0])(text))
    except Exception:  # noqa: BLE001 - each class has its own errors for what is no version
        return None


def _of_composer(text: str) -> str:
    """``1.0-RC10`` as ``1.0-rc.10``: its words in their order, their numbers as numbers."""
    match = _COMPOSER.fullmatch(text)
    assert match is not None
    word = match[2] and f"-{match[2].lower()}" + (f".{match[3]}" if match[3] else "")
    return match[1] + (word or "")


def compare(one: Ordered, other: Ordered) -> int | None:
    """-1, 0 or 1 as ``one`` is before, at or after ``other``; None if that cannot be told."""
    if one.order != other.order:
        return None
    try:
        if one.value == other.value:
            return 0
        if one.value < other.value:
            return -1
        return 1 if other.value < one.value else None
    except Exception:  # noqa: BLE001 - as above
        return None
