"""``wherefrom health``: how good the evidence is."""

from __future__ import annotations

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.options import (
    as_of_option,
    environment_option,
    from_option,
    moment_of,
    then_option,
)
from wherefrom.cli.render import write_answer
from wherefrom.cli.settings import Where, placed


@click.command()
@click.option(
    "--explain", metavar="INDICATOR", help="What is missing, whose it is, what closes most."
)
@click.option("--history", metavar="INDICATOR", help="One indicator at moments of the past.")
@environment_option
@click.option("--service", default="", help="Only this one.")
@click.option("--kind", default="", help="Only of this kind: image, provenance, deployment, …")
@click.option("--trust", default="", help="Only of this level: signed, channel, …")
@from_option
@click.option(
    "--until", callback=moment_of, metavar="TIME", help="The last moment; now if not given."
)
@click.option("--step", default="1d", show_default=True, metavar="TIME", help="Between moments.")
@then_option
@as_of_option
@placed
def health(
    explain: str | None,
    history: str | None,
    environment: str,
    service: str,
    kind: str,
    trust: str,
    since: str | None,
    until: str | None,
    step: str,
    at: str | None,
    as_of: int | None,
    where: Where,
    as_json: bool,
) -> int:
    """Show how good the evidence is: indicators and their targets.

    Each has an id and a name, N1 or coverage; docs/health.md says how it is counted. --explain
    says what is missing, who owns it, and which fix closes most. --history shows one from --since
    on, a month back if not given.
    """
    from wherefrom.cli.draw_health import draw_explained, draw_health, draw_history
    from wherefrom.cli.opening import reading
    from wherefrom.formats.timestamps import duration_s
    from wherefrom.query.health import HealthOptions

    if explain and history:
        raise click.UsageError("Either --explain or --history.")
    if not history and (since or until):
        raise click.UsageError("--since and --until are of --history.")
    options = HealthOptions(
        environment=environment, service=service, kind=kind, trust=trust, at=at, as_of=as_of
    )
    with reading(where) as place:
        if explain:
            explained = place.health_explained(explain, options)
            write_answer(explained, as_json, lambda: draw_explained(explained))
        elif history:
            step_s = duration_s(step, where="--step")
            past = place.health_history(
                history, options, since=since or _month_back(), until=until, step_s=step_s
            )
            write_answer(past, as_json, lambda: draw_history(past))
        else:
            answer = place.health(options)
            write_answer(answer, as_json, lambda: draw_health(answer))
    return YES


def _month_back() -> str:
    from datetime import UTC, datetime, timedelta

    from wherefrom.formats.timestamps import to_text

    return to_text(datetime.now(UTC) - timedelta(days=30))
