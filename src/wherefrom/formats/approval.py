"""An approval: somebody's word that an artifact may go somewhere, or may not.

    {"decision": "approved" | "rejected", "at", "environment", "reason"}     subjects: artifacts

It says nothing by itself: a policy says how many approvals it needs, and whose. Of one signer the
last word counts, so an approval is taken back by rejecting.

Sizes:  a reason TEXT_CHARS_MAX, an environment 256 characters
Source: docs/formats/approval.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from wherefrom.errors import LimitPassed
from wherefrom.formats import statement_shape, timestamps
from wherefrom.formats.facts import FactsBuilder

PREDICATE_TYPE: Final = "urn:wherefrom:approval:v1"
TEXT_CHARS_MAX: Final = 2_000
NAME_CHARS_MAX: Final = 256


class Approval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One word. ``environment`` is where it may go; anywhere if empty."""

    decision: Literal["approved", "rejected"]
    at: str
    environment: str = ""
    reason: str = ""


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> Approval:
    """Read a predicate. Raises Malformed, LimitPassed."""
    said = statement_shape.convert(predicate, Approval, "an approval", where)
    need_short(said.environment, f"{where}.environment", NAME_CHARS_MAX)
    need_short(said.reason, f"{where}.reason", TEXT_CHARS_MAX)
    at = timestamps.canonical(said.at, where=f"{where}.at")
    return msgspec.structs.replace(said, at=at)


def need_short(text: str, where: str, chars_max: int) -> None:
    """Raises LimitPassed for a text that nobody reads to the end."""
    if len(text) > chars_max:
        raise LimitPassed(
            "a text is too long", where=where, expected=f"{chars_max} characters", got=len(text)
        )


def to_statement(said: Approval, subjects: Mapping[str, str]) -> bytes:
    """The in-toto statement, canonical, of artifacts: digest → name. Raises as ``parse``."""
    return statement_shape.written(said, PREDICATE_TYPE, subjects, parse)


def add(
    builder: FactsBuilder, predicate: Mapping[str, Any], *, document_id: str, where: str
) -> str:
    """Add what it says to the attestation ``document_id``; when it was said."""
    said = parse(predicate, where=where)
    builder.node(
        document_id,
        "attestation",
        properties={"decision": said.decision, "environment": said.environment or None},
    )
    return said.at
