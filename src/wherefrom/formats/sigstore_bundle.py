"""Sigstore bundles: a signature with all that is needed to check it without asking anyone.

    {"mediaType",
     "verificationMaterial": {certificate | x509CertificateChain | publicKey,
                              tlogEntries, timestampVerificationData},
     "dsseEnvelope" | "messageSignature"}
          │                     └──► the file it signs, by digest
          └──► the statement inside, as ``dsse`` and ``statement`` read it

Here the structure is checked and told; nothing is verified, so who signed (``identity``,
``issuer``) and when the log took it (``integratedTime``) are properties of the record: heard,
not believed. Null counts as absent, because npm writes nulls; int64 may be text or a number.

Sizes:  an index is 0 to 2^63 - 1 · 64 log entries, timestamps or certificates at most
Source: sigstore/protobuf-specs, sigstore_bundle.proto, versions 0.1 to 0.3;
        Fulcio, docs/oid-info.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import der, dsse, strict_json, timestamps
from wherefrom.formats.digests import STRONG
from wherefrom.formats.facts import Facts, FactsBuilder

ENTRIES_MAX: Final = 64
_INT64_MAX: Final = 2**63 - 1
_PREFIX: Final = "application/vnd.dev.sigstore.bundle"
_MEDIA_TYPE = re.compile(
    re.escape(_PREFIX) + r"(?:\+json;\s?version=0\.([123])|\.v0\.([123])(?:\.0)?\+json)"
)
_KEYS: Final = ("certificate", "x509CertificateChain", "publicKey")
_CONTENTS: Final = ("dsseEnvelope", "messageSignature")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")

# HashAlgorithm of sigstore_common.proto → the name that an id begins with.
_ALGORITHMS: Final[Mapping[str, str]] = {
    "SHA2_256": "sha256",
    "SHA2_384": "sha384",
    "SHA2_512": "sha512",
    "SHA3_256": "sha3_256",
    "SHA3_384": "sha3_384",
}
# The OIDC issuer as DER text, and as raw bytes in older certificates.
_ISSUER_OID: Final = "1.3.6.1.4.1.57264.1.8"
_OLD_ISSUER_OID: Final = "1.3.6.1.4.1.57264.1.1"
# An otherName of this type is a user's name at Fulcio; of others nobody here knows what they are.
_USER_NAME_OID: Final = "1.3.6.1.4.1.57264.1.7"


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this is, or means to be, a Sigstore bundle."""
    media_type = document.get("mediaType")
    return (
        (isinstance(media_type, str) and media_type.startswith(_PREFIX))
        or "verificationMaterial" in document
        or "dsseEnvelope" in document
        or "messageSignature" in document
    )


def version_of(document: Mapping[str, Any]) -> int:
    """1, 2 or 3, for version 0.1, 0.2 or 0.3. Raises Malformed, Unsupported for another."""
    media_type = strict_json.need_string(document, "mediaType")
    match = _MEDIA_TYPE.fullmatch(media_type)
    if match is None:
        raise Unsupported(
            "not a version of the Sigstore bundle that is read here",
            where="mediaType",
            expected=f"{_PREFIX}.v0.3+json, or 0.1 or 0.2",
            got=media_type,
        )
    return int(match[1] or match[2])


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """The facts of a bundle: what its statement says, or the file that its signature is over.

    document_id  ``sha256:`` of the content's bytes: the node of the record itself

    Raises Unsupported for another version, Malformed for a broken bundle, LimitPassed.
    """
    version_of(document)
    media_type = strict_json.need_string(document, "mediaType")
    builder = FactsBuilder(document=document_id)
    material = strict_json.need_object(document, "verificationMaterial")
    properties = _material(material)
    builder.node(document_id, "attestation", properties=properties)
    content = only(document, _CONTENTS, where="")
    if content == "messageSignature":
        _message(builder, strict_json.need_object(document, content), document_id)
        return builder.build(kind="bundle", type=media_type)
    envelope = dsse.parse(strict_json.need_object(document, content), where=content)
    if len(envelope.signatures) != 1:
        raise Malformed(
            "a bundle's envelope has one signature",
            where=f"{content}.signatures",
            expected="1",
            got=len(envelope.signatures),
        )
    place = f"{content}.payload"
    inner = dsse.statement_of(envelope, where=place)
    if inner is None:
        return builder.build(kind="bundle", type=media_type)
    from wherefrom.formats import statement  # late, as in ``dsse``

    told = statement.describe(builder, inner, document_id=document_id, where=place)
    return told.close(builder, kind="bundle", type=media_type)


def only(parent: Mapping[str, Any], keys: tuple[str, ...], *, where: str) -> str:
    """The one of ``keys`` that is set. Raises Malformed for none or several."""
    present = [key for key in keys if parent.get(key) is not None]
    if len(present) != 1:
        raise Malformed(
            "exactly one of these fields must be set",
            where=where or None,
            expected=" | ".join(keys),
            got=" and ".join(present) or "none",
        )
    return present[0]


def _material(material: Mapping[str, Any]) -> dict[str, Any]:
    """Check ``verificationMaterial`` and return what it says of signer and log, as properties."""
    at = "verificationMaterial"
    key = only(material, _KEYS, where=at)
    held, place = strict_json.need_object(material, key, where=at), f"{at}.{key}"
    properties: dict[str, Any] = {}
    if key == "publicKey":
        properties["keyHint"] = strict_json.get_string(held, "hint", where=place)
    elif key == "certificate":
        leaf = need_bytes(held, "rawBytes", where=place)
        properties |= certificate_properties(leaf, where=f"{place}.rawBytes")
    else:
        # Version 0.3 has no chain, but published model signatures have both; that judgement is
        # the verifier's.
        chain = each(held, "certificates", where=place)
        raw = [need_bytes(item, "rawBytes", where=spot) for item, spot in chain]
        if not raw:
            raise Malformed("an empty certificate chain", where=f"{place}.certificates")
        properties |= certificate_properties(raw[0], where=f"{chain[0][1]}.rawBytes")
    properties |= log_properties(material, "tlogEntries", where=at)
    stamps = strict_json.get_object(material, "timestampVerificationData", where=at)
    for item, spot in each(stamps, "rfc3161Timestamps", where=f"{at}.timestampVerificationData"):
        need_bytes(item, "signedTimestamp", where=spot)
    return properties


def log_properties(parent: Mapping[str, Any], key: str, *, where: str) -> dict[str, Any]:
    """Check the transparency log entries under ``key``; the first one's index and time.

    Raises Malformed for a negative or unreadable number and for broken base64, LimitPassed.
    """
    properties: dict[str, Any] = {}
    for item, spot in each(parent, key, where=where):
        index = number(item, "logIndex", where=spot)
        moment = number(item, "integratedTime", where=spot)
        for inner, name in (("logId", "keyId"), ("inclusionPromise", "signedEntryTimestamp")):
            _get_bytes(strict_json.get_object(item, inner, where=spot), name, f"{spot}.{inner}")
        _get_bytes(item, "canonicalizedBody", spot)
        proof, place = strict_json.get_object(item, "inclusionProof", where=spot), spot
        if proof:
            place = f"{spot}.inclusionProof"
            number(proof, "logIndex", where=place)
            number(proof, "treeSize", where=place)
            _get_bytes(proof, "rootHash", place)
            for position, text in enumerate(strict_json.get_array(proof, "hashes", where=place)):
                dsse.base64_bytes(text, where=f"{place}.hashes[{position}]")
        if not properties:
            properties = {"logIndex": index, "integratedTime": _moment(moment, where=spot)}
    return properties


def _moment(seconds: int | None, *, where: str) -> str | None:
    """Seconds since 1970 in the entry's spelling; 0 is unset (Rekor v2 has no such time)."""
    if not seconds:
        return None
    try:
        return timestamps.to_text(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed(
            "not a time that exists", where=f"{where}.integratedTime", got=seconds
        ) from error


def _message(builder: FactsBuilder, signature: Mapping[str, Any], document_id: str) -> None:
    """A signature over a file: the digest says which; without one only the record is known."""
    at = "messageSignature"
    need_bytes(signature, "signature", where=at)
    digest = strict_json.get_object(signature, "messageDigest", where=at)
    if not digest:
        return
    place = f"{at}.messageDigest"
    algorithm = digest_algorithm(digest, where=place)
    value = need_bytes(digest, "digest", where=place).hex()
    if len(value) != STRONG[algorithm]:
        raise Malformed(
            "a digest of the wrong length",
            where=f"{place}.digest",
            expected=f"{STRONG[algorithm] // 2} bytes",
            got=f"{len(value) // 2} bytes",
        )
    builder.edge(document_id, "describes", builder.node(f"{algorithm}:{value}", "artifact"))


def digest_algorithm(digest: Mapping[str, Any], *, where: str) -> str:
    """The algorithm of a HashOutput, as ids spell it. Raises Malformed, Unsupported."""
    spelling = strict_json.need_string(digest, "algorithm", where=where)
    algorithm = _ALGORITHMS.get(spelling)
    if algorithm is None:
        raise Unsupported(
            "a digest algorithm that is not read here",
            where=f"{where}.algorithm",
            expected=" ".join(_ALGORITHMS),
            got=spelling,
        )
    return algorithm


def certificate_properties(der: bytes, *, where: str) -> dict[str, Any]:
    """``identity`` (the subject alternative name) and ``issuer`` (who vouched for it).

    Raises Malformed when the certificate cannot be read.
    """
    # Loaded here: only certificates need it, and it is the slowest import of all.
    from cryptography import x509

    try:
        extensions = x509.load_der_x509_certificate(der).extensions
    except (
        ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
    ) as error:  # fmt: skip
        raise Malformed("a certificate that cannot be read", where=where, got=str(error)) from error
    names, issuer = identity_of(extensions, where=where)
    return {"identity": names[0] if names else None, "issuer": issuer}


def identity_of(extensions: Any, *, where: str) -> tuple[list[str], str | None]:
    """The names in the ``x509.Extensions`` of a certificate, and who vouched for them.

    A name is a URI, an e-mail address or Fulcio's own; that of a host names no signer.

    Raises Malformed for a name or issuer that cannot be read.
    """
    from cryptography import x509

    names: list[str] = []
    issuer = old = None
    try:
        for extension in extensions:
            value = extension.value
            if isinstance(value, x509.SubjectAlternativeName):
                names = _names([*value])
            elif isinstance(value, x509.UnrecognizedExtension):
                if extension.oid.dotted_string == _ISSUER_OID:
                    issuer = _der_text(value.value)
                elif extension.oid.dotted_string == _OLD_ISSUER_OID:
                    old = value.value.decode("utf-8")
    except ValueError as error:
        raise Malformed("a certificate that cannot be read", where=where, got=str(error)) from error
    return names, issuer or old


def _names(general: list[Any]) -> list[str]:
    from cryptography import x509

    found = []
    for name in general:
        if isinstance(name, x509.OtherName):
            if name.type_id.dotted_string == _USER_NAME_OID:
                found.append(_der_text(name.value))
        elif isinstance(name, x509.RFC822Name | x509.UniformResourceIdentifier):
            found.append(name.value)
    return found


def _der_text(written: bytes) -> str:
    """A DER UTF8String. Raises ValueError."""
    try:
        element = der.read(written, where="name")
        return der.need(element, der.UTF8_STRING, where="name").body.decode("utf-8")
    except Malformed as error:
        raise ValueError("not a DER UTF8String") from error


def each(parent: Mapping[str, Any], key: str, *, where: str) -> list[tuple[dict[str, Any], str]]:
    """Each object of an optional array, with its place. Raises Malformed, LimitPassed over 64."""
    listed = strict_json.get_array(parent, key, where=where)
    if len(listed) > ENTRIES_MAX:
        raise LimitPassed(
            "a list is too long",
            where=f"{where}.{key}",
            expected=f"{ENTRIES_MAX} at most",
            got=len(listed),
        )
    spots = [f"{where}.{key}[{index}]" for index in range(len(listed))]
    return [(strict_json.as_object(i, where=s), s) for i, s in zip(listed, spots, strict=True)]


def need_bytes(parent: Mapping[str, Any], key: str, *, where: str) -> bytes:
    """The bytes of a required field in base64. Raises Malformed."""
    text = strict_json.need_string(parent, key, where=where)
    return dsse.base64_bytes(text, where=f"{where}.{key}")


def _get_bytes(parent: Mapping[str, Any], key: str, where: str) -> None:
    text = strict_json.get_string(parent, key, where=where)
    if text is not None:
        dsse.base64_bytes(text, where=f"{where}.{key}")


def number(parent: Mapping[str, Any], key: str, *, where: str) -> int | None:
    """An int64 as protobuf-JSON writes it, text or number; not negative."""
    value = parent.get(key)
    if value is None:
        return None
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _INT64_MAX:
        raise Malformed(
            "not an index, size or time",
            where=f"{where}.{key}",
            expected="an integer from 0 to 2^63 - 1",
            got=value,
        )
    return value
