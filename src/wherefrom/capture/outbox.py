"""Records on their way to a server, sent in the background and in batches.

    put(record) ──► a queue ──one thread, batches──► Sender      flush(): wait until it is empty

Whoever puts a record in waits for nobody. A server that is away is tried again; what does not fit
meanwhile is dropped, counted and logged, for the program must not run out of memory. At the end of
the program what is left is sent, for a moment.

Sizes:  RECORDS_MAX records wait · BATCH_RECORDS a request
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from typing import Any, Final, Protocol

from wherefrom.errors import Refused, Unavailable

RECORDS_MAX: Final = 10_000
BATCH_RECORDS: Final = 100
AGAIN_SECONDS: Final = 1.0
END_SECONDS: Final = 5.0
_log = logging.getLogger("wherefrom")


class Sends(Protocol):
    """Where records go: a ``Sender``."""

    def send(self, contents: Any) -> Any: ...


class Outbox:
    """A queue in front of a sender. May be used by several threads."""

    def __init__(self, sender: Sends, *, records_max: int = RECORDS_MAX) -> None:
        self._sender, self._records_max = sender, records_max
        self._waiting: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self.dropped = 0

    def put(self, record: bytes) -> None:
        """Send a record soon; drops it if too many wait."""
        with self._changed:
            if len(self._waiting) >= self._records_max or self._closing:
                self.dropped += 1
                if self.dropped == 1:
                    _log.warning("records are dropped: %d wait to be sent", len(self._waiting))
                return
            self._waiting.append(record)
            # A thread does not survive a fork, so each process begins its own.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="wherefrom-outbox", daemon=True
                )
                self._thread.start()
                atexit.register(self.close)
            self._changed.notify_all()

    def flush(self, timeout_s: float = END_SECONDS) -> bool:
        """Wait until all is sent; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout_s)

    def close(self, timeout_s: float = END_SECONDS) -> None:
        """Send what is left, for so long, and end."""
        self.flush(timeout_s)
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def _run(self) -> None:
        said = ""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if self._closing:
                    return
                batch = list(self._waiting)[:BATCH_RECORDS]
            try:
                self._sender.send(batch)
                said = ""
            except Unavailable as error:
                said = _tell(str(error), said)
                time.sleep(AGAIN_SECONDS)
                continue
            except Refused as error:
                said = _tell(str(error), said)  # to send it again would change nothing
            except Exception as error:  # noqa: BLE001 - our own slip must not end what is sent
                said = _tell(repr(error), said)
            with self._changed:
                for _ in batch:
                    self._waiting.popleft()
                self._changed.notify_all()


def _tell(trouble: str, said: str) -> str:
    if trouble != said:
        _log.warning("records are not taken: %s", trouble)
    return trouble
