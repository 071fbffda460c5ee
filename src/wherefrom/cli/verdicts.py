"""``wherefrom verdicts``: judge again what the log holds.

renew ──► step after step, each at the place that works on the log ──► what became of it
"""

from __future__ import annotations

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import count, progress_bar, write_json
from wherefrom.cli.settings import Where, placed


@click.group()
def verdicts() -> None:
    """Judge again what was recorded."""


@verdicts.command()
@placed
def renew(where: Where, as_json: bool) -> int:
    """Judge everything signed again, under the keys and root of now.

    Each record at the time the log took it. What changed gets a verdict, and one record says what
    was looked at. Interrupted, it goes on where it was.
    """
    from wherefrom.cli.opening import writing

    with writing(where) as place, progress_bar("judging again") as tell:
        while (step := place.renew()).entry is None:
            tell(step.next, step.until)
    if as_json:
        write_json(step)
    else:
        click.echo(
            f"{count(step.looked, 'signed record')} of {count(step.until, 'entry', 'entries')} "
            f"judged again: {step.changed:,} changed. Recorded in entry {step.entry}"
        )
    return YES
