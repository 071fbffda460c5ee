"""What the work in hand belongs to: its trace, its correlation id, where it came in.

    headers in ──begin──► Context ──entered──► current() ──headers──► headers out
                            │                     └ threads: carried(f); asyncio carries it itself
                            ├ correlation  the same at every hop
                            ├ origin       the reality that took the request in, the same at every hop
                            └ trace        a span of this hop's own

Where OpenTelemetry records a span, headers out name that span: both then tell one story. Headers
that cannot be read are passed over, as W3C says: what is observed never fails for its observer.

Source: W3C Trace Context, Baggage; DESIGN, "Reality"
"""  # noqa: E501 - the picture reads best on one line

from __future__ import annotations

import contextlib
import contextvars
import functools
import re
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, ParamSpec, TypeVar

from wherefrom.capture.identity import identity
from wherefrom.errors import Malformed
from wherefrom.formats import reality_id, trace_context
from wherefrom.formats.trace_context import Baggage, TraceParent

CORRELATION: Final = "prov.correlation.id"
ORIGIN: Final = "prov.origin.reality.id"
REALITY: Final = "prov.reality.id"
FLAG_SET: Final = "prov.flagset.hash"
CALLER: Final = "prov.caller.id"
# Where clients that know nothing of us put the id of a request.
REQUEST_HEADERS: Final = ("x-request-id", "x-correlation-id")
_CORRELATION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
_LISTS: Final = ("tracestate", "baggage")

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """What one hop's work belongs to.

    trace    this hop's own span
    parent   the span that called, empty where the trace begins here
    caller   who called, a SPIFFE id of its certificate; empty if unknown
    """

    trace: TraceParent
    correlation: str
    origin: str
    parent: str = ""
    tracestate: str = ""
    baggage: tuple[Baggage, ...] = ()
    caller: str = ""


_current: contextvars.ContextVar[Context | None] = contextvars.ContextVar("wherefrom", default=None)


def current() -> Context | None:
    """What the work in hand belongs to; None outside of any."""
    return _current.get()


def begin(carrier: Mapping[str, str] | None = None, *, trusts: bool = True) -> Context:
    """The context of work that came with these headers, names in lower case.

    trusts  whether whoever sent them is one of us; if not, ids are made anew, and what was sent
            is no more than the parent of a trace that begins here
    """
    carrier = carrier if trusts and carrier else {}
    caller_trace = _traceparent(carrier.get("traceparent", ""))
    trace = TraceParent(
        caller_trace.trace_id if caller_trace else secrets.token_hex(16),
        secrets.token_hex(8),
        caller_trace.flags if caller_trace else trace_context.SAMPLED,
    )
    baggage = trace_context.parse_baggage(carrier.get("baggage", ""))
    said = {member.key: member.value for member in reversed(baggage)}
    named = (said.get(CORRELATION), *(carrier.get(name) for name in REQUEST_HEADERS))
    correlation = next((t for t in named if t and _CORRELATION.fullmatch(t)), trace.trace_id)
    return Context(
        trace,
        correlation,
        origin=_origin(said.get(ORIGIN, "")) or identity().id,
        parent=caller_trace.span_id if caller_trace else "",
        tracestate=_tracestate(carrier.get("tracestate", "")) if caller_trace else "",
        baggage=tuple(m for m in baggage if m.key not in (CORRELATION, ORIGIN)),
    )


@contextlib.contextmanager
def entered(context: Context) -> Iterator[Context]:
    """Do what is in the block as work of ``context``."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def attached(context: Context | None) -> contextvars.Token[Context | None]:
    """As ``entered``, where no block can hold it; give the token to ``detached``."""
    return _current.set(context)


def detached(token: contextvars.Token[Context | None]) -> None:
    """The end of ``attached``; elsewhere than where it began, it is over already."""
    with contextlib.suppress(ValueError):
        _current.reset(token)


def headers() -> dict[str, str]:
    """What to send along with whatever is sent on: traceparent, tracestate, baggage."""
    here = current() or begin()
    trace, tracestate = _of_opentelemetry() or (here.trace, here.tracestate)
    ours = (Baggage(CORRELATION, here.correlation), Baggage(ORIGIN, here.origin))
    sent = {
        "traceparent": trace.to_text(),
        "tracestate": tracestate,
        "baggage": trace_context.baggage_text([*ours, *here.baggage]),
    }
    return {name: text for name, text in sent.items() if text}


def add_to(sent: Mapping[str, str]) -> dict[str, str]:
    """What of ``headers`` to set beside those that are there, names in lower case.

    A traceparent that another library set stays, and its baggage is kept behind ours.
    """
    ours = headers()
    if sent.get("traceparent"):
        del ours["traceparent"]
        ours.pop("tracestate", None)
    if sent.get("baggage"):
        mine = trace_context.parse_baggage(ours["baggage"])
        keys = {member.key for member in mine}
        theirs = trace_context.parse_baggage(sent["baggage"])
        ours["baggage"] = trace_context.baggage_text(
            [*mine, *(member for member in theirs if member.key not in keys)]
        )
    return ours


def carrier_of(pairs: Iterable[tuple[str | bytes, str | bytes | None]]) -> dict[str, str]:
    """Headers as a carrier: names in lower case, lists of several headers joined."""
    carrier: dict[str, str] = {}
    for name, value in pairs:
        name, value = _text(name).lower(), _text(value or "")
        if name in carrier:
            value = f"{carrier[name]},{value}" if name in _LISTS else ""  # two are none
        carrier[name] = value
    return carrier


def attributes() -> dict[str, str]:
    """What spans and logs of the work in hand say of it."""
    me, here = identity(), current()
    said = {REALITY: me.id, FLAG_SET: me.reality.flags or ""}
    if here is not None:
        said |= {CORRELATION: here.correlation, ORIGIN: here.origin, CALLER: here.caller}
    return {key: value for key, value in said.items() if value}


def carried(work: Callable[P, T]) -> Callable[P, T]:
    """``work`` as part of what is in hand now, in whichever thread it is called, and when."""
    here = current()

    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        token = _current.set(here)
        try:
            return work(*args, **kwargs)
        finally:
            _current.reset(token)

    return run


def called_by(context: Context, caller: str) -> Context:
    """With who called."""
    return replace(context, caller=caller)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _traceparent(text: str) -> TraceParent | None:
    try:
        return trace_context.parse_traceparent(text.strip()) if text else None
    except Malformed:
        return None


def _tracestate(text: str) -> str:
    try:
        return trace_context.tracestate_text(trace_context.parse_tracestate(text))
    except Malformed:
        return ""


def _origin(text: str) -> str:
    try:
        return reality_id.id_of(text, where=ORIGIN) if text else ""
    except Malformed:
        return ""


def recorded_span() -> TraceParent | None:
    """The span that OpenTelemetry records here; None where it records none."""
    found = _of_opentelemetry()
    return found[0] if found else None


def _of_opentelemetry() -> tuple[TraceParent, str] | None:
    """The span that OpenTelemetry records here, where a program uses it. Never imports it."""
    api: Any = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    span = api.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    trace = TraceParent(f"{span.trace_id:032x}", f"{span.span_id:016x}", int(span.trace_flags))
    return trace, span.trace_state.to_header()
