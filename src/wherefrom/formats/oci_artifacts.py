"""What a document is called in a registry: its media type, and what is noted beside it.

    Sigstore bundle ──► application/vnd.dev.sigstore.bundle.v0.3+json     DSSE ──► …dsse.envelope.v1
    in-toto statement ──► application/vnd.in-toto+json     SPDX, CycloneDX, SARIF ──► their own

What is read back is told by its bytes, as everywhere; a media type only says what to fetch.

Source: Sigstore bundle specification, "OCI"; cosign, specs; the types registered at IANA
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from wherefrom.errors import Unsupported
from wherefrom.formats import evidence_file, sigstore_bundle, strict_json
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.facts import Facts
from wherefrom.formats.recognise import Recognised

BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_OLD_BUNDLE: Final = "application/vnd.dev.sigstore.bundle+json"
EVIDENCE: Final = "application/vnd.wherefrom-evidence.v1+zip"
_BATCHED: Final = "application/vnd.wherefrom-batched.v1+json"
SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
# name of a format → media type, and how a file of it ends
_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "sigstore_bundle": (BUNDLE, ".sigstore.json"),
    "dsse": ("application/vnd.dsse.envelope.v1+json", ".dsse.json"),
    "statement": ("application/vnd.in-toto+json", ".intoto.json"),
    "cyclonedx": ("application/vnd.cyclonedx+json", ".cdx.json"),
    "spdx": ("application/spdx+json", ".spdx.json"),
    "spdx3": ("application/spdx+json", ".spdx.json"),
    "sarif": ("application/sarif+json", ".sarif.json"),
}
_SUFFIXES: Final = {
    **dict(_TYPES.values()), _OLD_BUNDLE: ".sigstore.json", _BATCHED: ".batched.json",
    EVIDENCE: ".zip",
}  # fmt: skip
# As others write them, and what a type of none says: the bytes tell.
_READ_TOO: Final = frozenset({
    _OLD_BUNDLE, _BATCHED, "text/spdx+json", "application/json", "text/json",
    "application/vnd.in-toto.provenance+dsse", "application/vnd.in-toto.bundle",
    "application/vnd.openvex+json", "application/vnd.cyclonedx", "application/vnd.dsse+json",
})  # fmt: skip


class Artifact(NamedTuple):
    """How a document is put into a registry."""

    media_type: str
    annotations: Mapping[str, str]
    file: str


def artifact_of(content: bytes, read: Recognised) -> Artifact:
    """What a record is in a registry. Raises Unsupported for a kind that has no name there."""
    if read.batched is not None:
        return _artifact(content, _BATCHED, {})
    if read.format not in _TYPES:
        raise Unsupported(
            "no media type is agreed on for such a document", got=read.format,
            expected="a Sigstore bundle, DSSE, a statement, an SBOM or SARIF",
            do="Put it into a signed statement: wherefrom sign FILE --predicate-type …",
        )  # fmt: skip
    media_type, _ = _TYPES[read.format]
    annotations = {}
    if read.format == "sigstore_bundle":
        document = strict_json.as_object(strict_json.decode(content), where="")
        if sigstore_bundle.version_of(document) != 3:
            media_type = _OLD_BUNDLE  # a media type has no parameters in a registry
        in_dsse = "dsseEnvelope" in document
        annotations["dev.sigstore.bundle.content"] = (
            "dsse-envelope" if in_dsse else "message-signature"
        )
        if in_dsse:
            annotations["dev.sigstore.bundle.predicateType"] = read.facts.type
    elif read.format in ("dsse", "statement"):
        annotations["in-toto.io/predicate-type"] = read.facts.type
    return _artifact(content, media_type, annotations)


def evidence(content: bytes) -> Artifact:
    """What an evidence file is in a registry."""
    assert evidence_file.is_evidence(content)
    return _artifact(content, EVIDENCE, {})


def is_read(media_type: str) -> bool:
    """Whether a layer of this type may be a record."""
    plain = media_type.partition(";")[0].strip().lower()
    return plain in _SUFFIXES or plain in _READ_TOO


def file_name(content: bytes, media_type: str) -> str:
    """What a document's file is called: by what it is, and never by what somebody named it."""
    return sha256_id(content)[7:23] + _SUFFIXES.get(media_type.partition(";")[0], ".json")


def about(facts: Facts) -> set[str]:
    """Ids of what a document is about: what it describes, by each name that it gives that."""
    found = described = {edge.target for edge in facts.edges if edge.relation == "describes"}
    for edge in facts.edges:
        if edge.relation == "alternate" and not described.isdisjoint((edge.source, edge.target)):
            found = found | {edge.source, edge.target}
    return found


def _artifact(content: bytes, media_type: str, annotations: dict[str, str]) -> Artifact:
    kept = {key: value for key, value in annotations.items() if value and value.isprintable()}
    return Artifact(media_type, kept, file_name(content, media_type))
