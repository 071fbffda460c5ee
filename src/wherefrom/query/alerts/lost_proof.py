"""What runs and was vouched for, and is no longer: a signature that counted does not count now.

    artifact ◄──describes── records ──believed at the door, not now──► lost, unless a record of the
                                                                       same type is believed since

Sizes:  RECORDS_MAX records an artifact
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from wherefrom.formats.entry import LEVELS
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.schema import DESCRIBES

RECORDS_MAX: Final = 200
_VOUCH: Final = frozenset({"attestation", "bundle", "sbom", "batch"})
_UNPROVEN: Final = LEVELS[0]


def lost_proof(graph: Snapshot, lens: Lens, artifacts: Collection[str]) -> dict[str, list[int]]:
    """By artifact, the records that vouched for it and no longer do."""
    found: dict[str, list[int]] = {}
    for artifact, number in graph.numbers(artifacts).items():
        steps = graph.steps([number], lens, up=False, only=DESCRIBES, rows_max=RECORDS_MAX)
        judged = graph.judgements({step.first for step in steps}, lens).values()
        believed = {one.type for one in judged if one.level != _UNPROVEN}
        lost = sorted(
            one.entry
            for one in judged
            if one.kind in _VOUCH and one.level == _UNPROVEN and one.door != _UNPROVEN
            and one.type not in believed
        )  # fmt: skip
        if lost:
            found[artifact] = lost
    return found
