"""Where a run measures: its folder, its sizes, and the logs that several areas share.

A shared log is made once a run, by whichever area comes first; making it is in no figure.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bench.inputs import KEY, Layered, verified
from bench.sizes import Sizes
from wherefrom.app import DataFolder, fold_views, open_log, open_recorder
from wherefrom.collect.principals import local
from wherefrom.keys.ed25519 import spki_der
from wherefrom.keys.public import PublicKey
from wherefrom.log.recorder import Recorder
from wherefrom.verify.verified import Verified

APPEND_BYTES: Final = 600
CONTENT_BYTES: Final = 300
BATCH: Final = 1024
PRODUCER: Final = PublicKey(spki_der(KEY.public_key))


class Place:
    """A folder on the disk that is measured.

    say  is told what goes on, for whoever waits
    """

    def __init__(self, folder: Path, sizes: Sizes, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.sizes = sizes
        self.say = say
        self.filled_bytes = 0
        self._filled: DataFolder | None = None
        self._layered: tuple[DataFolder, Layered] | None = None
        self._fold: tuple[float, float] = (0.0, 0.0)

    def fresh(self, name: str) -> DataFolder:
        """A new, empty log."""
        folder = DataFolder(self.folder / name)
        folder.create(origin=f"bench.example/{name}")
        return folder

    def appends(self, count: int) -> list[float]:
        """Seconds of each of ``count`` appends, each made durable."""
        path = self.folder / "appended"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        took = []
        try:
            for _ in range(count):
                os.write(file, b"a" * APPEND_BYTES)
                start = time.perf_counter()
                os.fdatasync(file)
                took.append(time.perf_counter() - start)
        finally:
            os.close(file)
            path.unlink()
        return took

    def fsync_ms(self) -> float:
        """What the disk takes now: the median that stands beside figures of writing."""
        return statistics.median(self.appends(30)) * 1e3

    # -- shared logs

    def filled(self) -> DataFolder:
        """A log of ``sizes.filled`` records of 300 bytes, numbered from 0 in the run "filled"."""
        if self._filled is None:
            self.say(f"filling a log with {self.sizes.filled:,} records")
            self._filled = self.fresh("filled")
            with open_recorder(self._filled) as recorder:
                for start in range(0, self.sizes.filled, BATCH * 16):
                    limit = min(start + BATCH * 16, self.sizes.filled)
                    commit(recorder, records("filled", start, limit))
        return self._filled

    def layered(self) -> tuple[DataFolder, Layered]:
        """A log of signed provenance with about ``sizes.edges`` edges, its graph folded."""
        if self._layered is None:
            count = int(self.sizes.edges / Layered.EDGES_EACH)
            self.say(f"recording {count:,} signed provenance records")
            made = Layered(count)
            folder = self.fresh("layered")
            with open_recorder(folder) as recorder:
                recorder.change_key(PRODUCER, action="trust", reason="the benchmark's producer")
                for start in range(0, count, BATCH):
                    limit = min(start + BATCH, count)
                    contents = [made.content(number) for number in range(start, limit)]
                    outcomes = recorder.record(contents, principal=local(os.getuid()))
                    assert all(outcome.status == "recorded" for outcome in outcomes)
            self.say("folding its graph")
            start_wall, start_cpu = time.perf_counter(), time.process_time()
            fold_views(folder, open_log(folder))
            self._fold = (time.perf_counter() - start_wall, time.process_time() - start_cpu)
            self._layered = (folder, made)
        return self._layered

    @property
    def fold_seconds(self) -> tuple[float, float]:
        """Wall and processor seconds of folding the graph of ``layered``."""
        self.layered()
        return self._fold


def records(run: str, start: int, limit: int, size: int = CONTENT_BYTES) -> list[Verified]:
    """Judged records ``start`` to ``limit`` of a run."""
    return [verified(number, run, size) for number in range(start, limit)]


def commit(recorder: Recorder, batch: Sequence[Verified]) -> None:
    """Commit in batches of 1,024, as a busy server does."""
    for start in range(0, len(batch), BATCH):
        recorder.writer.commit(batch[start : start + BATCH])


@contextmanager
def open_recorders(folders: Sequence[DataFolder]) -> Iterator[list[Recorder]]:
    """Several logs at once, so that their figures can be taken in turn."""
    with ExitStack() as stack:
        yield [stack.enter_context(open_recorder(folder)) for folder in folders]
