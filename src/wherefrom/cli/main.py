"""The door of the command line: the verbs, and how each of them ends.

    wherefrom VERB … ──► a command here ──► a place ──► an answer, as text or JSON
                             └ an error ──► standard error, an exit code

A verb's module is imported when the verb is asked for, imports only click itself, and what the verb
needs when it runs, so that each command, and ``wherefrom --help``, answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Final

import click

from wherefrom import __version__
from wherefrom.cli.exits import CANNOT_TELL, YES
from wherefrom.cli.failures import tell

_EPILOG = """\b
Exits: 0 yes, proven, all recorded · 1 a clear no · 2 misuse · 3 the world failed.
Places: --data DIR or --server URL; else WHEREFROM_URL (with WHEREFROM_TOKEN), WHEREFROM_DATA,
the file WHEREFROM_CONFIG names, and then ./wherefrom-data."""


# Each verb in the order in which they are used, and the module of it; there it has its name, with
# an underscore for each hyphen.
_GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "Record what happens": {
        "record": "record",
        "run": "run",
        "change": "change",
        "bundle": "bundle",
        "safe-mode": "safe_mode",
        "release": "release",
        "catalog": "catalog",
        "agent": "agent",
        "sign": "sign",
        "oci": "oci",
    },
    "Ask where things come from": {
        "trace": "trace",
        "show": "show",
        "find": "show",
        "request": "request",
        "replay": "replay",
    },
    "Ask what runs, what changed, and which change did it": {
        "running": "reality",
        "changes": "reality",
        "diff": "reality",
        "drift": "reality",
        "affected": "reality",
        "touched": "reality",
        "impact": "impact",
        "canary": "canary",
        "why": "why",
        "enrich": "enrich",
        "hours": "hours",
        "check": "check",
        "reconcile": "reconcile",
        "clocks": "clocks",
        "health": "health",
        "top": "top",
    },
    "Promise, and be told": {
        "objectives": "objectives",
        "alerts": "alerts",
        "maintenance": "maintenance",
    },
    "Decide what goes in": {
        "gate": "gate",
        "policy": "policy",
        "approve": "approve",
        "exception": "exception",
        "admission": "admission",
        "feed": "feed",
    },
    "Go back, and answer trouble": {
        "incident": "incident",
        "rollback": "rollback",
        "remediate": "remediate",
    },
    "Prove it": {
        "verify": "evidence",
        "prove": "evidence",
        "proof-token": "proof_tokens",
        "rebuild": "rebuild",
        "audit": "audit",
    },
    "Say whom to believe": {
        "keys": "keys",
        "roots": "roots",
        "intake": "intake",
        "verdicts": "verdicts",
        "tokens": "tokens",
        "webhooks": "webhooks",
    },
    "Look after logs": {
        "up": "up",
        "log": "logs",
        "views": "logs",
        "erase": "erase",
        "federate": "federate",
        "witness": "witness",
        "monitor": "monitor",
        "dashboards": "dashboards",
        "siem": "siem",
        "doctor": "doctor",
        "completion": "completion",
        "gameday": "gameday",
    },
}
_VERBS: Final = {name: module for verbs in _GROUPS.values() for name, module in verbs.items()}


class _Verbs(click.Group):
    """The verbs of ``_GROUPS``; whoever asks for one pays for its module, and for no other."""

    @property
    def commands(self) -> MutableMapping[str, click.Command]:
        """All of them, by name and in order."""
        return {name: _verb(name) for name in _VERBS}

    @commands.setter
    def commands(self, _: MutableMapping[str, click.Command]) -> None:
        """Nothing: click sets what it was given, and it is given none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Group by group, each verb with its line."""
        width = max(map(len, _VERBS))
        for group, verbs in _GROUPS.items():
            with formatter.section(group):
                formatter.write_dl(
                    [(f"{name:<{width}}", _verb(name).get_short_help_str(84)) for name in verbs]
                )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _verb(cmd_name) if cmd_name in _VERBS else None


def _verb(name: str) -> click.Command:
    module = import_module(f"wherefrom.cli.{_VERBS[name]}")
    command: click.Command = getattr(module, name.replace("-", "_"))
    return command


@click.group(
    cls=_Verbs,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="wherefrom")
def root() -> None:
    """Where things come from and what became of them: signed records, one log, proof."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None and (asked := os.environ.get("_WHEREFROM_COMPLETE")):
        from wherefrom.cli.completion import answer  # a shell asks, at a Tab

        return answer(root, asked)
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
