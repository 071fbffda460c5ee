"""``wherefrom replay``: kept events, run again against another version of their function."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.render import count, write_json
from wherefrom.cli.settings import json_option


@click.command()
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--handler", required=True, metavar="MODULE:FUNCTION", help="The function to run, as it is now."
)
@json_option
def replay(paths: Sequence[Path], handler: str, as_json: bool) -> int:
    """Run kept events again, and compare what comes out.

    PATHS are files and folders of kept events. The handler is imported from the working directory
    first; what it prints goes to standard error. Nothing of it is recorded.
    """
    from wherefrom.capture import replay as replays
    from wherefrom.capture.identity import identity
    from wherefrom.formats.shown import printable

    me = identity()
    with contextlib.redirect_stdout(sys.stderr):
        function = replays.handler_of(handler, Path.cwd())
        done = list(replays.replay(function, paths))
    counted = Counter(one.result for one in done)
    if as_json:
        counts = {result: counted[result] for result in replays.RESULTS}
        items = [one._asdict() for one in done]
        write_json({"reality": me.id, "handler": handler, **counts, "items": items})
    for one in [] if as_json else done:
        if one.result != "same":
            named = one.event or one.file
            whose = f" of {one.tenant}" if one.tenant else ""
            click.echo(printable(f"{one.result:8}{named}{whose}  {one.says}"))
    if not as_json:
        said = ", ".join(f"{counted[result]} {result}" for result in replays.RESULTS)
        click.echo(f"{count(len(done), 'event')} at reality {me.short}: {said}")
    good = counted["same"] + counted["fixed"]
    return YES if done and good == len(done) else NO
