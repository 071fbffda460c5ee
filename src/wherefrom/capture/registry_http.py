"""A registry, over HTTP: who we are there, how much it may say, and where it may send us.

    ask ──► 401: a challenge ──► a token of the place it names ──► again ──► an answer, read whole
    pages ──► Link: rel="next", on the same host ──► …
    moved ──► where a blob lies instead: by TLS, and without anything of ours

Credentials come from the environment, else from the file that ``docker login`` writes. They go to
the registry, or to the place for tokens that it names if that is asked by TLS or is on the
registry's own host; to nobody else.

Sizes:  an answer is MANIFEST_BYTES_MAX unless said otherwise · a request waits WAIT_SECONDS and
        ends after WHOLE_SECONDS · MOVES_MAX moves · PAGES_MAX pages
Source: OCI Distribution Specification v1.1; distribution.github.io, "Token Authentication"
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Self
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from wherefrom.errors import (
    LimitPassed,
    Malformed,
    Refused,
    SettingError,
    StorageError,
    Unavailable,
)
from wherefrom.formats import docker_config, strict_json
from wherefrom.formats.oci_manifest import ACCEPT, MANIFEST_BYTES_MAX
from wherefrom.formats.shown import cut

WAIT_SECONDS: Final = 30.0
WHOLE_SECONDS: Final = 300.0
MOVES_MAX: Final = 3
PAGES_MAX: Final = 10_000
_LINK: Final = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_CHALLENGE: Final = re.compile(r'(\w+)="([^"]*)"')
_MOVED: Final = (301, 302, 303, 307, 308)
_KEPT: Final = frozenset(
    {"link", "docker-content-digest", "www-authenticate", "content-type", "location", "oci-subject",
     "etag"}
)  # fmt: skip


class Connection:
    """One registry.

    environment  may hold WHEREFROM_REGISTRY_USER and WHEREFROM_REGISTRY_PASSWORD; else where
                 docker's file is: DOCKER_CONFIG, its folder, or HOME
    wait_s       how long a request waits
    transport    what carries requests; the network if not given
    """

    def __init__(
        self,
        url: str,
        *,
        environment: Mapping[str, str],
        wait_s: float = WAIT_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Raises SettingError for what is no address of a registry."""
        parts = split(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise SettingError(
                "not the address of a registry", got=url, expected="https://HOST[:PORT][/NAME]",
                do="Credentials go in WHEREFROM_REGISTRY_USER and WHEREFROM_REGISTRY_PASSWORD",
            )  # fmt: skip
        self.host = parts.netloc.lower()
        self.path = parts.path.strip("/")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._basic = _who(self.host, environment)
        self._tokens: dict[str, str] = {}
        self._client = httpx.Client(timeout=wait_s, follow_redirects=False, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        fine: tuple[int, ...] = (200, 404),
        headers: Mapping[str, str] = {},
        content: bytes | None = None,
        bytes_max: int = MANIFEST_BYTES_MAX,
    ) -> httpx.Response:
        """An answer, whole. Raises Unavailable for one that is not ``fine``, LimitPassed.

        path   on the registry; or an address elsewhere, which is told nothing of ours
        scope  what the answer needs to be allowed, such as ``repository:acme/cart:pull``
        """
        elsewhere = "://" in path
        asked = {"Accept": ACCEPT, **headers}
        answer = self._send(method, path, self._with_token(asked, scope, elsewhere), content,
                            bytes_max)  # fmt: skip
        if answer.status_code == 401 and not elsewhere:
            self._answer_challenge(answer.headers.get("www-authenticate", ""), scope)
            answer = self._send(method, path, self._with_token(asked, scope, False), content,
                                bytes_max)  # fmt: skip
        if answer.status_code in fine:
            return answer
        where = path if elsewhere else f"{self.host}{path}"
        if answer.status_code in (401, 403):
            raise Unavailable(
                "the registry does not let us ask", where=where,
                got=_said_by(answer),
                do="Set WHEREFROM_REGISTRY_USER and WHEREFROM_REGISTRY_PASSWORD, or log in with"
                " docker; one that keeps its catalogue to itself is asked by name:"
                " https://HOST/NAME",
            )  # fmt: skip
        raise Unavailable(
            "the registry does not answer as one",
            where=where,
            got=_said_by(answer),
            do="Is the address that of a registry?",
        )

    def pages(
        self, path: str, *, scope: str, fine: tuple[int, ...] = (200, 404), first: str = ""
    ) -> Iterator[httpx.Response]:
        """Every page of a list, by the registry's own links. Raises Malformed, LimitPassed.

        first  the query of the first page
        """
        url, asked = path + first, set[str]()
        while url not in asked:
            if len(asked) >= PAGES_MAX:
                raise LimitPassed(
                    "a registry's list has no end", where=f"{self.host}{path}",
                    expected=f"{PAGES_MAX} pages",
                )  # fmt: skip
            asked.add(url)
            answer = self.ask("GET", url, scope=scope, fine=fine)
            yield answer
            match = _LINK.search(answer.headers.get("link", ""))
            if match is None:
                return
            there = _joined(self.url + path, match[1])
            if there.netloc.lower() != self.host:
                raise Malformed(
                    "a page that is on another host", where=self.host, got=there.netloc[:80]
                )
            url = there.path + (f"?{there.query}" if there.query else "")

    def moved(self, path: str, *, scope: str, bytes_max: int) -> httpx.Response:
        """What is at ``path``, or at the place where the registry keeps it. Raises Unavailable.

        Another place is asked by TLS only, and is not told who we are.
        """
        for _ in range(MOVES_MAX + 1):
            answer = self.ask("GET", path, scope=scope, fine=(200, 404, *_MOVED),
                              headers={"Accept": "*/*", "Accept-Encoding": "identity"},
                              bytes_max=bytes_max)  # fmt: skip
            if answer.status_code not in _MOVED:
                return answer
            base = path if "://" in path else self.url + path
            path = self.place(base, answer.headers.get("location", ""))
        raise Unavailable(
            "the registry sends us from place to place", where=self.host,
            expected=f"{MOVES_MAX} moves at most",
            do="Name the registry that it sends us to",
        )  # fmt: skip

    def place(self, base: str, location: str) -> str:
        """Where ``location`` is: a path on the registry itself, or an address elsewhere.

        Raises Unavailable for an address elsewhere that is not asked by TLS.
        """
        there = _joined(base, location)
        if there.netloc.lower() == self.host:
            return there.path + (f"?{there.query}" if there.query else "")
        if there.scheme != "https" or not there.hostname or there.username is not None:
            raise Unavailable(
                "the registry sends us elsewhere, and not by TLS", where=self.host,
                got=cut(location, 120),
                do="Name the registry by the address it serves under TLS",
            )  # fmt: skip
        return there.geturl()

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes | None = None,
        bytes_max: int = MANIFEST_BYTES_MAX,
    ) -> httpx.Response:
        url = path if "://" in path else self.url + path
        until = time.monotonic() + WHOLE_SECONDS
        try:
            with self._client.stream(method, url, headers=headers, content=content) as answer:
                read, size = [], 0
                for piece in answer.iter_bytes():
                    size += len(piece)
                    if size > bytes_max:
                        raise LimitPassed(
                            "an answer is too large", where=url, expected=f"{bytes_max} bytes"
                        )
                    if time.monotonic() > until:
                        raise Unavailable(
                            "the registry is too slow", where=url,
                            expected=f"an answer within {WHOLE_SECONDS:.0f} s",
                            do="Try again later",
                        )  # fmt: skip
                    read.append(piece)
                kept = {k: v for k, v in answer.headers.items() if k.lower() in _KEPT}
                return httpx.Response(answer.status_code, headers=kept, content=b"".join(read))
        except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
            raise Unavailable(
                "the registry does not answer", where=self.host,
                got=str(error) or type(error).__name__,
                do="Is its name right, and may this machine reach it?",
            ) from error  # fmt: skip

    def _with_token(
        self, headers: Mapping[str, str], scope: str, elsewhere: bool
    ) -> dict[str, str]:
        held = self._tokens.get(scope)
        if held is None or elsewhere:
            return dict(headers)
        return {**headers, "Authorization": held}

    def _answer_challenge(self, challenge: str, scope: str) -> None:
        """Basic with what we hold, or a bearer token of the place that is named."""
        kind, _, rest = challenge.partition(" ")
        basic = "" if self._basic is None else httpx.BasicAuth(*self._basic)._auth_header
        if kind.lower() == "basic" and basic:
            self._tokens[scope] = basic
            return
        said = dict(_CHALLENGE.findall(rest))
        realm = split(said.get("realm", ""))
        if kind.lower() != "bearer" or not realm.netloc:
            return
        if realm.scheme != "https" and realm.netloc.lower() != self.host:
            raise Unavailable(
                "the registry wants credentials sent in the clear to somebody else",
                where=self.host, got=said["realm"][:80],
                do="Ask whoever runs it; nothing was sent",
            )  # fmt: skip
        wanted = said.get("scope") or scope
        query = httpx.QueryParams({"service": said.get("service", ""), "scope": wanted})
        headers = {"Authorization": basic} if basic else {}
        answer = self._send("GET", f"{said['realm']}?{query}", headers)
        if answer.status_code != 200:
            return
        told = strict_json.as_object(strict_json.decode(answer.content), where=said["realm"])
        token = told.get("token") or told.get("access_token")
        if isinstance(token, str) and token.isprintable():
            self._tokens[scope] = f"Bearer {token}"


def _who(host: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    if user := environment.get("WHEREFROM_REGISTRY_USER"):
        return user, environment.get("WHEREFROM_REGISTRY_PASSWORD", "")
    folder = environment.get("DOCKER_CONFIG")
    if not folder and not environment.get("HOME"):
        return None
    path = Path(folder) if folder else Path(environment["HOME"]) / ".docker"
    path /= "config.json"
    try:
        with path.open("rb") as file:
            written = file.read(docker_config.FILE_BYTES_MAX)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(
            "cannot use the file", where=str(path), got=error.strerror or str(error)
        ) from error
    try:
        return docker_config.credentials(written, host, where=str(path))
    except Refused as error:
        raise SettingError(
            "docker's file of passwords cannot be read",
            where=str(path),
            got=str(error),
            do="Write it anew: docker login",
        ) from error


def _said_by(answer: httpx.Response) -> str:
    """The status, and what the registry says went wrong."""
    said = f"HTTP {answer.status_code}"
    try:
        errors = strict_json.as_object(strict_json.decode(answer.content), where="").get("errors")
        first = errors[0] if isinstance(errors, list) and errors else {}
        told = [first.get(key) for key in ("code", "message")] if isinstance(first, dict) else []
    except Refused:
        return said
    return ", ".join([said, *(text for text in told if isinstance(text, str) and text)])


def split(url: str) -> SplitResult:
    """The parts of a URL; empty ones of what is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _joined(base: str, link: str) -> SplitResult:
    try:
        return split(urljoin(base, link))
    except ValueError:
        return urlsplit("")
