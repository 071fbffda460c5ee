"""The way of one request: which programs served it, and what each of them was made of.

    TRACEPARENT, a trace id, or a request's id ──► its traces ──► hops, each with its reality
                                               └─► its invocations, from the log, with their proof

A hop is the spans that one instance, in one reality, made without a break; it hangs below the hop
that called it. A parent that is not held (sampled out, not sent, another company's) makes a root,
and is counted as missing.

Sizes:  TRACES_MAX traces · SPANS_MAX spans a trace · INVOCATIONS_MAX invocations
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from wherefrom.errors import Malformed, NotFound
from wherefrom.formats.invocation import request_id
from wherefrom.formats.timestamps import of_micros
from wherefrom.formats.trace_context import parse_traceparent
from wherefrom.query.answers import LogPosition, log_of
from wherefrom.views.graph import Snapshot
from wherefrom.views.graph.lens import Judgement
from wherefrom.views.graph.schema import RELATION_NUMBERS
from wherefrom.views.requests.reader import Held, RequestReader

TRACES_MAX: Final = 20
SPANS_MAX: Final = 10_000
INVOCATIONS_MAX: Final = 100
_MENTIONS_MAX: Final = 4
ID_CHARS_MAX: Final = 256
_TRACE: Final = re.compile(r"[0-9a-fA-F]{32}")


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One program's part in a request; an empty text is unknown.

    depth    how many hops lie above it
    parent   the span that called it
    spans    how many spans it made; ``errors`` how many of them failed
    whole    whether its service is billable: then it is kept, and kept whole
    """

    depth: int
    span: str
    parent: str
    name: str
    service: str
    environment: str
    region: str
    pool: str
    instance: str
    version: str
    build: str
    reality: str
    artifact: str
    config: str
    flags: str
    policy: str
    caller: str
    at: str
    duration_ms: float
    spans: int
    errors: int
    whole: bool


class RequestTrace(msgspec.Struct, frozen=True, kw_only=True):
    """One trace of a request.

    origin   the reality of the program that took the request in
    missing  how many spans are named as parents and not held
    """

    trace: str
    correlation: str
    origin: str
    at: str
    duration_ms: float
    hops: list[Hop]
    missing: int
    truncated: bool


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a function for a request, as a record says it; an empty text is unknown.

    entry    the record, and how far it is believed
    input    what commits to the payload of the event
    outcome  ``ok`` or ``error``
    """

    entry: int
    trust: str
    signers: tuple[str, ...]
    at: str
    event: str
    tenant: str
    handler: str
    service: str
    outcome: str
    reality: str
    artifact: str
    config: str
    flags: str
    policy: str
    build: str
    input: str


class RequestPath(msgspec.Struct, frozen=True, kw_only=True):
    """All that is held of a request, the newest trace first.

    invocations  what the log says of it, the oldest first, at the size ``log``
    """

    of: str
    log: LogPosition
    invocations: list[Invocation]
    traces: list[RequestTrace]
    truncated: bool


def request_path(reader: RequestReader, graph: Snapshot, text: str) -> RequestPath:
    """The way of a request. Raises NotFound, Malformed."""
    traces = _traces_of(reader, text)
    shown = [_trace(reader, trace) for trace in traces[:TRACES_MAX]]
    found = [trace for trace in shown if trace is not None]
    ids = {text, *(trace.correlation for trace in found if trace.correlation)}
    called = _invocations(graph, ids)
    if not found and not called:
        raise NotFound(
            "no span and no invocation of such a request is held", got=text,
            do="It was not sent here, the rules left it out, or its time is over",
        )  # fmt: skip
    return RequestPath(
        of=text,
        log=log_of(graph),
        invocations=called[:INVOCATIONS_MAX],
        traces=found,
        truncated=len(traces) > TRACES_MAX or len(called) > INVOCATIONS_MAX,
    )


def _invocations(graph: Snapshot, ids: Collection[str]) -> list[Invocation]:
    lens = graph.lens()
    numbers = list(graph.numbers(map(request_id, ids)).values())
    steps = graph.steps(
        numbers, lens, up=False, only=RELATION_NUMBERS["informed_by"], rows_max=INVOCATIONS_MAX + 1
    )
    calls = {step.effect for step in steps}
    mentions = graph.mentions(calls, lens, each_max=_MENTIONS_MAX)
    judged = graph.judgements({mention.entry for mention in mentions}, lens)
    found = []
    for mention in mentions:
        said = msgspec.json.decode(mention.properties or "{}")
        if said.get("request") in ids and "handler" in said:  # not only named by another record
            found.append(_invocation(said, judged[mention.entry]))
    return sorted(found, key=lambda one: (one.at, one.entry))


def _invocation(said: dict[str, Any], judged: Judgement) -> Invocation:
    named = ("event", "tenant", "handler", "service", "outcome", "reality", "artifact", "config",
             "flags", "policy", "build", "input")  # fmt: skip
    return Invocation(
        entry=judged.entry,
        trust=judged.level,
        signers=tuple(judged.signers),
        at=judged.time,
        **{name: str(said.get(name, "")) for name in named},
    )


def _traces_of(reader: RequestReader, text: str) -> list[str]:
    if not text or len(text) > ID_CHARS_MAX or not text.isprintable():
        raise Malformed(
            "not the id of a request", got=text,
            expected="a traceparent, a trace id, or the id that a request came with",
        )  # fmt: skip
    if text.startswith("00-") and len(text) == 55:
        return [parse_traceparent(text).trace_id]
    named = reader.traces(text, limit=TRACES_MAX + 1)
    if _TRACE.fullmatch(text) and text.lower() not in named:
        return [text.lower(), *named]
    return named


def _trace(reader: RequestReader, trace: str) -> RequestTrace | None:
    spans = reader.spans(trace, limit=SPANS_MAX + 1)
    if not spans:
        return None
    truncated, spans = len(spans) > SPANS_MAX, spans[:SPANS_MAX]
    ids = {span.span for span in spans}
    began, ended = min(s.start for s in spans), max(s.start + s.micros for s in spans)
    return RequestTrace(
        trace=trace,
        correlation=next((s.correlation for s in spans if s.correlation), ""),
        origin=next((s.origin for s in spans if s.origin), ""),
        at=of_micros(began),
        duration_ms=(ended - began) / 1000,
        hops=_hops(spans),
        missing=len({s.parent for s in spans if s.parent} - ids),
        truncated=truncated,
    )


def _hops(spans: Sequence[Held]) -> list[Hop]:
    """Depth first, each hop's callees in the order in which they began."""
    by_id = {span.span: span for span in spans}
    first: dict[str, str] = {}
    for span in spans:
        _find_first(span, by_id, first)
    inside: dict[str, list[Held]] = {}
    for span in spans:
        inside.setdefault(first[span.span], []).append(span)
    below: dict[str, list[str]] = {}
    for id in inside:
        caller = first.get(by_id[id].parent, "")
        below.setdefault("" if caller == id else caller, []).append(id)
    hops: list[Hop] = []
    waiting = [(id, 0) for id in reversed(below.get("", []))]
    while waiting:
        id, depth = waiting.pop()
        hops.append(_hop(by_id[id], inside.pop(id), depth))
        waiting += [(callee, depth + 1) for callee in reversed(below.get(id, []))]
    # Spans that call each other in a circle hang below nothing; they are shown all the same.
    return hops + [_hop(by_id[id], some, 0) for id, some in inside.items()]


def _find_first(span: Held, by_id: dict[str, Held], first: dict[str, str]) -> None:
    """Find the span with which the hop of ``span`` began, and of all on the way there."""
    way: dict[str, None] = {}
    while span.span not in first and span.span not in way:
        way[span.span] = None
        parent = by_id.get(span.parent)
        if parent is None or (parent.source, parent.reality) != (span.source, span.reality):
            break
        span = parent
    began = first.get(span.span, span.span)
    first.update(dict.fromkeys(way, began))


def _hop(span: Held, inside: Sequence[Held], depth: int) -> Hop:
    source = span.source
    ended = max(s.start + s.micros for s in inside)
    return Hop(
        depth=depth,
        span=span.span,
        parent=span.parent,
        name=span.name,
        service=source.service,
        environment=source.environment,
        region=source.region,
        pool=source.pool,
        instance=source.instance,
        version=source.version,
        build=source.build,
        reality=span.reality,
        artifact=source.artifact,
        config=source.config,
        flags=span.flags,
        policy=source.policy,
        caller=span.caller,
        at=of_micros(span.start),
        duration_ms=(ended - span.start) / 1000,
        spans=len(inside),
        errors=sum(s.error for s in inside),
        whole=any(s.whole for s in inside),
    )
