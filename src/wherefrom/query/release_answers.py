"""The shapes of the answers about releases; their JSON is what doors send.

release list ──► Releases            newest first, a line each
release show ──► ReleaseShown        every record that claims to say what it was
release diff ──► ReleaseDifference   what one has and the other has not
"""

from __future__ import annotations

from typing import Any

import msgspec

from wherefrom.formats.config_bundle import SettingChange
from wherefrom.formats.release import Artifact, Commit, Image, Release, Rollout
from wherefrom.query.answers import LogPosition


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What one record says that a release was."""

    entry: int
    trust: str
    signers: tuple[str, ...]
    received: str
    release: Release


class ReleaseShown(msgspec.Struct, frozen=True, kw_only=True):
    """One release. ``claims``: the best vouched for first, of equals the one recorded last.

    differs  the fields in which claims are not alike; one that only says it again has none but
             ``released`` and ``build``
    """

    of: str
    id: str
    log: LogPosition
    as_of: int
    claims: list[Claim]
    differs: list[str]


class ReleaseBrief(msgspec.Struct, frozen=True, kw_only=True):
    """A release in one line, by its first claim. ``claims`` counts them; ``differs`` as in
    ``ReleaseShown``."""

    id: str
    version: str
    released: str
    commit: str | None
    artifacts: list[str]
    previous: str | None
    entry: int
    trust: str
    claims: int
    differs: list[str]


class Releases(msgspec.Struct, frozen=True, kw_only=True):
    """The releases of something, newest first; ``truncated`` if there are more."""

    of: str
    log: LogPosition
    as_of: int
    releases: list[ReleaseBrief]
    truncated: bool


class Between(msgspec.Struct, frozen=True, kw_only=True):
    """The commits that only one of two releases has, newest first.

    complete  whether they are all: every release between them is recorded, with its change set
    """

    commits_a: list[Commit]
    commits_b: list[Commit]
    complete: bool


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """The releases that two artifacts belong to, by their ids, and the commits between them."""

    a: str
    b: str
    commits: Between


class DependencyChange(msgspec.Struct, frozen=True, kw_only=True):
    """A package that is resolved otherwise: its versions before and after; none is not there."""

    package: str
    what: str
    before: list[str]
    after: list[str]


class BundleChange(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that is another one: ``keys`` are the settings that differ, None if the contents of
    either are not recorded."""

    kind: str
    name: str
    before: str | None
    after: str | None
    keys: list[SettingChange] | None


class FlagChange(msgspec.Struct, frozen=True, kw_only=True):
    """A flag that is set otherwise; ``what`` is ``added``, ``removed`` or ``changed``."""

    key: str
    what: str
    before: Any = None
    after: Any = None


class ReleaseDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How release ``b`` differs from ``a``.

    artifacts_a  those that only ``a`` has, and ``artifacts_b`` only ``b``; of ``bases`` likewise
    unknown      the parts that one of the two does not say, and that are not compared
    """

    a: ReleaseBrief
    b: ReleaseBrief
    log: LogPosition
    as_of: int
    artifacts_a: list[Artifact]
    artifacts_b: list[Artifact]
    bases_a: list[Image]
    bases_b: list[Image]
    commits: Between
    dependencies: list[DependencyChange]
    bundles: list[BundleChange]
    flags: list[FlagChange]
    rollout_a: Rollout
    rollout_b: Rollout
    unknown: list[str]
