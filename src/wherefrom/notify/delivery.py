"""Send what waits in the spool, each receiver at its own pace, until it is taken or given up.

    spool ──urgent first──► webhook ──taken──► gone
                               └ not taken: that receiver rests, longer each time; the others go on

Sizes:  a receiver rests REST_SECONDS_MIN, doubled up to REST_SECONDS_MAX; a message is given up
        after GIVEN_UP_SECONDS, and told
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from wherefrom.errors import Unavailable
from wherefrom.formats.notify_settings import NotifySettings, Webhook
from wherefrom.notify.spool import Spool, Waiting
from wherefrom.notify.webhook import TIMEOUT_SECONDS, send

if TYPE_CHECKING:
    import httpx

REST_SECONDS_MIN: Final = 1.0
REST_SECONDS_MAX: Final = 300.0
GIVEN_UP_SECONDS: Final = 3 * 86_400.0
_LOOK_EVERY_SECONDS: Final = 0.5


class Delivery:
    """The sender of one spool, on a thread of its own.

    settings    who there is, asked for at each round
    on_trouble  is told in a line who does not take a message, and not again for the same
    on_sent     is told the receiver of each message, and whether it was ``taken``, ``refused`` (it
                is tried again) or ``given_up``
    """

    def __init__(
        self,
        spool: Spool,
        settings: Callable[[], NotifySettings],
        *,
        on_trouble: Callable[[str], None] = lambda says: None,
        on_sent: Callable[[str, str], None] = lambda receiver, result: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._on_sent = on_sent
        self._spool, self._settings = spool, settings
        self._on_trouble, self._clock = on_trouble, clock
        self._rests: dict[str, tuple[float, float]] = {}  # until when, and how long it was
        self._troubles: dict[str, str] = {}
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
        waiting = self._spool.waiting()
        if not waiting:
            return 0
        webhooks = {one.name: one for one in self._settings().webhooks}
        taken = 0
        for one in waiting:
            webhook = webhooks.get(one.receiver)
            if webhook is None:  # nobody is to be told any more
                self._spool.remove(one)
            elif self._rests.get(one.receiver, (0.0, 0.0))[0] <= self._clock():
                taken += self._try(one, webhook)
        return taken

    def _try(self, one: Waiting, webhook: Webhook) -> bool:
        message = self._spool.read(one)
        if message is None:
            self._spool.remove(one)
            return False
        try:
            send(message, webhook, self._connected())
        except Unavailable as error:
            self._on_sent(one.receiver, "refused")
            self._rest(one, str(error))
            return False
        self._on_sent(one.receiver, "taken")
        self._rests.pop(one.receiver, None)
        self._troubles.pop(one.receiver, None)
        self._spool.remove(one)
        return True

    def _rest(self, one: Waiting, why: str) -> None:
        now = self._clock()
        _, last = self._rests.get(one.receiver, (0.0, 0.0))
        rest = min(max(2 * last, REST_SECONDS_MIN), REST_SECONDS_MAX)
        self._rests[one.receiver] = (now + rest, rest)
        self._trouble(one.receiver, why)
        try:
            age = now - one.path.stat().st_mtime
        except OSError:
            return
        if age > GIVEN_UP_SECONDS:
            self._spool.remove(one)
            self._on_sent(one.receiver, "given_up")
            self._trouble(one.receiver, f"a message to {one.receiver} is given up: {why}")

    def _connected(self) -> httpx.Client:
        if self._client is None:
            import httpx  # late: most servers tell nobody

            self._client = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)
        return self._client

    def _trouble(self, receiver: str, says: str) -> None:
        if self._troubles.get(receiver) != says:
            self._troubles[receiver] = says
            self._on_trouble(says)
