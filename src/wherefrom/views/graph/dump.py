"""The whole state of a graph without its numbers, sorted: two views are equal if this is.

Folding in any batches, rebuilding, and folding on past an erasure must all give the same lines.
For tests, for `views rebuild --check`-like comparisons, and for reading a small graph by eye.

Sizes:  one line a row; sorted by SQLite, but for the edges, which are sorted in memory
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import apsw

from wherefrom.views.graph.schema import KIND_NAMES, RELATION_NAMES
from wherefrom.views.graph.snapshot import Snapshot

Line = tuple[Any, ...]

_ID: Final = "(SELECT id FROM nodes WHERE node = {})"
_QUERIES: Final = {
    "meta": "SELECT fingerprint, facts_version, origin, size, hex(root) FROM meta",
    "entry": f"""SELECT entry, kind, type, level, signers, occurred, received,
        {_ID.format("document")} FROM entries JOIN stamps USING (stamp) ORDER BY entry""",
    "node": "SELECT id FROM nodes ORDER BY id",
    "id": f"SELECT id, {_ID.format('ids.node')} FROM ids ORDER BY id",
    "mention": f"""SELECT {_ID.format("mentions.node")}, entry, kind, name, properties
        FROM mentions ORDER BY 1, 2""",
    "cause": "SELECT effect, relation, cause, first, flags FROM causes",
    "effect": "SELECT effect, relation, cause, first, flags FROM effects",
    "repeat": f"""SELECT {_ID.format("effect")}, relation, {_ID.format("cause")}, entry
        FROM repeats ORDER BY 1, 2, 3, 4""",
    "edge properties": f"""SELECT {_ID.format("effect")}, relation, {_ID.format("cause")}, entry,
        properties FROM edge_properties ORDER BY 1, 2, 3, 4""",
    "name": f"SELECT text, {_ID.format('names.node')}, first FROM names ORDER BY 1, 2",
    "tag": f"SELECT name, at, entry, {_ID.format('tags.node')}, said FROM tags ORDER BY 1, 2, 3, 4",
    "tag of": f"SELECT {_ID.format('tags_of.node')}, name, at, entry FROM tags_of ORDER BY 1, 2, 3",
    "verdict": "SELECT judged, entry, level, signers FROM verdicts ORDER BY 1, 2",
    "tombstone": "SELECT erased, entry FROM tombstones ORDER BY 1, 2",
    "missing": "SELECT entry FROM missing ORDER BY 1",
    "gap": "SELECT entry, what, why, count FROM gaps ORDER BY 1",
    "written": "SELECT entry FROM written ORDER BY 1",
}
_KINDS_AT: Final = {"mention": 2}
_RELATIONS_AT: Final = {"cause": 1, "effect": 1, "repeat": 1, "edge properties": 1}


def dump(snapshot: Snapshot) -> Iterator[Line]:
    """Every row as (table, column, …), with ids for numbers, in one fixed order."""
    db: apsw.Connection = snapshot.db
    rows: Iterable[Line]
    for table, query in _QUERIES.items():
        rows = db.execute(query)
        if table in ("cause", "effect"):
            rows = _edges(snapshot, rows, up=table == "cause")
        for row in rows:
            line = [table, *row]
            if table in _KINDS_AT:
                line[1 + _KINDS_AT[table]] = KIND_NAMES[row[_KINDS_AT[table]]]
            if table in _RELATIONS_AT:
                line[1 + _RELATIONS_AT[table]] = RELATION_NAMES[row[_RELATIONS_AT[table]]]
            yield tuple(line)


def _edges(snapshot: Snapshot, tail: Iterable[Line], *, up: bool) -> list[Line]:
    """Edges by id and in order, whether they are sealed or not."""
    steps = [*tail, *(step for segment in snapshot.segments for step in segment.every(up=up))]
    ids = snapshot.ids({n for effect, _, cause, *_ in steps for n in (effect, cause)})
    return sorted((ids[e], relation, ids[c], *said) for e, relation, c, *said in steps)
