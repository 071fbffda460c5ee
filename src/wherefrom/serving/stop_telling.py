"""That the log takes nothing more, told past the log: a writer that stopped can sign no alert.

    the scrub finds damage ─┐
    a write fails           ├─► ToldAlert ──► DIR/notify ──► whoever is paged
    an audit at the start ──┘       └──► DIR/notify/stopped.json: told once for each damage
    a whole scrub ──► alert.closed, and the file goes

What is damaged is said as the audit says it, with what of production rests on it, as far as the
views know.

Sizes:  TOLD_MAX alerts are remembered
Source: docs/alerts.md ("When the log stops")
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from wherefrom.app import DataFolder, open_notify_settings, open_watch_settings
from wherefrom.errors import Error
from wherefrom.formats.notify_settings import NotifySettings
from wherefrom.formats.objectives import PAGE
from wherefrom.formats.timestamps import micros, to_text
from wherefrom.notify import Delivery, Message, Spool
from wherefrom.notify.alert_message import TYPES, ToldAlert, ToldRoot, wanted_by
from wherefrom.notify.message import id_of
from wherefrom.query.alerts.resting import rest_on
from wherefrom.query.what_runs import what_runs
from wherefrom.storage.whole_file import replace_whole
from wherefrom.views.estate import EstateReader
from wherefrom.views.graph import GraphReader
from wherefrom.views.health.alerting import LISTED_MAX, Root, incident_id
from wherefrom.views.health.links import runbook_of

DAMAGED: Final = "log-damaged"
STOPPED: Final = "log-stopped"
TOLD_MAX: Final = 20
FILE_NAME: Final = "stopped.json"
_RUNBOOKS: Final = {DAMAGED: "f3-tampering", STOPPED: "f14-store-down"}
_ENTRIES: Final = re.compile(r"\bentr(?:y|ies) (\d+)(?: to (\d+))?")


class StopTelling:
    """Tells that the log of one directory stopped, once for each reason, and when it is whole.

    on_trouble  is told in a line what keeps it from that
    """

    def __init__(
        self, folder: DataFolder, *, on_trouble: Callable[[str], None] = lambda says: None
    ) -> None:
        self._folder, self._on_trouble = folder, on_trouble
        self._spool = Spool(folder.path / "notify")
        self._path = folder.path / "notify" / FILE_NAME
        self._lock = threading.Lock()

    def stopped(self, why: str) -> None:
        """Keep a page for whoever is paged, on a thread of its own: who calls waits for nothing."""
        threading.Thread(target=self._tell, args=(why,), name="stop-telling").start()

    def refuses_to_start(self, why: str) -> None:
        """The same where no process is there that sends: each is tried once, here."""
        self._tell(why)
        with self._saying():
            settings = open_notify_settings(self._folder)
            Delivery(self._spool, settings, on_trouble=self._on_trouble).once()

    def whole(self) -> None:
        """All of the log was read, and is what was signed: what was told is over."""
        with self._lock, self._saying():
            for told in self.standing():
                closed = msgspec.structs.replace(
                    told, closed=_now(), text="the whole log was read, and is what was signed"
                )
                self._keep("closed", closed, open_notify_settings(self._folder)())
            self._path.unlink(missing_ok=True)

    def standing(self) -> Sequence[ToldAlert]:
        """What was told and is not over; another process may ask too."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[ToldAlert])
        except (OSError, ValueError):
            return []

    def _tell(self, why: str) -> None:
        why = " ".join(why.split())
        with self._lock, self._saying():
            before = self.standing()
            if any(why == one.text.partition("\n")[0] for one in before):
                return
            settings = open_notify_settings(self._folder)()
            told = self._told(why, settings)
            # 1. Kept for everybody. A crash after it tells once more, under the same id.
            self._keep("opened", told, settings)
            # 2. Not again.
            kept = [*before, told][-TOLD_MAX:]
            replace_whole(self._path, msgspec.json.encode(kept))

    def _told(self, why: str, settings: NotifySettings) -> ToldAlert:
        now, origin = _now(), self._folder.origin
        rule = DAMAGED if "what is damaged" in why else STOPPED
        span = _span(why) if rule == DAMAGED else None
        runs: list[tuple[str, str, str]] = []
        if span is not None:
            with contextlib.suppress(Exception):  # the page matters more than what it lists
                runs = self._resting(span)
        runbook = _RUNBOOKS[rule]
        said = [why, "The log signs and takes nothing more. Senders keep what they have."]
        if runs:
            listed = ", ".join(f"{a} ({s} in {e})" for e, s, a in runs[:LISTED_MAX])
            more = f" and {len(runs) - LISTED_MAX} more" if len(runs) > LISTED_MAX else ""
            said.append(f"What runs in production and rests on it: {listed}{more}.")
        said.append(f"Runbook: docs/runbooks/{runbook}.md")
        links = {"log": f"{settings.url.rstrip('/')}/log"} if settings.url else {}
        if page := runbook_of(runbook, settings.runbooks):
            links["runbook"] = page
        environment, service, _ = runs[0] if runs else ("", "", "")
        what = "is damaged, and" if rule == DAMAGED else "stopped:"
        return ToldAlert(
            log=origin,
            incident=incident_id(rule, Root("log", f"{origin}\0{why}"), int(time.time())),
            rule=rule,
            severity=PAGE,
            was="",
            title=f"the log {origin} {what} it takes nothing more",
            text="\n".join(said),
            environment=environment,
            service=service,
            root=ToldRoot("log", origin),
            opened=now,
            closed=None,
            entry=None,
            entries=() if span is None else (span[0],),
            links=links,
        )

    def _resting(self, span: tuple[int, int]) -> list[tuple[str, str, str]]:
        """Environment, service and artifact of what runs in production and rests on entries."""
        production = open_watch_settings(self._folder)().production
        with (
            EstateReader(self._folder.estate_path).snapshot() as estate,
            GraphReader(self._folder.graph_path).snapshot() as graph,
        ):
            lens = graph.lens(as_of=min(estate.size, graph.size))
            runs = [
                (environment, service, one.artifact)
                for where in production
                for (environment, service), some in what_runs(
                    estate, where, at=micros(_now()), as_of=lens.as_of
                ).items()
                for one in some
            ]  # fmt: skip
            resting = rest_on(graph, lens, {artifact for _, _, artifact in runs}, *span)
        return sorted(one for one in runs if one[2] in resting)

    def _keep(self, stage: str, told: ToldAlert, settings: NotifySettings) -> None:
        wanting = [to.name for to in settings.receivers if wanted_by(to, told)]
        if wanting:
            message = Message(
                id=id_of("alert", told.incident, stage), type=TYPES[stage],
                timestamp=told.closed or told.opened, data=msgspec.to_builtins(told),
                is_urgent=True,
            )  # fmt: skip
            self._spool.put(message, wanting)

    @contextlib.contextmanager
    def _saying(self) -> Iterator[None]:
        try:
            yield
        except (Error, OSError) as error:
            self._on_trouble(f"nobody is told that the log stopped: {error}")


def _span(why: str) -> tuple[int, int] | None:
    """The entries that are damaged, from the first up to before the last."""
    found = _ENTRIES.search(why)
    if found is None:
        return None
    first = int(found[1])
    return first, int(found[2] or first) + 1


def _now() -> str:
    return to_text(datetime.now(UTC))
