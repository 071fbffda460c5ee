"""What goes wrong, told on standard error: lines for a person, a problem object for a script.

    wherefrom: nothing is called this            {"type": "urn:wherefrom:error:not_found",
      got       sha256:dead                       "title": "nothing is called this", …}
      do        Look for it with `wherefrom find`

Nothing a user does ends in a traceback. Only a mistake of ours shows one, and says so.

Source: RFC 9457
"""

from __future__ import annotations

import sys
import textwrap
import traceback
from typing import Any

import click

from wherefrom.cli.exits import CANNOT_TELL, INTERRUPTED, MISUSE, YES, exit_of
from wherefrom.cli.render import columns
from wherefrom.errors import Error, SettingError, StorageError


def tell(error: BaseException, *, as_json: bool) -> int:
    """Say on standard error what ended the command; returns the exit."""
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has enough: the usual end of `| head`.
        sys.stdout = None  # or Python would flush it, and fail, at exit
        return YES
    if isinstance(error, click.UsageError):
        return _tell_misuse(error, as_json)
    known = _known(error)
    if known is None:
        traceback.print_exception(error)
        click.echo("wherefrom: this is a mistake in wherefrom itself; please report it", err=True)
        return CANNOT_TELL
    _write(known, as_json=as_json)
    return exit_of(known.code)


def warn(text: str, *, hyphens: bool = True) -> None:
    """A line on standard error that ends nothing; a name in it is no command to a terminal.

    hyphens  whether a line may end at one: an option that is cut there cannot be copied
    """
    text = "".join(c if c.isprintable() or c.isspace() else "�" for c in text)
    lines = textwrap.wrap(
        f"wherefrom: {text}", columns(), subsequent_indent="  ", break_on_hyphens=hyphens
    )
    click.echo("\n".join(lines), err=True)


def _known(error: BaseException) -> Error | None:
    """``error`` as one of ours; None if nobody foresaw it."""
    if isinstance(error, Error):
        return error
    if isinstance(error, OSError):
        return StorageError(
            error.strerror.lower() if error.strerror else "the system refused",
            where=str(error.filename) if error.filename else None,
        )
    if isinstance(error, click.ClickException):
        return SettingError(
            error.format_message(),
            do="See the command's --help",
        )
    if type(error).__module__ == "apsw":
        return StorageError("the graph file cannot be used", got=str(error))
    return None


def _tell_misuse(error: click.UsageError, as_json: bool) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not as_json:
        click.echo(error.format_message(), err=True)
        return MISUSE
    said = error.format_message()
    if as_json:
        _write_json(
            {
                "type": "urn:wherefrom:error:usage",
                "title": said,
                "status": 400,
                "detail": f"{said} {_help_of(error)}",
                "code": "usage",
                "do": _help_of(error),
            }
        )
        return MISUSE
    if error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
    click.echo(f"wherefrom: {said}", err=True)
    click.echo(f"  {_help_of(error)}", err=True)
    return MISUSE


def _help_of(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx is not None else "wherefrom"
    return f"See: {path} --help"


def _write_json(problem: dict[str, Any]) -> None:
    import msgspec

    click.echo(msgspec.json.encode(problem), err=True)


def _write(error: Error, *, as_json: bool) -> None:
    if as_json:
        from wherefrom.api.problem_object import problem_of

        _write_json(problem_of(error))
        return
    click.echo(f"wherefrom: {error.what}", err=True)
    told = {label: getattr(error, label) for label in ("where", "expected", "got")}
    for label, said in (*told.items(), ("do", error.next_step)):
        if said:
            # What could be meant is a list: a line for each.
            parts = str(said).split("; ") if error.code == "ambiguous" else [str(said)]
            lines = [
                line
                for part in parts
                for line in textwrap.wrap(part, columns() - 12, break_on_hyphens=False)
            ]
            click.echo(f"  {label:<9} " + "\n            ".join(lines), err=True)
