"""What an audit says of contents, nonces and erasures, and of a log that is as it was written."""

import pytest

from tests.logs import (
    FilePlace,
    MemoryPlace,
    erase,
    numbered,
    reader,
    small_log,
    tombstone,
    verified,
    writer,
)
from tests.unit.log.audited import check, only, replace, segments
from wherefrom.errors import NotFound
from wherefrom.log.audit import audit


@pytest.fixture
def place(tmp_path):
    return FilePlace(tmp_path, segment_bytes_max=150_000)


@pytest.mark.parametrize("kind", ["memory", "files"])
def test_a_log_as_it_was_written_has_no_problems(kind, tmp_path):
    place = MemoryPlace() if kind == "memory" else FilePlace(tmp_path)
    made = writer(small_log(place))
    for index in (1, 300, 599):
        erase(made, index)
    made.close()
    assert (check(place).entries, check(place).problems) == (603, [])


def test_an_empty_log_has_no_problems_and_no_log_is_not_found(place):
    with pytest.raises(NotFound, match="no log here yet"):
        audit(reader(place, refresh=False))
    writer(place).close()
    assert (check(place).entries, check(place).problems) == (0, [])


def test_progress_is_told_up_to_the_last_entry(place):
    seen = []
    audit(reader(small_log(place)), progress=lambda done, of: seen.append((done, of)))
    assert seen[0] == (0, 600)
    assert seen[-1] == (600, 600)


def test_many_processes_say_the_same_as_one(place):
    small_log(place, 2000)
    replace(segments(place)[-1], b"content 1900", b"content 19oo")
    alone = audit(reader(place), processes=1)
    assert audit(reader(place), processes=2) == alone
    assert [p.entry for p in alone.problems] == [1900]


def test_a_writer_at_work_is_no_problem(place):
    small_log(place)
    made = writer(place)
    made.commit(numbered(range(600, 700)))  # its head has moved, and is not durable
    assert check(place).problems == []
    made.close()


def test_a_changed_content_names_its_entry_and_segment(place):
    small_log(place)
    replace(segments(place)[0], b"content 77", b"content 7t")
    entry, file, what = only(check(place))
    assert (entry, file) == (77, f"journal/{segments(place)[0].name}")
    assert what == "entry 77: its content or nonce is not what the entry commits to"


def test_a_content_that_is_gone_without_a_tombstone_is_found(place):
    small_log(place)
    made = writer(place)
    made.erase(99)
    made.close()
    entry, _, what = only(check(place))
    assert (entry, what) == (99, "entry 99: content and nonce are zeros, and no tombstone names it")


def test_a_tombstone_of_anybody_elses_allows_nothing(place):
    small_log(place)
    made = writer(place)
    real = tombstone(99)
    made.commit([verified(real.content, kind="tombstone", level="channel")])
    made.erase(99)
    made.close()
    assert only(check(place))[0] == 99


def test_a_tombstone_whose_content_is_still_held_is_found(place):
    small_log(place)
    made = writer(place)
    made.commit([tombstone(42)])
    made.close()
    entry, _, what = only(check(place))
    assert entry == 42
    assert what.startswith("entry 42: erased by entry 600, but its content is still held")


def test_an_erasure_that_a_crash_cut_short_is_told_from_a_changed_content(place):
    small_log(place)
    made = writer(place)
    made.commit([tombstone(77)])
    made.close()
    replace(segments(place)[0], b"content 77", bytes(5) + b"nt 77")
    entry, _, what = only(check(place))
    assert entry == 77
    assert "but a part of its content is still held; erase it again" in what
    again = writer(place)
    again.erase(77)
    again.close()
    assert check(place).problems == []


def test_a_nonce_that_is_erased_and_its_content_not_is_found(place):
    small_log(place)
    made = writer(place)
    nonce = made.record(42).nonce
    made.commit([tombstone(42)])
    made.close()
    replace(segments(place)[0], nonce, bytes(16))
    assert "its nonce is erased and its content is not" in only(check(place))[2]


def test_a_tombstone_that_comes_while_the_audit_reads_explains_its_erasure(place):
    made = writer(small_log(place))
    looking = reader(place)
    # The head as it is now; then a tombstone and an erasure, before a byte of the journal is read.
    before = looking.stored.head.read()
    erase(made, 42)
    looking.stored.head.damaged_slots = list
    real, answers = looking.stored.head.read, [before]
    looking.stored.head.read = lambda: answers.pop() if answers else real()
    assert audit(looking).problems == []
    made.close()
