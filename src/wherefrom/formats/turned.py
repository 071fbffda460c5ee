"""That something which runs turned bad by the policy in force, or good again: the log's own word.

    {"to": "denied" | "allowed" | "gone", "environment", "at", "policy", "rules", "services",
     "summary", "reason"}                                          subject: the artifact
    state: slot ``denied`` of the environment, by artifact ── the policy that denies it

``denied`` says it while it runs, ``allowed`` and ``gone`` end it. The verification summary that it
rests on is named by its entry. Signed by the log's service key; of anybody else it is heard, and
believed no more than any other word.

Sizes:  LISTED_MAX rules and services, the first; ``count`` says how many services there are
Source: docs/formats/turned.md; decision 0048
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import statement_shape, timestamps
from wherefrom.formats.approval import NAME_CHARS_MAX, need_short
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.states import OBSERVED, Scope, State

PREDICATE_TYPE: Final = "urn:wherefrom:turned:v1"
SLOT: Final = "denied"
LISTED_MAX: Final = 200
_SAYS_CHARS_MAX: Final = 300


class Turned(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One turn.

    policy    the digest of the policy; ``summary`` the entry of the verdict, None of what is gone
    rules     those that do not hold; ``services`` where it runs
    """

    to: Literal["denied", "allowed", "gone"]
    environment: str
    at: str
    policy: str
    rules: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    count: int = 0
    summary: int | None = None


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> Turned:
    """Read a predicate. Raises Malformed, LimitPassed."""
    said = statement_shape.convert(predicate, Turned, "what turned", where)
    if not said.environment:
        raise Malformed("it turned nowhere", where=f"{where}.environment")
    for name in (said.environment, said.policy, *said.rules, *said.services):
        need_short(name, where, NAME_CHARS_MAX)
    if max(len(said.rules), len(said.services)) > LISTED_MAX:
        raise LimitPassed("too much is listed", where=where, expected=f"{LISTED_MAX} of each")
    return msgspec.structs.replace(said, at=timestamps.canonical(said.at, where=f"{where}.at"))


def to_statement(said: Turned, artifact: str) -> bytes:
    """The in-toto statement, canonical, about the artifact of this digest. Raises as ``parse``."""
    return statement_shape.written(said, PREDICATE_TYPE, {artifact: ""}, parse)


def add(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    subjects: Sequence[str],
    document_id: str,
    where: str,
) -> str:
    """Add what it says to the attestation ``document_id``; when. Raises as ``parse``."""
    said = parse(predicate, where=where)
    if len(subjects) != 1:
        raise Malformed("one artifact turns", where="subject", got=len(subjects))
    denied = said.to == "denied"
    builder.node(
        document_id, "attestation", properties={"to": said.to, "environment": said.environment}
    )
    builder.state(
        State(
            OBSERVED, Scope(said.environment), SLOT, subjects[0],
            said.policy if denied else None,
            says=" ".join(said.rules)[:_SAYS_CHARS_MAX] or None if denied else None,
            properties={"summary": said.summary, "rules": list(said.rules)} if denied else None,
            at=said.at,
        )
    )  # fmt: skip
    return said.at
