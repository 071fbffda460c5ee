"""What a signature in Sigstore's formats comes with, as values to check.

    bundle v0.1 – v0.3          ┐
    PEP 740 attestation         │             key material: certificates | a hint
      and .provenance           ├─► Signed ── log entries · timestamps
    npm's {"attestations": …}   │             message signature | DSSE envelope
    JSON lines of these         │
    DSSE envelope, bare         ┘

The same documents are told as facts in ``sigstore_bundle`` and ``pep740``; here nothing is told,
and all of what a check needs is kept. Nothing is checked but the shape. What the formats call
absent (null, a list of none, a number left out because it is 0) is absent here.

Sizes:  64 attestations in a document · 64 log entries, timestamps, certificates in each
Source: sigstore/protobuf-specs, sigstore_bundle.proto and sigstore_rekor.proto; PEP 740; npm
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import dsse, pep740, sigstore_bundle, strict_json
from wherefrom.formats.dsse import Envelope
from wherefrom.formats.sigstore_bundle import each, need_bytes, number, only

DOCUMENTS_MAX: Final = 64
# The version of bundle that a PEP 740 attestation is a rewriting of.
_PEP740_VERSION: Final = 3


class InclusionProof(NamedTuple):
    """The path from an entry to a root; ``log_index`` counts in the tree of ``size`` entries."""

    log_index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: bytes | None


class LogEntry(NamedTuple):
    """An entry of a transparency log.

    log_index   among all entries of the log, over all its trees
    log_id      which log says so
    kind        kind and version, ``hashedrekord 0.0.1``
    integrated  seconds since 1970, or 0: Rekor v2 has no such time
    promise     the signed entry timestamp, if there is one
    body        the canonical body, exactly as the log hashed it
    """

    log_index: int
    log_id: bytes
    kind: str
    integrated: int
    promise: bytes | None
    proof: InclusionProof | None
    body: bytes
    where: str


class Message(NamedTuple):
    """A signature over a file; ``digest`` is the file's, if the bundle says it."""

    signature: bytes
    algorithm: str | None
    digest: bytes | None


class Signed(NamedTuple):
    """One signature with its material.

    version       1, 2 or 3: of the bundle; 0 for a bare DSSE envelope
    certificates  DER, the signer's first; none where a key is only hinted at
    is_chain      whether they came as a chain, which version 0.3 has no more
    entries, timestamps  as they came; a timestamp is a TimeStampResp in DER
    message, envelope    one of the two
    claimed_type  the predicate type that a document around it claims, or None
    where         its place in the document, empty if it is the document
    """

    version: int
    certificates: tuple[bytes, ...]
    is_chain: bool
    entries: tuple[LogEntry, ...]
    timestamps: tuple[bytes, ...]
    message: Message | None
    envelope: Envelope | None
    claimed_type: str | None = None
    where: str = ""


def parse(written: bytes) -> list[Signed]:
    """Every signature in a document, or in lines of documents; one at least.

    Raises Unsupported for what is none of these, Malformed for one that is broken, LimitPassed.
    """
    try:
        documents = [strict_json.decode(written)]
    except Refused as whole:
        lines = [line for line in written.splitlines() if line.strip()]
        if not 1 < len(lines) <= DOCUMENTS_MAX:
            raise
        try:
            documents = [strict_json.decode(line) for line in lines]
        except Refused:
            raise whole from None
    found = []
    for index, document in enumerate(documents):
        place = f"line {index + 1}" if len(documents) > 1 else ""
        found += _documents(strict_json.as_object(document, where=place or "document"), place)
    if len(found) > DOCUMENTS_MAX:
        raise LimitPassed(
            "too many attestations in one file", expected=f"{DOCUMENTS_MAX} at most", got=len(found)
        )
    return found


def of_document(document: Mapping[str, Any]) -> list[Signed]:
    """The same of one document that is read already."""
    return _documents(document, "")


def _documents(document: Mapping[str, Any], where: str) -> list[Signed]:
    if pep740.recognises(document):
        return _pep740(document, where)
    if isinstance(document.get("attestations"), list):
        return [
            _bundle(
                strict_json.need_object(item, "bundle", where=spot),
                where=spot,
                claimed_type=strict_json.get_string(item, "predicateType", where=spot),
            )
            for item, spot in _listed(document, "attestations", where)
        ]
    if sigstore_bundle.recognises(document):
        return [_bundle(document, where=where)]
    if dsse.recognises(document):
        envelope = dsse.parse(document, where=where)
        return [Signed(0, (), False, (), (), None, envelope, where=where)]
    raise Unsupported(
        "neither a Sigstore bundle nor an attestation",
        where=where or None,
        expected="a bundle, a PEP 740 or npm attestation, or a DSSE envelope",
        got=", ".join(list(document)[:8]) or "{}",
    )


def _bundle(document: Mapping[str, Any], *, where: str, claimed_type: str | None = None) -> Signed:
    at = f"{where}." if where else ""
    version = sigstore_bundle.version_of(document)
    material = strict_json.need_object(document, "verificationMaterial", where=where)
    place = f"{at}verificationMaterial"
    key = only(material, ("certificate", "x509CertificateChain", "publicKey"), where=place)
    certificates: list[bytes] = []
    if key == "certificate":
        held = strict_json.need_object(material, key, where=place)
        certificates = [need_bytes(held, "rawBytes", where=f"{place}.{key}")]
    elif key == "x509CertificateChain":
        held = strict_json.need_object(material, key, where=place)
        listed = each(held, "certificates", where=f"{place}.{key}")
        certificates = [need_bytes(item, "rawBytes", where=spot) for item, spot in listed]
        if not certificates:
            raise Malformed("an empty certificate chain", where=f"{place}.{key}.certificates")
    stamps = strict_json.get_object(material, "timestampVerificationData", where=place)
    stamped = each(stamps, "rfc3161Timestamps", where=f"{place}.timestampVerificationData")
    content = only(document, ("messageSignature", "dsseEnvelope"), where=where)
    held, spot = strict_json.need_object(document, content, where=where), f"{at}{content}"
    return Signed(
        version=version,
        certificates=tuple(certificates),
        is_chain=key == "x509CertificateChain",
        entries=_entries(material, "tlogEntries", where=place),
        timestamps=tuple(need_bytes(i, "signedTimestamp", where=w) for i, w in stamped),
        message=_message(held, where=spot) if content == "messageSignature" else None,
        envelope=_envelope(held, where=spot) if content == "dsseEnvelope" else None,
        claimed_type=claimed_type,
        where=where,
    )


def _envelope(held: Mapping[str, Any], *, where: str) -> Envelope:
    envelope = dsse.parse(held, where=where)
    if len(envelope.signatures) != 1:
        raise Malformed(
            "a bundle's envelope has one signature",
            where=f"{where}.signatures",
            expected="1",
            got=len(envelope.signatures),
        )
    return envelope


def _message(held: Mapping[str, Any], *, where: str) -> Message:
    signature = need_bytes(held, "signature", where=where)
    digest = strict_json.get_object(held, "messageDigest", where=where)
    if not digest:
        return Message(signature, None, None)
    algorithm = sigstore_bundle.digest_algorithm(digest, where=f"{where}.messageDigest")
    return Message(
        signature, algorithm, need_bytes(digest, "digest", where=f"{where}.messageDigest")
    )


def _entries(parent: Mapping[str, Any], key: str, *, where: str) -> tuple[LogEntry, ...]:
    return tuple(_entry(item, where=spot) for item, spot in each(parent, key, where=where))


def _entry(item: Mapping[str, Any], *, where: str) -> LogEntry:
    named = strict_json.need_object(item, "logId", where=where)
    kind = strict_json.need_object(item, "kindVersion", where=where)
    promise = strict_json.get_object(item, "inclusionPromise", where=where)
    proof = strict_json.get_object(item, "inclusionProof", where=where)
    return LogEntry(
        log_index=number(item, "logIndex", where=where) or 0,
        log_id=need_bytes(named, "keyId", where=f"{where}.logId"),
        kind=" ".join(strict_json.need_string(kind, k, where=where) for k in ("kind", "version")),
        integrated=number(item, "integratedTime", where=where) or 0,
        promise=need_bytes(promise, "signedEntryTimestamp", where=f"{where}.inclusionPromise")
        if promise
        else None,
        proof=_proof(proof, where=f"{where}.inclusionProof") if proof else None,
        body=need_bytes(item, "canonicalizedBody", where=where),
        where=where,
    )


def _proof(item: Mapping[str, Any], *, where: str) -> InclusionProof:
    checkpoint = strict_json.get_object(item, "checkpoint", where=where)
    text = strict_json.get_string(checkpoint, "envelope", where=f"{where}.checkpoint")
    hashes = strict_json.get_array(item, "hashes", where=where)
    return InclusionProof(
        log_index=number(item, "logIndex", where=where) or 0,
        size=number(item, "treeSize", where=where) or 0,
        root=need_bytes(item, "rootHash", where=where),
        hashes=tuple(
            dsse.base64_bytes(text, where=f"{where}.hashes[{index}]")
            for index, text in enumerate(hashes)
        ),
        checkpoint=None if text is None else text.encode("utf-8"),
    )


def _pep740(document: Mapping[str, Any], where: str) -> list[Signed]:
    pep740.check_version(document, where=where)
    if "attestation_bundles" not in document:
        return [_attestation(document, where)]
    found = []
    for bundle, place in _listed(document, "attestation_bundles", where):
        for item, spot in _listed(bundle, "attestations", place):
            pep740.check_version(item, where=spot)
            found.append(_attestation(item, spot))
    return found


def _attestation(attestation: Mapping[str, Any], where: str) -> Signed:
    at = f"{where}." if where else ""
    material = strict_json.need_object(attestation, "verification_material", where=where)
    place = f"{at}verification_material"
    envelope = strict_json.need_object(attestation, "envelope", where=where)
    return Signed(
        version=_PEP740_VERSION,
        certificates=(need_bytes(material, "certificate", where=place),),
        is_chain=False,
        entries=_entries(material, "transparency_entries", where=place),
        timestamps=(),
        message=None,
        envelope=Envelope(
            need_bytes(envelope, "statement", where=f"{at}envelope"),
            dsse.IN_TOTO_TYPE,
            (dsse.Signature(None, need_bytes(envelope, "signature", where=f"{at}envelope")),),
        ),
        where=where,
    )


def _listed(parent: Mapping[str, Any], key: str, where: str) -> list[tuple[dict[str, Any], str]]:
    found = each(parent, key, where=where)
    if not found:
        place = f"{where}.{key}".lstrip(".")
        raise Malformed("an empty list", where=place, expected="one at least")
    return [(item, spot.lstrip(".")) for item, spot in found]
