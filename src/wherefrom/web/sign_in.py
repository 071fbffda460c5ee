"""Signing in: a browser brings its token in a cookie that scripts cannot read.

    GET /login ──► a form ──► POST /login, token ──► a cookie, and on to the page that was wanted

The cookie is sent along when somebody follows a link from elsewhere (an alert, a chat), since pages
change nothing; a form of another site never brings it (``SameSite=Lax``), and neither may sign
anybody in or out: the browser says where a form came from.

Source: RFC 6265bis; Fetch (``Origin``, ``Sec-Fetch-Site``)
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wherefrom.api.questions import read_whole
from wherefrom.collect.principals import TokenFile
from wherefrom.errors import Error, NotAllowed
from wherefrom.formats.question_settings import is_own_path
from wherefrom.web.asking import COOKIE
from wherefrom.web.page import SECURITY_HEADERS, of_error, plain
from wherefrom.web.words import with_query

LASTS_SECONDS: Final = 12 * 3_600
_FORM_BYTES_MAX: Final = 8_192


async def get_login(request: Request) -> Response:
    """``GET /login?to=&wrong=``: the form."""
    return plain(
        request, "login.html", "Sign in",
        to=_own_path(request.query_params.get("to", "")), wrong="wrong" in request.query_params,
    )  # fmt: skip


async def post_login(request: Request) -> Response:
    """``POST /login``, ``token=…&to=…``: the cookie, if the token may read."""
    try:
        return await _signed_in(request)
    except Error as error:
        return of_error(request, error)


async def post_logout(request: Request) -> Response:
    """``POST /logout``: the cookie goes."""
    try:
        _need_own_form(request)
    except NotAllowed as error:
        return of_error(request, error)
    response = RedirectResponse("/login", 303, SECURITY_HEADERS)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response


async def _signed_in(request: Request) -> Response:
    _need_own_form(request)
    body = await read_whole(request, bytes_max=_FORM_BYTES_MAX)
    form = parse_qs(body.decode("utf-8", "replace"))
    token, to = (form.get(name, [""])[0].strip() for name in ("token", "to"))
    tokens: TokenFile = request.app.state.tokens
    principal = tokens.authenticate(token)
    if principal is None:
        return RedirectResponse(
            with_query("/login", wrong="1", to=_own_path(to)), 303, SECURITY_HEADERS
        )
    principal.need("read")
    response = RedirectResponse(_own_path(to) or "/", 303, SECURITY_HEADERS)
    response.set_cookie(
        COOKIE, token, max_age=LASTS_SECONDS, httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


def _need_own_form(request: Request) -> None:
    """Raises NotAllowed for a form that stood on a page of another site."""
    said = request.headers.get("origin")
    own = request.headers.get("host", "")
    if said is not None and urlsplit(said).netloc != own:
        raise NotAllowed(
            "this form was sent from another site", expected=own, got=said,
            do="Open /login of this server itself",
        )  # fmt: skip


def _own_path(to: str) -> str:
    """``to`` if it is a path of this server, else nothing: a link must not lead elsewhere."""
    return to if is_own_path(to) else ""
