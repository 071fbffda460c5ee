"""Flood: somebody sends more than five times what the server takes.

How much it takes is measured by what it acknowledges of the flood, and what is offered is counted:
the report says both.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from wherefrom.gameday.emitters import Flood
from wherefrom.gameday.faults.scenario import Fault, Scenario
from wherefrom.gameday.stage import Stage

SECONDS: Final = 5.0
_NAME: Final = "flood"


def _act(stage: Stage, faulty: bool) -> Fault:
    emitter = stage.emitter(_NAME)
    producer = stage.producer_of(emitter)
    if faulty:
        flood = Flood(stage.server.url, emitter.token, stage.acknowledged)
        began = time.monotonic()
        flood.start()

        def end() -> None:
            flood.stop()
            took = time.monotonic() - began
            stage.measured["offered_per_s"] = flood.offered / took
            stage.measured["taken_per_s"] = flood.taken / took
            stage.measured["times"] = flood.offered / max(1, flood.taken)

        stage.kept["timer"] = timer = threading.Timer(SECONDS, end)
        timer.daemon = True
        timer.start()
        stage.ends.callback(flood.stop)
    return Fault(
        f"One sender, {producer}, offers several times what the server takes, for {SECONDS:g} s.",
        ("too many records wait", producer),
    )


def _undo(stage: Stage) -> None:
    stage.kept["timer"].join()


FLOOD: Final = Scenario(
    name="flood",
    family="flood",
    says="one sender offers several times what the server takes",
    act=_act,
    undo=_undo,
)
