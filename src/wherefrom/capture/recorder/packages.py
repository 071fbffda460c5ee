"""Which package a file belongs to, so that a compiler is one dependency and not a thousand files.

    /usr/include/stdio.h                     ──dpkg──► pkg:deb/debian/libc6-dev@2.36-9?arch=amd64
    …/site-packages/click/core.py            ──RECORD──► pkg:pypi/click@8.1.7
    …/node_modules/left-pad/index.js         ──package.json──► pkg:npm/left-pad@1.3.0
    …/lib/python3.11/os.py                   ──patchlevel.h──► pkg:generic/python@3.11.7

What no package owns keeps its own name and digest. Other package managers (rpm, apk) are not asked.

Sizes:  METADATA_BYTES_MAX of one metadata file · dpkg is asked of ASKED_MAX files at a time
Source: dpkg-query(1); PEP 376, 627; package-url types deb, pypi, npm, generic
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom.errors import Refused
from wherefrom.formats import purl, strict_json

METADATA_BYTES_MAX: Final = 16 * 1024 * 1024
ASKED_MAX: Final = 2_000
DPKG_SECONDS: Final = 20.0
_SYSTEM: Final = ("/usr/", "/lib", "/etc/", "/bin/", "/sbin/")
_MERGED: Final = ("/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/")
_SITE: Final = re.compile(r"(.*?/(?:site|dist)-packages)/([^/]+)(?:/([^/]+))?")
_NODE: Final = re.compile(r"(.*/node_modules/(?:@[^/]+/)?[^/@.][^/]*)/")
_PYTHON: Final = re.compile(r"(.*)/lib(?:64)?/python(\d+\.\d+)/")
_PATCH_LEVEL: Final = re.compile(rb'#define PY_VERSION\s+"([0-9A-Za-z.+]+)"')
_PYC: Final = re.compile(r"([^.]+)\.[\w-]+(?:\.opt-\d)?\.pyc")


class Package(NamedTuple):
    """A package at one version; ``purl`` names both."""

    name: str
    version: str
    purl: str


def packages_of(paths: Sequence[str]) -> dict[str, Package]:
    """The package of each path that has one. What cannot be asked here is not asked."""
    found = _by_metadata(paths)
    system = [path for path in paths if path not in found and path.startswith(_SYSTEM)]
    found.update(_debian(system))
    found.update(_pythons([path for path in paths if path not in found]))
    return found


def _by_metadata(paths: Iterable[str]) -> dict[str, Package]:
    found: dict[str, Package] = {}
    sites: dict[str, Mapping[str, Package]] = {}
    modules: dict[str, Package | None] = {}
    for path in paths:
        if node := _NODE.match(path):
            folder = node[1]
            if folder not in modules:
                modules[folder] = _npm(Path(folder) / "package.json")
            if package := modules[folder]:
                found[path] = package
        elif site := _SITE.match(path):
            folder, top, below = site[1], site[2], site[3]
            if folder not in sites:
                sites[folder] = _distributions(Path(folder))
            compiled = _PYC.fullmatch(below or "") if top == "__pycache__" else None
            top = f"{compiled[1]}.py" if compiled else top
            if top in sites[folder]:
                found[path] = sites[folder][top]
    return found


def _distributions(folder: Path) -> dict[str, Package]:
    """What lies at the top of a site-packages, and whose it is."""
    found: dict[str, Package] = {}
    for info in sorted(folder.glob("*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
        if not name:
            continue
        plain = re.sub(r"[-_.]+", "-", name).lower()
        package = _package("pypi", plain, version)
        if package is None:
            continue
        found[info.name] = package
        for line in _text(info / "RECORD").splitlines():
            top = line.partition(",")[0].strip('"').partition("/")[0]
            if top not in ("..", "__pycache__", ""):
                found.setdefault(top, package)
    return found


def _npm(file: Path) -> Package | None:
    try:
        said = strict_json.decode(_text(file).encode())
    except Refused:
        return None
    name = said.get("name") if isinstance(said, dict) else None
    version = said.get("version") if isinstance(said, dict) else None
    if not isinstance(name, str) or not isinstance(version, str) or not name:
        return None
    return _package("npm", name, version)


def _pythons(paths: Sequence[str]) -> dict[str, Package]:
    """The files of an interpreter that no package manager put there."""
    prefixes: dict[str, Package] = {}
    for path in paths:
        found = _PYTHON.match(path)
        if found is None or "-packages/" in path or found[1] in prefixes:
            continue
        header = Path(found[1], "include", f"python{found[2]}", "patchlevel.h")
        patch = _PATCH_LEVEL.search(_text(header).encode())
        version = patch[1].decode() if patch else found[2]
        if package := _package("generic", "python", version):
            prefixes[found[1]] = package
    owned: dict[str, Package] = {}
    for path in paths:
        for prefix, package in prefixes.items():
            if path.startswith((f"{prefix}/lib", f"{prefix}/bin/")) and "-packages/" not in path:
                owned[path] = package
    return owned


def _debian(paths: Sequence[str]) -> dict[str, Package]:
    versions = _debian_versions() if paths else {}
    if not versions:
        return {}
    release = _os_release()
    found: dict[str, Package] = {}
    for start in range(0, len(paths), ASKED_MAX):
        asked: dict[str, list[str]] = {}
        for path in paths[start : start + ASKED_MAX]:
            if "*" not in path and "?" not in path and "[" not in path and "\\" not in path:
                source = _source_of(path)
                asked.setdefault(source, []).append(path)
                if path.startswith(_MERGED):  # where /usr is merged, dpkg knows the old place
                    asked.setdefault(source.removeprefix("/usr"), []).append(path)
        for line in _ask(["dpkg-query", "-S", "--", *asked]).splitlines():
            owner, _, where = line.partition(": ")
            key = owner.partition(",")[0]
            if where in asked and key in versions:
                package = _package(
                    "deb", f"{release.get('ID', 'debian')}/{key.partition(':')[0]}",
                    versions[key][0], arch=versions[key][1],
                )  # fmt: skip
                if package is not None:
                    found.update(dict.fromkeys(asked[where], package))
    return found


def _source_of(path: str) -> str:
    """The module that a compiled one was made of, which is what a package owns."""
    above, _, name = path.rpartition("/")
    compiled = _PYC.fullmatch(name) if above.endswith("/__pycache__") else None
    return f"{above.removesuffix('/__pycache__')}/{compiled[1]}.py" if compiled else path


def installed_versions() -> dict[str, str]:
    """The packages of Debian here: a package URL without its version → its version, as in URLs."""
    name = _os_release().get("ID", "debian")
    found: dict[str, str] = {}
    for key, (version, _) in _debian_versions().items():
        if package := _package("deb", f"{name}/{key.partition(':')[0]}", version):
            bare, _, spelled = package.purl.rpartition("@")
            found[bare] = spelled
    return found


def _debian_versions() -> dict[str, tuple[str, str]]:
    """Each installed package, as ``dpkg-query -S`` spells its name: version, architecture."""
    form = "${binary:Package}\t${Version}\t${Architecture}\n"
    rows = [line.split("\t") for line in _ask(["dpkg-query", "-W", "-f", form]).splitlines()]
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}


def _package(type: str, name: str, version: str, **qualifiers: str) -> Package | None:
    """A package by its canonical name; None if metadata calls it what no package is called."""
    namespace, _, last = name.rpartition("/")
    try:
        built = purl.build(
            type=type, namespace=namespace, name=last, version=version, qualifiers=qualifiers
        )
    except Refused:
        return None
    return Package(name, version, built.text)


def _ask(command: Sequence[str]) -> str:
    """What a package manager says; nothing if it is not there, or takes too long."""
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=DPKG_SECONDS,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")


def _os_release() -> dict[str, str]:
    pairs = (line.partition("=") for line in _text(Path("/etc/os-release")).splitlines())
    return {key: value.strip().strip('"') for key, _, value in pairs}


def _text(file: Path) -> str:
    try:
        with open(file, "rb") as opened:
            return opened.read(METADATA_BYTES_MAX).decode("utf-8", "replace")
    except OSError:
        return ""


def platform() -> dict[str, str]:
    """The system that it ran on, as it calls itself."""
    import platform as here  # late: it is slow, and only needed at the end of a run

    release = _os_release()
    told = {
        "system": here.system(), "machine": here.machine(), "kernel": here.release(),
        "distribution": release.get("ID", ""), "distributionVersion": release.get("VERSION_ID", ""),
        "python": here.python_version(),
    }  # fmt: skip
    return {key: value for key, value in told.items() if value}
