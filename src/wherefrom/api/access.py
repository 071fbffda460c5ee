"""Who is asking: the bearer token of a request becomes a principal.

Tile reads, the checkpoint, health and metrics need no token: what they show is made to be public
(entries hold commitments, key ids and keyed hashes), and tile clients send none.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wherefrom.api.problem_object import problem
from wherefrom.api.problems import MEDIA_TYPE
from wherefrom.collect.principals import Principal, TokenFile


class NotAuthenticated(Exception):
    """No token, or one that nobody has."""


def principal_of(request: Request, role: str) -> Principal:
    """The principal of a request. Raises NotAuthenticated, or NotAllowed without ``role``."""
    tokens: TokenFile = request.app.state.tokens
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    principal = tokens.authenticate(bearer.strip()) if scheme.lower() == "bearer" else None
    if principal is None:
        raise NotAuthenticated
    principal.need(role)
    return principal


async def on_not_authenticated(_: Request, __: Exception) -> Response:
    """401, with what to do."""
    said = problem(
        "not_authenticated",
        "a bearer token is needed",
        status=401,
        expected="Authorization: Bearer TOKEN",
        do="The administrator's token lies in the file token of the data directory; others come "
        "from: wherefrom tokens new NAME",
    )
    return JSONResponse(said, 401, {"WWW-Authenticate": "Bearer"}, media_type=MEDIA_TYPE)
