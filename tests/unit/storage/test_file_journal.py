"""What only files can suffer: torn tails, full disks, failed fsyncs, lost and swapped files."""

import errno
import os
import shutil
import sys
import threading

import pytest

from tests.contracts.test_journal import all_of, begun, record, records
from tests.logs import FilePlace
from wherefrom.errors import Corrupt, JournalFailed, StorageError
from wherefrom.storage import segment as segments
from wherefrom.storage.contracts import EMPTY, Tail
from wherefrom.storage.frames import encode
from wherefrom.storage.segment import MARK_BYTES, Segment, SegmentName


@pytest.fixture
def place(tmp_path):
    return FilePlace(tmp_path)


def segment_file(place, tail):
    return place.folder / "journal" / tail.segment


def full_disk(monkeypatch, *, after=0):
    """Every write takes ``after`` bytes and then none, as a disk that fills up does."""
    real = os.pwrite
    left = [after]

    def pwrite(file, written, offset):
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = bytes(written)[: left[0]]
        left[0] -= len(part)
        return real(file, part, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)


def test_a_tail_cut_at_every_byte_gives_whole_frames_only(place):
    journal = begun(place)
    tail = journal.append(records(range(3)))
    middle = journal.append(records(range(3, 5)))
    end = journal.append(records(range(5, 7)))
    path = segment_file(place, end)
    whole = path.read_bytes()
    for length in range(tail.length, end.length + 1):
        path.write_bytes(whole[:length])
        found = [r for _, batch in place.journal().beyond(tail=tail, epoch=1) for r in batch]
        wanted = 2 * (length >= middle.length) + 2 * (length >= end.length)
        # Only the head and the entries are checked here; a content cut short is not whole either.
        assert found == records(range(3, 3 + wanted)), f"cut at byte {length}"


def test_zeros_at_the_end_of_a_segment_are_no_frames(place):
    tail = begun(place).append(records(range(3)))
    with segment_file(place, tail).open("ab") as file:
        file.write(bytes(5000))
    assert list(place.journal().beyond(tail=tail, epoch=1)) == []
    assert all_of(place.journal(), tail) == records(range(3))


@pytest.mark.parametrize("kept", [1, 63, 64, 70, 200, -1], ids="kept-{}".format)
def test_a_segment_cut_below_the_tail_is_corrupt_and_ends_at_once(place, kept):
    tail = begun(place).append(records(range(3)))
    with segment_file(place, tail).open("rb+") as file:
        file.truncate(kept if kept > 0 else tail.length - 1)
    with pytest.raises(Corrupt, match=r"shorter than the head says|header was changed|cut short"):
        all_of(place.journal(), tail)


def test_a_segment_that_is_gone_is_corrupt_and_the_message_says_what_to_do(place):
    tail = begun(place).append(records(range(3)))
    segment_file(place, tail).unlink()
    with pytest.raises(Corrupt, match=r"segment is missing.*Restore the file from a copy"):
        all_of(place.journal(), tail)


def test_every_flipped_bit_of_a_header_is_corrupt(place):
    tail = begun(place).append(records(range(3)))
    end = begun(place, epoch=2, tail=tail).append([record(9)])
    path = segment_file(place, end)
    whole = path.read_bytes()
    for bit in range(8 * segments.HEADER_BYTES):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(Corrupt, match="header was changed"):
            all_of(place.journal(), end)


def test_two_segments_swapped_are_corrupt(place):
    first = begun(place).append(records(range(3)))
    end = begun(place, epoch=2, tail=first).append(records(range(3, 6)))
    one, other = segment_file(place, first), segment_file(place, end)
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    with pytest.raises(Corrupt, match="header was changed"):
        all_of(place.journal(), end)


def test_headers_that_lead_in_a_circle_are_corrupt_and_not_followed(place):
    tail = begun(place).append(records(range(3)))
    name = SegmentName(3, 2)
    to_itself = segments.write_header(name, Tail(3, name.to_text(), 64))
    (place.folder / "journal" / name.to_text()).write_bytes(to_itself)
    with pytest.raises(Corrupt, match="header was changed"):
        all_of(place.journal(), Tail(4, name.to_text(), tail.length))


# -- a disk that fills up or fails


@pytest.mark.parametrize("after", [0, 1, 100, 1000])
def test_a_full_disk_is_refused_nothing_is_kept_and_the_journal_goes_on(place, monkeypatch, after):
    journal = begun(place)
    tail = journal.append(records(range(3)))
    with monkeypatch.context() as patched:
        full_disk(patched, after=after)
        with pytest.raises(StorageError, match="refused a write; nothing was kept"):
            journal.append(records(range(10, 30)))
    assert segment_file(place, tail).stat().st_size == tail.length
    assert list(place.journal().beyond(tail=tail, epoch=1)) == []
    end = journal.append(records(range(3, 5)))
    assert all_of(place.journal(), end) == records(range(5))


def test_a_full_disk_at_the_first_segment_is_refused_and_the_next_append_starts_it(
    place, monkeypatch
):
    journal = begun(place)
    with monkeypatch.context() as patched:
        full_disk(patched)
        with pytest.raises(StorageError, match="cannot start a segment"):
            journal.append(records(range(3)))
    assert all_of(place.journal(), journal.append(records(range(3)))) == records(range(3))


def test_after_a_failed_fdatasync_the_journal_takes_nothing_more(place, monkeypatch):
    journal = begun(place)
    journal.append(records(range(3)))

    def fails(file):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fails)
        with pytest.raises(JournalFailed, match=r"did not confirm a write.*restart"):
            journal.append([record(7)])
    # The next fdatasync would say that all is well, and it would not be true.
    with pytest.raises(JournalFailed, match="failed before and takes no more"):
        journal.append([record(8)])


def test_a_write_that_cannot_be_taken_back_fails_the_journal(place, monkeypatch):
    journal = begun(place)
    journal.append(records(range(3)))
    full_disk(monkeypatch, after=10)

    def fails(file, length):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "ftruncate", fails)
    with pytest.raises(JournalFailed, match="half a write could not be taken back"):
        journal.append([record(7)])
    with pytest.raises(JournalFailed, match="takes no more"):
        journal.append([record(8)])


def test_an_index_that_cannot_be_written_does_not_fail_an_append(place, monkeypatch):
    journal = begun(place)
    tail = journal.append([record(9000)])

    def fails(file, written):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", fails)
        for number in range(4):
            tail = journal.append(records(range(1 + number * 300, 301 + number * 300)))
    assert all_of(place.journal(), tail) == [record(9000), *records(range(1, 1201))]


def test_what_a_dead_writer_left_is_made_durable_before_it_is_given(place, monkeypatch):
    journal = begun(place)
    tail = journal.append(records(range(3)))
    journal.append(records(range(3, 6)))
    done = []
    real_write, real_sync = os.pwrite, os.fdatasync
    monkeypatch.setattr(os, "pwrite", lambda f, w, at: done.append(len(w)) or real_write(f, w, at))
    monkeypatch.setattr(os, "fdatasync", lambda f: done.append("sync") or real_sync(f))
    beyond = place.journal().beyond(tail=tail, epoch=1)
    end, _ = next(beyond)
    # Written again, not only synced: pages that a failed fdatasync gave up would be skipped.
    assert done == [end.length - tail.length, "sync"]


def test_erasing_zeroes_the_content_before_the_nonce_and_waits_for_each(place, monkeypatch):
    journal = begun(place)
    tail = journal.append([record(1, 40)])
    seen = []
    real = os.fdatasync

    def sync(file):
        stored = segment_file(place, tail).read_bytes()
        seen.append((record(1, 40).content in stored, record(1, 40).nonce in stored))
        real(file)

    monkeypatch.setattr(os, "fdatasync", sync)
    journal.erase(0, tail=tail)
    assert seen == [(False, True), (False, False)]


# -- the side index


def many(place, batches=40):
    journal = begun(place)
    for number in range(batches):
        tail = journal.append(records(range(number * 50, (number + 1) * 50)))
    return tail, place.folder / "journal" / tail.segment.replace(".wfj", ".idx")


def test_the_side_index_may_be_deleted_at_any_time(place):
    tail, idx = many(place)
    assert idx.stat().st_size >= 3 * MARK_BYTES
    idx.unlink()
    assert all_of(place.journal(), tail) == records(range(2000))
    found = place.journal().entries(tail=tail, first=1777, limit=1778)
    assert list(found) == [record(1778).entry]


def test_no_flipped_bit_in_the_side_index_changes_what_is_read(place):
    tail, idx = many(place)
    whole = idx.read_bytes()
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        idx.write_bytes(changed)
        for index in (0, 900, 1999):
            found = place.journal().entries(tail=tail, first=index, limit=index + 1)
            assert list(found) == [record(index + 1).entry], f"bit {bit}"


def test_the_side_index_of_another_segment_is_not_believed(tmp_path):
    one, other = FilePlace(tmp_path / "one"), FilePlace(tmp_path / "other")
    _, idx = many(one)
    end = begun(other, epoch=2).append([record(5000), *records(range(1, 2000))])
    shutil.copy(idx, other.folder / "journal" / end.segment.replace(".wfj", ".idx"))
    found = other.journal().entries(tail=end, first=1500, limit=1501)
    assert list(found) == [record(1501).entry]


# -- many segments, many threads


def test_a_thousand_writers_leave_a_log_that_opens_and_few_open_files(tmp_path):
    place, tail = FilePlace(tmp_path), EMPTY
    before = len(os.listdir("/proc/self/fd"))
    for epoch in range(1, 1101):
        journal = begun(place, epoch=epoch, tail=tail)
        tail = journal.append([record(epoch)])
        journal.close()
    journal = place.journal()
    assert all_of(journal, tail) == [record(n) for n in range(1, 1101)]
    assert len(os.listdir("/proc/self/fd")) < before + 100


def test_readers_in_many_threads_all_read_what_was_written(tmp_path):
    place, odd = FilePlace(tmp_path), []
    tail, _ = many(place, batches=20)
    journal = place.journal()

    def read(start):
        for step in range(400):
            index = (start * 131 + step * 37) % 1000
            try:
                (found,) = journal.records(tail=tail, first=index, limit=index + 1)
                if found != record(index + 1):
                    odd.append(index)
            except Exception as error:  # noqa: BLE001 - whatever a thread meets must be seen
                odd.append(error)

    often = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=read, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(often)
    assert odd == []


def test_a_segment_that_holds_less_than_its_successor_says_is_corrupt(place):
    tail = begun(place).append(records(range(3)))
    lying = Tail(7, tail.segment, tail.length)
    end = begun(place, epoch=2, tail=lying).append([record(8)])
    with pytest.raises(Corrupt, match="a segment ends before entry 3"):
        all_of(place.journal(), end)


@pytest.mark.parametrize(
    "name", ["x", "0-1.wfj", "0000000000000000-00000001.idx", "0000000000000000-0000000١.wfj"]
)
def test_another_spelling_of_a_segments_name_is_corrupt(tmp_path, name):
    with pytest.raises(Corrupt, match="not the name of a journal segment"):
        Segment(tmp_path / name)


def test_a_segment_that_follows_another_place_is_not_beyond_the_tail(place):
    tail = begun(place).append(records(range(3)))
    name = SegmentName(3, 1)
    for before, found in ((tail, [record(4)]), (tail._replace(length=tail.length - 1), [])):
        path = place.folder / "journal" / name.to_text()
        path.write_bytes(segments.write_header(name, before) + b"".join(encode([record(4)])))
        beyond = place.journal().beyond(tail=tail, epoch=1)
        assert [r for _, batch in beyond for r in batch] == found
