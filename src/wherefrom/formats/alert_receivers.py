"""Who else is told of alerts, besides webhooks, as ``notify.yaml`` says it.

    alertmanagers: [{name: am, url: "http://127.0.0.1:9093"}]
    slack: [{name: chat, url: "https://hooks.slack.com/services/…", channel: "#alerts"}]
    pagerduty: [{name: pager, routing_key: …, severities: [page]}]
    email: [{name: mail, host: smtp.example, from: a@example, to: [b@example], user: …}]

Each is told of its ``environments`` and ``severities`` alone; of all if none are named. Mail goes
over TLS: ``starttls`` at port 587, ``tls`` at 465; ``none`` is for this machine alone.

Sizes:  RECEIVERS_MAX of each · TO_MAX addresses of a mail
Source: docs/alerts.md
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.objectives import PAGE, TICKET

RECEIVERS_MAX: Final = 20
TO_MAX: Final = 50
PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
_ADDRESS: Final = re.compile(r"[!-~]{1,64}@[A-Za-z0-9.\[\]:-]{1,255}")
_ROUTING_KEY: Final = re.compile(r"[A-Za-z0-9]{20,64}")

Told = Literal["page", "ticket"]


class _Receiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One receiver. ``environments`` and ``severities``: told only of these; of all if empty."""

    name: str
    environments: tuple[str, ...] = ()
    severities: tuple[Told, ...] = ()

    def wants(self, environment: str, severity: str) -> bool:
        """Whether it is told of such an alert."""
        return (not self.environments or environment in self.environments) and (
            not self.severities or severity in self.severities
        )


class Alertmanager(_Receiver, frozen=True, kw_only=True):
    """An Alertmanager, by its API of version 2.

    url    of the Alertmanager, with the path it is served under
    token  a bearer token, if it wants one
    """

    url: str
    token: str = ""


class Slack(_Receiver, frozen=True, kw_only=True):
    """An incoming webhook of Slack, or of what takes the same (Mattermost, Rocket.Chat)."""

    url: str
    channel: str = ""


class PagerDuty(_Receiver, frozen=True, kw_only=True):
    """A service of PagerDuty, by its Events API of version 2; or what takes the same."""

    routing_key: str
    url: str = PAGERDUTY_URL


class Email(_Receiver, frozen=True, kw_only=True, rename={"sender": "from"}):
    """Mail by SMTP. ``port`` 0: that of ``security``; ``ca``: a PEM file of who is trusted."""

    host: str
    sender: str
    to: tuple[str, ...]
    port: int = 0
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = ""
    ca: str = ""


def check(one: Alertmanager | Slack | PagerDuty | Email, where: str) -> None:
    """Raises Malformed, LimitPassed; never with a secret in the message."""
    if isinstance(one, Email):
        _check_email(one, where)
        return
    if not is_safe(one.url):
        raise Malformed(
            "not an address to send to", where=where,
            expected="https://…, or http:// on this machine", got=_without_secret(one.url),
        )  # fmt: skip
    if isinstance(one, PagerDuty) and not _ROUTING_KEY.fullmatch(one.routing_key):
        raise Malformed(
            "not a routing key", where=where, expected="the integration key of an Events API v2",
            do="Copy it from the service's integrations in PagerDuty",
        )  # fmt: skip
    if isinstance(one, Alertmanager) and not one.token.isprintable():
        raise Malformed("not a token", where=where, expected="one line of ASCII")


def severities() -> Iterator[str]:
    """Those that reach people."""
    yield from (PAGE, TICKET)


def is_safe(url: str) -> bool:
    """Whether what is sent there cannot be read on the way: https, or this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and is_here(host)


def is_here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_email(one: Email, where: str) -> None:
    if not 0 < len(one.to) <= TO_MAX:
        raise LimitPassed("mail to nobody, or to too many", where=where, expected=f"1 to {TO_MAX}")
    for address in (one.sender, *one.to):
        if not _ADDRESS.fullmatch(address):
            raise Malformed(
                "not an address of mail", where=where, expected="somebody@example.com", got=address
            )
    if not one.host or not 0 <= one.port < 65_536:
        raise Malformed("no server of mail", where=where, got=f"{one.host}:{one.port}")
    if one.security == "none" and not is_here(one.host):
        raise Malformed(
            "mail would go where others can read it", where=f"{where}.security",
            expected="starttls or tls; none is for this machine", got=one.security,
        )  # fmt: skip
    if bool(one.user) != bool(one.password):
        raise Malformed("half of who sends", where=where, expected="user and password, or neither")


def _without_secret(url: str) -> str:
    """Enough of an address to find it: what is secret in one stands before the host, or after."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}/…"
    except ValueError:
        return "…"
