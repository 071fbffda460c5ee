"""Who is told what turned, as ``notify.yaml`` says it.

    url: https://wherefrom.example            where links lead; none if not given
    webhooks:
      - {name: on-call, url: "https://…", secret: whsec_…, environments: [prod]}
    grafana: [{…}]         of changes alone: ``grafana_annotations``
    alertmanagers: [{…}]   slack: [{…}]   pagerduty: [{…}]   email: [{…}]    of alerts alone:
                                                               ``alert_receivers``
    tickets: [{…}]                          trackers that get tickets: ``ticket_settings``

Sent over https, or over http to this machine alone. The secret signs each message; it is 24 to 64
bytes in base64 after ``whsec_``, as Standard Webhooks writes them.

Sizes:  WEBHOOKS_MAX webhooks
Source: docs/continuous.md; standard-webhooks, spec/standard-webhooks.md ("Signature scheme")
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import (
    alert_receivers,
    base64_strict,
    grafana_annotations,
    statement_shape,
    strict_json,
    ticket_settings,
    yaml_text,
)
from wherefrom.formats.alert_receivers import (
    RECEIVERS_MAX,
    Alertmanager,
    Email,
    PagerDuty,
    Slack,
    is_safe,
)
from wherefrom.formats.grafana_annotations import Grafana
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

    def wants(self, environment: str, severity: str = "") -> bool:
        """Whether it is told of an environment; it is told of alerts of any severity."""
        return not self.environments or environment in self.environments


Receiver = Webhook | Alertmanager | Slack | PagerDuty | Email | Grafana


class NotifySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says. ``url`` is where people reach this log; ``runbooks`` where its runbooks
    are."""

    webhooks: tuple[Webhook, ...] = ()
    alertmanagers: tuple[Alertmanager, ...] = ()
    slack: tuple[Slack, ...] = ()
    pagerduty: tuple[PagerDuty, ...] = ()
    email: tuple[Email, ...] = ()
    grafana: tuple[Grafana, ...] = ()
    url: str = ""
    runbooks: str = ""
    tickets: tuple[Tracker, ...] = ()

    @property
    def receivers(self) -> list[Receiver]:
        """All of them."""
        return [
            *self.webhooks, *self.alertmanagers, *self.slack, *self.pagerduty, *self.email,
            *self.grafana,
        ]  # fmt: skip


def parse(content: bytes, *, where: str) -> NotifySettings:
    """Read the file. Raises Malformed, LimitPassed; never with a secret in the message."""
    written = yaml_text.decode(content, where=where)
    document = strict_json.as_object({} if written is None else written, where=where)
    said = statement_shape.convert(document, NotifySettings, "settings of notifications", where)
    if len(said.webhooks) > WEBHOOKS_MAX:
        raise LimitPassed("too many webhooks", where=where, expected=f"{WEBHOOKS_MAX} at most")
    for some in (said.alertmanagers, said.slack, said.pagerduty, said.email, said.grafana):
        if len(some) > RECEIVERS_MAX:
            raise LimitPassed("too many receivers", where=where, expected=f"{RECEIVERS_MAX} each")
    names = [one.name for one in said.receivers]
    if len(set(names)) < len(names):
        what = "webhooks" if len(names) == len(said.webhooks) else "receivers"
        raise Malformed(f"two {what} of one name", where=where, got=" ".join(names))
    for one in said.receivers:
        if not _NAME.fullmatch(one.name):
            raise Malformed(
                "not a name", where=f"{where}: {one.name}",
                expected="letters, digits and dashes, 63 at most",
            )  # fmt: skip
        if isinstance(one, Webhook):
            _check(one, f"{where}: {one.name}")
        elif isinstance(one, Grafana):
            grafana_annotations.check(one, f"{where}: {one.name}")
        else:
            alert_receivers.check(one, f"{where}: {one.name}")
    ticket_settings.check(said.tickets, where)
    return said


def _check(one: Webhook, where: str) -> None:
    if not is_safe(one.url):
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
