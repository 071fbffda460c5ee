"""The agent: follows a cluster, and tells a server what became different.

    follow × kinds ──► Cluster ──dirty──┐
                                        ├─ at most GATHER_SECONDS later ──► documents ──► spool
    every snapshot_every, and after a relist: all of it ┘                                   │
                                                              the server ◄── oldest first ──┘

One event loop does all of it. A document is in the spool before anything is sent; what the server
does not acknowledge stays there. A snapshot is made only while every kind is heard of: it would
vouch for what nobody saw. And only when nothing waits: a server that is away for a week needs one.

Sizes:  a request is SEND_DOCUMENTS documents or SEND_BYTES
Source: docs/kubernetes.md
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from wherefrom.capture.kubernetes.api import RESOURCES, Api, Closed, Resource
from wherefrom.capture.kubernetes.cluster import Cluster
from wherefrom.capture.kubernetes.following import Pause, follow
from wherefrom.capture.kubernetes.picture import NEEDS, Painter
from wherefrom.capture.kubernetes.sending import Fate
from wherefrom.capture.kubernetes.spool import Spool
from wherefrom.capture.kubernetes.telling import Teller
from wherefrom.errors import Unavailable

GATHER_SECONDS: Final = 0.5
FIRST_LIST_SECONDS: Final = 30.0
LAST_SEND_SECONDS: Final = 5.0
SEND_DOCUMENTS: Final = 100
SEND_BYTES: Final = 4 * 1024 * 1024
_HASHED_AS: Final = {"configmaps": "configmap", "secrets": "secret"}


class Sender(Protocol):
    """Where documents go."""

    async def send(self, documents: Sequence[bytes]) -> list[Fate]:
        """One fate for each, in order. Raises Unavailable."""


class Wanted(NamedTuple):
    """What an agent is to do.

    environments    every environment that it tells of
    namespaces      the only ones that are watched; none: all
    leave_out       kinds that are not read
    snapshot_every  seconds
    """

    environments: Collection[str]
    namespaces: tuple[str, ...] = ()
    leave_out: frozenset[str] = frozenset()
    snapshot_every: float = 3600.0


class Agent:
    """One cluster's agent. ``now`` gives RFC 3339; ``warn`` tells a person."""

    def __init__(
        self,
        wanted: Wanted,
        *,
        api: Api,
        cluster: Cluster,
        painter: Painter,
        teller: Teller,
        spool: Spool,
        server: Sender,
        now: Callable[[], str],
        warn: Callable[[str], None],
    ) -> None:
        self._wanted = wanted
        self._api = api
        self._cluster = cluster
        self._painter = painter
        self._teller = teller
        self._spool = spool
        self._server = server
        self._now = now
        self._warn = warn
        self._told: set[str] = set()
        self._health = _Health(self._following())
        for kind in wanted.leave_out & _HASHED_AS.keys():
            cluster.unread.add(_HASHED_AS[kind])
        self._dirty = asyncio.Event()
        self._waiting = asyncio.Event()
        self._whole_due = True
        self.refused = 0

    def _following(self) -> list[tuple[Resource, str]]:
        return [
            (resource, namespace)
            for resource in RESOURCES
            if resource.name not in self._wanted.leave_out
            for namespace in ((self._wanted.namespaces or ("",)) if resource.namespaced else ("",))
        ]

    # -- for good, or once

    async def run(self, stop: asyncio.Event, *, started: Callable[[int], None]) -> None:
        """Until ``stop``; ``started`` is called with the number of objects of the first picture.

        What is told and not acknowledged by then is in the spool.
        """
        tasks = [
            asyncio.create_task(follow(self._api, resource, namespace, self))
            for resource, namespace in self._following()
        ]
        tasks += [
            asyncio.create_task(self._tell(started)),
            asyncio.create_task(self._send_for_ever()),
        ]
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()  # raises what ended it
        finally:
            for task in [*tasks, stopping]:
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)
        if self._dirty.is_set():
            self._keep(whole=False)
        with contextlib.suppress(TimeoutError, Unavailable):
            async with asyncio.timeout(LAST_SEND_SECONDS):
                await self.send_all()

    async def once(self) -> int:
        """One snapshot of what the API lists now, into the spool; how many objects.

        Raises ``Failed`` or ``Gone`` of the API.
        """
        for resource, namespace in self._following():
            try:
                items, _ = await self._api.list(resource, namespace)
            except Closed as error:
                self.closed(resource.name, namespace, str(error))
                continue
            self.listed(resource.name, namespace, items)
            self.current(resource.name, namespace)
        self._keep(whole=True)
        return self._cluster.size

    async def send_all(self) -> None:
        """Send until nothing waits. Raises Unavailable."""
        while len(self._spool):
            await self._send_some()

    # -- heard of the cluster

    def listed(self, kind: str, namespace: str, items: Iterable[Mapping[str, Any]]) -> None:
        """A list: what it lacks is gone, and it is told whole."""
        self._cluster.replace(kind, namespace, items)
        self._cluster.unread.discard(_HASHED_AS.get(kind, ""))
        self._health.listed(kind, namespace)
        self._whole_due = True
        self._dirty.set()

    def changed(self, kind: str, event: str, item: Mapping[str, Any]) -> None:
        """One object of a watch."""
        if event == "DELETED":
            self._cluster.remove(kind, item)
        else:
            self._cluster.put(kind, item)
        self._dirty.set()

    def current(self, kind: str, namespace: str) -> None:
        """We hear of this kind."""
        self._health.current(kind, namespace)
        if self._whole_due and self._health.is_well:
            self._dirty.set()  # the snapshot that waited for this

    def lost(self, kind: str, namespace: str, said: str) -> None:
        """We do not, for now."""
        self._health.lost(kind, namespace)
        self._say_once(f"cannot follow {kind} for now: {said}")

    def closed(self, kind: str, namespace: str, said: str) -> None:
        """We may not."""
        self._health.closed(kind, namespace)
        if kind in _HASHED_AS:
            self._cluster.unread.add(_HASHED_AS[kind])
        self._say_once(f"goes on without {kind}: {said}")

    # -- telling

    async def _tell(self, started: Callable[[int], None]) -> None:
        # Never ``wait_for``: in Python 3.11 it loses a cancellation now and then.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LIST_SECONDS):
                await self._health.all_listed.wait()
        self._dirty.clear()
        self._keep(whole=not len(self._spool))
        started(self._cluster.size)
        loop = asyncio.get_running_loop()
        due = loop.time() + self._wanted.snapshot_every
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._dirty.wait()
                await asyncio.sleep(GATHER_SECONDS)
            if loop.time() >= due:
                self._whole_due = True
                due = loop.time() + self._wanted.snapshot_every
            self._dirty.clear()
            well = self._health.is_well and not len(self._spool)
            self._keep(whole=self._whole_due and well)

    def _keep(self, *, whole: bool) -> None:
        """Put what is to be told into the spool."""
        picture = self._painter.picture()
        for gap in picture.gaps:
            self._say_once(f"cannot read {gap}")
        if whole:
            slots = [
                (mode, slot)
                for (mode, slot), kinds in NEEDS.items()
                if self._health.has_all(kinds)
                and (slot != "config" or self._health.tried_all(_HASHED_AS))
            ]
            documents = self._teller.snapshot(
                picture, now=self._now(), environments=self._wanted.environments, whole=slots
            )
            self._whole_due = False
        else:
            documents = self._teller.changes(picture, now=self._now())
        if documents:
            if self._spool.put(documents):
                self._say_once("too much waits: of each place only its newest state is kept")
            self._waiting.set()

    def _say_once(self, said: str) -> None:
        if said not in self._told and len(self._told) < 1000:
            self._told.add(said)
            self._warn(said)

    # -- sending

    async def _send_for_ever(self) -> None:
        pause = Pause()
        failing = False
        while True:
            if not len(self._spool):
                if self._whole_due:
                    self._dirty.set()  # the snapshot that waited for this
                self._waiting.clear()
                await self._waiting.wait()
            try:
                await self._send_some()
            except Unavailable as error:
                if not failing:
                    self._warn(f"{error}; what is told waits in the spool")
                failing = True
                await pause.wait()
            else:
                if failing:
                    self._warn("the server takes records again")
                failing = False
                pause.reset()

    async def _send_some(self) -> None:
        some = self._spool.first(SEND_DOCUMENTS, SEND_BYTES)
        fates = await self._server.send([waiting.content for waiting in some])
        for waiting, fate in zip(some, fates, strict=True):
            if fate.kept:
                self._spool.remove(waiting.number)
                continue
            self.refused += 1
            kept = self._spool.set_aside(waiting.number)
            self._say_once(f"the server refused a record ({fate.code}: {fate.reason}), see {kept}")


class _Health:
    """What is heard of each kind in each namespace."""

    def __init__(self, following: Iterable[tuple[Resource, str]]) -> None:
        self._state = {(resource.name, namespace): "" for resource, namespace in following}
        self._untried = set(self._state)
        self._listed: set[tuple[str, str]] = set()
        self.all_listed = asyncio.Event()

    def listed(self, kind: str, namespace: str) -> None:
        self._listed.add((kind, namespace))
        self._tried(kind, namespace)

    def current(self, kind: str, namespace: str) -> None:
        self._state[kind, namespace] = "current"

    def lost(self, kind: str, namespace: str) -> None:
        self._state[kind, namespace] = "lost"

    def closed(self, kind: str, namespace: str) -> None:
        # What was seen and may be seen no more is old, and is not vouched for.
        seen = (kind, namespace) in self._listed
        self._state[kind, namespace] = "lost" if seen else "closed"
        self._tried(kind, namespace)

    def _tried(self, kind: str, namespace: str) -> None:
        self._untried.discard((kind, namespace))
        if not self._untried:
            self.all_listed.set()

    @property
    def is_well(self) -> bool:
        """Whether all that may be seen is seen."""
        return all(state in ("current", "closed") for state in self._state.values())

    def has_all(self, kinds: Iterable[str]) -> bool:
        """Whether each of these kinds was listed, in each namespace."""
        known = {kind for kind, _ in self._state}
        return known.issuperset(kinds) and all(
            key in self._listed for key in self._state if key[0] in kinds
        )

    def tried_all(self, kinds: Iterable[str]) -> bool:
        """Whether each of these was listed, or may not be."""
        return not any(kind in kinds for kind, _ in self._untried)
