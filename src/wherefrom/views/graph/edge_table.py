"""One edge at a time, wherever it lies: in the tail or sealed. For the one that folds.

key (effect, relation, cause) ──► tail: causes, effects ──not there──► segments
"""

from __future__ import annotations

import apsw

from wherefrom.views.graph.sealed import EdgeKey, Sealed

_KEY = "effect = ? AND relation = ? AND cause = ?"


class EdgeTable:
    """Finds, amends and removes edges; new ones are inserted by ``batch``."""

    def __init__(self, db: apsw.Connection, sealed: Sealed) -> None:
        self._db = db
        self._sealed = sealed

    def find(self, key: EdgeKey) -> tuple[int, int] | None:
        """(first, flags) of an edge, or None."""
        found: tuple[int, int] | None = self._db.execute(
            f"SELECT first, flags FROM causes WHERE {_KEY}", key
        ).get
        return found if found is not None else self._sealed.find(key)

    def set(self, key: EdgeKey, *, first: int, flags: int) -> None:
        """Give an edge another first entry and other flags, in both directions."""
        effect, relation, cause = key
        said = "SET first = ?, flags = ?"
        self._db.execute(f"UPDATE causes {said} WHERE {_KEY}", (first, flags, *key))
        if not self._db.changes():
            self._sealed.set(key, first=first, flags=flags)
            return
        self._db.execute(
            f"UPDATE effects {said} WHERE cause = ? AND relation = ? AND effect = ?",
            (first, flags, cause, relation, effect),
        )

    def remove(self, key: EdgeKey) -> None:
        """Take an edge out, in both directions."""
        effect, relation, cause = key
        self._db.execute(f"DELETE FROM causes WHERE {_KEY}", key)
        if not self._db.changes():
            self._sealed.remove(key)
            return
        self._db.execute(
            "DELETE FROM effects WHERE cause = ? AND relation = ? AND effect = ?",
            (cause, relation, effect),
        )

    def mend(self, key: EdgeKey) -> None:
        """Take out what a crash left of an edge that ``find`` no longer finds."""
        self._sealed.mend(key)
