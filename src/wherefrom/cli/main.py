"""The door of the command line: the verbs, and how each of them ends.

    wherefrom VERB … ──► a command here ──► a place ──► an answer, as text or JSON
                             └ an error ──► standard error, an exit code

A module of a verb imports only click; what the verb needs is imported when it runs, so that
``wherefrom --help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise

import click

from wherefrom import __version__
from wherefrom.cli import (
    agent,
    anchor,
    audit,
    bundle,
    change,
    check,
    erase,
    evidence,
    federate,
    intake,
    keys,
    log_keys,
    logs,
    monitor,
    proof_tokens,
    reality,
    record,
    replay,
    request,
    resign,
    roots,
    safe_mode,
    show,
    sign,
    tokens,
    trace,
    trusted_root,
    up,
    verdicts,
    webhooks,
    why,
    witness,
)
from wherefrom.cli.exits import CANNOT_TELL, YES
from wherefrom.cli.failures import tell

_EPILOG = """\b
Exits: 0 yes, proven, all recorded · 1 a clear no · 2 misuse · 3 the world failed.
Places: --data DIR or --server URL; else WHEREFROM_URL (with WHEREFROM_TOKEN), WHEREFROM_DATA,
the file WHEREFROM_CONFIG names, and then ./wherefrom-data."""


class _InOrder(click.Group):
    """Lists the verbs in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_InOrder,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="wherefrom")
def root() -> None:
    """Where things come from and what became of them: signed records, one log, proof."""


for _command in (
    up.up,
    record.record,
    change.change,
    bundle.bundle,
    safe_mode.safe_mode,
    trace.trace,
    show.show,
    show.find,
    reality.running,
    reality.changes,
    reality.diff,
    reality.drift,
    reality.affected,
    reality.touched,
    check.check,
    request.request,
    replay.replay,
    evidence.verify,
    evidence.prove,
    proof_tokens.proof_token,
    logs.log,
    intake.intake,
    keys.keys,
    roots.roots,
    verdicts.verdicts,
    federate.federate,
    audit.audit,
    sign.sign,
    tokens.tokens,
    webhooks.webhooks,
    erase.erase,
    logs.views,
    witness.witness,
    monitor.monitor,
    agent.agent,
    why.why,
):
    root.add_command(_command)
keys.keys.add_command(resign.resign)
for _command in (anchor.anchor, log_keys.keys, log_keys.rotate, trusted_root.trusted_root):
    logs.log.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = root.main(given, prog_name="wherefrom", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - every end of a command is told in one place
        if isinstance(error, SystemExit):
            return error.code if isinstance(error.code, int) else CANNOT_TELL
        return tell(error, as_json=_wants_json(given))
    return code if isinstance(code, int) else YES


def _wants_json(arguments: list[str]) -> bool:
    """Whether errors are wanted as JSON, also where the arguments could not be read."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    said = "--json" in before or "--format=json" in before
    return said or ("--format", "json") in pairwise(before)
