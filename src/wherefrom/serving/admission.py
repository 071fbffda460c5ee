"""An admission webhook in its own process: its files watched, its door served over TLS.

policy, settings ──► Guard ──door──► HTTPS      certificate, policy, settings: read again
                       └ Asking ──► Decider     when their files change, and nobody is cut off
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.applications import Starlette

from wherefrom.admission.asking import Asking
from wherefrom.admission.deciding import Decider
from wherefrom.admission.door import guard_app
from wherefrom.admission.files import (
    EVERY_SECONDS,
    Watched,
    load_certificate,
    load_settings,
)
from wherefrom.admission.guard import Guard
from wherefrom.admission.metrics import GuardMetrics
from wherefrom.admission.records import Decided
from wherefrom.formats.admission_settings import AdmissionSettings
from wherefrom.formats.policy import Policy
from wherefrom.serving.http import Tls, serve, spare_collections

if TYPE_CHECKING:
    from wherefrom.capture.outbox import Outbox

# Decisions and the loop share an interpreter: a review must not wait 5 ms for its turn.
_SWITCH_SECONDS: Final = 0.0005


class Wanted(NamedTuple):
    """What to guard by.

    policy   reads the policy, from ``files``. Raises Error
    adapt    what options say beside the file of settings
    fresh_s  for how long a yes stands while the log cannot be asked
    wait_s   how long a review may take
    """

    policy: Callable[[], Policy]
    files: Callable[[], Sequence[Path]]
    settings: Path | None
    adapt: Callable[[AdmissionSettings], AdmissionSettings]
    fresh_s: float
    wait_s: float


def guard_cluster(
    wanted: Wanted,
    *,
    decider: Decider,
    outbox: Outbox | None,
    host: str,
    port: int,
    tls: Tls,
    started: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT. Raises Error for files that cannot be used."""
    policy = wanted.policy()
    settings = wanted.adapt(load_settings(wanted.settings))
    metrics = GuardMetrics()
    asking = Asking(
        decider, policy, fresh_s=wanted.fresh_s, turned=lambda key: metrics.turned.inc()
    )
    decided = Decided(outbox, cluster=settings.cluster)
    watched: list[Watched] = []

    def secured(context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        watched.append(
            Watched(
                "certificate",
                lambda: (tls.certificate, tls.key),
                lambda: load_certificate(context, tls.certificate, tls.key),
            )
        )

    async def watch() -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            for files in watched:
                result = files.look()
                if result is not None:
                    metrics.reloads.labels(files.name, "ok" if result == "ok" else "failed").inc()
                    _say(
                        f"the {files.name} was read again"
                        if result == "ok"
                        else f"the {files.name} changed and cannot be used: {result}"
                    )

    def application() -> Starlette:
        guard = Guard(asking, settings, decided=decided, wait_s=wanted.wait_s)
        watched.append(
            Watched(
                "policy",
                wanted.files,
                lambda: asking.use(wanted.policy()),
            )
        )
        if (path := wanted.settings) is not None:
            watched.append(
                Watched(
                    "settings",
                    lambda: (path,),
                    lambda: guard.use(wanted.adapt(load_settings(path))),
                )
            )
        return guard_app(
            guard, metrics, beside=watch, dropped=lambda: outbox.dropped if outbox else 0
        )

    sys.setswitchinterval(_SWITCH_SECONDS)
    spare_collections()
    try:
        serve(application, host=host, port=port, tls=tls, started=started, secured=secured)
    finally:
        if outbox is not None:
            outbox.close()


def _say(says: str) -> None:
    print(f"wherefrom: {says}", file=sys.stderr, flush=True)  # noqa: T201
