"""What a refused input looks like, so that the refusal can say it and what to do.

    first bytes  ──► "a ZIP archive", "XML", "YAML", "PEM CERTIFICATE", "text", …
    JSON object  ──► "TUF metadata", "SARIF", "OpenVEX", …, or its first keys

A look decides nothing but words: what is read is decided in ``recognise``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from wherefrom.errors import Unsupported

READ: Final = (
    "in-toto statements, links and layouts, DSSE, Sigstore bundles, PEP 740, CycloneDX and SPDX "
    "in JSON, OpenVEX, CSAF, OSV, SARIF, OpenLineage or CloudEvents, JUnit XML, and SCITT "
    "statements"
)
_HEAD_BYTES = 4096
_KEYS_NAMED_MAX = 8

_MAGIC: Final = (
    (b"PK\x03\x04", "a ZIP archive, such as a wheel or jar"),
    (b"\x7fELF", "an ELF program"),
    (b"MZ", "a Windows program"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O program"),
    (b"\xca\xfe\xba\xbe", "a Java class or Mach-O program"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x04\x22\x4d\x18", "lz4 data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"%PDF", "PDF"),
    (b"\x89PNG", "a PNG image"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "Parquet"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_YAML_LINE = re.compile(r"\s*(- |(- )?[\"']?[\w.$/-]+[\"']?:(\s|$))")


def not_json(head: bytes) -> Unsupported:
    """The refusal of what does not start as JSON; ``head`` is its first bytes."""
    look = _look_of_bytes(head)
    do = None
    if look == "UTF-16 text":
        do = "Save it as UTF-8"
    elif look.startswith(("CycloneDX", "SPDX")):
        do = "Send its JSON form"
    return Unsupported("not JSON", got=look, expected=READ, do=do)


def _look_of_bytes(head: bytes) -> str:
    for magic, look in _MAGIC:
        if head.startswith(magic):
            return look
    if head[257:262] == b"ustar":
        return "a tar archive"
    head = head[:_HEAD_BYTES]
    # The cut may go through a character, which is no reason to call text binary.
    text = head.decode("utf-8", "replace")
    if "\0" in text or "\N{REPLACEMENT CHARACTER}" in text[:-4]:
        return "binary data"
    return _look_of_text(text.lstrip("\N{BYTE ORDER MARK} \t\r\n"))


def _look_of_text(text: str) -> str:
    if pem := _PEM.search(text):
        return f"PEM {pem[1]}"
    if text.startswith("<"):
        start = text[:1024].lower()
        if "cyclonedx" in start:
            return "CycloneDX XML"
        return "HTML" if "<html" in start or "<!doctype html" in start else "XML"
    if text.startswith("SPDXVersion:"):
        return "SPDX tag-value text"
    if text.startswith("#!"):
        return "a script"
    if text.startswith(("---\n", "---\r", "%YAML")):
        return "YAML"
    lines = [line for line in text.splitlines() if line.strip() and line[0] != "#"][:5]
    if lines and 2 * sum(1 for line in lines if _YAML_LINE.match(line)) > len(lines):
        return "YAML"
    if text.startswith(("# ", "## ")):
        return "Markdown"
    for mark, look in ((",", "CSV"), ("\t", "tab-separated values")):
        marks = {line.count(mark) for line in lines}
        if len(lines) > 1 and len(marks) == 1 and marks.pop() >= 2:
            return look
    return "text"


_Object = Mapping[str, Any]


def _text(document: _Object, key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _inner(document: _Object, key: str, inner: str) -> Any:
    value = document.get(key)
    return value.get(inner) if isinstance(value, dict) else None


def _has(*keys: str) -> Callable[[_Object], bool]:
    return lambda document: document.keys() >= set(keys)


def _media_type(start: str) -> Callable[[_Object], bool]:
    return lambda document: _text(document, "mediaType").startswith(start)


def _signed(*kinds: str) -> Callable[[_Object], bool]:
    return lambda document: _inner(document, "signed", "_type") in kinds


def _dbt(artifact: str) -> Callable[[_Object], bool]:
    return lambda document: (
        f"/dbt/{artifact}" in str(_inner(document, "metadata", "dbt_schema_version"))
    )


# What it is, how it is known, and what to send instead.
_KNOWN: Final[tuple[tuple[str, Callable[[_Object], bool], str | None], ...]] = (
    ("TUF metadata", _signed("root", "targets", "snapshot", "timestamp", "mirrors"), None),
    (
        "an in-toto statement with protobuf's field names",
        _has("type", "predicate_type"),
        "Write _type and predicateType, as the attestation's JSON form has them",
    ),
    (
        "npm attestations reply",
        lambda document: _is_npm_reply(document),
        "Send the bundle of each attestation",
    ),
    (
        "Google Cloud Build description",
        lambda d: "image_summary" in d or "provenance_summary" in d,
        "Send the envelope of each provenance",
    ),
    ("Sigstore trusted root", _media_type("application/vnd.dev.sigstore.trustedroot"), None),
    ("Sigstore signing config", _media_type("application/vnd.dev.sigstore.signingconfig"), None),
    ("a cosign bundle (legacy)", _has("base64Signature", "rekorBundle"), None),
    ("OpenSSF Scorecard", _has("scorecard", "checks"), None),
    ("ClearlyDefined", _has("coordinates", "described", "licensed"), None),
    ("an OCI layout", _has("imageLayoutVersion"), None),
    (
        "an OCI image index or manifest",
        lambda d: "schemaVersion" in d and ("manifests" in d or "layers" in d),
        None,
    ),
    ("an OCI image config", _has("architecture", "os", "rootfs"), None),
    ("a witness policy", _has("expires", "steps"), None),
    ("dbt manifest", _dbt("manifest"), "Send the OpenLineage events that dbt-ol emits"),
    ("dbt run results", _dbt("run-results"), "Send the OpenLineage events that dbt-ol emits"),
    ("dbt catalog", _dbt("catalog"), "Send the OpenLineage events that dbt-ol emits"),
    ("dbt log line", lambda d: d.keys() == {"data", "info"}, "Send OpenLineage events"),
    (
        "a recorded HTTP request",
        lambda d: d.keys() >= {"method", "path"} and not d.keys().isdisjoint(("body", "request")),
        "Send the bodies",
    ),
    ("CDEvents", lambda d: "dev.cdevents." in str(_inner(d, "context", "type")), None),
    ("OpenAPI", lambda d: "openapi" in d or "swagger" in d, None),
    ("AsyncAPI", _has("asyncapi"), None),
    ("JSON Schema", lambda d: "json-schema.org" in _text(d, "$schema"), None),
)


def _is_npm_reply(document: _Object) -> bool:
    attestations = document.get("attestations")
    if document.keys() != {"attestations"} or not isinstance(attestations, list):
        return False
    return all(isinstance(a, dict) and "bundle" in a for a in attestations)


def not_read(document: Mapping[str, Any]) -> Unsupported:
    """The refusal of a JSON object that no format recognises."""
    for look, known, do in _KNOWN:
        if known(document):
            return Unsupported("not a kind that is read", got=look, expected=READ, do=do)
    keys = [key[:40] for key in list(document)[:_KEYS_NAMED_MAX]]
    more = ", …" if len(document) > _KEYS_NAMED_MAX else ""
    look = f"a JSON object with keys {', '.join(keys)}{more}" if keys else "an empty JSON object"
    return Unsupported("not a kind that is read", got=look, expected=READ)
