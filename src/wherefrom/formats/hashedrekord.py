"""hashedrekord 0.0.2: what a Rekor v2 log takes, and the body it makes of it.

    {"hashedRekordRequestV002": {"digest", "signature": {"content", "verifier"}}}     a request
        │ parse_request
        ▼
    HashedRekord(digest, signature, key or certificate, …)
        │ to_body            ▲ parse_body
        ▼                    │
    {"apiVersion":"0.0.2","kind":"hashedrekord","spec":{…}}     canonical JSON: leaf of a Rekor log

The signature is over the digest's message; of DSSE that is the pre-authentication encoding. It is
checked in ``keys.hashedrekord``, for the body carries the key. A body is a record like any other,
and its entry's ``type`` ends in the leaf hash: so the entries of the log alone, contents erased or
not, say what the leaves of its Rekor tree are (docs/decisions/0018-rekor-door.md).

Sizes:  a request 256 KiB · a body is one line of JSON in its one spelling (RFC 8785)
Source: sigstore/rekor-tiles CLIENTS.md; protobuf-specs rekor/v2; sigstore_common.proto
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats import base64_strict, digests, dsse, strict_json
from wherefrom.formats.dsse import Signature
from wherefrom.formats.facts import Facts, FactsBuilder

KIND: Final = "hashedrekord"
VERSION: Final = "0.0.2"
MEDIA_TYPE: Final = "application/vnd.dev.sigstore.rekor.hashedrekord.v0.0.2+json"
LEAF: Final = ";leaf="
REQUEST: Final = "hashedRekordRequestV002"
_SPEC: Final = "hashedRekordV002"

# PublicKeyDetails of sigstore_common.proto → the hash that goes with it, and its HashAlgorithm.
# Ed25519 signs no digest; Ed25519ph does, and no library here checks one of a digest alone.
ALGORITHMS: Final[Mapping[str, tuple[str, str]]] = {
    "PKIX_ECDSA_P256_SHA_256": ("sha256", "SHA2_256"),
    "PKIX_ECDSA_P384_SHA_384": ("sha384", "SHA2_384"),
    "PKIX_ECDSA_P521_SHA_512": ("sha512", "SHA2_512"),
    "PKIX_RSA_PKCS1V15_2048_SHA256": ("sha256", "SHA2_256"),
    "PKIX_RSA_PKCS1V15_3072_SHA256": ("sha256", "SHA2_256"),
    "PKIX_RSA_PKCS1V15_4096_SHA256": ("sha256", "SHA2_256"),
}


class HashedRekord(NamedTuple):
    """What was signed and by which key, parsed and not checked.

    details      of ``ALGORITHMS``
    key          DER of a SubjectPublicKeyInfo, or of a certificate if ``is_certificate``
    """

    digest: bytes
    signature: bytes
    details: str
    key: bytes
    is_certificate: bool
    payload_type: str = MEDIA_TYPE

    @property
    def hash_name(self) -> str:
        """The hash of ``digest``, as hashlib calls it."""
        return ALGORITHMS[self.details][0]

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """The one signature; which key made it stands beside it."""
        return (Signature(None, self.signature),)

    def message(self) -> bytes:
        """The digest: the message itself is not here."""
        return self.digest


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this is, or means to be, the body of a hashedrekord."""
    return document.get("kind") == KIND and "apiVersion" in document and "spec" in document


def parse_request(document: Mapping[str, Any]) -> HashedRekord:
    """Read a request; fields it does not know are passed over, as protobuf does.

    Raises Malformed, or Unsupported for another kind of entry or a kind of key we cannot check.
    """
    if REQUEST not in document:
        raise Unsupported(
            "another kind of Rekor entry", expected=REQUEST, got=", ".join(document)[:80],
            do="Log DSSE as a hashedrekord over its pre-authentication encoding",
        )  # fmt: skip
    asked = strict_json.need_object(document, REQUEST)
    return _parse(
        digest=_bytes(asked, "digest", REQUEST),
        signature=strict_json.need_object(asked, "signature", where=REQUEST),
        where=f"{REQUEST}.signature",
    )


def parse_body(content: bytes, document: Mapping[str, Any]) -> HashedRekord:
    """Read a body, ``document`` being its JSON. Raises Malformed, also for another spelling."""
    read = _parse_body(document)
    if to_body(read) != content:
        raise Malformed(
            "a hashedrekord not in its one spelling",
            expected="the canonical JSON (RFC 8785) that a Rekor v2 log hashes",
        )
    return read


def _parse_body(document: Mapping[str, Any]) -> HashedRekord:
    version = strict_json.need_string(document, "apiVersion")
    if version != VERSION:
        raise Unsupported(
            "another version of a hashedrekord", where="apiVersion", expected=VERSION, got=version
        )
    spec = strict_json.need_object(strict_json.need_object(document, "spec"), _SPEC, where="spec")
    where = f"spec.{_SPEC}"
    return _parse(
        digest=_bytes(strict_json.need_object(spec, "data", where=where), "digest", where),
        signature=strict_json.need_object(spec, "signature", where=where),
        where=f"{where}.signature",
    )


def to_body(rekord: HashedRekord) -> bytes:
    """The canonical body: the leaf of a Rekor v2 log."""
    which = "x509Certificate" if rekord.is_certificate else "publicKey"
    encode = base64_strict.encode
    said = {
        "apiVersion": VERSION,
        "kind": KIND,
        "spec": {
            _SPEC: {
                "data": {
                    "algorithm": ALGORITHMS[rekord.details][1],
                    "digest": encode(rekord.digest),
                },
                "signature": {
                    "content": encode(rekord.signature),
                    "verifier": {
                        "keyDetails": rekord.details,
                        which: {"rawBytes": encode(rekord.key)},
                    },
                },
            }
        },
    }
    # Every key and value is ASCII without a control, so this is RFC 8785.
    return json.dumps(said, separators=(",", ":"), sort_keys=True).encode()


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """The facts of a body. Raises Malformed or Unsupported, as ``parse_body`` does."""
    read = _parse_body(document)
    return facts_of(read, to_body(read), document_id=document_id)


def facts_of(rekord: HashedRekord, content: bytes, *, document_id: str) -> Facts:
    """The record, and the file whose digest was signed; of DSSE it is the encoded envelope."""
    builder = FactsBuilder(document=document_id)
    builder.node(
        document_id, "attestation", properties={"keyDetails": rekord.details, "format": KIND}
    )
    id = digests.strong_id(rekord.hash_name, rekord.digest.hex())
    assert id is not None
    signed = builder.node(id, "artifact")
    builder.edge(document_id, "describes", signed)
    return builder.build(kind="attestation", type=type_of(content))


def type_of(content: bytes) -> str:
    """The ``type`` of a body's entry: its media type, and the leaf hash it has in a Rekor tree."""
    return MEDIA_TYPE + LEAF + hashlib.sha256(b"\0" + content).hexdigest()


def leaf_type(type: str) -> bool:
    """Whether ``type_of`` wrote this ``type``: the door lets no other format have it."""
    return type.startswith(MEDIA_TYPE + LEAF)


def leaf_of(type: str) -> bytes | None:
    """The leaf hash, 32 bytes, in a ``type`` that ``type_of`` wrote; None in any other."""
    return bytes.fromhex(type.removeprefix(MEDIA_TYPE + LEAF)) if leaf_type(type) else None


def _parse(*, digest: bytes, signature: Mapping[str, Any], where: str) -> HashedRekord:
    verifier = strict_json.need_object(signature, "verifier", where=where)
    at = f"{where}.verifier"
    details = strict_json.need_string(verifier, "keyDetails", where=at)
    if details not in ALGORITHMS:
        raise Unsupported(
            "a kind of key that signs no digest, or that is not checked here",
            where=f"{at}.keyDetails", expected=" ".join(ALGORITHMS), got=details,
        )  # fmt: skip
    key = strict_json.get_object(verifier, "publicKey", where=at)
    certificate = strict_json.get_object(verifier, "x509Certificate", where=at)
    if (not key) == (not certificate):
        raise Malformed("one key is expected", where=at, expected="publicKey or x509Certificate")
    read = HashedRekord(
        digest,
        _bytes(signature, "content", where),
        details,
        _bytes(certificate or key, "rawBytes", at),
        bool(certificate),
    )
    if len(digest) != hashlib.new(read.hash_name).digest_size:
        raise Malformed(
            "a digest of another length", where=where.rpartition(".")[0] + ".digest",
            expected=f"{hashlib.new(read.hash_name).digest_size} bytes of {read.hash_name}",
            got=f"{len(digest)} bytes",
        )  # fmt: skip
    return read


def _bytes(document: Mapping[str, Any], key: str, where: str) -> bytes:
    text = strict_json.need_string(document, key, where=where)
    return dsse.base64_bytes(text, where=f"{where}.{key}")
