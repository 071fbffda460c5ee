"""Which of some artifacts rest on some entries: records there describe them.

    artifact ◄──describes── records ──among the entries──► it rests on them

Sizes:  RECORDS_MAX records an artifact
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.schema import DESCRIBES

RECORDS_MAX: Final = 200


def rest_on(
    graph: Snapshot, lens: Lens, artifacts: Collection[str], first: int, limit: int
) -> set[str]:
    """Those that a record from entry ``first`` up to before ``limit`` describes."""
    return {
        artifact
        for artifact, number in graph.numbers(artifacts).items()
        if any(
            first <= step.first < limit
            for step in graph.steps([number], lens, up=False, only=DESCRIBES, rows_max=RECORDS_MAX)
        )
    }
