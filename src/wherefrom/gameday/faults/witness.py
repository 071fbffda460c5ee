"""Lost witness: the one whose cosignature the log waits for is gone."""

from __future__ import annotations

from typing import Final

from wherefrom.gameday.faults.scenario import Fault, Scenario
from wherefrom.gameday.stage import WITNESS, Stage


def _kill(stage: Stage, faulty: bool) -> Fault:
    assert stage.witness is not None
    if faulty:
        stage.witness.kill()
    return Fault(f"The log's only witness, {WITNESS}, was killed.", (WITNESS, "does not answer"))


def _start_again(stage: Stage) -> None:
    assert stage.witness is not None
    stage.witness.start()


LOST: Final = Scenario(
    name="lost-witness",
    family="lost-witness",
    says="the witness that the log waits for is gone",
    act=_kill,
    undo=_start_again,
    with_witness=True,
)
