"""What was promised, how it stands, and which alerts are open."""

from __future__ import annotations

import contextlib

import msgspec

from wherefrom.errors import NotFound
from wherefrom.query.alerts.answers import ObjectiveStatus
from wherefrom.query.alerts.desk import LIST_DEFAULT, AlertOptions
from wherefrom.web.asking import Ask
from wherefrom.web.page import Page


def alerts(ask: Ask) -> Page:
    """``/alerts?environment=&service=&since=``: those that are open, and that opened since."""
    found = ask.desk.alerts.alerts(
        AlertOptions(
            environment=ask.query("environment"), service=ask.query("service"),
            since=ask.query("since") or None, as_of=ask.as_of,
            limit=ask.number("limit", LIST_DEFAULT),
        )
    )  # fmt: skip
    return Page(template="alerts.html", title="Alerts", answer=found, log=found.log)


def objectives(ask: Ask) -> Page:
    """``/objectives?environment=&service=``: how each stands, and what burns."""
    found: ObjectiveStatus | None = None
    with contextlib.suppress(NotFound):  # none are set
        found = ask.desk.alerts.objectives()
    log = found.log if found else ask.desk.standing()[0]
    environment, service = ask.query("environment"), ask.query("service")
    if found is not None and (environment or service):
        names = {
            one.name for one in found.objectives
            if environment in ("", one.environment) and service in ("", one.service)
        }  # fmt: skip
        found = msgspec.structs.replace(
            found,
            objectives=[one for one in found.objectives if one.name in names],
            standings=[one for one in found.standings if one.name in names],
        )
    return Page(
        template="objectives.html", title="Objectives", answer=found, log=log, now_only=True
    )
