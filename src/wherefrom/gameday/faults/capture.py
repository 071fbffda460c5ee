"""Missing capture: a release whose provenance nobody ever sends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from wherefrom.gameday.faults.scenario import Fault, Scenario
from wherefrom.gameday.shop import ENVIRONMENT, SERVICE
from wherefrom.gameday.stage import Stage

_VERSION: Final = "2.0.0"


def _act(stage: Stage, faulty: bool) -> Fault:
    release = stage.shop.release(_VERSION, datetime.now(UTC))
    stage.release(release, vouched=not faulty)
    return Fault(
        f"{SERVICE} {_VERSION} runs in {ENVIRONMENT}, and CI never sent its provenance.",
        (SERVICE, "provenance", release.digest),
    )


def _undo(stage: Stage) -> None:
    stage.release(stage.shop.release(f"{_VERSION}-again", datetime.now(UTC)))


MISSING: Final = Scenario(
    name="missing-capture",
    family="missing-capture",
    says="a release runs whose provenance was never sent",
    act=_act,
    undo=_undo,
)
