"""``wherefrom feed``: the feeds of advisories that an operator follows, and a look at them.

feeds.json ──► fetched beside it ──► what is new and about the log's packages ──► the log
                                                       └► a look at the feed, signed
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wherefrom.cli.exits import CANNOT_TELL, NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.render import count, table, write_json
from wherefrom.cli.settings import Where, placed
from wherefrom.errors import Error, SettingError

if TYPE_CHECKING:
    from wherefrom.capture.feeds.fetch import Kept
    from wherefrom.capture.feeds.sync import Synced, Wanted
    from wherefrom.formats.feed_settings import Feed, Feeds

_feeds_option = click.option(
    "--feeds", "file", type=click.Path(path_type=Path), metavar="FILE",
    help="Which feeds there are; feeds.json in the data directory if not given.",
)  # fmt: skip


@click.group()
def feed() -> None:
    """Look at feeds of advisories, and record what is new."""


@feed.command()
@click.argument("names", nargs=-1, metavar="[NAME]…")
@_feeds_option
@click.option("--due", is_flag=True, help="Only those whose last look is older than they say.")
@placed
def sync(names: tuple[str, ...], file: Path | None, due: bool, where: Where, as_json: bool) -> int:
    """Look at the feeds NAME, all if none is named.

    New and changed advisories about packages that the log names are recorded, and then that the
    feed was looked at: policies that rest on advisories ask for that. Exits 1 if a document was
    broken or refused, 3 if a feed could not be looked at.
    """
    path, feeds = _settings(file, where)
    chosen = [one for one in feeds.of(names) if not due or _is_due(one, path)]
    told = [_look(one, path, where) for one in chosen]
    if as_json:
        write_json({"feeds": told})
    else:
        for said in told:
            _show(said)
        if not told:
            click.echo("no feed is due" if due else "no feed is followed: name some in feeds.json")
    if any(said["failed"] for said in told):
        return CANNOT_TELL
    return NO if any(said["troubles"] for said in told) else YES


@feed.command(name="list")
@_feeds_option
@placed
def list_(file: Path | None, where: Where, as_json: bool) -> int:
    """List the feeds, and when each was looked at last."""
    path, feeds = _settings(file, where)
    told: list[dict[str, Any]] = []
    for one in feeds.feeds:
        kept = _kept(one, path)
        told.append({
            "name": one.name, "from": one.from_, "every": one.every, "looked": kept.looked or None,
            "recorded": len(kept.recorded), "due": _is_due(one, path),
        })  # fmt: skip
    if as_json:
        write_json({"feeds": told})
    elif not told:
        click.echo("no feed is followed: name some in feeds.json")
    else:
        rows = [("name", "looked at", "due", "recorded", "from")]
        rows += [
            (said["name"], (said["looked"] or "never")[:19], "yes" if said["due"] else "no",
             f"{said['recorded']:,}", said["from"])
            for said in told
        ]  # fmt: skip
        click.echo(table(rows))
    return YES


def _settings(file: Path | None, where: Where) -> tuple[Path, Feeds]:
    """Where the file lies, and what it says. Raises SettingError."""
    from wherefrom.collect import settings_file
    from wherefrom.formats import feed_settings

    if file is None and where.server is not None:
        raise SettingError(
            "which feeds are to be looked at lies beside no server", do="Name the file: --feeds"
        )
    path = file or where.data / settings_file.FEEDS
    if file is not None and not file.exists():
        raise SettingError(
            "no file of feeds",
            got=str(file),
            do="Name one that is there, or write it: docs/formats/feeds.md",
        )
    empty = feed_settings.Feeds()
    return path, settings_file.read(path, feed_settings.parse, empty, what="the feeds")


def _kept(one: Feed, path: Path) -> Kept:
    from wherefrom.capture.feeds.fetch import FeedFolder

    return FeedFolder(path.parent / "feeds", one.name).read()


def _is_due(one: Feed, path: Path) -> bool:
    from wherefrom.app import now
    from wherefrom.formats.timestamps import micros

    looked = _kept(one, path).looked
    if not looked:
        return True
    age_s = (micros(now()) - micros(looked)) / 1_000_000
    return age_s >= one.every_s


def _look(one: Feed, path: Path, where: Where) -> dict[str, Any]:
    """One look; a feed that fails costs the others nothing, and leaves no look in the log."""
    from wherefrom.app import now
    from wherefrom.capture.feeds.fetch import FeedFolder
    from wherefrom.capture.feeds.sync import documents_of, fetch, sync
    from wherefrom.cli.opening import writing

    folder = FeedFolder(path.parent / "feeds", one.name)
    kept, at = folder.read(), now()
    said: dict[str, Any] = {
        "name": one.name, "documents": 0, "recorded": 0, "new": 0, "unread": 0, "newest": None,
        "covers": [], "entry": None, "troubles": [], "failed": None,
    }  # fmt: skip
    try:
        wanted, origin = _wanted(where)
        if kept.origin != origin:
            kept.origin, kept.recorded = origin, {}
        try:
            fetch(one, folder, kept)
        finally:
            folder.write(kept)
        with writing(where) as place:

            def record(contents: Sequence[bytes]) -> list[str]:
                return [
                    outcome.status if outcome.index is not None else str(outcome.reason)
                    for outcome in place.record(contents)
                ]

            done = sync(one, documents_of(one, folder), kept, record, wanted=wanted, at=at)
            said |= _told(done)
            said["entry"] = place.look(done.looked, done.digest)
        kept.looked = at
    except Error as error:
        said["failed"] = str(error)
    finally:
        folder.write(kept)
    return said


def _wanted(where: Where) -> tuple[Wanted, str]:
    """The packages that the log names, and of which log."""
    from wherefrom.capture.feeds.sync import Wanted
    from wherefrom.cli.opening import reading

    found: set[str] = set()
    with reading(where) as place:
        page = place.packages("")
        size = page.log.size  # of the first page: what came since may be on none
        while True:
            found.update(page.packages)
            if page.after is None:
                return Wanted(found, size), page.log.origin
            page = place.packages(page.after)


def _told(done: Synced) -> dict[str, Any]:
    looked = done.looked
    return {
        "documents": looked.documents, "recorded": looked.recorded, "new": done.new,
        "unread": looked.unread, "newest": looked.newest or None, "covers": list(looked.covers),
        "troubles": done.troubles,
    }  # fmt: skip


def _show(said: dict[str, Any]) -> None:
    if said["failed"]:
        warn(f"{said['name']} could not be looked at, and the log says nothing of it:")
        warn(f"    {said['failed']}")
        return
    click.echo(
        f"✓ {said['name']}: {count(said['documents'], 'advisory', 'advisories')}, of which"
        f" {said['recorded']:,} are about packages of this log; {said['new']:,} new"
        f" (entry {said['entry']})"
    )
    if said["troubles"]:
        warn(f"of {said['name']} some could not be taken:")
    for trouble in said["troubles"]:
        warn(f"    {trouble}")
