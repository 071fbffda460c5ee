"""Who is asking: the bearer token of a request becomes a principal.

Tile reads, the checkpoint, health and metrics need no token: what they show is made to be public
(entries hold commitments, key ids and keyed hashes), and tile clients send none.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wherefrom.api.measured import CODE
from wherefrom.api.problem_object import problem
from wherefrom.api.problems import MEDIA_TYPE
from wherefrom.collect.principals import Principal, TokenFile

_WHAT: Final = "a bearer token is needed"
_EXPECTED: Final = "Authorization: Bearer TOKEN"
_DO: Final = (
    "The administrator's token lies in the file token of the data directory; others come "
    "from: wherefrom tokens new NAME"
)


class NotAuthenticated(Exception):
    """No token, or one that nobody has.

    expected, do  what else than a bearer token was to be sent, and how one comes to have it
    """

    def __init__(self, what: str = _WHAT, *, expected: str = _EXPECTED, do: str = _DO) -> None:
        super().__init__(what)
        self.what, self.expected, self.do = what, expected, do


def principal_of(request: Request, role: str, *, basic: bool = False) -> Principal:
    """The principal of a request. Raises NotAuthenticated, or NotAllowed without ``role``.

    basic  also take a token as a password: for clients that send no header of their own, and take
           what stands in the URL they are given, https://any:TOKEN@host
    """
    tokens: TokenFile = request.app.state.tokens
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    if basic and scheme.lower() == "basic":
        scheme, said = "bearer", _password(said)
    principal = tokens.authenticate(said.strip()) if scheme.lower() == "bearer" else None
    if principal is None:
        raise NotAuthenticated
    principal.need(role)
    return principal


def _password(said: str) -> str:
    try:
        return base64.b64decode(said, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


async def on_not_authenticated(request: Request, error: Exception) -> Response:
    """401, with what to do."""
    assert isinstance(error, NotAuthenticated)
    request.scope[CODE] = "not_authenticated"
    said = problem(
        "not_authenticated", error.what, status=401, expected=error.expected, do=error.do
    )
    return JSONResponse(said, 401, {"WWW-Authenticate": "Bearer"}, media_type=MEDIA_TYPE)
