"""The links of a drawing that open more of it, or fold it again. Pure.

Each carries the size of the log that the drawing speaks of, so what is in view stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from wherefrom.web.lineage.explorer import Explored
from wherefrom.web.lineage.filters import OPENED_MAX, token_of
from wherefrom.web.lineage.folding import Group


class Steering:
    """Links from one drawing to others of the same thing."""

    def __init__(self, explored: Explored) -> None:
        self._explored = explored
        self._pinned = explored.pinned
        self._opened = explored.filters.opened

    def opening(self, token: str) -> str | None:
        """With this opened too; None if a link holds no more."""
        if len(self._opened) >= OPENED_MAX:
            return None
        return self._with([*self._opened, token])

    def further(self, id: str) -> str | None:
        """With the next hop from a thing; None if it is there, or a link holds no more."""
        token = token_of(id)
        return None if token in self._opened else self.opening(token)

    def closing(self, group: Group) -> str:
        """Without this group opened, nor what was opened in it."""
        folding = self._explored.folding
        items = {token_of(item): item for item in folding.items if item not in folding.groups}
        kept = []
        for token in self._opened:
            item: str | None = items.get(token, token)
            while item is not None and item != group.token:
                item = folding.parents.get(item)
            if item is None:
                kept.append(token)
        return self._with(kept)

    def _with(self, opened: Iterable[str]) -> str:
        return self._pinned.link(self._explored.id, opened=tuple(opened))
