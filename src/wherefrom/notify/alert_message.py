"""What became of an alert, as the message that says it; and the other way, for who writes it anew.

    Stage, its entry ──► {"type": "alert.opened", "timestamp", "data": ToldAlert}

``alert.opened`` begins it, ``alert.raised`` says that it is worse than was said, ``alert.closed``
ends it. All of one incident carry its id, by which a receiver knows that they belong together.

Source: docs/alerts.md ("Messages")
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from wherefrom.formats.notify_settings import Receiver
from wherefrom.formats.timestamps import of_micros
from wherefrom.notify.message import Message, id_of
from wherefrom.views.health.alerting import Alert, Stage
from wherefrom.views.health.links import links_of

TYPES: Final = {"opened": "alert.opened", "noted": "alert.raised", "closed": "alert.closed"}


class ToldRoot(msgspec.Struct, frozen=True):
    """What it is about."""

    kind: str
    id: str


class ToldAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert, as somebody is told of it.

    severity  ``page`` or ``ticket``; ``was`` what was said before, of one that is raised
    opened    when, RFC 3339; ``closed`` None while it is open
    entries   the records that it rests on; ``entry`` the one that says so
    """

    log: str
    incident: str
    rule: str
    severity: str
    was: str
    title: str
    text: str
    environment: str
    service: str
    root: ToldRoot
    opened: str
    closed: str | None
    entry: int | None
    entries: tuple[int, ...]
    links: dict[str, str]

    @property
    def key(self) -> str:
        """The same for all that is told of it."""
        return self.incident

    @property
    def headline(self) -> str:
        """One line."""
        said = "ended" if self.closed else self.severity
        return f"[{said}] {self.title}"


def message_of(
    stage: Stage, *, entry: int | None, was: str, origin: str, url: str, runbooks: str = ""
) -> Message:
    """The message of a stage that is recorded as ``entry``.

    was            the severity that was told before, empty if nothing was
    url, runbooks  where people reach the log ``origin`` and its runbooks; no links without
    """
    told = told_of(
        stage.alert, text=stage.text, entries=stage.entries, entry=entry, was=was, origin=origin,
        url=url, runbooks=runbooks, closed=stage.at if stage.stage == "closed" else None,
    )  # fmt: skip
    return Message(
        id=id_of("alert", stage.alert.incident, stage.stage, stage.alert.severity),
        type=TYPES[stage.stage],
        timestamp=_text(stage.at),
        data=msgspec.to_builtins(told),
        # One rank for all: what ends it must not overtake what begins it.
        is_urgent=True,
    )


def told_of(
    alert: Alert, *, text: str, entries: tuple[int, ...] = (), entry: int | None = None,
    was: str = "", origin: str, url: str, runbooks: str = "", closed: float | None = None,
) -> ToldAlert:  # fmt: skip
    """An alert as it is told."""
    return ToldAlert(
        log=origin,
        incident=alert.incident,
        rule=alert.rule,
        severity=alert.severity,
        was=was,
        title=alert.title,
        text=text,
        environment=alert.environment,
        service=alert.service,
        root=ToldRoot(*alert.root),
        opened=_text(alert.opened),
        closed=None if closed is None else _text(closed),
        entry=entry,
        entries=entries,
        links=links_of(alert, entries, url, runbooks),
    )


def wanted_by(to: Receiver, told: ToldAlert) -> bool:
    """Whether a receiver is told of it; what the whole log has concerns every environment."""
    where = to.environments if told.root.kind == "log" else ()
    return any(to.wants(one, told.severity) for one in (told.environment, *where))


def told_in(data: dict[str, Any]) -> ToldAlert:
    """The alert in a message. Raises ValidationError for a message of something else."""
    return msgspec.convert(data, ToldAlert)


def _text(seconds: float) -> str:
    return of_micros(int(seconds * 1_000_000))
