"""The estate as of one log size: what held at a time, and what changed in a window.

    scope, time ──► keys in scope ──one seek each──► what they held then      (held)
    scope, window ──► intervals that began or ended in it ──► before → after   (changed)

Sizes:  times are microseconds since 1970; a window is from ``since`` on, and before ``until``
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import apsw
import msgspec

from wherefrom.errors import Unavailable
from wherefrom.formats.states import Scope
from wherefrom.views.estate.timeline import FOR_EVER

_COLUMNS = "environment, service, mode, slot, region, pool, instance, name"
_PROPERTIES = msgspec.json.Decoder(dict[str, Any])


class Held(NamedTuple):
    """One place and what it held.

    since     since when without a break, by ``entry``
    seen      when it was last said so, by ``seen_entry``; ``source`` said it
    says      how people call the value, as it was last said; with its ``properties``
    ended     when it held no more, or None
    """

    mode: str
    scope: Scope
    slot: str
    name: str
    value: str
    says: str | None
    properties: Mapping[str, Any]
    since: int
    entry: int
    seen: int
    seen_entry: int
    source: str
    ended: int | None = None


class Changed(NamedTuple):
    """One place that held something else from ``at`` on; None is nothing.

    entry   the record that says so, by ``source``; ``says`` is how people call what it was and is
    """

    at: int
    mode: str
    scope: Scope
    slot: str
    name: str
    before: str | None
    after: str | None
    entry: int
    key: int
    source: str = ""
    says: tuple[str | None, str | None] = (None, None)


class EstateSnapshot:
    """One read transaction. Made by ``EstateReader.snapshot`` and good inside its block."""

    def __init__(self, db: apsw.Connection, *, origin: str, size: int, root: bytes | None) -> None:
        self._db = db
        self.origin = origin
        self.size = size
        self.root = root

    def need(self, as_of: int | None) -> int:
        """The size that is asked for. Raises Unavailable for one that is not reached."""
        if as_of is not None and as_of > self.size:
            raise Unavailable(
                "the estate has not reached that log size",
                expected=f"--as-of up to {self.size}",
                got=str(as_of),
                do="Ask again in a moment, or check the size with `wherefrom log status`",
            )
        return self.size if as_of is None else as_of

    # -- names

    def environments(self) -> list[str]:
        """Every environment that was ever named."""
        rows = self._db.execute(
            "SELECT DISTINCT environment FROM keys WHERE environment != '' ORDER BY environment"
        )
        return [row[0] for row in rows]

    def services(self) -> list[str]:
        """Every service that was ever named."""
        rows = self._db.execute(
            "SELECT DISTINCT service FROM keys WHERE service != '' ORDER BY service"
        )
        return [row[0] for row in rows]

    # -- state

    def held(
        self,
        scope: Scope,
        *,
        at: int,
        as_of: int | None = None,
        slots: Collection[str] = (),
        modes: Collection[str] = (),
    ) -> list[Held]:
        """What held at ``at`` in a scope, by place.

        slots, modes  only these; empty for all
        """
        size = self.need(as_of)
        found = []
        for key, where in self._keys(scope, slots, modes):
            # Denied rows stand between, so the first that counts is looked for.
            row = self._db.execute(
                "SELECT began, ended, value, entry FROM intervals WHERE key = ? AND began <= ?"
                " AND known < ? AND denied >= ? ORDER BY began DESC LIMIT 1",
                (key, at, size, size),
            ).get
            if row is None or row[1] <= at:
                continue
            began, ended, value, entry = row
            seen = self._db.execute(
                "SELECT at, said.entry, says, properties, text FROM said"
                " JOIN sources USING (source) WHERE key = ? AND at <= ? AND said.entry < ?"
                " AND value = ? ORDER BY at DESC, said.entry DESC LIMIT 1",
                (key, at, size, value),
            ).get
            mode, in_scope, slot, name = where
            found.append(
                Held(
                    mode=mode,
                    scope=in_scope,
                    slot=slot,
                    name=name,
                    value=value,
                    says=seen[2],
                    properties=_PROPERTIES.decode(seen[3]) if seen[3] else {},
                    since=began,
                    entry=entry,
                    seen=seen[0],
                    seen_entry=seen[1],
                    source=seen[4],
                    ended=None if ended == FOR_EVER else ended,
                )
            )
        return found

    def _keys(
        self, scope: Scope, slots: Collection[str], modes: Collection[str]
    ) -> Iterator[tuple[int, tuple[str, Scope, str, str]]]:
        parts = [(part, text) for part, text in zip(Scope._fields, scope, strict=True) if text]
        for column, wanted in (("slot", slots), ("mode", modes)):
            if wanted:
                parts.append((column, list(wanted)))  # type: ignore[arg-type]
        conditions = [
            f"{part} IN ({', '.join('?' * len(text))})" if isinstance(text, list) else f"{part} = ?"
            for part, text in parts
        ]
        given = [t for _, text in parts for t in (text if isinstance(text, list) else [text])]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        rows: list[Any] = self._db.execute(
            f"SELECT key, {_COLUMNS} FROM keys{where} ORDER BY {_COLUMNS}", given
        ).fetchall()
        for key, environment, service, mode, slot, region, pool, instance, name in rows:
            yield key, (mode, Scope(environment, service, region, pool, instance), slot, name)

    # -- change

    def changed(
        self,
        scope: Scope,
        *,
        since: int,
        until: int,
        as_of: int | None = None,
        slots: Collection[str] = (),
        modes: Collection[str] = (),
        limit: int,
    ) -> list[Changed]:
        """What changed in a window, newest first; ``limit`` at most."""
        size = self.need(as_of)
        found: dict[tuple[int, int], Changed] = {}
        for column in ("began", "ended"):
            count = 0
            rows = self._db.execute(
                f"SELECT i.{column}, i.key, i.value, i.entry, i.ended_by, {_COLUMNS}"
                f" FROM intervals i JOIN keys USING (key) WHERE i.{column} >= ? AND i.{column} < ?"
                f" AND i.known < ? AND i.denied >= ? ORDER BY i.{column} DESC",
                (since, min(until, FOR_EVER), size, size),
            )
            for at, key, value, entry, ended_by, *columns in rows:
                environment, service, mode, slot, region, pool, instance, name = columns
                where = Scope(environment, service, region, pool, instance)
                if not scope.covers(where) or (slots and slot not in slots):
                    continue
                if modes and mode not in modes:
                    continue
                count += 1
                if count > limit:
                    break
                old = found.get((key, at))
                if column == "began":
                    found[key, at] = Changed(at, mode, where, slot, name, None, value, entry, key)
                elif old is not None:
                    found[key, at] = old._replace(before=value)
                else:
                    by = entry if ended_by is None else ended_by
                    found[key, at] = Changed(at, mode, where, slot, name, value, None, by, key)
        # A window that is cut in one of the two lists may miss the other half of a change.
        told = sorted(found.values(), key=lambda c: (-c.at, c.scope, c.mode, c.slot, c.name))
        return [self._in_words(change) for change in told[:limit]]

    def _in_words(self, change: Changed) -> Changed:
        source = self._db.execute(
            "SELECT text FROM written JOIN sources USING (source) WHERE entry = ?", (change.entry,)
        ).get
        says = (self._says(change, change.before), self._says(change, change.after))
        return change._replace(source=source or "", says=says)

    def _says(self, change: Changed, value: str | None) -> str | None:
        """How the value was called last by the time of the change."""
        if value is None:
            return None
        found: str | None = self._db.execute(
            "SELECT says FROM said WHERE key = ? AND at <= ? AND value = ?"
            " ORDER BY at DESC, entry DESC LIMIT 1",
            (change.key, change.at, value),
        ).get
        return found

    def moments(
        self, scope: Scope, *, as_of: int | None = None, modes: Collection[str] = ()
    ) -> list[int]:
        """When anything changed in a scope, oldest first: its snapshots are numbered by this."""
        size = self.need(as_of)
        found: set[int] = set()
        for key, _ in self._keys(scope, (), modes):
            for began, ended in self._db.execute(
                "SELECT began, ended FROM intervals WHERE key = ? AND known < ? AND denied >= ?",
                (key, size, size),
            ):
                found.add(began)
                if ended != FOR_EVER:
                    found.add(ended)
        return sorted(found)
