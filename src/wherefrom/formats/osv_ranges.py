"""Whether a version is one of those that an advisory in OSV speaks of. Pure.

    Affected × version × order ──► Match: it is, or nobody can tell          None: it is not

As the schema's "Evaluation" has it: listed by name, or within a range. What cannot be told is never
None: a version that its order does not read, a range of commits and nothing else, a range of a type
that is not known. Then the match says why it is unsure.

Source: ossf.github.io/osv-schema, "Evaluation"
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import Final, NamedTuple

from wherefrom.formats.osv import Affected, Range
from wherefrom.formats.versions import ORDERS, Ordered, compare, parse

_ANY: Final = "*"
_FIRST: Final = "0"
# What is decided first where a version both ends and begins a range: that it is affected, last.
_RANK: Final = {"fixed": 0, "last_affected": 1, "introduced": 2}


class Match(NamedTuple):
    """A version is affected: by which versions it would be no more, or why that is not sure."""

    fixed: tuple[str, ...] = ()
    unsure: str = ""


class _Untold(Exception):
    """A version of a range, or the one asked for, cannot be compared."""


def match_of(said: Affected, version: str | None, order: str) -> Match | None:
    """Whether ``version`` is affected; None only where it surely is not.

    order  how the ecosystem's versions follow each other, of ``versions.ORDERS``
    """
    if version is None:
        return Match(_every_fix(said), "its version is not known")
    ranges = [one for one in said.ranges if one.type != "GIT"]
    fixed: dict[str, None] = {}
    inside, untold = version in said.versions, False
    for one in ranges:
        its = "semver" if one.type == "SEMVER" else order if one.type == "ECOSYSTEM" else ""
        try:
            found, fix = _within(one, version, its)
        except _Untold:
            untold = True
            continue
        inside = inside or found
        if found and fix is not None:
            fixed[fix] = None
    if inside or _is_listed(said, version, order):
        return Match(tuple(fixed) or tuple(fix for fix in _every_fix(said) if fix != version))
    if untold or (not ranges and order in ORDERS and parse(order, version) is None):
        return Match(_every_fix(said), "its version cannot be compared")
    if not ranges and not said.versions:
        return Match((), "the advisory tells no versions")
    return None


def _every_fix(said: Affected) -> tuple[str, ...]:
    fixes = (v for one in said.ranges if one.type != "GIT" for what, v in one.events
             if what == "fixed")  # fmt: skip
    return tuple(dict.fromkeys(fixes))


def _is_listed(said: Affected, version: str, order: str) -> bool:
    """Whether it is listed in another spelling, where only the list tells."""
    own = parse(order, version)
    if own is None:
        return False
    listed = (parse(order, text) for text in said.versions)
    return any(one is not None and compare(own, one) == 0 for one in listed)


def _within(said: Range, version: str, order: str) -> tuple[bool, str | None]:
    """Whether a version is within a range, and the first fix after it."""
    own = parse(order, version)
    if own is None:
        raise _Untold
    limits = [text for what, text in said.events if what == "limit"]
    if limits and not any(_ANY in text or _before(own, text, order) for text in limits):
        return False, None
    affected, fix = False, None
    for what, at, text in _sorted(said, order):
        side = 1 if at is None else _side(own, at)
        if what == "introduced" and side >= 0:
            affected, fix = True, None
        elif what == "fixed":
            if side >= 0:
                affected = False
            elif affected and fix is None:
                fix = text
        elif what == "last_affected" and side > 0:
            affected = False
    return affected, fix


class _Event(NamedTuple):
    """What happens at a version; None is before any."""

    what: str
    at: Ordered | None
    text: str


def _sorted(said: Range, order: str) -> list[_Event]:
    """The events in the order of their versions."""
    events = []
    for what, text in said.events:
        if what == "limit":
            continue
        first = what == "introduced" and text == _FIRST
        at = None if first else parse(order, text)
        if at is None and not first:
            raise _Untold
        events.append(_Event(what, at, text))
    return sorted(events, key=cmp_to_key(_by_version))


def _by_version(one: _Event, other: _Event) -> int:
    if one.at is None or other.at is None:
        side = (one.at is not None) - (other.at is not None)
    else:
        side = _side(one.at, other.at)
    return side or _RANK[one.what] - _RANK[other.what]


def _side(one: Ordered, other: Ordered) -> int:
    found = compare(one, other)
    if found is None:
        raise _Untold
    return found


def _before(own: Ordered, text: str, order: str) -> bool:
    limit = parse(order, text)
    if limit is None:
        raise _Untold
    return _side(own, limit) < 0
