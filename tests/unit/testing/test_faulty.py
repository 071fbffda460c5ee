"""The faults are what they say: refused leaves nothing, unanswered leaves everything."""

import pytest

from tests.contracts.test_journal import all_of, records
from tests.logs import MemoryPlace
from wherefrom.errors import AlreadyExists, Fenced, JournalFailed, NotFound, StorageError
from wherefrom.storage.contracts import EMPTY
from wherefrom.testing.faulty import Died, Fault, Faults, FaultyBlobs, FaultyHead, FaultyJournal


class Chosen(Faults):
    """Every call meets the fault that is set."""

    def __init__(self, fault=None):
        super().__init__(0, rate=0)
        self.fault = fault

    def of(self, call, *, torn=False):
        if self.fault is Fault.DIED_BEFORE:
            raise Died(call)
        return self.fault


@pytest.fixture
def faults():
    return Chosen()


@pytest.fixture
def place():
    return MemoryPlace()


def journal(place, faults):
    made = FaultyJournal(place.journal(), faults)
    made.begin(epoch=1, tail=EMPTY)
    return made


def surfaced(place):
    return [r for _, batch in place.journal().beyond(tail=EMPTY, epoch=1) for r in batch]


@pytest.mark.parametrize(
    ("fault", "error", "kept"),
    [
        (Fault.REFUSED, StorageError, 0),
        (Fault.UNANSWERED, JournalFailed, 9),
        (Fault.DIED_BEFORE, Died, 0),
        (Fault.DIED_AFTER, Died, 9),
    ],
)
def test_a_faulty_append_keeps_all_or_nothing(place, faults, fault, error, kept):
    made = journal(place, faults)
    faults.fault = fault
    with pytest.raises(error, match=r"refused|lost|append"):
        made.append(records(range(9)))
    assert surfaced(place) == records(range(kept))


def test_a_torn_append_keeps_a_beginning_and_is_never_answered(place):
    kept = set()
    for seed in range(40):
        faults = Chosen(Fault.TORN)
        faults.random.seed(seed)
        place = MemoryPlace()
        made = journal(place, faults)
        with pytest.raises(JournalFailed, match="the answer was lost"):
            made.append(records(range(3)))
        assert surfaced(place) == records(range(len(surfaced(place))))
        kept.add(len(surfaced(place)))
    assert kept == {0, 1, 2, 3}


def test_after_a_lost_answer_a_journal_fails_until_it_is_begun_again(place, faults):
    made = journal(place, faults)
    faults.fault = Fault.UNANSWERED
    with pytest.raises(JournalFailed, match="the answer was lost"):
        made.append(records(range(2)))
    faults.fault = None
    with pytest.raises(JournalFailed, match="takes no more"):
        made.append(records(range(2)))
    made.begin(epoch=2, tail=EMPTY)
    tail = made.append(records(range(3)))
    assert all_of(made, tail) == records(range(3))


def test_unsynced_blobs_may_be_lost_torn_or_kept_and_synced_ones_are_safe(place):
    seen = set()
    for seed in range(40):
        faults = Faults(seed, rate=0)
        place = MemoryPlace()
        made = FaultyBlobs(place.blobs(), faults)
        made.put("tile/0/000", b"synced")
        made.sync()
        made.put("tile/0/001", b"unsynced")
        assert sorted(made.names("tile")) == ["tile/0/000", "tile/0/001"]
        made.power_cut()
        assert made.get("tile/0/000") == b"synced"
        try:
            seen.add(made.get("tile/0/001"))
        except NotFound:
            seen.add(None)
    assert seen == {None, b"unsy", b"unsynced"}


def test_a_blob_put_and_not_synced_is_as_immutable_as_any(place, faults):
    made = FaultyBlobs(place.blobs(), faults)
    made.put("tile/0/000", b"one")
    made.put("tile/0/000", b"one")
    with pytest.raises(AlreadyExists, match="taken by other bytes"):
        made.put("tile/0/000", b"other")


def test_a_head_falls_back_to_its_last_durable_state_or_any_later_one(place):
    seen = set()
    for seed in range(40):
        faults = Faults(seed, rate=0)
        made = FaultyHead(MemoryPlace().head(), faults)
        generation = made.swap(expected=0, value=b"durable", durable=True)
        for value in (b"one", b"two"):
            generation = made.swap(expected=generation, value=value, durable=False)
        assert made.read() == (generation, b"two")
        made.power_cut()
        seen.add(made.read()[1])
    assert seen == {b"durable", b"one", b"two"}


@pytest.mark.parametrize(
    ("fault", "error", "moved"),
    [
        (Fault.REFUSED, StorageError, False),
        (Fault.UNANSWERED, StorageError, True),
        (Fault.DIED_BEFORE, Died, False),
        (Fault.DIED_AFTER, Died, True),
    ],
)
def test_a_faulty_swap_has_moved_the_head_or_not(place, faults, fault, error, moved):
    made = FaultyHead(place.head(), faults)
    faults.fault = fault
    with pytest.raises(error, match=r"refused|lost|swap"):
        made.swap(expected=0, value=b"one", durable=True)
    faults.fault = None
    assert (made.read() is not None) == moved
    if moved:
        with pytest.raises(Fenced, match="another writer moved the head"):
            made.swap(expected=0, value=b"two", durable=False)


def test_a_seed_is_a_whole_history():
    def history(seed):
        faults = Faults(seed, rate=0.5)
        for number in range(50):
            try:
                faults.of(f"call {number}", torn=True)
            except Died:
                continue
        return faults.happened

    assert history(7) == history(7) != history(8)
    assert {line.split(": ")[1] for line in history(7)} == {f.value for f in Fault}
