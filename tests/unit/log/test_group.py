"""Group commit: everyone who waits hears, whatever happens to the others."""

import asyncio
import threading

import pytest

from tests.logs import FilePlace, MemoryPlace, numbered, reader, verified, writer
from wherefrom.errors import JournalFailed, LimitPassed, StorageError, Unavailable
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as notes
from wherefrom.log import group as groups
from wherefrom.log.group import GroupCommit
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_inclusion

BROKEN = verified(b"broken", type="\x01" * 3000)


class Gate:
    """Holds every append until it is opened, so that a queue gathers behind it."""

    def __init__(self, log):
        self.opened, self.entered, self.batches = threading.Event(), threading.Event(), []
        real = log._journal.append

        def append(records):
            self.batches.append(len(records))
            self.entered.set()
            assert self.opened.wait(10)
            return real(records)

        log._journal.append = append


@pytest.fixture
def log():
    return writer(MemoryPlace())


def test_every_caller_gets_the_receipts_of_its_own_list_in_order(log):
    async def run():
        group = GroupCommit(log)
        lists = [numbered(range(n * 10, n * 10 + n % 4)) for n in range(50)]
        done = await asyncio.gather(*(group.submit(batch) for batch in lists))
        await group.close()
        return lists, done

    lists, done = asyncio.run(run())
    for batch, committed in zip(lists, done, strict=True):
        found = [log.record(r.index).content for r in committed.receipts]
        assert found == [v.content for v in batch]
    indexes = [r.index for committed in done for r in committed.receipts]
    assert sorted(indexes) == list(range(log.size))


def test_what_waits_while_the_disk_works_goes_in_one_write(log):
    async def run():
        gate, group = Gate(log), GroupCommit(log)
        waiting = [group.submit(numbered([0]))]
        await asyncio.to_thread(gate.entered.wait, 10)
        waiting += [group.submit(numbered([n])) for n in range(1, 100)]
        assert group.waiting == 99
        gate.opened.set()
        await asyncio.gather(*waiting)
        await group.close()
        return gate.batches

    assert asyncio.run(run()) == [1, 99]


def test_a_caller_that_asks_for_proofs_gets_paths_to_the_checkpoint_beside_them(log):
    async def run():
        group = GroupCommit(log)
        plain, proven = await asyncio.gather(
            group.submit(numbered(range(5))), group.submit(numbered(range(3, 300)), prove=True)
        )
        await group.close()
        return plain, proven

    plain, proven = asyncio.run(run())
    assert plain.checkpoint is plain.paths is None
    signed = checkpoints.parse(notes.parse(proven.checkpoint).text)
    for receipt, path in zip(proven.receipts, proven.paths, strict=True):
        verify_inclusion(
            leaf_hash=hash_leaf(receipt.entry),
            index=receipt.index,
            tree_size=signed.size,
            path=path,
            root=signed.root,
        )


def test_a_list_that_cannot_be_an_entry_never_costs_its_neighbours(log):
    async def run():
        gate, group = Gate(log), GroupCommit(log)
        first = group.submit(numbered([0]))
        await asyncio.to_thread(gate.entered.wait, 10)
        waiting = [
            group.submit(batch)
            for batch in (numbered([1]), [*numbered([2]), BROKEN], numbered([3, 4]))
        ]
        gate.opened.set()
        done = await asyncio.gather(first, *waiting, return_exceptions=True)
        await group.close()
        return done

    first, one, broken, other = asyncio.run(run())
    assert isinstance(broken, LimitPassed)
    assert [r.index for d in (first, one, other) for r in d.receipts] == [0, 1, 2, 3]
    assert log.size == 4


def test_a_disk_that_refuses_tells_everyone_and_the_next_list_is_written(log):
    async def run():
        group = GroupCommit(log)
        real = log._journal.append

        def refuses(records):
            log._journal.append = real
            raise StorageError("append: refused")

        log._journal.append = refuses
        failed = await asyncio.gather(
            *(group.submit(numbered([n])) for n in range(3)), return_exceptions=True
        )
        done = await group.submit(numbered([9]))
        await group.close()
        return failed, done

    failed, done = asyncio.run(run())
    assert [str(error) for error in failed] == ["append: refused"] * 3
    assert done.receipts[0].index == 0


def test_a_writer_that_stopped_says_so_to_everyone_after(log):
    async def run():
        group = GroupCommit(log)
        log._stopped = "the disk failed"
        for _ in range(2):
            with pytest.raises(JournalFailed, match="acknowledges nothing more"):
                await group.submit(numbered([1]))
        await group.close()

    asyncio.run(run())


def test_a_proof_that_cannot_be_made_fails_its_caller_and_nobody_else(log):
    def fails(_):
        raise StorageError("cannot read a blob")

    async def run():
        group = GroupCommit(log)
        log.prove = fails
        done = await asyncio.gather(
            group.submit(numbered([1]), prove=True),
            group.submit(numbered([2])),
            return_exceptions=True,
        )
        later = await group.submit(numbered([3]))
        await group.close()
        return done, later

    (proven, plain), later = asyncio.run(run())
    assert str(proven) == "cannot read a blob"
    assert [plain.receipts[0].index, later.receipts[0].index] == [1, 2]


def test_a_caller_that_leaves_costs_nobody_else_and_its_records_stay(log):
    async def run():
        gate, group = Gate(log), GroupCommit(log)
        leaving, staying = group.submit(numbered([0])), group.submit(numbered([1]))
        await asyncio.to_thread(gate.entered.wait, 10)
        leaving.cancel()
        gate.opened.set()
        done = await staying
        await group.close()
        return done

    assert asyncio.run(run()).receipts[0].index == 1
    assert log.size == 2


def test_a_loop_that_ends_in_the_middle_of_a_write_leaves_a_writer_that_can_be_closed(tmp_path):
    place = FilePlace(tmp_path)
    log = writer(place)
    gate = Gate(log)

    async def run():
        GroupCommit(log).submit(numbered([0]))
        await asyncio.to_thread(gate.entered.wait, 10)
        threading.Timer(0.1, gate.opened.set).start()
        # Leaving now cancels every task, as a server does that stops at once.

    asyncio.run(run())
    closing = threading.Thread(target=log.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive(), "the writer waits for ever"
    assert reader(place).size == 1


def test_a_full_queue_is_refused_at_once_and_keeps_nothing_of_it(log, monkeypatch):
    monkeypatch.setattr(groups, "QUEUE_RECORDS_MAX", 10)

    async def run():
        gate, group = Gate(log), GroupCommit(log)
        waiting = [group.submit(numbered([0]))]
        await asyncio.to_thread(gate.entered.wait, 10)
        waiting.append(group.submit(numbered(range(1, 12))))
        with pytest.raises(Unavailable, match=r"too many records are waiting.*nothing of it"):
            group.submit(numbered([99]))
        gate.opened.set()
        await asyncio.gather(*waiting)
        await group.close()

    asyncio.run(run())
    assert log.size == 12


def test_closing_writes_what_is_queued_and_takes_nothing_more(log):
    async def run():
        group = GroupCommit(log)
        waiting = [group.submit(numbered([n])) for n in range(20)]
        await group.close()
        assert all(future.done() for future in waiting)
        with pytest.raises(Unavailable, match="the log is closing"):
            group.submit(numbered([99]))

    asyncio.run(run())
    assert log.size == 20


def test_a_batch_keeps_to_its_limits_unless_one_list_alone_is_larger(log, monkeypatch):
    monkeypatch.setattr(groups, "BATCH_RECORDS_MAX", 10)

    async def run():
        gate, group = Gate(log), GroupCommit(log)
        waiting = [group.submit(numbered([0]))]
        await asyncio.to_thread(gate.entered.wait, 10)
        gate.opened.set()
        for start, count in ((100, 4), (200, 6), (300, 1), (400, 25), (500, 2)):
            waiting.append(group.submit(numbered(range(start, start + count))))
        await asyncio.gather(*waiting)
        await group.close()
        return gate.batches

    assert asyncio.run(run()) == [1, 10, 1, 25, 2]


def test_threads_may_commit_and_wait(log):
    async def run():
        group = GroupCommit(log)
        done = await asyncio.gather(
            *(asyncio.to_thread(group.commit, numbered([n]), prove=True) for n in range(20))
        )
        await group.close()
        return done

    done = asyncio.run(run())
    assert sorted(d.receipts[0].index for d in done) == list(range(20))
    assert all(d.paths for d in done)


def test_a_batch_tells_its_new_records_and_its_steps_in_order(log):
    told = []

    async def run():
        group = GroupCommit(log, on_batch=lambda records, times: told.append((records, times)))
        first = await group.submit(numbered(range(3)))
        again = await group.submit(numbered(range(3)))
        await group.close()
        return first, again

    first, again = asyncio.run(run())
    ((records, times),) = told  # what was known already is no batch
    assert records == 3
    assert times.began < times.written < times.published
    assert first.times == times
    assert again.times.began > times.published
