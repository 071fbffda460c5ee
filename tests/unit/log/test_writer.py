"""The sequencer: indexes, receipts, proofs, erasing, and what an entry costs."""

import pytest

from tests.logs import (
    ORIGIN,
    erase,
    genesis,
    numbered,
    reader,
    signed,
    verified,
    writer,
)
from wherefrom.errors import (
    JournalFailed,
)
from wherefrom.log import dedup
from wherefrom.log.audit import audit
from wherefrom.merkle.hashing import EMPTY_ROOT, hash_leaf
from wherefrom.merkle.proofs import verify_inclusion


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
