"""Who sends records while something is broken: real senders, and what each of them was told.

    Emitter.put ──► Outbox, which waits for nobody ──► Counted ──► POST /v1/records
                     └ holds what the server does not take      └ acknowledged: index → content

Each has a token and so a name of its own. What was acknowledged is looked for in the log
afterwards: that nothing of it is lost is the first promise of all.

Sizes:  a request waits ANSWER_SECONDS for its answer
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from wherefrom.app import DataFolder
from wherefrom.capture.outbox import Outbox
from wherefrom.capture.sending import Sender
from wherefrom.collect.principals import Principal
from wherefrom.errors import Refused, Unavailable
from wherefrom.gameday import shop
from wherefrom.log.reader import LogReader

ANSWER_SECONDS: Final = 2.0
STEADY_SECONDS: Final = 0.1
_FLOOD_ANSWER_SECONDS: Final = 20.0
_SHED_SECONDS: Final = 0.02


class Acknowledged:
    """What every emitter was told is recorded: index → SHA-256 of the content."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[int, bytes] = {}

    def add(self, index: int, content: bytes) -> None:
        """One record that was answered with its index."""
        with self._lock:
            self._held[index] = hashlib.sha256(content).digest()

    def not_in(self, log: LogReader) -> list[int]:
        """The indexes at which a log does not hold what was acknowledged."""
        with self._lock:
            wanted = dict(self._held)
        for logged in log.read(min(wanted, default=log.size), log.size):
            if logged.content is not None:
                held = hashlib.sha256(logged.content).digest()
                if wanted.get(logged.index) == held:
                    del wanted[logged.index]
        return sorted(wanted)

    def __len__(self) -> int:
        return len(self._held)


class Counted(Sender):
    """A sender that keeps what it was told.

    trouble  why the last request failed, if it did
    taken    records that were acknowledged; ``done`` are those that were answered at all
    """

    def __init__(
        self,
        url: str,
        token: str,
        acknowledged: Acknowledged,
        *,
        timeout_s: float = ANSWER_SECONDS,
    ) -> None:
        super().__init__(url, token, environ={}, timeout_s=timeout_s)
        self._acknowledged = acknowledged
        self.trouble = ""
        self.taken = self.done = 0

    def send(self, contents: Sequence[bytes]) -> list[dict[str, Any]]:
        """As ``Sender.send``."""
        try:
            items = super().send(contents)
        except (Unavailable, Refused) as error:
            self.trouble = str(error)
            raise
        refused = ""
        self.done += len(contents)
        for item, content in zip(items, contents, strict=True):
            if item["index"] is None:
                refused = f"refused: {item['reason']}"
            else:
                self._acknowledged.add(item["index"], content)
                self.taken += 1
        self.trouble = refused
        return items


class Emitter:
    """Somebody who sends records, by its name; ``put`` waits for nothing."""

    def __init__(self, name: str, url: str, folder: DataFolder, acknowledged: Acknowledged) -> None:
        self.name = name
        token, _ = folder.tokens.add(Principal(name=name, roles=("record",)))
        self.token = token
        self.sender = Counted(url, token, acknowledged)
        self._outbox = Outbox(self.sender)
        self.sent = 0

    def put(self, *contents: bytes) -> None:
        """Send them soon, however long it takes until they are taken."""
        for content in contents:
            self._outbox.put(content)
        self.sent += len(contents)

    def flush(self, seconds: float) -> bool:
        """Wait until everything is taken; whether it is."""
        return self._outbox.flush(seconds)

    @property
    def waiting(self) -> int:
        """Records that are not taken: those that wait, and those that found no room to."""
        return max(0, self.sent - self.sender.done)

    def close(self) -> None:
        """Send nothing more."""
        self._outbox.close(0)


class Steady:
    """An emitter's jobs, one run every STEADY_SECONDS, on a thread until it is stopped."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gameday-jobs", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Run no more jobs; what waits is still sent."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._over.wait(STEADY_SECONDS):
            number += 1
            self._emitter.put(shop.job_run(shop.JOBS, number, datetime.now(UTC)))


class Flood:
    """Bodies of many records from many connections; what is shed is offered again at once, as no
    sender should.

    offered   records sent, taken or not; ``taken`` those that were acknowledged
    """

    BODY_RECORDS: Final = 1000
    CONNECTIONS: Final = 32

    def __init__(self, url: str, token: str, acknowledged: Acknowledged) -> None:
        self.offered = self.taken = 0
        self._of = (url, token, acknowledged)
        self._counting = threading.Lock()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, name=f"gameday-flood-{n}", daemon=True)
            for n in range(self.CONNECTIONS)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; every request under way is answered, or given up."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        sender = Counted(*self._of, timeout_s=_FLOOD_ANSWER_SECONDS)
        while not self._over.is_set():
            now = datetime.now(UTC)
            body = [shop.job_run("gameday-flood", n, now) for n in range(self.BODY_RECORDS)]
            while not self._over.is_set():
                before = sender.taken
                # What is shed is offered once more.
                with contextlib.suppress(Unavailable, Refused):
                    sender.send(body)
                with self._counting:
                    self.offered += len(body)
                    self.taken += sender.taken - before
                if sender.taken > before:
                    break
                self._over.wait(_SHED_SECONDS)


def wait_until(holds: Callable[[], bool], *, seconds: float) -> bool:
    """Whether it comes to that in time."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
