"""Answers about releases for people: one release part by part, a list, two side by side.

checkout 1.4.0  2026-03-01 12:00Z  #17 signed k:12345678
  code          git+https://github.com/acme/checkout  9fceb02d0ae5
  artifact      ghcr.io/acme/checkout  sha256:ab12…  linux/amd64, linux/arm64
! said again in #21: flags differ
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from wherefrom.cli.draw_keys import draw_keys
from wherefrom.cli.render import count, foot
from wherefrom.formats.names import split_release
from wherefrom.formats.shown import printable, short_id, trust_said

if TYPE_CHECKING:
    from wherefrom.formats.release import Artifact, Commit, Image, Release, Rollout
    from wherefrom.query.release_answers import (
        Between,
        DependencyChange,
        ReleaseBrief,
        Released,
        ReleaseDifference,
        Releases,
        ReleaseShown,
    )

_LISTED: Final = 20


def draw_release(said: Release) -> Iterator[str]:
    """A release, a line a part; what is not said has none."""
    yield click.style(printable(f"{said.name} {said.version}"), bold=True) + f"  {_at(said)}"
    for part, text in _parts(said):
        yield f"  {part:<12}  {printable(text)}"


def _parts(said: Release) -> Iterator[tuple[str, str]]:
    if said.code is not None:
        yield "code", f"{said.code.repository or ''}  {said.code.commit[:12]}".strip()
    for artifact in said.artifacts:
        yield "artifact", _artifact(artifact)
        if artifact.base is not None:
            yield "base", _image(artifact.base)
    for lock in said.dependencies.locks:
        unlisted = f", {lock.unlisted:,} without package URL" if lock.unlisted else ""
        yield "dependencies", f"{lock.name}  {count(len(lock.packages), 'package')}{unlisted}"
    for sbom in said.dependencies.sboms:
        yield "dependencies", f"SBOM {short_id(sbom)}"
    for kind in ("config", "policy"):
        for digest in getattr(said, kind):
            yield kind, short_id(digest)
    if said.flags is not None:
        yield "flags", f"{count(len(said.flags), 'flag')}  {short_id(said.flag_set or '')}"
    if said.rollout is not None:
        yield "rollout", _rollout(said.rollout)
    if said.previous is not None:
        yield "after", said.previous
    if said.changes is not None:
        more = "" if said.changes.complete else " and more"
        yield "changes", count(len(said.changes.commits), "commit") + more
    if said.build is not None:
        yield "build", said.build


def draw_shown(answer: ReleaseShown) -> Iterator[str]:
    """A release by its first claim, and how the others differ from it."""
    first, *others = answer.claims
    yield from draw_release(first.release)
    yield f"  {'recorded':<12}  #{first.entry} {trust_said(first.trust, first.signers)}"
    for other in others:
        told = f"said again in #{other.entry} {trust_said(other.trust, other.signers)}"
        yield _again(told, answer.differs)
    if first.release.changes is not None:
        yield from _commits(first.release.changes.commits, "  ")
    yield foot(answer.log, as_of=answer.as_of)


def _again(told: str, fields: Sequence[str]) -> str:
    from wherefrom.query.releases import is_disputed

    if not is_disputed(fields):
        return f"  {told}, and alike"
    said = ", ".join(field for field in fields if field != "released")
    return click.style(f"! {told}: not the same {said}", fg="red")


def draw_list(answer: Releases) -> Iterator[str]:
    """A line a release."""
    for one in answer.releases:
        yield _brief(one)
    yield foot(answer.log, as_of=answer.as_of)


def _brief(one: ReleaseBrief) -> str:
    from wherefrom.query.releases import is_disputed

    disputed = is_disputed(one.differs)
    commit = (one.commit or "")[:12]
    artifacts = ", ".join(short_id(digest) for digest in one.artifacts[:3])
    more = f", said {one.claims} times" if one.claims > 1 else ""
    line = f"{'!' if disputed else ' '} {printable(one.version):<16}  {_time(one.released)}"
    line += f"  {commit:<12}  {artifacts}  #{one.entry} {one.trust}{more}"
    return click.style(line, fg="red") if disputed else line


def draw_difference(answer: ReleaseDifference) -> Iterator[str]:
    """What differs, part by part."""
    for side, one in (("A", answer.a), ("B", answer.b)):
        yield f"{side}{_brief(one)}"
    lines = list(_differing(answer))
    yield from lines
    if not lines:
        yield "They do not differ in what is said of both."
    if answer.unknown:
        yield f"Not said of both, and not compared: {', '.join(answer.unknown)}"
    yield foot(answer.log, as_of=answer.as_of)


def _differing(answer: ReleaseDifference) -> Iterator[str]:
    for mark, artifacts in (("-", answer.artifacts_a), ("+", answer.artifacts_b)):
        yield from (f"{mark} artifact  {printable(_artifact(one))}" for one in artifacts)
    for mark, bases in (("-", answer.bases_a), ("+", answer.bases_b)):
        yield from (f"{mark} base  {printable(_image(one))}" for one in bases)
    yield from _between(answer.commits)
    yield from (_dependency(one) for one in answer.dependencies)
    for one in answer.bundles:
        ids = [short_id(d) if d else "none" for d in (one.before, one.after)]
        yield f"  {one.kind} {printable(one.name)}  {ids[0]} → {ids[1]}".rstrip()
        yield from (f"  {line}" for line in draw_keys(one.keys or ()))
    for flag in answer.flags:
        values = [_value(v) for v in (flag.before, flag.after)]
        told = {"added": f"added: {values[1]}", "removed": f"removed: {values[0]}"}
        told["changed"] = " → ".join(values)
        yield f"  flag {printable(flag.key)}  {told[flag.what]}"
    if "rollout" not in answer.unknown and answer.rollout_a != answer.rollout_b:
        yield f"  rollout  {_rollout(answer.rollout_a)} → {_rollout(answer.rollout_b)}"


def draw_released(told: Released) -> Iterator[str]:
    """Which releases two artifacts belong to, and the commits between them."""
    name, older = split_release(told.a)
    yield printable(f"     released as {name} {older} → {split_release(told.b)[1]}")
    yield from (f"     {line}" for line in _between(told.commits))


def _between(commits: Between) -> Iterator[str]:
    for mark, found in (("-", commits.commits_a), ("+", commits.commits_b)):
        yield from _commits(found, f"{mark} ")
    if not commits.complete:
        yield "  not every commit between them is recorded"


def _commits(commits: Sequence[Commit], before: str) -> Iterator[str]:
    for one in commits[:_LISTED]:
        pull = f"  #{one.pull_request}" if one.pull_request else ""
        yield f"{before}{one.commit[:12]}  {printable(one.subject)}{pull}"
    if len(commits) > _LISTED:
        yield f"{before}and {len(commits) - _LISTED:,} more; see --json"


def _dependency(one: DependencyChange) -> str:
    before, after = (", ".join(side) or "none" for side in (one.before, one.after))
    mark = {"added": "+", "removed": "-", "changed": " "}[one.what]
    return printable(f"{mark} {one.package}  {before} → {after}")


def _artifact(one: Artifact) -> str:
    platforms = ", ".join(one.platforms)
    return f"{one.name}  {short_id(one.digest)}  {platforms}".rstrip()


def _image(one: Image) -> str:
    return f"{one.name}  {short_id(one.digest)}"


def _rollout(one: Rollout) -> str:
    return printable("/".join(filter(None, (one.environment, one.region, one.pool)))) or "anywhere"


def _value(value: Any) -> str:
    return printable(json.dumps(value, ensure_ascii=False))


def _at(said: Release) -> str:
    return _time(said.released)


def _time(text: str) -> str:
    return f"{text[:10]} {text[11:16]}Z"
