"""Ask an OCI registry what it has: every tag of every repository, and the digest it leads to.

    URL ──/v2/_catalog──► repositories ──tags/list──► tags ──HEAD, GET manifest──► Tagged

A registry that keeps its catalogue to itself, as public ones do, is asked for repositories by name:
the path of the URL is one. Pages are followed by the registry's own links, on its own host only.

Credentials come from the environment, and go to the registry, or to the place for tokens that it
names if that is asked by TLS or is on the registry's own host.

Sizes:  REPOSITORIES_MAX repositories · TAGS_MAX tags each · a request waits WAIT_SECONDS
Source: OCI Distribution Specification v1.1; distribution.github.io, "Token Authentication"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Self
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import httpx

from wherefrom.errors import LimitPassed, Malformed, NotFound, SettingError, Unavailable
from wherefrom.formats import inventory_oci, strict_json
from wherefrom.formats.inventory import LISTED_MAX, Inventory
from wherefrom.formats.inventory_oci import ACCEPT, MANIFEST_BYTES_MAX, PAGE_BYTES_MAX, Tagged

REPOSITORIES_MAX: Final = 10_000
TAGS_MAX: Final = 20_000
WAIT_SECONDS: Final = 30.0
_PAGE: Final = 500
_LINK: Final = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_CHALLENGE: Final = re.compile(r'(\w+)="([^"]*)"')


class Registry:
    """One registry, over HTTP.

    environment  may hold WHEREFROM_REGISTRY_USER and WHEREFROM_REGISTRY_PASSWORD
    wait_s       how long a request waits
    """

    def __init__(
        self, url: str, *, environment: Mapping[str, str], wait_s: float = WAIT_SECONDS
    ) -> None:
        """Raises SettingError for what is no address of a registry."""
        parts = _split(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise SettingError(
                "not the address of a registry", got=url, expected="https://HOST[:PORT][/NAME]",
                do="Credentials go in WHEREFROM_REGISTRY_USER and WHEREFROM_REGISTRY_PASSWORD",
            )  # fmt: skip
        self.host = parts.netloc.lower()
        self.only = parts.path.strip("/")
        self._url = f"{parts.scheme}://{parts.netloc}"
        self._basic: tuple[str, str] | None = None
        if user := environment.get("WHEREFROM_REGISTRY_USER"):
            self._basic = (user, environment.get("WHEREFROM_REGISTRY_PASSWORD", ""))
        self._tokens: dict[str, str] = {}
        self._client = httpx.Client(timeout=wait_s, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

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
        return self._ask("HEAD", path, scope=repository).status_code == 200

    def digest_of(self, repository: str, tag: str) -> str:
        """The digest of the manifest that a tag leads to now, by its bytes.

        Raises NotFound, Unavailable, Malformed, LimitPassed.
        """
        tagged = self._tagged(repository, tag)
        if tagged is None:
            raise NotFound("the registry has no such tag", where=f"{self.host}/{repository}:{tag}")
        return tagged.digest

    def _repositories(self) -> Iterator[str]:
        yield from self._pages("/v2/_catalog", "registry:catalog:*", REPOSITORIES_MAX, "names")

    def _tags(self, repository: str) -> Iterator[str]:
        path = f"/v2/{quote(repository)}/tags/list"
        yield from self._pages(path, repository, TAGS_MAX, "tags")

    def _pages(self, path: str, scope: str, most: int, what: str) -> Iterator[str]:
        read = inventory_oci.tags if what == "tags" else inventory_oci.repositories
        url, seen, asked = f"{path}?n={_PAGE}", 0, set()
        while url not in asked:
            asked.add(url)
            answer = self._ask("GET", url, scope=scope)
            if answer.status_code == 404 and what == "tags":
                return  # a repository that is empty by now
            for name in read(self._body(answer, PAGE_BYTES_MAX), where=f"{self.host}{url}"):
                seen += 1
                if seen > most:
                    raise LimitPassed(
                        f"a registry has too many {what}", where=f"{self.host}{path}",
                        expected=f"{most} at most",
                    )  # fmt: skip
                yield name
            match = _LINK.search(answer.headers.get("link", ""))
            if match is None:
                return
            there = _joined(self._url + path, match[1])
            if there.netloc.lower() != self.host:
                raise Malformed(
                    "a page that is on another host", where=self.host, got=there.netloc[:80]
                )
            url = there.path + (f"?{there.query}" if there.query else "")

    def _tagged(self, repository: str, tag: str) -> Tagged | None:
        path = f"/v2/{quote(repository)}/manifests/{quote(tag)}"
        answer = self._ask("GET", path, scope=repository)
        if answer.status_code == 404:
            return None  # removed since it was listed
        body = self._body(answer, MANIFEST_BYTES_MAX)
        said = answer.headers.get("docker-content-digest")
        digest, platforms = inventory_oci.manifest(body, said=said, where=f"{self.host}{path}")
        return Tagged(repository, tag, digest, platforms)

    # -- HTTP

    def _ask(self, method: str, path: str, *, scope: str) -> httpx.Response:
        answer = self._send(method, path, self._headers(scope))
        if answer.status_code == 401:
            self._answer_challenge(answer.headers.get("www-authenticate", ""), scope)
            answer = self._send(method, path, self._headers(scope))
        if answer.status_code in (401, 403):
            raise Unavailable(
                "the registry does not let us ask", where=f"{self.host}{path}",
                got=f"HTTP {answer.status_code}",
                do="Set WHEREFROM_REGISTRY_USER and WHEREFROM_REGISTRY_PASSWORD; one that keeps"
                " its catalogue to itself is asked by name: https://HOST/NAME",
            )  # fmt: skip
        if answer.status_code not in (200, 404):
            raise Unavailable(
                "the registry does not answer as one", where=f"{self.host}{path}",
                got=f"HTTP {answer.status_code}",
            )  # fmt: skip
        return answer

    def _send(self, method: str, path: str, headers: Mapping[str, str]) -> httpx.Response:
        url = path if "://" in path else self._url + path
        try:
            with self._client.stream(method, url, headers=headers) as answer:
                read, size = [], 0
                for piece in answer.iter_bytes():
                    size += len(piece)
                    if size > MANIFEST_BYTES_MAX:
                        raise LimitPassed(
                            "an answer is too large", where=url,
                            expected=f"{MANIFEST_BYTES_MAX} bytes",
                        )  # fmt: skip
                    read.append(piece)
                kept = {k: v for k, v in answer.headers.items() if k.lower() in _KEPT}
                return httpx.Response(answer.status_code, headers=kept, content=b"".join(read))
        except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
            raise Unavailable(
                "the registry does not answer", where=self.host,
                got=str(error) or type(error).__name__,
            ) from error  # fmt: skip

    def _headers(self, scope: str) -> dict[str, str]:
        headers = {"Accept": ACCEPT}
        if scope in self._tokens:
            headers["Authorization"] = self._tokens[scope]
        return headers

    def _answer_challenge(self, challenge: str, scope: str) -> None:
        """Basic with what the environment holds, or a bearer token of the place that is named."""
        kind, _, rest = challenge.partition(" ")
        basic = "" if self._basic is None else httpx.BasicAuth(*self._basic)._auth_header
        if kind.lower() == "basic" and basic:
            self._tokens[scope] = basic
            return
        said = dict(_CHALLENGE.findall(rest))
        realm = _split(said.get("realm", ""))
        if kind.lower() != "bearer" or not realm.netloc:
            return
        if realm.scheme != "https" and realm.netloc.lower() != self.host:
            raise Unavailable(
                "the registry wants credentials sent in the clear to somebody else",
                where=self.host, got=said["realm"][:80],
            )  # fmt: skip
        wanted = said.get("scope") or (scope if ":" in scope else f"repository:{scope}:pull")
        query = httpx.QueryParams({"service": said.get("service", ""), "scope": wanted})
        headers = {"Authorization": basic} if basic else {}
        answer = self._send("GET", f"{said['realm']}?{query}", headers)
        if answer.status_code != 200:
            return
        told = strict_json.as_object(strict_json.decode(answer.content), where=said["realm"])
        token = told.get("token") or told.get("access_token")
        if isinstance(token, str) and token.isprintable():
            self._tokens[scope] = f"Bearer {token}"

    def _body(self, answer: httpx.Response, bytes_max: int) -> bytes:
        if answer.status_code == 404:
            raise NotFound("the registry has no such thing", where=self.host)
        if len(answer.content) > bytes_max:
            raise LimitPassed(
                "an answer is too large", where=self.host, expected=f"{bytes_max} bytes"
            )
        return answer.content


def _split(url: str) -> SplitResult:
    """The parts of a URL; empty ones of what is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _joined(base: str, link: str) -> SplitResult:
    try:
        return _split(urljoin(base, link))
    except ValueError:
        return urlsplit("")


_KEPT: Final = frozenset({"link", "docker-content-digest", "www-authenticate", "content-type"})
