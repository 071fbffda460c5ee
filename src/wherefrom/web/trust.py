"""Whose word counts, and what the policies in force say of what runs."""

from __future__ import annotations

from wherefrom.web.asking import Ask
from wherefrom.web.page import Page


def keys(ask: Ask) -> Page:
    """``/keys``: signers and their states, the log's own keys, its witnesses."""
    position, _ = ask.desk.standing()
    told = ask.keyring().told()
    status = ask.desk.status()
    return Page(
        template="keys.html", title="Keys and witnesses", answer={"keys": told, "log": status},
        log=position, now_only=True,
    )  # fmt: skip


def policies(ask: Ask) -> Page:
    """``/policies?environment=``: what is in force, what is denied, and why."""
    found = ask.statuses.status(ask.query("environment"))
    return Page(
        template="policies.html", title="Policies and decisions", answer=found, log=found.log,
        now_only=True,
    )  # fmt: skip
