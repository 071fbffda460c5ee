"""A maintenance that somebody declares: where, from when until when, and why; or that it is over.

    {"maintenance": id, "stage": "declared" | "ended", "at", "since", "until", "environment",
     "service", "reason"}                                     subject: the SHA-256 of the id

    declared ──► State(declared, maintenance, id), with ``since`` and ``until``
    ended    ──► no more from ``at`` on

While it lasts, alerts there are recorded and told to nobody; what still speaks for one when it ends
is told then. It always has an end, and may be declared before it begins.

Sizes:  at most SECONDS_MAX long · a reason TEXT_CHARS_MAX characters
Source: docs/formats/maintenance.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import names, statement_shape
from wherefrom.formats.approval import TEXT_CHARS_MAX, need_short
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.statement_shape import need_sized, need_subject, need_time
from wherefrom.formats.states import DECLARED, PART_BYTES_MAX, Scope, State
from wherefrom.formats.timestamps import micros

PREDICATE_TYPE: Final = "urn:wherefrom:maintenance:v1"
SLOT: Final = "maintenance"
DECLARED_STAGE, ENDED = "declared", "ended"
SECONDS_MAX: Final = 14 * 86_400
_PREFIX: Final = "maintenance:"
_SAYS_CHARS_MAX: Final = 300


class Maintenance(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One word about a maintenance.

    at            when it was said; of what ended, when it did
    since, until  of what is declared
    environment   where; ``service`` only there, all of the environment's if empty
    """

    maintenance: str
    stage: Literal["declared", "ended"]
    at: str
    environment: str
    service: str = ""
    since: str = ""
    until: str = ""
    reason: str = ""

    @property
    def scope(self) -> Scope:
        """Where it is."""
        return Scope(self.environment, self.service)

    @property
    def subject(self) -> str:
        """The digest that a statement about it names."""
        return sha256_id(self.maintenance.encode())


def maintenance_id(environment: str, service: str, *, at: str, since: str) -> str:
    """The id of a maintenance: where, when it was said, and from when it is."""
    digest = sha256_id("\0".join((environment, service, at, since)).encode())
    return f"{_PREFIX}{digest.removeprefix('sha256:')[:16]}"


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> Maintenance:
    """Read a predicate. Raises Malformed for a field that is wrong or unknown, LimitPassed."""
    said = statement_shape.convert(predicate, Maintenance, "a maintenance", where)
    need_short(said.reason, f"{where}.reason", TEXT_CHARS_MAX)
    for what in ("maintenance", "environment", "service"):
        need_sized(getattr(said, what), f"{where}.{what}", PART_BYTES_MAX)
    if not said.maintenance.startswith(_PREFIX) or not said.maintenance.isprintable():
        raise Malformed(
            "not the id of a maintenance", where=f"{where}.maintenance", got=said.maintenance,
            expected=f"{_PREFIX}…",
        )  # fmt: skip
    if not said.environment:
        raise Malformed("a maintenance of nowhere", where=f"{where}.environment")
    need_time(said.at, f"{where}.at")
    if said.stage == ENDED:
        if said.since or said.until:
            raise Malformed("what ended says when in at", where=where, got=said.until or said.since)
        return said
    if not said.reason.strip():
        raise Malformed("a maintenance without a reason", where=f"{where}.reason")
    for what in ("since", "until"):
        if not getattr(said, what):
            raise Malformed("a maintenance has an end", where=f"{where}.{what}", expected="a time")
        need_time(getattr(said, what), f"{where}.{what}")
    seconds = (micros(said.until) - micros(said.since)) / 1_000_000
    if seconds <= 0:
        raise Malformed("it ends before it begins", where=f"{where}.until", got=said.until)
    if seconds > SECONDS_MAX:
        raise LimitPassed(
            "a maintenance is too long", where=f"{where}.until", got=said.until,
            expected=f"{SECONDS_MAX // 86_400} days at most",
            do="Declare it shorter; declare another when that ends",
        )  # fmt: skip
    return said


def is_on(properties: Mapping[str, Any], at: int) -> bool:
    """Whether what is declared so lasts at a time, in microseconds."""
    try:
        return micros(str(properties["since"])) <= at < micros(str(properties["until"]))
    except (KeyError, Malformed):
        return False


def to_statement(said: Maintenance) -> bytes:
    """The in-toto statement, canonical. Raises as ``parse``."""
    predicate: dict[str, Any] = msgspec.to_builtins(said)
    parse(predicate)
    return statement_shape.of_predicate(predicate, PREDICATE_TYPE, {said.subject: ""})


def add(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    subjects: Sequence[str],
    document_id: str,
    where: str,
) -> str:
    """Add what it says to the attestation ``document_id``; when it was said. Raises as ``parse``,
    and Malformed for another subject."""
    said = parse(predicate, where=where)
    need_subject(
        subjects,
        said.subject,
        "a maintenance under another subject than its own",
        do="The subject is the SHA-256 of its id",
    )
    builder.node(
        document_id, "attestation", properties={"stage": said.stage, "until": said.until or None}
    )
    if said.service:
        service = builder.node(names.service_id(said.service), "service", said.service)
        builder.edge(document_id, "describes", service)
    # What is still to come is no state of now, so its times are read by who asks (``is_on``).
    told = {"since": said.since, "until": said.until, "reason": said.reason}
    is_declared = said.stage == DECLARED_STAGE
    builder.state(
        State(
            DECLARED, said.scope, SLOT, said.maintenance,
            said.maintenance if is_declared else None,
            said.reason[:_SAYS_CHARS_MAX] if is_declared else None,
            told if is_declared else None, said.at,
        )
    )  # fmt: skip
    return said.at
