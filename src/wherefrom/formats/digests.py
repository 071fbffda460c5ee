"""Digests and commits as node ids: one spelling for each.

    {"sha256": "AB…"} (in-toto)   ──►  sha256:ab…
    "SHA-256" / "SHA256" (SBOMs)  ──►  sha256:…
    {"gitCommit": "…"}            ──►  gitCommit:…
    git+https://GitHub.com/o/r.git@refs/heads/main  ──►  git+https://github.com/o/r, its ref apart

Only digests that can carry identity become ids: weak ones (md5, sha1 outside git) are kept as
properties by the formats, because two things may share them; ``weak_id`` is for what has no
other name at all.

Source: in-toto attestation spec v1, digest_set.md; SPDX 2.3 §7.7 for the spelling of git URIs
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

# algorithm → hex digits. The order is the order of preference for the id of a thing.
STRONG: Final[Mapping[str, int]] = {
    "sha256": 64,
    "sha512": 128,
    "sha384": 96,
    "sha3_256": 64,
    "sha3_384": 96,
    "sha3_512": 128,
    "sha512_256": 64,
    "blake2b": 128,
    "blake2s": 64,
    "blake3": 64,
    "sm3": 64,
}
_ORDER: Final = {name: position for position, name in enumerate(STRONG)}
# Weak ones of a known length, so that a broken value is seen. sha1 may name a git commit.
_WEAK_HEX: Final[Mapping[str, int]] = {
    "md5": 32, "sha1": 40, "sha224": 56, "sha512_224": 56, "ripemd160": 40,
}  # fmt: skip
_HEX = re.compile(r"[0-9a-f]+")
_GIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def sha256_id(content: bytes) -> str:
    """The id of what is named by its own bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def algorithm(spelling: str) -> str:
    """One name for an algorithm: ``SHA-256``, ``SHA256`` and ``sha256`` are ``sha256``."""
    plain = spelling.lower().replace("-", "_")
    if plain.startswith("sha_"):
        plain = "sha" + plain[4:]
    return plain


def _bare(value: str) -> str:
    """Without the quotation marks that some producers write into the string itself.

    Kubernetes' release provenance says ``"sha1": "'aaf0…'"``: the digits are what it means.
    """
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def strong_id(spelling: str, value: str) -> str | None:
    """``sha256:ab…`` when the pair is a well-formed strong digest, else None."""
    name = spelling if spelling in STRONG else algorithm(spelling)
    value = _bare(value)
    if STRONG.get(name) != len(value):
        return None
    hexadecimal = value.lower()
    if _HEX.fullmatch(hexadecimal):
        return f"{name}:{hexadecimal}"
    return None


def strong_id_in(text: str) -> str | None:
    """The strong digest that a text such as ``sha256:ab…`` is, in its one spelling, else None."""
    spelling, _, value = text.partition(":")
    return strong_id(spelling, value)


def commit_id(value: str) -> str | None:
    """``gitCommit:…`` for 40 or 64 hex digits, else None."""
    value = _bare(value).lower()
    return f"gitCommit:{value}" if _GIT.fullmatch(value) else None


def ids_of(digest_set: Mapping[str, str]) -> list[str]:
    """Every identity in an in-toto DigestSet, the preferred one first; weak ones left out."""
    found = [strong_id(k, v) for k, v in digest_set.items() if isinstance(v, str)]
    ids = [i for i in found if i]
    if len(ids) > 1:
        ids.sort(key=lambda i: _ORDER[i.partition(":")[0]])
    commit = digest_set.get("gitCommit")
    commit = commit_id(commit) if isinstance(commit, str) else None
    return [commit, *ids] if commit else ids


def expected(spelling: str, value: str) -> str | None:
    """What a digest of this algorithm looks like, when ``value`` does not; None when it does.

    An algorithm we do not know has no shape to break.
    """
    if spelling == "gitCommit":
        return None if commit_id(value) else "40 or 64 hex digits"
    name = spelling if spelling in STRONG else algorithm(spelling)
    digits = STRONG.get(name) or _WEAK_HEX.get(name)
    value = _bare(value)
    if digits is None or (len(value) == digits and _HEX.fullmatch(value.lower())):
        return None
    return f"{digits} hex digits"


def weak_id(digest_set: Mapping[str, str]) -> str | None:
    """The id of a thing that has only weak digests or foreign ids: ``sha1:…``, ``gce_image_id:…``.

    The longest weak digest wins, then the first foreign id as its producer wrote it, with its
    key in front unless it begins with it (``{"arn": "arn:aws:…"}`` is ``arn:aws:…``).
    """
    usable = {k: v for k, v in digest_set.items() if isinstance(v, str) and v}
    weak = [k for k in usable if algorithm(k) in _WEAK_HEX and not expected(k, usable[k])]
    if weak:
        best = max(weak, key=lambda k: len(usable[k]))
        return f"{algorithm(best)}:{usable[best].lower()}"
    for key, value in usable.items():
        if expected(key, value) is None:
            return value if value.startswith(key + ":") else f"{key}:{value}"
    return None


class GitPlace(NamedTuple):
    """Where a git URI points: the repository's id, and the ref or commit if it names one."""

    repository: str
    ref: str | None = None
    commit: str | None = None


# An @ that begins a segment belongs to the path; the first other one begins the ref, which may
# itself hold more: git+https://host/o/r@refs/tags/@scope/package@1.0.
_GIT_URI = re.compile(
    r"(?P<scheme>(?:git\+)?(?:https?|ssh|git|file))://(?:[^/@?#]*@)?"
    r"(?P<host>[^/@?#:\[\]\s]*|\[[0-9a-f:.]+\])(?::(?P<port>[^/@?#:\s]*))?"
    r"(?P<path>/(?:[^@?#\s]|(?<=/)@)*)(?:@(?P<at>[^#]*))?(?:\#(?P<fragment>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_SCP = re.compile(r"(?:git\+)?git@(?P<host>[\w.-]+):(?P<path>[^@?#:\s]+)")
# On these hosts https://HOST/OWNER/NAME is a repository, without .git to say so.
_FORGES: Final = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"})
_COMMIT_PAGE = re.compile(r"(/[^/]+/[^/]+)(?:/-)?/commits?/([0-9a-fA-F]{40})")
# Past the limit of an id, so that no text costs a regular expression long.
_URI_CHARS_MAX: Final = 2048
_PATH_END = re.compile(r"(?:\.git|/)+$")
_DEFAULT_PORTS: Final = frozenset({"443", "80", "22", "9418"})


def git_place(uri: str) -> GitPlace | None:
    """Read a URI that plainly points into a git repository, else None.

    The repository's id is ``git+https://host/path`` whatever the transport: host in lower case,
    no user, no default port, no ``.git``, no slash at the end. The path keeps its case.
    """
    return _git_place(uri) if len(uri) <= _URI_CHARS_MAX else None


@lru_cache(maxsize=4096)
def _git_place(uri: str) -> GitPlace | None:
    scp = _SCP.fullmatch(uri)
    if scp is not None:
        return _place("ssh", scp["host"], None, "/" + scp["path"], None)
    match = _GIT_URI.fullmatch(uri)
    if match is None:
        return None
    scheme, host, path = match["scheme"].lower(), match["host"].lower(), match["path"]
    pointer = match["at"] or match["fragment"] or None
    if scheme in ("http", "https", "file"):
        page = _COMMIT_PAGE.fullmatch(path) if host in _FORGES else None
        if page is not None:
            path, pointer = page[1], page[2]
        elif not (
            path.rstrip("/").endswith(".git")
            or "/_git/" in path
            or (host in _FORGES and path.strip("/").count("/") == 1)
        ):
            return None
    return _place(scheme, host, match["port"], path, pointer)


def _place(
    scheme: str, host: str, port: str | None, path: str, pointer: str | None
) -> GitPlace | None:
    if port and not port.isdecimal():
        path = f"/{port}{path}"  # ssh://git@host:owner/name, half URL and half scp
    elif port and port not in _DEFAULT_PORTS:
        host = f"{host}:{port}"
    path = _PATH_END.sub("", path)
    is_file = scheme.endswith("file")
    if not path.strip("/") or not (host.strip(":") or is_file):
        return None
    commit = commit_id(pointer) if pointer else None
    repository = f"git+{'file' if is_file else 'https'}://{host.lower()}{path}"
    return GitPlace(repository, None if commit else pointer, commit)
