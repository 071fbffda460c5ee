"""``wherefrom release``: one signed record of what a version is made of, and questions about it.

NAME VERSION ──capture.releases──► what is found, what is missing ──sign──► record
show, list, diff ──► what was released, and how two of them differ
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.failures import warn
from wherefrom.cli.options import as_of_option, moment_of
from wherefrom.cli.render import count, write_answer, write_json
from wherefrom.cli.saying import give, now, signed
from wherefrom.cli.settings import Where, placed
from wherefrom.formats.shown import printable

if TYPE_CHECKING:
    from wherefrom.cli.release_parts import Finding
    from wherefrom.formats.release import Release

_FILE = click.Path(path_type=Path)


class _Group(click.Group):
    """``release NAME VERSION`` is ``release make NAME VERSION``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        helping = ctx.help_option_names
        if args and args[0] not in self.commands and args[0] not in helping:
            args = ["make", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Group)
def release() -> None:
    """Record what a release is made of, and compare releases.

    `wherefrom release NAME VERSION` records one; `make` may be written before NAME.
    """


@release.command()
@click.argument("name")
@click.argument("version")
@click.option(
    "--key", metavar="FILE|URI", required=True,
    help="The secret key to sign with: PEM, or where one is held.",
)  # fmt: skip
@click.option(
    "--folder", type=_FILE, default=".", show_default=True, help="A clone of its repository."
)
@click.option("--commit", metavar="REVISION", help="What was built; else CI says, else HEAD.")
@click.option("--repository", metavar="URL", help="What it is called; else where it came from.")
@click.option(
    "--artifact", "artifacts", multiple=True, metavar="IMAGE@DIGEST|FILE",
    help="What was built; IMAGE=FILE for an image index, with its platforms.",
)  # fmt: skip
@click.option(
    "--base", "bases", multiple=True, metavar="IMAGE@DIGEST",
    help="The image it was built on; one for each artifact, or one for all.",
)  # fmt: skip
@click.option(
    "--lock", "locks", multiple=True, type=_FILE, metavar="FILE",
    help="What was resolved; else the lock files in the folder.",
)  # fmt: skip
@click.option("--sbom", "sboms", multiple=True, metavar="FILE|DIGEST", help="An SBOM of it.")
@click.option("--config", multiple=True, metavar="BUNDLE", help="A config bundle it goes with.")
@click.option("--policy", multiple=True, metavar="BUNDLE", help="A policy it goes with.")
@click.option("--flags", "flags_file", type=_FILE, metavar="FILE", help="Flags: YAML, JSON, .env.")
@click.option("--flag", "flags", multiple=True, metavar="KEY=VALUE", help="One flag.")
@click.option("--environment", "-e", default="", help="Where it goes; what is there is taken over.")
@click.option("--region", default="", help="Only to this region.")
@click.option("--pool", default="", help="Only to this pool, such as a canary's.")
@click.option(
    "--previous", metavar="VERSION", help="The one before; else the newest recorded; none for none."
)
@click.option("--since", metavar="REVISION", help="Its commits are those since this one.")
@click.option("--build", metavar="URL", help="The run that built it; else CI says.")
@click.option("--at", callback=moment_of, metavar="TIME", help="When; now if not given.")
@click.option(
    "-o", "--output", type=_FILE, metavar="FILE", help="Write it there instead of recording it."
)
@placed
def make(
    name: str,
    version: str,
    key: str,
    at: str | None,
    output: Path | None,
    where: Where,
    as_json: bool,
    **said: Any,
) -> int:
    """Record what a release is made of, signed.

    Finds what it can: commit and build from CI or git, lock files in the folder, the release
    before and its commits, and with --environment the bundles and flags declared there. What it
    could not find is told, and left out of the record.
    """
    from wherefrom.cli.release_parts import Asked, Finding
    from wherefrom.formats import release as releases

    finding = Finding(name, version, Asked(**said), where, os.environ)
    made = finding.release(at or now())
    envelope = signed(releases.to_statement(made), key)
    told = {
        "release": releases.to_predicate(made), "id": made.id, "found_in": finding.found_in,
        "missing": [one._asdict() for one in finding.missing],
    }  # fmt: skip
    if not as_json:
        _draw_made(made, finding)
    return give([envelope], output, where, as_json, told=told)


def _draw_made(made: Release, finding: Finding) -> None:
    from wherefrom.cli.draw_releases import draw_release

    for line in draw_release(made):
        click.echo(line)
    for one in finding.missing:
        warn(f"{one.part} not found: {printable(one.why)}; {one.do}")


@release.command()
@click.argument("name")
@click.argument("version", default="latest")
@as_of_option
@placed
def show(name: str, version: str, as_of: int | None, where: Where, as_json: bool) -> int:
    """Show what a release was made of.

    Every record that tells of it, the best vouched for first; where they are not alike, it says
    so. VERSION is latest if not given.
    """
    from wherefrom.cli.draw_releases import draw_shown
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.release(name, version, as_of=as_of)
    write_answer(answer, as_json, lambda: draw_shown(answer))
    return YES


@release.command(name="list")
@click.argument("name")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, metavar="N",
    help="So many of the newest.",
)  # fmt: skip
@as_of_option
@placed
def list_(name: str, limit: int, as_of: int | None, where: Where, as_json: bool) -> int:
    """List the releases of something, newest first."""
    from wherefrom.cli.draw_releases import draw_list
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.releases(name, limit=limit, as_of=as_of)
    if as_json:
        write_json(answer)
        return YES
    for line in draw_list(answer):
        click.echo(line)
    if answer.truncated:
        click.echo(f"and more than these {count(limit, 'release')}: give --limit")
    return YES


@release.command()
@click.argument("a")
@click.argument("b")
@as_of_option
@placed
def diff(a: str, b: str, as_of: int | None, where: Where, as_json: bool) -> int:
    """Show how two releases differ.

    A and B are NAME:VERSION each; latest is a version too. Commits, artifacts, base images,
    dependencies, settings, flags, policies and where they were to go.
    """
    from wherefrom.cli.draw_releases import draw_difference
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.release_diff(a, b, as_of=as_of)
    write_answer(answer, as_json, lambda: draw_difference(answer))
    return YES
