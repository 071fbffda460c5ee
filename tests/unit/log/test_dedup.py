"""The same content keeps its index: recent ones, older ones, after restarts and lost files."""

import errno
import hashlib
import os
import random

import numpy as np
import pytest

from tests.logs import FilePlace, numbered, writer
from wherefrom.errors import Corrupt
from wherefrom.log import dedup, runs
from wherefrom.log.dedup import DedupIndex
from wherefrom.log.run_name import RunName, parse_name
from wherefrom.log.runs import Run, check_run, merge_runs, write_run


def digest(number):
    return hashlib.sha256(b"%d" % number).digest()


class Held:
    """What a log holds: the truth that candidates are compared with."""

    def __init__(self):
        self.digests = []

    def is_held(self, index, wanted):
        return self.digests[index] == wanted


def made(folder, held):
    return DedupIndex(folder, is_held=held.is_held)


def add(index, held, numbers):
    digests = [None if n is None else digest(n) for n in numbers]
    held.digests += digests
    index.add(digests, first=index.size)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(dedup, "RECENT_MAX", 16)


@pytest.mark.parametrize("seed", range(6))
def test_every_content_is_found_at_the_entry_that_holds_it_and_no_other_is(tmp_path, small, seed):
    chance, held, where = random.Random(seed), Held(), {}
    index = made(tmp_path, held)
    for step in range(120):
        if chance.random() < 0.1:
            index.close()
            index = made(tmp_path, held)
            add_missing(index, held)
        if chance.random() < 0.15 and where:
            number = chance.choice(list(where))
            at = where.pop(number)
            held.digests[at] = None
            index.forget(at)
        numbers = [step * 100 + n for n in range(chance.choice([1, 3, 20]))]
        numbers[0] = None if chance.random() < 0.1 else numbers[0]
        for number, at in zip(numbers, range(index.size, index.size + 99), strict=False):
            if number is not None:
                where[number] = at
        add(index, held, numbers)
        asked = chance.sample(list(where), min(20, len(where)))
        assert index.find([digest(n) for n in asked]) == [where[n] for n in asked]
        assert index.find([digest(-1 - step)]) == [None]
    index.close()


def add_missing(index, held):
    """What a start does: read again what is in no run."""
    rest = held.digests[index.size :]
    index.add(rest, first=index.size)


def test_a_fingerprint_that_two_contents_share_never_costs_a_record(tmp_path, small):
    held = Held()
    one, other = bytes(8) + b"a" * 24, bytes(8) + b"b" * 24
    index = made(tmp_path, held)
    held.digests = [one, other]
    index.add([one, other], first=0)
    add(index, held, range(100))  # both are in a run now
    assert index.find([one, other, bytes(8) + b"c" * 24]) == [0, 1, None]
    index.close()


def test_runs_are_merged_four_to_one_so_that_few_stay(tmp_path, small):
    held = Held()
    index = made(tmp_path, held)
    for start in range(0, 1600, 16):
        add(index, held, range(start, start + 16))
        if index._merging:
            index._merging[1].result()
    index.close()
    assert len(list(tmp_path.glob("*.run"))) <= 12
    again = made(tmp_path, held)
    assert again.find([digest(n) for n in range(0, 1600, 13)]) == list(range(0, 1600, 13))
    again.close()


def test_an_erased_contents_digest_is_nowhere_on_disk(tmp_path, small):
    held = Held()
    index = made(tmp_path, held)
    add(index, held, range(200))
    index.close()
    index = made(tmp_path, held)
    index.forget(37)
    index.close()
    little_endian = digest(37)[:8][::-1]
    assert all(little_endian not in p.read_bytes() for p in tmp_path.iterdir())
    for path in tmp_path.glob("*.run"):
        check_run(path)


def test_a_full_disk_costs_memory_and_no_record(tmp_path, small, monkeypatch):
    held = Held()
    index = made(tmp_path, held)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", full)
        add(index, held, range(40))
        add(index, held, range(40, 80))
    assert list(tmp_path.glob("*.run")) == []
    add(index, held, range(80, 90))
    assert len(list(tmp_path.glob("*.run"))) == 1
    assert index.find([digest(n) for n in (0, 50, 89)]) == [0, 50, 89]
    index.close()


def test_a_merge_that_fails_is_tried_again_and_costs_nothing(tmp_path, small, monkeypatch):
    held = Held()
    index = made(tmp_path, held)

    def fails(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(runs, "merge_runs", fails)
        add_in_sixteens(index, held, 0, 160)
    add_in_sixteens(index, held, 160, 320)
    assert index.find([digest(n) for n in range(320)]) == list(range(320))
    index.close()
    assert len(list(tmp_path.glob("*.run"))) < 20


def add_in_sixteens(index, held, first, limit):
    for start in range(first, limit, 16):
        add(index, held, range(start, start + 16))


# -- runs on disk


def a_run(folder, first=0, count=50):
    keys = np.array([n * 7919 % 1009 for n in range(count)], dtype="<u8")
    return write_run(folder, RunName(first, first + count), keys, np.arange(first, first + count))


def test_every_flipped_bit_of_a_run_is_corrupt(tmp_path):
    path = a_run(tmp_path, count=20).path
    whole = path.read_bytes()
    check_run(path)
    says = "a run of the de-duplication index (was changed|has another length)"
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        for read in (Run, check_run):
            with pytest.raises(Corrupt, match=says):
                read(path)


@pytest.mark.parametrize("length", [0, 1, 8, 15, 16, 100])
def test_a_run_that_is_cut_is_not_taken(tmp_path, length):
    path = a_run(tmp_path).path
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(Corrupt, match="another length"):
        check_run(path)
    with pytest.raises((Corrupt, ValueError)):
        Run(path)


def test_a_run_under_another_runs_name_is_corrupt(tmp_path):
    one, other = a_run(tmp_path), a_run(tmp_path, first=50)
    one.path.write_bytes(other.path.read_bytes())
    with pytest.raises(Corrupt, match="was changed"):
        check_run(one.path)


def test_a_merge_holds_what_its_parts_held_without_what_was_forgotten(tmp_path):
    parts = [a_run(tmp_path, first) for first in (0, 50, 100)]
    parts[1].forget(77)
    merged = merge_runs(tmp_path, parts)
    assert (merged.name, merged.count) == (RunName(0, 150), 149)
    keys = np.array([27 * 7919 % 1009], dtype="<u8")
    assert merged.find(keys) == [(0, [27, 127])]
    check_run(merged.path)


def test_a_run_of_nothing_finds_nothing(tmp_path):
    run = a_run(tmp_path, count=3)
    for index in range(3):
        run.forget(index)
    empty = merge_runs(tmp_path, [run, a_run(tmp_path, first=3, count=0)])
    assert empty.find(np.array([1, 2], dtype="<u8")) == []
    check_run(empty.path)


@pytest.mark.parametrize(
    "text", ["x", "1-2.run", "0000000000000000-0000000000000016.new", "a-b.run"]
)
def test_another_name_is_no_runs(text):
    assert parse_name(text) is None
    assert parse_name(RunName(16, 32).to_text()) == RunName(16, 32)


# -- through the log


@pytest.fixture
def place(tmp_path, small):
    return FilePlace(tmp_path)


def committed(place, numbers):
    log = writer(place)
    receipts = log.commit(numbered(numbers))
    log.close()
    return receipts


def known_again(place):
    receipts = committed(place, range(100))
    return [r.index for r in receipts] == list(range(100)) and all(r.known for r in receipts)


def fill(place):
    for start in range(0, 100, 10):
        committed(place, range(start, start + 10))
    assert list(place.dedup_folder.glob("*.run"))


def test_a_content_is_known_across_restarts_and_runs(place):
    fill(place)
    assert known_again(place)


def test_the_index_may_be_deleted_between_two_starts(place):
    fill(place)
    for path in place.dedup_folder.iterdir():
        path.unlink()
    place.dedup_folder.rmdir()
    assert known_again(place)


@pytest.mark.parametrize("which", [0, -1])
@pytest.mark.parametrize("how", ["flipped", "cut", "empty", "gone"])
def test_a_broken_run_is_made_again_from_the_journal(place, which, how):
    fill(place)
    path = sorted(place.dedup_folder.glob("*.run"))[which]
    whole = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        flipped = whole[:9] + bytes([whole[9] ^ 4]) + whole[10:]
        path.write_bytes({"flipped": flipped, "cut": whole[:-8], "empty": b""}[how])
    assert known_again(place)
    for path in place.dedup_folder.glob("*.run"):
        check_run(path)


def test_a_crash_between_a_merge_and_the_removal_of_its_parts_costs_nothing(place):
    fill(place)
    runs = [Run(p) for p in sorted(place.dedup_folder.glob("*.run"))]
    merge_runs(place.dedup_folder, runs)
    assert known_again(place)
    assert len(list(place.dedup_folder.glob("*.run"))) < len(runs) + 1


def test_an_index_longer_than_its_log_says_what_to_remove(place):
    fill(place)
    reached = max(parse_name(p.name).limit for p in place.dedup_folder.glob("*.run"))
    a_run(place.dedup_folder, first=reached, count=500)
    with pytest.raises(Corrupt, match=r"longer than the log. Remove the folder dedup"):
        writer(place)


def test_a_run_that_a_crash_left_half_written_is_removed(tmp_path):
    folder = tmp_path / "dedup"
    folder.mkdir()
    half = folder / "0000000000000000-0000000000000016.new"
    half.write_bytes(b"fingerprints")
    DedupIndex(folder, is_held=lambda index, digest: True).close()
    assert not half.exists()
