"""Do those answer who are to hold this log's checkpoints: its witnesses, and those it anchors with?

Anything that speaks HTTP at an address answers; whether it cosigns shows in what is published.

Sizes:  each is waited for WAIT_SECONDS, all at once
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from wherefrom.doctor.found import Found, Ground, span
from wherefrom.errors import NotFound

WAIT_SECONDS: Final = 3.0
UNPUBLISHED_S_MAX: Final = 60.0
LATE: Final = 3  # so many times as old as an anchor may become


def witnesses(ground: Ground) -> Iterator[Found]:
    """Each witness with an address answers; what is published follows the log."""
    policy, published = ground.folder.policy(), ground.folder.published()
    if policy is None:
        yield Found(True, "this log has no witnesses")
        return
    asked = {one.url: one.name for one in policy.witnesses.values() if one.url}
    away = unreachable(list(asked))
    left = [one.name for one in policy.witnesses.values() if one.url not in away]
    is_enough = policy.is_reached(left)
    for url, why in away.items():
        says = f"the witness {asked[url]} does not answer: {why}"
        says += "" if is_enough else "; without it the quorum is not reached"
        yield Found(None if is_enough else False, says, f"See whether it runs: curl -i {url}")
    shown = published.read() if published is not None else None
    size, newest = (shown.tree.size if shown else 0), ground.log.size
    path = ground.path / "published"
    stood = ground.file_age_s(path) if path.exists() else None
    if ground.served is not None and size < newest and (stood is None or stood > UNPUBLISHED_S_MAX):
        since = f" for {span(stood)}" if stood is not None else ""
        says = f"what is published stands at entry {size:,} of {newest:,}{since}"
        yield Found(False, says, "wherefrom log status shows who cosigned; ask those who did not")
    elif not away:
        yield Found(True, f"{len(asked)} answer; {size:,} of {newest:,} entries are cosigned")


def anchors(ground: Ground) -> Iterator[Found]:
    """Each log and authority to anchor with answers; the newest anchor is not too old."""
    settings = ground.folder.anchor_settings()
    if settings is None:
        yield Found(True, "this log is anchored nowhere else")
        return
    asked = [*settings.logs, *settings.stamps]
    away = unreachable(asked)
    for url, why in away.items():
        shown = url.rpartition("@")[2]
        yield Found(None, f"{shown}, to anchor with, does not answer: {why}", f"curl -i {shown}")
    try:
        newest = ground.folder.anchors.covering().tree.size
    except NotFound:
        newest = 0
    path = ground.path / "anchors"
    files = list(path.glob("*.json")) if path.is_dir() else []
    age = min((ground.file_age_s(file) for file in files), default=None)
    is_late = age is None or age > LATE * settings.every_s
    if newest < ground.log.size and is_late:
        when = (
            "no checkpoint is anchored yet"
            if age is None
            else f"the last anchor is {span(age)} old"
        )
        says = f"{when}, and one is due every {span(settings.every_s)}"
        fix = (
            "Anchors are made while a server runs: wherefrom up"
            if ground.served is None
            else ("See what the server says of it on standard error")
        )
        yield Found(None if ground.served is None else False, says, fix)
    elif not away:
        yield Found(
            True, f"{len(asked)} answer; {newest:,} of {ground.log.size:,} entries are anchored"
        )


def unreachable(urls: Sequence[str]) -> dict[str, str]:
    """Of some addresses those at which nobody speaks HTTP, and why."""
    if not urls:
        return {}
    with ThreadPoolExecutor(min(16, len(urls))) as threads:
        found = dict(zip(urls, threads.map(_trouble, urls), strict=True))
    return {url: why for url, why in found.items() if why}


def _trouble(url: str) -> str:
    import httpx

    try:
        httpx.get(url, timeout=WAIT_SECONDS, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return (str(error) or type(error).__name__).lower()
    return ""
