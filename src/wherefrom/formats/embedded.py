"""A document that a statement carries: what it says goes into the facts of the statement.

    predicate ─┬───────────────────────────────┐   CycloneDX, SPDX   the parts of the subjects
               └ {"Data": …, "Timestamp": …} ──┼─► OpenVEX, CSAF     claims, of subjects or not
                                               ├─► OSV               claims, of packages
                          └ or its text ───────┘   SARIF, JUnit XML  counts, on the attestation

The second is how cosign carries what is no predicate of its own (``--type custom``): an object, or
the file's text, which may be JSON or XML again. A document is known by what it says, under any type
of predicate, since CSAF, SARIF and JUnit have no type that all agree on. A type that names the
format is a promise: then a broken document is refused. Under another type, or in a version that is
not read, the attestation stands as it is and says why in ``predicate_unread``.

An SBOM of several subjects that names one of them by digest or package URL is of that one, as it
says itself; one that names none is of each of them.

Sizes:  100,000 edges for the further subjects of an SBOM, or none (``contents_of_first_subject``)
Source: sigstore/cosign, --type of attest; openvex/spec ATTESTING.md; in-toto spec, predicates/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats import components as parts
from wherefrom.formats import (
    csaf,
    cyclonedx,
    junit,
    looks,
    openvex,
    osv,
    sarif,
    slsa,
    spdx,
    spdx3,
    strict_json,
)
from wherefrom.formats.facts import FactsBuilder

UNREAD_CHARS_MAX: Final = 200
SHARED_EDGES_MAX: Final = 100_000
WRAPPED: Final = "Data"
_WRAPPER: Final = frozenset({WRAPPED, "Timestamp"})


class _Place(NamedTuple):
    """Where the facts of a document go, and what it is attested for."""

    builder: FactsBuilder
    document_id: str
    subjects: Sequence[str]
    where: str


def embed(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    predicate_type: str,
    document_id: str,
    subjects: Sequence[str],
    where: str,
) -> slsa.Dated:
    """Add what the document in ``predicate`` says to the attestation ``document_id``.

    subjects  what the statement is about; one at least
    where     path of the predicate in the record, for messages

    Returns its time and who published it. What is no document that is read adds nothing.
    Raises Malformed for a broken document of the kind that ``predicate_type`` names; LimitPassed.
    """
    document, place = _carried(predicate, where)
    to = _Place(builder, document_id, subjects, place)
    try:
        with builder.whole():
            dated = _read(to, document, predicate_type)
    except (Malformed, Unsupported) as error:
        if isinstance(error, Malformed) and _promises(predicate_type, document):
            raise
        say_unread(builder, document_id, error)
        dated = slsa.Dated(None, None)
    return slsa.Dated(dated.occurred or _stamped(predicate), dated.agent)


def say_unread(builder: FactsBuilder, document_id: str, error: Malformed | Unsupported) -> None:
    """Note on the attestation why what it carries was not read."""
    said = str(error)[:UNREAD_CHARS_MAX]
    builder.node(document_id, "attestation", properties={"predicate_unread": said})


def _is_wrapped(predicate: Mapping[str, Any]) -> bool:
    return WRAPPED in predicate and predicate.keys() <= _WRAPPER


def _stamped(predicate: Mapping[str, Any]) -> str | None:
    """When cosign wrapped it, if it did and said so."""
    stamp = predicate.get("Timestamp") if _is_wrapped(predicate) else None
    return parts.occurred(stamp or None)[0]


def _carried(predicate: Mapping[str, Any], where: str) -> tuple[Mapping[str, Any] | str, str]:
    """The document in a predicate, an object or text, and its path."""
    if not _is_wrapped(predicate):
        return predicate, where
    value, where = predicate[WRAPPED], f"{where}.{WRAPPED}"
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        try:
            value = strict_json.decode(value.strip().encode("utf-8", "surrogatepass"))
        except Malformed:
            return value, where  # text, which need not be JSON
    return (value, where) if isinstance(value, Mapping | str) else ({}, where)


def _read(to: _Place, document: Mapping[str, Any] | str, predicate_type: str) -> slsa.Dated:
    if isinstance(document, str):
        return _text(to, document)
    if predicate_type.startswith(openvex.PREDICATE_TYPE):
        return _openvex(to, document)
    for recognises, read in _READERS:
        if recognises(document):
            return read(to, document)
    return slsa.Dated(None, None)


def _promises(predicate_type: str, document: Mapping[str, Any] | str) -> bool:
    """Whether the type names the kind of ``document``."""
    named = predicate_type.lower()
    if isinstance(document, str):
        return "junit" in named
    words = ("cyclonedx", "spdx", "vex", "csaf", "osv", "sarif")
    return any(word in named for word in words)


def _text(to: _Place, text: str) -> slsa.Dated:
    content = text.encode("utf-8", "surrogatepass")
    if not junit.recognises(content):
        raise Unsupported("text that is not read here", got=looks.not_json(content).got)
    time = junit.embed(to.builder, content, document_id=to.document_id, kind="attestation")
    return slsa.Dated(time, None)


class _EmbedSbom(Protocol):
    """The ``embed`` of an SBOM's format."""

    def __call__(
        self,
        builder: FactsBuilder,
        document: Mapping[str, Any],
        *,
        document_id: str,
        subject: str | None,
    ) -> None: ...


def _sbom(embed: _EmbedSbom) -> Callable[[_Place, Mapping[str, Any]], slsa.Dated]:
    def read(to: _Place, document: Mapping[str, Any]) -> slsa.Dated:
        first, *others = to.subjects
        if others and _names_a_subject(embed, to, document):
            embed(to.builder, document, document_id=to.document_id, subject=None)
            return slsa.Dated(None, None)
        embed(to.builder, document, document_id=to.document_id, subject=first)
        if others and not to.builder.also(first, others, edges_max=SHARED_EDGES_MAX):
            alone = {"contents_of_first_subject": True}
            to.builder.node(to.document_id, "attestation", properties=alone)
        return slsa.Dated(None, None)

    return read


def _names_a_subject(embed: _EmbedSbom, to: _Place, document: Mapping[str, Any]) -> bool:
    """Whether what the SBOM itself says it describes is one of the subjects."""
    alone = FactsBuilder(document=to.document_id)
    embed(alone, document, document_id=to.document_id, subject=None)
    own = alone.names_of(alone.described())
    return not to.builder.names_of(to.subjects).isdisjoint(own)


def _openvex(to: _Place, document: Mapping[str, Any]) -> slsa.Dated:
    openvex.embed(
        to.builder, document, document_id=to.document_id, subjects=to.subjects, where=to.where
    )
    return slsa.Dated(openvex.occurred(document), None)


def _csaf(to: _Place, document: Mapping[str, Any]) -> slsa.Dated:
    published = csaf.embed(
        to.builder, document, document_id=to.document_id, subjects=to.subjects, where=to.where
    )
    return slsa.Dated(published.occurred, published.publisher)


def _osv(to: _Place, document: Mapping[str, Any]) -> slsa.Dated:
    time = osv.embed(to.builder, document, document_id=to.document_id, where=to.where)
    return slsa.Dated(time, None)


def _sarif(to: _Place, document: Mapping[str, Any]) -> slsa.Dated:
    time = sarif.embed(
        to.builder, document, document_id=to.document_id, kind="attestation", where=to.where
    )
    return slsa.Dated(time, None)


_READERS: Final[
    tuple[
        tuple[
            Callable[[Mapping[str, Any]], bool],
            Callable[[_Place, Mapping[str, Any]], slsa.Dated],
        ],
        ...,
    ]
] = (
    (lambda document: "bomFormat" in document, _sbom(cyclonedx.embed)),
    (spdx3.recognises, _sbom(spdx3.embed)),
    (lambda document: "spdxVersion" in document, _sbom(spdx.embed)),
    (openvex.recognises, _openvex),
    (csaf.recognises, _csaf),
    (osv.recognises, _osv),
    (sarif.recognises, _sarif),
)
