"""Play scenarios, one after another, each on a fresh copy; and say what came of each.

    taken ──► base: a log of its own, folded once ──copied for each──► stage ──► watched ──► Outcome

    1. the stage stands, jobs run, every eye knows what is always wrong here
    2. the fault; from here on every new thing that an eye sees is news, with its time
    3. watched until it is explained and told, or patience is over
    4. the fault is taken away; watched until all is well
    5. the server is ended, and every acknowledged record is looked for in the log

Sizes:  PATIENCE_SECONDS for (3) · WELL_SECONDS for (4), and as much until every eye has looked
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom import __version__
from wherefrom.app import DataFolder, open_log
from wherefrom.errors import Unavailable
from wherefrom.formats import timestamps
from wherefrom.gameday import scratch
from wherefrom.gameday.ending import Ending
from wherefrom.gameday.eyes import EYES, Eye
from wherefrom.gameday.faults.scenario import Fault, Scenario
from wherefrom.gameday.report import Estate, Moment, Outcome, Report
from wherefrom.gameday.scratch import Taken
from wherefrom.gameday.shop import Shop
from wherefrom.gameday.stage import Stage, set_up
from wherefrom.gameday.watching import Seen, Watcher

PATIENCE_SECONDS: Final = 90.0
WELL_SECONDS: Final = 60.0
_TICK_SECONDS: Final = 0.05


class Wanted(NamedTuple):
    """What to play.

    withheld    play all of it but the fault: nothing may be seen then
    patience_s  how long each fault is watched at most; ``told_s`` at most, once it is explained,
                for what tells of it by itself
    beside      where the scratch folder is made; None for the system's own
    """

    scenarios: Sequence[Scenario]
    withheld: bool = False
    patience_s: float = PATIENCE_SECONDS
    told_s: float = PATIENCE_SECONDS
    beside: Path | None = None
    eyes: Sequence[Eye] = EYES


def play(
    wanted: Wanted, taken: Callable[[], Taken], *, say: Callable[[str], None] = lambda line: None
) -> Report:
    """Play the scenarios on copies of what ``taken`` gives.

    say  is told in a line what happens

    On the main thread: a signal ends it (KeyboardInterrupt), and nothing of it is left. Raises
    SettingError, NotFound, StorageError, Corrupt before anything is played; Unavailable for a
    server of ours that does not start.
    """
    at = timestamps.to_text(datetime.now(UTC))
    with (
        _quiet(),
        Ending() as ending,
        scratch.scratch_folder(wanted.beside, ending=ending) as folder,
    ):
        say("making a scratch copy")
        base, shop = DataFolder(folder / "base"), Shop()
        estate = _make_base(base, taken(), shop)
        checkpoint = folder / "checkpoint"
        checkpoint.write_bytes(open_log(base).checkpoint)
        outcomes, absent = [], set()
        for number, scenario in enumerate(wanted.scenarios):
            say(f"{scenario.name}: {scenario.says}" + (" (withheld)" if wanted.withheld else ""))
            aside = folder / f"{number}"
            stage = set_up(
                base.path, checkpoint, shop, aside=aside, with_witness=scenario.with_witness,
                ending=ending,
            )  # fmt: skip
            with stage as made:
                outcome, missing = _one(scenario, made, wanted)
            outcomes.append(outcome)
            absent.update(missing)
    return Report(
        at=at,
        version=__version__,
        machine=f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        estate=estate,
        patience_s=wanted.patience_s,
        absent=tuple(sorted(absent)),
        outcomes=tuple(outcomes),
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What senders would log is what an eye sees."""
    silent, log = logging.NullHandler(), logging.getLogger("wherefrom")
    log.addHandler(silent)
    try:
        yield
    finally:
        log.removeHandler(silent)


def _make_base(base: DataFolder, taken: Taken, shop: Shop) -> Estate:
    """The copy that every scenario begins from: the estate, and the shop of the game day."""
    estate = scratch.make_copy(base, taken)
    own = Taken(shop.keys(), shop.history(datetime.now(UTC)), estate)
    scratch.add(base, own)
    base.ensure_admin_token()
    scratch.fold(base)
    return estate


def _one(scenario: Scenario, stage: Stage, wanted: Wanted) -> tuple[Outcome, list[str]]:
    began = time.monotonic()
    faulty = not wanted.withheld
    scenario.prepare(stage, faulty)
    with Watcher(stage.door, wanted.eyes) as watcher:
        # 1. What is always wrong here.
        if blind := watcher.settle(WELL_SECONDS):
            raise Unavailable(
                "the game day cannot look before its fault", got=", ".join(blind),
                do=f"See what is said there: {stage.server.errors.name}",
            )  # fmt: skip
        # 2. The fault.
        start = watcher.begin()
        fault = scenario.act(stage, faulty)
        # 3. What is seen of it.
        while time.monotonic() < _until(watcher.seen(), fault, start, wanted):
            time.sleep(_TICK_SECONDS)
        # 4. And back.
        undone, recovered = time.monotonic(), None
        if faulty:
            scenario.undo(stage)
            recovered = _well(watcher, stage, undone)
        stage.steady.stop()
        seen = watcher.seen()
        missing = watcher.absent()
    # 5. What was promised.
    kept = stage.what_became_of_records(WELL_SECONDS)
    moments = [_moment(one, start) for one in seen]
    before = [m for m, one in zip(moments, seen, strict=True) if one.at < undone]
    return Outcome(
        scenario=scenario.name,
        fault=fault.says,
        words=fault.words,
        withheld=wanted.withheld,
        detected=next(iter(before), None),
        told=next((m for m in before if m.told), None),
        explained=next((m for m in before if explains(m.says, fault)), None),
        recovered_s=recovered,
        kept=kept,
        seen=tuple(before),
        seconds=round(time.monotonic() - began, 3),
        measured={name: round(value, 3) for name, value in stage.measured.items()},
    ), missing


def _until(seen: Sequence[Seen], fault: Fault, start: float, wanted: Wanted) -> float:
    """How long to watch, by what was seen so far; over already when nothing is left to wait for."""
    over = start + wanted.patience_s
    explained = next((one.at for one in seen if explains(one.says, fault)), None)
    if explained is None:
        return over
    told = any(one.eye.tells for one in seen)
    return start if told else min(over, explained + wanted.told_s)


def explains(says: str, fault: Fault) -> bool:
    """Whether one thing that is shown says all that was done."""
    return all(
        re.search(rf"(?<![0-9A-Za-z]){re.escape(word)}(?![0-9A-Za-z])", says)
        for word in fault.words
    )


def _well(watcher: Watcher, stage: Stage, undone: float) -> float | None:
    """Seconds until every eye sees nothing new and records are taken; None if it never comes."""
    while (now := time.monotonic()) < undone + WELL_SECONDS:
        if watcher.is_well(undone) and not any(one.sender.trouble for one in stage.emitters):
            return round(now - undone, 3)
        time.sleep(_TICK_SECONDS)
    return None


def _moment(seen: Seen, start: float) -> Moment:
    return Moment(
        after_s=round(max(0.0, seen.at - start), 3), eye=seen.eye.name, told=seen.eye.tells,
        says=seen.says,
    )  # fmt: skip
