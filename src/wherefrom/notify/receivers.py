"""How each kind of receiver is told: one place that knows them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from wherefrom.errors import Unavailable
from wherefrom.formats.alert_receivers import Alertmanager, PagerDuty, Slack
from wherefrom.formats.grafana_annotations import Grafana
from wherefrom.formats.notify_settings import Receiver, Webhook
from wherefrom.notify import alertmanager, grafana, pagerduty, slack, webhook
from wherefrom.notify.alert_message import told_in
from wherefrom.notify.message import Message

if TYPE_CHECKING:
    import httpx


def send(message: Message, to: Receiver, client: httpx.Client) -> None:
    """Send a message once. Raises Unavailable if it is not taken."""
    if isinstance(to, Webhook):
        webhook.send(message, to, client)
        return
    if isinstance(to, Grafana):
        grafana.send(message, to, client)
        return
    try:
        told = told_in(message.data)
    except msgspec.ValidationError as error:
        raise Unavailable(f"{to.name} is told of alerts alone", got=message.type) from error
    if isinstance(to, Alertmanager):
        alertmanager.send([told], to, client)
    elif isinstance(to, Slack):
        slack.send(told, to, client, id=message.id)
    elif isinstance(to, PagerDuty):
        pagerduty.send(told, to, client)
    else:
        from wherefrom.notify import mail  # late: few are told by mail

        mail.send(told, to, id=message.id, timestamp=message.timestamp)
