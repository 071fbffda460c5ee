"""Group commit: many callers, one write and one fdatasync for all who wait.

    submit ─┐
    submit ─┼──► queue ──► one thread: LogWriter.commit ──► each caller's own receipts
    submit ─┘

While one batch is on its way to the disk the next one gathers; nobody waits for a timer. A full
queue is refused at once, so that the caller can say so.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final, NamedTuple

import msgspec

from wherefrom.errors import Refused, Unavailable
from wherefrom.log.writer import LogWriter, Receipt
from wherefrom.verify.verified import Verified

BATCH_RECORDS_MAX: Final = 4096
BATCH_BYTES_MAX: Final = 16 * 1024 * 1024
QUEUE_RECORDS_MAX: Final = 50_000
QUEUE_BYTES_MAX: Final = 256 * 1024 * 1024


class Committed(msgspec.Struct, frozen=True):
    """What became of one list: its receipts, and their proofs if they were asked for.

    checkpoint  the signed note that every path in ``paths`` leads to
    """

    receipts: list[Receipt]
    checkpoint: bytes | None = None
    paths: list[list[bytes]] | None = None


class _Waiting(NamedTuple):
    batch: Sequence[Verified]
    size: int
    prove: bool
    future: Future[Committed]


class GroupCommit:
    """Callers hand in lists of records; each list gets its receipts or its error."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer
        self._queue: deque[_Waiting] = deque()
        self._records = 0
        self._bytes = 0
        self._ready = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def submit(self, batch: Sequence[Verified], *, prove: bool = False) -> Future[Committed]:
        """Queue ``batch``. Raises Unavailable when the queue is full or closing."""
        size = sum(len(v.content) for v in batch)
        future: Future[Committed] = Future()
        with self._ready:
            full = self._records >= QUEUE_RECORDS_MAX or self._bytes >= QUEUE_BYTES_MAX
            if full or self._closing:
                raise Unavailable(
                    "the log is closing" if self._closing else "too many records are waiting",
                    do="Send it again in a second; nothing of it was kept",
                )
            self._queue.append(_Waiting(batch, size, prove, future))
            self._records += len(batch)
            self._bytes += size
            self._ready.notify()
        return future

    @property
    def waiting(self) -> int:
        """Records in the queue."""
        return self._records

    def close(self) -> None:
        """Write what is queued, then stop."""
        with self._ready:
            self._closing = True
            self._ready.notify()
        self._thread.join()

    def _run(self) -> None:
        while taken := self._take():
            self._commit(taken)

    def _take(self) -> list[_Waiting]:
        with self._ready:
            while not self._queue and not self._closing:
                self._ready.wait()
            taken: list[_Waiting] = []
            records = size = 0
            while self._queue and (
                not taken
                or (
                    records + len(self._queue[0].batch) <= BATCH_RECORDS_MAX
                    and size + self._queue[0].size <= BATCH_BYTES_MAX
                )
            ):
                waiting = self._queue.popleft()
                taken.append(waiting)
                records += len(waiting.batch)
                size += waiting.size
            self._records -= records
            self._bytes -= size
            return taken

    def _commit(self, taken: list[_Waiting]) -> None:
        try:
            receipts = self._writer.commit([v for waiting in taken for v in waiting.batch])
        except BaseException as error:  # noqa: BLE001 - every waiter must hear of it
            if isinstance(error, Refused) and len(taken) > 1:
                # One list holds what cannot be an entry; its neighbours must not pay for it.
                for waiting in taken:
                    self._commit([waiting])
                return
            for waiting in taken:
                if waiting.future.set_running_or_notify_cancel():
                    waiting.future.set_exception(error)
            return
        at = 0
        for waiting in taken:
            self._answer(waiting, receipts[at : at + len(waiting.batch)])
            at += len(waiting.batch)

    def _answer(self, waiting: _Waiting, receipts: list[Receipt]) -> None:
        if not waiting.future.set_running_or_notify_cancel():
            return
        try:
            done = Committed(receipts)
            if waiting.prove:
                done = Committed(receipts, *self._writer.prove([r.index for r in receipts]))
        except BaseException as error:  # noqa: BLE001 - the thread must live for the others
            waiting.future.set_exception(error)
        else:
            waiting.future.set_result(done)
