"""Ask an OCI registry what it has: every tag of every repository, and the digest it leads to.

    URL ──/v2/_catalog──► repositories ──tags/list──► tags ──HEAD, GET manifest──► Tagged

A registry that keeps its catalogue to itself, as public ones do, is asked for repositories by name:
the path of the URL is one. How it is spoken to is ``registry_http``; what hangs on one image is
``repository``.

Sizes:  REPOSITORIES_MAX repositories · TAGS_MAX tags each
Source: OCI Distribution Specification v1.1
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Self
from urllib.parse import quote

import httpx

from wherefrom.capture.registry_http import WAIT_SECONDS, Connection
from wherefrom.errors import LimitPassed, NotFound
from wherefrom.formats import inventory_oci
from wherefrom.formats.inventory import LISTED_MAX, Inventory
from wherefrom.formats.inventory_oci import PAGE_BYTES_MAX, Tagged
from wherefrom.formats.oci_manifest import MANIFEST_BYTES_MAX

REPOSITORIES_MAX: Final = 10_000
TAGS_MAX: Final = 20_000
_PAGE: Final = "?n=500"
_CATALOG: Final = "registry:catalog:*"


class Registry:
    """One registry. ``environment`` as of a ``Connection``; a request waits ``wait_s``."""

    def __init__(
        self, url: str, *, environment: Mapping[str, str], wait_s: float = WAIT_SECONDS
    ) -> None:
        """Raises SettingError for what is no address of a registry."""
        self._connection = Connection(url, environment=environment, wait_s=wait_s)
        self.host = self._connection.host
        self.only = self._connection.path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.__exit__()

    def inventory(self, repositories: Sequence[str] = (), *, taken: str) -> Inventory:
        """All that it has, or of some repositories. Raises Unavailable, Malformed, LimitPassed."""
        wanted = list(repositories) or ([self.only] if self.only else list(self._repositories()))
        found: list[Tagged] = []
        for name in wanted:
            for tag in self._tags(name):
                if inventory_oci.is_attached(tag):
                    found.append(Tagged(name, tag, ""))
                elif (tagged := self._tagged(name, tag)) is not None:
                    found.append(tagged)
                if len(found) > LISTED_MAX:
                    raise LimitPassed(
                        "a registry has too much for one inventory", where=self.host,
                        expected=f"listed_max {LISTED_MAX}", do="Ask for some repositories only",
                    )  # fmt: skip
        return inventory_oci.inventory(self.host, found, covers=wanted, taken=taken)

    def holds(self, repository: str, digest: str) -> bool:
        """Whether a manifest is there, under a tag or not. Raises Unavailable."""
        path = f"/v2/{quote(repository)}/manifests/{digest}"
        return self._connection.ask("HEAD", path, scope=pull_of(repository)).status_code == 200

    def digest_of(self, repository: str, tag: str) -> str:
        """The digest of the manifest that a tag leads to now, by its bytes.

        Raises NotFound, Unavailable, Malformed, LimitPassed.
        """
        tagged = self._tagged(repository, tag)
        if tagged is None:
            raise NotFound(
                "the registry has no such tag",
                where=f"{self.host}/{repository}:{tag}",
                do="Name another tag, or the digest",
            )
        return tagged.digest

    def _repositories(self) -> Iterator[str]:
        yield from self._listed("/v2/_catalog", _CATALOG, REPOSITORIES_MAX, "names")

    def _tags(self, repository: str) -> Iterator[str]:
        path = f"/v2/{quote(repository)}/tags/list"
        yield from self._listed(path, pull_of(repository), TAGS_MAX, "tags")

    def _listed(self, path: str, scope: str, most: int, what: str) -> Iterator[str]:
        read, seen = inventory_oci.tags if what == "tags" else inventory_oci.repositories, 0
        for answer in self._connection.pages(path, scope=scope, first=_PAGE):
            if answer.status_code == 404 and what == "tags":
                return  # a repository that is empty by now
            for name in read(self._body(answer, PAGE_BYTES_MAX), where=f"{self.host}{path}"):
                seen += 1
                if seen > most:
                    raise LimitPassed(
                        f"a registry has too many {what}", where=f"{self.host}{path}",
                        expected=f"{most} at most",
                    )  # fmt: skip
                yield name

    def _tagged(self, repository: str, tag: str) -> Tagged | None:
        path = f"/v2/{quote(repository)}/manifests/{quote(tag)}"
        answer = self._connection.ask("GET", path, scope=pull_of(repository))
        if answer.status_code == 404:
            return None  # removed since it was listed
        body = self._body(answer, MANIFEST_BYTES_MAX)
        said = answer.headers.get("docker-content-digest")
        digest, platforms = inventory_oci.manifest(body, said=said, where=f"{self.host}{path}")
        return Tagged(repository, tag, digest, platforms)

    def _body(self, answer: httpx.Response, bytes_max: int) -> bytes:
        if answer.status_code == 404:
            raise NotFound(
                "the registry has no such thing",
                where=self.host,
                do="Was it pushed, and to this repository?",
            )
        if len(answer.content) > bytes_max:
            raise LimitPassed(
                "an answer is too large", where=self.host, expected=f"{bytes_max} bytes"
            )
        return answer.content


def pull_of(repository: str) -> str:
    """The scope of reading a repository."""
    return f"repository:{repository}:pull"
