"""One call of a function, as a record: which event came, what code and config served it, for whom.

    dev.cdeventsx.prov-invocation.finished ──► an activity
         ├─informed_by─► request:<id>            ├─used─► the artifact, the config bundle
         ├─associated_with─► tenant:<id>         └─used─► event:<id>, with its commitment

The payload itself is not in it. What it was is committed to: SHA-256(nonce ‖ payload), so whoever
has the payload can show that it was this one, and nobody can guess it from the record without the
nonce, which is erased with the record.

    payload of a value   RFC 8785, where it has a spelling there; else compact JSON with sorted keys

Sizes:  a nonce is 16 bytes · a text 256 bytes, as an id 1,024
Source: docs/formats/cdevents.md; DESIGN, "Record, content, entry"
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed
from wherefrom.formats import canonical_json, names
from wherefrom.formats.digests import strong_id
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.strict_json import get_object, get_string, need_string

TYPE: Final = "prov-invocation.finished"
SUBJECT: Final = "prov-invocation"
NONCE_BYTES: Final = 16
_TOLD: Final = (
    "handler", "outcome", "error", "reality", "flags", "policy", "build", "input", "output",
    "duration_ms", "caller", "trace",
)  # fmt: skip


class Committed(NamedTuple):
    """A payload by what commits to it; both in hex, the commitment with ``sha256:``."""

    commitment: str
    nonce: str


def payload_of(value: Any) -> bytes:
    """The bytes that stand for a value. Raises Malformed for what JSON cannot hold."""
    if isinstance(value, bytes):
        return value
    try:
        return canonical_json.to_bytes(value)
    except Malformed:
        pass
    try:
        written = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise Malformed("a payload that JSON cannot hold", got=str(error)) from error
    return written.encode()


def commit(payload: bytes, nonce: bytes) -> Committed:
    """Commit to a payload under a fresh nonce."""
    digest = hashlib.sha256(nonce + payload).hexdigest()
    return Committed(f"sha256:{digest}", nonce.hex())


def is_of(payload: bytes, committed: Committed) -> bool:
    """Whether this is the payload that was committed to."""
    return commit(payload, bytes.fromhex(committed.nonce)).commitment == committed.commitment


def request_id(text: str) -> str:
    """The node of a request, by the id that it came with."""
    return f"request:{names.encode(text)}"


def add(builder: FactsBuilder, subject: Mapping[str, Any], activity: str) -> None:
    """Add what an invocation says to its activity. Raises Malformed."""
    content = get_object(subject, "content", where="subject")
    where = "subject.content"
    told = {key: content[key] for key in _TOLD if isinstance(content.get(key), str | int | float)}
    event = need_string(subject, "id", where="subject")
    told |= {"event": event}
    service = get_string(content, "service", where=where)
    request = get_string(content, "request", where=where)
    tenant = get_string(content, "tenant", where=where)
    more = {"service": service, "request": request, "tenant": tenant}
    for part in ("artifact", "config"):
        if (text := get_string(content, part, where=where)) is not None:
            algorithm, _, digits = text.partition(":")
            id = strong_id(algorithm, digits)
            if id is None:
                raise Malformed("not a digest", where=f"{where}.{part}", got=text)
            builder.edge(activity, "used", builder.node(id, "artifact"))
            more[part] = id
    builder.node(activity, "activity", None, {**told, **more})
    source = str(subject.get("source") or "")
    came = builder.node(f"event:{source}:{names.encode(event)}", "resource", event)
    said = {"commitment": content["input"]} if isinstance(content.get("input"), str) else None
    builder.edge(activity, "used", came, said)
    if request is not None:
        builder.edge(
            activity, "informed_by", builder.node(request_id(request), "activity", request)
        )
    if tenant is not None:
        node = builder.node(f"tenant:{names.encode(tenant)}", "organization", tenant)
        builder.edge(activity, "associated_with", node)
    if service is not None:
        node = builder.node(names.service_id(service), "service", service)
        builder.edge(activity, "used", node)
