"""Send what waits in the spool, each receiver at its own pace, until it is taken or given up.

    spool ──urgent first──► receiver ──taken──► gone
                               └ not taken: that receiver rests, longer each time; the others go on
    standing alerts ──every RESEND_SECONDS──► each Alertmanager, which forgets what nobody repeats

Sizes:  a receiver rests REST_SECONDS_MIN, doubled up to REST_SECONDS_MAX; a message is given up
        after GIVEN_UP_SECONDS, and told
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from wherefrom.errors import Unavailable
from wherefrom.formats.alert_receivers import Alertmanager
from wherefrom.formats.notify_settings import NotifySettings, Receiver
from wherefrom.notify import alertmanager
from wherefrom.notify.alert_message import ToldAlert, wanted_by
from wherefrom.notify.alertmanager import RESEND_SECONDS
from wherefrom.notify.posting import TIMEOUT_SECONDS
from wherefrom.notify.receivers import send
from wherefrom.notify.spool import Spool, Waiting

if TYPE_CHECKING:
    import httpx

REST_SECONDS_MIN: Final = 1.0
REST_SECONDS_MAX: Final = 300.0
GIVEN_UP_SECONDS: Final = 3 * 86_400.0
_LOOK_EVERY_SECONDS: Final = 0.5


class Delivery:
    """The sender of one spool, on a thread of its own.

    settings    who there is, asked for at each round
    standing    the alerts that are open, or were until lately; empty without any
    on_trouble  is told in a line who does not take a message, and not again for the same
    on_sent     is told the receiver of each message, and whether it was ``taken``, ``refused`` (it
                is tried again) or ``given_up``
    """

    def __init__(
        self,
        spool: Spool,
        settings: Callable[[], NotifySettings],
        *,
        standing: Callable[[], Sequence[ToldAlert]] = lambda: (),
        on_trouble: Callable[[str], None] = lambda says: None,
        on_sent: Callable[[str, str], None] = lambda receiver, result: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._on_sent = on_sent
        self._spool, self._settings, self._standing = spool, settings, standing
        self._on_trouble, self._clock = on_trouble, clock
        self._rests: dict[str, tuple[float, float]] = {}  # until when, and how long it was
        self._troubles: dict[str, str] = {}
        self._resent: dict[str, float] = {}
        self._client: httpx.Client | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is under way is finished, or times out."""
        self._stopping.set()
        self._thread.join(TIMEOUT_SECONDS + 1)
        if self._client is not None:
            self._client.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                sent = self.once()
            except Exception as error:  # noqa: BLE001 - a slip of ours must not end what is sent
                self._trouble("", f"messages cannot be sent: {error!r}")
                sent = 0
            if not sent:
                self._stopping.wait(_LOOK_EVERY_SECONDS)

    def once(self) -> int:
        """Try everything that waits for somebody who does not rest; how many were taken."""
        waiting, standing = self._spool.waiting(), self._standing()
        if not waiting and not standing:
            return 0
        receivers = {one.name: one for one in self._settings().receivers}
        taken = 0
        for one in waiting:
            receiver = receivers.get(one.receiver)
            if receiver is None:  # nobody is to be told any more
                self._spool.remove(one)
            elif not self._is_resting(one.receiver):
                taken += self._try(one, receiver)
        for receiver in receivers.values():
            if isinstance(receiver, Alertmanager) and not self._is_resting(receiver.name):
                self._send_again(receiver, standing)
        return taken

    def _is_resting(self, name: str) -> bool:
        until, rest = self._rests.get(name, (0.0, 0.0))
        return 0 < until - self._clock() <= rest  # more than it was: the clock was set back

    def _try(self, one: Waiting, receiver: Receiver) -> bool:
        message = self._spool.read(one)
        if message is None:
            self._spool.remove(one)
            return False
        try:
            send(message, receiver, self._connected())
        except Unavailable as error:
            self._on_sent(one.receiver, "refused")
            self._rest(one.receiver, str(error), one)
            return False
        except Exception as error:  # noqa: BLE001 - a slip of ours must not hold up the others
            self._on_sent(one.receiver, "refused")
            self._rest(one.receiver, f"{one.receiver} cannot be told: {error!r}", one)
            return False
        self._on_sent(one.receiver, "taken")
        self._awake(one.receiver)
        self._spool.remove(one)
        return True

    def _send_again(self, to: Alertmanager, standing: Sequence[ToldAlert]) -> None:
        """What stands, if it is time; nothing is lost where it is not taken."""
        wanted = [one for one in standing if wanted_by(to, one)]
        if not wanted or 0 <= self._clock() - self._resent.get(to.name, 0.0) < RESEND_SECONDS:
            return
        try:
            alertmanager.send(wanted, to, self._connected())
        except Unavailable as error:
            self._rest(to.name, str(error))
            return
        self._awake(to.name)
        self._resent[to.name] = self._clock()

    def _awake(self, name: str) -> None:
        self._rests.pop(name, None)
        self._troubles.pop(name, None)

    def _rest(self, name: str, why: str, one: Waiting | None = None) -> None:
        now = self._clock()
        _, last = self._rests.get(name, (0.0, 0.0))
        rest = min(max(2 * last, REST_SECONDS_MIN), REST_SECONDS_MAX)
        self._rests[name] = (now + rest, rest)
        self._trouble(name, why)
        try:
            age = 0.0 if one is None else now - one.path.stat().st_mtime
        except OSError:
            return
        if one is not None and age > GIVEN_UP_SECONDS:
            self._spool.remove(one)
            self._on_sent(name, "given_up")
            self._trouble(name, f"a message to {name} is given up: {why}")

    def _connected(self) -> httpx.Client:
        if self._client is None:
            import httpx  # late: most servers tell nobody

            self._client = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)
        return self._client

    def _trouble(self, receiver: str, says: str) -> None:
        if self._troubles.get(receiver) != says:
            self._troubles[receiver] = says
            self._on_trouble(says)
