"""Give an alert back with what is known of it, in time, whatever happens.

    body ──shape──► abouts ──a thread──► Told, step by step ─┐
                       └─────── the time is over, or all is done ──► the body with what is known

An alert is never lost: what cannot be read comes back byte for byte, what cannot be found is said
in it, and once the time is over it goes back with what was found by then.

Sizes:  WITHIN_SECONDS · ALERTS_LOOKED_UP places of one body · THREADS_MAX bodies at once
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import Error
from wherefrom.formats import alert_shapes, strict_json
from wherefrom.formats.alert_shapes import About, Shape
from wherefrom.formats.timestamps import micros, to_text
from wherefrom.query.enrich.looking import Alert, Looking, alert_of
from wherefrom.query.enrich.told import Told, note_of

WITHIN_SECONDS: Final = 0.8
ALERTS_LOOKED_UP: Final = 50
THREADS_MAX: Final = 4


class Enriched(NamedTuple):
    """An alert to send on: its bytes, and what is to be said of it; empty if all was found."""

    body: bytes
    says: tuple[str, ...]


class Enriching:
    """Answers over one desk's questions; safe for several threads.

    address  where people reach this log, asked for each time; empty for no links
    """

    def __init__(
        self,
        looking: Looking,
        *,
        address: Callable[[], str] = lambda: "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._looking, self._address, self._clock = looking, address, clock
        self._threads = threading.Semaphore(THREADS_MAX)

    def enrich(self, body: bytes, *, within: float | None = None) -> Enriched:
        """The same alert with more said. Raises nothing for what the alert holds.

        within  seconds until it goes back with what was found by then; else WITHIN_SECONDS
        """
        within = WITHIN_SECONDS if within is None else within
        until = time.monotonic() + within
        try:
            document = strict_json.decode(body)
            shape = alert_shapes.shape_of(document)
            abouts = shape.abouts(document)
        except Error as error:
            return Enriched(body, (str(error),))
        if not abouts:
            return Enriched(body, ("there is nothing in it to look up",))
        now = micros(to_text(self._clock()))
        sheet = _Sheet(abouts, now=now)
        if self._threads.acquire(timeout=within):
            threading.Thread(target=self._look_up, args=(sheet,), daemon=True).start()
            sheet.done.wait(max(0.0, until - time.monotonic()))
        else:
            sheet.trouble = "too many alerts came at once"
        try:
            address = self._address()
        except Error:  # settings that are wrong are told elsewhere
            address = ""
        return written(shape, document, sheet.close(), address)

    def _look_up(self, sheet: _Sheet) -> None:
        try:
            alerts = list(sheet.told)[:ALERTS_LOOKED_UP]
            for steps in (self._looking.first, self._looking.then):
                for alert in alerts:
                    for step in steps(alert):
                        if sheet.is_closed:
                            return
                        sheet.take(alert, _tried(step, sheet.told[alert]))
        finally:
            self._threads.release()
            sheet.done.set()


class _Sheet:
    """What is known of each alert of one body; alerts of one place and time share it."""

    def __init__(self, abouts: Sequence[About], *, now: int) -> None:
        self.done = threading.Event()
        self.is_closed = False
        self.trouble = ""
        self.told: dict[Alert, Told] = {}
        self._alerts: list[Alert] = []
        self._lock = threading.Lock()
        for about in abouts:
            alert, odd = alert_of(about, now=now)
            self._alerts.append(alert)
            self.told.setdefault(alert, Told(says=(odd,) if odd else ()))

    def take(self, alert: Alert, told: Told) -> None:
        """More is known of one; nothing is, once the sheet is closed."""
        with self._lock:
            if not self.is_closed:
                self.told[alert] = told

    def close(self) -> list[Told]:
        """What is known of each alert of the body, in order."""
        with self._lock:
            self.is_closed = True
            told = dict(self.told)
        if not self.done.is_set():
            late = self.trouble or "it took too long to look everything up"
            told = {alert: one.but(late) for alert, one in told.items()}
        for alert in list(told)[ALERTS_LOOKED_UP:]:
            told[alert] = told[alert].but(f"only the first {ALERTS_LOOKED_UP} were looked up")
        return [told[alert] for alert in self._alerts]


def _tried(step: Callable[[Told], Told], told: Told) -> Told:
    try:
        return step(told)
    except Error as error:
        return told.but(str(error))
    except Exception as error:  # noqa: BLE001 - a slip of ours must not cost somebody an alert
        return told.but(f"Wherefrom could not look it up: {error!r}")


def written(shape: Shape, document: Any, told: Sequence[Told], url: str) -> Enriched:
    """The body with what is known of each alert."""
    notes = [note_of(one, url=url) for one in told]
    says = tuple(dict.fromkeys(text for one in told for text in one.says))
    return Enriched(msgspec.json.encode(shape.noted(document, notes)), says)
