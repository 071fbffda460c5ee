"""Are messages delivered, or do they lie in the spool of notifications?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wherefrom.app import open_notify_settings
from wherefrom.doctor.found import Found, Ground, span
from wherefrom.notify import Spool

WAITS_S_MAX: Final = 600.0


def notices(ground: Ground) -> Iterator[Found]:
    """For each receiver how many messages wait, and for how long."""
    waiting = Spool(ground.path / "notify").waiting()
    addresses = {one.name: one.url for one in open_notify_settings(ground.folder)().webhooks}
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
        elif receiver not in addresses:
            yield Found(None, f"{says}, whom notify.yaml does not name", "It drops them by itself")
        else:
            at = addresses[receiver].rpartition("@")[2]
            fix = f"See what {at} answers, and whether its secret is the one in notify.yaml"
            yield Found(False, says, fix)
    if not stuck:
        yield Found(True, f"{len(waiting):,} on their way" if waiting else "none waits")
