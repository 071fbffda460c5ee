"""The scenarios of a game day, each a fault that is made for real.

    SCENARIOS: name ──► Scenario(act, undo)      family: ``tampering`` is all of ``tampering-…``

A new one is a file here, or a function in one, and a line in the table: docs/gameday.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from wherefrom.errors import NotFound
from wherefrom.gameday.faults import capture, clock, flood, keys, store, tampering, witness
from wherefrom.gameday.faults.scenario import Scenario

ALL: Final = "all"
SCENARIOS: Final[Mapping[str, Scenario]] = {
    one.name: one
    for one in (
        capture.MISSING,
        tampering.CONTENT,
        tampering.TILE,
        tampering.VIEW,
        store.FULL,
        store.FAILING,
        store.STALLED,
        keys.COMPROMISE,
        clock.SKEW,
        flood.FLOOD,
        witness.LOST,
    )
}


def chosen(names: Sequence[str]) -> list[Scenario]:
    """The scenarios of these names and families, in the table's order. Raises NotFound."""
    families = {one.family for one in SCENARIOS.values()}
    for name in names:
        if name != ALL and name not in SCENARIOS and name not in families:
            raise NotFound(
                "no scenario is called this", got=name,
                expected=", ".join((*SCENARIOS, ALL)), do="See: wherefrom gameday list",
            )  # fmt: skip
    return [
        one
        for one in SCENARIOS.values()
        if ALL in names or one.name in names or one.family in names
    ]
