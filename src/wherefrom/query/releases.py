"""What was released: which records claim it, in which order, and how two releases differ.

    name, version ──graph──► entries that speak of it ──content──► claims, best vouched for first
                                                                      └ not alike: it is told

A release is as its first claim says; who signed that stands beside it. How two of them differ is
``release_apart``'s.

Sizes:  CLAIMS_MAX records of one release are read · LIST_MAX releases are listed
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from wherefrom.errors import Malformed, NotFound, Refused
from wherefrom.formats import config_bundle, names
from wherefrom.formats import release as releases
from wherefrom.formats.config_bundle import Bundle
from wherefrom.formats.release import PREDICATE_TYPE, Release, Rollout
from wherefrom.log.reader import LogReader
from wherefrom.query.answers import log_of
from wherefrom.query.bundles import recorded
from wherefrom.query.made_of import packages_in
from wherefrom.query.release_answers import (
    Between,
    BundleChange,
    Claim,
    ReleaseBrief,
    Released,
    ReleaseDifference,
    Releases,
    ReleaseShown,
)
from wherefrom.query.release_apart import (
    bases_of,
    between,
    dependencies_apart,
    flags_apart,
    not_said,
)
from wherefrom.query.sizes import need_size
from wherefrom.query.statements import predicate_in
from wherefrom.query.summary import STRENGTH, summaries
from wherefrom.views.graph import GraphReader, Lens, Snapshot
from wherefrom.views.graph.schema import ALTERNATE, CONTAINS, DESCRIBES

CLAIMS_MAX: Final = 50
LIST_MAX: Final = 1_000
LIST_DEFAULT: Final = 50
IDS_MAX: Final = 20_000
LATEST: Final = "latest"
_AGAIN: Final = frozenset({"released", "build"})


class ReleaseDesk:
    """Answers about releases over one log's graph; safe for several threads."""

    def __init__(self, log: LogReader, graph: GraphReader) -> None:
        self._log = log
        self._graph = graph

    def show(self, name: str, version: str, *, as_of: int | None = None) -> ReleaseShown:
        """A release, ``latest`` for the newest. Raises NotFound."""
        with self._graph.snapshot() as snapshot:
            book = self._book(snapshot, as_of)
            found = book.version(name, version)
            claims = book.need(name, found)
            return ReleaseShown(
                of=f"{name} {version}",
                id=names.release_id(name, found),
                log=log_of(snapshot),
                as_of=book.lens.as_of,
                claims=claims,
                differs=differs(claims),
            )

    def list(self, name: str, *, limit: int = LIST_DEFAULT, as_of: int | None = None) -> Releases:
        """The releases of ``name``, newest first. Raises NotFound if there is none, Malformed."""
        if not 0 < limit <= LIST_MAX:
            raise Malformed("not a limit", expected=f"1 to {LIST_MAX}", got=limit)
        with self._graph.snapshot() as snapshot:
            book = self._book(snapshot, as_of)
            versions = book.versions(name)
            told = ((v, book.claims(name, v)) for v in versions[:limit])
            return Releases(
                of=name,
                log=log_of(snapshot),
                as_of=book.lens.as_of,
                releases=[brief(claims) for _, claims in told if claims],
                truncated=len(versions) > limit,
            )

    def diff(self, a: str, b: str, *, as_of: int | None = None) -> ReleaseDifference:
        """How ``b`` differs from ``a``, each ``NAME:VERSION``. Raises NotFound, Malformed."""
        with self._graph.snapshot() as snapshot:
            book = self._book(snapshot, as_of)
            sides = [parse_name(text) for text in (a, b)]
            return book.difference(
                *(book.need(name, book.version(name, version)) for name, version in sides)
            )

    def _book(self, snapshot: Snapshot, as_of: int | None) -> ReleaseBook:
        need_size(as_of, reached=snapshot.size, log=self._log)
        return ReleaseBook(snapshot, snapshot.lens(as_of=as_of), self._log.content_of)


def parse_name(text: str) -> tuple[str, str]:
    """Name and version of ``NAME:VERSION``, or of the id of a release. Raises Malformed."""
    try:
        return names.split_release(text if text.startswith("release:") else f"release:{text}")
    except ValueError as error:
        raise Malformed("not a release", got=text, expected="NAME:VERSION") from error


def differs(claims: Iterable[Claim]) -> list[str]:
    """The fields in which claims are not alike."""
    first, *others = [claim.release for claim in claims]
    return sorted({field for other in others for field in releases.differing(first, other)})


def is_disputed(fields: Iterable[str]) -> bool:
    """Whether claims that differ in these fields say that different things were released."""
    return not _AGAIN.issuperset(fields)


def brief(claims: Collection[Claim]) -> ReleaseBrief:
    """A release in one line."""
    first = next(iter(claims))
    said = first.release
    return ReleaseBrief(
        id=said.id,
        version=said.version,
        released=said.released,
        commit=None if said.code is None else said.code.commit,
        artifacts=[artifact.digest for artifact in said.artifacts],
        previous=said.previous,
        entry=first.entry,
        trust=first.trust,
        claims=len(claims),
        differs=differs(claims),
    )


class ReleaseBook:
    """The releases that a graph knows under one lens; each is read once.

    content  gives the content of an entry, None if it is erased
    """

    def __init__(self, graph: Snapshot, lens: Lens, content: Callable[[int], bytes | None]) -> None:
        self.lens = lens
        self._graph = graph
        self._content = content
        self._known: dict[tuple[str, str], list[Claim]] = {}

    def versions(self, name: str) -> list[str]:
        """The versions of ``name`` that a record tells of, newest first. Raises NotFound."""
        prefix = f"release:{name}:"
        ids = {n: id for id, n in self._graph.ids_from(prefix, IDS_MAX)}
        # With one more colon it is a version of something whose name goes on.
        ids = {n: id for n, id in ids.items() if names.split_release(id)[0] == name}
        said = summaries(self._graph, list(ids), self.lens) if ids else {}
        dated = [
            (s.properties["released"], n) for n, s in said.items() if "released" in s.properties
        ]
        if not dated:
            raise NotFound(
                "no release of this name is recorded", got=name,
                do="Record one: wherefrom release NAME VERSION",
            )  # fmt: skip
        return [names.split_release(ids[n])[1] for _, n in sorted(dated, reverse=True)]

    def version(self, name: str, version: str) -> str:
        """``version``, or for ``latest`` the newest one. Raises NotFound."""
        if version != LATEST:
            return version
        return self.versions(name)[0]

    def need(self, name: str, version: str) -> list[Claim]:
        """As ``claims``. Raises NotFound if there is none."""
        if found := self.claims(name, version):
            return found
        known = self.versions(name)
        raise NotFound(
            "no record tells of this release", got=f"{name} {version}",
            expected="one of " + ", ".join(known[:10]),
            do="Name one of these: wherefrom release list",
        )  # fmt: skip

    def claims(self, name: str, version: str) -> list[Claim]:
        """What records say that a release was, the best vouched for first; none if nothing."""
        if (name, version) not in self._known:
            found = sorted(
                self._claims(name, version),
                key=lambda c: (STRENGTH.get(c.trust, -1), c.entry),
                reverse=True,
            )
            self._known[name, version] = found
        return self._known[name, version]

    def _claims(self, name: str, version: str) -> Iterator[Claim]:
        id = names.release_id(name, version)
        numbers = self._graph.numbers([id])
        if id not in numbers:
            return
        entries = self._graph.entries_of(numbers[id], self.lens, CLAIMS_MAX)
        for entry, judged in sorted(self._graph.judgements(entries, self.lens).items()):
            content = self._content(entry)
            said = None if content is None else predicate_in(content, PREDICATE_TYPE)
            try:
                release = None if said is None else releases.parse(said)
            except Refused:  # a newer program took what this one does not
                continue
            if release is not None and release.id == id:
                yield Claim(
                    entry=entry, trust=judged.level, signers=judged.signers,
                    received=judged.received, release=release,
                )  # fmt: skip

    def apart(self, a: Iterable[str], b: Iterable[str]) -> Released | None:
        """The newest releases of one name that hold artifacts of each side, and the commits
        between them; None if there are no two."""
        mine, theirs = (
            {r.name: r for value in side for r in self.with_artifact(value)} for side in (a, b)
        )
        for name in sorted(mine.keys() & theirs.keys()):
            older, newer = mine[name], theirs[name]
            return Released(a=older.id, b=newer.id, commits=self.between(older, newer))
        return None

    def with_artifact(self, value: str) -> list[Release]:
        """The releases that hold an artifact, or the index that it is a platform of; oldest
        first."""
        start = set(self._graph.numbers([value]).values())
        for up in (True, False):
            start |= self._beside(start, ALTERNATE, up=up)
        whole = self._beside(start, CONTAINS, up=False)
        whole |= self._beside(whole, CONTAINS, up=False)
        ids = [id for id in self._graph.ids(sorted(whole)).values() if id.startswith("release:")]
        found = [self.claims(*names.split_release(id)) for id in sorted(ids)]
        told = [claims[0].release for claims in found if claims]
        return sorted(told, key=lambda release: (release.released, release.id))

    def _beside(self, numbers: set[int], relation: int, *, up: bool) -> set[int]:
        steps = self._graph.steps(
            sorted(numbers), self.lens, up=up, only=relation, rows_max=IDS_MAX
        )
        return {step.cause if up else step.effect for step in steps}

    def difference(self, a: list[Claim], b: list[Claim]) -> ReleaseDifference:
        """How the release ``b`` differs from ``a``."""
        mine, theirs = a[0].release, b[0].release
        unknown = not_said(mine, theirs)
        bundles = [
            change
            for kind in ("config", "policy")
            if kind not in unknown
            for change in self._bundles(kind, getattr(mine, kind), getattr(theirs, kind))
        ]
        both = [(mine, theirs), (theirs, mine)]
        artifacts = [
            [one for one in x.artifacts if one.digest not in {o.digest for o in y.artifacts}]
            for x, y in both
        ]
        bases = [[one for one in bases_of(x) if one not in bases_of(y)] for x, y in both]
        known = "dependencies" not in unknown
        return ReleaseDifference(
            a=brief(a),
            b=brief(b),
            log=log_of(self._graph),
            as_of=self.lens.as_of,
            artifacts_a=artifacts[0],
            artifacts_b=artifacts[1],
            bases_a=[] if "base" in unknown else bases[0],
            bases_b=[] if "base" in unknown else bases[1],
            commits=self.between(mine, theirs),
            dependencies=(
                dependencies_apart(self._packages(mine), self._packages(theirs)) if known else []
            ),
            bundles=bundles,
            flags=[] if "flags" in unknown else flags_apart(mine.flags or {}, theirs.flags or {}),
            rollout_a=mine.rollout or Rollout(),
            rollout_b=theirs.rollout or Rollout(),
            unknown=unknown,
        )

    def between(self, a: Release, b: Release) -> Between:
        """The commits that one of two releases of one thing has and the other has not."""
        return between(a, b, self._before)

    def _before(self, release: Release) -> Release | None:
        if release.previous is None:
            return None
        claims = self.claims(release.name, release.previous)
        return claims[0].release if claims else None

    def _packages(self, release: Release) -> set[str]:
        """What its lock files name, and what its SBOMs list, if they are recorded."""
        sboms = set(self._graph.numbers(release.dependencies.sboms).values())
        subjects = self._beside(sboms, DESCRIBES, up=True)
        return release.packages | packages_in(self._graph, self.lens, subjects)

    def _bundles(
        self, kind: str, mine: Collection[str], theirs: Collection[str]
    ) -> Iterator[BundleChange]:
        """Bundles of one name are compared; of what is not recorded, one with the other's one."""
        sides = [
            {self._called(digest): digest for digest in side if digest not in other}
            for side, other in ((mine, theirs), (theirs, mine))
        ]
        for name in sorted(sides[0].keys() | sides[1].keys()):
            before, after = (side.get(name) for side in sides)
            held = [self._bundle(digest) for digest in (before, after)]
            keys = None
            if held[0] is not None and held[1] is not None:
                keys = config_bundle.difference(held[0], held[1])
            yield BundleChange(kind=kind, name=name, before=before, after=after, keys=keys)

    def _called(self, digest: str) -> str:
        found = self._bundle(digest)
        return "" if found is None else found.name

    def _bundle(self, digest: str | None) -> Bundle | None:
        if digest is None:
            return None
        held = recorded(self._graph, self.lens, digest, self._content)
        return None if held is None else held.bundle
