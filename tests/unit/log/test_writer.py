"""The sequencer: indexes, recovery, fencing, copies, and what it does when the disk does not."""

import errno
import os
import shutil

import pytest

from tests.logs import (
    LOG_KEY,
    ORIGIN,
    VKEY,
    FilePlace,
    MemoryPlace,
    erase,
    genesis,
    numbered,
    reader,
    small_log,
    verified,
    writer,
)
from wherefrom.errors import (
    AlreadyExists,
    Corrupt,
    Fenced,
    JournalFailed,
    ReadOnly,
    SignatureError,
    StorageError,
)
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.keys.ed25519 import SigningKey, check_note
from wherefrom.log import dedup
from wherefrom.log.audit import audit
from wherefrom.log.writer import LogWriter
from wherefrom.merkle.hashing import EMPTY_ROOT, hash_leaf
from wherefrom.merkle.proofs import verify_consistency, verify_inclusion
from wherefrom.storage.file_journal import FileJournal
from wherefrom.testing.faulty import Faults, FaultyBlobs, FaultyHead


@pytest.fixture(params=["memory", "files"])
def place(request, tmp_path):
    return MemoryPlace() if request.param == "memory" else FilePlace(tmp_path)


@pytest.fixture
def files(tmp_path):
    return FilePlace(tmp_path)


def signed(note):
    return checkpoints.parse(check_note(notes.parse(note), [VKEY]))


def fails(*_, **__):
    raise OSError(errno.EIO, "Input/output error")


# -- indexes and receipts


def test_every_record_gets_the_next_index_below_a_signed_checkpoint(place):
    made = writer(place)
    for size in (1, 3, 300, 1):
        before = made.size
        receipts = made.commit(numbered(range(before, before + size)))
        assert [r.index for r in receipts] == list(range(before, before + size))
        assert {(r.known, r.size) for r in receipts} == {(False, before + size)}
        assert signed(made.checkpoint)[:2] == (ORIGIN, before + size)
        assert made.position() == signed(made.checkpoint)[1:3]


def test_an_entry_is_proven_in_the_newest_checkpoint(place):
    made = writer(place)
    receipts = made.commit(numbered(range(700)))
    chosen = [0, 1, 255, 256, 511, 512, 699]
    note, paths = made.prove(chosen)
    for index, path in zip(chosen, paths, strict=True):
        verify_inclusion(
            leaf_hash=hash_leaf(receipts[index].entry),
            index=index,
            tree_size=700,
            path=path,
            root=signed(note).root,
        )


def test_an_entry_commits_to_its_content_under_a_nonce_of_its_own(place):
    made = writer(place)
    for receipt in made.commit(numbered(range(3))):
        record = made.record(receipt.index)
        assert record.entry == receipt.entry
        assert receipt.content.encode() in record.entry
    nonces = {made.record(index).nonce for index in range(3)}
    assert len(nonces) == 3
    assert bytes(16) not in nonces


def test_the_same_content_keeps_its_index(place):
    made = writer(place)
    first = made.commit(numbered([1, 2, 3]))
    again = made.commit(numbered([4, 2, 1]))
    assert [(r.index, r.known) for r in again] == [(3, False), (1, True), (0, True)]
    assert again[1].entry == first[1].entry
    assert made.size == 4


def test_the_same_content_twice_in_one_batch_is_one_entry_and_known_the_second_time(place):
    made = writer(place)
    (one,) = numbered([1])
    twice = made.commit([one, one, *numbered([1, 2])])
    assert [(r.index, r.known) for r in twice] == [(0, False), (0, True), (0, True), (1, False)]


def test_nothing_new_moves_nothing(place):
    made = writer(place)
    made.commit(numbered([1]))
    before = place.head().read()
    assert made.commit(numbered([1]))[0].known
    assert made.commit([]) == []
    assert place.head().read() == before


def test_entries_alone_are_appended_and_have_no_content(place):
    made = writer(place)
    made.commit([genesis()])
    written = made.entry(0).replace(b'"kind":"genesis"', b'"kind":"system"')
    assert made.append_entries([written] * 300) == 1
    assert made.record(300) == (written, None, None)
    made.close()
    assert audit(reader(place)).problems == []


# -- opening again


def test_a_log_opened_again_goes_on_where_it_was(place):
    small_log(place, 600)
    made = writer(place)
    assert made.size == 600
    assert made.commit(numbered([599, 600]))[0].index == 599
    assert [made.size, reader(place).size] == [601, 601]


def test_every_checkpoint_ever_signed_is_consistent_with_the_log(place):
    seen = {}
    for start in range(0, 900, 90):
        made = writer(place)
        made.commit(numbered(range(start, start + 90)))
        seen[made.size] = signed(made.checkpoint).root
        if start % 180:
            made.close()  # otherwise it is simply gone, as after a kill
    again = reader(place)
    for size, root in seen.items():
        assert again.root_at(size) == root
        verify_consistency(
            size1=size,
            size2=900,
            path=again.consistency(size, 900),
            root1=root,
            root2=again.position().root,
        )


def test_a_batch_that_was_durable_before_the_head_moved_is_kept_and_signed(place):
    made = writer(place)
    made.commit(numbered(range(10)))
    pending = made.prepare(numbered(range(10, 300)))
    made.write(pending)  # and then the process is killed
    again = writer(place)
    assert again.size == 300
    receipts = again.commit(numbered(range(300)))
    assert [r.index for r in receipts] == list(range(300))
    assert all(r.known for r in receipts)
    again.close()
    assert reader(place).size == 300


def test_a_torn_content_at_the_end_is_dropped_with_its_frame(files):
    made = writer(files)
    made.commit(numbered(range(10)))
    made.write(made.prepare(numbered(range(10, 13))))
    (path,) = (files.folder / "journal").glob("*.wfj")
    written = path.read_bytes()
    path.write_bytes(written.replace(b"content 12", b"content \0\0"))
    assert writer(files).size == 10


def test_two_writers_never_both_win(place):
    one, other = writer(place, open=False), writer(place, open=False)
    one.open()
    one.commit(numbered([1]))
    other.open()
    with pytest.raises(Fenced, match="another writer moved the head"):
        one.commit(numbered([2]))
    with pytest.raises(JournalFailed, match="stopped and acknowledges nothing more"):
        one.commit(numbered([3]))
    assert other.commit(numbered([4]))[0].index == 1
    one.close()
    other.close()
    assert [entry.content for entry in reader(place).read(0, 2)] == [b"content 1", b"content 4"]


def test_a_writer_that_lost_the_head_shows_no_checkpoint_of_its_own(place):
    one = writer(place)
    one.commit(numbered([1]))
    before = one.checkpoint, one.position(), one.size
    writer(place)
    with pytest.raises(Fenced, match="another writer"):
        one.commit(numbered([2]))
    assert (one.checkpoint, one.position(), one.size) == before
    assert one.prove([0])[0] == before[0]


def test_a_writer_that_claims_while_another_claims_is_fenced(place):
    small_log(place)
    one = writer(place, open=False)
    one._claim, real = (lambda: (writer(place), real())), one._claim
    with pytest.raises(Fenced, match="another writer moved the head"):
        one.open()


# -- copies


def copy(files, tmp_path):
    shutil.copytree(files.folder, tmp_path / "copy")
    return FilePlace(tmp_path / "copy")


@pytest.fixture
def files_and_copy(tmp_path):
    files = small_log(FilePlace(tmp_path / "log"))
    return files, copy(files, tmp_path)


def test_a_copy_of_a_log_takes_no_writes(files_and_copy):
    _, other = files_and_copy
    with pytest.raises(ReadOnly, match="this is a copy of a log"):
        writer(other, home="elsewhere")
    assert reader(other).size == 600  # it can be read


def test_a_copy_that_extends_the_newest_checkpoint_is_a_log_again(files_and_copy):
    files, other = files_and_copy
    made = writer(other, home="elsewhere", open=False)
    made.open(extends=signed(reader(files).checkpoint))
    made.commit(numbered([900]))
    made.close()
    assert writer(other, home="elsewhere").size == 601


@pytest.mark.parametrize(
    ("extends", "says"),
    [
        (lambda newest: Checkpoint(ORIGIN, 601, newest.root), "checkpoint of size 601"),
        (lambda newest: Checkpoint(ORIGIN, 600, bytes(32)), "checkpoint of size 600"),
        (lambda newest: Checkpoint(ORIGIN, 300, newest.root), "checkpoint of size 300"),
        (lambda newest: Checkpoint("other.example", 600, newest.root), "is of another log"),
    ],
    ids=["too-new", "other-root", "inconsistent", "foreign"],
)
def test_a_copy_that_does_not_begin_with_the_given_checkpoint_stays_read_only(
    files_and_copy, extends, says
):
    files, other = files_and_copy
    newest = signed(reader(files).checkpoint)
    before = other.head().read()
    with pytest.raises(ReadOnly, match=says):
        writer(other, home="elsewhere", open=False).open(extends=extends(newest))
    assert other.head().read() == before


def test_an_empty_directory_cannot_extend_a_log(place):
    with pytest.raises(ReadOnly, match="does not begin with the checkpoint of size 7"):
        writer(place, open=False).open(extends=Checkpoint(ORIGIN, 7, bytes(32)))


# -- stored bytes that are not what was stored


def changed(path, at):
    written = bytearray(path.read_bytes())
    written[at] ^= 1
    path.write_bytes(written)


def test_nothing_is_signed_over_a_changed_entry(files):
    made = writer(files)
    made.commit(numbered(range(200)))  # below no full tile: its hashes are only in the entries
    made.close()
    (path,) = (files.folder / "journal").glob("*.wfj")
    changed(path, 300)
    before = files.head().read()
    with pytest.raises(Corrupt, match="a frame of entries was changed"):
        writer(files)
    assert files.head().read() == before


def test_nothing_is_signed_over_a_changed_tile(files):
    small_log(files)
    changed(files.folder / "tile/0/001", 77)
    before = files.head().read()
    with pytest.raises(Corrupt, match="do not lead to the root signed at size 600"):
        writer(files)
    assert files.head().read() == before


def test_a_missing_tile_is_corrupt_and_says_how_to_make_it_again(files):
    small_log(files)
    (files.folder / "tile/0/001").unlink()
    with pytest.raises(Corrupt, match=r"a tile is missing.*makes tiles again from the entries"):
        writer(files)


def test_a_tile_that_no_head_promised_is_made_again(files):
    made = writer(files)
    made.commit(numbered(range(600)))  # not closed: its tiles are not promised yet
    path = files.folder / "tile/0/001"
    right = path.read_bytes()
    path.write_bytes(right[:100])
    writer(files).close()
    assert path.read_bytes() == right


def test_a_log_signed_by_another_key_is_not_opened(place):
    small_log(place)
    other = LogWriter(
        origin=ORIGIN,
        log_key=SigningKey(bytes(32)),
        journal=place.journal(),
        blobs=place.blobs(),
        head=place.head(),
        home="here",
    )
    with pytest.raises(SignatureError, match="no known key signed the note"):
        other.open()
    assert LOG_KEY.verifier_key(ORIGIN) == VKEY


# -- a disk that fills up or fails


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


# -- erasing


def test_an_erased_content_is_gone_and_its_proof_still_holds(place):
    made = writer(place)
    made.commit([genesis()])
    receipts = made.commit(numbered(range(1, 300)))
    erase(made, 77)
    assert made.record(77) == (receipts[76].entry, None, None)
    note, (path,) = made.prove([77])
    verify_inclusion(
        leaf_hash=hash_leaf(receipts[76].entry),
        index=77,
        tree_size=301,
        path=path,
        root=signed(note).root,
    )
    made.close()
    assert audit(reader(place)).problems == []


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("in_runs", [False, True])
def test_an_erased_content_sent_again_gets_a_new_index(files, monkeypatch, restarted, in_runs):
    if in_runs:
        monkeypatch.setattr(dedup, "RECENT_MAX", 10)
    made = writer(files)
    made.commit(numbered(range(50)))
    made.commit(numbered(range(50, 100)))
    made.erase(7)
    made.erase(7)  # again changes nothing
    if restarted:
        made.close()
        made = writer(files)
    assert [(r.index, r.known) for r in made.commit(numbered([7, 8]))] == [(100, False), (8, True)]


def test_the_head_is_durable_before_anything_is_erased(files, monkeypatch):
    made = writer(files)
    made.commit(numbered(range(3)))
    calls = []
    real_swap, real_erase = made._head.swap, made._journal.erase
    made._head.swap = lambda **how: calls.append(how["durable"]) or real_swap(**how)
    made._journal.erase = lambda *a, **k: calls.append("erase") or real_erase(*a, **k)
    made.erase(1)
    assert calls == [True, "erase"]


def test_a_closed_writer_takes_nothing_more(place):
    made = small_and_open(place)
    made.close()
    with pytest.raises(JournalFailed, match="got closed"):
        made.commit(numbered([1]))
    made.close()  # again changes nothing


def small_and_open(place):
    made = writer(place)
    assert made.position() == (0, EMPTY_ROOT)
    made.commit(numbered([1]))
    return made


# -- sizes


@pytest.mark.parametrize("batch", [1, 7, 512])
def test_the_log_costs_forty_bytes_an_entry_at_most_whatever_the_batch(files, batch):
    made = writer(files)
    beside = 0
    for start in range(0, 1024, batch):
        contents = [verified(b"%d" % n + bytes(50)) for n in range(start, start + batch)]
        for receipt, one in zip(made.commit(contents), contents, strict=True):
            beside += len(receipt.entry) + 16 + len(one.content)
    made.close()
    stored = sum(p.stat().st_size for p in files.folder.rglob("*") if p.is_file())
    head = files.folder / "head"
    overhead = (stored - beside - head.stat().st_size) / made.size
    assert overhead <= 40, f"{overhead:.1f} bytes an entry"
