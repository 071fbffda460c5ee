"""A team's own questions on the first page, as ``questions.yaml`` lists them.

    - {title: "What does checkout run?", path: "/services/prod/checkout", says: "first look"}

A path is a page of this server, with its query: ``/find?q=…``, ``/changes?scope=prod/cart``.

Sizes:  LISTED_MAX questions · a title and what it says TEXT_CHARS_MAX, a path PATH_CHARS_MAX
Source: docs/pages.md
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import statement_shape, yaml_text

LISTED_MAX: Final = 50
TEXT_CHARS_MAX: Final = 200
PATH_CHARS_MAX: Final = 2_000


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A saved question: what it is called, where it leads, what it answers."""

    title: str
    path: str
    says: str = ""


def parse(content: bytes, *, where: str) -> tuple[Question, ...]:
    """Read the file. Raises Malformed, LimitPassed."""
    written = yaml_text.decode(content, where=where)
    if written is None:
        return ()
    if not isinstance(written, list):
        raise Malformed(
            "questions are a list", where=where, expected="- {title: …, path: /…}",
            got=type(written).__name__,
        )  # fmt: skip
    if len(written) > LISTED_MAX:
        raise LimitPassed(
            "too many questions", where=where, expected=f"{LISTED_MAX}", got=len(written)
        )
    return tuple(_question(one, f"{where}[{index}]") for index, one in enumerate(written))


def _question(written: object, where: str) -> Question:
    if not isinstance(written, dict):
        raise Malformed("a question is an object", where=where, got=type(written).__name__)
    said = statement_shape.convert(written, Question, "a question", where)
    for name, most in (("title", TEXT_CHARS_MAX), ("says", TEXT_CHARS_MAX),
                       ("path", PATH_CHARS_MAX)):  # fmt: skip
        if len(getattr(said, name)) > most:
            raise LimitPassed(
                f"the {name} of a question is too long", where=where, expected=f"{most} characters"
            )
    if not is_own_path(said.path):
        raise Malformed(
            "not a page of this server", where=f"{where}.path", expected="/…", got=said.path,
            do="Write the path alone, without scheme and host",
        )  # fmt: skip
    return said


def is_own_path(text: str) -> bool:
    """Whether a link to ``text`` stays on this server, however a browser reads it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    if parts.scheme or parts.netloc or not text.startswith("/") or text.startswith("//"):
        return False
    return text.isprintable() and "\\" not in text
