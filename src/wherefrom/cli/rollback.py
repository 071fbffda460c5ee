"""``wherefrom rollback``: the last good reality, what going back changes, and the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.options import as_of_option, environment_option, moment_of
from wherefrom.cli.render import write_answer
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherefrom.cli.places import Reading
    from wherefrom.query.rollback.question import RollbackOptions
    from wherefrom.query.rollback_answers import RestoredPart, Rollback

_ASKED_MAX = 20


@click.command()
@click.argument("service")
@environment_option
@click.option("--at", callback=moment_of, metavar="TIME", help="As things stood at this time.")
@click.option(
    "--days", type=click.IntRange(1, 3660), default=90, show_default=True, metavar="N",
    help="How far back to look.",
)  # fmt: skip
@click.option(
    "--registry", "registries", multiple=True, metavar="URL",
    help="Ask this registry whether the images are still there.",
)  # fmt: skip
@as_of_option
@placed
def rollback(
    service: str,
    environment: str,
    at: str | None,
    days: int,
    registries: tuple[str, ...],
    as_of: int | None,
    where: Where,
    as_json: bool,
) -> int:
    """Show the last good reality and how to go back.

    Passes over realities that a canary failed, that an incident was put down to, that were rolled
    back from, whose signers are no longer believed, or whose parts are gone. Ends with 1 if there
    is none, or if going back is not safe: a migration that cannot be undone.
    """
    from wherefrom.cli.draw_rollback import draw_rollback
    from wherefrom.cli.opening import reading
    from wherefrom.query.rollback.question import RollbackOptions
    from wherefrom.query.rollback_answers import SAFE

    options = RollbackOptions(
        service=service, environment=environment, at=at, as_of=as_of, days=days
    )  # fmt: skip
    with reading(where) as place:
        answer = asked_of_registries(place, options, registries)
    write_answer(answer, as_json, lambda: draw_rollback(answer))
    return YES if answer.verdict == SAFE else NO


def asked_of_registries(
    place: Reading, options: RollbackOptions, registries: Iterable[str]
) -> Rollback:
    """The answer, with images that their registry holds; what it holds no more is passed over.

    Raises as ``place.rollback``; Unavailable if a registry does not answer, SettingError.
    """
    import msgspec

    answer = place.rollback(options)
    hosts = {_host(url): url for url in registries}
    if not hosts:
        return answer
    known: dict[tuple[str, str], bool] = {}
    for _ in range(_ASKED_MAX):
        gone = []
        for part in answer.parts:
            asked = _asked(part, hosts)
            if asked is None:
                continue
            if asked not in known:
                known[asked] = _is_held(hosts[asked[0].partition("/")[0]], *asked)
            if not known[asked]:
                gone.append(part.value)
        if not gone:
            break
        options = msgspec.structs.replace(options, gone=(*options.gone, *gone))
        answer = place.rollback(options)
    parts = [
        msgspec.structs.replace(part, exists="yes")
        if (asked := _asked(part, hosts)) is not None and known.get(asked)
        else part
        for part in answer.parts
    ]
    return msgspec.structs.replace(answer, parts=parts)


def _asked(part: RestoredPart, hosts: Iterable[str]) -> tuple[str, str] | None:
    """Repository, with its host, and digest of an image that one of these registries may have."""
    from wherefrom.formats.descriptors import image_repository

    if part.slot != "artifact" or not part.value.startswith("sha256:"):
        return None
    repository = image_repository(part.says) if part.says else None
    if repository is None or repository.partition("/")[0] not in hosts:
        return None
    return repository, part.value


def _is_held(url: str, repository: str, digest: str) -> bool:
    import os

    from wherefrom.capture.registry import Registry

    with Registry(url, environment=os.environ) as registry:
        return registry.holds(repository.partition("/")[2], digest)


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].lower()
