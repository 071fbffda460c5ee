"""Who is told what turned, as ``notify.yaml`` says it.

    url: https://wherefrom.example            where links lead; none if not given
    webhooks:
      - {name: on-call, url: "https://…", secret: whsec_…, environments: [prod]}
    tickets: [{…}]                          trackers that get tickets: ``ticket_settings``

Sent over https, or over http to this machine alone. The secret signs each message; it is 24 to 64
bytes in base64 after ``whsec_``, as Standard Webhooks writes them.

Sizes:  WEBHOOKS_MAX webhooks
Source: docs/continuous.md; standard-webhooks, spec/standard-webhooks.md ("Signature scheme")
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import (
    base64_strict,
    statement_shape,
    strict_json,
    ticket_settings,
    yaml_text,
)
from wherefrom.formats.ticket_settings import Tracker

WEBHOOKS_MAX: Final = 20
SECRET_PREFIX: Final = "whsec_"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Webhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One receiver. ``environments``: told only of these; of all if empty."""

    name: str
    url: str
    secret: str
    environments: tuple[str, ...] = ()

    @property
    def key(self) -> bytes:
        """What signs."""
        return base64_strict.decode(self.secret.removeprefix(SECRET_PREFIX), where="secret")

    def wants(self, environment: str) -> bool:
        """Whether it is told of an environment."""
        return not self.environments or environment in self.environments


class NotifySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says. ``url`` is where people reach this log; ``runbooks`` where its runbooks
    are."""

    webhooks: tuple[Webhook, ...] = ()
    url: str = ""
    runbooks: str = ""
    tickets: tuple[Tracker, ...] = ()


def parse(content: bytes, *, where: str) -> NotifySettings:
    """Read the file. Raises Malformed, LimitPassed; never with a secret in the message."""
    written = yaml_text.decode(content, where=where)
    document = strict_json.as_object({} if written is None else written, where=where)
    said = statement_shape.convert(document, NotifySettings, "settings of notifications", where)
    if len(said.webhooks) > WEBHOOKS_MAX:
        raise LimitPassed("too many webhooks", where=where, expected=f"{WEBHOOKS_MAX} at most")
    names = [one.name for one in said.webhooks]
    if len(set(names)) < len(names):
        raise Malformed("two webhooks of one name", where=where, got=" ".join(names))
    for one in said.webhooks:
        _check(one, f"{where}: {one.name}")
    ticket_settings.check(said.tickets, where)
    return said


def _check(one: Webhook, where: str) -> None:
    if not _NAME.fullmatch(one.name):
        raise Malformed(
            "not a name", where=where, expected="letters, digits and dashes, 63 at most"
        )
    if not _is_safe(one.url):
        raise Malformed(
            "not an address to send to", where=where,
            expected="https://…, or http:// on this machine", got=one.url.rpartition("@")[2],
        )  # fmt: skip
    try:
        fits = one.secret.startswith(SECRET_PREFIX) and 24 <= len(one.key) <= 64
    except Malformed:
        fits = False
    if not fits:
        raise Malformed(
            "not a secret", where=where, expected=f"{SECRET_PREFIX} and 24 to 64 bytes in base64",
            do="Make one: echo whsec_$(openssl rand -base64 32)",
        )  # fmt: skip


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    if parts.scheme != "http":
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
