"""The watch process: what runs is judged again whenever the log says what concerns it.

    log grown, a time come ──at most every ROUND_SECONDS──► a round ──► the writer signs
                                                              └──► DIR/notify ──► receivers
    objectives.yaml ──► alerts, decided and signed and told in the same way

Off while no policy is in force: it then looks once a second whether the log has grown, and asks the
graph one question if it has. It computes no longer than it rests, and gives way to everything else.
What goes wrong with alerts does not end what is watched, nor the other way round.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Final, NoReturn

import msgspec

from wherefrom.api.tracing import Tracing, begin
from wherefrom.app import (
    DataFolder,
    now,
    open_alert_watch,
    open_desk,
    open_gate,
    open_log,
    open_notify_settings,
    open_watch_settings,
)
from wherefrom.errors import Error, Unavailable
from wherefrom.formats.notify_settings import NotifySettings
from wherefrom.log.reader import LogReader
from wherefrom.notify import Delivery, Spool
from wherefrom.notify.alert_message import ToldAlert
from wherefrom.policy.alert_watch import AlertWatch, Told
from wherefrom.policy.status import WatchAt
from wherefrom.policy.watch import Watch
from wherefrom.policy.watched import Turn
from wherefrom.query.health.answers import Health
from wherefrom.query.health.asked import HealthOptions
from wherefrom.serving.alert_telling import Standing, keep
from wherefrom.serving.annotating import Annotating
from wherefrom.serving.health_metrics import HealthMetrics, Scraped, keep_asking
from wherefrom.serving.metrics import Shown, WatchMetrics
from wherefrom.serving.page import Pages
from wherefrom.serving.signing_link import SigningLink
from wherefrom.serving.stop_telling import StopTelling
from wherefrom.serving.storage import keep_measuring
from wherefrom.serving.tickets import start_tickets
from wherefrom.serving.turn_message import message_of
from wherefrom.storage.whole_file import replace_whole
from wherefrom.views.estate import EstateReader
from wherefrom.views.graph import GraphReader
from wherefrom.views.health import HealthReader

ROUND_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 10.0
FAILED_SECONDS_MAX: Final = 30.0
_NICE: Final = 10
_WAIT_SECONDS_MIN: Final = 0.05
_FIRST_FOLD_SECONDS: Final = 10.0


def watch(folder: DataFolder, pages: Pages) -> NoReturn:
    """Watch for ever. What goes wrong is said, and tried again.

    pages  where it shows what it counts
    """
    os.nice(_NICE)
    link = SigningLink(folder.watch_socket)
    spool = Spool(folder.path / "notify")
    settings = open_notify_settings(folder, on_trouble=_say)
    metrics, tracing, standing = WatchMetrics(), begin("watch"), Standing()
    health = HealthMetrics()
    shown = Shown(pages.shown, "watch", lambda: [*metrics.families(spool), *health.families()])
    stopped = StopTelling(folder)

    def stands() -> Sequence[ToldAlert]:
        return [*standing(), *stopped.standing()]

    Delivery(spool, settings, standing=stands, on_trouble=_say, on_sent=metrics.sent).start()
    keep_measuring(folder.path, metrics.stored)
    _await_views(folder)
    keep_asking(lambda: _asking_health(folder), Scraped(pages.scraped), health, on_trouble=_say)
    start_tickets(folder, on_trouble=_say)
    said = ""
    while True:
        try:
            _watch_on(folder, link, spool, standing, metrics, shown, tracing)
        except Exception as error:  # noqa: BLE001 - views not there yet, a full disk, our own slip
            if str(error) != said:
                said = str(error)
                _say(f"the watch waits: {error or error!r}")
            time.sleep(ROUND_SECONDS)


def _watch_on(
    folder: DataFolder,
    link: SigningLink,
    spool: Spool,
    standing: Standing,
    metrics: WatchMetrics,
    shown: Shown,
    tracing: Tracing,
) -> NoReturn:
    log = open_log(folder)
    notify = open_notify_settings(folder, on_trouble=_say)

    def tell(turns: Sequence[Turn]) -> None:
        _keep(turns, spool, notify(), log)
        metrics.told(turns)

    def tell_alerts(told: Sequence[Told]) -> None:
        keep(told, spool, notify, origin=log.origin)

    gate = open_gate(folder, log)
    alerts = open_alert_watch(
        folder, log, gate, sign=link.sign, tell=tell_alerts, url=lambda: notify().url,
        on_trouble=_say,
    )  # fmt: skip
    watched = Watch(
        log,
        EstateReader(folder.estate_path),
        GraphReader(folder.graph_path),
        gate,
        sign=link.sign,
        tell=tell,
        settings=open_watch_settings(folder, on_trouble=_say),
        clock=lambda: datetime.now(UTC),
        on_trouble=_say,
    )
    noted, said, looked, failed, alerting = None, "", 0.0, 0, _Alerting(alerts, standing)
    annotating = Annotating(
        log, lambda: open_desk(folder, log).reality, spool, notify,
        folder.path / "notify" / "annotated", on_trouble=_say,
    )  # fmt: skip
    while True:
        shown.keep()
        if not link.wait(ROUND_SECONDS):
            continue
        began = time.monotonic()
        pause = ROUND_SECONDS
        if watched.is_due() or began - looked > IDLE_SECONDS:
            looked = began
            try:
                with tracing.span("watch round") as span:
                    done = watched.round()
                    span.say(
                        {
                            "wherefrom.size": done.size, "wherefrom.decided": done.decided,
                            "wherefrom.written": done.written, "wherefrom.waiting": done.waiting,
                        }
                    )  # fmt: skip
                metrics.round(done, watched.denied(), time.monotonic() - began)
                at = WatchAt(size=done.size, at=now(), waiting=done.waiting)
                if (at.size, at.waiting) != noted:
                    replace_whole(folder.watch_path, msgspec.json.encode(at))
                    noted = at.size, at.waiting
                if done.waiting:  # as long as it took, so that questions have as much
                    pause = max(_WAIT_SECONDS_MIN, time.monotonic() - began)
                said, failed = "", 0
            except Error as error:
                # What was looked at is looked at again, which costs as much each time.
                failed += 1
                metrics.failed.inc()
                pause = min(2.0**failed, FAILED_SECONDS_MAX)
                if str(error) != said:
                    said = str(error)
                    _say(f"the watch waits: {error}")
        annotating.look()
        alerting.look(notify(), origin=log.origin)
        time.sleep(pause)


def _await_views(folder: DataFolder) -> None:
    """Wait for the first fold of a new log, which is under way; what lasts longer is said later."""
    until = time.monotonic() + _FIRST_FOLD_SECONDS
    while time.monotonic() < until:
        with suppress(Unavailable):
            for reader in (
                GraphReader(folder.graph_path),
                EstateReader(folder.estate_path),
                HealthReader(folder.health_path),
            ):
                with closing(reader), reader.snapshot():
                    pass
            return
        time.sleep(_WAIT_SECONDS_MIN)


def _asking_health(folder: DataFolder) -> Callable[[], Health]:
    desk = open_desk(folder, open_log(folder))
    return lambda: desk.health.now(HealthOptions())


class _Alerting:
    """Looks at alerts when that is due; after a failure later, and it is said once."""

    def __init__(self, alerts: AlertWatch, standing: Standing) -> None:
        self._alerts, self._standing = alerts, standing
        self._said, self._failed, self._not_before = "", 0, 0.0

    def look(self, settings: NotifySettings, *, origin: str) -> None:
        """A round, if it is due."""
        if not self._alerts.is_on:
            self._standing.clear()
            return
        began = time.monotonic()
        if began < self._not_before or not self._alerts.is_due():
            return
        try:
            self._alerts.round()
            self._standing.take(self._alerts, settings, origin=origin)
            self._said, self._failed = "", 0
            # As long as it took, so that what else runs here has as much.
            self._not_before = 2 * time.monotonic() - began
        except Error as error:
            self._failed += 1
            self._not_before = time.monotonic() + min(2.0**self._failed, FAILED_SECONDS_MAX)
            if str(error) != self._said:
                self._said = str(error)
                _say(f"alerts wait: {error}")


def _keep(turns: Sequence[Turn], spool: Spool, settings: NotifySettings, log: LogReader) -> None:
    """Keep a message of each turn for everybody who is told of it, before it is recorded."""
    for turn in turns:
        environments = {place.environment for place in turn.places} | {turn.turned.environment}
        receivers = [one.name for one in settings.webhooks if any(map(one.wants, environments))]
        if receivers:
            spool.put(message_of(turn, origin=log.origin, url=settings.url), receivers)


def _say(says: str) -> None:
    print(f"wherefrom: {says}", file=sys.stderr, flush=True)  # noqa: T201
