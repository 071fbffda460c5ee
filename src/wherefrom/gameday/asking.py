"""Ask the server of a game day, as its operator: a connection for each question, as curl has.

Sizes:  an answer is waited for so long as is said, and read up to ANSWER_BYTES_MAX
"""

from __future__ import annotations

import http.client
import json
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from wherefrom.errors import Unavailable

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024


class Answer(NamedTuple):
    """A status, and the body as text."""

    status: int
    text: str

    def json(self) -> Any:
        """What the body says. Raises ValueError."""
        return json.loads(self.text)


class Operator:
    """Who asks: the address of a server, and the administrator's token."""

    def __init__(self, url: str, token: str) -> None:
        self._host = urlsplit(url).netloc
        self._token = token

    def get(self, path: str, *, timeout_s: float, **query: str) -> Answer:
        """A question. Raises Unavailable without an answer."""
        asked = f"{path}?{urlencode(query)}" if query else path
        return self._ask("GET", asked, None, timeout_s)

    def post(self, path: str, said: dict[str, Any], *, timeout_s: float) -> Answer:
        """Something to be done. Raises Unavailable without an answer."""
        return self._ask("POST", path, json.dumps(said).encode(), timeout_s)

    def _ask(self, method: str, path: str, body: bytes | None, timeout_s: float) -> Answer:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(self._host, timeout=timeout_s)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(ANSWER_BYTES_MAX).decode("utf-8", "replace"))
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                "the server does not answer", where=path, got=str(error) or repr(error)
            ) from error
        finally:
            connection.close()
