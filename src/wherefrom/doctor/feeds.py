"""Are the feeds of advisories looked at as often as they say?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wherefrom.capture.feeds.fetch import FeedFolder
from wherefrom.collect.settings_file import FEEDS, read
from wherefrom.doctor.found import Found, Ground, span
from wherefrom.formats import feed_settings

LATE: Final = 3  # so many times as old as they may become


def feeds(ground: Ground) -> Iterator[Found]:
    """The last look at each feed that ``feeds.json`` names."""
    said = read(ground.path / FEEDS, feed_settings.parse, feed_settings.Feeds(), what="the feeds")
    late = False
    for one in said.feeds:
        looked = FeedFolder(ground.path / "feeds", one.name).read().looked
        age = ground.age_s(looked) if looked else None
        if age is not None and age <= LATE * one.every_s:
            continue
        late = True
        when = "never" if age is None else f"{span(age)} ago"
        says = f"the feed {one.name} was looked at {when}, and should be every {one.every}"
        yield Found(None, says, "wherefrom feed sync --due, from cron or a timer")
    if not late:
        known = f"{len(said.feeds)} looked at in time" if said.feeds else "none is followed"
        yield Found(True, known)
