"""What somebody takes for the cause of trouble: a change, as the predicate of a statement.

    {"service", "environment", "slot", "name", "value", "incident", "change", "probability", "at",
     "withdrawn"}
        subject: what was set there, by the digest of [environment, service, slot, name, value]

    statement ──describes──► cause:<digest> ──used──► the value, if it is a thing; the service
    the incident ──used──► it, where this takes it for the cause

A ranking of changes is an estimate; that somebody accepted it is a record. The newest about one
thing counts: it may be withdrawn.

Sizes:  a name 256 bytes, a value 2,048
Source: docs/formats/cause.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from wherefrom.errors import Malformed
from wherefrom.formats import canonical_json, incident, names, statement_shape
from wherefrom.formats.digests import sha256_id, strong_id_in
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.statement_shape import need_sized, need_subject, need_time
from wherefrom.formats.states import PART_BYTES_MAX, SLOTS, VALUE_BYTES_MAX

PREDICATE_TYPE: Final = "urn:wherefrom:cause:v1"


class Cause(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """That setting this was what did it; ``withdrawn``: that it was not, after all.

    value        what was set; None: that it was taken away
    incident     what it caused, by its id; ``change`` the entry that set it
    probability  of the ranking that was accepted
    """

    service: str
    environment: str
    slot: str
    name: str
    at: str
    value: str | None = None
    incident: str = ""
    change: int | None = None
    probability: float | None = None
    withdrawn: bool = False

    @property
    def subject(self) -> str:
        """The digest of what was set where."""
        return subject(
            environment=self.environment, service=self.service, slot=self.slot, name=self.name,
            value=self.value,
        )  # fmt: skip


def subject(*, environment: str, service: str, slot: str, name: str, value: str | None) -> str:
    """The digest of a value in its place, in all regions and pools."""
    return sha256_id(canonical_json.to_bytes([environment, service, slot, name, value]))


def node_id(digest: str) -> str:
    """The node of what is said of a value in its place."""
    return f"cause:{digest}"


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> Cause:
    """Read a predicate. Raises Malformed for a field that is wrong or unknown, LimitPassed."""
    found = statement_shape.convert(predicate, Cause, "a cause", where)
    for what, most in (("service", PART_BYTES_MAX), ("environment", PART_BYTES_MAX),
                       ("name", PART_BYTES_MAX), ("incident", PART_BYTES_MAX),
                       ("value", VALUE_BYTES_MAX)):  # fmt: skip
        need_sized(getattr(found, what) or "", f"{where}.{what}", most)
    if found.slot not in SLOTS:
        raise Malformed("not a slot of state", where=f"{where}.slot", got=found.slot)
    if found.probability is not None and not 0 <= found.probability <= 1:
        raise Malformed("not a probability", where=f"{where}.probability", got=found.probability)
    need_time(found.at, f"{where}.at")
    return found


def to_statement(cause: Cause) -> bytes:
    """The in-toto statement, canonical. Raises as ``parse``."""
    predicate: dict[str, Any] = msgspec.to_builtins(cause)
    parse(predicate)
    return statement_shape.of_subjects([_subject(cause)], PREDICATE_TYPE, predicate)


def add(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    subjects: Sequence[str],
    where: str,
) -> str:
    """Add what is said of a cause; returns when. Raises as ``parse``, and Malformed for another
    subject than its own."""
    found = parse(predicate, where=where)
    need_subject(
        subjects,
        found.subject,
        "a cause under another subject than its own",
    )
    node = builder.node(
        node_id(found.subject), "change", f"{found.slot} {found.name} of {found.service}".strip(),
        {"incident": found.incident or None, "withdrawn": found.withdrawn or None,
         "service": found.service or None, "environment": found.environment or None},
    )  # fmt: skip
    builder.edge(builder.document, "describes", node)
    if incident.is_id(found.incident) and not found.withdrawn:
        builder.edge(builder.node(found.incident, "incident"), "used", node)
    if found.service:
        service = builder.node(names.service_id(found.service), "service", found.service)
        builder.edge(node, "changes", service)
    if found.value is not None and strong_id_in(found.value) == found.value:
        builder.edge(node, "used", builder.node(found.value, "artifact"))
    return found.at


def _subject(cause: Cause) -> dict[str, Any]:
    named = f"{cause.slot} {cause.name} of {cause.service}"
    return {"name": named, "digest": dict([cause.subject.split(":", 1)])}
