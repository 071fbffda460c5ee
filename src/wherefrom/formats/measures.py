"""What a server measured of itself in a few minutes: the predicate of its own records.

    {"since", "until", "queries": {"count", "errors", "le_ms"}, "records": {"recorded", "known",
     "refused"}, "visible": {"count", "le_ms"}, "verified": {"count", "failed", "le_ms"},
     "storage": {folder: bytes}, "free": bytes}                  subject: SHA-256 of the origin

A ``le_ms`` is a histogram: how many took up to each of EDGES_MS, and last how many took longer, so
that several records add up and a percentile is known within one step.

Sizes:  a list has len(EDGES_MS) + 1 numbers · FOLDERS_MAX folders
Source: docs/formats/measures.md; decision 0050
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import statement_shape
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.statement_shape import need_sized, need_time

PREDICATE_TYPE: Final = "urn:wherefrom:measures:v1"
EDGES_MS: Final = (
    1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 750, 1_000, 2_000, 5_000, 10_000, 60_000, 600_000,
)  # fmt: skip
FOLDERS_MAX: Final = 32
NAME_BYTES_MAX: Final = 128
_PARTS: Final = ("queries", "records", "visible", "verified")


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the predicate; what is not said is not counted."""


class Queries(_Part, frozen=True):
    """Questions that were answered, ``errors`` of them by a fault of the server."""

    count: int = 0
    errors: int = 0
    le_ms: list[int] = []


class Records(_Part, frozen=True):
    """What became of records that were sent."""

    recorded: int = 0
    known: int = 0
    refused: int = 0


class Visible(_Part, frozen=True):
    """How long records took from being received to standing in every view."""

    count: int = 0
    le_ms: list[int] = []


class Verified(_Part, frozen=True):
    """Answers about evidence (verify, decide, gate); ``failed`` by a fault of the server."""

    count: int = 0
    failed: int = 0
    le_ms: list[int] = []


class Measures(_Part, frozen=True):
    """What was measured from ``since`` to ``until``; ``storage`` bytes by folder, ``free`` left."""

    since: str
    until: str
    queries: Queries = Queries()
    records: Records = Records()
    visible: Visible = Visible()
    verified: Verified = Verified()
    storage: dict[str, int] = {}
    free: int | None = None


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> Measures:
    """Read a predicate. Raises Malformed for a field that is wrong or unknown, LimitPassed."""
    said = statement_shape.convert(predicate, Measures, "measures of a server", where)
    need_time(said.since, f"{where}.since")
    need_time(said.until, f"{where}.until")
    if said.until < said.since:
        raise Malformed("measures that end before they begin", where=where, got=said.until)
    if len(said.storage) > FOLDERS_MAX:
        raise LimitPassed("too many folders", where=where, expected=f"{FOLDERS_MAX} at most")
    for name, size in said.storage.items():
        need_sized(name, f"{where}.storage", NAME_BYTES_MAX)
        _need_count(size, f"{where}.storage.{name}")
    for what in _PARTS:
        part = getattr(said, what)
        for field in part.__struct_fields__:
            number = getattr(part, field)
            if field == "le_ms":
                _need_histogram(number, f"{where}.{what}.le_ms")
            else:
                _need_count(number, f"{where}.{what}.{field}")
    _need_count(said.free or 0, f"{where}.free")
    return said


def to_statement(said: Measures, origin: str) -> bytes:
    """The in-toto statement, canonical, of the server of this log. Raises as ``parse``."""
    predicate: dict[str, Any] = msgspec.to_builtins(said)
    if said.free is None:
        del predicate["free"]
    parse(predicate)
    return statement_shape.of_predicate(
        predicate, PREDICATE_TYPE, {sha256_id(origin.encode()): origin}
    )


def add(
    builder: FactsBuilder, predicate: Mapping[str, Any], *, document_id: str, where: str
) -> str:
    """Add what was measured to the attestation; returns when it ended. Raises as ``parse``."""
    said = parse(predicate, where=where)
    told: dict[str, Any] = {"since": said.since, "until": said.until, "free": said.free}
    for what in _PARTS:
        part = getattr(said, what)
        told |= {f"{what}.{field}": getattr(part, field) for field in part.__struct_fields__}
    told |= {f"storage.{name}": size for name, size in said.storage.items()}
    builder.node(document_id, "attestation", "measures", properties=told)
    return said.until


def slot(milliseconds: float) -> int:
    """Where in a ``le_ms`` a time is counted."""
    return next((n for n, edge in enumerate(EDGES_MS) if milliseconds <= edge), len(EDGES_MS))


def percentile(le_ms: Sequence[int], share: float) -> float | None:
    """The time that ``share`` of all stay below, at most: the upper edge of its step; None of
    nothing, or if it is past the last edge."""
    total = sum(le_ms)
    if not total:
        return None
    passed = 0
    for edge, count in zip(EDGES_MS, le_ms, strict=False):
        passed += count
        if passed >= share * total:
            return float(edge)
    return None


def added(some: Sequence[Sequence[int]]) -> list[int]:
    """Histograms, added up."""
    total = [0] * (len(EDGES_MS) + 1)
    for one in some:
        for number, count in enumerate(one):
            total[number] += count
    return total


def _need_count(number: int, where: str) -> None:
    if not 0 <= number < 2**53:
        raise Malformed("not a count", where=where, got=number, expected="0 or more")


def _need_histogram(numbers: Sequence[int], where: str) -> None:
    if len(numbers) not in (0, len(EDGES_MS) + 1):
        raise Malformed(
            "not a histogram", where=where, got=f"{len(numbers)} numbers",
            expected=f"{len(EDGES_MS) + 1}, or none",
        )  # fmt: skip
    for number in numbers:
        _need_count(number, where)
