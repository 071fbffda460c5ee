"""An exception from rules of a policy: asked for, answered by others, at an end, or glass broken.

    requested ◄──request── approved · refused · withdrawn          break_glass
        {"stage", "at", "rules", "environment", "until", "policy", "reason"}    subjects: artifacts,
        {"stage", "at", "request": document of the request, "reason"}           or a whole policy

It says nothing by itself: a policy says whether it knows exceptions, whose word it needs and how
long one may last. An answer names its request by the digest of the record, so that nobody can put
another under it.

Sizes:  RULES_MAX rules · a reason 2,000 characters
Source: docs/formats/exception.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import digests, statement_shape, timestamps
from wherefrom.formats.approval import NAME_CHARS_MAX, TEXT_CHARS_MAX, need_short
from wherefrom.formats.facts import FactsBuilder

PREDICATE_TYPE: Final = "urn:wherefrom:exception:v1"
RULES_MAX: Final = 100
EVERYWHERE: Final = "*"
ASKS: Final = ("requested", "break_glass")


class Exceptional(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One word about an exception.

    rules        of a request: the names of those that need not hold
    environment  where; EVERYWHERE for all
    until        when it ends, RFC 3339
    policy       of which policy, by its name; any if empty
    request      of an answer: ``sha256:`` of the record that asked
    """

    stage: Literal["requested", "approved", "refused", "withdrawn", "break_glass"]
    at: str
    reason: str = ""
    rules: tuple[str, ...] = ()
    environment: str = ""
    until: str = ""
    policy: str = ""
    request: str = ""


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> Exceptional:
    """Read a predicate. Raises Malformed, LimitPassed."""
    said = statement_shape.convert(predicate, Exceptional, "an exception", where)
    need_short(said.reason, f"{where}.reason", TEXT_CHARS_MAX)
    for name in (said.environment, said.policy, *said.rules):
        need_short(name, where, NAME_CHARS_MAX)
    asks = said.stage in ASKS
    given = {
        "rules": said.rules, "environment": said.environment, "until": said.until,
    }  # fmt: skip
    for name, value in given.items():
        if bool(value) is not asks:
            raise Malformed(
                f"{said.stage} {'without' if asks else 'with'} {name}", where=f"{where}.{name}"
            )
    if bool(said.request) is asks:
        raise Malformed(f"{said.stage} of which request", where=f"{where}.request")
    if asks and not said.reason:
        raise Malformed("an exception without a reason", where=f"{where}.reason")
    if len(said.rules) > RULES_MAX:
        raise LimitPassed("too many rules", where=f"{where}.rules", expected=str(RULES_MAX))
    if said.request and digests.strong_id_in(said.request) != said.request:
        raise Malformed("not a digest", where=f"{where}.request", got=said.request)
    at = timestamps.canonical(said.at, where=f"{where}.at")
    until = said.until and timestamps.canonical(said.until, where=f"{where}.until")
    if until and until <= at:
        raise Malformed("it ends before it begins", where=f"{where}.until", got=until)
    return msgspec.structs.replace(said, at=at, until=until)


def to_statement(said: Exceptional, subjects: Mapping[str, str]) -> bytes:
    """The in-toto statement, canonical: digest → name. Raises as ``parse``."""
    return statement_shape.written(said, PREDICATE_TYPE, subjects, parse)


def add(
    builder: FactsBuilder, predicate: Mapping[str, Any], *, document_id: str, where: str
) -> str:
    """Add what it says to the attestation ``document_id``; when it was said."""
    said = parse(predicate, where=where)
    builder.node(
        document_id,
        "attestation",
        properties={
            "stage": said.stage,
            "rules": list(said.rules) or None,
            "environment": said.environment or None,
            "until": said.until or None,
            "request": said.request or None,
        },
    )
    if said.request:
        builder.edge(document_id, "describes", builder.node(said.request, "attestation"))
    return said.at
