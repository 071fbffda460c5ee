"""The log as a SCITT transparency service: for clients that speak SCRAPI and nothing else.

    POST /entries                  a signed statement ──► a record like any other ──► its receipt
    GET  /entries/{index}          a fresh receipt (RFC 9942)
    GET  /entries/{index}/statement    the transparent statement: with that receipt in it
    GET  /.well-known/scitt-keys       and /{kid}: the log's key, as COSE says it
    GET  /.well-known/transparency-configuration      who signs, and where its keys are

An entry's locator is its index. A statement is registered when it is answered, so nobody has to
poll, but for a log whose witnesses are late: 303, and 302 until they have cosigned. The policy of
registration is the intake rules, and that a signature can be judged: its payload is here, its
algorithm known. Errors are concise problem details, in CBOR. See docs/formats/scrapi.md.

Here is what only reads; registering is in ``scrapi_door``, which needs what only writing imports.

Source: draft-ietf-scitt-scrapi-10; RFC 9290 (concise problem details); RFC 9052 §7
"""

from __future__ import annotations

import inspect
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import NotAuthenticated, principal_of
from wherefrom.api.problem_object import STATUSES
from wherefrom.api.problems import RETRY_AFTER_SECONDS
from wherefrom.api.reads import entry_index
from wherefrom.errors import Error, Malformed, NotFound, Refused, Unavailable
from wherefrom.formats import cbor, scitt
from wherefrom.formats.note import ED25519
from wherefrom.keys.cose import cose_key, thumbprint
from wherefrom.query.desk import Desk

ENTRIES: Final = "/entries"
KEYS: Final = "/.well-known/scitt-keys"
CONFIGURATION: Final = "/.well-known/transparency-configuration"
RECEIPT_TYPE: Final = "application/cose"
CBOR_TYPE: Final = "application/cbor"
PROBLEM_TYPE: Final = "application/concise-problem-details+cbor"
_TITLE, _DETAIL = -1, -2
_CACHED: Final = {"Cache-Control": "public, max-age=3600"}
# What the draft calls a refusal, by our code; any other is what HTTP calls its status.
_TITLES: Final = {
    "malformed": "Malformed request",
    "unsupported": "Malformed request",
    "refused": "Rejected",
    "bad_signature": "Rejected",
    "forbidden_field": "Rejected",
    "not_allowed": "Rejected",
}

Handler = Callable[[Request], Awaitable[Response] | Response]


class Named(Refused):
    """A refusal that the draft has a title of its own for."""

    code = "malformed"

    def __init__(self, title: str, what: str, **more: Any) -> None:
        super().__init__(what, **more)
        self.title = title


def get_entry(request: Request) -> Response:
    """``/entries/{index}``: a fresh receipt."""
    desk, index = _desk(request), _index(request)
    location = {"Location": f"{ENTRIES}/{index}"}
    try:
        receipt = desk.receipt(index, "cose", nonce=True)
    except Unavailable:
        return later(302, location)
    return Response(receipt, 200, location, media_type=RECEIPT_TYPE)


def get_statement(request: Request) -> Response:
    """``/entries/{index}/statement``: the statement with a fresh receipt in it."""
    desk, index = _desk(request), _index(request)
    content, receipt = desk.content(index), desk.receipt(index, "cose", nonce=True)
    try:
        written = scitt.transparent(content, receipt)
    except Refused as error:
        raise NotFound(
            f"entry {index} is no signed statement that a receipt can be put into",
            got=str(error),
            do="Ask for its receipt alone: GET /v1/receipts/INDEX",
        ) from error
    return Response(written, media_type=RECEIPT_TYPE)


def get_keys(request: Request) -> Response:
    """``/.well-known/scitt-keys``: a COSE key set, of every key that ever signed receipts."""
    keys = [cose_key(key) for key in _public_keys(request)]
    return Response(cbor.encode(keys), media_type=CBOR_TYPE, headers=_CACHED)


def get_key(request: Request) -> Response:
    """``/.well-known/scitt-keys/{kid}``: one of them by the id that receipts name it by."""
    for key in _public_keys(request):
        # A thumbprint is not safe in a URL, so it stands there in base64url.
        if request.path_params["kid"] == urlsafe_b64encode(thumbprint(key)).decode().rstrip("="):
            return Response(cbor.encode(cose_key(key)), media_type=CBOR_TYPE, headers=_CACHED)
    raise NotFound(
        "no such key",
        expected="a kid of a receipt, in base64url without padding",
        do="GET /.well-known/scitt-keys lists the keys of this log",
    )


def get_configuration(request: Request) -> Response:
    """``/.well-known/transparency-configuration``: as drafts up to -05 had it."""
    desk: Desk = request.app.state.desk
    said = {"issuer": desk.origin, "cose_keys_uri": KEYS}
    return Response(cbor.encode(said), media_type=CBOR_TYPE, headers=_CACHED)


def _desk(request: Request) -> Desk:
    principal_of(request, "read", basic=True)
    desk: Desk = request.app.state.desk
    return desk


def _public_keys(request: Request) -> list[bytes]:
    desk: Desk = request.app.state.desk
    return [key.public_key for key in desk.log_keys() if key.algorithm == ED25519]


def _index(request: Request) -> int:
    try:
        return entry_index(request)
    except Malformed as error:
        raise Named(
            "Invalid locator", error.what, expected=error.expected, got=error.got
        ) from error


# -- for ``scrapi_door`` too


def told(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A handler whose errors are told as this door tells them; it may be a plain function."""

    async def run(request: Request) -> Response:
        try:
            if inspect.iscoroutinefunction(handler):
                answered: Response = await handler(request)
            else:
                answered = await run_in_threadpool(handler, request)  # type: ignore[arg-type]
            return answered
        except NotAuthenticated:
            return problem("not_authenticated", "a token is needed, a bearer's or a password")
        except Error as error:
            return problem(error.code, str(error), title=getattr(error, "title", None))

    return run


def problem(code: str, detail: str, *, title: str | None = None) -> Response:
    """The concise problem details of an error."""
    status = 401 if code == "not_authenticated" else STATUSES.get(code, 500)
    if code in _TITLES and status in (415, 422):
        status = 400  # the draft has one answer for all that is wrong with a statement
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer, Basic realm="wherefrom"'
    said = {_TITLE: title or _TITLES.get(code, HTTPStatus(status).phrase), _DETAIL: detail}
    return Response(cbor.encode(said), status, headers, media_type=PROBLEM_TYPE)


def later(status: int, location: Mapping[str, str]) -> Response:
    """Its receipt is not there yet: ask at ``location`` in a moment."""
    headers = {**location, "Retry-After": str(RETRY_AFTER_SECONDS)}
    return Response(b"", status, headers, media_type=RECEIPT_TYPE)


# The reader's routes; every one is on the port too.
READS: Final = [
    (ENTRIES + "/{index}", told(get_entry)),
    (ENTRIES + "/{index}/statement", told(get_statement)),
    (KEYS, told(get_keys)),
    (KEYS + "/{kid}", told(get_key)),
    (CONFIGURATION, told(get_configuration)),
]
