"""An instance that says, again and again, what it is: observed by itself.

    with heartbeat():        at once, every EVERY_SECONDS, and as soon as it is another reality
        serve()
                             and at its end: that it is no more

Each beat is a ``prov-estate.observed`` of everything in the scope of the instance, so a beat that
is lost costs freshness, and nothing else. Nothing that goes wrong here reaches the program: it is
logged once under ``wherefrom``, and tried again.

Source: docs/formats/states.md, docs/formats/cdevents.md
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from wherefrom.capture.identity import Identity, identity
from wherefrom.capture.sending import Sender
from wherefrom.errors import Error, SettingError

EVERY_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 1.0
_SLOTS: Final = ("artifact", "config", "policy")
_log = logging.getLogger("wherefrom")


def observed(
    me: Identity,
    *,
    at: datetime,
    gone: bool = False,
    config: str = "",
    policy: str = "",
    flags: Sequence[Mapping[str, Any]] | None = None,
) -> bytes:
    """The record of one beat.

    gone            the instance is no more
    config, policy  how the bundles are called where they are declared
    flags           the states of all its flags; None if they are not observed here

    Raises SettingError for an identity that does not say in which environment it runs.
    """
    from wherefrom.capture import changes  # late: it brings all of CDEvents
    from wherefrom.formats.states import OBSERVED, Scope
    from wherefrom.formats.timestamps import to_text

    if not me.environment or not me.service:
        raise SettingError(
            "an instance that does not say where it runs cannot be observed",
            expected="an environment and a service",
            got=f"environment {me.environment!r}, service {me.service!r}",
            do="Set WHEREFROM_ENVIRONMENT and WHEREFROM_SERVICE",
        )
    scope = Scope(me.environment, me.service, me.region, me.pool, me.instance)
    reality = me.reality
    told = {"reality": me.id, "flags": reality.flags, "build": me.build, "commit": me.commit}
    states: list[Mapping[str, Any]] = []
    for slot, name in (("artifact", ""), ("config", config), ("policy", policy)):
        value = getattr(reality, slot)
        if value is None or gone:
            continue
        state: dict[str, Any] = {"slot": slot, "name": name, "value": value}
        state["properties"] = {"reality": me.id}
        if slot == "artifact":
            state["says"] = f"{me.service}:{me.version}" if me.version else me.service
            state["properties"] = {key: text for key, text in told.items() if text}
        states.append(state)
    states += [] if gone else flags or []
    slots = _SLOTS if flags is None else (*_SLOTS, "flag")
    source = f"/instances/{me.environment}/{me.service}/{me.instance}"
    return changes.estate(OBSERVED, scope, states, all_of=slots, at=to_text(at), source=source)


class Flags(Protocol):
    """What knows the flags of this program: ``openfeature.FlagHook``."""

    def states(self) -> Sequence[Mapping[str, Any]]: ...


class Heartbeat:
    """A thread that beats. ``identity`` is asked at each beat, so it tells what is so then.

    every_s         how often at least
    config, policy  how the bundles are called where they are declared
    flags           what knows the flags, if they are to be observed too
    """

    def __init__(
        self,
        sender: Sender,
        *,
        every_s: float = EVERY_SECONDS,
        config: str = "",
        policy: str = "",
        flags: Flags | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sender, self._every_s, self._clock = sender, every_s, clock
        self._names = {"config": config, "policy": policy}
        self._flags = flags
        self._stopping = threading.Event()
        self._said = ""
        self._thread = threading.Thread(target=self._run, name="wherefrom-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin. Raises SettingError for an identity that cannot be observed."""
        self._record(identity())
        self._thread.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """Say that the instance is no more, and end."""
        self._stopping.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            told = identity()
            self._beat(self._record(told))
            waited = 0.0
            while waited < self._every_s and identity() == told:
                if self._stopping.wait(min(_LOOK_SECONDS, self._every_s - waited)):
                    self._beat(self._record(told, gone=True))
                    return
                waited += _LOOK_SECONDS

    def _record(self, me: Identity, *, gone: bool = False) -> bytes:
        flags = self._flags.states() if self._flags is not None else None
        return observed(me, at=self._clock(), gone=gone, flags=flags, **self._names)

    def _beat(self, record: bytes) -> None:
        try:
            self._sender.send([record])
            self._said = ""
        except Error as error:
            self._say(str(error))
        except Exception as error:  # noqa: BLE001 - our own slip must not end what is observed
            self._say(repr(error))

    def _say(self, trouble: str) -> None:
        if trouble != self._said:
            _log.warning("this instance is not observed: %s", trouble)
        self._said = trouble


@contextlib.contextmanager
def heartbeat(
    url: str | None = None, token: str | None = None, **options: Any
) -> Iterator[Heartbeat]:
    """Beat while the block runs; options are those of ``Heartbeat``, and ``ca`` of ``Sender``.

    A server that forks begins it in each process that serves: threads do not survive a fork.
    Raises SettingError.
    """
    sender = Sender(url, token, ca=options.pop("ca", None))
    beating = Heartbeat(sender, **options)
    beating.start()
    try:
        yield beating
    finally:
        beating.stop()
