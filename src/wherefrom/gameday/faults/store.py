"""The store is unavailable: a disk that is full, one that loses a write, a writer that hangs."""

from __future__ import annotations

import signal
from typing import Final

from wherefrom.gameday.faults.scenario import Fault, Scenario
from wherefrom.gameday.stage import Stage
from wherefrom.testing.broken_disk import FULL as DISK_FULL

_FAMILY: Final = "store-unavailable"


def _fill(stage: Stage, faulty: bool) -> Fault:
    if faulty:
        stage.server.sign.write_text(DISK_FULL)
    return Fault("Nothing more fits on the log's disk.", ("No space left on device",))


def _make_room(stage: Stage) -> None:
    stage.server.sign.unlink()


def _fail(stage: Stage, faulty: bool) -> Fault:
    if faulty:
        stage.server.sign.write_text("fdatasync")
    return Fault(
        "One fdatasync of the log failed, and the disk says that it is fine again.",
        ("the disk did not confirm a write", "Input/output error"),
    )


def _restart(stage: Stage) -> None:
    stage.server.sign.unlink(missing_ok=True)
    stage.restart()


def _stall(stage: Stage, faulty: bool) -> Fault:
    if faulty:
        stage.server.signal(signal.SIGSTOP)
    return Fault("The writer's process hangs.", ("the server does not answer", "timed out"))


def _go_on(stage: Stage) -> None:
    stage.server.signal(signal.SIGCONT)


FULL: Final = Scenario(
    name="store-full",
    family=_FAMILY,
    says="the disk of the log is full",
    act=_fill,
    undo=_make_room,
)
FAILING: Final = Scenario(
    name="store-failing",
    family=_FAMILY,
    says="the disk of the log does not confirm one write",
    act=_fail,
    undo=_restart,
)
STALLED: Final = Scenario(
    name="store-stalled",
    family=_FAMILY,
    says="the writer hangs, and answers nobody",
    act=_stall,
    undo=_go_on,
)
