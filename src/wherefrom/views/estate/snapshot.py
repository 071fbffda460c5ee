"""The estate as of one log size: what held at a time, and what changed in a window.

    scope, time ──► keys in scope ──one seek each──► what they held then      (held)
    scope, window ──► intervals that began or ended in it ──► before → after   (changed)

Sizes:  times are microseconds since 1970; a window is from ``since`` on, and before ``until``
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from wherefrom.errors import Unavailable
from wherefrom.formats.states import Scope
from wherefrom.views.estate.timeline import FOR_EVER

_COLUMNS: Final = "environment, service, mode, slot, region, pool, instance, name"
_PROPERTIES: Final = msgspec.json.Decoder(dict[str, Any])
_NUMBERS: Final = msgspec.msgpack.Decoder(list[int])
# Denied rows stand between those that count, so the first that counts is looked for, in each key.
# CROSS JOIN keeps the order of the loops: a key, its interval, its newest statement.
_HELD: Final = f"""
    SELECT {_COLUMNS}, i.value, i.began, i.entry, i.ended,
        says, properties, said.at, said.entry, text
    FROM keys CROSS JOIN intervals i CROSS JOIN said CROSS JOIN sources USING (source)
    WHERE {{where}} i.key = keys.key AND i.known < :size AND i.denied >= :size AND i.ended > :at
        AND i.began = (
            SELECT began FROM intervals WHERE key = keys.key AND began <= :at
            AND known < :size AND denied >= :size ORDER BY began DESC LIMIT 1)
        AND said.key = keys.key AND (said.at, said.entry) = (
            SELECT at, entry FROM said WHERE key = keys.key AND at <= :at
            AND entry < :size AND value = i.value ORDER BY at DESC, entry DESC LIMIT 1)
    ORDER BY {_COLUMNS}"""


# Of each change: what held from then on, what had until then, who says so, how each is called.
_KNOWN: Final = "known < :size AND denied >= :size"
_TOLD: Final = """(SELECT says FROM said WHERE said.key = c.key AND said.at <= c.at
    AND said.value = {value} ORDER BY said.at DESC, said.entry DESC LIMIT 1)"""
_CHANGED: Final = f"""
    WITH found AS ({{found}} ORDER BY at DESC, key LIMIT :limit),
    ends AS (SELECT at, found.key AS key,
        (SELECT began FROM intervals WHERE key = found.key AND began < at AND ended = at
            AND {_KNOWN} ORDER BY began DESC LIMIT 1) AS before
        FROM found),
    changes AS (SELECT ends.at AS at, ends.key AS key,
        a.value AS after, a.entry AS by, b.value AS before, b.entry AS told, b.ended_by AS ended_by
        FROM ends
        LEFT JOIN intervals a ON a.key = ends.key AND a.began = ends.at
            AND a.known < :size AND a.denied >= :size
        LEFT JOIN intervals b ON b.key = ends.key AND b.began = ends.before AND b.ended = ends.at
            AND b.known < :size AND b.denied >= :size)
    SELECT {_COLUMNS}, c.key, c.at, c.before, c.after, coalesce(c.by, c.ended_by, c.told), text,
        {_TOLD.format(value="c.before")}, {_TOLD.format(value="c.after")}
    FROM changes c CROSS JOIN keys ON keys.key = c.key
        LEFT JOIN written ON written.entry = coalesce(c.by, c.ended_by, c.told)
        LEFT JOIN sources USING (source)
    ORDER BY c.at DESC, c.key"""


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


class Stay(NamedTuple):
    """One place that held one value without a break, from ``began`` until ``ended``, or still.

    entry   the record that said so first, by ``source``; ``ended_by`` the one that said otherwise
    says    how people called the value last, by the time it ended
    """

    mode: str
    scope: Scope
    slot: str
    name: str
    value: str
    began: int
    ended: int | None
    entry: int
    ended_by: int | None
    source: str
    says: str | None


class Stated(NamedTuple):
    """One statement about a place, of whoever made it; ``value`` None ends it."""

    environment: str
    name: str
    at: int
    entry: int
    value: str | None
    properties: Mapping[str, Any]


class EstateSnapshot:
    """One read transaction. Made by ``EstateReader.snapshot`` and good inside its block."""

    def __init__(self, db: apsw.Connection, *, origin: str, size: int, root: bytes | None) -> None:
        self.db = db
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
        rows = self.db.execute(
            "SELECT DISTINCT environment FROM keys WHERE environment != '' ORDER BY environment"
        )
        return [row[0] for row in rows]

    def services(self) -> list[str]:
        """Every service that was ever named."""
        rows = self.db.execute(
            "SELECT DISTINCT service FROM keys WHERE service != '' ORDER BY service"
        )
        return [row[0] for row in rows]

    def began_with(self, source: str) -> int | None:
        """The first record of a source, if it lists all that there is: what the source saw when
        it began to look, and nothing that happened. Else None."""
        row = self.db.execute(
            "SELECT entry, streams FROM written WHERE source ="
            " (SELECT source FROM sources WHERE text = ?) ORDER BY entry LIMIT 1",
            (source,),
        ).get
        return None if row is None or not _NUMBERS.decode(row[1]) else int(row[0])

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
        where, given = _conditions(scope, slots, modes)
        query = _HELD.format(where=where)
        rows = self.db.execute(query, {"at": at, "size": self.need(as_of), **given})
        return [_held(*row) for row in rows]

    def held_of_no_scope(
        self, slot: str, *, at: int, mode: str, as_of: int | None = None
    ) -> list[Held]:
        """What held at ``at`` in a slot of no environment and no service, by name."""
        where = "environment = '' AND service = '' AND mode = :mode AND slot = :slot AND"
        given = {"at": at, "size": self.need(as_of), "mode": mode, "slot": slot}
        return [_held(*row) for row in self.db.execute(_HELD.format(where=where), given)]

    def stated(
        self, slot: str, *, mode: str, at: int, environment: str = "", as_of: int | None = None
    ) -> list[Stated]:
        """Every statement by ``at`` about a slot of environments that has no service, newest first
        in each place: for whoever believes only some of them.

        environment  only there; everywhere if empty
        """
        there = "environment = :environment AND" if environment else ""
        rows = self.db.execute(
            f"""SELECT environment, name, at, entry, value, properties
            FROM keys CROSS JOIN said USING (key)
            WHERE {there} service = '' AND mode = :mode AND slot = :slot
                AND at <= :at AND entry < :size
            ORDER BY environment, name, at DESC, entry DESC""",
            {"environment": environment, "mode": mode, "slot": slot, "at": at,
             "size": self.need(as_of)},
        )  # fmt: skip
        return [
            Stated(e, n, when, by, value, _PROPERTIES.decode(more) if more else {})
            for e, n, when, by, value, more in rows
        ]

    # -- change

    def moved(self, slot: str, *, since: int) -> set[tuple[str, str]]:
        """Services, each with its environment, where what held in a slot was told otherwise by an
        entry from ``since`` on. What only says again what held moves nothing.

        What a tombstone took away is not among it.
        """
        keys: set[int] = set()
        streams: set[int] = set()
        rows = self.db.execute("SELECT keys, streams FROM written WHERE entry >= ?", (since,))
        for some, whole in rows:
            keys.update(_NUMBERS.decode(some))
            streams.update(_NUMBERS.decode(whole))
        given = {"since": since, "slot": slot, "for_ever": FOR_EVER}
        told = """slot = :slot AND EXISTS (SELECT 1 FROM intervals i WHERE i.key = keys.key
            AND (i.known >= :since OR i.denied >= :since AND i.denied < :for_ever))"""
        among = "key IN (SELECT value FROM json_each(:keys))"
        listed = msgspec.json.encode(sorted(keys)).decode()
        query = f"SELECT DISTINCT environment, service FROM keys WHERE {among} AND {told}"
        found = set(self.db.execute(query, {"keys": listed, **given}))
        named: list[tuple[str, str, str]] = self.db.execute(
            "SELECT DISTINCT environment, service, slots FROM streams"
            " WHERE stream IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(sorted(streams)).decode(),),
        ).fetchall()  # type: ignore[assignment]
        for environment, service, slots in named:
            if slot in slots.split():
                where, parts = _conditions(Scope(environment, service), (), ())
                query = f"SELECT DISTINCT environment, service FROM keys WHERE {where} {told}"
                found.update(self.db.execute(query, {**parts, **given}))
        return found

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
        asked = {"since": since, "until": until, "limit": limit}
        where, given = self._asked(scope, as_of, slots, modes, **asked)
        found = " UNION ".join(
            f"SELECT * FROM (SELECT i.{end} AS at, i.key {where}"
            f" AND i.{end} >= :since AND i.{end} < :until ORDER BY at DESC LIMIT :limit)"
            for end in ("began", "ended")
        )
        rows = self.db.execute(_CHANGED.format(found=found), given)
        return [_changed(*row) for row in rows]

    def stays(
        self,
        scope: Scope,
        *,
        since: int,
        until: int,
        as_of: int | None = None,
        slots: Collection[str] = (),
        modes: Collection[str] = (),
        services: Collection[str] = (),
        limit: int,
    ) -> list[Stay]:
        """What held at some time in a window, or ended when it began: the newest first.

        services  only these; ``""`` is what is of no service. Empty for those of the scope
        """
        where, given = _conditions(scope, slots, modes)
        if services:
            given |= {f"among{n}": name for n, name in enumerate(services)}
            where += f"service IN ({', '.join(f':among{n}' for n in range(len(services)))}) AND "
        rows = self.db.execute(
            f"""SELECT {_COLUMNS}, i.value, i.began, i.ended, i.entry, i.ended_by, text,
                (SELECT says FROM said WHERE said.key = keys.key AND said.at < i.ended
                    AND said.value = i.value AND said.entry < :size
                    ORDER BY said.at DESC, said.entry DESC LIMIT 1)
            FROM keys CROSS JOIN intervals i
                LEFT JOIN written ON written.entry = i.entry LEFT JOIN sources USING (source)
            WHERE {where} i.key = keys.key AND i.known < :size AND i.denied >= :size
                AND i.began < :until AND i.ended >= :since
            ORDER BY i.began DESC, {_COLUMNS} LIMIT :limit""",
            {"size": self.need(as_of), "since": since, "until": until, "limit": limit, **given},
        )
        return [_stay(*row) for row in rows]

    def observed_at(
        self, scope: Scope, slot: str, *, since: int, until: int, as_of: int | None = None
    ) -> list[tuple[int, int]]:
        """When somebody told what is seen in a slot of a scope, and by which record, in order; the
        last time before the window too."""
        where, given = _conditions(scope, (slot,), ("observed",))
        told = f"FROM keys CROSS JOIN said USING (key) WHERE {where} entry < :size"
        given |= {"size": self.need(as_of), "since": since, "until": until}
        rows: list[tuple[int, int]] = self.db.execute(
            f"""SELECT at, min(entry) {told} AND at < :until AND at >= coalesce(
                (SELECT max(at) {told} AND at <= :since), :since) GROUP BY at ORDER BY at""",
            given,
        ).fetchall()  # type: ignore[assignment]
        return rows

    def moment(
        self,
        scope: Scope,
        *,
        until: int,
        as_of: int | None = None,
        modes: Collection[str] = (),
        number: int | None = None,
        back: int = 0,
    ) -> int | None:
        """When a scope came to be as it was at ``until``, or ``back`` changes before that; with
        ``number``, when it changed for that time, counted from 1. None if it never did."""
        asked = {"until": until, "offset": back if number is None else number - 1}
        where, given = self._asked(scope, as_of, (), modes, **asked)
        order = "DESC" if number is None else "ASC"
        found: int | None = self.db.execute(
            f"SELECT i.began AS at {where} AND i.began <= :until"
            f" UNION SELECT i.ended AS at {where} AND i.ended <= :until"
            f" ORDER BY at {order} LIMIT 1 OFFSET :offset",
            given,
        ).get
        return found

    def moments(
        self, scope: Scope, *, until: int, as_of: int | None = None, modes: Collection[str] = ()
    ) -> int:
        """How often a scope changed by ``until``."""
        where, given = self._asked(scope, as_of, (), modes, until=until)
        found: int = self.db.execute(
            f"SELECT count(*) FROM (SELECT i.began {where} AND i.began <= :until"
            f" UNION SELECT i.ended {where} AND i.ended <= :until)",
            given,
        ).get
        return found

    def _asked(
        self,
        scope: Scope,
        as_of: int | None,
        slots: Collection[str],
        modes: Collection[str],
        **asked: int,
    ) -> tuple[str, dict[str, Any]]:
        """FROM intervals of a scope, in the faster of two orders, and what the query is given.

        A scope of few keys is read key by key; a broad one by time, until enough is found.
        """
        where, given = _conditions(scope, slots, modes)
        some = self.db.execute("SELECT max(key) / 20 FROM keys").get or 0
        few = self.db.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM keys WHERE {where} 1 LIMIT :some)",
            {"some": some, **given},
        ).get
        tables = ("keys", "intervals i") if few < some else ("intervals i", "keys")
        return (
            f"FROM {' CROSS JOIN '.join(tables)} WHERE {where} i.key = keys.key"
            " AND i.known < :size AND i.denied >= :size"
        ), {"size": self.need(as_of), **asked, **given}


def _conditions(
    scope: Scope, slots: Collection[str], modes: Collection[str]
) -> tuple[str, dict[str, Any]]:
    """What holds of the keys that are asked for: SQL that ends in AND, or nothing; its values."""
    wanted: list[tuple[str, tuple[str, ...]]]
    wanted = [(part, (text,)) for part, text in zip(Scope._fields, scope, strict=True) if text]
    wanted += [(part, tuple(some)) for part, some in (("slot", slots), ("mode", modes)) if some]
    given = {f"{part}{n}": text for part, some in wanted for n, text in enumerate(some)}
    return "".join(
        f"{part} IN ({', '.join(f':{part}{n}' for n in range(len(some)))}) AND "
        for part, some in wanted
    ), given


def _changed(
    environment: str, service: str, mode: str, slot: str, region: str, pool: str, instance: str,
    name: str, key: int, at: int, before: str | None, after: str | None, entry: int,
    source: str | None, was: str | None, now: str | None,
) -> Changed:  # fmt: skip
    return Changed(
        at, mode, Scope(environment, service, region, pool, instance), slot, name, before, after,
        entry, key, source or "", (was, now),
    )  # fmt: skip


def _stay(
    environment: str, service: str, mode: str, slot: str, region: str, pool: str, instance: str,
    name: str, value: str, began: int, ended: int, entry: int, ended_by: int | None,
    source: str | None, says: str | None,
) -> Stay:  # fmt: skip
    return Stay(
        mode, Scope(environment, service, region, pool, instance), slot, name, value, began,
        None if ended == FOR_EVER else ended, entry, ended_by, source or "", says,
    )  # fmt: skip


def _held(
    environment: str, service: str, mode: str, slot: str, region: str, pool: str, instance: str,
    name: str, value: str, since: int, entry: int, ended: int,
    says: str | None, properties: str | None, seen: int, seen_entry: int, source: str,
) -> Held:  # fmt: skip
    return Held(
        mode, Scope(environment, service, region, pool, instance), slot, name,
        value, says, _PROPERTIES.decode(properties) if properties else {},
        since, entry, seen, seen_entry, source, None if ended == FOR_EVER else ended,
    )  # fmt: skip
