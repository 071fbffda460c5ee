"""Manifests, indexes and descriptors of an OCI registry; what refers to an image, read and made.

    image index ──► platforms: manifest, manifest, …          (and build attestations beside them)
    manifest    ──► config, layers                             digest = SHA-256 over its bytes
    attestation ──► manifest, whose ``subject`` is an image ◄── listed by the referrers API,
                    and whose one layer is the document          or under the tag ``sha256-<hex>``

A manifest is what its bytes are: nothing is trusted that a registry says beside them.

Sizes:  a manifest is 4 MiB, DESCRIPTORS_MAX descriptors in one; sizes are bytes
Source: OCI Image Specification v1.1, manifest.md, image-index.md, descriptor.md; OCI Distribution
        Specification v1.1, "Referrers Tag Schema"; BuildKit, attestation-storage.md
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import strict_json
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.strict_json import get_array, get_object, get_string, need_string

INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
_DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES: Final = (INDEX, _DOCKER_INDEX)
MANIFESTS: Final = (MANIFEST, _DOCKER_MANIFEST)
ACCEPT: Final = ", ".join((*INDEXES, *MANIFESTS))
MANIFEST_BYTES_MAX: Final = 4 * 1024 * 1024
EMPTY: Final = "application/vnd.oci.empty.v1+json"
EMPTY_BYTES: Final = b"{}"
DESCRIPTORS_MAX: Final = 10_000
ARTIFACT_TYPE_CHARS_MAX: Final = 255
_SIZE_MAX: Final = 2**53
_DIGEST: Final = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})")
# RFC 6838; parameters are not allowed there, and written by some.
_MEDIA_TYPE: Final = re.compile(
    r"[A-Za-z0-9][\w!#$&^.+-]{0,126}/[A-Za-z0-9][\w!#$&^.+-]{0,126}(?:;[ -~]{0,255})?", re.ASCII
)


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Something in a registry: its type, digest and size, and of an index's platform which."""

    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    platform: Mapping[str, Any] = {}
    annotations: Mapping[str, str] = {}

    @property
    def platform_name(self) -> str:
        """``linux/arm64/v8``; empty if it is not of a platform."""
        parts = (self.platform.get(k) for k in ("os", "architecture", "variant"))
        said = [part for part in parts if isinstance(part, str) and part]
        return "" if "unknown" in said else "/".join(said)

    @property
    def attests(self) -> str | None:
        """The image that a build attestation, which stands beside it in an index, is of."""
        if self.annotations.get("vnd.docker.reference.type") != "attestation-manifest":
            return None
        digest = self.annotations.get("vnd.docker.reference.digest", "")
        return digest if _DIGEST.fullmatch(digest) else None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest or an index, as its bytes say.

    manifests  of an index: what it lists, platforms and whatever stands beside them
    """

    digest: str
    size: int
    media_type: str
    artifact_type: str = ""
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = {}

    @property
    def is_index(self) -> bool:
        """Whether it lists other manifests."""
        return self.media_type in INDEXES

    @property
    def platforms(self) -> tuple[Descriptor, ...]:
        """Of an index the images for each platform: not what attests them."""
        return tuple(d for d in self.manifests if d.attests is None and not _is_unknown(d))

    def of_platform(self, name: str) -> Descriptor | None:
        """The image for ``linux/arm64`` or ``linux/arm64/v8``; None if it has none."""
        found = [d for d in self.platforms if f"{d.platform_name}/".startswith(f"{name}/")]
        return min(found, key=lambda d: d.platform_name != name, default=None)

    @property
    def descriptor(self) -> Descriptor:
        """How another manifest names this one."""
        return Descriptor(media_type=self.media_type, digest=self.digest, size=self.size)


def parse(written: bytes, *, where: str, said_type: str = "") -> Manifest:
    """Read a manifest or an index; its digest is SHA-256 over the bytes.

    said_type  what the registry says that it is, for one that does not say itself

    Raises Malformed, LimitPassed; Unsupported for another kind of manifest.
    """
    document = strict_json.as_object(strict_json.decode(written), where=where)
    media_type = get_string(document, "mediaType", where=where) or said_type.partition(";")[0]
    if not media_type:
        media_type = INDEX if "manifests" in document else MANIFEST
    if document.get("schemaVersion") != 2 or media_type not in (*INDEXES, *MANIFESTS):
        raise Unsupported(
            "not a manifest that is read here", where=where, got=media_type,
            expected="schemaVersion 2, of OCI or Docker",
        )  # fmt: skip
    is_index = media_type in INDEXES
    if ("manifests" in document) != is_index or (is_index and "layers" in document):
        raise Malformed(
            "a manifest that could be read as two kinds", where=where, got=media_type,
            expected="manifests in an index, config and layers in an image",
        )  # fmt: skip
    config = None if is_index else _optional(document, "config", where)
    artifact_type = _artifact_type(document, where)
    if not artifact_type and config is not None:
        artifact_type = config.media_type
    return Manifest(
        digest=sha256_id(written),
        size=len(written),
        media_type=media_type,
        artifact_type=artifact_type,
        config=config,
        layers=_descriptors(document, "layers", where),
        manifests=_descriptors(document, "manifests", where),
        subject=_optional(document, "subject", where),
        annotations=_texts(document, where),
    )


def need_same(written: bytes, descriptor: Descriptor, *, where: str) -> None:
    """That bytes are those a descriptor names. Raises Malformed."""
    need_digest(written, descriptor.digest, where=where)
    if len(written) != descriptor.size:
        raise Malformed(
            "a registry serves another size than is named", where=where,
            expected=f"{descriptor.size} bytes", got=f"{len(written)} bytes",
        )  # fmt: skip


def need_digest(written: bytes, digest: str, *, where: str) -> None:
    """That bytes have a digest. Raises Malformed."""
    algorithm = digest.partition(":")[0]
    got = f"{algorithm}:{hashlib.new(algorithm, written).hexdigest()}"
    if got != digest:
        raise Malformed(
            "a registry serves other bytes than were asked for", where=where,
            expected=digest, got=got,
        )  # fmt: skip


def fallback_tag(digest: str) -> str:
    """The tag under which referrers of an image are listed, where there is no API for them."""
    algorithm, _, encoded = digest.partition(":")
    return f"{algorithm[:32]}-{encoded[:64]}"


def referrer(
    subject: Descriptor, artifact_type: str, content: bytes, *, annotations: Mapping[str, str],
    layer_annotations: Mapping[str, str] = {},
) -> bytes:  # fmt: skip
    """The manifest of a document that is about ``subject``: the same for the same document.

    It has no time in it, so that a document pushed twice is one manifest.
    """
    layer = described(content, artifact_type, annotations=layer_annotations)
    return msgspec.json.encode({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": described(EMPTY_BYTES, EMPTY),
        "layers": [layer],
        "subject": Descriptor(
            media_type=subject.media_type, digest=subject.digest, size=subject.size
        ),
        **({"annotations": dict(sorted(annotations.items()))} if annotations else {}),
    })  # fmt: skip


def described(
    content: bytes, media_type: str, *, annotations: Mapping[str, str] = {}
) -> Descriptor:
    """The descriptor of bytes."""
    return Descriptor(
        media_type=media_type, digest=sha256_id(content), size=len(content),
        annotations=dict(sorted(annotations.items())),
    )  # fmt: skip


def with_listed(before: bytes | None, more: Iterable[Manifest]) -> bytes:
    """The index for the fallback tag, with more referrers; what was there stays as it was.

    before  the index as it is served, which ``parse`` took; None for none yet
    """
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    if before is not None:
        document = strict_json.as_object(strict_json.decode(before), where="")
    manifests = [*get_array(document, "manifests"), *map(listed, more)]
    return msgspec.json.encode({**document, "mediaType": INDEX, "manifests": manifests})


def listed(manifest: Manifest) -> Descriptor:
    """How a referrer stands in a list: with what it is, and what it says of itself."""
    return Descriptor(
        media_type=manifest.media_type, digest=manifest.digest, size=manifest.size,
        artifact_type=manifest.artifact_type, annotations=manifest.annotations,
    )  # fmt: skip


def platform_in(config: bytes) -> str:
    """``linux/arm64/v8``, as an image's configuration says; empty if it is none of an image."""
    try:
        said = strict_json.decode(config)
    except Refused:
        return ""
    if not isinstance(said, dict):
        return ""
    return Descriptor(media_type=MANIFEST, digest="", size=0, platform=said).platform_name


def _is_unknown(descriptor: Descriptor) -> bool:
    return descriptor.platform.get("os") == "unknown"


def _optional(document: Mapping[str, Any], key: str, where: str) -> Descriptor | None:
    if document.get(key) is None:
        return None
    return _descriptor(document[key], where=f"{where}.{key}")


def _descriptors(document: Mapping[str, Any], key: str, where: str) -> tuple[Descriptor, ...]:
    items = get_array(document, key, where=where)
    if len(items) > DESCRIPTORS_MAX:
        raise LimitPassed(
            "a manifest lists too much", where=f"{where}.{key}",
            expected=f"{DESCRIPTORS_MAX} at most", got=len(items),
        )  # fmt: skip
    return tuple(_descriptor(item, where=f"{where}.{key}[{n}]") for n, item in enumerate(items))


def _descriptor(value: object, *, where: str) -> Descriptor:
    said = strict_json.as_object(value, where=where)
    media_type, digest = (need_string(said, key, where=where) for key in ("mediaType", "digest"))
    size = said.get("size")
    artifact_type = _artifact_type(said, where)
    if not _DIGEST.fullmatch(digest):
        raise Malformed("not a digest", where=f"{where}.digest", got=digest, expected="sha256:HEX")
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise Malformed("not a media type", where=f"{where}.mediaType", got=media_type)
    if type(size) is not int or not 0 <= size <= _SIZE_MAX:
        raise Malformed("not a size", where=f"{where}.size", got=size, expected="bytes")
    return Descriptor(
        media_type=media_type, digest=digest, size=size, artifact_type=artifact_type,
        platform=get_object(said, "platform", where=where), annotations=_texts(said, where),
    )  # fmt: skip


def _artifact_type(said: Mapping[str, Any], where: str) -> str:
    """What an artifact is: a media type, or some other word that its maker took."""
    text = get_string(said, "artifactType", where=where) or ""
    if len(text) > ARTIFACT_TYPE_CHARS_MAX or not text.isprintable():
        raise Malformed("not a type of an artifact", where=f"{where}.artifactType", got=text)
    return text


def _texts(said: Mapping[str, Any], where: str) -> dict[str, str]:
    found = get_object(said, "annotations", where=where)
    for key, value in found.items():
        if not isinstance(value, str):
            raise Malformed(
                "an annotation that is no text", where=f"{where}.annotations.{key}"[:200]
            )
    return found
