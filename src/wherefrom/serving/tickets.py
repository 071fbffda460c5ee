"""Tickets, on a thread beside the watch: reads on in the log, and sees to the trackers.

DIR/notify.yaml tickets ──none──► asleep
log ──CauseFile──► what is wrong now ──TicketDesk──► trackers
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from wherefrom.app import DataFolder, administrators, open_log, open_notify_settings
from wherefrom.errors import Error
from wherefrom.notify.tickets import CauseFile, TicketDesk
from wherefrom.notify.tickets.kept import KeptTickets
from wherefrom.query.word import Words

LOOK_EVERY_SECONDS: Final = 1.0
_FOLDER: Final = "notify/tickets"


def start_tickets(folder: DataFolder, *, on_trouble: Callable[[str], None]) -> None:
    """Begin, and go on for as long as this process does."""
    threading.Thread(
        target=_keep_going, args=(folder, on_trouble), name="tickets", daemon=True
    ).start()


def _keep_going(folder: DataFolder, on_trouble: Callable[[str], None]) -> None:
    said = ""
    while True:
        try:
            _see_to(folder, on_trouble)
        except Exception as error:  # noqa: BLE001 - no log yet, a full disk, a slip of ours
            if str(error) != said:
                said = str(error)
                on_trouble(f"tickets wait: {error or error!r}")
            time.sleep(LOOK_EVERY_SECONDS)


def _see_to(folder: DataFolder, on_trouble: Callable[[str], None]) -> None:
    settings = open_notify_settings(folder)
    while not settings().tickets:
        time.sleep(LOOK_EVERY_SECONDS)
    log = open_log(folder)
    words = Words(log, lambda: administrators(folder))
    causes = CauseFile(folder.path / _FOLDER / "causes.json", log, words=words)
    kept = KeptTickets(folder.path / _FOLDER)
    desk = TicketDesk(kept, origin=log.origin, on_trouble=on_trouble)
    try:
        while True:
            told = settings()
            more = causes.look(url=told.url, runbooks=told.runbooks)
            # Of a log that is still being read, what is open may be over further on.
            if not more:
                desk.round(told.tickets, causes.open, causes.why_ended)
                time.sleep(LOOK_EVERY_SECONDS)
    except Error:
        desk.close()
        raise
