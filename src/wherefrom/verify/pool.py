"""Judge many records at once on other cores, and get the same answers as here.

    contents ──► worker processes: collect, judge ──► Verified or Refused for each, in order

Reading and checking a signed record costs ten times what writing it does, and holds the
interpreter, so a batch is judged by processes. They start with the first batch and leave when
none has come for a while. Each knows the keyring as it was when it started: when a key changes
they are started anew, and an answer under an older keyring is judged again here.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Final

import msgspec

from wherefrom import errors
from wherefrom.collect.collected import collect
from wherefrom.collect.principals import Principal
from wherefrom.errors import Refused
from wherefrom.formats.entry import Trust
from wherefrom.formats.own import KeyChange
from wherefrom.keys.keyring import Keyring
from wherefrom.verify.judge import judge
from wherefrom.verify.verified import Verified

BATCH_MIN: Final = 24
TASK_RECORDS: Final = 64
IDLE_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 30.0


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a judgement depends on besides the record."""

    producer_key: bytes
    content_bytes_max: int
    key_changes: tuple[tuple[int, KeyChange], ...]


# A judged record on its way back: everything of a ``Verified`` but its content, or a refusal.
_Judged = tuple[bytes, str, str, str, tuple[str, ...], str, str | None]
_Refusal = tuple[str, str, str | None, str | None, str | None, str | None]

_rules: Rules
_keyring: Keyring


def _start(rules: Rules) -> None:
    global _rules, _keyring
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's ^C goes to all; the server decides
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _rules, _keyring = rules, Keyring()
    for entry, change in rules.key_changes:
        _keyring.fold(entry, change)


def _leave_with_parent() -> None:
    """A server that was killed closes nothing: its judges see for themselves, and leave."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)


def _judge_part(
    contents: Sequence[bytes], principal: Principal, received: str, only: str | None
) -> list[_Judged | _Refusal]:
    answers: list[_Judged | _Refusal] = []
    for content in contents:
        try:
            heard = collect(
                content,
                principal=principal,
                received=received,
                only=only,
                content_bytes_max=_rules.content_bytes_max,
            )
            v = judge(heard, keyring=_keyring, producer_key=_rules.producer_key)
        except Refused as e:
            answers.append((type(e).__name__, e.what, e.where, e.expected, e.got, e.do))
        else:
            answers.append(
                (v.digest, v.kind, v.type, v.trust.level, v.trust.signers, v.producer, v.occurred)
            )
    return answers


class JudgePool:
    """The processes, and the way to them from an event loop or a thread.

    rules  gives the rules as they are now; called for every batch
    """

    def __init__(self, rules: Callable[[], Rules], *, workers: int | None = None) -> None:
        self._current = rules
        self._workers = workers or min(8, os.cpu_count() or 1)
        self._pool: ProcessPoolExecutor | None = None
        self._rules: Rules | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._not_before = 0.0

    def submit(
        self, contents: Sequence[bytes], *, principal: Principal, received: str, only: str | None
    ) -> list[Future[list[_Judged | _Refusal]]]:
        """Hand out a batch in parts; ``join`` puts the answers together."""
        rules = self._current()
        if self._pool is None or rules != self._rules:
            self.close()
            self._rules = rules
            self._pool = ProcessPoolExecutor(
                self._workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start,
                initargs=(rules,),
            )
        parts = (contents[at : at + TASK_RECORDS] for at in range(0, len(contents), TASK_RECORDS))
        return [self._pool.submit(_judge_part, part, principal, received, only) for part in parts]

    async def judge(
        self, contents: Sequence[bytes], *, principal: Principal, received: str, only: str | None
    ) -> list[Verified | Refused] | None:
        """The judgement of each content, in order; None if it must be made again here."""
        if time.monotonic() < self._not_before:
            return None
        rules = self._current()
        self._leave_when_idle()
        try:
            futures = self.submit(contents, principal=principal, received=received, only=only)
            parts = await asyncio.gather(*map(asyncio.wrap_future, futures))
        except BrokenProcessPool:
            # A process that cannot start, or was killed: judging here is slower, never wrong.
            self._not_before = time.monotonic() + RETRY_SECONDS
            self.close()
            return None
        if self._current() != rules:
            return None  # a key changed meanwhile
        return join(contents, [a for part in parts for a in part], received=received)

    def close(self) -> None:
        """Let the processes go once they have answered."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    def _leave_when_idle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.close)


def join(
    contents: Sequence[bytes], answers: Sequence[_Judged | _Refusal], *, received: str
) -> list[Verified | Refused]:
    """Put contents and their judgements together again."""
    joined: list[Verified | Refused] = []
    for content, answer in zip(contents, answers, strict=True):
        if len(answer) == 6:
            name, what, where, expected, got, do = answer
            refusal: type[Refused] = getattr(errors, name)
            joined.append(refusal(what, where=where, expected=expected, got=got, do=do))
        else:
            digest, kind, type_, level, signers, producer, occurred = answer
            joined.append(
                Verified(
                    content=content,
                    digest=digest,
                    kind=kind,
                    type=type_,
                    trust=Trust(level, signers),
                    producer=producer,
                    received=received,
                    occurred=occurred,
                )
            )
    return joined
