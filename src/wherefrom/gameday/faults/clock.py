"""Clock skew: an emitter whose clock is an hour ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from wherefrom.errors import Unavailable
from wherefrom.gameday.faults.scenario import Fault, Scenario
from wherefrom.gameday.shop import job_run
from wherefrom.gameday.stage import Stage

_AHEAD: Final = timedelta(hours=1)
_RECORDS: Final = 20
_SECONDS: Final = 20.0
_NAME: Final = "skewed"


def _act(stage: Stage, faulty: bool) -> Fault:
    stage.kept[_NAME] = emitter = stage.emitter(_NAME)
    stage.emitters.append(emitter)
    now = datetime.now(UTC) + (_AHEAD if faulty else timedelta())
    some = [job_run(f"gameday-{_NAME}", number, now) for number in range(_RECORDS)]
    emitter.put(*some)
    if not emitter.flush(_SECONDS):
        raise Unavailable("the skewed emitter's records are not taken", got=emitter.sender.trouble)
    producer = stage.producer_of(emitter)
    return Fault(
        f"An emitter, {producer}, sends {_RECORDS} records that are dated an hour ahead.",
        (producer, "ahead"),
    )


def _undo(stage: Stage) -> None:
    now = datetime.now(UTC)
    emitter = stage.kept[_NAME]
    emitter.put(*(job_run(f"gameday-{_NAME}", number, now) for number in range(_RECORDS)))


SKEW: Final = Scenario(
    name="clock-skew",
    family="clock-skew",
    says="an emitter's clock is an hour ahead",
    act=_act,
    undo=_undo,
)
