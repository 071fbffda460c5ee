"""``wherefrom approve``: a person's signed word that an artifact may go in, or may not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.gate import environment_option
from wherefrom.cli.saying import give, now, signed
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import ask
from wherefrom.errors import Malformed

if TYPE_CHECKING:
    from wherefrom.cli.places import Reading

_DIGEST: Final = re.compile(r"[a-z0-9_]+:[0-9a-f]{32,128}")

key_option = click.option(
    "--key", metavar="FILE|URI", required=True,
    help="The secret key to sign with: PEM, or where one is held.",
)  # fmt: skip
output_option = click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
    help="Write it there instead of recording it.",
)  # fmt: skip


@click.command()
@click.argument("artifact")
@key_option
@environment_option
@click.option("--reject", is_flag=True, help="It may not; takes an approval of yours back.")
@click.option("--reason", default="", help="Why; kept with it.")
@output_option
@placed
def approve(
    artifact: str,
    key: str,
    environment: str,
    reject: bool,
    reason: str,
    output: Path | None,
    where: Where,
    as_json: bool,
) -> int:
    """Approve that an artifact goes in, signed.

    ARTIFACT is a digest, a name or a file. A policy says how many approvals it needs, and of whom;
    whoever built it does not count.
    """
    from wherefrom.formats import approval

    said = approval.Approval(
        decision="rejected" if reject else "approved", at=now(), environment=environment,
        reason=reason,
    )  # fmt: skip
    statement = approval.to_statement(said, {subject_named(artifact, where): ""})
    return give([signed(statement, key)], output, where, as_json)


def subject_named(text: str, where: Where) -> str:
    """The digest of what ``text`` means. Raises NotFound, Ambiguous, Malformed if it has none."""
    from wherefrom.cli.opening import reading

    if _DIGEST.fullmatch(text):
        return text
    with reading(where) as place:
        return ask(text, lambda one: _digest_of(one, place))


def _digest_of(text: str, place: Reading) -> str:
    from wherefrom.policy.decide import subject_of
    from wherefrom.query.desk import TraceOptions

    matches = place.show(text, TraceOptions()).matches
    ids = [match.id for match in matches]
    found = subject_of(ids[0], ids) if ids else None
    if found is None:
        raise Malformed(
            "no digest names it, so nothing can be signed about it", got=text,
            do="Say which by its digest",
        )  # fmt: skip
    return found
