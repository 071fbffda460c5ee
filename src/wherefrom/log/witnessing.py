"""Publish in rounds: the log's slow keys sign a checkpoint, and its witnesses cosign it.

    the head moved ──► a round: the newest checkpoint ──► slow keys ──► all witnesses at once
                             └ quorum, or the deadline ──► published ──► who waits for a proof

One round at a time, each for the newest checkpoint: what was added meanwhile goes into the next
one, so a round costs the same however many records it covers. A round ends with its quorum; a
witness that is slower is not waited for, and is asked for what is newest once it has answered.
Nothing here holds up an add.

closed  a checkpoint without its quorum is not published; the one before it stays
open    at the deadline it is published with what it has

A slow key (``own_keys``) signs once a second at most, so a log with one has a round a second. A
checkpoint without a signature of such a key is never published.

Everything runs on the loop that commits: the tree is read between two batches, without a lock.

Source: C2SP tlog-witness v1.0.0; docs/decisions/0015-witnesses.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from wherefrom.errors import Corrupt, Error, Unavailable
from wherefrom.formats import add_checkpoint
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as notes
from wherefrom.formats.add_checkpoint import AddCheckpoint
from wherefrom.formats.note import Note, Signature
from wherefrom.formats.tlog_policy import Policy, Witness
from wherefrom.keys.cosignatures import check_cosignatures
from wherefrom.keys.quorum import witnessed
from wherefrom.log.published import Published, PublishedFile
from wherefrom.log.witness_client import Answer

DEADLINE_SECONDS: Final = 3.0
RETRY_SECONDS: Final = 1.0
# Under load, between two rounds as long as the last one took: witnesses get half of the time.
PAUSE_SECONDS_MAX: Final = 0.1
# Between two signatures of a slow key.
SIGN_EVERY_SECONDS: Final = 1.0
_TRIES: Final = 3


class Signed(Protocol):
    """What is asked of the writer; all of it on the loop that commits."""

    @property
    def checkpoint(self) -> bytes: ...

    def path_between(self, size1: int, size2: int) -> list[bytes]: ...


class Client(Protocol):
    """The way to the witnesses, such as ``witness_client.WitnessClient``."""

    async def ask(self, url: str, body: bytes) -> Answer:
        """POST to a witness. Raises Unavailable."""

    async def close(self) -> None: ...


class _Round:
    """One checkpoint on its way to a quorum; ``lines`` are the cosignatures so far, all checked."""

    def __init__(self, signed: Note, before: _Round | None) -> None:
        self.signed = signed
        self.size = checkpoints.parse(signed.text).size
        # The same checkpoint once more, after a deadline: what was had of it still counts.
        self.is_public = False
        self.lines: dict[tuple[str, bytes], Signature] = {}
        if before is not None and before.signed.text == signed.text:
            self.lines |= before.lines

    def note(self) -> Note:
        return Note(self.signed.text, (*self.signed.signatures, *self.lines.values()))


class _Asked:
    """One address, with the keys that answer there."""

    def __init__(self, url: str, witnesses: Sequence[Witness]) -> None:
        self.url = url
        self.keys = [w.key for w in witnesses]
        self.names = ", ".join(w.name for w in witnesses)
        self.size = 0  # what it cosigned last, as far as we know
        self.done_for: _Round | None = None
        self.failure: str | None = None


class Witnessing:
    """The rounds of one log. Made, run and closed on one event loop; ``grown`` is for any thread.

    client      is closed with the rounds
    sign        gives a head the signatures with which it is published; called on another thread.
                Raises Error
    is_slow     may that wait for somebody, so that once a second is enough?
    is_open     publish at the deadline without a quorum
    on_trouble  is told in a line when a witness or a quorum fails, and not again for the same
    """

    def __init__(
        self,
        *,
        writer: Signed,
        published: PublishedFile,
        client: Client,
        sign: Callable[[Note], Note] = lambda head: head,
        is_slow: Callable[[], bool] = lambda: False,
        deadline_s: float = DEADLINE_SECONDS,
        is_open: bool = False,
        on_trouble: Callable[[str], None] = lambda says: None,
    ) -> None:
        self._writer = writer
        self._published = published
        self._policy: Policy = published.policy
        self._client = client
        self._sign = sign
        self._is_slow = is_slow
        self._deadline_s = deadline_s
        self._is_open = is_open
        self._on_trouble = on_trouble
        self._loop = asyncio.get_running_loop()
        self._grown = asyncio.Event()
        self._moved = asyncio.Event()  # something of the round under way has changed
        self._round: _Round | None = None
        self._waiting: dict[asyncio.Future[Published], int] = {}
        self._publishing = asyncio.Lock()
        self._asked = _by_address(self._policy)
        self._wake = [asyncio.Event() for _ in self._asked]
        self._tasks: list[asyncio.Task[None]] = []
        self._short: str | None = None
        self.newest: Published | None = None

    def start(self) -> None:
        """Take up what is published, and ask for what is not."""
        self.newest = self._still_good()
        if self.newest is None:
            self._published.remove()
        self._tasks = [
            self._loop.create_task(self._run()),
            *(
                self._loop.create_task(self._serve(asked, wake))
                for asked, wake in zip(self._asked, self._wake, strict=True)
            ),
        ]
        self._grown.set()

    def _still_good(self) -> Published | None:
        try:
            found = self._published.read()
        except Corrupt as error:
            self._on_trouble(str(error))
            return None
        # The policy may ask for more than when this was published.
        return found if found and (found.witnessed.reached or self._is_open) else None

    async def close(self) -> None:
        """End the rounds; what waits is told to come again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for future in self._waiting:
            if not future.done():
                future.set_exception(_not_yet("the server is closing"))
        await self._client.close()

    def grown(self) -> None:
        """The head has moved."""
        self._loop.call_soon_threadsafe(self._grown.set)

    async def covering(self, size: int) -> Published:
        """What is published, once it has ``size`` entries. Raises Unavailable at the deadline."""
        if self.newest is not None and self.newest.tree.size >= size:
            return self.newest
        future: asyncio.Future[Published] = self._loop.create_future()
        self._waiting[future] = size
        # An open log publishes at the end of the round that is under way, or of the next one.
        patience = 2 * self._deadline_s + RETRY_SECONDS if self._is_open else self._deadline_s
        try:
            return await asyncio.wait_for(future, patience)
        except TimeoutError:
            raise _not_yet(self._short) from None
        finally:
            del self._waiting[future]

    # -- rounds

    async def _run(self) -> None:
        while True:
            await self._grown.wait()
            self._grown.clear()
            began = self._loop.time()
            head, newest = notes.parse(self._writer.checkpoint), self.newest
            size = checkpoints.parse(head.text).size
            if newest is not None and newest.witnessed.reached and newest.tree.size >= size:
                continue
            round = await self._begin(head)
            if round is None or not await self._hold(round):
                self._loop.call_later(RETRY_SECONDS, self._grown.set)
                await asyncio.sleep(min(RETRY_SECONDS, self._deadline_s))
            elif self._is_slow():
                await asyncio.sleep(max(0, began + SIGN_EVERY_SECONDS - self._loop.time()))
            elif self._grown.is_set():  # there is more than one round's worth of work
                await asyncio.sleep(min(self._loop.time() - began, PAUSE_SECONDS_MAX))

    async def _begin(self, head: Note) -> _Round | None:
        """A round for this head once the log's own keys have signed it; None if one could not."""
        try:
            signed = await asyncio.to_thread(self._sign, head) if self._is_slow() else head
        except Error as error:
            says = f"a key of the log does not sign: {error}"
            if says != self._short:
                self._short = says
                self._on_trouble(f"a checkpoint is not published: {says}")
            return None
        return _Round(signed, self._round)

    async def _hold(self, round: _Round) -> bool:
        """One round, to its quorum or its deadline; returns whether it is published with it."""
        self._round = round
        for wake in self._wake:
            wake.set()
        ends = self._loop.time() + self._deadline_s
        while not (reached := self._reaches(round)):
            self._moved.clear()
            left = ends - self._loop.time()
            if left <= 0 or all(asked.done_for is round for asked in self._asked):
                break
            try:
                await asyncio.wait_for(self._moved.wait(), left)
            except TimeoutError:
                break
        if reached:
            self._short = None
        else:
            self._tell_short(round)
        round.is_public = reached or self._is_open
        return round.is_public and await self._publish(round) and reached

    def _reaches(self, round: _Round) -> bool:
        by = {w.name for w in self._policy.witnesses.values()
              if (w.key.name, w.key.key_id) in round.lines}  # fmt: skip
        return self._policy.is_reached(by)

    async def _publish(self, round: _Round) -> bool:
        """Show a round's checkpoint, unless something newer is shown; returns False on trouble."""
        async with self._publishing:
            newest, note = self.newest, round.note()
            if newest is not None:
                is_older = round.size < newest.tree.size
                if is_older or notes.to_bytes(note) == newest.note:
                    return True
            try:
                made = await asyncio.to_thread(self._published.write, note)
            except Error as error:
                # A full disk: the checkpoint before stays, and the next round tries again.
                self._on_trouble(str(error))
                return False
            self._show(made)
            return True

    def _show(self, made: Published) -> None:
        self.newest = made
        for future, size in self._waiting.items():
            if size <= made.tree.size and not future.done():
                future.set_result(made)

    def _tell_short(self, round: _Round) -> None:
        found = witnessed(round.note(), self._policy)
        missing = [f"{a.names}: {a.failure or 'no answer yet'}" for a in self._asked
                   if not any((k.name, k.key_id) in round.lines for k in a.keys)]  # fmt: skip
        says = f"{found.says()}. {'; '.join(missing)}"
        if says != self._short:
            self._short = says
            what = "published without its quorum" if self._is_open else "not published"
            self._on_trouble(f"a checkpoint is {what}: {says}")

    # -- one witness

    async def _serve(self, asked: _Asked, wake: asyncio.Event) -> None:
        while True:
            await wake.wait()
            wake.clear()
            round = self._round
            if round is None or asked.done_for is round:
                continue
            try:
                async with asyncio.timeout(self._deadline_s):
                    lines = await self._obtain(asked, round)
            except TimeoutError:
                asked.failure = f"no answer within {self._deadline_s:g} s"
            except Error as error:
                asked.failure = str(error)
            else:
                asked.failure = None
                round.lines.update(lines)
                if round.is_public:  # a late one is shown too, while nothing newer is
                    await self._publish(round)
            asked.done_for = round
            self._moved.set()

    async def _obtain(self, asked: _Asked, round: _Round) -> dict[tuple[str, bytes], Signature]:
        size = round.size
        for _ in range(_TRIES):
            path = self._writer.path_between(asked.size, size)
            request = AddCheckpoint(asked.size, tuple(path), round.signed)
            answer = await self._client.ask(asked.url, add_checkpoint.to_bytes(request))
            if answer.status == 200:
                asked.size = size
                return self._checked(asked, round, answer.body)
            is_size = answer.media_type == add_checkpoint.SIZE_MEDIA_TYPE
            if answer.status != 409 or not is_size:
                raise Unavailable(
                    "a witness refuses to cosign",
                    where=asked.url,
                    got=f"HTTP {answer.status} {answer.reason}".strip(),
                    do="Ask whoever runs it; it may not know this log's key",
                )
            asked.size = self._told(asked, add_checkpoint.parse_size_line(answer.body), size)
        raise Unavailable(
            "a witness names another size each time",
            where=asked.url,
            do="Ask whoever runs it: its state goes back and forth",
        )

    def _told(self, asked: _Asked, told: int, size: int) -> int:
        if told > size:
            raise Corrupt(
                f"a witness has cosigned {told} entries of this log, which has {size}",
                where=asked.url,
                do="An old copy of the log is being served: end it, and find the newer one",
            )
        return told

    def _checked(
        self, asked: _Asked, round: _Round, body: bytes
    ) -> dict[tuple[str, bytes], Signature]:
        """The lines by keys that we know; one that is wrong is no cosignature at all."""
        known = {(key.name, key.key_id) for key in asked.keys}
        lines = add_checkpoint.parse_signature_lines(body, where=asked.url)
        ours = tuple(s for s in lines if (s.name, s.key_id) in known)
        found = check_cosignatures(Note(round.signed.text, ours), asked.keys)
        if not found:
            raise Unavailable(
                "a witness answers with other keys than its policy",
                where=asked.url,
                do="Compare its keys with those in the policy",
            )
        return {(s.name, s.key_id): s for s in reversed(ours)}


def _by_address(policy: Policy) -> list[_Asked]:
    addresses: dict[str, list[Witness]] = {}
    for witness in policy.witnesses.values():
        if witness.url is not None:
            addresses.setdefault(witness.url.rstrip("/"), []).append(witness)
    return [_Asked(url, witnesses) for url, witnesses in addresses.items()]


def _not_yet(why: str | None) -> Unavailable:
    return Unavailable(
        "the record is in the log, but no checkpoint with it is published yet",
        got=why,
        do="Nothing is lost: send it again for its receipt, or ask for that later",
    )
