"""What became of alerts, kept for everybody who is told of it; what stands, for those who forget.

Told ──► a message each receiver ──► DIR/notify          standing alerts ──► Delivery, each minute
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wherefrom.formats.notify_settings import NotifySettings
from wherefrom.notify import Spool
from wherefrom.notify.alert_message import ToldAlert, message_of, told_of
from wherefrom.policy.alert_watch import AlertWatch, Told


class Standing:
    """The alerts as they stand: set by the thread that watches, read by the one that sends."""

    def __init__(self) -> None:
        self._told: tuple[ToldAlert, ...] = ()

    def __call__(self) -> Sequence[ToldAlert]:
        return self._told

    def clear(self) -> None:
        """Nothing stands: there is nothing to decide by any more."""
        self._told = ()

    def take(self, watch: AlertWatch, settings: NotifySettings, *, origin: str) -> None:
        """From now on it is as the watch says."""
        self._told = tuple(
            told_of(
                alert,
                text=text,
                entries=entries,
                closed=closed,
                origin=origin,
                url=settings.url,
                runbooks=settings.runbooks,
            )
            for alert, text, entries, closed in watch.standing()
        )


def keep(
    told: Sequence[Told], spool: Spool, settings: Callable[[], NotifySettings], *, origin: str
) -> None:
    """Keep a message of each for whoever wants it. Raises StorageError."""
    said = settings()
    for one in told:
        alert = one.stage.alert
        wanting = [
            to.name for to in said.receivers if to.wants(alert.environment, alert.severity)
        ]  # fmt: skip
        if wanting:
            message = message_of(one.stage, entry=one.entry, was=one.was, origin=origin,
                                 url=said.url, runbooks=said.runbooks)  # fmt: skip
            spool.put(message, wanting)
