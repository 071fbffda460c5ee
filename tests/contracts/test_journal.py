"""The promises of ``Journal``, on every adapter, against a list of records."""

import random

import pytest

from tests.contracts.adapters import ADAPTERS, make, place
from tests.logs import TIME
from wherefrom.formats import entry as entries
from wherefrom.formats.entry import Entry, Trust
from wherefrom.storage.contracts import EMPTY, Damage, Record, Surveyed

__all__ = ["place"]


def record(number, size=20):
    content = f"{number} ".encode().ljust(size, b"x")
    nonce = number.to_bytes(16, "big")
    written = entries.to_bytes(
        Entry(
            content=entries.commit(nonce=nonce, content=content),
            kind="event",
            occurred=None,
            producer="self",
            received=TIME,
            size=len(content),
            trust=Trust("channel"),
            type="t",
        )
    )
    return Record(written, nonce, content)


def records(numbers):
    return [record(number + 1) for number in numbers]


def bare(number):
    return Record(record(number).entry, None, None)


def begun(place, *, epoch=1, tail=EMPTY):
    journal = place.journal()
    journal.begin(epoch=epoch, tail=tail)
    return journal


def all_of(journal, tail):
    return list(journal.records(tail=tail, first=0, limit=tail.size))


def test_an_empty_journal_holds_nothing(place):
    journal = place.journal()
    assert all_of(journal, EMPTY) == []
    assert list(journal.beyond(tail=EMPTY, epoch=1)) == []


def test_what_append_returned_for_is_read_back_by_another_process(place):
    tail = begun(place).append(records(range(600)))
    assert tail.size == 600
    again = place.journal()
    assert all_of(again, tail) == records(range(600))
    assert list(again.entries(tail=tail, first=0, limit=600)) == [
        r.entry for r in records(range(600))
    ]


def test_entries_can_be_kept_without_contents_between_others(place):
    journal = begun(place)
    journal.append(records(range(3)))
    journal.append([bare(4), bare(5)])
    tail = journal.append(records(range(5, 7)))
    wanted = [*records(range(3)), bare(4), bare(5), *records(range(5, 7))]
    assert all_of(place.journal(), tail) == wanted


@pytest.mark.parametrize(("first", "limit"), [(-1, 2), (3, 2), (0, 6), (6, 6)])
def test_a_range_outside_the_journal_is_an_index_error(place, first, limit):
    tail = begun(place).append(records(range(5)))
    journal = place.journal()
    with pytest.raises(IndexError, match="of a journal of 5"):
        list(journal.entries(tail=tail, first=first, limit=limit))
    with pytest.raises(IndexError, match="of a journal of 5"):
        list(journal.records(tail=tail, first=first, limit=limit))


def test_a_reader_with_an_older_tail_sees_only_what_lies_below_it(place):
    journal = begun(place)
    older = journal.append(records(range(10)))
    journal.append(records(range(10, 400)))
    assert all_of(place.journal(), older) == records(range(10))


def test_a_writers_unanswered_appends_are_given_beyond_the_tail_each_with_its_own(place):
    journal = begun(place)
    tail = journal.append(records(range(2)))
    journal.append(records(range(2, 5)))
    end = journal.append(records(range(5, 300)))
    found, last = [], tail
    for last, batch in place.journal().beyond(tail=tail, epoch=1):
        found += batch
        assert all_of(place.journal(), last) == records(range(2 + len(found)))
    assert (found, last) == (records(range(2, 300)), end)


def test_what_another_epoch_wrote_is_not_beyond_the_tail(place):
    journal = begun(place)
    tail = journal.append(records(range(2)))
    journal.append(records(range(2, 5)))
    assert list(place.journal().beyond(tail=tail, epoch=2)) == []


def test_a_fenced_writers_late_appends_are_never_read(place):
    old = begun(place)
    tail = old.append(records(range(5)))
    new = begun(place, epoch=2, tail=tail)
    old.append([record(99), record(98)])
    end = new.append([record(7)])
    old.append([record(97)])
    end = new.append([record(8)])
    assert all_of(place.journal(), end) == [*records(range(5)), record(7), record(8)]
    assert list(place.journal().beyond(tail=end, epoch=2)) == []
    third = begun(place, epoch=3, tail=end)
    end = third.append([record(9)])
    assert all_of(place.journal(), end)[5:] == [record(7), record(8), record(9)]


def test_a_writer_that_never_appended_leaves_no_trace_in_the_chain(place):
    tail = begun(place).append(records(range(3)))
    for epoch in range(2, 6):
        begun(place, epoch=epoch, tail=tail)
    end = begun(place, epoch=6, tail=tail).append([record(50)])
    assert all_of(place.journal(), end) == [*records(range(3)), record(50)]


def test_an_erased_content_is_gone_for_every_reader_and_its_entry_stays(place):
    tail = begun(place).append(records(range(9)))
    place.journal().erase(4, tail=tail)
    wanted = records(range(9))
    wanted[4] = Record(wanted[4].entry, None, None)
    for _ in range(2):
        assert all_of(place.journal(), tail) == wanted
        place.journal().erase(4, tail=tail)  # again changes nothing


def test_erasing_in_an_older_segment_does_not_touch_the_newer_one(place):
    tail = begun(place).append(records(range(4)))
    end = begun(place, epoch=2, tail=tail).append(records(range(4, 8)))
    begun(place, epoch=2, tail=end).erase(1, tail=end)
    found = all_of(place.journal(), end)
    assert [r.content is None for r in found] == [n == 1 for n in range(8)]


@pytest.mark.parametrize("index", [-1, 5])
def test_erasing_an_entry_that_is_not_there_is_an_index_error(place, index):
    tail = begun(place).append(records(range(5)))
    with pytest.raises(IndexError, match="of a journal of 5"):
        place.journal().erase(index, tail=tail)


def test_an_audit_is_given_every_entry_once_in_order_with_what_lies_beside(place):
    journal = begun(place)
    journal.append(records(range(300)))
    journal.append([bare(301)])
    tail = journal.append([record(302)])
    journal.erase(7, tail=tail)
    assert isinstance(journal, Surveyed)
    pieces, damage = place.journal().survey(tail=tail)
    stretches = [part for piece in pieces for part in piece.walk()]
    assert damage == [part for part in stretches if isinstance(part, Damage)] == []
    index = 0
    for part in stretches:
        assert part.first == index
        index += len(part.entries)
        for number, beside in enumerate(part.beside or [], start=part.first):
            right = record(number + 1)
            erased = bytes(16 + len(right.content))
            assert beside == (erased if number == 7 else right.nonce + right.content)
    assert index == tail.size


class Model:
    """A list of records, and who may write."""

    def __init__(self, place, seed):
        self.place, self.random = place, random.Random(seed)
        self.held, self.unanswered, self.count = [], [], 0
        self.epoch, self.tail = 1, EMPTY
        self.journal = begun(place)
        self.fenced = []

    def batch(self):
        size = self.random.choice([1, 1, 2, 5, 70, 257])
        made = [record(self.count + n + 1, self.random.choice([0, 5, 300])) for n in range(size)]
        self.count += size
        return made

    def append(self):
        batch = self.batch()
        self.tail = self.journal.append(batch)
        self.held += batch

    def append_and_lose_the_answer_then_recover(self):
        self.journal.append(batch := self.batch())
        journal = self.place.journal()
        for tail, found in journal.beyond(tail=self.tail, epoch=self.epoch):
            self.tail = tail
            self.held += found
        assert self.held[-len(batch) :] == batch
        self.begin(journal)

    def be_fenced(self):
        self.fenced.append(self.journal)
        self.begin(self.place.journal())

    def begin(self, journal):
        self.epoch += 1
        self.journal = journal
        journal.begin(epoch=self.epoch, tail=self.tail)

    def append_as_a_fenced_writer(self):
        if self.fenced:
            self.random.choice(self.fenced).append(self.batch())

    def erase(self):
        if self.held:
            index = self.random.randrange(len(self.held))
            self.journal.erase(index, tail=self.tail)
            self.held[index] = Record(self.held[index].entry, None, None)

    def step(self):
        self.random.choice(
            [
                self.append,
                self.append,
                self.append_and_lose_the_answer_then_recover,
                self.be_fenced,
                self.append_as_a_fenced_writer,
                self.erase,
            ]
        )()

    def compare(self):
        for journal in (self.journal, self.place.journal()):
            assert all_of(journal, self.tail) == self.held
            ends = [self.random.randint(0, len(self.held)) for _ in range(2)]
            first, limit = min(ends), max(ends)
            part = list(journal.records(tail=self.tail, first=first, limit=limit))
            assert part == self.held[first:limit]
            if self.held:
                one = self.random.randrange(len(self.held))
                found = list(journal.entries(tail=self.tail, first=one, limit=one + 1))
                assert found == [self.held[one].entry]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_after_every_step_of_a_random_run_the_journal_equals_its_model(adapter, seed, tmp_path):
    model = Model(make(adapter, tmp_path), seed)
    for _ in range(25):
        model.step()
        model.compare()
