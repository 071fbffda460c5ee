"""PEP 740: attestations of Python packages, alone or as an index serves them.

    attestation  {"version": 1, "verification_material": {certificate, transparency_entries},
                  "envelope": {"statement": base64, "signature": base64}}
    provenance   {"version": 1, "attestation_bundles": [{"publisher", "attestations": […]}]}
                     └──► each statement as ``statement`` reads it
                          subject ──attributed_to──► publisher ◄──attributed_to── the record

An attestation is a DSSE envelope of type in-toto, in other clothes: its type is the predicate
type, as for DSSE. A provenance object has the media type that PyPI serves it under. What the
index says of the publisher is not signed by anyone: heard, not believed.

Sizes:  at most 64 attestation bundles, and 64 attestations in each
Source: PEP 740; the Integrity API in the documentation of PyPI
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import dsse, sigstore_bundle, strict_json
from wherefrom.formats.facts import Facts, FactsBuilder

if TYPE_CHECKING:
    from wherefrom.formats import statement

PROVENANCE_TYPE: Final = "application/vnd.pypi.integrity.v1+json"
LISTED_MAX: Final = 64
_FORGES: Final[Mapping[str, str]] = {
    "GitHub": "https://github.com/{repository}/.github/workflows/{workflow}",
    "GitLab": "https://gitlab.com/{repository}//{workflow}",
}


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this is, or means to be, an attestation or provenance object."""
    return "attestation_bundles" in document or "verification_material" in document


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """The facts of an attestation or provenance object.

    document_id  ``sha256:`` of the content's bytes: the node of the record itself

    Raises Unsupported for another version, Malformed for a broken object, LimitPassed.
    """
    check_version(document, where="")
    builder = FactsBuilder(document=document_id)
    if "attestation_bundles" in document:
        return _provenance(builder, document, document_id)
    told = _attestation(builder, document, document_id, statement_id=document_id, where="")
    return told.close(builder, kind="bundle")


def check_version(document: Mapping[str, Any], *, where: str) -> None:
    """Raises Malformed without a version, Unsupported for another than 1."""
    version, place = document.get("version"), f"{where}.version".lstrip(".")
    if version is None:
        raise Malformed("a required field is missing", where=place)
    if version != 1 or isinstance(version, bool):
        raise Unsupported(
            "not a version of PEP 740 that is read here", where=place, expected="1", got=version
        )


def _provenance(builder: FactsBuilder, document: Mapping[str, Any], document_id: str) -> Facts:
    builder.node(document_id, "attestation")
    times: list[str] = []
    producers: dict[str, None] = {}
    count = 0
    for bundle, place in _listed(document, "attestation_bundles", where=""):
        agent = _publisher(builder, bundle, where=place)
        builder.edge(document_id, "attributed_to", agent)
        producers[agent] = None
        for item, spot in _listed(bundle, "attestations", where=place):
            check_version(item, where=spot)
            # Several statements in one record: each needs a name of its own for its build.
            told = _attestation(
                builder, item, document_id, statement_id=f"{document_id}#{count}", where=spot
            )
            count += 1
            for subject in told.subjects:
                builder.edge(subject, "attributed_to", agent)
            producers |= dict.fromkeys(told.producers)
            times += [told.occurred] if told.occurred else []
    return builder.build(
        kind="bundle",
        type=PROVENANCE_TYPE,
        occurred=max(times, default=None),
        producers=tuple(producers),
    )


def _attestation(
    builder: FactsBuilder,
    attestation: Mapping[str, Any],
    document_id: str,
    *,
    statement_id: str,
    where: str,
) -> statement.Told:
    """Check one attestation object and add what its statement says."""
    at = f"{where}." if where else ""
    material = strict_json.need_object(attestation, "verification_material", where=where)
    place = f"{at}verification_material"
    certificate = strict_json.need_string(material, "certificate", where=place)
    der = dsse.base64_bytes(certificate, where=f"{place}.certificate")
    properties = sigstore_bundle.certificate_properties(der, where=f"{place}.certificate")
    strict_json.need_array(material, "transparency_entries", where=place)
    properties |= sigstore_bundle.log_properties(material, "transparency_entries", where=place)
    builder.node(document_id, "attestation", properties=properties)
    envelope = strict_json.need_object(attestation, "envelope", where=where)
    place = f"{at}envelope"
    written = strict_json.need_string(envelope, "statement", where=place)
    signature = strict_json.need_string(envelope, "signature", where=place)
    signed = dsse.Envelope(
        dsse.base64_bytes(written, where=f"{place}.statement"),
        dsse.IN_TOTO_TYPE,
        (dsse.Signature(None, dsse.base64_bytes(signature, where=f"{place}.signature")),),
    )
    inner = dsse.statement_of(signed, where=f"{place}.statement")
    assert inner is not None  # IN_TOTO_TYPE is an in-toto type
    from wherefrom.formats import statement  # late, as in ``dsse``

    return statement.describe(
        builder,
        inner,
        document_id=document_id,
        statement_id=statement_id,
        where=f"{place}.statement",
    )


def _publisher(builder: FactsBuilder, bundle: Mapping[str, Any], *, where: str) -> str:
    """The agent that the index says published: a workflow, or the kind of publisher at least.

    An e-mail address, as a Google publisher has, never becomes an id, a name or a property.
    """
    from wherefrom.formats import descriptors

    publisher = strict_json.need_object(bundle, "publisher", where=where)
    place = f"{where}.publisher"
    kind = strict_json.need_string(publisher, "kind", where=place)
    repository = strict_json.get_string(publisher, "repository", where=place)
    workflow = strict_json.get_string(publisher, "workflow", where=place)
    workflow = workflow or strict_json.get_string(publisher, "workflow_filepath", where=place)
    environment = strict_json.get_string(publisher, "environment", where=place)
    if repository and workflow and kind in _FORGES:
        id = _FORGES[kind].format(repository=repository, workflow=workflow)
    else:
        id = "publisher:" + "/".join(part for part in (kind, repository, workflow) if part)
    properties = {"publisher": kind, "repository": repository, "environment": environment}
    return builder.node(descriptors.public_id(id), "software", repository, properties)


def _listed(parent: Mapping[str, Any], key: str, *, where: str) -> list[tuple[dict[str, Any], str]]:
    listed, place = strict_json.need_array(parent, key, where=where), f"{where}.{key}".lstrip(".")
    if not listed:
        raise Malformed("an empty list", where=place, expected="one at least")
    if len(listed) > LISTED_MAX:
        raise LimitPassed(
            "a list is too long", where=place, expected=f"{LISTED_MAX} at most", got=len(listed)
        )
    spots = [f"{place}[{index}]" for index in range(len(listed))]
    return [(strict_json.as_object(i, where=s), s) for i, s in zip(listed, spots, strict=True)]
