"""A real process, killed with SIGKILL under load, again and again on one directory.

``WHEREFROM_KILL_ROUNDS`` sets how often, ``WHEREFROM_KILL_SEED`` the moments; a failure names both.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import NamedTuple

from tests.logs import FilePlace, reader, writer
from tests.paths import REPOSITORY
from tests.simulation.driver import SEGMENT_BYTES_MAX
from tests.simulation.model import Promises

ROUNDS = int(os.environ.get("WHEREFROM_KILL_ROUNDS", "24"))
SEED = int(os.environ.get("WHEREFROM_KILL_SEED", "1"))
LIFE_S_MAX = 0.35


class Receipt(NamedTuple):
    index: int
    known: bool
    size: int


def lines_of_a_life(folder, *, name, life_s, from_start):
    """Start the driver, kill it after ``life_s``; what it managed to say."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.simulation.driver", str(folder), name],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    with child:
        said = b""
        if not from_start:
            said = child.stdout.readline()
        time.sleep(life_s)
        child.send_signal(signal.SIGKILL)
        said += child.stdout.read()
    assert child.returncode == -signal.SIGKILL, "the driver ended by itself"
    whole, _, _ = said.rpartition(b"\n")
    return [json.loads(line) for line in whole.split(b"\n") if line]


def remember(promises, lines):
    # Threads write their lines in any order, so erasures asked for are known first.
    for line in lines:
        if "erasing" in line:
            promises.erasing(line["erasing"])
    for line in lines:
        if "note" in line:
            promises.saw(line["note"].encode())
        if "contents" in line:
            contents = [c.encode() for c in line["contents"]]
            promises.acknowledged(contents, [Receipt(*r) for r in line["receipts"]])
    for line in lines:
        if "erased" in line:
            promises.erased(line["erased"])


def test_a_log_killed_at_random_moments_keeps_every_promise(tmp_path):
    moments, promises = random.Random(SEED), Promises()
    place = FilePlace(tmp_path, segment_bytes_max=SEGMENT_BYTES_MAX)
    for number in range(ROUNDS):
        at_start = number > 0 and moments.random() < 0.2
        life_s = moments.uniform(0.1, 0.5) if at_start else moments.uniform(0, LIFE_S_MAX)
        try:
            lines = lines_of_a_life(
                tmp_path, name=f"round{number}", life_s=life_s, from_start=at_start
            )
            remember(promises, lines)
            if moments.random() < 0.5 or number == ROUNDS - 1:
                writer(place).close()  # otherwise the next child recovers, and may be killed at it
                promises.hold_for(reader(place))
            elif promises.checkpoints:
                promises.hold_for(reader(place), audited=False)
        except BaseException as error:
            error.add_note(f"WHEREFROM_KILL_SEED={SEED}, round {number} of {ROUNDS}")
            raise
    assert len(promises.content_of) > 10 * ROUNDS, "nothing much was acknowledged"
