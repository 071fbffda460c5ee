"""``wherefrom audit``: reports for people who trust none of us."""

from __future__ import annotations

from pathlib import Path

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import count, write_json
from wherefrom.cli.settings import Where, placed_locally
from wherefrom.cli.targets import read_file


@click.group()
def audit() -> None:
    """Make reports for auditors, to be checked without us."""


@audit.command()
@click.option(
    "--scope", multiple=True, metavar="WHAT",
    help="An id and all its trace, key:k:… or kind:…; several times. Else everything.",
)  # fmt: skip
@click.option("--since", metavar="TIME", help="Only records received from then on.")
@click.option("--until", metavar="TIME", help="Only records received before then.")
@click.option("--as-of", type=click.IntRange(1), metavar="N", help="Of the log's first N entries.")
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), metavar="FILE",
    help="Rest on this checkpoint, as the log published it once.",
)  # fmt: skip
@click.option("--no-pdf", is_flag=True, help="Without report.pdf, which needs a library.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR",
    help="The new folder.",
)  # fmt: skip
@placed_locally
def report(
    scope: tuple[str, ...],
    since: str | None,
    until: str | None,
    as_of: int | None,
    checkpoint: Path | None,
    no_pdf: bool,
    output: Path,
    where: Where,
    as_json: bool,
) -> int:
    """Make a self-contained audit report.

    A folder to read (HTML, PDF) and to check with the program in it: records, proofs, keys with
    their histories, verdicts, the chain of custody, and every gap. The same question of the same
    log at the same size makes the same bytes, also a month later.
    """
    from wherefrom.app import fold_views, open_log
    from wherefrom.cli.local import need_log
    from wherefrom.formats import timestamps
    from wherefrom.reporting.folder import report as made
    from wherefrom.reporting.select import Question

    folder = need_log(where.data)
    if folder.served() is None:
        fold_views(folder, open_log(folder))

    def moment(text: str | None, option: str) -> str | None:
        return None if text is None else timestamps.canonical(text, where=option)

    question = Question(scope=scope, since=moment(since, "--since"), until=moment(until, "--until"))
    done = made(
        folder,
        question,
        output,
        size=as_of,
        given=None if checkpoint is None else read_file(checkpoint, bytes_max=1024 * 1024),
        with_pdf=not no_pdf,
    )
    if as_json:
        write_json(done)
        return YES
    click.echo(
        f"{done.folder}: {count(done.asked, 'record')} asked about, "
        f"{count(done.entries, 'entry', 'entries')} in all, {count(done.gaps, 'gap')}"
    )
    click.echo(f"log  {done.origin}, size {done.size}\nroot {done.root}")
    click.echo(f"fingerprint of the whole folder: {done.fingerprint}")
    click.echo(f"Check it: python3 {done.folder}/verify.py --log-key KEY")
    return YES
