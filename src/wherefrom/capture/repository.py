"""One repository of a registry: its images, and the documents that hang on them.

    pointer ──GET manifest──► bytes ──their digest, not the registry's word──► Manifest
    image ──┬ /referrers/DIGEST, or the tag sha256-<hex> where there is no such API ┐
            ├ cosign's tags: sha256-<hex>.att .sbom .sig                            ├──► Hanging, …
            └ an index: the build attestations beside its platforms                 ┘

Everything is asked for by digest and size and is refused if it is something else; a document that
is not what the registry says is told with its trouble, and costs its neighbours nothing.

Sizes:  HANGING_MAX documents on an image, HANGING_BYTES_MAX of them; a document is BLOB_BYTES_MAX ·
        PLATFORMS_MAX platforms of an index
Source: OCI Distribution Specification v1.1, "Listing Referrers", "Referrers Tag Schema"; cosign,
        specs/SIGNATURE_SPEC.md; BuildKit, attestation-storage.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, Self
from urllib.parse import quote

import httpx
from msgspec import structs

from wherefrom.capture.registry_http import Connection
from wherefrom.errors import Error, LimitPassed, Malformed, NotFound, Refused
from wherefrom.formats import oci_artifacts, oci_manifest
from wherefrom.formats.oci_artifacts import SIMPLE_SIGNING
from wherefrom.formats.oci_manifest import (
    INDEX,
    INDEXES,
    MANIFEST_BYTES_MAX,
    Descriptor,
    Manifest,
)
from wherefrom.formats.oci_reference import Reference

BLOB_BYTES_MAX: Final = 64 * 1024 * 1024
HANGING_BYTES_MAX: Final = 1024 * 1024 * 1024
HANGING_MAX: Final = 1_000
PLATFORMS_MAX: Final = 100
# How a registry says that it has no referrers API: 404, as it should, or as it answers anything.
_NO_API: Final = (301, 302, 303, 307, 308, 400, 404, 405, 501)
_COSIGN: Final = (".att", ".sbom", ".sig")


class Served(NamedTuple):
    """A manifest as the registry serves it; ``etag`` is empty if it says none."""

    manifest: Manifest
    written: bytes
    etag: str = ""


class Listed(NamedTuple):
    """What refers to an image: from the API, or as the fallback tag leads to it, if it does."""

    manifests: tuple[Descriptor, ...]
    api: bool
    fallback: Served | None = None


class Hanging(NamedTuple):
    """One document on an image: fetched, in trouble, or left out.

    subject   digest of the image that it hangs on
    by        ``referrers``, ``tag``, ``cosign`` or ``index``: how it hangs there
    manifest  digest of the manifest that carries it
    type      its media type, or the artifact type of its manifest
    digest    of the document; empty if the manifest did not say it
    content   None if it was not fetched: ``trouble`` says what is wrong, ``left_out`` why not
    """

    subject: str
    by: str
    manifest: str
    type: str
    digest: str = ""
    content: bytes | None = None
    trouble: Error | None = None
    left_out: str = ""


class Repository:
    """A repository, by a reference to something in it.

    actions  what is going to be done there: ``pull``, or ``pull,push``
    """

    def __init__(
        self,
        reference: Reference,
        *,
        environment: Mapping[str, str],
        actions: str = "pull",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Raises SettingError, StorageError for a file of passwords that cannot be used."""
        self.connection = Connection(reference.url, environment=environment, transport=transport)
        self.name = reference.name
        self.path = f"/v2/{quote(reference.repository)}"
        self.scope = f"repository:{reference.repository}:{actions}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.__exit__()

    def manifest(self, pointer: str) -> Served:
        """What a tag or a digest leads to. Raises NotFound, Unavailable; Malformed for what is not
        what the registry says."""
        where, found = f"{self.name}:{pointer}", self.find(pointer)
        if found is None:
            raise NotFound(
                "the registry has no such image",
                where=where,
                do="Was it pushed? wherefrom find looks for what the log knows of it",
            )
        return found

    def find(self, pointer: str) -> Served | None:
        """The same; None if it is not there."""
        is_digest = ":" in pointer
        where = f"{self.name}{'@' if is_digest else ':'}{pointer}"
        path = f"{self.path}/manifests/{quote(pointer, safe=':')}"
        answer = self.connection.ask("GET", path, scope=self.scope)
        if answer.status_code == 404:
            return None
        written = answer.content
        said = answer.headers.get("docker-content-digest", "")
        for digest in (pointer if is_digest else "", said):
            if digest.startswith(("sha256:", "sha512:")):
                oci_manifest.need_digest(written, digest, where=where)
        media_type = answer.headers.get("content-type", "")
        found = oci_manifest.parse(written, where=where, said_type=media_type)
        if is_digest:
            found = structs.replace(found, digest=pointer)
        return Served(found, written, answer.headers.get("etag", ""))

    def need(self, descriptor: Descriptor) -> Served:
        """The manifest that a descriptor names. Raises as ``manifest``, and Malformed for another
        size or type."""
        found = self.manifest(descriptor.digest)
        where = f"{self.name}@{descriptor.digest}"
        oci_manifest.need_same(found.written, descriptor, where=where)
        if found.manifest.media_type != descriptor.media_type:
            raise Malformed(
                "a manifest of another type than is named", where=where,
                expected=descriptor.media_type, got=found.manifest.media_type,
            )  # fmt: skip
        return found

    def blob(self, descriptor: Descriptor, *, bytes_max: int = BLOB_BYTES_MAX) -> bytes:
        """The bytes that a descriptor names. Raises LimitPassed, Malformed, NotFound."""
        where = f"{self.name}@{descriptor.digest}"
        if descriptor.size > bytes_max:
            raise LimitPassed(
                "a document is too large", where=where, expected=f"{bytes_max} bytes at most",
                got=f"{descriptor.size} bytes",
            )  # fmt: skip
        # One byte more than is named: who serves more is found out by one.
        answer = self.connection.moved(
            f"{self.path}/blobs/{descriptor.digest}", scope=self.scope,
            bytes_max=max(descriptor.size + 1, 64 * 1024),
        )  # fmt: skip
        if answer.status_code == 404:
            raise NotFound(
                "the registry does not have what a manifest names",
                where=where,
                do="Push the image again: a part of it is missing there",
            )
        oci_manifest.need_same(answer.content, descriptor, where=where)
        return answer.content

    def referrers(self, digest: str) -> Listed:
        """What refers to an image. Raises Unavailable, Malformed, LimitPassed."""
        found: dict[str, Descriptor] = {}
        path = f"{self.path}/referrers/{digest}"
        for number, answer in enumerate(
            self.connection.pages(path, scope=self.scope, fine=(200, *_NO_API))
        ):
            kind = answer.headers.get("content-type", "").partition(";")[0].strip()
            if not number and (answer.status_code != 200 or kind != INDEX):
                return self._fallback(digest)
            if answer.status_code != 200:
                raise Malformed(
                    "a page of referrers that is not there", where=f"{self.name}@{digest}",
                    got=f"HTTP {answer.status_code}",
                )  # fmt: skip
            page = oci_manifest.parse(answer.content, where=path, said_type=INDEX)
            found.update((one.digest, one) for one in page.manifests)
            self._need_few(len(found), digest)
        return Listed(tuple(found.values()), api=True)

    def _fallback(self, digest: str) -> Listed:
        tag = oci_manifest.fallback_tag(digest)
        served = self.find(tag)
        if served is None:
            return Listed((), api=False)
        self.need_list(served, tag)
        found = {one.digest: one for one in served.manifest.manifests}
        self._need_few(len(found), digest)
        return Listed(tuple(found.values()), api=False, fallback=served)

    def need_list(self, served: Served, tag: str) -> None:
        """That the fallback tag leads to an index. Raises Malformed."""
        if not served.manifest.is_index:
            raise Malformed(
                "the tag for referrers leads to no list", where=f"{self.name}:{tag}",
                expected=INDEX, got=served.manifest.media_type,
            )  # fmt: skip

    def _need_few(self, number: int, digest: str) -> None:
        if number > HANGING_MAX:
            raise LimitPassed(
                "too much hangs on an image", where=f"{self.name}@{digest}",
                expected=f"{HANGING_MAX} documents at most",
            )  # fmt: skip

    def hanging(self, image: Manifest) -> Iterator[Hanging]:
        """Every document that hangs on an image. Raises Unavailable, LimitPassed."""
        size = 0
        for number, one in enumerate(self._hanging(image), start=1):
            size += len(one.content or b"")
            self._need_few(number, image.digest)
            if size > HANGING_BYTES_MAX:
                raise LimitPassed(
                    "what hangs on an image is too large", where=f"{self.name}@{image.digest}",
                    expected=f"{HANGING_BYTES_MAX} bytes at most",
                )  # fmt: skip
            yield one

    def _hanging(self, image: Manifest) -> Iterator[Hanging]:
        seen: set[str] = set()
        try:
            listed = self.referrers(image.digest)
        except Refused as error:
            yield Hanging(image.digest, "referrers", "", "", trouble=error)
        else:
            by = "referrers" if listed.api else "tag"
            seen = {one.digest for one in listed.manifests}
            for one in listed.manifests:
                yield from self._of(Hanging(image.digest, by, one.digest, one.artifact_type), one)
        for suffix in _COSIGN:
            yield from self._cosign(image.digest, suffix, seen)
        for one in image.manifests:
            if one.attests is not None:
                yield from self._of(Hanging(one.attests, "index", one.digest, ""), one)

    def _cosign(self, digest: str, suffix: str, seen: set[str]) -> Iterator[Hanging]:
        head = Hanging(digest, "cosign", "", "")
        try:
            served = self.find(oci_manifest.fallback_tag(digest) + suffix)
        except Refused as error:
            yield head._replace(trouble=error)
            return
        if served is not None and served.manifest.digest not in seen:
            manifest = served.manifest
            yield from self._layers(head._replace(manifest=manifest.digest), manifest)

    def _of(self, head: Hanging, descriptor: Descriptor) -> Iterator[Hanging]:
        """The documents of one manifest that is listed, or what is wrong with it."""
        try:
            if descriptor.media_type in INDEXES:
                yield head._replace(left_out="an index, not a document")
                return
            manifest = self.need(descriptor).manifest
            subject = manifest.subject
            if head.by in ("referrers", "tag") and (
                subject is None or subject.digest != head.subject
            ):
                raise Malformed(
                    "listed as a referrer, and refers to something else",
                    where=f"{self.name}@{descriptor.digest}", expected=head.subject,
                    got=subject.digest if subject else "nothing",
                )  # fmt: skip
        except (Refused, NotFound) as error:
            yield head._replace(trouble=error)
            return
        yield from self._layers(head._replace(type=manifest.artifact_type), manifest)

    def _layers(self, head: Hanging, manifest: Manifest) -> Iterator[Hanging]:
        if not manifest.layers:
            yield head._replace(left_out="it holds no document")
        for layer in manifest.layers:
            one = head._replace(type=layer.media_type, digest=layer.digest)
            if layer.media_type == SIMPLE_SIGNING:
                yield one._replace(
                    left_out="a signature of cosign's older kind, which is no record"
                )
            elif not any(map(oci_artifacts.is_read, (layer.media_type, manifest.artifact_type))):
                yield one._replace(left_out=f"{layer.media_type} is not read")
            else:
                try:
                    yield one._replace(content=self.blob(layer))
                except (Refused, NotFound) as error:
                    yield one._replace(trouble=error)


class PlatformServed(NamedTuple):
    """An image for one platform as an index names it, and what is wrong with it, if anything is."""

    digest: str
    platform: str
    size: int
    trouble: str = ""


def check_platforms(repository: Repository, image: Manifest) -> list[PlatformServed]:
    """Whether each platform of an index, or an image itself, is served as it is named.

    Of each the manifest and the configuration are fetched; of layers nothing. Raises Unavailable.
    """
    found: list[PlatformServed] = []
    if len(image.platforms) > PLATFORMS_MAX:
        raise LimitPassed(
            "an index lists too many platforms", where=f"{repository.name}@{image.digest}",
            expected=f"{PLATFORMS_MAX} at most", got=len(image.platforms),
        )  # fmt: skip
    for one in image.platforms if image.is_index else (image.descriptor,):
        served = PlatformServed(one.digest, one.platform_name, one.size)
        try:
            told = _platform(repository, one, image)
            if image.is_index and told and one.platform and not _agree(one.platform_name, told):
                raise Malformed(
                    "an image is of another platform than the index says",
                    where=f"{repository.name}@{one.digest}", expected=one.platform_name, got=told,
                )  # fmt: skip
            served = served._replace(platform=one.platform_name or told)
        except (Refused, NotFound) as error:
            served = served._replace(trouble=str(error))
        found.append(served)
    return found


def _platform(repository: Repository, one: Descriptor, image: Manifest) -> str:
    """The platform that an image's own configuration says; empty if it says none."""
    manifest = repository.need(one).manifest if image.is_index else image
    if manifest.config is None:
        return ""
    written = repository.blob(manifest.config, bytes_max=MANIFEST_BYTES_MAX)
    return oci_manifest.platform_in(written)


def _agree(named: str, told: str) -> bool:
    """A variant that one side leaves out differs from nothing."""
    return f"{named}/".startswith(f"{told}/") or f"{told}/".startswith(f"{named}/")
