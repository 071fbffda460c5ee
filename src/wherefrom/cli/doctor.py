"""``wherefrom doctor``: what is wrong with a set-up, and the fix for each."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.render import columns, count, write_answer
from wherefrom.cli.settings import Where, placed
from wherefrom.formats.shown import printable

if TYPE_CHECKING:
    from wherefrom.doctor import Checkup, Mended

_MARKS: Final = {True: ("✓", "green"), None: ("!", "yellow"), False: ("✗", "red")}


@click.command()
@click.option("--fix", "mends", is_flag=True, help="Mend what is safe to mend, and say what.")
@click.option(
    "--spool", type=click.Path(path_type=Path), metavar="DIR", envvar="WHEREFROM_SPOOL",
    help="Where records of `run` wait, if not in your own state.",
)  # fmt: skip
@placed
def doctor(mends: bool, spool: Path | None, where: Where, as_json: bool) -> int:
    """Find what is wrong with a set-up, and say the fix for each.

    Looks at a directory, whether a server holds it or not, or at a server from outside. --fix mends
    modes, what a dead server left and views that can be made again, and nothing else. Exits 1 if
    something is broken; a warning is none.
    """
    from wherefrom.doctor import mend

    found = _examined(where, spool)
    done = mend(found) if mends else []
    if done:
        found = _examined(where, spool)
    answer = {
        "checks": found.checks,
        **({"fixed": [one._asdict() for one in done]} if mends else {}),
    }
    write_answer(answer, as_json, lambda: _drawn(found, done))
    return NO if found.is_broken else YES


def _examined(where: Where, spool: Path | None) -> Checkup:
    from wherefrom.capture.recorder.spool import folder_of
    from wherefrom.doctor import Ground, examine
    from wherefrom.followed import folder_at

    if where.server is not None:
        return _from_outside(where)
    above = folder_of("", spool).parent
    return examine(Ground(folder_at(where.data), spool=above, environ=os.environ))


def _from_outside(where: Where) -> Checkup:
    import httpx

    from wherefrom.cli.remote import certificates
    from wherefrom.doctor import Far, examine_server

    assert where.server is not None
    headers = {"Authorization": f"Bearer {where.token}"} if where.token else {}
    with httpx.Client(
        base_url=where.server, headers=headers, timeout=5.0, verify=certificates(where)
    ) as client:
        files = tuple(file for file in (where.ca, where.certificate) if file is not None)
        return examine_server(Far(url=where.server, client=client, files=files))


def _drawn(found: Checkup, done: Sequence[Mended]) -> Iterator[str]:
    checks = found.checks
    for one in done:
        mark, colour = _MARKS[bool(one.ok)]
        yield from _lines(click.style(mark, fg=colour), "fixed", one.did)
    if done:
        yield ""
    width = max(len(check.name) for check in checks)
    for check in checks:
        mark, colour = _MARKS[check.ok]
        yield from _lines(click.style(mark, fg=colour), f"{check.name:<{width}}", check.says)
        if check.fix and check.ok is not True:
            yield from _lines(" ", " " * width, f"→ {check.fix}")
    yield ""
    broken = sum(check.ok is False for check in checks)
    warned = sum(check.ok is None for check in checks)
    said = [count(broken, "thing is", "things are") + " broken"] if broken else []
    said += [count(warned, "warning")] if warned else []
    yield (", ".join(said) or "Nothing is wrong") + "."
    if can := sum(one.mend is not None for _, one in found.found):
        yield f"{count(can, 'of these is', 'of these are')} safe to mend: wherefrom doctor --fix"


def _lines(mark: str, name: str, says: str) -> Iterator[str]:
    lead = f"{mark} {name}  "
    indent = " " * (len(name) + 4)
    # A command must not be broken where it would no longer be one.
    for line in textwrap.wrap(
        printable(says), columns() - len(indent), break_on_hyphens=False, break_long_words=False
    ) or [""]:
        yield (lead + line).rstrip()
        lead = indent
