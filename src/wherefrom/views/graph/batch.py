"""Numbers for what records say, and rows for the tables: many records at a time.

Rows wait in memory and go out sorted by key, so that neighbours on a page are written together.
Everything happens inside the fold's transaction; on a rollback ``forget`` drops what is cached.

    (Logged, Said) ──add──► pending ──flush──► 1. numbers  2. edges: new or a repeat
                                               3. names    4. rows out, sorted

Sizes:  a flush each ROWS_MAX pending rows · CACHED_MAX ids, as many edges and names remembered
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any, Final

import apsw
import msgspec

from wherefrom.formats.hashedrekord import MEDIA_TYPE, leaf_type
from wherefrom.log.logged import Logged
from wherefrom.views.graph.edge_table import EdgeTable
from wherefrom.views.graph.said import Said
from wherefrom.views.graph.schema import REPEATED, WITH_PROPERTIES
from wherefrom.views.graph.sealed import EdgeKey
from wherefrom.views.graph.spelling import texts_of_id, texts_of_name

ROWS_MAX: Final = 20_000
CACHED_MAX: Final = 100_000

_INSERT: Final = {
    "entries": "INSERT INTO entries VALUES (?, ?, ?, ?, ?)",
    "nodes": "INSERT INTO nodes VALUES (?, ?)",
    "ids": "INSERT INTO ids VALUES (?, ?)",
    "mentions": "INSERT INTO mentions VALUES (?, ?, ?, ?, ?)",
    "causes": "INSERT INTO causes VALUES (?, ?, ?, ?, ?)",
    "effects": "INSERT INTO effects VALUES (?, ?, ?, ?, ?)",
    "repeats": "INSERT INTO repeats VALUES (?, ?, ?, ?)",
    "edge_properties": "INSERT INTO edge_properties VALUES (?, ?, ?, ?, ?)",
    # The lowest entry comes first and stays.
    "names": "INSERT INTO names VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    "tags": "INSERT INTO tags VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "tags_of": "INSERT INTO tags_of VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "verdicts": "INSERT INTO verdicts VALUES (?, ?, ?, ?)",
    "missing": "INSERT INTO missing VALUES (?)",
    "gaps": "INSERT INTO gaps VALUES (?, ?, ?, ?)",
    "written": "INSERT INTO written VALUES (?, ?)",
}

_STAMP_IN: Final = "INSERT INTO stamps VALUES (NULL, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_STAMP_OUT: Final = """SELECT stamp FROM stamps
    WHERE kind = ? AND type = ? AND level = ? AND signers = ?"""


class Written(msgspec.Struct, frozen=True, array_like=True):
    """What an entry wrote, kept in ``written`` so that a tombstone can take it back.

    edges  effect, relation, cause, one after the other
    """

    nodes: list[int]
    edges: list[int]
    tags: list[str]
    judged: int | None = None
    tombstone_of: int | None = None


def stamp_of(logged: Logged) -> tuple[str, str, str, str]:
    """What an entry says about itself, shared by all entries that say the same."""
    trust = logged.entry.trust
    # The leaf hash in the type of a hashedrekord would give each a stamp of its own.
    type = MEDIA_TYPE if leaf_type(logged.entry.type) else logged.entry.type
    return (logged.entry.kind, type, trust.level, " ".join(trust.signers))


class Batch:
    """Pending rows of one fold. ``add`` in entry order, ``flush`` before reading back."""

    def __init__(self, db: apsw.Connection, edges: EdgeTable) -> None:
        self._db = db
        self._table = edges
        self._pending: list[tuple[Logged, Said | None]] = []
        self._rows_pending = 0
        self.forget()

    def forget(self) -> None:
        """Drop what is pending and cached: the tables may have changed under us."""
        self.look_again()
        self.tail_edges: int | None = None  # how many are not sealed; counted at a flush

    def look_again(self) -> None:
        """Drop what is pending and cached: an erasure took rows back. ``tail_edges`` is a bound
        from then on: to count them for each erasure would take milliseconds."""
        self._pending.clear()
        self._rows_pending = 0
        self._numbers: dict[str, int] = {}
        self._edges: dict[EdgeKey, tuple[int, int]] = {}  # first, flags
        self._named: dict[int, str] = {}  # the name a node was given last
        self._stamps: dict[tuple[str, str, str, str], int] = {}
        self._next: int | None = None

    def add(self, logged: Logged, said: Said | None) -> None:
        """Take one record; writes when enough wait."""
        self._pending.append((logged, said))
        self._rows_pending += 1 if said is None else 4 + len(said.nodes) + len(said.edges)
        if self._rows_pending >= ROWS_MAX:
            self.flush()

    def flush(self) -> None:
        """Write every pending row."""
        if not self._pending:
            return
        rows: dict[str, list[Any]] = {table: [] for table in _INSERT}
        # 1. Numbers: one question for all ids that are not remembered.
        first_new = self._number(rows)
        # 2. Edges and mentions, by number.
        fresh: dict[EdgeKey, tuple[int, int]] = {}
        flagged: dict[EdgeKey, tuple[int, int]] = {}
        for logged, said in self._pending:
            self._add_rows(rows, logged, said, first_new, fresh, flagged)
        for (effect, relation, cause), said_by in fresh.items():
            rows["causes"].append((effect, relation, cause, *said_by))
            rows["effects"].append((cause, relation, effect, *said_by))
        # 3. Rows out, each table by its key; of equal names the earliest entry comes first. Keys
        #    are unique in a table, so no comparison gets as far as a column that may be None.
        for table, found in rows.items():
            if found:
                found.sort()
                self._db.executemany(_INSERT[table], found)
        for key, (entry, flags) in flagged.items():
            self._table.set(key, first=entry, flags=flags)
        if self.tail_edges is None:
            self.tail_edges = self._db.execute("SELECT count(*) FROM causes").get
        else:
            self.tail_edges += len(fresh)
        self._pending.clear()
        self._rows_pending = 0
        if len(self._numbers) > CACHED_MAX:
            self._numbers.clear()
        if len(self._edges) > CACHED_MAX:
            self._edges.clear()
        if len(self._named) > CACHED_MAX:
            self._named.clear()

    def _number(self, rows: dict[str, list[Any]]) -> int:
        numbers = self._numbers
        wanted = {
            id: None
            for _, said in self._pending
            if said is not None
            for id in said.nodes
            if id not in numbers
        }
        if self._next is None:
            highest = self._db.execute("SELECT max(node) FROM nodes").get
            self._next = (highest or 0) + 1
        first_new = self._next
        if wanted:
            numbers.update(numbers_of(self._db, wanted))
            for id in wanted:
                if id not in numbers:
                    numbers[id] = self._next
                    rows["nodes"].append((self._next, id))
                    rows["ids"].append((id, self._next))
                    self._next += 1
        return first_new

    def _add_rows(
        self,
        rows: dict[str, list[Any]],
        logged: Logged,
        said: Said | None,
        first_new: int,
        fresh: dict[EdgeKey, tuple[int, int]],
        flagged: dict[EdgeKey, tuple[int, int]],
    ) -> None:
        index, entry, numbers = logged.index, logged.entry, self._numbers
        document = None if said is None or said.document is None else numbers[said.document]
        stamp = self._stamp(stamp_of(logged))
        rows["entries"].append((index, stamp, entry.occurred, entry.received, document))
        if said is None:
            rows["missing"].append((index,))
            return
        nodes = []
        for id, (kind, name, properties) in said.nodes.items():
            node = numbers[id]
            nodes.append(node)
            rows["mentions"].append((node, index, kind, name, properties))
            # A known node has the texts of its id already; the insert ignores what is there.
            texts = texts_of_id(id) if node >= first_new else []
            if name is not None and self._named.get(node) != name:
                self._named[node] = name
                texts += texts_of_name(name)
            rows["names"] += [(text, node, index) for text in texts]
        edges: list[int] = []
        for (source, relation, target), properties in said.edges.items():
            key = (numbers[source], relation, numbers[target])
            edges += key
            if self._is_repeat(key, properties, index, first_new, fresh, flagged):
                rows["repeats"].append((*key, index))
            if properties is not None:
                rows["edge_properties"].append((*key, index, properties))
        at = entry.occurred or entry.received
        for name, spelled, id in said.tags:
            rows["tags"].append((name, at, index, numbers[id], spelled))
            rows["tags_of"].append((numbers[id], name, at, index))
        if said.gap is not None:
            rows["gaps"].append((index, *said.gap))
        verdict, tombstone = said.verdict, said.tombstone
        if verdict is not None:
            signers = " ".join(verdict.trust.signers)
            rows["verdicts"].append((verdict.entry, index, verdict.trust.level, signers))
        if nodes:
            written = Written(
                nodes=nodes,
                edges=edges,
                tags=[name for name, _, _ in said.tags],
                judged=verdict.entry if verdict else None,
                tombstone_of=tombstone.entry if tombstone else None,
            )
            rows["written"].append((index, msgspec.msgpack.encode(written)))

    def _is_repeat(
        self,
        key: EdgeKey,
        properties: str | None,
        index: int,
        first_new: int,
        fresh: dict[EdgeKey, tuple[int, int]],
        flagged: dict[EdgeKey, tuple[int, int]],
    ) -> bool:
        """Note an edge: False if ``index`` is the first entry to state it."""
        stated = self._edges.get(key)
        if stated is None and key[0] < first_new and key[2] < first_new:
            stated = self._table.find(key)
        if stated is None:
            self._edges[key] = fresh[key] = (index, WITH_PROPERTIES if properties else 0)
            return False
        first, flags = stated
        if not flags & REPEATED:
            stated = self._edges[key] = (first, flags | REPEATED)
            (fresh if key in fresh else flagged)[key] = stated
        return True

    def _stamp(self, stamp: tuple[str, str, str, str]) -> int:
        number = self._stamps.get(stamp)
        if number is None:
            self._db.execute(_STAMP_IN, stamp)
            number = self._stamps[stamp] = self._db.execute(_STAMP_OUT, stamp).get
        assert number is not None
        return number


def numbers_of(db: apsw.Connection, ids: Iterable[str]) -> dict[str, int]:
    """The number of each id that has one."""
    asked = tuple(ids)
    if not asked:
        return {}
    return dict(
        db.execute(
            "SELECT i.id, i.node FROM carray(?) AS asked CROSS JOIN ids AS i ON i.id = asked.value",
            (apsw.carray(asked),),
        )
    )


def integers(numbers: Iterable[int]) -> Any:
    """``numbers`` as one bound argument of a statement; never empty."""
    return apsw.carray(array("q", numbers))
