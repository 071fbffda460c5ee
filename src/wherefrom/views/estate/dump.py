"""The whole state of an estate without its numbers, sorted: two views are equal if this is.

Folding in any batches, rebuilding, and folding on past an erasure must all give the same lines.

Sizes:  one line a row, sorted by SQLite; every key's names in memory
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from wherefrom.views.estate.snapshot import EstateSnapshot

Line = tuple[Any, ...]

_SCOPE: Final = "environment, service, region, pool, instance"
_KEY: Final = f"mode, {_SCOPE}, slot, name"
_STREAM: Final = f"text, mode, {_SCOPE}, slots"
_QUERIES: Final = {
    "meta": "SELECT version, facts_version, origin, size, hex(root) FROM meta",
    "key": f"SELECT {_KEY} FROM keys ORDER BY {_KEY}",
    "said": f"""SELECT {_KEY}, at, entry, text, value, says, properties
        FROM said JOIN keys USING (key) JOIN sources USING (source) ORDER BY {_KEY}, at, entry""",
    "whole": f"""SELECT {_STREAM}, at, entry
        FROM wholes JOIN streams USING (stream) JOIN sources USING (source)
        ORDER BY {_STREAM}, at, entry""",
    "sequence": """SELECT text, sequence, entry, at
        FROM sequences JOIN sources USING (source) ORDER BY text, sequence, entry""",
    "source": "SELECT text FROM sources ORDER BY text",
    "clock": "SELECT * FROM clocks ORDER BY producer, hour",
    "interval": f"""SELECT {_KEY}, began, ended, known, denied, value, entry, ended_by
        FROM intervals JOIN keys USING (key) ORDER BY {_KEY}, began, ended, known""",
    "heard": """SELECT about, environment, kind, type, source, producer, at, entry
        FROM heard JOIN heard_at USING (heard)
        ORDER BY entry, about, environment, kind, type, source, producer""",
}
_NUMBERS: Final = msgspec.msgpack.Decoder(list[int])


def dump(snapshot: EstateSnapshot) -> Iterator[Line]:
    """Every row as (table, column, …), with names for numbers, in one fixed order."""
    for table, query in _QUERIES.items():
        for row in snapshot.db.execute(query):
            yield table, *row
    keys, streams = _names(snapshot, "key", _KEY), _names(snapshot, "stream", _STREAM)
    for entry, source, in_keys, in_streams in snapshot.db.execute(
        "SELECT entry, text, keys, streams FROM written JOIN sources USING (source) ORDER BY entry"
    ):
        wrote = sorted(keys[number] for number in _NUMBERS.decode(in_keys))
        listed = sorted(streams[number] for number in _NUMBERS.decode(in_streams))
        yield "written", entry, source, *wrote, *listed


def _names(snapshot: EstateSnapshot, number: str, names: str) -> dict[int, Line]:
    table = "keys" if number == "key" else "streams JOIN sources USING (source)"
    rows = snapshot.db.execute(f"SELECT {number}, {names} FROM {table}")
    return {row[0]: row[1:] for row in rows}
