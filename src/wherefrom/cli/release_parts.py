"""What a release is made of, put together: what was said, what CI and git show, what the log knows.

    options ► WHEREFROM_… ► variables of CI ► the clone ► the log     the first that says a part
        └► parts, each with where it was found └► and what is missing, with the option that gives it

Only a wrong option is an error; what is not there is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wherefrom.capture import bundles
from wherefrom.capture import releases as capture
from wherefrom.capture.identity import of_ci, of_variables
from wherefrom.capture.releases import Missing
from wherefrom.cli.bundle import found_bundle
from wherefrom.cli.opening import reading
from wherefrom.cli.settings import Where
from wherefrom.cli.targets import digest_of, read_file
from wherefrom.errors import Malformed, NotFound, SettingError, Unavailable
from wherefrom.formats.release import Artifact, ChangeSet, Code, Dependencies, Release, Rollout
from wherefrom.query.reality import RealityOptions
from wherefrom.query.releases import LATEST

if TYPE_CHECKING:
    from wherefrom.query.reality_answers import Place

_FLAGS_BYTES_MAX: Final = 4 * 1024 * 1024
_NONE: Final = "none"
_DECLARED: Final = "declared where it goes"
_VARIABLES: Final = {"config": "WHEREFROM_CONFIG_BUNDLE", "policy": "WHEREFROM_POLICY"}


class Asked(NamedTuple):
    """What was said on the command line; what was not is found, or is missing."""

    folder: Path
    commit: str | None
    repository: str | None
    artifacts: tuple[str, ...]
    bases: tuple[str, ...]
    locks: tuple[Path, ...]
    sboms: tuple[str, ...]
    config: tuple[str, ...]
    policy: tuple[str, ...]
    flags_file: Path | None
    flags: tuple[str, ...]
    environment: str
    region: str
    pool: str
    previous: str | None
    since: str | None
    build: str | None


class Finding:
    """Finds the parts of a release; ``found_in`` says where each was, ``missing`` what was not."""

    def __init__(
        self, name: str, version: str, asked: Asked, where: Where, environ: Mapping[str, str]
    ) -> None:
        self.name, self.version, self._asked = name, version, asked
        self._where = where
        # What the build said by name, and what its CI says of every build.
        self._artifact = environ.get("WHEREFROM_ARTIFACT", "")
        without = {k: v for k, v in environ.items() if k != "WHEREFROM_ARTIFACT"}
        self._said, self._ci = of_variables(without), of_ci(environ)
        self.found_in: dict[str, str] = {}
        self.missing: list[Missing] = []

    def release(self, at: str) -> Release:
        """All of it, released ``at``. Raises what a wrong option is."""
        if self.version in (LATEST, _NONE):
            raise SettingError(
                "no version can be called so", where="VERSION", got=self.version,
                do=f"{LATEST} is whichever is the newest, {_NONE} is none before the first",
            )  # fmt: skip
        code, artifacts, dependencies = self._code(), self._artifacts(), self._dependencies()
        rollout = self._rollout()
        places = self._declared(rollout)
        config, policy = (self._bundles(slot, places) for slot in ("config", "policy"))
        flags, build, before = self._flags(places), self._build(), self._before()
        return Release(
            name=self.name, version=self.version, released=at, code=code, artifacts=artifacts,
            dependencies=dependencies, config=config, policy=policy, flags=flags, rollout=rollout,
            previous=before.version if before else self._named_previous(),
            changes=self._changes(before, code), build=build,
        )  # fmt: skip

    def _artifacts(self) -> list[Artifact]:
        asked = self._asked
        texts = asked.artifacts or tuple(filter(None, [self._artifact]))
        pairs = capture.pair(texts, asked.bases)
        found = [capture.artifact(text, of=self.name, base=base) for text, base in pairs]
        source = "--artifact" if asked.artifacts else "WHEREFROM_ARTIFACT"
        self._note("artifacts", found, source, "give --artifact IMAGE@DIGEST, or a file")
        self._note("base", asked.bases, "--base", "give --base IMAGE@DIGEST")
        return found

    def _dependencies(self) -> Dependencies:
        asked = self._asked
        locks = capture.locks(asked.folder, asked.locks)
        sboms = [_digest(text) for text in asked.sboms]
        source = "--lock" if asked.locks else "folder" if locks else "--sbom"
        self._note("dependencies", [*locks, *sboms], source, "give --lock FILE or --sbom FILE")
        return Dependencies(locks=locks, sboms=sboms)

    def _first(self, part: str) -> tuple[str | None, str]:
        """A part as an option, a variable or CI says it, and which of them."""
        for found, source in (
            (getattr(self._asked, part), f"--{part}"),
            (self._said.get(part), f"WHEREFROM_{part.upper()}"),
            (self._ci.get(part), "CI"),
        ):
            if found:
                return found, source
        return None, ""

    def _build(self) -> str | None:
        build, source = self._first("build")
        self._note("build", build, source, "give --build URL")
        return build

    def _rollout(self) -> Rollout | None:
        found = {part: self._first(part) for part in ("environment", "region", "pool")}
        sources = {source: None for text, source in found.values() if text}
        self._note("rollout", sources, " ".join(sources), "give --environment NAME")
        if not sources:
            return None
        return Rollout(**{part: text or "" for part, (text, _) in found.items()})

    def _note(self, part: str, found: object, where: str, do: str, why: str = "") -> None:
        if found:
            self.found_in[part] = where
        else:
            self.missing.append(Missing(part, why or "nobody says it", do))

    def _code(self) -> Code | None:
        asked = self._asked
        commit, source = self._first("commit")
        try:
            code = capture.code(asked.folder, commit, asked.repository)
        except NotFound as error:
            if asked.commit is not None:
                raise
            self._note("code", None, "", "give --commit", str(error.got or error.what))
            return None
        self._note("code", code, source or "git", "")
        return code

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        """An answer of the place; None where there is no log yet, or it knows nothing of this."""
        try:
            with reading(self._where) as place:
                return question(place)
        except (NotFound, Unavailable) as error:
            if self._where.server is not None and isinstance(error, Unavailable):
                raise
            return None

    def _declared(self, rollout: Rollout | None) -> list[Place]:
        """What is declared where the release goes to."""
        if rollout is None or not rollout.environment:
            return []
        options = RealityOptions(slots=("config", "policy", "flag"), mode="declared")
        scope = f"environment={rollout.environment}"
        answer = self._ask(lambda place: place.running(scope, options, drifting=False))
        places = [] if answer is None else answer.places
        mine = (("service", self.name), ("region", rollout.region), ("pool", rollout.pool))
        return [p for p in places if all(getattr(p, k) in ("", v) for k, v in mine)]

    def _bundles(self, slot: str, places: list[Place]) -> list[str]:
        given: tuple[str, ...] = getattr(self._asked, slot)
        if given:
            found = [found_bundle(text, self._where)[0].digest for text in given]
            source = f"--{slot}"
        elif slot in self._said:
            found, source = [self._said[slot]], _VARIABLES[slot]
        else:
            # The narrowest place of a name decides.
            values = {p.name: p.declared.value for p in _widest_first(places, slot) if p.declared}
            found = sorted({v for v in values.values() if v.startswith("sha256:")})
            source = _DECLARED
        self._note(slot, found, source, f"give --{slot} BUNDLE")
        return list(dict.fromkeys(found))

    def _flags(self, places: list[Place]) -> dict[str, Any] | None:
        asked = self._asked
        given: dict[str, Any] = {}
        if asked.flags_file is not None:
            written = read_file(asked.flags_file, bytes_max=_FLAGS_BYTES_MAX)
            given |= bundles.flat(bundles.read(asked.flags_file.name, written))
        for text in asked.flags:
            flag, equals, value = text.partition("=")
            if not equals:
                raise SettingError(
                    "not a flag",
                    where="--flag",
                    expected="KEY=VALUE",
                    got=text,
                    do="Write --flag KEY=VALUE",
                )
            given[flag] = value
        if given:
            self._note("flags", given, "--flags", "")
            return capture.flags(given)
        found = {p.name: p.declared.value for p in _widest_first(places, "flag") if p.declared}
        self._note("flags", found, _DECLARED, "give --flags FILE")
        return found or None

    def _before(self) -> Release | None:
        """The release before this one, as it is recorded."""
        if self._asked.previous == _NONE:
            return None
        found = self._recorded(self._asked.previous or LATEST)
        if found is not None and found.version == self.version:
            # Said again: it follows on what it followed on.
            found = None if found.previous is None else self._recorded(found.previous)
        source = "--previous" if self._asked.previous else "newest that is recorded"
        self._note("previous", found or self._named_previous(), source,
                   "give --previous VERSION, or none", "none is recorded")  # fmt: skip
        return found

    def _recorded(self, version: str) -> Release | None:
        shown = self._ask(lambda place: place.release(self.name, version, as_of=None))
        return None if shown is None else shown.claims[0].release

    def _named_previous(self) -> str | None:
        return None if self._asked.previous in (None, _NONE) else self._asked.previous

    def _changes(self, before: Release | None, code: Code | None) -> ChangeSet | None:
        since = self._asked.since
        source = "--since" if since else "git"
        if since is None and self._asked.previous == _NONE:
            return None  # of the first release
        if since is None and before is not None and before.code is not None:
            since = before.code.commit
        do = "give --since REVISION, in a clone that has both"
        if since is None or code is None:
            self._note("changes", None, "", do, "the commit of the release before is not known")
            return None
        try:
            found = capture.changes(self._asked.folder, since, code.commit)
        except NotFound as error:
            if self._asked.since is not None:
                raise
            self._note("changes", None, "", do, str(error.got or error.what))
            return None
        self._note("changes", True, source, "")
        return found


def _widest_first(places: list[Place], slot: str) -> list[Place]:
    own = [place for place in places if place.slot == slot]
    return sorted(own, key=lambda p: sum(map(bool, (p.service, p.region, p.pool))))


def _digest(text: str) -> str:
    """The digest of an SBOM, or of the file that it is. Raises Malformed."""
    if (found := capture.digest(text)) is not None:
        return found
    if not Path(text).is_file():
        raise Malformed("neither a file nor a digest", where="--sbom", got=text)
    return digest_of(Path(text))
