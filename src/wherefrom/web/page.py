"""How an answer becomes a page.

    handler(Ask) ──► Page ──┬─ ?format=json ──► the answer, as the API gives it
                            ├─ ?part=NAME   ──► one block of the template, for a page that is open
                            └─ else         ──► the whole page

Everything that a page loads comes from this server, and nothing in it is a script or a style of its
own: the content security policy says so to the browser, and a text of a stranger that slipped
through escaping would still not run.

Sizes:  what is over COMPRESS_BYTES_MIN is compressed for whoever takes that
Source: W3C Content Security Policy Level 3; RFC 9110 (content negotiation)
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wherefrom.api.access import NotAuthenticated
from wherefrom.api.problem_object import STATUSES, problem_of
from wherefrom.api.problems import RETRY_AFTER_SECONDS
from wherefrom.errors import Error, Malformed
from wherefrom.query.answers import LogPosition
from wherefrom.web.asking import Ask, same
from wherefrom.web.words import FILTERS, harmless, service_path, with_query

if TYPE_CHECKING:
    import jinja2

COMPRESS_BYTES_MIN: Final = 1_000
_COMPRESS_LEVEL: Final = 5
# What a page needs to know of who asks; the API looks at nobody's cookie.
OF_PAGES: Final = frozenset({b"accept-encoding", b"authorization", b"cookie"})
FOLDER: Final = Path(__file__).parent
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler found.

    template  file in ``templates/``
    title     of the window, and of the heading where the template has none of its own
    answer    what the JSON twin is; a struct, or a mapping of structs
    log       the log as of which it speaks; None where a page speaks of no log
    beside    what only the HTML needs: drawings, choices of a form
    at        the time of which it speaks, for its lasting link
    now_only  it says how things stand now, whatever size was asked about
    """

    template: str
    title: str
    answer: Any
    log: LogPosition | None = None
    beside: dict[str, Any] = {}
    at: str | None = None
    now_only: bool = False


Handler = Callable[[Ask], Page]


def page(handler: Handler) -> Callable[[Request], Any]:
    """The endpoint of a handler. Handlers are plain functions and run on worker threads."""

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answered, handler, request)

    return endpoint


def answered(handler: Handler, request: Request) -> Response:
    """The answer to one request, errors included."""
    form = request.query_params.get("format", "html")
    try:
        if form not in ("html", "json"):
            raise Malformed("not a format", where="?format=", expected="html json", got=form)
        ask = Ask(request)
        found = handler(ask)
    except NotAuthenticated:
        if form == "json":
            raise
        return _to_sign_in(request)
    except Error as error:
        if form == "json":
            raise
        return of_error(request, error)
    if form == "json":
        return _sent(request, msgspec.json.encode(found.answer), "application/json")
    return _sent(request, render(found, ask), "text/html; charset=utf-8")


def whole_file(request: Request, make: Callable[[Ask], tuple[bytes, str, str]]) -> Response:
    """A file to keep, of somebody who signed in: its bytes, media type and own security policy."""
    try:
        content, media_type, policy = make(Ask(request))
    except NotAuthenticated:
        return _to_sign_in(request)
    except Error as error:
        return of_error(request, error)
    headers = SECURITY_HEADERS | {
        "Content-Security-Policy": policy, "Cache-Control": "private, no-cache",
    }  # fmt: skip
    return compressed(request, content, media_type, headers=headers)


def render(found: Page, ask: Ask) -> bytes:
    """The HTML of a page, or of the part of it that was asked for. Raises Malformed."""
    template = templates().get_template(found.template)
    link = functools.partial(_link, ask.as_of, ask.at)
    log = found.log
    as_of = None if found.now_only else ask.as_of
    if log is not None and as_of is not None and as_of < log.size:
        log = msgspec.structs.replace(log, root=ask.desk.root_at(as_of))
    context = {
        "title": found.title, "answer": found.answer, "log": log, "ask": ask, "link": link,
        "twin": ask.same(format="json"),
        "lasting": _lasting(found, ask) if log and not found.now_only else None,
        "newest": ask.same(as_of=None) if ask.as_of is not None else None,
        "as_of": as_of,
        **found.beside,
    }  # fmt: skip
    part = ask.query("part")
    if not part:
        return template.render(context).encode()
    if part not in template.blocks:
        raise Malformed(
            "no such part", where="?part=", expected=" ".join(sorted(template.blocks)), got=part
        )
    return "".join(template.blocks[part](template.new_context(context))).encode()


def _lasting(found: Page, ask: Ask) -> str:
    """The link of a page that says the same whenever it is opened: its size, and its time."""
    assert found.log is not None, "only what speaks of a log lasts"
    at = {"at": found.at} if found.at else {}
    return ask.same(as_of=found.log.size, **at)


def of_error(request: Request, error: Error) -> Response:
    """An error as a page: what, where, expected, got, and what to do."""
    status = STATUSES.get(error.code, 500)
    context = {"title": error.what, "problem": problem_of(error), "log": None, "status": status}
    html = templates().get_template("error.html").render(context | _bare()).encode()
    sent = _sent(request, html, "text/html; charset=utf-8", status)
    if status == 503:
        sent.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return sent


def plain(request: Request, template: str, title: str, **context: Any) -> Response:
    """A page that asks the log nothing."""
    html = templates().get_template(template).render({"title": title, **_bare(), **context})
    return _sent(request, html.encode(), "text/html; charset=utf-8")


@functools.cache
def templates() -> jinja2.Environment:
    """The templates: everything in them is escaped, and a name that is not there is an error."""
    import jinja2  # late: a server whose pages nobody opens does not pay for it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda said: harmless(said) if type(said) is str else said,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(FILTERS)
    environment.globals["static"] = static_link
    environment.globals["service_path"] = service_path
    # Not imported by each template: a block that is rendered alone would not have them.
    environment.globals["parts"] = environment.get_template("parts.html").module
    return environment


@functools.cache
def static_link(name: str) -> str:
    """The link of a file of ours; it changes with its content, so that it may be kept for ever."""
    import hashlib

    content = (FOLDER / "static" / name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def _bare() -> dict[str, Any]:
    return {
        "log": None, "ask": None, "twin": None, "lasting": None, "newest": None,
        "as_of": None,
        "link": functools.partial(_link, None, None),
    }  # fmt: skip


def _link(as_of: int | None, at: str | None, path: str, /, **query: Any) -> str:
    """A link to another page that speaks as of the same size and time as this one."""
    return with_query(path, **{"as_of": as_of, "at": at} | query)


def _to_sign_in(request: Request) -> Response:
    target = same(request)
    return RedirectResponse(
        with_query("/login", to=target if target != "/" else ""), 303, SECURITY_HEADERS
    )


def _sent(request: Request, content: bytes, media_type: str, status: int = 200) -> Response:
    headers = {"Cache-Control": "private, no-cache", "Vary": "Accept-Encoding, Cookie"}
    headers.update(SECURITY_HEADERS)
    return compressed(request, content, media_type, status=status, headers=headers)


def compressed(
    request: Request,
    content: bytes,
    media_type: str,
    *,
    status: int = 200,
    headers: Mapping[str, str],
) -> Response:
    """A response, compressed where that is worth it and was asked for."""
    said = dict(headers)
    if len(content) > COMPRESS_BYTES_MIN and "gzip" in request.headers.get("accept-encoding", ""):
        content = gzip.compress(content, _COMPRESS_LEVEL, mtime=0)
        said["Content-Encoding"] = "gzip"
    return Response(content, status, said, media_type=media_type)
