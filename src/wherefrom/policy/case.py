"""What a check looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from wherefrom.query.dossier import Dossier


class Case(NamedTuple):
    """What is judged: an artifact, where it is to go, when (microseconds)."""

    dossier: Dossier
    environment: str
    at: int


class Said(NamedTuple):
    """What a check found.

    beside  records that it rests on too, whose age the rule does not ask for: links, excuses
    until   when that ends, if it says so itself; of a no, when to ask again
    """

    ok: bool
    says: str
    entries: Iterable[int] = ()
    remedy: str = ""
    until: str | None = None
    beside: Iterable[int] = ()
