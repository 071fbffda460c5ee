"""``wherefrom log``: the log itself, its state, its audit, its copies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli import anchor, log_keys, trusted_root
from wherefrom.cli.exits import CANNOT_TELL, NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.render import BAR_ENTRIES_MIN, count, progress_bar, table, write_json
from wherefrom.cli.settings import Where, placed, placed_locally
from wherefrom.cli.targets import read_file

if TYPE_CHECKING:
    from wherefrom.log.audit import Report
    from wherefrom.log.compare import Finding

PROBLEMS_SHOWN: Final = 50


@click.group()
def log() -> None:
    """Look at the log itself: its state, an audit, copies of it."""


@log.command()
@placed
def status(where: Where, as_json: bool) -> int:
    """Show origin, size, root, key, and how far views have come."""
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.status()
    if as_json:
        write_json(answer)
        return YES
    rows = [("origin", answer.origin), ("size", f"{answer.size:,}"), ("root", answer.root)]
    rows += [("vkey", answer.vkey)]
    if len(signing := [key for key in answer.keys if key.signs]) > 1:
        more = count(len(signing) - 1, "other key signs", "other keys sign")
        rows.append(("", f"{more} too: wherefrom log keys"))
    for view, size in answer.views.items():
        behind = answer.size - size
        said = "up to date" if not behind else f"{count(behind, 'entry', 'entries')} behind"
        rows.append((f"{view} view", f"{size:,} ({said})"))
    if answer.witnessed is not None:
        seen = answer.witnessed
        by = f" ({', '.join(seen.by)})" if seen.by else ""
        rows.append(("witnessed", f"{len(seen.by)} of {seen.of}{by} at size {seen.size:,}"))
        rows.append(("quorum", f"{seen.quorum} ({'reached' if seen.reached else 'not reached'})"))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:  # in full, whatever the width: keys and roots are to be copied
        click.echo(f"{name:<{width}}  {value}")
    return YES


@log.command()
@click.option(
    "--views/--no-views", default=None,
    help="Fold the views anew and compare; without it, only for a small log.",
)  # fmt: skip
@placed_locally
def audit(views: bool | None, where: Where, as_json: bool) -> int:
    """Read the whole log and name everything that is damaged.

    Entries, contents, nonces, tiles, checkpoint, indexes, keys and views are read from the
    directory, also while a server writes there. Exits 1 if there is any problem.
    """
    from wherefrom.app import DataFolder
    from wherefrom.cli.local import need_log
    from wherefrom.upkeep import audit_folder

    folder = DataFolder(where.data)
    folder.need_own()  # a copy is checked as it comes, and by another head
    if not folder.is_orphan:  # a log without its keys is a finding, not a place without a log
        need_log(where.data)
    with progress_bar("auditing") as progress:
        report = audit_folder(folder, views=views, progress=progress)
    if as_json:
        write_json(report)
    else:
        _show_report(report)
    return NO if report.problems else YES


@log.command()
@click.option(
    "--extends", type=click.Path(path_type=Path), metavar="FILE",
    help="A checkpoint that a restored log must extend.",
)  # fmt: skip
@placed_locally
def recover(extends: Path | None, where: Where, as_json: bool) -> int:
    """Make tiles, indexes and views again from the entries.

    For a directory whose audit found damage. What the entries still prove is made again and
    checked against the signed root; then everything is audited, and what cannot be saved is named.
    No server may hold the directory. Exits 1 if damage remains.
    """
    from wherefrom.cli.local import need_log
    from wherefrom.cli.up import read_checkpoint
    from wherefrom.upkeep import recover_folder

    folder = need_log(where.data)
    signed = read_checkpoint(extends, folder) if extends is not None else None
    with progress_bar("auditing") as progress:
        made, refused, report = recover_folder(folder, extends=signed, progress=progress)
    if refused is not None:
        warn(f"not everything could be made again: {refused}")
    if as_json:
        write_json({"entries": report.entries, "rebuilt": made, "problems": report.problems})
    else:
        click.echo(f"made again from the entries: {', '.join(made) or 'nothing'}")
        _show_report(report)
    return NO if report.problems else YES


def _show_report(report: Report) -> None:
    for problem in report.problems[:PROBLEMS_SHOWN]:
        at = f"entry {problem.entry}, " if problem.entry is not None else ""
        click.echo(f"✗ {at}{problem.file}: {problem.what}")
    if len(report.problems) > PROBLEMS_SHOWN:
        click.echo(f"✗ and {len(report.problems) - PROBLEMS_SHOWN} more; --json lists them")
    read = f"{count(report.entries, 'entry', 'entries')} read"
    found = count(len(report.problems), "problem") if report.problems else "no problem"
    click.echo(f"{read}, {found}")


@log.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--contents", is_flag=True, help="Also what the entries commit to: a whole backup.")
@placed_locally
def export(folder: Path, contents: bool, where: Where, as_json: bool) -> int:
    """Write the log to DIR as static files.

    They are tiles and a checkpoint, for any tlog-tiles client. A second export to the same DIR
    writes only what is new. With --contents everybody who reads DIR can read the records, and
    `wherefrom log import` makes the log again from it.
    """
    from wherefrom.app import open_log
    from wherefrom.cli.local import need_log
    from wherefrom.log.export import export as run

    reader = open_log(need_log(where.data))
    with progress_bar("exporting") as progress:
        position = run(reader, folder, contents=contents, progress=progress)
    if as_json:
        write_json({"folder": str(folder), "size": position.size, "root": position.root.hex()})
    else:
        size = count(position.size, "entry", "entries")
        click.echo(f"{folder}: {reader.origin}, {size}, root {position.root.hex()}")
    return YES


@log.command(name="import")
@click.argument("export", metavar="EXPORT", type=click.Path(path_type=Path))
@placed_locally
def import_(export: Path, where: Where, as_json: bool) -> int:
    """Make a log again from an export with contents.

    The directory holds the folder keys of the log, from a copy, and no log. Everything is checked
    against the checkpoint, and that against the log's key. What was made is a copy: it takes
    writes once `wherefrom up --extends FILE` has shown it a checkpoint.
    """
    from wherefrom.cli.local import need_log
    from wherefrom.upkeep import import_folder

    folder = need_log(where.data)
    with progress_bar("importing") as progress:
        position = import_folder(folder, export, progress=progress)
    if as_json:
        write_json({"origin": folder.origin, "size": position.size, "root": position.root.hex()})
    else:
        size = count(position.size, "entry", "entries")
        click.echo(f"{folder.path}: {folder.origin}, {size}, root {position.root.hex()}")
        click.echo("It takes writes once it extends a checkpoint: wherefrom up --extends FILE")
    return YES


@log.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@click.option("--log-key", metavar="VKEY|FILE", help="Compare without a log, knowing its key.")
@placed_locally
def compare(files: tuple[str, ...], log_key: str | None, where: Where, as_json: bool) -> int:
    """Hold checkpoints against the log and each other.

    Did it ever tell two stories? FILE is a signed checkpoint, or the folder of an export. Exits 1
    if two of them contradict each other, 3 if the log at hand cannot tell.
    """
    from wherefrom.app import open_log
    from wherefrom.cli.evidence import read_key
    from wherefrom.cli.local import need_log
    from wherefrom.log.compare import compare as run

    notes = [_read_note(Path(name)) for name in files]
    if log_key is not None:
        if len(notes) < 2:
            raise click.UsageError("without a log, comparing needs two checkpoints")
        answer = run(notes, log_keys=[read_key(log_key)], reader=None)
    else:
        folder = need_log(where.data)
        answer = run(notes, log_keys=folder.own_keys.known(), reader=open_log(folder))
    if as_json:
        write_json(answer)
    else:
        for finding in answer.findings:
            click.echo(_said(finding))
        click.echo(f"{answer.origin}: {answer.result}")
    if answer.result in ("split", "inconsistent"):
        return NO
    return CANNOT_TELL if answer.result == "unknown" else YES


def _read_note(path: Path) -> bytes:
    return read_file(path / "checkpoint" if path.is_dir() else path, bytes_max=1024 * 1024)


def _said(finding: Finding) -> str:
    good = {"same": "✓", "consistent": "✓", "unknown": "?"}.get(finding.result, "✗")
    rows = [(f"size {s}", r) for s, r in zip(finding.sizes, finding.roots, strict=True)]
    return f"{good} {finding.result}: {finding.says}\n" + table(rows, indent=4)


@click.group()
def views() -> None:
    """Look after what is made from the log."""


@views.command()
@placed_locally
def rebuild(where: Where, as_json: bool) -> int:
    """Throw every view away and fold the whole log again.

    Not while a server holds the directory: it keeps the views itself.
    """
    from wherefrom.app import fold_views, open_log
    from wherefrom.cli.local import need_log

    folder = need_log(where.data)
    reader = open_log(folder)
    if not as_json and reader.size > BAR_ENTRIES_MIN:
        warn(f"folding {reader.size:,} entries")
    size = fold_views(folder, reader, rebuild=True)
    if as_json:
        write_json({"views": {"graph": size, "estate": size, "health": size}})
    else:
        click.echo(f"graph, estate and health: rebuilt from {count(size, 'entry', 'entries')}")
    return YES


for _command in (anchor.anchor, log_keys.keys, log_keys.rotate, trusted_root.trusted_root):
    log.add_command(_command)
