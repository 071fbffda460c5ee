"""The logs that are followed, as an answer asks them: each may be wrong, or not there at all.

    Other ──told──► FollowedLog   where it stands, what is erased in it, what is wrong with it
          └─heard──► its answer, or why there is none; which costs the other logs nothing

An entry number is one of our own log, always: nobody else is asked what theirs of that number is.

Source: docs/decisions/0023-federation.md
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from wherefrom.errors import Ambiguous, Error, NotFound
from wherefrom.query.answers import FollowedLog
from wherefrom.query.resolve import is_entry

if TYPE_CHECKING:
    from wherefrom.query.desk import Desk

Answer = TypeVar("Answer")


class Other(NamedTuple):
    """A log that is followed, and what is wrong with it, if anything.

    desk  None if it cannot be asked at all
    """

    desk: Desk | None
    origin: str = ""
    trouble: str = ""

    @property
    def name(self) -> str:
        """Its origin."""
        return self.desk.origin if self.desk is not None else self.origin


class Asked(NamedTuple):
    """A followed log that can be asked, and what an answer tells of it."""

    desk: Desk
    told: FollowedLog

    @property
    def name(self) -> str:
        """Its origin."""
        return self.told.origin

    def hear(self, ask: Callable[[Desk], Answer | None]) -> Answer | None:
        """What it answers. Whatever is wrong with it is said, and costs nobody else.

        None if it does not know; raises Ambiguous if it knows several things.
        """
        try:
            return ask(self.desk)
        except NotFound:
            return None
        except Ambiguous:
            raise
        except Error as error:
            self.told.trouble = self.told.trouble or str(error)
            return None


def ask_all(others: Sequence[Other]) -> tuple[list[FollowedLog], list[Asked]]:
    """Each log as an answer tells of it, and those of them that can be asked."""
    told, asked = [], []
    for other in others:
        said = FollowedLog(origin=other.name, size=0, root=None, trouble=other.trouble)
        told.append(said)
        if other.desk is None:
            continue
        try:
            position, said.erased = other.desk.standing()
        except Error as error:
            said.trouble = str(error)
            continue
        said.size, said.root = position.size, position.root
        asked.append(Asked(other.desk, said))
    return told, asked


def first_heard(
    text: str, asked: Sequence[Asked], ask: Callable[[Desk], Answer | None], missing: NotFound
) -> list[tuple[Asked, Answer]]:
    """What the logs answer that know ``text`` where ours does not.

    Raises Ambiguous if none answers and one knows several things, and ``missing`` if none knows it.
    """
    if is_entry(text):
        raise missing
    found: list[tuple[Asked, Answer]] = []
    several: Ambiguous | None = None
    for one in asked:
        try:
            answer = one.hear(ask)
        except Ambiguous as error:
            several = several or error
            continue
        if answer is not None:
            found.append((one, answer))
    if not found:
        raise several or missing
    return found


def troubles(told: Sequence[FollowedLog]) -> list[str]:
    """What is wrong with any of them, in words."""
    return [f"{one.origin} is not followed now: {one.trouble}" for one in told if one.trouble]
