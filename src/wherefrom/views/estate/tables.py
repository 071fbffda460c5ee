"""Rows of the estate: what a record states, and the intervals that follow from all statements.

    states ──► said ─┐
    wholes ──────────┴─ of each key that is touched ──► timeline ──► intervals, old beside new

An interval that a later record corrects is not deleted: it is *denied* by that record, so that
the estate can be asked as it was known before. Only a tombstone deletes.

The usual record says what follows on all that was said of a key: two rows, nothing told again.
Nothing happens after it was heard of: what is dated later holds from then on when it was heard.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from wherefrom.formats import timestamps
from wherefrom.formats.facts import Facts
from wherefrom.formats.states import Scope, State, Whole
from wherefrom.views.estate.timeline import FOR_EVER, Interval, Told, intervals

KEYS_CACHED_MAX: Final = 200_000
_NEVER: Final = -(2**62)
_NUMBERS: Final = msgspec.msgpack.Decoder(list[int])
_PACK: Final = msgspec.msgpack.Encoder()
_JSON: Final = msgspec.json.Encoder(order="sorted")

_Key = tuple[str, Scope, str, str]  # mode, scope, slot, name


class _Stream(NamedTuple):
    """Somebody's word on all that is in a scope."""

    number: int
    source: int
    mode: str
    scope: Scope
    slots: frozenset[str]

    def covers(self, key: _Key) -> bool:
        mode, scope, slot, _ = key
        return mode == self.mode and slot in self.slots and self.scope.covers(scope)


class Tables:
    """Writes, inside the fold's transaction; ``forget`` after a rollback."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._left: set[int] = set()  # sources that erased records named
        self.forget()

    def forget(self) -> None:
        """Drop what is cached: the tables may have changed under us."""
        self._keys: dict[_Key, int] = {}
        self._sources: dict[str, int] = {}
        self._streams: list[_Stream] | None = None
        self._latest: dict[int, int] = {}  # by stream
        self._numbered: bool | None = None  # whether any source numbers its records

    def flush(self) -> None:
        """Drop the sources that only erased records named; the transaction ends next."""
        if not self._left:
            return
        # ``written`` is read through, but once for all of them.
        self._db.execute(
            "DELETE FROM sources WHERE source IN (SELECT value FROM json_each(?))"
            " AND NOT EXISTS (SELECT 1 FROM sequences WHERE sequences.source = sources.source)"
            " AND source NOT IN (SELECT source FROM written)",
            (_JSON.encode(sorted(self._left)).decode(),),
        )
        self._sources.clear()
        self._left.clear()

    # -- a record

    def add(self, entry: int, facts: Facts, *, source: str, at: int, heard: int = FOR_EVER) -> None:
        """What record ``entry`` states; ``at`` of whatever does not say when, ``heard`` when we
        received it."""
        by = self._source(source)
        follows = facts.sequence is None or self._number(by, facts.sequence, entry, min(at, heard))
        if not facts.states and not facts.wholes:
            return
        stated: dict[int, int] = {}  # key → the earliest time that is stated
        late = set()
        for state in facts.states:
            number, when = self._key(state), min(_at(state, at), heard)
            if self._append(number, state, when, entry, by, follows=follows):
                stated.setdefault(number, when)
            else:
                late.add(number)
                stated[number] = min(when, stated.get(number, when))
        said, streams = sorted(stated), []
        for whole in facts.wholes:
            stream, when = self._stream(whole, by), min(_at(whole, at), heard)
            self._db.execute(
                "INSERT INTO wholes VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (stream.number, when, entry),
            )
            self._latest[stream.number] = max(when, self._latest_of(stream))
            streams.append(stream.number)
            for number in self._covered(stream, when):
                if number not in stated:
                    late.add(number)
                    stated[number] = min(when, stated.get(number, when))
        for number in sorted(late):
            self._retell(number, since=stated[number], entry=entry)
        self._db.execute(
            "INSERT INTO written VALUES (?, ?, ?, ?)",
            (entry, by, _PACK.encode(said), _PACK.encode(streams)),
        )

    def _number(self, source: int, sequence: str, entry: int, at: int) -> bool:
        """Keep a record's place in the order of its source. True if it is the last so far."""
        last = self._db.execute(
            "SELECT max(sequence) FROM sequences WHERE source = ?", (source,)
        ).get
        self._db.execute("INSERT INTO sequences VALUES (?, ?, ?, ?)", (source, sequence, entry, at))
        self._numbered = True
        return last is None or last < sequence

    def _append(
        self, key: int, state: State, at: int, entry: int, source: int, *, follows: bool
    ) -> bool:
        """Keep a statement. True if it follows on all others and its intervals are made.

        follows  whether its source numbers it after all that it said before
        """
        last = self._db.execute(
            "SELECT at FROM said WHERE key = ? ORDER BY at DESC LIMIT 1", (key,)
        ).get
        properties = _JSON.encode(state.properties).decode() if state.properties else None
        self._db.execute(
            "INSERT INTO said VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " source = excluded.source, value = excluded.value, says = excluded.says,"
            " properties = excluded.properties",
            (key, at, entry, source, state.value, state.says, properties),
        )
        if not follows or (last is not None and last >= at):
            return False
        if any(self._latest_of(s) >= at for s in self._covering(_key_of(state))):
            return False
        held = self._db.execute(
            "SELECT began, known, value, entry FROM intervals"
            " WHERE key = ? AND denied = ? AND ended = ? ORDER BY began DESC LIMIT 1",
            (key, FOR_EVER, FOR_EVER),
        ).get
        if held is not None:
            began, _, value, first = held
            if value == state.value:
                return True
            self._deny(key, began, FOR_EVER, entry)
            if at > began:
                self._insert(key, Interval(began, at, value, first, entry), known=entry)
        if state.value is not None:
            self._insert(key, Interval(at, FOR_EVER, state.value, entry), known=entry)
        return True

    # -- intervals

    def _retell(self, key: int, *, since: int, entry: int) -> None:
        """Make the intervals of a key again, of all that was said up to ``entry``, from the one
        before the one that ``since`` lies in."""
        began = [
            row[0]
            for row in self._db.execute(
                "SELECT began FROM intervals WHERE key = ? AND denied = ? AND began <= ?"
                " ORDER BY began DESC LIMIT 2",
                (key, FOR_EVER, since),
            )
        ]
        # What sources number may hold later than it is dated: no time is early enough.
        first = began[-1] if len(began) == 2 and not self._is_numbered(key) else _NEVER
        new = set(intervals(self._told(key, first, entry)))
        old = {
            Interval(*row)
            for row in self._db.execute(
                "SELECT began, ended, value, entry, ended_by FROM intervals"
                " WHERE key = ? AND denied = ? AND began >= ?",
                (key, FOR_EVER, first),
            )
        }
        for interval in old - new:
            self._deny(key, interval.began, interval.ended, entry)
        for interval in sorted(new - old):
            self._insert(key, interval, known=entry)

    def _told(self, key: int, first: int, entry: int) -> Iterator[Told]:
        """All that was said of a key from ``first`` on, in records up to ``entry``."""
        rows: list[Any] = self._db.execute(
            "SELECT at, said.entry, value, said.source, FALSE, sequence"
            " FROM said LEFT JOIN (SELECT entry, sequence FROM sequences) USING (entry)"
            " WHERE key = ? AND at >= ? AND said.entry <= ? ORDER BY at, said.entry",
            (key, first, entry),
        ).fetchall()
        said = [Told(*row) for row in rows]
        yield from said
        # A whole ends what its own source said, and nothing else.
        sources = {told.source for told in said}
        covering = self._covering(self._spelled(key))
        streams = [stream for stream in covering if stream.source in sources]
        # The first whole after a statement that does not repeat it is the one that ends it.
        for index, told in enumerate(said):
            until = said[index + 1][:2] if index + 1 < len(said) else (FOR_EVER, 0)
            for stream in streams:
                found = self._db.execute(
                    "SELECT at, entry FROM wholes WHERE stream = ? AND (at, entry) > (?, ?)"
                    " AND (at, entry) < (?, ?) AND entry <= ? AND NOT EXISTS"
                    " (SELECT 1 FROM said WHERE key = ? AND entry = wholes.entry)"
                    " ORDER BY at, entry LIMIT 1",
                    (stream.number, *told[:2], *until, entry, key),
                ).get
                if found is not None:
                    at, by = found
                    yield Told(at, by, None, stream.source, absent=True)

    def _insert(self, key: int, interval: Interval, *, known: int) -> None:
        began, ended, value, entry, ended_by = interval
        self._db.execute(
            "INSERT INTO intervals VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (key, began, known, ended, FOR_EVER, value, entry, ended_by),
        )

    def _deny(self, key: int, began: int, ended: int, entry: int) -> None:
        """From ``entry`` on this interval is known to be wrong."""
        row = (key, began, ended, FOR_EVER)
        where = " WHERE key = ? AND began = ? AND ended = ? AND denied = ?"
        # What this record itself taught a moment ago was never known to anybody.
        self._db.execute(f"DELETE FROM intervals{where} AND known = ?", (*row, entry))
        self._db.execute(f"UPDATE intervals SET denied = ?{where}", (entry, *row))

    def _is_numbered(self, key: int) -> bool:
        """Whether a source that numbers its records spoke of a key."""
        if self._numbered is None:
            self._numbered = bool(self._db.execute("SELECT 1 FROM sequences LIMIT 1").get)
        return self._numbered and bool(
            self._db.execute(
                "SELECT 1 FROM said CROSS JOIN sequences USING (entry) WHERE key = ? LIMIT 1",
                (key,),
            ).get
        )

    def _was_said_by(self, key: int, source: int) -> bool:
        query = "SELECT 1 FROM said WHERE key = ? AND source = ? LIMIT 1"
        return bool(self._db.execute(query, (key, source)).get)

    # -- a tombstone

    def erase(self, entry: int) -> None:
        """Take back what ``entry`` said, at every size of the log."""
        left = "DELETE FROM sequences WHERE entry = ? RETURNING source"
        self._left.update(row[0] for row in self._db.execute(left, (entry,)))
        row = self._db.execute(
            "SELECT source, keys, streams FROM written WHERE entry = ?", (entry,)
        ).get
        if row is None:
            return
        self._left.add(row[0])
        keys, numbers = set(_NUMBERS.decode(row[1])), _NUMBERS.decode(row[2])
        for stream in self._all_streams():
            if stream.number in numbers:
                keys.update(self._in_scope(stream))
        for number in numbers:
            self._db.execute("DELETE FROM wholes WHERE stream = ? AND entry = ?", (number, entry))
            self._latest.pop(number, None)
        for key in sorted(keys):
            self._db.execute("DELETE FROM said WHERE key = ? AND entry = ?", (key, entry))
            self._tell_from_the_start(key)
        self._db.execute("DELETE FROM written WHERE entry = ?", (entry,))
        self._forget_names(keys, numbers)

    def _forget_names(self, keys: Iterable[int], streams: Iterable[int]) -> None:
        """Drop what only an erased record named."""
        for key in keys:
            self._db.execute(
                "DELETE FROM keys WHERE key = ? AND NOT EXISTS"
                " (SELECT 1 FROM said WHERE said.key = keys.key)",
                (key,),
            )
        for stream in streams:
            self._db.execute(
                "DELETE FROM streams WHERE stream = ? AND NOT EXISTS"
                " (SELECT 1 FROM wholes WHERE wholes.stream = streams.stream)",
                (stream,),
            )
        self.forget()

    def _tell_from_the_start(self, key: int) -> None:
        """The intervals of a key as each record made them, one after the other."""
        self._db.execute("DELETE FROM intervals WHERE key = ?", (key,))
        touched = {
            row[0]: row[1]
            for row in self._db.execute(
                "SELECT entry, min(at) FROM said WHERE key = ? GROUP BY entry", (key,)
            )
        }
        for stream in self._covering(self._spelled(key)):
            for entry, at in self._db.execute(
                "SELECT entry, min(at) FROM wholes WHERE stream = ? GROUP BY entry",
                (stream.number,),
            ):
                touched[entry] = min(at, touched.get(entry, at))
        for entry, at in sorted(touched.items()):
            self._retell(key, since=at, entry=entry)

    # -- numbers

    def _key(self, state: State) -> int:
        key = _key_of(state)
        found = self._keys.get(key)
        if found is None:
            scope = state.scope
            row = (scope.environment, scope.service, state.mode, state.slot, scope.region,
                   scope.pool, scope.instance, state.name)  # fmt: skip
            self._db.execute(
                "INSERT INTO keys VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row
            )
            found = self._db.execute(
                "SELECT key FROM keys WHERE environment = ? AND service = ? AND mode = ?"
                " AND slot = ? AND region = ? AND pool = ? AND instance = ? AND name = ?",
                row,
            ).get
            if len(self._keys) >= KEYS_CACHED_MAX:
                self._keys.clear()
            self._keys[key] = found
        return found

    def _spelled(self, number: int) -> _Key:
        row = self._db.execute(
            "SELECT mode, environment, service, region, pool, instance, slot, name FROM keys"
            " WHERE key = ?",
            (number,),
        ).get
        mode, *scope, slot, name = row
        return mode, Scope(*scope), slot, name

    def _source(self, text: str) -> int:
        found = self._sources.get(text)
        if found is None:
            self._db.execute("INSERT INTO sources VALUES (NULL, ?) ON CONFLICT DO NOTHING", (text,))
            found = self._db.execute("SELECT source FROM sources WHERE text = ?", (text,)).get
            if len(self._sources) >= KEYS_CACHED_MAX:
                self._sources.clear()
            self._sources[text] = found
        return found

    # -- streams

    def _all_streams(self) -> list[_Stream]:
        if self._streams is None:
            self._streams = [
                _Stream(number, source, mode, Scope(*scope), frozenset(slots.split()))
                for number, source, mode, *scope, slots in self._db.execute(
                    "SELECT stream, source, mode, environment, service, region, pool, instance,"
                    " slots FROM streams"
                )
            ]
        return self._streams

    def _stream(self, whole: Whole, source: int) -> _Stream:
        slots = frozenset(whole.slots)
        for stream in self._all_streams():
            if stream[1:] == (source, whole.mode, whole.scope, slots):
                return stream
        self._db.execute(
            "INSERT INTO streams VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
            (source, whole.mode, *whole.scope, " ".join(sorted(slots))),
        )
        made = _Stream(self._db.last_insert_rowid(), source, whole.mode, whole.scope, slots)
        self._all_streams().append(made)
        return made

    def _covering(self, key: _Key) -> list[_Stream]:
        return [stream for stream in self._all_streams() if stream.covers(key)]

    def _latest_of(self, stream: _Stream) -> int:
        found = self._latest.get(stream.number)
        if found is None:
            row = self._db.execute(
                "SELECT max(at) FROM wholes WHERE stream = ?", (stream.number,)
            ).get
            found = self._latest[stream.number] = _NEVER if row is None else row
        return found

    def _in_scope(self, stream: _Stream) -> Iterator[int]:
        scope = stream.scope
        condition = "environment = ? AND mode = ?" if scope.environment else "mode = ?"
        given = (scope.environment, stream.mode) if scope.environment else (stream.mode,)
        rows: list[Any] = self._db.execute(
            "SELECT key, mode, environment, service, region, pool, instance, slot, name FROM keys"
            f" WHERE {condition}",
            given,
        ).fetchall()
        for number, mode, *where, slot, name in rows:
            if stream.covers((mode, Scope(*where), slot, name)):
                yield number

    def _covered(self, stream: _Stream, at: int) -> list[int]:
        """Keys in its scope that held something at ``at`` by the word of its source."""
        return [
            number
            for number in self._in_scope(stream)
            if self._held_by(number, at) == stream.source
            or (self._is_numbered(number) and self._was_said_by(number, stream.source))
        ]

    def _held_by(self, key: int, at: int) -> int | None:
        row = self._db.execute(
            "SELECT source, value FROM said WHERE key = ? AND at <= ?"
            " ORDER BY at DESC, entry DESC LIMIT 1",
            (key, at),
        ).get
        return None if row is None or row[1] is None else int(row[0])


def _key_of(state: State) -> _Key:
    return state.mode, state.scope, state.slot, state.name


def _at(said: State | Whole, otherwise: int) -> int:
    return otherwise if said.at is None else timestamps.micros(said.at)
