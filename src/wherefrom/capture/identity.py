"""What this program is: which build of which artifact, with which config, flags and policy.

    arguments ► environment ► baked file ► annotations ► labels ► wheel   the first that says it
        └──────────── Identity ◄──── loaded(config=…, flags=…)            what changes as it runs
                         └ reality: the id that traces, logs and records carry

What nobody says is unknown, and no error; what is said wrongly is one. Found once a process, at
the first call of ``identity()``; the parts that change while it runs are told with ``loaded``.

Source: DESIGN, "Reality"; docs/identity.md
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from wherefrom.errors import Error, SettingError
from wherefrom.formats import identity_sources, reality_id
from wherefrom.formats.identity_sources import FIELDS, FILE_BYTES_MAX, FILE_NAME, Found
from wherefrom.formats.reality_id import Reality

# What the environment may say outright; each comes before all that is found otherwise.
VARIABLES: Final[Mapping[str, str]] = {
    "WHEREFROM_ARTIFACT": "artifact",
    "WHEREFROM_CONFIG_BUNDLE": "config",
    "WHEREFROM_FLAG_SET": "flags",
    "WHEREFROM_POLICY": "policy",
    "WHEREFROM_BUILD": "build",
    "WHEREFROM_COMMIT": "commit",
    "WHEREFROM_VERSION": "version",
    "WHEREFROM_SERVICE": "service",
    "WHEREFROM_ENVIRONMENT": "environment",
    "WHEREFROM_REGION": "region",
    "WHEREFROM_POOL": "pool",
    "WHEREFROM_INSTANCE": "instance",
}
# Where annotations and labels lie if nobody names a file: the usual mount of the Downward API.
ANNOTATIONS: Final = Path("/etc/podinfo/annotations")
LABELS: Final = Path("/etc/podinfo/labels")
# Runs of CI systems by the variables that they set.
_CI: Final[Mapping[str, str]] = {
    "GITHUB_RUN_ID": "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
    "CI_JOB_URL": "{CI_JOB_URL}",
    "BUILDKITE_BUILD_URL": "{BUILDKITE_BUILD_URL}",
    "CIRCLE_BUILD_URL": "{CIRCLE_BUILD_URL}",
    "BUILD_URL": "{BUILD_URL}",
}
_CI_COMMIT: Final = ("GITHUB_SHA", "CI_COMMIT_SHA", "BUILDKITE_COMMIT", "CIRCLE_SHA1", "GIT_COMMIT")


@dataclass(frozen=True)
class Identity:
    """What a program is; an empty text or None where nobody says it.

    reality   artifact, config, flags, policy: digests
    found_in  field → which source said it
    """

    reality: Reality = field(default_factory=Reality)
    build: str = ""
    commit: str = ""
    version: str = ""
    service: str = ""
    environment: str = ""
    region: str = ""
    pool: str = ""
    instance: str = ""
    found_in: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def id(self) -> str:
        """The reality id, ``sha256:…``."""
        return self.reality.id

    @property
    def short(self) -> str:
        """Its short name: what a metric may carry as a label."""
        return self.reality.short

    def attributes(self) -> dict[str, str]:
        """As OpenTelemetry resource attributes: what does not change while the program runs."""
        said = {
            "service.name": self.service,
            "service.version": self.version,
            "service.instance.id": self.instance,
            "deployment.environment.name": self.environment,
            "cloud.region": self.region,
            "vcs.ref.head.revision": self.commit,
            "prov.pool": self.pool,
            "prov.build.id": self.build,
            "prov.artifact.digest": self.reality.artifact,
            "prov.config.bundle.hash": self.reality.config,
            "prov.policy.hash": self.reality.policy,
        }
        return {key: value for key, value in said.items() if value}

    def document(self) -> dict[str, Any]:
        """As JSON: what ``/.well-known/wherefrom`` answers."""
        return {
            "reality": self.id,
            **self.reality._asdict(),
            **{name: getattr(self, name) or None for name in FIELDS[len(Reality._fields) :]},
            "found_in": dict(self.found_in),
        }


def find(
    *,
    environ: Mapping[str, str] = os.environ,
    distribution: str | None = None,
    folders: Iterable[Path] | None = None,
    **said: str | None,
) -> Identity:
    """Find out what this program is, in the order of the module's picture.

    distribution  the name under which the program is installed; else WHEREFROM_DISTRIBUTION
    folders       where a baked file may lie; the environment's folder, ``/`` and ``/etc``
    said          any of FIELDS; comes before all that is found

    Raises SettingError for a value that is wrong, or a file that is named and cannot be read.
    """
    for name in said.keys() - set(FIELDS):
        raise TypeError(f"identity has no {name!r}; it has {', '.join(FIELDS)}")
    found: Found = {}
    found_in: dict[str, str] = {}
    for source, read in _sources(environ, distribution, folders, said):
        try:
            here = read()
        except Error as error:
            raise SettingError(
                f"what this program is cannot be read: {error.what}", where=error.where,
                expected=error.expected, got=error.got,
                do=error.do or "Correct it there, or leave it out: unknown is no error",
            ) from error  # fmt: skip
        for name, text in here.items():
            if name not in found:
                found[name], found_in[name] = text, source
    parts = {name: found.get(name) for name in Reality._fields}
    rest = {name: found[name] for name in FIELDS[len(parts) :] if name in found}
    rest.setdefault("instance", environ.get("HOSTNAME") or socket.gethostname())
    return Identity(Reality(**parts), **rest, found_in=found_in)


_Source = tuple[str, Callable[[], Found]]


def _sources(
    environ: Mapping[str, str],
    distribution: str | None,
    folders: Iterable[Path] | None,
    said: Mapping[str, str | None],
) -> list[_Source]:
    folders = (Path(sys.prefix), Path("/"), Path("/etc")) if folders is None else folders
    file = environ.get("WHEREFROM_IDENTITY_FILE")
    baked = [(Path(file), True)] if file else [(folder / FILE_NAME, False) for folder in folders]
    named = environ.get("WHEREFROM_ANNOTATIONS_FILE")
    notes = [(Path(named), True)] if named else [(ANNOTATIONS, False), (LABELS, False)]
    name = distribution or environ.get("WHEREFROM_DISTRIBUTION")
    return [
        ("argument", lambda: _checked((k, v, k) for k, v in said.items() if v)),
        ("environment", lambda: _environment(environ)),
        *(_file(path, identity_sources.baked, must=must) for path, must in baked),
        *(_file(path, identity_sources.annotated, must=must) for path, must in notes),
        *([(f"wheel {name}", lambda: _wheel(name))] if name else []),
    ]


def _checked(said: Iterable[tuple[str, str, str]]) -> Found:
    return {f: identity_sources.checked(f, text, where=where) for f, text, where in said}


def _environment(environ: Mapping[str, str]) -> Found:
    ours = ((field, environ.get(name, ""), name) for name, field in VARIABLES.items())
    found = _checked(one for one in ours if one[1])
    if name := environ.get("OTEL_SERVICE_NAME"):
        found.setdefault("service", name)
    text, where = environ.get("OTEL_RESOURCE_ATTRIBUTES", ""), "OTEL_RESOURCE_ATTRIBUTES"
    said = identity_sources.resource_attributes(text, where=where, unquote=unquote)
    return {**said, **found}


def _file(path: Path, read: Callable[..., Found], *, must: bool) -> _Source:
    def found() -> Found:
        try:
            with path.open("rb") as file:
                content = file.read(FILE_BYTES_MAX + 1)
        except (FileNotFoundError, NotADirectoryError):
            if not must:
                return {}
            raise SettingError(
                "a file that is named is not there",
                where=str(path),
                do="Name one that is, or leave it out: unknown is no error",
            ) from None
        except OSError as error:
            raise SettingError(
                "a file cannot be read",
                where=str(path),
                got=str(error),
                do="Let this user read it: chmod, or run as its owner",
            ) from error
        return read(content, where=str(path))

    return str(path), found


def _wheel(name: str) -> Found:
    from importlib import metadata

    try:
        installed = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise SettingError(
            "no such distribution is installed",
            got=name,
            do="pip list shows those that are",
        ) from None
    found: Found = {"version": installed.version}
    for file, read in (
        ("direct_url.json", identity_sources.direct_url),
        (FILE_NAME, identity_sources.baked),
    ):
        if text := installed.read_text(file):
            found |= read(text.encode(), where=f"{name}, {file}")
    return found


def bake(path: Path, *, environ: Mapping[str, str] = os.environ, **said: str) -> None:
    """Write a baked file for ``path``, at build time: what CI's variables and ``said`` tell.

    An image cannot hold its own digest: that comes from the environment or an annotation.
    Raises SettingError for a value that is wrong.
    """
    try:
        checked = _checked((k, v, k) for k, v in {**of_ci(environ), **said}.items())
    except Error as error:
        raise SettingError(
            error.what, where=error.where, expected=error.expected, got=error.got
        ) from error
    path.write_bytes(identity_sources.to_baked(checked))


def of_variables(environ: Mapping[str, str] = os.environ) -> Found:
    """What ``VARIABLES`` say, and nothing else. Raises SettingError for a value that is wrong."""
    try:
        return _checked((f, environ[n], n) for n, f in VARIABLES.items() if environ.get(n))
    except Error as error:
        raise SettingError(
            error.what, where=error.where, expected=error.expected, got=error.got, do=error.do
        ) from error


def of_ci(environ: Mapping[str, str] = os.environ) -> Found:
    """The ``build`` and the ``commit`` that the variables of a CI system tell, unchecked."""
    found: Found = {}
    for variable, form in _CI.items():
        if environ.get(variable) and "build" not in found:
            found["build"] = form.format_map(_Missing(environ))
    if commit := next((environ[name] for name in _CI_COMMIT if environ.get(name)), None):
        found["commit"] = commit
    return found


class _Missing(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


class _Process:
    """What this process is, found once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Identity | None = None

    def get(self) -> Identity:
        found = self._found
        if found is None:
            with self._lock:
                found = self._found = self._found or find()
        return found

    def set(self, change: Callable[[Identity], Identity]) -> Identity:
        before = self.get()
        with self._lock:
            self._found = found = change(self._found or before)
        return found

    def forget(self) -> None:
        with self._lock:
            self._found = None


_process = _Process()


def identity() -> Identity:
    """What this process is: found at the first call, and as ``loaded`` changed it since.

    Raises SettingError for a value that is wrong.
    """
    return _process.get()


def use(found: Identity) -> Identity:
    """Say what this process is, with what ``find`` gave or otherwise; returns it."""
    return _process.set(lambda _: found)


def forget() -> None:
    """Find it out again at the next call: for tests, and after a fork that changes it."""
    _process.forget()


def loaded(
    *,
    config: str | Mapping[str, Any] | None = None,
    flags: str | Mapping[str, Any] | None = None,
    policy: str | Mapping[str, Any] | None = None,
) -> Identity:
    """Say which config bundle, flags or policy are in force from now on; returns what we are now.

    Each is the digest of a bundle, or what was loaded, of which the digest is made here. None
    leaves as it is what was said before. Raises SettingError for what is no digest.
    """
    given = {"config": config, "flags": flags, "policy": policy}
    try:
        parts = {
            name: reality_id.part(one, where=name)
            if isinstance(one, str)
            else (reality_id.flag_set if name == "flags" else reality_id.settings)(one)
            for name, one in given.items()
            if one is not None
        }
    except Error as error:
        raise SettingError(
            error.what, where=error.where, expected=error.expected, got=error.got
        ) from error

    def change(before: Identity) -> Identity:
        found_in = {**before.found_in, **dict.fromkeys(parts, "loaded")}
        return replace(before, reality=before.reality._replace(**parts), found_in=found_in)

    return _process.set(change)
