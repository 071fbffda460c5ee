"""What a build leaves behind so that a running program can say what it is.

    wherefrom-identity.json   {"build": "https://ci.example/runs/7", "commit": "…", "artifact": …}
    annotations, labels       prov.build.id="https://…"      as Kubernetes writes them in a file,
                              {"prov.build.id": "https://…"} or as JSON, as registries have them
    direct_url.json           {"archive_info": {"hashes": {"sha256": …}}}   beside installed wheels

Each gives *found*: field → text. What nobody wrote is simply not there; what is written wrongly is
``Malformed``, for a wrong identity is worse than none.

Sizes:  a file is at most 1 MiB · a text at most 256 bytes, an id of a build 2,048
Source: Kubernetes, Downward API; OCI image-spec, annotations; PEP 610
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import reality_id, strict_json
from wherefrom.formats.digests import commit_id
from wherefrom.formats.strict_json import as_object, as_string, get_object, get_string

FILE_NAME: Final = "wherefrom-identity.json"
FILE_BYTES_MAX: Final = 1024 * 1024
TEXT_BYTES_MAX: Final = 256
BUILD_BYTES_MAX: Final = 2048
# What makes the reality, what else the program is, and where it runs.
PARTS: Final = ("artifact", "config", "flags", "policy")
TOLD: Final = ("build", "commit", "version", "service")
PLACES: Final = ("environment", "region", "pool", "instance")
FIELDS: Final = (*PARTS, *TOLD, *PLACES)

# key of an annotation, a label or a resource attribute → field
KEYS: Final[Mapping[str, str]] = {
    "prov.artifact.digest": "artifact",
    "oci.manifest.digest": "artifact",
    "prov.config.bundle.hash": "config",
    "prov.flagset.hash": "flags",
    "prov.policy.hash": "policy",
    "prov.build.id": "build",
    "cicd.pipeline.run.url.full": "build",
    "org.opencontainers.image.revision": "commit",
    "vcs.ref.head.revision": "commit",
    "org.opencontainers.image.version": "version",
    "service.version": "version",
    "app.kubernetes.io/version": "version",
    "service.name": "service",
    "app.kubernetes.io/name": "service",
    "deployment.environment.name": "environment",
    "cloud.region": "region",
    "topology.kubernetes.io/region": "region",
    "prov.pool": "pool",
    "service.instance.id": "instance",
}
_GO: Final = {"a": "\\u0007", "v": "\\u000b", "x": "\\ufffd"}
_LINE: Final = re.compile(r'([^=\s"]+)=("(?:[^"\\]|\\.)*")')

Found = dict[str, str]


def checked(field: str, text: str, *, where: str) -> str:
    """The text of a field in its one spelling. Raises Malformed, LimitPassed."""
    if field in PARTS:
        return reality_id.part(text, where=where)
    if field == "commit":
        if not commit_id(text):
            raise Malformed("not a git commit", where=where, expected="40 hex digits", got=text)
        return text.lower()
    bytes_max = BUILD_BYTES_MAX if field == "build" else TEXT_BYTES_MAX
    if len(text.encode("utf-8", "surrogatepass")) > bytes_max:
        raise LimitPassed(f"a {field} is too long", where=where, expected=f"{bytes_max} bytes")
    if not text.strip() or not text.isprintable():
        raise Malformed(f"not a {field}", where=where, expected="printable text", got=text)
    return text


def baked(content: bytes, *, where: str) -> Found:
    """Read a ``wherefrom-identity.json``. Raises Malformed, LimitPassed, naming the field."""
    document = _document(content, where=where)
    for key in document.keys() - {*FIELDS, "v"}:
        raise Malformed("a field that is none", where=where, expected=" ".join(FIELDS), got=key)
    if document.get("v", 1) != 1:
        raise Malformed("a version we do not read", where=where, expected="1", got=document["v"])
    found = {}
    for field in FIELDS:
        if (text := get_string(document, field, where=where)) is not None:
            found[field] = checked(field, text, where=f"{where}, {field}")
    return found


def to_baked(found: Mapping[str, str]) -> bytes:
    """The inverse of ``baked``; fields in their order."""
    kept = {field: found[field] for field in FIELDS if field in found}
    return json.dumps({"v": 1, **kept}, indent=1, ensure_ascii=False).encode() + b"\n"


def annotated(content: bytes, *, where: str) -> Found:
    """What annotations or labels say, of a file with a line each or with one JSON object.

    Raises Malformed for a line that is neither, or a wrong value of a key of ours.
    """
    if content.lstrip()[:1] == b"{":
        document = _document(content, where=where)
        said = {k: as_string(v, where=f"{where}, {k}") for k, v in document.items()}
    else:
        said = _lines(_sized(content, where=where), where=where)
    return attributes(said, where=where)


def attributes(said: Mapping[str, str], *, where: str) -> Found:
    """The fields among annotations, labels or resource attributes. The first key counts."""
    found: Found = {}
    for key, field in KEYS.items():
        text = said.get(key)
        if not text or field in found:
            continue
        if field == "commit" and not commit_id(text):
            continue  # others write revisions of other systems there, and short ones
        found[field] = checked(field, text, where=f"{where}, {key}")
    return found


def resource_attributes(text: str, *, where: str, unquote: Callable[[str], str]) -> Found:
    """What ``OTEL_RESOURCE_ATTRIBUTES`` says, ``k=v,k2=v2``, values percent-encoded."""
    said = {}
    for item in text.split(","):
        key, equals, value = item.partition("=")
        if item.strip() and not equals:
            raise Malformed("not attributes", where=where, expected="k=v,k2=v2", got=item)
        said[key.strip()] = unquote(value.strip())
    return attributes(said, where=where)


def direct_url(content: bytes, *, where: str) -> Found:
    """What was installed, where an installer wrote it: an archive's digest or a commit."""
    document = _document(content, where=where)
    archive = get_object(document, "archive_info", where=where)
    digest = get_string(get_object(archive, "hashes", where=where), "sha256", where=where)
    older = get_string(archive, "hash", where=where) or ""
    if digest is None and older.startswith("sha256="):
        digest = older.removeprefix("sha256=")
    commit = get_string(get_object(document, "vcs_info", where=where), "commit_id", where=where)
    found = {}
    if digest is not None:
        found["artifact"] = checked("artifact", f"sha256:{digest}", where=where)
    if commit is not None and commit_id(commit):  # other systems have other revisions
        found["commit"] = checked("commit", commit, where=where)
    return found


def _sized(content: bytes, *, where: str) -> str:
    if len(content) > FILE_BYTES_MAX:
        raise LimitPassed("the file is too large", where=where, expected=f"{FILE_BYTES_MAX} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8 text", where=where) from error


def _document(content: bytes, *, where: str) -> dict[str, object]:
    _sized(content, where=where)
    try:
        return as_object(strict_json.decode(content), where=where)
    except Malformed as error:
        raise Malformed(
            error.what, where=f"{where}, {error.where}" if error.where else where,
            expected=error.expected, got=error.got,
        ) from error  # fmt: skip


def _lines(text: str, *, where: str) -> dict[str, str]:
    said = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise Malformed(
                "not an annotation", where=f"{where}, line {number}", expected='key="value"',
                got=line,
            )  # fmt: skip
        said[match[1]] = _unquoted(match[2], where=f"{where}, line {number}")
    return said


def _unquoted(text: str, *, where: str) -> str:
    # Go's quoting. Of what it writes, JSON does not have \a, \v and \xNN, a byte of no text.
    plain = re.sub(r"\\(x[0-9a-f]{2}|.)", lambda m: _GO.get(m[1][0], m[0]), text)
    try:
        return as_string(strict_json.decode(plain.encode()), where=where)
    except Malformed as error:
        raise Malformed("not a quoted text", where=where, got=text) from error
