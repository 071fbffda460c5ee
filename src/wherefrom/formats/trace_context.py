"""What travels with a request: which trace it is part of, and what goes along with it.

    traceparent   00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01   version-trace-span-flags
    tracestate    vendor=opaque,other=1           32 members, the newest first
    baggage       prov.correlation.id=7f3a,user%2Dtier=gold;hop=2           key=value;properties

A broken traceparent or tracestate is refused whole. Of baggage, a member that
cannot be read is passed over, and the others count.

Sizes:  a trace id is 16 bytes, a span id 8, in lower-case hex, never all zeros
        baggage: BAGGAGE_MEMBERS_MAX members, BAGGAGE_BYTES_MAX bytes
Source: W3C Trace Context level 2 §3; W3C Baggage §3
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from wherefrom.errors import Malformed

TRACESTATE_MEMBERS_MAX: Final = 32
BAGGAGE_MEMBERS_MAX: Final = 64
BAGGAGE_BYTES_MAX: Final = 8192
SAMPLED: Final = 0x01

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_LENGTH: Final = 55
_STATE_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}")
_STATE_VALUE: Final = re.compile(
    r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OCTETS: Final = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_SAFE: Final = "!#$&'()*+-./:<=>?@[]^_`{|}~"  # of what a value may hold, all but %


class TraceParent(NamedTuple):
    """One span of one trace. Ids are lower-case hex."""

    trace_id: str
    span_id: str
    flags: int = SAMPLED

    @property
    def sampled(self) -> bool:
        """Whether whoever began it records it."""
        return bool(self.flags & SAMPLED)

    def to_text(self) -> str:
        """The inverse of ``parse_traceparent``, as version 00."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def parse_traceparent(text: str) -> TraceParent:
    """Read a traceparent. A newer version is read as far as this one goes. Raises Malformed."""
    match = _TRACEPARENT.match(text)
    rest = text[_LENGTH:]
    if match is None or match[1] == "ff" or (rest and (match[1] == "00" or rest[0] != "-")):
        raise Malformed(
            "not a traceparent", expected="00-<32 hex>-<16 hex>-<2 hex>, lower case", got=text
        )
    _, trace_id, span_id, flags = match.groups()
    if not trace_id.strip("0") or not span_id.strip("0"):
        raise Malformed("an id of zeros names no trace", where="traceparent", got=text)
    return TraceParent(trace_id, span_id, int(flags, 16))


def parse_tracestate(text: str) -> tuple[tuple[str, str], ...]:
    """Read a tracestate's members, the newest first. Raises Malformed."""
    members: dict[str, str] = {}
    for item in text.split(","):
        item = item.strip(" \t")
        if not item:
            continue
        key, _, value = item.partition("=")
        if not _STATE_KEY.fullmatch(key) or not _STATE_VALUE.fullmatch(value) or key in members:
            raise Malformed("not a tracestate", expected="key=value, each key once", got=item)
        members[key] = value
    if len(members) > TRACESTATE_MEMBERS_MAX:
        raise Malformed(
            "a tracestate with too many members", expected=f"{TRACESTATE_MEMBERS_MAX} at most"
        )
    return tuple(members.items())


def tracestate_text(members: Iterable[tuple[str, str]]) -> str:
    """The inverse of ``parse_tracestate``."""
    return ",".join(f"{key}={value}" for key, value in members)


class Baggage(NamedTuple):
    """One member; ``properties`` are kept as they were written."""

    key: str
    value: str
    properties: tuple[str, ...] = ()


def parse_baggage(text: str) -> tuple[Baggage, ...]:
    """The members that can be read, in order, as many as are passed on at most."""
    if len(text) > BAGGAGE_BYTES_MAX:
        text = text[:BAGGAGE_BYTES_MAX].rpartition(",")[0]  # the last one may have been cut
    members = []
    for item in text.split(",")[:BAGGAGE_MEMBERS_MAX]:
        said, *properties = (part.strip(" \t") for part in item.split(";"))
        key, equals, value = said.partition("=")
        key, value = key.rstrip(" \t"), value.lstrip(" \t")
        if equals and _TOKEN.fullmatch(key) and _OCTETS.fullmatch(value):
            kept = tuple(p for p in properties if p and p.isascii() and p.isprintable())
            members.append(Baggage(key, unquote(value, errors="replace"), kept))
    return tuple(members)


def baggage_text(members: Iterable[Baggage]) -> str:
    """The inverse of ``parse_baggage``: of too many or too long, the first that fit.

    Raises Malformed for a key that is no token.
    """
    written: list[str] = []
    size = -1
    for key, value, properties in members:
        if not _TOKEN.fullmatch(key):
            raise Malformed("not a key of baggage", expected="letters, digits, . - _", got=key)
        item = ";".join([f"{key}={quote(value, safe=_SAFE, errors='replace')}", *properties])
        size += len(item) + 1
        if size > BAGGAGE_BYTES_MAX or len(written) == BAGGAGE_MEMBERS_MAX:
            break
        written.append(item)
    return ",".join(written)
