"""What a command leant on without saying so, and what takes each away: determinism debts.

    what was touched ─┐
    the environment ──┼─► Debt(kind, says, seen, remedy), one a kind
    marks in outputs ─┘

A debt is a reason why the same command may give another result elsewhere or tomorrow. That the
clock was *read* cannot be seen, since no call is made for it; its time in an output can.

Sizes:  a debt shows SEEN_MAX of what was seen
Source: reproducible-builds.org/docs; docs/run.md has the table
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

SEEN_MAX: Final = 20
_ZONE: Final = ("/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo/")
_CERTIFICATES: Final = re.compile(
    r"/etc/ssl/(certs/|cert\.pem)|/etc/(pki|ca-certificates)/|/usr/(local/)?share/ca-certificates/|/certifi/cacert\.pem$"
)
# Whose numbers are whose, and where to ask for more.
_NAMES: Final = (
    "/etc/group", "/etc/host.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/passwd",
    "/etc/resolv.conf",
)  # fmt: skip
_CACHES: Final[tuple[tuple[str, str, str], ...]] = (
    (r"/\.cache/pip/", "pip", "pip install --no-cache-dir"),
    (r"/\.cache/(ccache)/|/\.ccache/", "ccache", "CCACHE_DISABLE=1"),
    (r"/\.m2/repository/", "Maven", "-Dmaven.repo.local=DIR, filled from a lock file"),
    (r"/\.gradle/caches/", "Gradle", "--no-build-cache --project-cache-dir DIR"),
    (r"/\.cargo/registry/", "Cargo", "cargo vendor, then --frozen"),
    (r"/go/pkg/mod/", "Go", "go mod vendor, then -mod=vendor"),
    (r"/go-build/", "Go's builds", "GOCACHE=DIR, empty"),
    (r"/\.npm/_cacache/", "npm", "npm ci --cache DIR, empty"),
    (r"/\.cache/", "another program", "XDG_CACHE_HOME=DIR, empty"),
    (r"^/var/cache/", "the system", "do not read it, or pin what is in it"),
)
_FETCHERS: Final[Mapping[str, str]] = {
    "pip": "pip download --require-hashes before, then pip install --no-index --find-links DIR",
    "npm": "npm ci before, then npm --offline",
    "cargo": "cargo fetch --locked before, then cargo --frozen",
    "go": "go mod vendor before, then GOFLAGS=-mod=vendor GOPROXY=off",
    "mvn": "mvn dependency:go-offline before, then mvn --offline",
    "git": "check out a commit before",
}
_CONFIGS: Final = re.compile(
    r"/\.(gitconfig|npmrc|pypirc|netrc|curlrc|wgetrc|condarc|bashrc|profile|config|m2|cargo|gradle|"
    r"docker|pip|ssh|gnupg|aws|kube|local|pyenv|nvm|rustup|sdkman|asdf)(?:/|$)"
)


class Debt(NamedTuple):
    """One kind of ambient input.

    kind    network, socket, clock, dates, path, home, cache, certificates, time_zone, names,
            locale, random, unlisted
    says    what was found, for a person
    seen    where, the first SEEN_MAX; names are neutral, and say nothing of whose machine it was
    number  how many there were
    remedy  the flag or pin that takes it away
    """

    kind: str
    says: str
    seen: tuple[str, ...]
    number: int
    remedy: str


class Seen(NamedTuple):
    """What there is to judge by.

    reads       paths that it read, programs too; without those of packages
    owned       paths that it read and a package owns
    unlisted    names of files it read that neither the commit nor a package nor --input holds
    connected   (program, address:port); sockets are paths
    marks       (kind, name of the output): its run's time, its folder, dates of files are in it
    """

    reads: Sequence[str]
    owned: Sequence[str]
    unlisted: Sequence[str]
    connected: Sequence[tuple[str, str]]
    sockets: Sequence[str]
    devices: Sequence[str]
    programs: Sequence[str]
    marks: Sequence[tuple[str, str]]
    environ: Mapping[str, str]
    tree: str
    home: str


def debts(seen: Seen) -> list[Debt]:
    """Every debt, the worst first."""
    found: list[Debt | None] = [
        _network(seen), _sockets(seen), _clock(seen), _dates(seen), _path(seen), _cache(seen),
        _home(seen), _certificates(seen), _time_zone(seen), _names(seen), _locale(seen),
        _random(seen), _unlisted(seen),
    ]  # fmt: skip
    return [debt for debt in found if debt is not None]


def _debt(kind: str, says: str, seen: Iterable[str], remedy: str) -> Debt | None:
    names = list(dict.fromkeys(seen))
    return Debt(kind, says, tuple(names[:SEEN_MAX]), len(names), remedy) if names else None


def _network(seen: Seen) -> Debt | None:
    asked = [f"{_program(program)} → {address}" for program, address in seen.connected]
    names = {_program(program) for program in seen.programs}
    remedies = [remedy for name, remedy in _FETCHERS.items() if name in names]
    remedy = "; ".join(remedies) or "fetch it before, by digest, and run without network"
    return _debt("network", "it asked the network", asked, remedy)


def _sockets(seen: Seen) -> Debt | None:
    others = [path for path in seen.sockets if "nscd" not in path and "/systemd/" not in path]
    names = [os.path.basename(path) for path in others]
    remedy = "do it in this process: what a daemon did for it is not recorded"
    return _debt("socket", "another program worked for it, behind a socket", names, remedy)


def _clock(seen: Seen) -> Debt | None:
    found = [name for kind, name in seen.marks if kind == "clock"]
    remedy = "SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)"
    if "SOURCE_DATE_EPOCH" in seen.environ:
        remedy = "the tool ignores SOURCE_DATE_EPOCH: give it its own flag (-Wdate-time finds it)"
    return _debt("clock", "the time of this run stands in what it made", found, remedy)


def _dates(seen: Seen) -> Debt | None:
    found = [name for kind, name in seen.marks if kind == "dates"]
    remedy = (
        'tar --mtime="@$SOURCE_DATE_EPOCH"; or before it: git ls-files -z | xargs -0 '
        'touch -hd "@$SOURCE_DATE_EPOCH"'
    )
    return _debt(
        "dates", "the dates of files, which each checkout sets, stand in it", found, remedy
    )


def _path(seen: Seen) -> Debt | None:
    found = [name for kind, name in seen.marks if kind == "path"]
    remedy = "-ffile-prefix-map=$PWD=. (C), -trimpath (Go), --remap-path-prefix (Rust); or one path"
    return _debt("path", "the folder that it ran in stands in what it made", found, remedy)


def _cache(seen: Seen) -> Debt | None:
    of: dict[str, str] = {}
    for path in _outside(seen, seen.reads):
        for pattern, whose, remedy in _CACHES:
            if re.search(pattern, path):
                of.setdefault(whose, remedy)
                break
    return _debt("cache", "it read a cache", of, "; ".join(of.values()))


def _home(seen: Seen) -> Debt | None:
    if not seen.home or seen.home == "/":
        return None
    found: list[str] = []
    # A toolchain of one's own has a version and is named; what pip put beside it for one user is
    # found by every Python that he starts.
    own = [path for path in seen.owned if "/.local/lib/" in path]
    for path in _outside(seen, [*seen.reads, *own]):
        if path.startswith(seen.home + "/") and not any(re.search(c[0], path) for c in _CACHES):
            known = _CONFIGS.match(path[len(seen.home) :])
            found.append(f"~/.{known[1]}" if known else "~/…")
    return _debt("home", "it read the home of who ran it", found, "HOME=$(mktemp -d)")


def _certificates(seen: Seen) -> Debt | None:
    found = [path for path in [*seen.reads, *seen.owned] if _CERTIFICATES.search(path)]
    shown = [path if path.startswith(("/etc/", "/usr/")) else "certifi" for path in found]
    remedy = "fetch before, by digest; or SSL_CERT_FILE=a file of its own"
    return _debt("certificates", "it read a certificate store", shown, remedy)


def _time_zone(seen: Seen) -> Debt | None:
    found = [path for path in [*seen.reads, *seen.owned] if path.startswith(_ZONE)]
    return _debt("time_zone", "it read the time zone of the machine", found, "TZ=UTC0")


def _names(seen: Seen) -> Debt | None:
    found = [path for path in seen.reads if path in _NAMES]
    remedy = "numbers instead of names: tar --owner=0 --group=0 --numeric-owner"
    return _debt("names", "it read the names of users or hosts of the machine", found, remedy)


def _locale(seen: Seen) -> Debt | None:
    named = seen.environ.get("LC_ALL") or seen.environ.get("LANG") or "C"
    if named.upper().replace("-", "") in ("C", "POSIX", "C.UTF8"):
        return None
    read = any("/locale/" in path for path in [*seen.reads, *seen.owned])
    return _debt("locale", "it read a language's rules", [named] if read else [], "LC_ALL=C.UTF-8")


def _random(seen: Seen) -> Debt | None:
    found = [path for path in seen.devices if path in ("/dev/random", "/dev/urandom")]
    remedy = "a seed of its own"
    ran_python = any(_program(path).startswith("python") for path in seen.programs)
    if ran_python and not seen.environ.get("PYTHONHASHSEED", "random").isdigit():
        found.append("Python's order of sets")
        remedy = "PYTHONHASHSEED=0" if len(found) == 1 else f"PYTHONHASHSEED=0, {remedy}"
    return _debt("random", "chance may have a part in it", found, remedy)


def _unlisted(seen: Seen) -> Debt | None:
    remedy = "commit it, or name it with --input"
    # What another debt tells of already is no second one.
    rest = [n for n in seen.unlisted
            if n not in _NAMES and not n.startswith(_ZONE)
            and not _CERTIFICATES.search(n)]  # fmt: skip
    return _debt("unlisted", "it read files that nothing declares", rest, remedy)


def _outside(seen: Seen, paths: Iterable[str]) -> Iterable[str]:
    below = seen.tree + "/"
    return (path for path in paths if not path.startswith(below))


def _program(path: str) -> str:
    return os.path.basename(path) or "?"
