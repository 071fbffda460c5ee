"""``wherefrom top``: the log, its evidence, what is wrong and what changed, live in a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.options import environment_option
from wherefrom.cli.render import columns, write_json
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.cli.top_frame import Frame

EVERY_SECONDS_DEFAULT = 2.0
ONCE_ROWS = 10


@click.command()
@environment_option
@click.option("--service", "-s", default="", help="Only this service.")
@click.option(
    "--every", type=click.FloatRange(0.5, 3600), default=EVERY_SECONDS_DEFAULT, show_default=True,
    metavar="SECONDS", help="How often to look.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Print one frame, and end.")
@placed
def top(
    environment: str, service: str, every: float, once: bool, where: Where, as_json: bool
) -> int:
    """Watch health, alerts and changes, live in a terminal.

    Tab goes from pane to pane, the arrows to a line, Enter opens the thing (as `wherefrom show`
    does), t traces it, e and s filter, p pauses, q ends. --once and --json print one frame.
    """
    from wherefrom.cli.top_frame import Wish, asked

    wish = Wish(environment, service)
    if as_json:
        write_json(asked(where, wish))
        return YES
    if once:
        _print(asked(where, wish))
        return YES
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("this is no terminal to watch in; --once prints one frame")
    from wherefrom.cli.top_live import watch

    watch(where, wish, every_s=every)
    return YES


def _print(frame: Frame) -> None:
    from wherefrom.cli.top_draw import header, panes
    from wherefrom.formats.shown import cut

    click.echo(cut(header(frame), columns()))
    for pane in panes(frame):
        click.echo()
        click.echo(click.style(pane.title, bold=True))
        for row in pane.rows[:ONCE_ROWS]:
            said = cut(row.text, columns() - 2)
            click.echo(f"{row.mark} " + (click.style(said, fg=row.colour) if row.colour else said))
        if len(pane.rows) > ONCE_ROWS:
            click.echo(f"  and {len(pane.rows) - ONCE_ROWS:,} more")
        if not pane.rows:
            click.echo(f"  {pane.empty}")
