"""Judge many records at once on other cores, and get the same answers as here.

    contents ──► parts ──► waiting ──► judge processes, a socket each ──► Verified or Refused
                                        └ one that dies: None, and the caller judges here

Reading and checking a signed record costs ten times what writing it does, and holds the
interpreter, so a batch is judged by processes (``judging``). They start with the first batch and
leave when none has come for a while. Each knows keyring, intake rules and trusted root as they were
when it started: when they change, they are started anew, and an answer under older ones is judged
again here.

Each process has a socket of its own: one that is killed in the middle of an answer leaves half a
frame that nobody else waits behind.

Sizes:  a part is 64 records · a judge holds two parts, so that it never waits for the next
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, cast

import msgspec

from wherefrom.collect.principals import Principal
from wherefrom.errors import Refused
from wherefrom.verify.judging import (
    FRAME_BYTES_MAX,
    LENGTH,
    UNREADABLE,
    Judged,
    Part,
    Refusal,
    Rules,
    framed,
)
from wherefrom.verify.verified import Verified

BATCH_MIN: Final = 24
TASK_RECORDS: Final = 64
IDLE_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 30.0
_PARTS_HELD: Final = 2
_COMMAND: Final = "from wherefrom.verify.judging import main; main()"

Answers = list[Judged | Refusal]
_KINDS: Final[tuple[type[Refused], ...]] = (Refused, *Refused.__subclasses__())
_REFUSALS: Final = {refusal.__name__: refusal for refusal in _KINDS}
_ANSWERS: Final = msgspec.msgpack.Decoder(Answers)


class _Asked(NamedTuple):
    """A part of so many records, and who waits for its answers."""

    number: int
    frame: bytes
    future: asyncio.Future[Answers]


class JudgePool:
    """The processes, and the way to them from an event loop. Made and used on one loop.

    rules  gives the rules as they are now; called for every batch
    """

    def __init__(self, rules: Callable[[], Rules], *, workers: int | None = None) -> None:
        self._current = rules
        self._workers = workers or min(8, os.cpu_count() or 1)
        self._judges: _Judges | None = None
        self._leaving: list[_Judges] = []
        self._timer: asyncio.TimerHandle | None = None
        self._not_before = 0.0

    async def judge(
        self, contents: Sequence[bytes], *, principal: Principal, received: str, only: str | None
    ) -> list[Verified | Refused] | None:
        """The judgement of each content, in order; None if it must be made again here."""
        if time.monotonic() < self._not_before:
            return None
        rules = self._current()
        self._leave_when_idle()
        judges = self._judges
        try:
            if judges is None or judges.rules != rules or judges.is_broken:
                self.close()
                judges = self._judges = _Judges(rules, self._workers)
                await judges.start()
            parts = [
                judges.ask(Part([*contents[at : at + TASK_RECORDS]], principal, received, only))
                for at in range(0, len(contents), TASK_RECORDS)
            ]
            answers = [answer for part in await asyncio.gather(*parts) for answer in part]
        except (OSError, RuntimeError):
            # A process or thread that cannot start, or was killed: judging here is slower, never
            # wrong.
            self._not_before = time.monotonic() + RETRY_SECONDS
            self.close()
            return None
        if self._current() != rules:
            return None  # a key, a rule or the root changed meanwhile
        return _joined(contents, answers, received=received)

    def close(self) -> None:
        """Let the processes go once they have answered."""
        self._leaving = [judges for judges in self._leaving if judges.are_there]
        if self._judges is not None:
            self._judges.close()
            self._leaving.append(self._judges)
            self._judges = None

    def end(self) -> None:
        """Let the processes go at once: their loop ends, and nobody waits for an answer."""
        self.close()
        for judges in self._leaving:
            judges.abort()

    def _leave_when_idle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.close)


class _Judges:
    """Judges under the same rules, and the parts that wait for one of them."""

    def __init__(self, rules: Rules, workers: int) -> None:
        self.rules = rules
        self._workers = workers
        self._judges: list[_Judge] = []
        self._waiting: deque[_Asked] = deque()
        self._is_closed = False
        self.is_broken = False  # one is gone: nobody should wait for the others

    async def start(self) -> None:
        """Raises OSError or RuntimeError if a process or its thread cannot be started."""
        try:
            for _ in range(self._workers):
                judge = await _started(self)
                judge.tell(framed(self.rules))
                self._judges.append(judge)
                self.hand_out()
        except BaseException:  # also a caller that went away meanwhile
            self.is_broken = True
            self.close()
            self.fail(self._waiting)
            raise

    def ask(self, part: Part) -> asyncio.Future[Answers]:
        """The answers to a part, or ConnectionError if its judge dies, or one is dead."""
        if self.is_broken:
            raise ConnectionResetError("a judge is gone")
        future: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(len(part.contents), framed(part), future))
        self.hand_out()
        return future

    def hand_out(self) -> None:
        """Give what waits to whoever holds least; when closed, let go who holds nothing."""
        while self._waiting and self._judges:
            judge = min(self._judges, key=lambda judge: len(judge.held))
            if len(judge.held) >= _PARTS_HELD:
                return
            asked = self._waiting.popleft()
            judge.held.append(asked)
            judge.tell(asked.frame)
        if self._is_closed:
            for judge in self._judges:
                if not judge.held:
                    judge.leave()

    def close(self) -> None:
        self._is_closed = True
        self.hand_out()

    @property
    def are_there(self) -> bool:
        """Is any of them left?"""
        return bool(self._judges)

    def abort(self) -> None:
        """Hang up on all of them."""
        for judge in self._judges:
            judge.abort()

    def lost(self, judge: _Judge) -> None:
        """A judge is gone: what it held, and what waited, is its caller's again."""
        self.is_broken = True
        if judge in self._judges:
            self._judges.remove(judge)
        self.fail(judge.held)
        self.fail(self._waiting)

    @staticmethod
    def fail(unanswered: deque[_Asked]) -> None:
        """Tell who asked these parts that there will be no answer."""
        while unanswered:
            future = unanswered.popleft().future
            if not future.done():
                future.set_exception(ConnectionResetError("a judge is gone"))


class _Judge(asyncio.Protocol):
    """Our end of one judge's socket. ``held``: the parts it has, in the order of its answers."""

    def __init__(self, judges: _Judges) -> None:
        self.held: deque[_Asked] = deque()
        self._judges = judges
        self._received = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def tell(self, frame: bytes) -> None:
        self._transport.write(frame)

    def leave(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._received)
            end = LENGTH.size + length
            if length > FRAME_BYTES_MAX:
                self._transport.abort()
                return
            if len(self._received) < end:
                break
            answers = _read_answers(bytes(self._received[LENGTH.size : end]))
            del self._received[:end]
            if answers is None or not self.held or len(answers) != self.held[0].number:
                self._transport.abort()  # whoever answers so is no judge of ours any more
                return
            future = self.held.popleft().future
            if not future.done():
                future.set_result(answers)
            self._judges.hand_out()

    def connection_lost(self, exc: Exception | None) -> None:
        self._judges.lost(self)


def _read_answers(frame: bytes) -> Answers | None:
    """The answers in a frame; None if it is not readable or names a refusal there is none of."""
    try:
        answers = _ANSWERS.decode(frame)
    except UNREADABLE:
        return None
    refusals = (a.name for a in answers if isinstance(a, Refusal))
    return answers if all(name in _REFUSALS for name in refusals) else None


async def _started(judges: _Judges) -> _Judge:
    """A judge process, and our end of its socket. Raises OSError, RuntimeError for a thread."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-P", "-c", _COMMAND]
        try:
            process = subprocess.Popen(command, stdin=theirs.fileno())
        except BaseException:
            ours.close()
            raise
    try:
        # It leaves by itself when the socket ends; somebody has to hear of it.
        threading.Thread(target=process.wait, name="judge-wait", daemon=True).start()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        _, judge = await loop.create_unix_connection(lambda: _Judge(judges), sock=ours)
    except BaseException:
        ours.close()
        process.kill()
        process.wait()
        raise
    return judge


def _joined(
    contents: Sequence[bytes], answers: Answers, *, received: str
) -> list[Verified | Refused]:
    """Contents and their judgements put together again."""
    joined: list[Verified | Refused] = []
    for content, a in zip(contents, answers, strict=True):
        if isinstance(a, Refusal):
            refusal = _REFUSALS[a.name]
            joined.append(refusal(a.what, where=a.where, expected=a.expected, got=a.got, do=a.do))
        else:
            joined.append(
                Verified(
                    content=content,
                    digest=a.digest,
                    kind=a.kind,
                    type=a.type,
                    trust=a.trust,
                    producer=a.producer,
                    received=received,
                    occurred=a.occurred,
                    facts=a.facts,
                )
            )
    return joined
