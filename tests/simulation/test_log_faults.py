"""Thousands of short histories with faults: every promise holds in each of them.

A failure names its seed; ``run(seed)`` plays that history again.
"""

import random

import pytest

import wherefrom.log.writer
from tests.logs import MemoryPlace, genesis, reader, writer
from tests.simulation.model import Promises, Sending
from wherefrom.errors import StorageError
from wherefrom.testing.faulty import Died, Faults, FaultyBlobs, FaultyHead, FaultyJournal

SEEDS_A_BLOCK = 100


class World(Sending):
    """Storage that outlives the writers, and the writer of the moment."""

    def __init__(self, seed):
        self.random = random.Random(f"history {seed}")
        self.place = MemoryPlace()
        self.faults = Faults(seed, rate=0)
        self.blobs = FaultyBlobs(self.place.blobs(), self.faults)
        self.head = FaultyHead(self.place.head(), self.faults)
        self.promises = Promises()
        self.writer = None
        self.count = 0
        self.open()
        self.commit([genesis()])
        self.faults.rate = self.random.choice([0.02, 0.1, 0.3])

    def open(self):
        journal = FaultyJournal(self.place.journal(), self.faults)
        self.writer = writer(
            self.place, journal=journal, blobs=self.blobs, head=self.head, open=False
        )
        self.writer.open()
        self.promises.saw(self.writer.checkpoint)

    def commit(self, batch):
        contents = [v.content for v in batch]
        self.promises.acknowledged(contents, self.writer.commit(batch))
        self.promises.saw(self.writer.checkpoint)

    def step(self):
        choice = self.random.random()
        if choice < 0.1 and len(self.promises.index_of) > 3:
            self.erase()
        elif choice < 0.2:
            self.writer.close()
            self.recover()
        else:
            self.commit(self.batch())

    def batch(self):
        return self.records(
            [1, 1, 1, 2, 2, 7, 30, 280],
            lambda number: b"content %d" % number,
        )

    def recover(self):
        """Another process opens the log, as often as it takes, and the promises are checked."""
        if self.random.random() < 0.5:
            self.blobs.power_cut()
            self.head.power_cut()
        while True:
            try:
                self.open()
                break
            except (StorageError, Died):
                if self.random.random() < 0.5:
                    self.blobs.power_cut()
                    self.head.power_cut()
        again = reader(self.place, blobs=self.blobs, head=self.head)
        self.promises.hold_for(again, audited=self.random.random() < 0.3 or not self.faults.rate)


def run(seed):
    world = World(seed)
    try:
        for _ in range(12):
            try:
                world.step()
            except StorageError:
                if world.random.random() < 0.3:  # carry on with the same writer, if it will
                    continue
                world.recover()
            except Died:
                world.recover()
        world.faults.rate = 0
        world.recover()
    except BaseException as error:
        error.add_note(f"seed {seed}; faults: {', '.join(world.faults.happened)}")
        raise


@pytest.mark.parametrize("block", range(20), ids=lambda b: f"seeds-from-{b * SEEDS_A_BLOCK}")
def test_every_promise_holds_through_refusals_lost_answers_deaths_and_power_cuts(
    block, monkeypatch
):
    monkeypatch.setattr(wherefrom.log.writer, "TILES_SYNC_EVERY", 256)
    for seed in range(block * SEEDS_A_BLOCK, (block + 1) * SEEDS_A_BLOCK):
        run(seed)
