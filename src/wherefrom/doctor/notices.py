"""Are messages delivered, or do they lie in the spool of notifications?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from wherefrom.app import open_notify_settings
from wherefrom.doctor.found import Found, Ground, span
from wherefrom.formats.alert_receivers import Email
from wherefrom.formats.notify_settings import Receiver
from wherefrom.notify import Spool

WAITS_S_MAX: Final = 600.0


def notices(ground: Ground) -> Iterator[Found]:
    """For each receiver how many messages wait, and for how long."""
    waiting = Spool(ground.path / "notify").waiting()
    receivers = {one.name: one for one in open_notify_settings(ground.folder)().receivers}
    stuck = False
    for receiver in sorted({one.receiver for one in waiting}):
        its = [one for one in waiting if one.receiver == receiver]
        age = max(ground.file_age_s(one.path) for one in its)
        if age <= WAITS_S_MAX:
            continue
        stuck = True
        says = f"{len(its):,} messages wait for {receiver}, the first for {span(age)}"
        if ground.served is None:
            yield Found(None, f"{says}: no server runs to send them", "wherefrom up")
        elif receiver not in receivers:
            yield Found(None, f"{says}, whom notify.yaml does not name", "It drops them by itself")
        else:
            at = _place(receivers[receiver])
            fix = f"See what {at} answers, and whether its secret is the one in notify.yaml"
            yield Found(False, says, fix)
    if not stuck:
        yield Found(True, f"{len(waiting):,} on their way" if waiting else "none waits")


def _place(one: Receiver) -> str:
    """Where it is sent to; of an address no more than its host, for the rest may be a secret."""
    return one.host if isinstance(one, Email) else urlsplit(one.url).hostname or one.name
