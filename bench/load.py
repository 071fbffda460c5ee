"""The client that sends: a process of its own, with every request written before the clock runs.

    Job on stdin ──► prepare ──► "ready" ──► another line on stdin ──► send ──► Sent on stdout

burst   as fast as the answers come, so many requests at a time as there are connections
steady  a request when its time has come, whether or not the answers keep up; a request that had
        to wait for a connection counts from when it was due

Sizes:  about 10 µs of processor time a request
"""

from __future__ import annotations

import asyncio
import random
import resource
import ssl
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, cast

import msgspec

from bench.inputs import artifact, batched, event, review, signed
from bench.server import content_length, request
from bench.timing import spread

_STEADY_BATCHES: Final = (10, 50)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to send.

    kind    ``event``, ``signed``, ``mixed``: both, in turn; ``batched``: all under one signature;
            ``review``: admission reviews, whose images are of ``pool`` and count as records
    batch   records a request; 0 for 10 to 50, at random
    rate    records a second for a steady load; 0 for a burst
    prove   wait for the proof
    ca      a certificate to trust: then it is asked over TLS
    """

    port: int
    token: str
    run: str
    kind: str
    records: int
    batch: int
    connections: int
    rate: int = 0
    prove: bool = False
    pool: int = 0
    ca: str = ""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. ``statuses`` counts records; ``cpu_seconds`` are the client's own.

    put_off  503 answers that said when to try again
    allowed  reviews that were answered with a yes
    """

    recorded: int
    put_off: int
    allowed: int
    statuses: dict[str, int]
    seconds: float
    cpu_seconds: float
    p50_ms: float
    p99_ms: float
    last: str

    @property
    def rate(self) -> float:
        """Records a second, answered."""
        return self.recorded / self.seconds

    @property
    def client_share(self) -> float:
        """Percent of one core that the client took."""
        return self.cpu_seconds / self.seconds * 100


class _Request(NamedTuple):
    written: bytes
    records: int
    due: float


class _Sender:
    """What the connections share: requests to send, and what came back."""

    def __init__(self) -> None:
        self.queue: deque[_Request] = deque()
        self.idle: list[_Connection] = []
        self.took: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.left = 0
        self.put_off = self.allowed = 0
        self.done = asyncio.get_running_loop().create_future()
        self.last = b""

    def put(self, wanted: _Request) -> None:
        self.queue.append(wanted)
        if self.idle:
            self.idle.pop().send_next()

    def answered(self, sent: _Request, since: float, status: bytes, body: bytes) -> None:
        self.took.append(time.perf_counter() - since)
        self.statuses[status.decode()] += sent.records
        if status == b"503" and b"\r\nretry-after: " in body.lower():
            self.put_off += 1
        if b'"allowed":true' in body:
            self.allowed += 1
        self.last = body
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)

    def lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server hung up"))


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, sender: _Sender) -> None:
        self._sender = sender
        self._left = b""
        self._needed = 0
        self._since = 0.0
        self._sent: _Request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._sender.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sender.lost(exc)

    def send_next(self) -> None:
        if not self._sender.queue:
            self._sender.idle.append(self)
            return
        self._sent = self._sender.queue.popleft()
        self._since = self._sent.due or time.perf_counter()
        self._transport.write(self._sent.written)

    def data_received(self, data: bytes) -> None:
        self._left = self._left + data if self._left else data
        if not self._needed:
            end = self._left.find(b"\r\n\r\n")
            if end < 0:
                return
            self._needed = end + 4 + content_length(self._left[:end])
        if len(self._left) >= self._needed:
            status, body = self._left[9:12], self._left[: self._needed]
            self._left, self._needed = self._left[self._needed :], 0
            self._sender.answered(self._sent, self._since, status, body)
            self.send_next()


def prepare(job: Job) -> list[_Request]:
    """Every request, and when it is due in seconds from the start (0 in a burst)."""
    chance = random.Random(job.run)
    path = "/v1/records?wait=proof" if job.prove else "/v1/records"
    is_review = job.kind == "review"
    if is_review:
        path = "/validate?timeout=10s"
    together = batched(range(job.records), job.run) if job.kind == "batched" else None
    prepared = []
    number = 0
    while number < job.records:
        size = min(job.batch or chance.randint(*_STEADY_BATCHES), job.records - number)
        numbers = range(number, number + size)
        if is_review:
            body = review([artifact(n % job.pool, job.run) for n in numbers], number)
        else:
            items = [together[n] if together else _record(job, n) for n in numbers]
            body = items[0] if job.batch == 1 else b"[" + b",".join(items) + b"]"
        due = number / job.rate if job.rate else 0.0
        prepared.append(_Request(request(b"POST", path, job.token.encode(), body), size, due))
        number += size
    return prepared


def _record(job: Job, number: int) -> bytes:
    is_signed = job.kind == "signed" or (job.kind == "mixed" and number % 2 == 1)
    return signed(number, job.run) if is_signed else event(number, job.run)


async def _send(job: Job, prepared: list[_Request]) -> Sent:
    loop = asyncio.get_running_loop()
    sender = _Sender()
    sender.left = len(prepared)
    tls = ssl.create_default_context(cafile=job.ca) if job.ca else None
    for _ in range(job.connections):
        await loop.create_connection(lambda: _Connection(sender), "127.0.0.1", job.port, ssl=tls)
    start, cpu = time.perf_counter(), _processor_seconds()
    if job.rate:
        for wanted in prepared:
            wait = start + wanted.due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            sender.put(wanted._replace(due=start + wanted.due))
    else:
        sender.queue.extend(prepared)
        for connection in [sender.idle.pop() for _ in range(job.connections)]:
            connection.send_next()
    await sender.done
    times = spread(sender.took)
    return Sent(
        recorded=sender.statuses["201"],
        put_off=sender.put_off,
        allowed=sender.allowed,
        statuses=dict(sender.statuses),
        seconds=time.perf_counter() - start,
        cpu_seconds=_processor_seconds() - cpu,
        p50_ms=times.p50,
        p99_ms=times.p99,
        last=sender.last.decode(errors="replace"),
    )


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Load:
    """A client process that is ready to send."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def begin(self) -> None:
        """Let it send."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def result(self) -> Sent:
        """Wait until everything is answered. Raises RuntimeError if the client broke."""
        out, _ = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"the load client ended with {self._process.returncode}")
        return msgspec.json.decode(out, type=Sent)


@contextmanager
def loading(job: Job) -> Iterator[Load]:
    """A client process with everything prepared."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        # Not as an argument: it holds a token, and anybody may read those of a process.
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        process.stdin.flush()
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"the load client ended with {process.wait()}")
        yield Load(process)
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """The client process."""
    import uvloop

    job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    prepared = prepare(job)
    print("ready", flush=True)
    sys.stdin.readline()
    sent = uvloop.run(_send(job, prepared))
    print(msgspec.json.encode(sent).decode(), flush=True)


if __name__ == "__main__":
    main()
