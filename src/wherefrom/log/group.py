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
from typing import Final

from wherefrom.errors import Unavailable
from wherefrom.log.writer import LogWriter, Receipt
from wherefrom.verify.verified import Verified

BATCH_RECORDS_MAX: Final = 4096
BATCH_BYTES_MAX: Final = 16 * 1024 * 1024
QUEUE_RECORDS_MAX: Final = 50_000
QUEUE_BYTES_MAX: Final = 256 * 1024 * 1024

_Waiting = tuple[Sequence[Verified], int, "Future[list[Receipt]]"]


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

    def submit(self, batch: Sequence[Verified]) -> Future[list[Receipt]]:
        """Queue ``batch``. Raises Unavailable when the queue is full or closing."""
        size = sum(len(v.content) for v in batch)
        future: Future[list[Receipt]] = Future()
        with self._ready:
            full = self._records >= QUEUE_RECORDS_MAX or self._bytes >= QUEUE_BYTES_MAX
            if full or self._closing:
                raise Unavailable(
                    "the log is closing" if self._closing else "too many records are waiting",
                    do="Send it again in a second; nothing of it was kept",
                )
            self._queue.append((batch, size, future))
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
                    records + len(self._queue[0][0]) <= BATCH_RECORDS_MAX
                    and size + self._queue[0][1] <= BATCH_BYTES_MAX
                )
            ):
                waiting = self._queue.popleft()
                taken.append(waiting)
                records += len(waiting[0])
                size += waiting[1]
            self._records -= records
            self._bytes -= size
            return taken

    def _commit(self, taken: list[_Waiting]) -> None:
        try:
            receipts = self._writer.commit([v for batch, _, _ in taken for v in batch])
        except BaseException as error:  # noqa: BLE001 - every waiter must hear of it
            for _, _, future in taken:
                if future.set_running_or_notify_cancel():
                    future.set_exception(error)
            return
        at = 0
        for batch, _, future in taken:
            if future.set_running_or_notify_cancel():
                future.set_result(receipts[at : at + len(batch)])
            at += len(batch)
