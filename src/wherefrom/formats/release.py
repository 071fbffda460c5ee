"""A release: what one version was made of and where it was to go, as the predicate of a statement.

    {"name", "version", "released", "code", "artifacts", "dependencies", "config", "policy",
     "flags", "rollout", "previous", "changes", "build"}
        subjects: the artifacts, index and platforms; of a release without any, its commit

    release ──contains──► artifacts, lock files, SBOMs, bundles, the commits that are new in it
       ├──derived_from──► commit          artifact ──derived_from──► commit, base image
       └──revises──► the one before       artifact ──depends_on──► lock file ──contains──► packages

A statement whose subjects are others is refused, so that what is said of an artifact is said of the
one that was signed for. What nobody knew when it was made is left out, never guessed. How a release
is found out from a build is ``capture.releases``.

Sizes:  a name and a version 256 bytes · ARTIFACTS_MAX of each kind of part · PACKAGES_MAX packages
        and COMMITS_MAX commits in all · a subject of a commit SUBJECT_CHARS_MAX
Source: DESIGN, "Reality"; docs/formats/release.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import canonical_json, names, purl, reality_id, statement_shape
from wherefrom.formats.changes import public_name
from wherefrom.formats.descriptors import public_id
from wherefrom.formats.digests import commit_id, git_place, strong_id_in
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.statement_shape import need_sized, need_time

PREDICATE_TYPE: Final = "urn:wherefrom:release:v1"
NAME_BYTES_MAX: Final = 256
ARTIFACTS_MAX: Final = 200
PACKAGES_MAX: Final = 50_000
COMMITS_MAX: Final = 10_000
FLAGS_MAX: Final = 10_000
SUBJECT_CHARS_MAX: Final = 200
TEXT_BYTES_MAX: Final = 1024


class _Part(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A part of a predicate: what is not said is not written."""


class Image(_Part, frozen=True):
    """An image by its name, without a tag, and the digest of its index or manifest."""

    name: str
    digest: str


class Artifact(_Part, frozen=True):
    """What was built. ``platforms`` of an image index: platform → digest of its manifest.

    base  the image that it was built on
    """

    name: str
    digest: str
    platforms: Mapping[str, str] = {}
    base: Image | None = None


class Lock(_Part, frozen=True):
    """A lock file, and the package URLs that it resolves to, sorted.

    format    of ``lock_files.FORMATS``
    unlisted  how many of its packages have no package URL: local folders, links
    """

    name: str
    digest: str
    format: str
    packages: list[str] = []
    unlisted: int = 0


class Dependencies(_Part, frozen=True):
    """What was resolved: lock files, and the digests of SBOMs."""

    locks: list[Lock] = []
    sboms: list[str] = []


class Code(_Part, frozen=True):
    """The commit that was built; ``repository`` as ``digests.git_place`` names it, or a URI."""

    commit: str
    repository: str | None = None


class Rollout(_Part, frozen=True):
    """Where it is to go; an empty part is all of them."""

    environment: str = ""
    region: str = ""
    pool: str = ""


class Commit(_Part, frozen=True, rename={"pull_request": "pullRequest"}):
    """A commit that is new in a release."""

    commit: str
    subject: str
    pull_request: int | None = None


class ChangeSet(_Part, frozen=True):
    """The commits since the release before, newest first; ``complete`` unless some are left out."""

    commits: list[Commit] = []
    complete: bool = True


class Release(_Part, frozen=True):
    """One release.

    config, policy  the digests of bundles; ``flags`` key → value
    previous        the version of the release before; ``changes`` the commits since
    """

    name: str
    version: str
    released: str
    code: Code | None = None
    artifacts: list[Artifact] = []
    dependencies: Dependencies = Dependencies()
    config: list[str] = []
    policy: list[str] = []
    flags: Mapping[str, str | int | float | bool | None] | None = None
    rollout: Rollout | None = None
    previous: str | None = None
    changes: ChangeSet | None = None
    build: str | None = None

    @property
    def id(self) -> str:
        """Its node."""
        return names.release_id(self.name, self.version)

    @property
    def digests(self) -> list[str]:
        """Of its artifacts, each index before its platforms, each once."""
        found = (d for a in self.artifacts for d in (a.digest, *a.platforms.values()))
        return list(dict.fromkeys(found))

    @property
    def packages(self) -> set[str]:
        """Those that its lock files name."""
        return {package for lock in self.dependencies.locks for package in lock.packages}

    @property
    def flag_set(self) -> str | None:
        """The digest of its flags, as a reality has it; None if nobody says them."""
        return None if self.flags is None else reality_id.flag_set(self.flags)


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> Release:
    """Read a predicate. Raises Malformed for a field that is wrong or unknown, LimitPassed."""
    release = statement_shape.convert(predicate, Release, "a release", where)
    _check(release, where)
    return release


def to_predicate(release: Release) -> dict[str, Any]:
    """What the statement says. Raises Malformed or LimitPassed for what ``parse`` would refuse."""
    said: dict[str, Any] = msgspec.to_builtins(release)
    parse(said)
    return said


def to_statement(release: Release) -> bytes:
    """The in-toto statement, canonical. Raises as ``to_predicate``."""
    return statement_shape.of_subjects(_subjects(release), PREDICATE_TYPE, to_predicate(release))


def differing(a: Release, b: Release) -> list[str]:
    """The fields in which two tales of one release differ, by their names in the predicate."""
    mine, theirs = (msgspec.to_builtins(one) for one in (a, b))
    found = mine.keys() | theirs.keys()
    return sorted(key for key in found if not _alike(mine.get(key), theirs.get(key)))


def _alike(a: Any, b: Any) -> bool:
    return canonical_json.to_bytes(a) == canonical_json.to_bytes(b)  # True is not 1


def _subjects(release: Release) -> list[dict[str, Any]]:
    """The artifacts; else the commit. Raises Malformed for a release of nothing."""
    of = {d: a.name for a in release.artifacts for d in (a.digest, *a.platforms.values())}
    if release.artifacts:
        pairs = [(of[digest], digest) for digest in release.digests]
    elif release.code is not None:
        pairs = [(release.name, f"gitCommit:{release.code.commit}")]
    else:
        raise Malformed(
            "a release of nothing", expected="an artifact or a commit",
            do="Give --artifact, or run it in a clone of the repository",
        )  # fmt: skip
    return [{"name": n, "digest": dict([d.split(":", 1)])} for n, d in pairs]


def _check(release: Release, where: str) -> None:
    for what in ("name", "version"):
        _short(getattr(release, what), f"{where}.{what}", bytes_max=NAME_BYTES_MAX)
    if release.previous is not None:
        _short(release.previous, f"{where}.previous", bytes_max=NAME_BYTES_MAX)
        if release.previous == release.version:
            raise Malformed("a release after itself", where=where, got=release.version)
    need_time(release.released, f"{where}.released")
    if release.build is not None:
        _short(release.build, f"{where}.build")
    if (code := release.code) is not None:
        _commit(code.commit, f"{where}.code.commit")
        if code.repository is not None:
            _short(code.repository, f"{where}.code.repository")
            if repository(code.repository) != code.repository:
                raise Malformed(
                    "a repository in another spelling than its own",
                    where=f"{where}.code.repository", expected=repository(code.repository),
                    got=code.repository,
                )  # fmt: skip
    _check_artifacts(release.artifacts, f"{where}.artifacts")
    _check_dependencies(release.dependencies, f"{where}.dependencies")
    for what in ("config", "policy"):
        _digests(getattr(release, what), f"{where}.{what}")
    _counted(release.flags or {}, FLAGS_MAX, f"{where}.flags")
    for key, value in (release.flags or {}).items():
        _short(key, f"{where}.flags")
        if isinstance(value, str):
            need_sized(value, f"{where}.flags[{key!r}]", TEXT_BYTES_MAX)
    if release.rollout is not None:
        for part, text in msgspec.structs.asdict(release.rollout).items():
            need_sized(text, f"{where}.rollout.{part}", NAME_BYTES_MAX)
    if release.changes is not None:
        _check_changes(release.changes.commits, f"{where}.changes.commits")


def _check_artifacts(artifacts: Sequence[Artifact], where: str) -> None:
    _counted(artifacts, ARTIFACTS_MAX, where)
    for number, one in enumerate(artifacts):
        place = f"{where}[{number}]"
        _short(one.name, f"{place}.name", bytes_max=TEXT_BYTES_MAX)
        _counted(one.platforms, ARTIFACTS_MAX, f"{place}.platforms")
        for platform in one.platforms:
            _short(platform, f"{place}.platforms")
        _digests([one.digest, *one.platforms.values()], place, once=False)
        if one.base is not None:
            _short(one.base.name, f"{place}.base.name", bytes_max=TEXT_BYTES_MAX)
            _digests([one.base.digest], f"{place}.base")


def _check_dependencies(dependencies: Dependencies, where: str) -> None:
    _digests(dependencies.sboms, f"{where}.sboms")
    _counted(dependencies.locks, ARTIFACTS_MAX, f"{where}.locks")
    packages = [package for lock in dependencies.locks for package in lock.packages]
    _counted(packages, PACKAGES_MAX, f"{where}.locks")
    for number, lock in enumerate(dependencies.locks):
        place = f"{where}.locks[{number}]"
        _short(lock.name, f"{place}.name", bytes_max=TEXT_BYTES_MAX)
        _short(lock.format, f"{place}.format")
        _digests([lock.digest], place)
        if lock.unlisted < 0:
            raise Malformed("less than nothing", where=f"{place}.unlisted", got=lock.unlisted)
        if lock.packages != sorted(set(lock.packages)):
            raise Malformed("packages are sorted, each once", where=f"{place}.packages")
        for package in lock.packages:
            if (id := purl.canonical(package).id) != package:
                raise Malformed(
                    "not a package URL in its one spelling", where=f"{place}.packages",
                    expected=id, got=package,
                )  # fmt: skip


def _check_changes(commits: Sequence[Commit], where: str) -> None:
    _counted(commits, COMMITS_MAX, where)
    for number, one in enumerate(commits):
        place = f"{where}[{number}]"
        _commit(one.commit, f"{place}.commit")
        if len(one.subject) > SUBJECT_CHARS_MAX:
            raise LimitPassed(
                "the subject of a commit is too long", where=f"{place}.subject",
                expected=f"subject_chars_max {SUBJECT_CHARS_MAX}",
            )  # fmt: skip
        if one.pull_request is not None and one.pull_request < 1:
            raise Malformed("not a pull request", where=place, got=one.pull_request)


def repository(text: str) -> str:
    """A repository in its one spelling: no user, no password, one transport."""
    place = git_place(text)
    return place.repository if place else public_id(text)


def _short(text: str, where: str, *, bytes_max: int = TEXT_BYTES_MAX) -> None:
    need_sized(text, where, bytes_max)
    if not text or text != text.strip() or not text.isprintable():
        raise Malformed(
            "not a text that a release has", where=where, got=text[:80],
            expected="printable characters, none of them a blank at an end",
        )  # fmt: skip


def _counted(of: Sequence[Any] | Mapping[str, Any], most: int, where: str) -> None:
    if len(of) > most:
        raise LimitPassed("too many", where=where, expected=f"{most} at most", got=len(of))


def _digests(said: Sequence[str], where: str, *, once: bool = True) -> None:
    _counted(said, ARTIFACTS_MAX + 1, where)
    for digest in said:
        if strong_id_in(digest) != digest:
            raise Malformed(
                "not a digest", where=where, expected="sha256: and 64 hex digits", got=digest
            )
    if once and len(set(said)) != len(said):
        raise Malformed("a digest twice", where=where)


def _commit(said: str, where: str) -> None:
    if commit_id(said) != f"gitCommit:{said}":
        raise Malformed("not a git commit", where=where, expected="40 or 64 hex digits", got=said)


def add(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    subjects: Sequence[str],
    where: str,
) -> str:
    """Add what a release's statement says; returns when it was released.

    Raises as ``parse``, and Malformed for other subjects than its own.
    """
    release = parse(predicate, where=where)
    own = [f"{a}:{d}" for s in _subjects(release) for a, d in s["digest"].items()]
    if list(subjects) != own:
        raise Malformed(
            "a release under other subjects than its own", where="subject",
            expected=", ".join(own[:3]), got=", ".join(subjects[:3]),
            do="Make it with: wherefrom release NAME VERSION",
        )  # fmt: skip
    rollout = release.rollout or Rollout()
    node = builder.node(
        release.id, "release", f"{release.name} {release.version}",
        {"version": release.version, "released": release.released, "build": release.build,
         "flags": release.flag_set,
         **{part: text or None for part, text in msgspec.structs.asdict(rollout).items()}},
    )  # fmt: skip
    builder.edge(builder.document, "describes", node)
    if release.previous is not None:
        before = names.release_id(release.name, release.previous)
        name = f"{release.name} {release.previous}"
        builder.edge(node, "revises", builder.node(before, "release", name))
    made_of = list(_made_of(builder, release))
    for source in made_of:
        builder.edge(node, "derived_from", source)
    locks = list(_locks(builder, release.dependencies.locks))
    for artifact in release.artifacts:
        _add_artifact(builder, artifact, sources=made_of, locks=locks)
    parts = [
        *(artifact.digest for artifact in release.artifacts),
        *locks,
        *(builder.node(sbom, "sbom") for sbom in release.dependencies.sboms),
        *(builder.node(b, "config") for b in (*release.config, *release.policy)),
        *_commits(builder, release.changes),
    ]
    for part in parts:
        builder.edge(node, "contains", part)
    return release.released


def _made_of(builder: FactsBuilder, release: Release) -> Iterator[str]:
    if (code := release.code) is None:
        return
    commit = builder.node(f"gitCommit:{code.commit}", "commit")
    if code.repository is not None:
        name = code.repository.partition("://")[2] or code.repository
        builder.edge(commit, "specializes", builder.node(code.repository, "source", name))
    yield commit


def _locks(builder: FactsBuilder, locks: Iterable[Lock]) -> Iterator[str]:
    for lock in locks:
        node = builder.node(lock.digest, "artifact", lock.name, {"lock": lock.format})
        for package in lock.packages:
            name = purl.canonical(package)
            full = f"{name.namespace}/{name.name}" if name.namespace else name.name
            builder.edge(node, "contains", builder.node(package, "package", full))
        yield node


def _add_artifact(
    builder: FactsBuilder, artifact: Artifact, *, sources: Sequence[str], locks: Sequence[str]
) -> None:
    kind = "image" if artifact.platforms or artifact.base else "artifact"
    node = builder.node(artifact.digest, kind, artifact.name)
    for platform, digest in artifact.platforms.items():
        part = builder.node(digest, "image", artifact.name, {"platform": platform})
        builder.edge(node, "contains", part)
    bases = []
    if artifact.base is not None:
        bases = [builder.node(artifact.base.digest, "image", artifact.base.name)]
    for source in (*sources, *bases):
        builder.edge(node, "derived_from", source)
    for lock in locks:
        builder.edge(node, "depends_on", lock)


def _commits(builder: FactsBuilder, changes: ChangeSet | None) -> Iterator[str]:
    for one in changes.commits if changes else ():
        said = {"pullRequest": one.pull_request}
        yield builder.node(f"gitCommit:{one.commit}", "commit", public_name(one.subject), said)
