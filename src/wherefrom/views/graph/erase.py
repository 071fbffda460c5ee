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

import apsw
import msgspec

from wherefrom.views.graph.batch import EdgeKey, Written, set_flags
from wherefrom.views.graph.schema import REPEATED, WITH_PROPERTIES
from wherefrom.views.graph.spelling import texts_of_id, texts_of_name

_DECODER = msgspec.msgpack.Decoder(Written)


def erase(db: apsw.Connection, entry: int, *, by: int) -> None:
    """Apply the tombstone in entry ``by`` to ``entry``; a second one only adds its own row."""
    db.execute("INSERT INTO tombstones VALUES (?, ?) ON CONFLICT DO NOTHING", (entry, by))
    db.execute("INSERT INTO missing VALUES (?) ON CONFLICT DO NOTHING", (entry,))
    blob = db.execute("SELECT rows FROM written WHERE entry = ?", (entry,)).get
    if blob is not None:
        written = _DECODER.decode(blob)
        triples = iter(written.edges)
        for key in zip(triples, triples, triples, strict=True):
            _take_edge(db, key, entry)
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


def _take_edge(db: apsw.Connection, key: EdgeKey, entry: int) -> None:
    effect, relation, cause = key
    where = "effect = ? AND relation = ? AND cause = ?"
    db.execute(f"DELETE FROM repeats WHERE {where} AND entry = ?", (*key, entry))
    (first, flags) = db.execute(f"SELECT first, flags FROM causes WHERE {where}", key).get
    heir = db.execute(
        f"SELECT entry, properties FROM repeats WHERE {where} ORDER BY entry LIMIT 1", key
    ).get
    if first != entry:
        if heir is None and flags & REPEATED:
            set_flags(db, key, flags & ~REPEATED)
        return
    if heir is None:
        db.execute(f"DELETE FROM causes WHERE {where}", key)
        db.execute(
            "DELETE FROM effects WHERE cause = ? AND relation = ? AND effect = ?",
            (cause, relation, effect),
        )
        return
    heir_entry, properties = heir
    db.execute(f"DELETE FROM repeats WHERE {where} AND entry = ?", (*key, heir_entry))
    more = db.execute(f"SELECT EXISTS (SELECT 1 FROM repeats WHERE {where})", key).get
    flags = (REPEATED if more else 0) | (WITH_PROPERTIES if properties else 0)
    db.execute(
        f"UPDATE causes SET first = ?, properties = ? WHERE {where}", (heir_entry, properties, *key)
    )
    db.execute(
        "UPDATE effects SET first = ? WHERE cause = ? AND relation = ? AND effect = ?",
        (heir_entry, cause, relation, effect),
    )
    set_flags(db, key, flags)


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
