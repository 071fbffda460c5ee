"""How people say where and when: ``prod``, ``prod/cart``, ``prod@{3.hours.ago}``, ``prod~1``.

    ENVIRONMENT[/SERVICE[/REGION[/POOL[/INSTANCE]]]]     ``*`` or nothing for any; or
    environment=prod,service=cart                        by name, also for names with a slash;
                                                         ``%2C`` is a comma in one, as in a link
        @{2026-11-01T12:00}  @{3.hours.ago}              at that time
        ~1                                               as it was before its newest change; ~2 …
        #42                                              as its 42nd change left it, from 1

The suffixes are those of Kosli's snapshot expressions.

Sizes:  an expression is at most 2,048 characters
Source: Kosli CLI, "Specifying an environment"; docs/reality.md
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import timestamps
from wherefrom.formats.states import Scope

CHARS_MAX: Final = 2048
_SUFFIX: Final = re.compile(
    r"(?:@\{(?P<at>[^{}]+)\}|~(?P<back>[0-9]{1,9})|#(?P<number>[0-9]{1,9}))$"
)
_AGO: Final = re.compile(r"([0-9]{1,6})\.(second|minute|hour|day|week|month|year)s?\.ago")
_SECONDS: Final = {
    "second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800,
    "month": 2_592_000, "year": 31_536_000,
}  # fmt: skip
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OF_UTC: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2}(?:\.[0-9]+)?)?Z?"
)


class Expression(NamedTuple):
    """Where, and at most one way to say when.

    words   the parts of a scope, environment first, as they were written; ``named`` by their names
    at      RFC 3339; back: so many changes before the newest; number: after that change
    """

    words: tuple[str, ...] = ()
    named: Scope | None = None
    at: str | None = None
    back: int | None = None
    number: int | None = None


def parse(text: str, *, now: datetime) -> Expression:
    """Read an expression; ``now`` is what ``ago`` counts from. Raises Malformed, LimitPassed."""
    if len(text) > CHARS_MAX:
        raise LimitPassed("a scope is too long", expected=f"{CHARS_MAX} characters")
    found = _SUFFIX.search(text)
    body, when = (text[: found.start()], found) if found else (text, None)
    if "@{" in body:
        raise Malformed("a time that does not end", expected="@{TIME} at the end", got=text)
    made = _named(body) if "=" in body else Expression(_words(body))
    if when is None:
        return made
    if when["at"] is not None:
        return made._replace(at=moment(when["at"], now=now))
    if when["back"] is not None:
        return made._replace(back=int(when["back"]))
    if int(when["number"]) == 0:
        raise Malformed("changes are numbered from 1", got=text)
    return made._replace(number=int(when["number"]))


def moment(text: str, *, now: datetime) -> str:
    """A time as people write it: RFC 3339, one without offset (UTC), a day, ``3.hours.ago``,
    ``now``. Raises Malformed."""
    if text == "now":
        return timestamps.to_text(now)
    if match := _AGO.fullmatch(text):
        seconds = int(match[1]) * _SECONDS[match[2]]
        try:
            return timestamps.to_text(now - timedelta(seconds=seconds))
        except OverflowError as error:
            raise Malformed("a time before all times", got=text) from error
    if _DAY.fullmatch(text):
        text += "T00:00:00Z"
    elif match := _OF_UTC.fullmatch(text):
        text = f"{match[1]}T{match[2]}{match[3] or ':00'}Z"
    return timestamps.canonical(text, where="time")


def _words(body: str) -> tuple[str, ...]:
    words = tuple("" if word == "*" else word for word in body.split("/"))
    while words and not words[-1]:
        words = words[:-1]
    if len(words) > len(Scope._fields):
        raise Malformed(
            "a scope with too many parts", expected="/".join(Scope._fields), got=body,
            do="Write names that hold a slash as environment=…,service=…",
        )  # fmt: skip
    return words


def _named(body: str) -> Expression:
    parts: dict[str, str] = {}
    for pair in body.split(","):
        name, equals, value = pair.partition("=")
        if not equals or name not in Scope._fields or name in parts:
            raise Malformed(
                "not a part of a scope", expected=", ".join(f"{f}=…" for f in Scope._fields),
                got=pair,
            )  # fmt: skip
        parts[name] = unquote(value)
    return Expression(named=Scope(**parts))


def to_text(scope: Scope) -> str:
    """The expression that ``parse`` reads as exactly this scope, whatever its names hold."""
    said = [(name, value) for name, value in zip(scope._fields, scope, strict=True) if value]
    return ",".join(f"{name}={quote(value, safe='')}" for name, value in said)
