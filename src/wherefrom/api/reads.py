"""Reading over HTTP: each verb of the command line, with the same JSON.

Handlers are plain functions: Starlette runs them on worker threads, so that a long trace keeps
nobody else waiting.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from wherefrom.api.access import principal_of
from wherefrom.api.answers import json_response
from wherefrom.errors import Malformed
from wherefrom.formats.facts import KINDS
from wherefrom.query import exports
from wherefrom.query.desk import RECEIPT_FORMATS, Desk, Proof, TraceOptions

_COSE: Final = "application/cose"
_FLAGS: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _desk(request: Request) -> Desk:
    principal_of(request, "read")
    desk: Desk = request.app.state.desk
    return desk


def entry_index(request: Request) -> int:
    """The index in a path. Raises Malformed."""
    text = request.path_params["index"]
    if not text.isascii() or not text.isdecimal() or len(text) > 16:
        raise Malformed("not an entry index", expected="a decimal number from 0", got=text)
    return int(text)


def number(request: Request, name: str) -> int | None:
    """The number of a query parameter, None without it. Raises Malformed."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 16:
        raise Malformed("not a number", where=f"?{name}=", expected="digits", got=text)
    return int(text)


def flag(request: Request, name: str) -> bool:
    """Whether a query parameter says yes; no without it. Raises Malformed."""
    text = request.query_params.get(name, "0").lower()
    if text not in _FLAGS:
        raise Malformed("neither yes nor no", where=f"?{name}=", expected="1 or 0", got=text)
    return _FLAGS[text]


def _options(request: Request) -> TraceOptions:
    query = request.query_params
    if query.get("direction", "up") not in ("up", "down"):
        raise Malformed("not a direction", where="?direction=", expected="up or down")
    for kind in query.getlist("kind"):
        if kind not in KINDS:
            raise Malformed("not a kind", where="?kind=", expected=" ".join(KINDS), got=kind)
    return TraceOptions(
        direction=query.get("direction", "up"),
        depth=number(request, "depth"),
        kinds=tuple(query.getlist("kind")),
        at=query.get("at"),
        as_of=number(request, "as_of"),
        own=flag(request, "own"),
    )


def get_trace(request: Request) -> Response:
    """``/v1/trace/{id}?direction=&depth=&kind=&at=&as_of=&to=&format=``; ``to`` asks for a path."""
    desk, id, options = _desk(request), request.path_params["id"], _options(request)
    to, format = (request.query_params.get(name) for name in ("to", "format"))
    if format not in (None, "json", *exports.FORMATS):
        expected = " ".join(["json", *exports.FORMATS])
        raise Malformed("not a format", where="?format=", expected=expected, got=format)
    if to and options.kinds:
        raise Malformed("a way shows every step", where="?kind=", expected="no kind beside ?to=")
    answer = desk.path(id, to, options) if to else desk.trace(id, options)
    if format in (None, "json"):
        return json_response(answer)
    written = exports.write(answer, format)
    return Response(written, media_type=exports.FORMATS[format].media_type)


def get_show(request: Request) -> Response:
    """``/v1/show/{id}?at=&as_of=&own=``"""
    return json_response(_desk(request).show(request.path_params["id"], _options(request)))


def get_find(request: Request) -> Response:
    """``/v1/find?q=&as_of=&own=``"""
    desk, text = _desk(request), request.query_params.get("q", "")
    if not text.strip():
        raise Malformed("nothing to look for", where="?q=", expected="an id, tag or name")
    as_of, own = number(request, "as_of"), flag(request, "own")
    return json_response(desk.find(text, as_of=as_of, own=own))


def get_packages(request: Request) -> Response:
    """``/v1/packages?after=``: a page of the packages that the log names, without versions."""
    return json_response(_desk(request).packages(request.query_params.get("after", "")))


def get_lost(request: Request) -> Response:
    """``/v1/keys/{id}/lost``: what a key vouched for and no longer does, running things first."""
    return json_response(_desk(request).lost(request.path_params["id"]))


def get_record(request: Request) -> Response:
    """``/v1/records/{index}``: the entry, and whether its content is held."""
    return json_response(_desk(request).record(entry_index(request)))


def get_content(request: Request) -> Response:
    """``/v1/records/{index}/content``: the exact bytes."""
    content = _desk(request).content(entry_index(request))
    return Response(
        content,
        media_type="application/octet-stream",
        headers={"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment"},
    )


def get_receipt(request: Request) -> Response:
    """``/v1/receipts/{index}?format=``: a tlog-proof or COSE receipt, the entry inside."""
    desk, format = _desk(request), _receipt_format(request)
    media_type = _COSE if format == "cose" else "text/plain"
    return Response(desk.receipt(entry_index(request), format), media_type=media_type)


def _receipt_format(request: Request) -> str:
    format = request.query_params.get("format", "tlog-proof")
    if format not in RECEIPT_FORMATS:
        expected = " ".join(RECEIPT_FORMATS)
        raise Malformed("not a format", where="?format=", expected=expected, got=format)
    return format


def get_proof(request: Request) -> Response:
    """``/v1/prove/{id}?trace=1&content=1&format=``: an evidence file, or one entry's proof."""
    proof = _desk(request).prove(
        request.path_params["id"],
        whole_trace=flag(request, "trace"),
        content=flag(request, "content"),
        format=_receipt_format(request),
    )
    return proof_response(proof)


def proof_response(proof: Proof) -> Response:
    """Evidence as a file, with the entries that it holds."""
    kinds = {"zip": "application/zip", "cose": _COSE}
    kind = kinds.get(proof.name.rpartition(".")[2], "text/plain")
    headers = {
        "Content-Disposition": f'attachment; filename="{proof.name}"',
        "X-Wherefrom-Entries": " ".join(map(str, proof.entries[:100])),
    }
    return Response(proof.written, media_type=kind, headers=headers)


def get_proof_token(request: Request) -> Response:
    """``/v1/proof-token/{id}?expires=``: a short signed reference to a thing or an entry."""
    desk, expires = _desk(request), request.query_params.get("expires")
    return json_response(desk.proof_token(request.path_params["id"], expires=expires))


def get_verify(request: Request) -> Response:
    """``/v1/verify/{id}``: the steps that hold, for every record that speaks of a thing."""
    return json_response(_desk(request).verify(request.path_params["id"]))


def get_request(request: Request) -> Response:
    """``/v1/request/{id}``: the way of a request, by a traceparent, a trace id or its own id."""
    return json_response(_desk(request).request(request.path_params["id"]))


def get_status(request: Request) -> Response:
    """``/v1/log``: origin, size, root, key, checkpoint, and how far each view has come."""
    return json_response(_desk(request).status())


def get_anchor(request: Request) -> Response:
    """``/v1/log/anchor?entry=``: the first anchor that covers an entry, or the newest."""
    return json_response(_desk(request).anchor(number(request, "entry")))


def get_consistency(request: Request) -> Response:
    """``/v1/log/consistency?from=&to=``: base64 hashes, or with ``format=cose`` a receipt."""
    desk, first, second = _desk(request), number(request, "from"), number(request, "to")
    format = request.query_params.get("format", "json")
    if format not in ("json", "cose"):
        raise Malformed("not a format", where="?format=", expected="json cose", got=format)
    if first is not None and format == "cose":
        return Response(desk.consistency_receipt(first, second), media_type=_COSE)
    if first is None or second is None:
        raise Malformed("two sizes are needed", where="?from=&to=")
    return json_response(desk.consistency(first, second))
