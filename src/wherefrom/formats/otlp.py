"""Spans as OTLP brings them: of each, what says which program did it and for which request.

    {"resourceSpans": [{"resource", "scopeSpans": [{"spans": [{…}]}]}]} ──read──► Batch
                                                        │ spans that can be read
                                                        └ how many could not, and why

A span that is broken costs itself alone, as OTLP's partial success has it. What is not about
identity (events, links, all other attributes) is left out: it belongs to a store of traces.

Sizes:  SPANS_MAX spans a batch · a name or attribute is cut at TEXT_CHARS_MAX · IDS_MAX ids a span
Source: OTLP 1.9, "JSON Protobuf Encoding", "Partial Success"; docs/formats/otlp.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import reality_id, spiffe
from wherefrom.formats.reality_id import Reality
from wherefrom.formats.strict_json import as_object, get_array, get_object

SPANS_MAX: Final = 100_000
TEXT_CHARS_MAX: Final = 256
IDS_MAX: Final = 4
WHY_MAX: Final = 5
_NANOS_MAX: Final = 2**64
_TRACE: Final = re.compile(r"[0-9a-f]{32}")
_SPAN: Final = re.compile(r"[0-9a-f]{16}")
_ERRORS: Final = (2, "STATUS_CODE_ERROR")
# The ids under which people ask for a request.
_IDS: Final = (
    "prov.correlation.id", "faas.invocation_id", "http.request.header.x-request-id",
    "http.request.header.x-correlation-id", "messaging.message.conversation_id",
)  # fmt: skip


class Source(msgspec.Struct, frozen=True, array_like=True):
    """A program that makes spans; an empty text where it does not say."""

    service: str = ""
    environment: str = ""
    region: str = ""
    pool: str = ""
    instance: str = ""
    version: str = ""
    build: str = ""
    artifact: str = ""
    config: str = ""
    policy: str = ""


class Span(NamedTuple):
    """One span. Ids are lower-case hex, times microseconds since 1970."""

    trace: str
    span: str
    parent: str
    name: str
    start: int
    micros: int
    error: bool
    source: Source
    reality: str = ""
    flags: str = ""
    correlation: str = ""
    origin: str = ""
    caller: str = ""
    ids: tuple[str, ...] = ()


class Batch(NamedTuple):
    """What came in one request: spans in order, and of the rest how many and why, a few of them."""

    spans: list[Span]
    rejected: int
    why: list[str]

    def answer(self) -> dict[str, Any]:
        """An ExportTraceServiceResponse, in OTLP's JSON."""
        if not self.rejected:
            return {}
        said = {"rejectedSpans": str(self.rejected), "errorMessage": "; ".join(self.why)}
        return {"partialSuccess": said}


def read(document: object) -> Batch:
    """Read an ExportTraceServiceRequest. Raises Malformed if it is none, LimitPassed."""
    batch = Batch([], 0, [])
    rejected = 0

    def reject(error: Refused) -> None:
        nonlocal rejected
        rejected += 1
        if len(batch.why) < WHY_MAX:
            batch.why.append(str(error))

    of_resources = get_array(as_object(document, where=""), "resourceSpans")
    for i, of_resource in enumerate(of_resources):
        where = f"resourceSpans[{i}]"
        try:
            of_resource = as_object(of_resource, where=where)
            said = attributes(get_object(of_resource, "resource", where=where), where=where)
            scopes = get_array(of_resource, "scopeSpans", where=where)
        except Refused as error:
            reject(error)
            continue
        source = source_of(said)
        for j, scope in enumerate(scopes):
            inside = f"{where}.scopeSpans[{j}]"
            try:
                spans = get_array(as_object(scope, where=inside), "spans", where=inside)
            except Refused as error:
                reject(error)
                continue
            if len(batch.spans) + rejected + len(spans) > SPANS_MAX:
                raise LimitPassed("too many spans at once", expected=f"spans_max {SPANS_MAX}")
            for k, span in enumerate(spans):
                try:
                    batch.spans.append(_span(span, source, where=f"{inside}.spans[{k}]"))
                except Refused as error:
                    reject(error)
    return batch._replace(rejected=rejected)


def _span(said: object, source: Source, *, where: str) -> Span:
    span = as_object(said, where=where)
    told = attributes(span, where=where)
    start = micros(span.get("startTimeUnixNano"), where=f"{where}.startTimeUnixNano")
    end = micros(span.get("endTimeUnixNano") or 0, where=f"{where}.endTimeUnixNano")
    status = get_object(span, "status", where=where)
    flags = digest(told.get("prov.flagset.hash"))
    correlation = text(told.get("prov.correlation.id"))
    ids = [text(told.get(key)) for key in _IDS]
    return Span(
        trace=_id(span.get("traceId"), _TRACE, where=f"{where}.traceId"),
        span=_id(span.get("spanId"), _SPAN, where=f"{where}.spanId"),
        parent=_id(parent, _SPAN, where=f"{where}.parentSpanId")
        if (parent := span.get("parentSpanId"))
        else "",
        name=text(span.get("name")),
        start=start,
        micros=max(0, end - start),
        error=status.get("code") in _ERRORS,
        source=source,
        reality=digest(told.get("prov.reality.id")) or _reality(source, flags),
        flags=flags,
        correlation=correlation,
        origin=digest(told.get("prov.origin.reality.id")),
        caller=_caller(told.get("prov.caller.id")),
        ids=tuple(dict.fromkeys(filter(None, ids)))[:IDS_MAX],
    )


def source_of(said: Mapping[str, Any]) -> Source:
    """The program of a resource with these attributes."""
    return Source(
        service=text(said.get("service.name")),
        environment=text(
            said.get("deployment.environment.name") or said.get("deployment.environment")
        ),
        region=text(said.get("cloud.region")),
        pool=text(said.get("prov.pool")),
        instance=text(said.get("service.instance.id")),
        version=text(said.get("service.version")),
        build=text(said.get("prov.build.id")),
        artifact=digest(said.get("prov.artifact.digest") or said.get("oci.manifest.digest")),
        config=digest(said.get("prov.config.bundle.hash")),
        policy=digest(said.get("prov.policy.hash")),
    )


def _reality(source: Source, flags: str) -> str:
    """Of a program that names its parts and not their id."""
    if not source.artifact:
        return ""
    return Reality(
        source.artifact, source.config or None, flags or None, source.policy or None
    ).id  # fmt: skip


def attributes(parent: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """The texts and whole numbers among the attributes of a resource, span or point, as texts."""
    found = {}
    for item in get_array(parent, "attributes", where=where):
        if isinstance(item, dict) and isinstance(key := item.get("key"), str):
            found[key] = _value(item.get("value"))
    return found


def _value(said: object) -> Any:
    """A text of an AnyValue; of an array its first: headers come as arrays of one."""
    if not isinstance(said, dict):
        return None
    if isinstance(array := said.get("arrayValue"), dict):
        values = array.get("values")
        return _value(values[0]) if isinstance(values, list) and values else None
    value = said.get("stringValue", said.get("intValue"))
    return str(value) if isinstance(value, str | int) else None


def text(value: object) -> str:
    """As much of a text as is kept; empty for what is none."""
    if not isinstance(value, str):
        return ""
    kept = value[:TEXT_CHARS_MAX].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return kept.encode("utf-8", "replace").decode()


def digest(value: object) -> str:
    """A digest in its one spelling; empty for what is none."""
    try:
        return reality_id.part(value, where="") if isinstance(value, str) else ""
    except Malformed:
        return ""


def _caller(value: object) -> str:
    try:
        return spiffe.check(value) if isinstance(value, str) else ""
    except Refused:
        return ""


def _id(value: object, pattern: re.Pattern[str], *, where: str) -> str:
    id = value.lower() if isinstance(value, str) else ""
    if not pattern.fullmatch(id) or not id.strip("0"):
        raise Malformed("not an id of a trace or a span", where=where, expected="hex", got=value)
    return id


def micros(value: object, *, where: str) -> int:
    """Nanoseconds, which JSON writes as a text, as microseconds."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,20}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _NANOS_MAX:
        raise Malformed("not a time", where=where, expected="nanoseconds since 1970", got=value)
    return value // 1000
