"""What the sequencer does when the disk does not: full, failing, answers lost."""

import errno
import os

import pytest

from tests.logs import (
    MemoryPlace,
    genesis,
    numbered,
    reader,
    signed,
    writer,
)
from wherefrom.errors import (
    AlreadyExists,
    JournalFailed,
    StorageError,
)
from wherefrom.log.audit import audit
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_inclusion
from wherefrom.storage.file_journal import FileJournal
from wherefrom.testing.faulty import Faults, FaultyBlobs, FaultyHead


def fails(*_, **__):
    raise OSError(errno.EIO, "Input/output error")


def test_after_a_failed_fdatasync_nothing_is_acknowledged_until_a_restart(files, monkeypatch):
    made = writer(files)
    made.commit(numbered([1]))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fails)
        with pytest.raises(JournalFailed, match="did not confirm a write"):
            made.commit(numbered([2]))
    for _ in range(2):
        with pytest.raises(JournalFailed, match=r"acknowledges nothing more.*Restart"):
            made.commit(numbered([3]))
        with pytest.raises(JournalFailed, match="acknowledges nothing more"):
            made.erase(0)
    assert (made.size, reader(files).size) == (1, 1)
    made.close()
    again = writer(files)
    assert again.commit(numbered([1, 2, 3]))[0].known
    assert again.size == 3


def test_a_full_disk_is_refused_and_the_log_goes_on(files, monkeypatch):
    made = writer(files)
    made.commit(numbered([1]))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(StorageError, match="refused a write; nothing was kept"):
            made.commit(numbered([2]))
    assert [r.index for r in made.commit(numbered([2, 3]))] == [1, 2]
    made.close()
    assert reader(files).size == 3


def test_a_journal_interrupted_in_the_middle_of_an_append_stops_the_writer(files):
    class Interrupted(FileJournal):
        def append(self, records):
            super().append(records)
            raise KeyboardInterrupt

    made = writer(files, journal=Interrupted(files.folder / "journal"))
    with pytest.raises(KeyboardInterrupt):
        made.commit(numbered([1]))
    with pytest.raises(JournalFailed, match="append was interrupted"):
        made.commit(numbered([2]))
    made.close()
    assert writer(files).commit(numbered([2, 1]))[1].known


def test_tiles_a_full_disk_refuses_are_written_later_and_nobody_notices(monkeypatch):
    place = MemoryPlace()
    faults = Faults(0, rate=0)
    blobs = FaultyBlobs(place.blobs(), faults)
    made = writer(place, blobs=blobs)
    made.commit([genesis()])
    with monkeypatch.context() as patched:
        patched.setattr(blobs, "put", lambda *_: refuse())
        receipts = made.commit(numbered(range(1, 600)))
        assert [r.index for r in receipts] == list(range(1, 600))
        note, (path,) = made.prove([5])
        verify_inclusion(
            leaf_hash=hash_leaf(made.entry(5)),
            index=5,
            tree_size=600,
            path=path,
            root=signed(note).root,
        )
        assert made.commit(numbered([5]))[0].known
        assert list(blobs.names("tile")) == []
    made.commit(numbered([600]))
    assert sorted(blobs.names("tile")) == ["tile/0/000", "tile/0/001"]
    made.close()
    assert audit(reader(place)).problems == []


def refuse():
    raise StorageError("put: refused")


def test_a_head_never_promises_a_tile_that_waits(monkeypatch):
    place = MemoryPlace()
    made = writer(place)
    monkeypatch.setattr(place.blobs(), "put", lambda *_: refuse())
    made.commit(numbered(range(600)))
    made.close()
    monkeypatch.undo()
    assert list(place.blobs().names("tile")) == []
    writer(place).close()
    assert sorted(place.blobs().names("tile")) == ["tile/0/000", "tile/0/001"]


def test_a_tile_that_contradicts_a_stored_one_stops_the_writer():
    place = MemoryPlace()
    made = writer(place)
    place.blobs().put("tile/0/000", b"somebody else's")
    with pytest.raises(AlreadyExists, match="taken by other bytes"):
        made.commit(numbered(range(300)))
    with pytest.raises(JournalFailed, match="acknowledges nothing more"):
        made.commit(numbered([1]))


def test_a_head_whose_answer_is_lost_stops_the_writer_and_recovery_keeps_the_batch():
    place = MemoryPlace()
    faults = Faults(0, rate=0)
    head = FaultyHead(place.head(), faults)
    made = writer(place, head=head)
    made.commit(numbered([1]))
    real = head.swap
    head.swap = lambda **how: (real(**how), refuse())
    with pytest.raises(StorageError, match="refused"):
        made.commit(numbered([2]))
    head.swap = real
    with pytest.raises(JournalFailed, match="acknowledges nothing more"):
        made.commit(numbered([3]))
    again = writer(place, head=head)
    assert [r.index for r in again.commit(numbered([3, 2, 1]))] == [2, 1, 0]
