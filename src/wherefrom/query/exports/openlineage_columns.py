"""Columns that an answer holds as nodes, told of their tables: what ``columnLineage`` is made of.

    column:<shop>:total ──derived_from──► column:<raw>:price, {"how": "DIRECT/IDENTITY"}
    ──►  <shop> ──derived_from──► <raw>, {"columns": {"total": [["price", "DIRECT/IDENTITY"]]}}

A trace of tables has the second already, and no columns; one of a column has the first.

Source: docs/formats/openlineage.md, "Columns"
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from wherefrom.formats import names
from wherefrom.query.answers import TraceEdge


def tables_of(edges: Iterable[TraceEdge]) -> Iterator[TraceEdge]:
    """An edge between tables for those between their columns, with the first one's evidence."""
    first: dict[tuple[str, str], TraceEdge] = {}
    told: dict[tuple[str, str], dict[str, list[list[str]]]] = {}
    for edge in edges:
        if edge.relation != "derived_from" or not edge.source.startswith("column:"):
            continue
        source, column = names.split_column(edge.source)
        target, field = edge.target, ""
        if target.startswith("column:"):
            target, field = names.split_column(target)
        # That a column depends on what every column of its table does is told of ``*`` itself.
        if source != target or field != "*":
            first.setdefault((source, target), edge)
            columns = told.setdefault((source, target), {})
            columns.setdefault(column, []).append([field, *_how(edge.properties)])
    for (source, target), edge in first.items():
        columns = told[source, target]
        yield msgspec.structs.replace(
            edge, source=source, target=target, properties={"columns": columns}
        )


def _how(properties: dict[str, Any]) -> list[str]:
    how = properties.get("how")
    return [how if isinstance(how, str) else "", *(["masking"] if "masking" in properties else [])]
