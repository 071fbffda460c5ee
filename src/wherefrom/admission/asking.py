"""Questions that wait for nobody longer than they must.

    ask(artifacts) ──► stands? ── yes ──► at once
                         └ no ──► a queue ──batches, a few threads──► Decider ──► all who wait
    keep() ──every second──► reached? ──► what is due ──► Decider ──► yes: kept, no: dropped

One question is asked once however many wait for it; it goes on when one who waited does not, and
what it brings is there for the next. When the log cannot be reached, what stands stands until it is
too old (``standing``), and then nobody can tell.

Runs in one event loop; a decider may block, and has threads of its own.

Sizes:  BATCH artifacts a question · WORKERS at once · WAITING_MAX wait · a look each LOOK_SECONDS
        asks for WORK_SECONDS
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from wherefrom.admission.deciding import CannotTell, Decider, No, Told, Yes, need_all, told
from wherefrom.admission.standing import Key, Standing
from wherefrom.errors import Error, Unavailable
from wherefrom.formats.policy import Policy
from wherefrom.query.answers import LogPosition

_log = logging.getLogger("wherefrom")
BATCH: Final = 20
WORKERS: Final = 4
WAITING_MAX: Final = 5_000
LOOK_SECONDS: Final = 1.0
# A log that grows all the time is not to be busy with us all the time: so long a look asks again,
# and longer only if each that stands would not be asked thrice in the time that it may be unheard.
WORK_SECONDS: Final = 0.25
_ROUNDS: Final = 3
T = TypeVar("T")


class Asking:
    """Asks a decider, and keeps what may be kept.

    policy   may be set to another: what the old one let in no longer stands
    fresh_s  for how long a yes stands unheard
    turned   is told of each key whose yes turned into a no
    """

    def __init__(
        self,
        decider: Decider,
        policy: Policy,
        *,
        fresh_s: float,
        now: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
        turned: Callable[[Key], None] = lambda key: None,
    ) -> None:
        self._decider, self._turned = decider, turned
        self.use(policy)
        self._fresh_s, self._now, self._clock = fresh_s, now, clock
        self.standing = Standing(fresh_s=fresh_s)
        self._waiting: OrderedDict[Key, asyncio.Future[Told]] = OrderedDict()
        self._under_way: dict[Key, asyncio.Future[Told]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(WORKERS, "wherefrom-asks")
        self._keeper = ThreadPoolExecutor(1, "wherefrom-keeps")
        self.at: LogPosition | None = None
        self.heard: float | None = None
        self.trouble: str | None = None
        self.looked = False

    def use(self, policy: Policy) -> None:
        """Decide by this policy from now on."""
        self.policy, self.digest = policy, policy.digest

    @property
    def unheard_s(self) -> float | None:
        """For how long nothing was heard of the log; None: never yet."""
        return None if self.heard is None else self._now() - self.heard

    async def ask(
        self, artifacts: Sequence[str], environment: str, *, wait_s: float
    ) -> dict[str, Told]:
        """What is told of each artifact, within ``wait_s``."""
        found: dict[str, Told] = {}
        waits: dict[str, asyncio.Future[Told]] = {}
        now, clock = self._now(), self._clock()
        for artifact in dict.fromkeys(artifacts):
            key = Key(artifact, environment, self.digest)
            yes = self.standing.get(key, now=now, clock=clock)
            if yes is not None:
                found[artifact] = yes
            else:
                waits[artifact] = self._asked(key)
        if waits:
            await asyncio.wait(waits.values(), timeout=wait_s)
            for artifact, future in waits.items():
                found[artifact] = future.result() if future.done() else self._too_late(wait_s)
        return found

    def _too_late(self, wait_s: float) -> CannotTell:
        trouble = f" ({self.trouble})" if self.trouble else ""
        return CannotTell(f"the log did not answer in {wait_s:.3g} s{trouble}")

    def _asked(self, key: Key) -> asyncio.Future[Told]:
        future = self._under_way.get(key) or self._waiting.get(key)
        if future is not None:
            return future
        future = asyncio.get_running_loop().create_future()
        if len(self._waiting) >= WAITING_MAX:
            future.set_result(CannotTell("too many images wait to be asked about"))
            return future
        self._waiting[key] = future
        if len(self._workers) < WORKERS:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return future

    async def _work(self) -> None:
        """Ask what waits, batch by batch, until nothing does."""
        await asyncio.sleep(0)  # what else this review asks goes with it
        while self._waiting:
            first = next(iter(self._waiting))
            alike = [key for key in self._waiting if key[1:] == first[1:]][:BATCH]
            futures = {key: self._waiting.pop(key) for key in alike}
            self._under_way |= futures
            try:
                answers = await self._decided(alike, self._threads)
            finally:
                for key in alike:
                    self._under_way.pop(key, None)
            for key, answer in zip(alike, answers, strict=True):
                futures[key].set_result(answer)

    async def _decided(self, keys: Sequence[Key], threads: ThreadPoolExecutor) -> list[Told]:
        """Ask about keys of one environment and policy, and keep what comes of it."""
        policy, asked = self.policy, self._now()
        if keys[0].policy != self.digest:  # another policy came while these waited
            return [CannotTell("the policy has just changed")] * len(keys)
        artifacts, environment = [key.artifact for key in keys], keys[0].environment
        try:
            answers = await self._run(
                lambda: self._decider.decide(policy, artifacts, environment), threads
            )
            need_all(answers, artifacts)
        except Error as error:
            self._troubled(error)
            return [CannotTell(str(error))] * len(keys)
        found = [
            told(answer, policy=policy, artifact=key.artifact, environment=environment)
            for key, answer in zip(keys, answers, strict=True)
        ]
        for key, one in zip(keys, found, strict=True):
            if isinstance(one, Yes):
                self.standing.put(key, one, asked=asked)
            elif isinstance(one, No) and self.standing.drop(key):
                self._turned(key)
        return found

    async def _run(self, work: Callable[[], T], threads: ThreadPoolExecutor) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except Error:
            raise
        except Exception as error:  # a slip must leave nobody waiting
            _log.exception("a question could not be asked")
            raise Unavailable("the question could not be asked", got=repr(error)) from error

    # -- keeping

    async def keep(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            began = self._now()
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - a slip must not end the looking
                _log.exception("the log could not be looked at")
                self.trouble = repr(error)
            await asyncio.sleep(max(0.05, LOOK_SECONDS - (self._now() - began)))

    async def look(self) -> None:
        """How far is the log? What stands and is due is asked again."""
        asked = self._now()
        try:
            at = await self._run(self._decider.reached, self._keeper)
        except Error as error:
            self._troubled(error)
            return
        finally:
            self.looked = True
        self.at, self.heard, self.trouble = at, asked, None
        self.standing.reached(at, asked=asked)
        due = self.standing.due(self.digest, now=self._now())
        least = len(self.standing) * LOOK_SECONDS * _ROUNDS / self._fresh_s
        began, done = self._now(), 0
        for some in _alike(due):
            if done >= least and self._now() - began > WORK_SECONDS:
                return
            await self._decided(some, self._keeper)
            if self.trouble:
                return
            done += len(some)

    def _troubled(self, error: Error) -> None:
        self.trouble = str(error)

    def close(self) -> None:
        """Ask nothing more."""
        for worker in list(self._workers):
            worker.cancel()
        for threads in (self._threads, self._keeper):
            threads.shutdown(wait=False, cancel_futures=True)


def _alike(due: Sequence[Key]) -> list[list[Key]]:
    """Batches of one environment each; the one with the longest unheard first."""
    batches: list[list[Key]] = []
    filling: dict[str, list[Key]] = {}
    for key in due:
        batch = filling.get(key.environment)
        if batch is None or len(batch) == BATCH:
            batch = filling[key.environment] = []
            batches.append(batch)
        batch.append(key)
    return batches
