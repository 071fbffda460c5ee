"""Hang documents on an image in a registry, each once.

    document ──► 1. blobs ──► 2. manifest with a ``subject`` ──► OCI-Subject: it is listed
    all of them ──► 3. the list under the fallback tag, where there is no referrers API

What is there already is found by its manifest, or by the document in the manifest of somebody else,
and nothing is pushed. A crash after 1 leaves blobs that the registry clears away; after 2, where
there is no referrers API, a manifest that nobody finds until the same push is run again.

A tag has no compare-and-swap that all registries keep: the list is sent with If-Match where it came
with an ETag. It is read again at once, and after SETTLE_SECONDS, for somebody who read it before us
may write it after us; while it lacks what was pushed it is written again, TRIES_MAX times.

Source: OCI Distribution Specification v1.1, "Pushing Manifests with Subject"
"""

from __future__ import annotations

import random
import time
from typing import Final, NamedTuple
from urllib.parse import urlencode

from wherefrom.capture.repository import Listed, Repository, Served
from wherefrom.errors import Malformed, NotFound, Refused, Unavailable
from wherefrom.formats import oci_manifest
from wherefrom.formats.oci_artifacts import Artifact
from wherefrom.formats.oci_manifest import EMPTY, EMPTY_BYTES, INDEX, MANIFEST, Descriptor, Manifest

TRIES_MAX: Final = 8
SETTLE_SECONDS: Final = 0.5
_MOVED: Final = (301, 302, 303, 307, 308)
_TITLE: Final = "org.opencontainers.image.title"


class Attached(NamedTuple):
    """Where a document hangs: ``pushed`` now, or ``known`` there; ``manifest`` by its digest."""

    status: str
    manifest: str


class Attacher:
    """Hangs documents on one image: ``attach`` each, then ``finish``.

    repository  opened for ``pull,push``
    """

    def __init__(self, repository: Repository, subject: Descriptor) -> None:
        """Raises Unavailable, Malformed for a list that is none, LimitPassed."""
        self._repository = repository
        self._subject = subject
        self._listed: Listed = repository.referrers(subject.digest)
        self._unlisted: list[Manifest] = []
        self._layers: dict[str, str] = {}
        self._read: set[str] = set()

    @property
    def api(self) -> bool:
        """Whether the registry has an API for what refers to an image."""
        return self._listed.api

    def attach(self, content: bytes, artifact: Artifact) -> Attached:
        """Hang one document there. Raises Unavailable for a registry that does not take it,
        Malformed for one that answers for something else."""
        written = oci_manifest.referrer(
            self._subject, artifact.media_type, content, annotations=artifact.annotations,
            layer_annotations={_TITLE: artifact.file},
        )  # fmt: skip
        manifest = oci_manifest.parse(written, where="manifest")
        if (there := self._there(manifest)) is not None:
            return Attached("known", there)
        # 1. What the manifest names must be there before it.
        for blob, media_type in ((content, artifact.media_type), (EMPTY_BYTES, EMPTY)):
            self._upload(blob, oci_manifest.described(blob, media_type))
        # 2. A registry with the API lists it from here on.
        if not self._put(manifest, written):
            self._unlisted.append(manifest)
        self._layers[manifest.layers[0].digest] = manifest.digest
        return Attached("pushed", manifest.digest)

    def finish(self) -> None:
        """3. List under the tag that clients agreed on what the registry does not list by itself.

        Raises Unavailable, Malformed for a list that is none.
        """
        tag = oci_manifest.fallback_tag(self._subject.digest)
        tries, settled = 0, False
        while self._unlisted:
            try:
                before = self._repository.find(tag)
                missing = self._missing(before, tag)
                if missing and tries < TRIES_MAX:
                    self._write(tag, before, missing)
                    tries, settled = tries + 1, False
                    continue
            except Unavailable:  # a registry may stumble over two who write one tag
                tries, settled = tries + 1, False
                if tries > TRIES_MAX:
                    raise
                time.sleep(SETTLE_SECONDS * tries * random.random())
                continue
            if missing:
                raise Unavailable(
                    "others write the same list of referrers all the time",
                    where=f"{self._repository.name}:{tag}",
                    do="Push again: nothing is pushed twice",
                )  # fmt: skip
            if settled or not tries:
                self._unlisted = []
            else:
                time.sleep(SETTLE_SECONDS)
                settled = True

    def _missing(self, before: Served | None, tag: str) -> list[Manifest]:
        if before is None:
            return self._unlisted
        self._repository.need_list(before, tag)
        there = {one.digest for one in before.manifest.manifests}
        return [one for one in self._unlisted if one.digest not in there]

    def _write(self, tag: str, before: Served | None, missing: list[Manifest]) -> None:
        # A weak ETag matches nothing.
        strong = before is not None and before.etag.startswith('"')
        unchanged = {"If-Match": before.etag} if before is not None and strong else {}
        self._repository.connection.ask(
            "PUT", f"{self._repository.path}/manifests/{tag}", scope=self._repository.scope,
            fine=(201, 412), headers={"Content-Type": INDEX, **unchanged},
            content=oci_manifest.with_listed(before and before.written, missing),
        )  # fmt: skip

    def _there(self, manifest: Manifest) -> str | None:
        """The manifest, of ours or of somebody else, that brings this document."""
        if any(one.digest == manifest.digest for one in self._listed.manifests):
            return manifest.digest
        for one in self._listed.manifests:
            alike = one.artifact_type in ("", manifest.artifact_type)
            if alike and one.digest not in self._read and one.media_type == MANIFEST:
                self._read.add(one.digest)
                self._look_into(one)
        return self._layers.get(manifest.layers[0].digest)

    def _look_into(self, one: Descriptor) -> None:
        try:
            found = self._repository.need(one).manifest
        except (Refused, NotFound):
            return  # what is broken is nothing that is there
        if found.subject is not None and found.subject.digest == self._subject.digest:
            for layer in found.layers:
                self._layers.setdefault(layer.digest, found.digest)

    def _upload(self, content: bytes, blob: Descriptor) -> None:
        connection, scope = self._repository.connection, self._repository.scope
        path = f"{self._repository.path}/blobs/"
        held = connection.ask("HEAD", path + blob.digest, scope=scope, fine=(200, 404, *_MOVED))
        if held.status_code != 404:
            return
        begun = connection.ask("POST", f"{path}uploads/", scope=scope, fine=(202,), content=b"")
        place = connection.place(
            f"{connection.url}{path}uploads/", begun.headers.get("location", "")
        )
        joined = "&" if "?" in place else "?"
        connection.ask(
            "PUT", f"{place}{joined}{urlencode({'digest': blob.digest})}", scope=scope, fine=(201,),
            headers={"Content-Type": "application/octet-stream"}, content=content,
        )  # fmt: skip

    def _put(self, manifest: Manifest, written: bytes) -> bool:
        """Push a manifest; whether the registry lists what it refers to."""
        path = f"{self._repository.path}/manifests/{manifest.digest}"
        answer = self._repository.connection.ask(
            "PUT", path, scope=self._repository.scope, fine=(201,),
            headers={"Content-Type": MANIFEST}, content=written,
        )  # fmt: skip
        said = answer.headers.get("oci-subject")
        if said not in (None, self._subject.digest):
            raise Malformed(
                "the registry hung a document on another image", where=self._repository.name,
                expected=self._subject.digest, got=said,
            )  # fmt: skip
        if said is None and self._listed.api:
            again = self._repository.referrers(self._subject.digest)
            return again.api and any(one.digest == manifest.digest for one in again.manifests)
        return said is not None
