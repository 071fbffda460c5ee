"""What ``wherefrom oci push`` pushes: files, or what the log holds; and what becomes of each.

FILE… | log ──► record, record, … ──about this image?──► Attacher ──► an item for each
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from wherefrom.capture.attaching import Attacher
from wherefrom.capture.repository import Repository
from wherefrom.cli.gather import records, sources
from wherefrom.errors import Malformed, NotFound, Refused
from wherefrom.formats import oci_artifacts, recognise
from wherefrom.formats.components import is_digest
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.oci_artifacts import Artifact
from wherefrom.formats.oci_manifest import Manifest
from wherefrom.query.hanging import held_about

if TYPE_CHECKING:
    from wherefrom.cli.places import Reading


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one document: ``pushed``, ``known`` (it hangs there already), ``refused``.

    of      digest of the image that it hangs on
    source  the file, with its line if it holds several; or ``entry:N``, or ``evidence``
    """

    of: str
    source: str
    status: str
    type: str = ""
    digest: str = ""
    manifest: str = ""
    code: str | None = None
    reason: str | None = None


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """A platform of an index, and how many records are about it; None if nobody looked."""

    platform: str
    digest: str
    records: int | None
    pushed: bool


class PushTold(msgspec.Struct, frozen=True, kw_only=True):
    """``api`` is false where referrers are listed under a tag; ``more`` if the log holds more that
    speaks of the image than was looked at."""

    image: str
    digest: str
    type: str
    api: bool
    items: list[Pushed]
    platforms: list[Platform]
    more: bool


class Pushing:
    """Hangs documents on images of one reference; the log is opened when it is first asked."""

    def __init__(
        self, repository: Repository, image: Manifest, open_log: Callable[[], Reading]
    ) -> None:
        self._repository, self._image, self._open_log = repository, image, open_log
        self._mine = {image.digest, *(one.digest for one in image.platforms)}
        self._items: list[Pushed] = []
        self._api, self._more = True, False

    @cached_property
    def _log(self) -> Reading:
        return self._open_log()

    def to(self, image: Manifest, files: Sequence[str], *, evidence: bool) -> None:
        """Push to one image. Raises Unavailable, StorageError."""
        attacher = Attacher(self._repository, image.descriptor)
        self._api = attacher.api
        try:
            self._to(attacher, image, files, evidence=evidence)
        finally:  # what is pushed is found, whatever ended the push
            attacher.finish()

    def _to(
        self, attacher: Attacher, image: Manifest, files: Sequence[str], *, evidence: bool
    ) -> None:
        for item, content, artifact in self._found(image, files):
            if artifact is None:
                self._items.append(item)
            else:
                self._push(attacher, item, content, artifact)
        if evidence:
            proof = self._log.prove(
                image.digest, whole_trace=False, content=True, format="tlog-proof"
            )
            item = Pushed(of=image.digest, source="evidence", status="")
            self._push(attacher, item, proof.written, oci_artifacts.evidence(proof.written))

    def told(self, *, platforms_too: bool, looked: bool) -> PushTold:
        """The answer. Raises NotFound if there was nothing to push."""
        platforms = list(self._platforms(platforms_too, looked))
        if not self._items:
            some = [one.platform for one in platforms if one.records]
            more = f", or of {', '.join(some)}: --platform all" if some else ""
            raise NotFound(
                "the log holds nothing that is about this image", got=self._image.digest,
                do=f"Give files, or record some first: wherefrom record{more}",
            )  # fmt: skip
        return PushTold(
            image=self._repository.name, digest=self._image.digest, type=self._image.media_type,
            api=self._api, items=self._items, platforms=platforms, more=self._more,
        )  # fmt: skip

    def _platforms(self, pushed: bool, looked: bool) -> Iterator[Platform]:
        if not self._image.platforms:
            return
        hung = {item.of for item in self._items}
        for one in self._image.platforms:
            number = len(held_about(self._log, one.digest).records) if looked else None
            yield Platform(
                platform=one.platform_name, digest=one.digest, records=number,
                pushed=pushed or one.digest in hung,
            )  # fmt: skip

    def _push(self, attacher: Attacher, item: Pushed, content: bytes, artifact: Artifact) -> None:
        done = attacher.attach(content, artifact)
        self._items.append(msgspec.structs.replace(
            item, status=done.status, manifest=done.manifest, type=artifact.media_type,
            digest=sha256_id(content),
        ))  # fmt: skip

    def _found(
        self, image: Manifest, files: Sequence[str]
    ) -> Iterator[tuple[Pushed, bytes, Artifact | None]]:
        """Each document with what it is in a registry; None if it is refused."""
        for source, content, refusal in self._files(files) if files else self._held(image):
            item = Pushed(of=image.digest, source=source, status="refused")
            try:
                if refusal is not None:
                    raise refusal
                read = recognise.read(content)
                self._need_about(oci_artifacts.about(read.facts))
                yield item, content, oci_artifacts.artifact_of(content, read)
            except Refused as error:
                yield msgspec.structs.replace(item, code=error.code, reason=str(error)), b"", None

    def _files(self, files: Sequence[str]) -> Iterator[tuple[str, bytes, Refused | None]]:
        for source in sources(files):
            for one in records(source, progress=lambda _: None):
                if one.unread is not None:
                    raise one.unread
                line = "" if one.line is None else f":{one.line}"
                yield one.source + line, one.content or b"", one.refusal

    def _held(self, image: Manifest) -> Iterator[tuple[str, bytes, Refused | None]]:
        held = held_about(self._log, image.digest)
        self._more = self._more or held.more
        for one in held.records:
            yield f"entry:{one.entry}", one.content, None

    def _need_about(self, about: set[str]) -> None:
        """An SBOM may name its subject by nothing; what names a digest must name ours."""
        digests = sorted(filter(is_digest, about))
        if digests and not self._mine & about:
            raise Malformed(
                "the document is about something else", got=", ".join(digests[:3]),
                expected=" or ".join(sorted(self._mine)[:3]),
                do="Push it to the image that it is about",
            )  # fmt: skip
