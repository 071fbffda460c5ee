"""Whose word counts, and what the policies in force say of what runs."""

from __future__ import annotations

from wherefrom.web.asking import Ask
from wherefrom.web.page import Page


def keys(ask: Ask) -> Page:
    """``/keys``: signers and their states, the log's own keys, its witnesses."""
    position, _ = ask.desk.standing()
    if ask.as_of is not None:
        ask.desk.root_at(ask.as_of)  # a size that the log never had is not found
    told = ask.keyring().as_of(ask.as_of).told()
    status = ask.desk.status()
    return Page(
        template="keys.html", title="Keys and witnesses", answer={"keys": told, "log": status},
        log=position,
    )  # fmt: skip


def policies(ask: Ask) -> Page:
    """``/policies?environment=&at=&as_of=``: what is in force, what is denied, and why."""
    found = ask.statuses.status(ask.query("environment"), at=ask.at, as_of=ask.as_of)
    return Page(
        template="policies.html", title="Policies and decisions", answer=found, log=found.log,
        at=found.at,
    )  # fmt: skip
