"""A Wherefrom server decides: its ``POST /v1/decide``, and how far its graph is.

Unlike a person's command this never waits long: whoever asks has a cluster waiting.

Sizes:  a question waits WAIT_SECONDS, a connection CONNECT_SECONDS · an answer 16 MiB · a server
        that says it is busy is asked again for BUSY_SECONDS
Source: docs/http.md
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import httpx
import msgspec

from wherefrom.errors import Error, NotFound, Refused, SettingError, Unavailable
from wherefrom.formats.policy import Policy
from wherefrom.policy.verdict import Verdict
from wherefrom.query.answers import LogPosition

CONNECT_SECONDS: Final = 2.0
WAIT_SECONDS: Final = 8.0
BUSY_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 0.2
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
T = TypeVar("T")


class _Verdicts(msgspec.Struct, frozen=True):
    verdicts: list[Verdict]


class _Status(msgspec.Struct, frozen=True):
    origin: str
    root: str
    views: dict[str, int]


class _Problem(msgspec.Struct, frozen=True):
    code: str = "error"
    title: str = "the server refused"
    got: str | None = None
    do: str | None = None


class RemoteDecider:
    """Asks one server, with a token of the role ``read``.

    tls  checks the server's certificate; False for plain HTTP
    """

    def __init__(self, url: str, *, token: str | None, tls: ssl.SSLContext | bool) -> None:
        self._url = url
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(WAIT_SECONDS, connect=CONNECT_SECONDS),
            verify=tls,
            trust_env=False,
        )

    def decide(
        self, policy: Policy, artifacts: Sequence[str], environment: str
    ) -> list[Verdict | Error]:
        """As ``Decider``. One that cannot be decided costs the others nothing."""
        try:
            return list(self._asked(policy, artifacts, environment))
        except (NotFound, Refused) as error:
            if len(artifacts) == 1:
                return [error]
        return [one for a in artifacts for one in self.decide(policy, [a], environment)]

    def reached(self) -> LogPosition:
        """As ``Decider``: what is answered from is the graph."""
        said = _read(self._send("GET", "/v1/log", None), _Status, self._url)
        return LogPosition(origin=said.origin, size=said.views.get("graph", 0), root=said.root)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _asked(
        self, policy: Policy, artifacts: Sequence[str], environment: str
    ) -> Sequence[Verdict]:
        asked = {
            "artifacts": list(artifacts),
            "policy": policy.to_document(),
            "environment": environment,
        }
        return _read(self._send("POST", "/v1/decide", asked), _Verdicts, self._url).verdicts

    def _send(self, method: str, path: str, asked: Any) -> bytes:
        """The answer; a busy server and a connection that broke are tried again, for a moment."""
        body = b"" if asked is None else msgspec.json.encode(asked)
        until = time.monotonic() + BUSY_SECONDS
        broke = False
        while True:
            try:
                status, read = self._sent(method, path, body)
            except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
                may_be_stale = isinstance(error, httpx.RemoteProtocolError | httpx.ReadError)
                if may_be_stale and not broke:
                    broke = True
                    continue
                said = str(error) or type(error).__name__
                raise Unavailable(
                    "the log does not answer",
                    where=self._url,
                    got=said,
                    do="Is it running? Its address is that of --server or WHEREFROM_URL",
                ) from error
            if 200 <= status < 300:
                return read
            if status != 503 or time.monotonic() > until:
                raise self._refused(status, read)
            time.sleep(AGAIN_SECONDS)

    def _sent(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} if body else {}
        with self._client.stream(method, path, content=body, headers=headers) as answer:
            read = bytearray()
            for piece in answer.iter_bytes():
                read += piece
                if len(read) > ANSWER_BYTES_MAX:
                    raise Unavailable(
                        "the server's answer is too large",
                        where=self._url,
                        do="Is it a Wherefrom server of this version?",
                    )
        return answer.status_code, bytes(read)

    def _refused(self, status: int, read: bytes) -> Error:
        try:
            problem = msgspec.json.decode(read, type=_Problem)
        except (msgspec.DecodeError, UnicodeDecodeError):
            problem = _Problem()
        if status in (401, 403):
            return SettingError(
                "the log does not know this token, or lets it ask nothing", where=self._url,
                do="WHEREFROM_TOKEN must be a token with the role read",
            )  # fmt: skip
        if status == 404 and problem.code == NotFound.code and problem.title != "no such route":
            return NotFound(problem.title, got=problem.got)
        if status in (400, 409, 413, 422) and problem.code != "error":
            return Refused(problem.title, got=problem.got)
        return Unavailable(
            "the log does not answer",
            where=self._url,
            got=f"HTTP {status} {problem.title}",
            do="Is it running? Its address is that of --server or WHEREFROM_URL",
        )


def _read(written: bytes, kind: type[T], url: str) -> T:
    try:
        return msgspec.json.decode(written, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unavailable(
            "this is not how a log answers", where=url, got=str(error),
            do="Is it a Wherefrom server of this version?",
        ) from error  # fmt: skip
