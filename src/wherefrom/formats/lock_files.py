"""What a lock file resolved: the package URLs in it, far enough to compare two of them. Pure.

    uv.lock, poetry.lock, Cargo.lock   [[package]] with a name, a version and where it comes from
    requirements.txt                   name==version, with or without --hash
    package-lock.json                  "packages" by folder (versions 2, 3), "dependencies" (1)
    go.sum                             module, version, h1:…      more than what is built, perhaps

What has no package URL is counted as ``unlisted``: a member of the workspace, a local folder, a
link, a requirement that is not pinned. A package from a git repository stands under its version.

Sizes:  LOCK_BYTES_MAX a file
Source: uv and Poetry, "lock file"; pip, "Requirements File Format"; npm, "package-lock.json";
        Cargo reference, "Cargo.lock"; Go modules reference, "go.sum files"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import purl, strict_json
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.release import Lock

LOCK_BYTES_MAX: Final = 16 * 1024 * 1024
# The package URL of each package; None for one that has none.
_Found = Iterator[str | None]
# Where uv and Poetry write what is no package of an index: the project itself and its neighbours.
_LOCAL: Final = frozenset({"editable", "virtual", "directory", "path", "workspace"})
_PINNED: Final = re.compile(
    r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*===?\s*([^\s;,*]+)(?=[\s;,]|$)"
)
_GO_SUM: Final = re.compile(r"(\S+) (v\S+?)(/go\.mod)? h1:\S+")


def read(name: str, written: bytes) -> Lock:
    """Read a lock file, by its name.

    name  its path, as it is to be called; the last part says what it is

    Raises Unsupported for a name that is none of ``FORMATS``, Malformed, LimitPassed.
    """
    if len(written) > LOCK_BYTES_MAX:
        raise LimitPassed("a lock file is too large", where=name, expected=f"{LOCK_BYTES_MAX}")
    format = format_of(name)
    if format is None:
        raise Unsupported(
            "not a lock file that is read here", where=name, expected=" ".join(FORMATS),
            do="Give an SBOM instead: --sbom FILE",
        )  # fmt: skip
    try:
        text = written.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8 text", where=name) from error
    try:
        found = list(_READERS[format](text))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise Malformed(f"not a {format}", where=name, got=str(error)[:200]) from error
    except Malformed as error:
        raise Malformed(
            f"not a {format}: {error.what}", where=name, expected=error.expected, got=error.got
        ) from error
    packages = sorted({package for package in found if package is not None})
    unlisted = sum(package is None for package in found)
    return Lock(
        name=name, digest=sha256_id(written), format=format, packages=packages, unlisted=unlisted
    )


def format_of(name: str) -> str | None:
    """Which of ``FORMATS`` a file of this name is; None for none."""
    last = name.replace("\\", "/").rpartition("/")[2]
    if last in _READERS:
        return last
    is_requirements = re.fullmatch(r"(?:[\w.-]*[-_.])?requirements(?:[-_.][\w.-]+)?\.txt", last)
    return "requirements.txt" if is_requirements else None


def _package(type: str, name: str, version: str, *, namespace: str | None = None) -> str | None:
    try:
        return purl.build(type=type, namespace=namespace, name=name, version=version).id
    except Refused:  # what no package URL can say
        return None


def _uv(text: str) -> _Found:
    for package in tomllib.loads(text).get("package", []):
        source: Mapping[str, Any] = package.get("source", {})
        local = _LOCAL & source.keys() or "version" not in package
        yield None if local else _package("pypi", package["name"], package["version"])


def _poetry(text: str) -> _Found:
    for package in tomllib.loads(text).get("package", []):
        local = package.get("source", {}).get("type") in ("directory", "file")
        yield None if local else _package("pypi", package["name"], package["version"])


def _cargo(text: str) -> _Found:
    for package in tomllib.loads(text).get("package", []):
        listed = "source" in package
        yield _package("cargo", package["name"], package["version"]) if listed else None


def _requirements(text: str) -> _Found:
    joined = re.sub(r"\\\r?\n", " ", text)
    for line in joined.splitlines():
        said = re.sub(r"(^|\s)#.*", "", line).strip()
        if not said or said.startswith(("--", "-i ", "-f ", "-c ")):
            continue  # options; constraints install nothing
        pinned = _PINNED.match(said)
        yield _package("pypi", pinned[1], pinned[2]) if pinned else None


def _npm(text: str) -> _Found:
    document = strict_json.as_object(strict_json.decode(text.encode()), where="")
    if "packages" not in document:
        yield from _npm_tree(document.get("dependencies", {}))
        return
    for folder, said in document["packages"].items():
        _, found, name = folder.rpartition("node_modules/")
        if not folder:
            continue  # the project itself
        if not found or said.get("link") or "version" not in said:
            yield None
        else:
            yield _npm_package(said.get("name", name), said["version"])


def _npm_tree(dependencies: Mapping[str, Any]) -> _Found:
    todo: list[tuple[str, Any]] = list(dependencies.items())
    while todo:
        name, said = todo.pop()
        version = said["version"]
        plain = re.match(r"[0-9]", version) is not None  # else a URL, a folder or an alias
        yield _npm_package(name, version) if plain else None
        todo += said.get("dependencies", {}).items()


def _npm_package(name: str, version: str) -> str | None:
    scope, _, last = name.rpartition("/")
    return _package("npm", last, version, namespace=scope or None)


def _go(text: str) -> _Found:
    for line in filter(None, map(str.strip, text.splitlines())):
        match = _GO_SUM.fullmatch(line)
        if match is None:
            raise Malformed("not a line of it", expected="MODULE VERSION h1:HASH", got=line)
        if not match[3]:  # only its go.mod was looked at
            namespace, _, name = match[1].rpartition("/")
            yield _package("golang", name, match[2], namespace=namespace or None)


_READERS: Final[Mapping[str, Callable[[str], Iterable[str | None]]]] = {
    "uv.lock": _uv,
    "poetry.lock": _poetry,
    "requirements.txt": _requirements,
    "package-lock.json": _npm,
    "Cargo.lock": _cargo,
    "go.sum": _go,
}
FORMATS: Final = tuple(_READERS)
