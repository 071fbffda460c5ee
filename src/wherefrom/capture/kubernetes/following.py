"""Keep up with one kind of object: list, watch from there, and list again when that is lost.

          ┌────────── Gone (410, in the status or as an event) ◄──────┐
          ▼                                                           │
        list ──version──► watch ──event, bookmark──► version ── end or failure: again from there

Each failure waits longer than the one before, up to PAUSE_SECONDS_MAX; a list or an event that
comes makes the next wait short again. A watch that fails at one version again and again is given up
for a list.

Source: Kubernetes 1.30, "API concepts", "Efficient detection of changes"
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final, Protocol

from wherefrom.capture.kubernetes.api import Api, Closed, Failed, Gone, Resource
from wherefrom.errors import SettingError

PAUSE_SECONDS: Final = 0.2
PAUSE_SECONDS_MAX: Final = 10.0
CLOSED_SECONDS: Final = 60.0
FAILURES_MAX: Final = 3
# A watch that lasted this long did its work, whether or not anything happened.
LASTED_SECONDS: Final = 5.0


class Heard(Protocol):
    """What is told of one kind, in one namespace or (if empty) in all."""

    def listed(self, kind: str, namespace: str, items: Iterable[Mapping[str, Any]]) -> None:
        """All there is."""

    def changed(self, kind: str, event: str, item: Mapping[str, Any]) -> None:
        """One object: ADDED, MODIFIED or DELETED."""

    def current(self, kind: str, namespace: str) -> None:
        """From now on we hear of everything."""

    def lost(self, kind: str, namespace: str, said: str) -> None:
        """From now on we may miss something."""

    def closed(self, kind: str, namespace: str, said: str) -> None:
        """We may not see this kind, or there is none."""


async def follow(api: Api, resource: Resource, namespace: str, heard: Heard) -> None:
    """Until it is cancelled."""
    kind = resource.name
    pause = Pause()
    version: str | None = None
    failures = 0
    while True:
        try:
            if version is None:
                items, version = await api.list(resource, namespace)
                heard.listed(kind, namespace, items)
                del items
                failures = 0
            before, began = version, asyncio.get_running_loop().time()
            async with aclosing(api.watch(resource, version, namespace)) as events:
                async for event, item in events:
                    if event == "OPEN":
                        heard.current(kind, namespace)
                        continue
                    version = _version_of(item) or version
                    if event in ("ADDED", "MODIFIED", "DELETED"):
                        heard.changed(kind, event, item)
                    pause.reset()
                    failures = 0
            if asyncio.get_running_loop().time() - began >= LASTED_SECONDS:
                pause.reset()
            elif version == before:
                await pause.wait()  # a server that ends every watch at once
        except Gone as error:
            version = None
            heard.lost(kind, namespace, str(error))
            await pause.wait()
        except Closed as error:
            version = None
            heard.closed(kind, namespace, str(error))
            await asyncio.sleep(CLOSED_SECONDS)
        except (Failed, SettingError) as error:
            failures += 1
            if failures > FAILURES_MAX:
                version = None
            heard.lost(kind, namespace, str(error))
            await pause.wait(error.seconds if isinstance(error, Failed) else None)


def _version_of(item: Mapping[str, Any]) -> str | None:
    metadata = item.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return version if isinstance(version, str) and version else None


class Pause:
    """A wait that grows."""

    def __init__(self) -> None:
        self._seconds = PAUSE_SECONDS

    def reset(self) -> None:
        """What we waited for came."""
        self._seconds = PAUSE_SECONDS

    async def wait(self, seconds: float | None = None) -> None:
        """``seconds``, or as long as it is by now, more or less."""
        if seconds is None:
            seconds = self._seconds * random.uniform(0.8, 1.2)
        self._seconds = min(self._seconds * 2, PAUSE_SECONDS_MAX)
        await asyncio.sleep(seconds)
