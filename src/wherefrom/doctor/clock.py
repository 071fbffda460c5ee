"""Is this machine's clock right: against what the log heard last, and as its kernel says?

What is recorded is dated by this clock. One that was set back lets new records seem older than old
ones, and the log then says so in a record.

Source: adjtimex(2): TIME_ERROR, no clock discipline has it in step
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Final

from wherefrom.doctor.found import Found, Ground, span
from wherefrom.formats.entry import read_stored

BEHIND_S_MAX: Final = 1.0
_TIME_ERROR: Final = 5
_TIMEX_BYTES: Final = 1024  # struct timex is 208 bytes where it is largest
_STEP: Final = "Start a time service (chrony, systemd-timesyncd), then: timedatectl"


def clock(ground: Ground) -> Iterator[Found]:
    """The newest entry is not from the future, and the kernel says that time is kept."""
    log = ground.log
    newest = read_stored(log.record(log.size - 1).entry).received
    ahead = -ground.age_s(newest)
    if ahead > BEHIND_S_MAX:
        yield Found(
            False, f"the log's newest entry was received {span(ahead)} from now: {newest}", _STEP
        )
        return
    synchronized = kernel_keeps_time()
    if synchronized is False:
        says = "nothing keeps this machine's clock in step, says its kernel"
        yield Found(None, says, _STEP)
    else:
        known = "in step" if synchronized else "not behind the log; the kernel does not say more"
        yield Found(True, f"{known}; the log's newest entry is {span(-ahead)} old")


def kernel_keeps_time() -> bool | None:
    """Whether the kernel counts its clock as synchronized; None where it does not say."""
    try:
        # With no modes set it only reads, which everybody may.
        said: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if said < 0 else said != _TIME_ERROR
