"""What runs and was vouched for, and is no longer: a signature that counted does not count now.

    artifact ◄──describes── records ──believed at the door, not now──► lost, unless a record of the
                                                                       same type is believed since

Sizes:  RECORDS_MAX records an artifact
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from wherefrom.formats.entry import LEVELS
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.schema import DESCRIBES

RECORDS_MAX: Final = 200
_VOUCH: Final = frozenset({"attestation", "bundle", "sbom", "batch"})
_UNPROVEN: Final = LEVELS[0]


class LostProof(NamedTuple):
    """The records that vouched for an artifact and no longer do, and the keys that signed them."""

    entries: tuple[int, ...]
    keys: tuple[str, ...]


def lost_proof(graph: Snapshot, lens: Lens, artifacts: Collection[str]) -> dict[str, LostProof]:
    """By artifact, what it lost."""
    found: dict[str, LostProof] = {}
    for artifact, number in graph.numbers(artifacts).items():
        steps = graph.steps([number], lens, up=False, only=DESCRIBES, rows_max=RECORDS_MAX)
        judged = graph.judgements({step.first for step in steps}, lens).values()
        believed = {one.type for one in judged if one.level != _UNPROVEN}
        lost = [
            one
            for one in judged
            if one.kind in _VOUCH and one.level == _UNPROVEN and one.door != _UNPROVEN
            and one.type not in believed
        ]  # fmt: skip
        if lost:
            found[artifact] = LostProof(
                tuple(sorted(one.entry for one in lost)),
                tuple(sorted({key for one in lost for key in one.door_signers})),
            )
    return found
