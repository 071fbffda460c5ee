"""Thousands of short histories of the real files on a disk that fails, fills up and forgets.

Every promise of the log holds in each of them. A failure names its seed; ``run(folder, seed)``
plays that history again. ``WHEREFROM_SEEDS`` sets how many, ``WHEREFROM_SEED_FIRST`` where from.
"""

import errno
import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest

import wherefrom.log.writer
from tests.logs import FilePlace, genesis, reader, writer
from tests.simulation.disk import LossyDisk, sectors
from tests.simulation.model import Promises, Sending
from wherefrom.app import DataFolder
from wherefrom.errors import JournalFailed, StorageError
from wherefrom.testing.faulty import Died

SEEDS = int(os.environ.get("WHEREFROM_SEEDS", "1000"))
SEED_FIRST = int(os.environ.get("WHEREFROM_SEED_FIRST", "0"))
BLOCKS = 8
STEPS = 8
# Memory, where there is some to write files to: what is tested is our order, not this disk.
SHELF = "/dev/shm" if Path("/dev/shm").is_dir() else None


class Place(FilePlace):
    dedup_folder = None  # its merges run on a thread, and a history must play the same again


class World(Sending):
    """A directory that outlives its writers, the disk below it, and the writer of the moment."""

    def __init__(self, folder, seed):
        self.random = random.Random(f"disk history {seed}")
        self.disk = LossyDisk(folder, random.Random(f"disk {seed}"))
        self.place = Place(folder, segment_bytes_max=self.random.choice([2_000, 20_000, 10**9]))
        self.promises = Promises()
        self.failed = False  # has this writer met a sync that failed?
        self.writer = None
        self.count = 0

    def start(self):
        self.open()
        self.commit([genesis()])
        self.disk.rate = self.random.choice([0.01, 0.05, 0.2])

    def open(self):
        self.writer, self.failed = writer(self.place, open=False), False
        self.writer.open()
        self.promises.saw(self.writer.checkpoint)

    def commit(self, batch):
        receipts = self.writer.commit(batch)
        assert not self.failed, "acknowledged after a failed sync"
        self.promises.acknowledged([v.content for v in batch], receipts)
        self.promises.saw(self.writer.checkpoint)

    def step(self):
        choice = self.random.random()
        if choice < 0.1:
            self.erase()
        elif choice < 0.2:
            self.writer.close()
            self.recover()
        elif choice < 0.3:
            self.disk.room = self.random.randrange(3_000)
        else:
            self.commit(self.batch())

    def batch(self):
        return self.records(
            [1, 1, 1, 2, 2, 7, 7, 30, 280],
            lambda number: b"content %d " % number * self.random.choice([1, 1, 90]),
        )

    def recover(self):
        """Another process opens the log, as often as it takes, and the promises are checked."""
        self.disk.room = None
        while True:
            if self.random.random() < 0.5:
                self.disk.power_cut()
            try:
                self.open()
                break
            except (StorageError, Died):
                continue
        rate, self.disk.rate = self.disk.rate, 0
        again = reader(self.place)
        self.promises.hold_for(again, audited=self.random.random() < 0.3)
        again.stored.journal.close()
        self.disk.rate = rate

    def meets(self, error):
        """An error that a caller saw: go on with this writer if it will, or with another one."""
        if isinstance(error, JournalFailed):
            self.failed = True
        if self.random.random() < 0.3:
            return
        self.recover()


def run(folder, seed):
    world = World(folder, seed)
    with world.disk.patched():
        try:
            world.start()
            for _ in range(STEPS):
                try:
                    world.step()
                except StorageError as error:
                    world.meets(error)
                except Died:
                    world.recover()
            world.disk.rate = 0
            world.recover()
        except BaseException as error:
            error.add_note(f"seed {seed}; faults: {', '.join(world.disk.happened)}")
            raise
    return len(world.disk.happened)


@pytest.mark.parametrize("block", range(BLOCKS), ids=lambda b: f"block-{b}-from-seed-{SEED_FIRST}")
def test_every_promise_holds_on_a_disk_that_fails_fills_up_and_forgets(block, monkeypatch):
    monkeypatch.setattr(wherefrom.log.writer, "TILES_SYNC_EVERY", 256)
    faults = 0
    for seed in range(SEED_FIRST + block, SEED_FIRST + SEEDS, BLOCKS):
        folder = Path(tempfile.mkdtemp(prefix="log", dir=SHELF))
        try:
            faults += run(folder, seed)
        finally:
            shutil.rmtree(folder)
    assert faults > SEEDS // BLOCKS, "the disk was too kind"


@pytest.mark.parametrize("seed", range(20))
def test_no_key_of_a_log_is_lost_once_it_was_made(tmp_path, seed):
    folder = DataFolder(tmp_path / "log")
    with LossyDisk(tmp_path, random.Random(seed)).patched() as disk:
        folder.create(origin="log.example/keys")
        made = {p.name: p.read_bytes() for p in (folder.path / "keys").glob("*.*key")}
        disk.power_cut()
    assert len(made) == 4
    assert {p.name: p.read_bytes() for p in (folder.path / "keys").glob("*.*key")} == made


# -- the disk itself


@pytest.fixture
def disk(tmp_path):
    made = LossyDisk(tmp_path, random.Random(1))
    with made.patched():
        yield made


def put(path, written, offset=0):
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    os.pwrite(file, written, offset)
    return file


def sync_names(folder):
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(file)
    os.close(file)


def test_what_was_synced_survives_a_power_cut_and_its_name_only_if_the_folder_was(disk):
    os.fdatasync(put(disk.folder / "named", b"a" * 2000))
    sync_names(disk.folder)
    survived = set()
    for number in range(20):
        os.fdatasync(put(disk.folder / f"nameless{number}", b"b" * 2000))
    disk.power_cut()
    survived = {p.name for p in disk.folder.iterdir()}
    assert (disk.folder / "named").read_bytes() == b"a" * 2000
    assert len(survived) < 21


def test_what_was_not_synced_is_there_in_any_part(disk):
    seen = set()
    for _ in range(60):
        file = put(disk.folder / "file", b"-" * 1024)
        os.fdatasync(file)
        sync_names(disk.folder)
        os.pwrite(file, b"x" * 1024, 0)
        disk.power_cut()
        written = (disk.folder / "file").read_bytes()
        seen.add((written[:1] + written[512:513]).decode())
    assert seen == {"--", "x-", "-x", "xx"}


def test_pages_that_a_failed_sync_gave_up_are_not_brought_back_by_the_next_one(disk):
    file = put(disk.folder / "file", b"-" * 10)
    os.fdatasync(file)
    sync_names(disk.folder)
    os.pwrite(file, b"x" * 10, 0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(disk, "_fault", lambda call, kinds: disk.happened.append(call) or kinds[0])
        with pytest.raises(OSError, match="Input/output error"):
            os.fdatasync(file)
    assert disk.happened == ["fdatasync file"]
    os.fdatasync(file)
    assert (disk.folder / "file").read_bytes() == b"x" * 10
    disk.power_cut()
    assert (disk.folder / "file").read_bytes() == b"-" * 10


def test_a_full_disk_takes_a_part_and_then_says_so(disk):
    disk.room = 7
    file = os.open(disk.folder / "file", os.O_RDWR | os.O_CREAT)
    assert os.pwrite(file, b"x" * 10, 0) == 7
    with pytest.raises(OSError, match="No space left") as caught:
        os.pwrite(file, b"x", 7)
    assert caught.value.errno == errno.ENOSPC


def test_a_write_falls_into_whole_sectors():
    assert list(sectors(500, b"a" * 600)) == [
        (500, b"a" * 12),
        (512, b"a" * 512),
        (1024, b"a" * 76),
    ]
