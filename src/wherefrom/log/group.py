"""Group commit on an event loop: many callers, one write and one fdatasync for all who wait.

    submit ─┐
    submit ─┼──► queue ──► prepare ──► [another thread: write, fdatasync] ──► finish ──► receipts
    submit ─┘      └ gathers the next batch while the disk works ┘

Nobody waits for a timer: a batch is whatever gathered while the last one was on its way. Only the
disk is waited for on another thread; two threads that both compute would fight for the
interpreter and lose more than they win (docs/decisions/0005-one-loop.md). A full queue is
refused at once, so that the caller can say so.

Sizes:  4,096 records or 16 MiB a batch · 50,000 records or 256 MiB in the queue
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import msgspec

from wherefrom.errors import Refused, Unavailable
from wherefrom.log.writer import LogWriter, Pending, Receipt
from wherefrom.verify.verified import Verified

BATCH_RECORDS_MAX: Final = 4096
BATCH_BYTES_MAX: Final = 16 * 1024 * 1024
QUEUE_RECORDS_MAX: Final = 50_000
QUEUE_BYTES_MAX: Final = 256 * 1024 * 1024


class Times(NamedTuple):
    """When the steps of one batch were done, in seconds of ``time.perf_counter``.

    began      it left the queue; ``written`` it was durable, ``published`` signed and shown
    """

    began: float
    written: float
    published: float


class Committed(msgspec.Struct, frozen=True):
    """What became of one list: its receipts, and their proofs if they were asked for.

    checkpoint  the signed note that every path in ``paths`` leads to
    times       of the batch that it was committed in
    """

    receipts: list[Receipt]
    checkpoint: bytes | None = None
    paths: list[list[bytes]] | None = None
    times: Times | None = None


class _Waiting(NamedTuple):
    batch: Sequence[Verified]
    size: int
    prove: bool
    future: asyncio.Future[Committed]


class GroupCommit:
    """Callers hand in lists of records; each list gets its receipts or its error.

    Made, used and closed on one event loop; ``commit`` alone may be called from other threads.

    on_batch  is told how many new records a batch held, and when its steps were done
    """

    def __init__(
        self,
        writer: LogWriter,
        *,
        on_batch: Callable[[int, Times], None] = lambda records, times: None,
    ) -> None:
        self._on_batch = on_batch
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-disk")
        self._queue: deque[_Waiting] = deque()
        self._records = 0
        self._bytes = 0
        self._closing = False
        self._running: asyncio.Task[None] | None = None

    def submit(
        self, batch: Sequence[Verified], *, prove: bool = False
    ) -> asyncio.Future[Committed]:
        """Queue ``batch``. Raises Unavailable when the queue is full or closing."""
        size = sum(len(v.content) + len(v.facts or b"") for v in batch)
        full = self._records >= QUEUE_RECORDS_MAX or self._bytes >= QUEUE_BYTES_MAX
        if full or self._closing:
            raise Unavailable(
                "the log is closing" if self._closing else "too many records are waiting",
                do="Send it again in a second; nothing of it was kept",
            )
        future: asyncio.Future[Committed] = self._loop.create_future()
        self._queue.append(_Waiting(batch, size, prove, future))
        self._records += len(batch)
        self._bytes += size
        if self._running is None:
            self._running = self._loop.create_task(self._run())
        return future

    def commit(self, batch: Sequence[Verified], *, prove: bool = False) -> Committed:
        """The same for a caller on another thread, which waits. Raises as ``submit`` does."""

        async def submitted() -> Committed:
            return await self.submit(batch, prove=prove)

        return asyncio.run_coroutine_threadsafe(submitted(), self._loop).result()

    @property
    def waiting(self) -> int:
        """Records in the queue."""
        return self._records

    async def close(self) -> None:
        """Write what is queued, then stop."""
        self._closing = True
        while self._running is not None:
            await self._running
        self._disk.shutdown()

    async def _run(self) -> None:
        try:
            while self._queue:
                await self._commit(self._take())
        finally:
            self._running = None

    def _take(self) -> list[_Waiting]:
        taken: list[_Waiting] = []
        records = size = 0
        while self._queue:
            head = self._queue[0]
            fits = (
                records + len(head.batch) <= BATCH_RECORDS_MAX
                and size + head.size <= BATCH_BYTES_MAX
            )
            if taken and not fits:
                break
            taken.append(self._queue.popleft())
            records += len(head.batch)
            size += head.size
        self._records -= records
        self._bytes -= size
        return taken

    async def _commit(self, taken: list[_Waiting]) -> None:
        began = time.perf_counter()
        try:
            pending = self._writer.prepare([v for waiting in taken for v in waiting.batch])
            if pending.records:
                await self._write(pending)
            else:
                self._writer.write(pending)
            written = time.perf_counter()
            receipts = self._writer.finish(pending)
        except Refused as error:
            if len(taken) == 1:
                _fail(taken, error)
                return
            # One list holds what cannot be an entry; its neighbours must not pay for it.
            for waiting in taken:
                await self._commit([waiting])
            return
        except BaseException as error:
            _fail(taken, error)
            if not isinstance(error, Exception):
                raise
            return
        times = Times(began, written, time.perf_counter())
        if pending.records:
            self._on_batch(len(pending.records), times)
        at = 0
        for waiting in taken:
            self._answer(waiting, receipts[at : at + len(waiting.batch)], times)
            at += len(waiting.batch)

    async def _write(self, pending: Pending) -> None:
        written = self._loop.run_in_executor(self._disk, self._writer.write, pending)
        try:
            await asyncio.shield(written)
        except asyncio.CancelledError:
            # A write cannot be called back: left alone it would be durable and nobody's, and the
            # writer would wait for its end for ever.
            await asyncio.wait([written])
            if written.exception() is None:
                self._writer.finish(pending)
            raise

    def _answer(self, waiting: _Waiting, receipts: list[Receipt], times: Times) -> None:
        if waiting.future.done():  # its caller left; the records are in the log all the same
            return
        try:
            done = Committed(receipts, times=times)
            if waiting.prove:
                shown, paths = self._writer.prove([r.index for r in receipts])
                done = Committed(receipts, shown, paths, times)
        except Exception as error:  # noqa: BLE001 - the next lists must be answered too
            waiting.future.set_exception(error)
        else:
            waiting.future.set_result(done)


def _fail(taken: list[_Waiting], error: BaseException) -> None:
    for waiting in taken:
        if not waiting.future.done():
            waiting.future.set_exception(error)
