"""Records to a server, from a program that has better things to do: the standard library alone.

    contents ──body_of──► POST /v1/records ──items_of──► an outcome each

What is sent twice is recorded once, so whoever got no answer just sends again. How a request is
written and its answer read is here for whoever has a client of its own (``kubernetes.sending``,
which must be able to stop while it waits).

Sizes:  a request waits TIMEOUT_SECONDS · an answer is at most ANSWER_BYTES_MAX
Source: INTERFACES, "HTTP"
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from wherefrom.errors import NotAllowed, Refused, SettingError, Unavailable

TIMEOUT_SECONDS: Final = 10.0
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
PATH: Final = "/v1/records"


class Sender:
    """Where records go. May be used by several threads; each request has its own connection.

    url, token  of the server; else WHEREFROM_URL and WHEREFROM_TOKEN
    ca          a PEM file with the authority of its certificate; else the system's
    own         PEM files of our certificate and its key, where the server asks for one

    Raises SettingError for an address that is none.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        ca: str | None = None,
        own: tuple[str, str | None] | None = None,
        environ: Mapping[str, str] = os.environ,
        timeout_s: float = TIMEOUT_SECONDS,
    ) -> None:
        self.url = (url or environ.get("WHEREFROM_URL", "")).rstrip("/")
        self._token = token or environ.get("WHEREFROM_TOKEN", "")
        self._timeout_s, self._ca, self._own = timeout_s, ca, own
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingError(
                "not the address of a server", expected="http://HOST:PORT or https://…",
                got=self.url or "none", do="Give it, or set WHEREFROM_URL",
            )  # fmt: skip
        self._parts = parts

    def send(self, contents: Sequence[bytes]) -> list[dict[str, Any]]:
        """Record JSON documents; returns the item of each, as the server answers.

        Raises Unavailable if there is no answer or the server is busy, NotAllowed if the token
        will not do, Refused if every one of them is refused.
        """
        status, read = self._post(PATH, body_of(contents))
        items = items_of(status, read, sent=len(contents), where=self.url)
        if items and all(item["status"] == "refused" for item in items):
            raise Refused("the server refused what was sent", got=str(items[0]["reason"]))
        return items

    def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        import http.client  # late, as all that only sending needs

        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = self._connection()
        try:
            connection.request("POST", self._parts.path + path, body, headers)
            answer = connection.getresponse()
            read = answer.read(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                "the server does not answer",
                where=self.url,
                got=str(error) or repr(error),
                do="Is it running, and is WHEREFROM_URL right?",
            ) from error
        finally:
            connection.close()
        return answer.status, read

    def _connection(self) -> Any:
        import http.client

        host, port = self._parts.hostname, self._parts.port
        assert host is not None
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        import ssl

        context = ssl.create_default_context(cafile=self._ca)
        if self._own is not None:
            context.load_cert_chain(*self._own)
        return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=context)


def body_of(contents: Sequence[bytes]) -> bytes:
    """The body of a request with JSON documents; each arrives byte for byte."""
    return b"[" + b",\n".join(contents) + b"]"


def items_of(status: int, read: bytes, *, sent: int, where: str) -> list[dict[str, Any]]:
    """What became of each document, of ``status`` and the body of an answer.

    Raises NotAllowed if the token will not do, Unavailable if nothing is known of any.
    """
    try:
        said = json.loads(read)
    except (ValueError, RecursionError):
        said = None
    said = said if isinstance(said, dict) else {}
    items: Any = said.get("items")
    if status in (401, 403) and items is None:
        raise NotAllowed(
            "the server takes nothing from us", where=where, got=_detail(said, status),
            do="WHEREFROM_TOKEN must be a token with the role record",
        )  # fmt: skip
    are_items = isinstance(items, list) and all(
        isinstance(item, dict) and "status" in item for item in items
    )
    if status >= 500 or not are_items or len(items) != sent:
        raise Unavailable(
            "the server takes nothing now",
            where=where,
            got=_detail(said, status),
            do="Try again in a moment; nothing was recorded",
        )
    found: list[dict[str, Any]] = items
    return found


def _detail(said: Mapping[str, Any], status: int) -> str:
    return str(said.get("detail") or f"status {status}")
