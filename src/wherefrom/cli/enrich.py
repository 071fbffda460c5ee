"""``wherefrom enrich``: an alert in, the same alert out, with what is known of it.

    FILE | - ──► a place ──► standard output; what could not be found on standard error

The alert is always written: as it came, and why, if nobody can say anything of it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.query.enrich import Enriched

ALERT_BYTES_MAX: Final = 8 * 1024 * 1024


@click.command()
@click.argument("alert", metavar="FILE|-", type=click.File("rb"))
@placed
def enrich(alert: BinaryIO, where: Where, as_json: bool) -> int:
    """Add to an alert what runs, who owns it and what changed.

    Takes what Alertmanager and Grafana send, a list of Alertmanager's alerts, an event of PagerDuty
    or Datadog, or an object with "service" and "environment"; gives the same with artifact,
    deployment, owner, latest changes and links. The alert always comes out: what could not be
    found is said.
    """
    from wherefrom.cli.failures import warn
    from wherefrom.errors import LimitPassed

    body = alert.read(ALERT_BYTES_MAX + 1)
    if len(body) > ALERT_BYTES_MAX:
        raise LimitPassed("the alert is too large", expected=f"{ALERT_BYTES_MAX} bytes at most")
    enriched = _asked(body, where)
    click.echo(enriched.body, nl=sys.stdout.isatty())
    for text in enriched.says:
        warn(text)
    return YES


def _asked(body: bytes, where: Where) -> Enriched:
    from wherefrom.cli.opening import reading
    from wherefrom.errors import Error
    from wherefrom.formats.alert_shapes import unchanged
    from wherefrom.query.enrich import Enriched

    try:
        with reading(where) as place:
            return place.enrich(body)
    except Error as error:
        return Enriched(unchanged(body, str(error)), (str(error),))
