"""Are alerts decided, and is anybody told of those that page?"""

from __future__ import annotations

from collections.abc import Iterator

from wherefrom.app import open_notify_settings, open_watch_settings
from wherefrom.doctor.found import Found, Ground
from wherefrom.formats.objectives import PAGE


def alerts(ground: Ground) -> Iterator[Found]:
    """Who is told of a page of production."""
    if ground.folder.objectives() is None:
        yield Found(True, "no objectives.yaml, so no alert is decided")
        return
    if ground.served is None:
        yield Found(None, "objectives.yaml is there, and no server decides by it", "wherefrom up")
        return
    production = open_watch_settings(ground.folder)().production
    names = [
        one.name
        for one in open_notify_settings(ground.folder)().receivers
        if any(one.wants(environment, PAGE) for environment in production)
    ]
    if names:
        yield Found(True, f"pages of production reach {', '.join(names)}")
        return
    yield Found(
        None, f"alerts are decided, and nobody is told of a page in {' or '.join(production)}",
        f"Name who is in {ground.path / 'notify.yaml'}: docs/alerts.md has each kind",
    )  # fmt: skip
