"""Everything that a view of health holds, without its numbers, sorted: two are equal if this is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from wherefrom.views.health.snapshot import HealthSnapshot

Line = tuple[Any, ...]
_PART: Final = "environment, service, kind, trust, producer"
_QUERIES: Final = {
    "meta": "SELECT version, facts_version, origin, size, hex(root) FROM meta",
    "part": f"SELECT {_PART} FROM parts ORDER BY {_PART}",
    "count": f"""SELECT hour, block, {_PART}, late, records, bytes, things, aliases
        FROM counts JOIN parts USING (part) ORDER BY hour, block, {_PART}, late""",
    "event": "SELECT * FROM events ORDER BY what, received, entry, place",
    "made": "SELECT * FROM made ORDER BY received, entry, id",
    "erased": "SELECT * FROM erased ORDER BY entry",
}


def dump(snapshot: HealthSnapshot) -> Iterator[Line]:
    """Every row as (table, column, …), in one fixed order."""
    for table, query in _QUERIES.items():
        for row in snapshot.db.execute(query):
            yield table, *row
