"""Take back what an erased entry wrote, at every ``--as-of``.

Folding a record and then its tombstone must leave what folding the erased record would have
left: nothing but the entry's own row. What others also say stays, under the next entry that
says it; a node that nobody mentions any more goes, with its id.

    written[entry] ──► edges: next entry takes over, or the edge goes
                   ──► mentions, names, nodes, tags, verdict, gap

An erased tombstone no longer counts either: a rebuild could not read it. The facts it took away
stay away, because the log no longer holds their content.

Source: docs/formats/graph.md, "Tombstones"
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from wherefrom.views.graph.batch import Written
from wherefrom.views.graph.edge_table import EdgeTable
from wherefrom.views.graph.schema import REPEATED, WITH_PROPERTIES
from wherefrom.views.graph.sealed import EdgeKey
from wherefrom.views.graph.spelling import texts_of_id, texts_of_name

_DECODER = msgspec.msgpack.Decoder(Written)


def erase(db: apsw.Connection, edges: EdgeTable, entry: int, *, by: int) -> None:
    """Apply the tombstone in entry ``by`` to ``entry``; a second one only adds its own row."""
    db.execute("INSERT INTO tombstones VALUES (?, ?) ON CONFLICT DO NOTHING", (entry, by))
    db.execute("INSERT INTO missing VALUES (?) ON CONFLICT DO NOTHING", (entry,))
    blob = db.execute("SELECT rows FROM written WHERE entry = ?", (entry,)).get
    if blob is not None:
        written = _DECODER.decode(blob)
        triples = iter(written.edges)
        for key in zip(triples, triples, triples, strict=True):
            _take_edge(db, edges, key, entry)
        for node in written.nodes:
            _take_mention(db, node, entry)
        for name in written.tags:
            db.execute("DELETE FROM tags WHERE name = ? AND entry = ?", (name, entry))
        if written.judged is not None:
            db.execute(
                "DELETE FROM verdicts WHERE judged = ? AND entry = ?", (written.judged, entry)
            )
        if written.tombstone_of is not None:
            db.execute(
                "DELETE FROM tombstones WHERE erased = ? AND entry = ?",
                (written.tombstone_of, entry),
            )
        db.execute("DELETE FROM written WHERE entry = ?", (entry,))
    db.execute("DELETE FROM gaps WHERE entry = ?", (entry,))
    db.execute("UPDATE entries SET document = NULL WHERE entry = ?", (entry,))


def _take_edge(db: apsw.Connection, edges: EdgeTable, key: EdgeKey, entry: int) -> None:
    where = "effect = ? AND relation = ? AND cause = ?"
    db.execute(f"DELETE FROM repeats WHERE {where} AND entry = ?", (*key, entry))
    db.execute(f"DELETE FROM edge_properties WHERE {where} AND entry = ?", (*key, entry))
    stated = edges.find(key)
    if stated is None:
        # A sealed edge is taken back at once, also by a transaction that failed later; and one
        # that was killed may have taken it back by half.
        edges.mend(key)
        return
    first, flags = stated
    repeats: list[Any] = db.execute(
        f"SELECT entry FROM repeats WHERE {where} ORDER BY entry LIMIT 2", key
    ).fetchall()
    heir = int(repeats[0][0]) if repeats else None
    if first not in (entry, heir):
        if heir is None and flags & REPEATED:
            edges.set(key, first=first, flags=flags & ~REPEATED)
        return
    if heir is None:
        edges.remove(key)
        return
    db.execute(f"DELETE FROM repeats WHERE {where} AND entry = ?", (*key, heir))
    says = db.execute(
        f"SELECT EXISTS (SELECT 1 FROM edge_properties WHERE {where} AND entry = ?)", (*key, heir)
    ).get
    flags = (REPEATED if len(repeats) > 1 else 0) | (WITH_PROPERTIES if says else 0)
    edges.set(key, first=heir, flags=flags)


def _take_mention(db: apsw.Connection, node: int, entry: int) -> None:
    name = db.execute("SELECT name FROM mentions WHERE node = ? AND entry = ?", (node, entry)).get
    db.execute("DELETE FROM mentions WHERE node = ? AND entry = ?", (node, entry))
    db.execute("DELETE FROM tags_of WHERE node = ? AND entry = ?", (node, entry))
    id = db.execute("SELECT id FROM nodes WHERE node = ?", (node,)).get
    heir = db.execute(
        "SELECT entry FROM mentions WHERE node = ? ORDER BY entry LIMIT 1", (node,)
    ).get
    of_id = texts_of_id(id)
    for text in dict.fromkeys(of_id + (texts_of_name(name) if name is not None else [])):
        first = db.execute("SELECT first FROM names WHERE text = ? AND node = ?", (text, node)).get
        if first == entry:
            _pass_on_name(db, text, node, heir if text in of_id else _next_named(db, node, text))
    if heir is None:
        db.execute("DELETE FROM nodes WHERE node = ?", (node,))
        db.execute("DELETE FROM ids WHERE id = ?", (id,))


def _next_named(db: apsw.Connection, node: int, text: str) -> int | None:
    """The lowest entry that still gives ``node`` a name with this text."""
    for entry, name in db.execute(
        "SELECT entry, name FROM mentions WHERE node = ? AND name NOT NULL ORDER BY entry", (node,)
    ):
        if text in texts_of_name(name):
            return int(entry)
    return None


def _pass_on_name(db: apsw.Connection, text: str, node: int, heir: int | None) -> None:
    if heir is None:
        db.execute("DELETE FROM names WHERE text = ? AND node = ?", (text, node))
    else:
        db.execute("UPDATE names SET first = ? WHERE text = ? AND node = ?", (heir, text, node))
