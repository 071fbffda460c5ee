"""How two releases differ, of what they say themselves. Pure.

    a ──previous──► … ──► common ◄── … ◄──previous── b     the commits of each way, up to there

Whatever one of the two does not say is not compared: that nobody said which flags a release goes
with does not mean that it goes with none.

Sizes:  STEPS_MAX releases back on either side
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
from typing import Any, Final

from wherefrom.formats import canonical_json, purl
from wherefrom.formats.release import Image, Release
from wherefrom.query.release_answers import Between, DependencyChange, FlagChange

STEPS_MAX: Final = 200
_COMPARED: Final = ("base", "dependencies", "config", "policy", "flags", "rollout")


def not_said(a: Release, b: Release) -> list[str]:
    """The parts that one of two releases does not say."""
    return [part for part in _COMPARED if not (_says(a, part) and _says(b, part))]


def _says(release: Release, part: str) -> bool:
    if part == "base":
        return bool(bases_of(release))
    if part == "dependencies":
        return bool(release.dependencies.locks or release.dependencies.sboms)
    said = getattr(release, part)
    return said is not None and said != []


def bases_of(release: Release) -> list[Image]:
    """The images that its artifacts were built on."""
    return [artifact.base for artifact in release.artifacts if artifact.base is not None]


def between(a: Release, b: Release, before: Callable[[Release], Release | None]) -> Between:
    """The commits that one of two releases of one thing has and the other has not.

    before  gives the release before one, None if nobody recorded it
    """
    chains, common = ([a], [b]), None
    while common is None and a.name == b.name:
        versions = [[release.version for release in chain] for chain in chains]
        common = next((v for v in versions[0] if v in versions[1]), None)
        if common is None:
            grown = [_back(chain, before) for chain in chains]  # both: the way may be short
            if not any(grown):
                break
    if common is None:
        return Between(commits_a=[], commits_b=[], complete=False)
    ways = [list(takewhile(lambda r: r.version != common, chain)) for chain in chains]
    said = [{c.commit: c for r in way if r.changes for c in r.changes.commits} for way in ways]
    only = [[c for id, c in x.items() if id not in y] for x, y in (said, said[::-1])]
    whole = all(r.changes is not None and r.changes.complete for way in ways for r in way)
    return Between(commits_a=only[0], commits_b=only[1], complete=whole)


def _back(chain: list[Release], before: Callable[[Release], Release | None]) -> bool:
    """Add the release before the last one; whether there is one, and it is none of these."""
    if len(chain) > STEPS_MAX or (found := before(chain[-1])) is None:
        return False
    if found.version in {release.version for release in chain}:
        return False
    chain.append(found)
    return True


def dependencies_apart(before: Iterable[str], after: Iterable[str]) -> list[DependencyChange]:
    """How two sets of package URLs differ, package by package."""
    sides = [_versions(side) for side in (before, after)]
    found = []
    for package in sorted(sides[0].keys() | sides[1].keys()):
        mine, theirs = (sorted(side.get(package, ())) for side in sides)
        if mine != theirs:
            what = _what(bool(mine), bool(theirs))
            found.append(DependencyChange(package=package, what=what, before=mine, after=theirs))
    return found


def _versions(packages: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for id in packages:
        read = purl.canonical(id)
        package = purl.build(
            type=read.type, namespace=read.namespace, name=read.name, qualifiers=read.qualifiers
        )
        found[package.id].add(read.version or "")
    return found


def flags_apart(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FlagChange]:
    """How two sets of flags differ, key by key."""
    found = []
    for key in sorted(before.keys() | after.keys()):
        mine, theirs = before.get(key), after.get(key)
        here, there = key in before, key in after
        # By their spelling: Python takes True for 1.
        if here and there and canonical_json.to_bytes(mine) == canonical_json.to_bytes(theirs):
            continue
        found.append(FlagChange(key=key, what=_what(here, there), before=mine, after=theirs))
    return found


def _what(before: bool, after: bool) -> str:
    return "changed" if before and after else "added" if after else "removed"
