"""What an entry of Rekor says was signed, by whom: is it this bundle, or another?

    hashedrekord 0.0.1 · 0.0.2   hash of what is signed · signature · key
    dsse 0.0.1 · 0.0.2           hash of the payload · signature · key
    intoto 0.0.1 · 0.0.2         hash of the payload · signature · key

A log takes whatever is signed, so a proof of some entry proves nothing of this signature until the
two are compared (CVE-2022-36056). Keys are compared as DER: their PEM is spelled in many ways.

Source: Rekor, pkg/types/*/v0.0.*; rekor-tiles, api/proto; spec fields as in real entries
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed, ProofError, Unsupported
from wherefrom.formats import base64_strict, dsse, sigstore_bundle, strict_json
from wherefrom.formats.dsse import Envelope
from wherefrom.formats.sigstore_evidence import LogEntry

_PEM: Final = re.compile(
    rb"-----BEGIN (CERTIFICATE|PUBLIC KEY)-----\s(.*?)-----END \1-----\s*", re.DOTALL
)

_HASHES: Final = ("sha256", "sha384", "sha512")


class Expected(NamedTuple):
    """What an entry must say.

    signature  the bytes of the signature
    keys       DER that the entry may name: the signer's certificate, or the key
    digest     hash of what was signed, by algorithm; None where it cannot be known
    envelope   of a DSSE signature
    """

    signature: bytes
    keys: tuple[bytes, ...]
    digest: Callable[[str], bytes | None]
    envelope: Envelope | None


def check_body(entry: LogEntry, expected: Expected) -> None:
    """Check that the entry's body is of this signature. Raises ProofError, Malformed."""
    where = f"{entry.where}.canonicalizedBody"
    body = strict_json.as_object(strict_json.decode(entry.body), where=where)
    said = " ".join(
        strict_json.need_string(body, key, where=where) for key in ("kind", "apiVersion")
    )
    if said != entry.kind:
        raise ProofError("the entry is of another kind", where=where, expected=entry.kind, got=said)
    spec = strict_json.need_object(body, "spec", where=where)
    need_kind(entry)
    _KINDS[entry.kind](spec, expected, f"{where}.spec")


def need_kind(entry: LogEntry) -> None:
    """Raises Unsupported for an entry of a kind that is not read here."""
    if entry.kind not in _KINDS:
        raise Unsupported(
            "a kind of log entry that is not read here",
            where=f"{entry.where}.kindVersion",
            expected=", ".join(_KINDS),
            got=entry.kind,
        )


def _hashedrekord_1(spec: Mapping[str, Any], expected: Expected, where: str) -> None:
    held = _into(spec, "data", "hash", where=where)
    algorithm = strict_json.need_string(held, "algorithm", where=f"{where}.data.hash")
    _need_digest(expected, algorithm, _hex(held, f"{where}.data.hash"), f"{where}.data.hash")
    signature = _into(spec, "signature", where=where)
    _need_signature(expected, _bytes(signature, "content", where), where)
    key = _into(signature, "publicKey", where=f"{where}.signature")
    _need_pem(expected, _bytes(key, "content", where), where)


def _hashedrekord_2(spec: Mapping[str, Any], expected: Expected, where: str) -> None:
    held, place = _into(spec, "hashedRekordV002", where=where), f"{where}.hashedRekordV002"
    said = _into(held, "data", where=place)
    algorithm = sigstore_bundle.digest_algorithm(said, where=f"{place}.data")
    _need_digest(expected, algorithm, _bytes(said, "digest", place), f"{place}.data")
    _need_signed(expected, _into(held, "signature", where=place), f"{place}.signature")


def _dsse_1(spec: Mapping[str, Any], expected: Expected, where: str) -> None:
    _need_payload(expected, _into(spec, "payloadHash", where=where), where)
    signed = _one(spec, "signatures", where)
    _need_signature(expected, _bytes(signed, "signature", where), where)
    _need_pem(expected, _bytes(signed, "verifier", where), where)


def _dsse_2(spec: Mapping[str, Any], expected: Expected, where: str) -> None:
    held, place = _into(spec, "dsseV002", where=where), f"{where}.dsseV002"
    said = _into(held, "payloadHash", where=place)
    algorithm = sigstore_bundle.digest_algorithm(said, where=f"{place}.payloadHash")
    _need_payload_digest(expected, algorithm, _bytes(said, "digest", place), place)
    _need_signed(expected, _one(held, "signatures", place), place)


def _intoto_1(spec: Mapping[str, Any], expected: Expected, where: str) -> None:
    """The oldest kind holds no signature, only a hash of the envelope as its client wrote it."""
    content = _into(spec, "content", where=where)
    _need_payload(expected, _into(content, "payloadHash", where=where), where)
    held = _into(content, "hash", where=where)
    if held.get("algorithm") != "sha256" or _hex(held, where) not in _envelope_hashes(expected):
        raise _other(where, "an envelope written another way, so it cannot be compared")
    _need_pem(expected, _bytes(spec, "publicKey", where), where)


def _intoto_2(spec: Mapping[str, Any], expected: Expected, where: str) -> None:
    content = _into(spec, "content", where=where)
    _need_payload(expected, _into(content, "payloadHash", where=where), where)
    envelope = _into(content, "envelope", where=where)
    _need_payload_type(expected, envelope, where)
    signed = _one(envelope, "signatures", where)
    signature = _bytes(signed, "sig", where)
    # Rekor encodes the text of the signature once more; some clients did not have it do so.
    if signature != expected.signature:
        _need_signature(expected, _decoded_again(signature), where)
    _need_pem(expected, _bytes(signed, "publicKey", where), where)


_KINDS: Final[Mapping[str, Callable[[Mapping[str, Any], Expected, str], None]]] = {
    "hashedrekord 0.0.1": _hashedrekord_1,
    "hashedrekord 0.0.2": _hashedrekord_2,
    "dsse 0.0.1": _dsse_1,
    "dsse 0.0.2": _dsse_2,
    "intoto 0.0.1": _intoto_1,
    "intoto 0.0.2": _intoto_2,
}


def _need_digest(expected: Expected, algorithm: str, said: bytes, where: str) -> None:
    if algorithm not in _HASHES:
        raise Unsupported("a hash that is not read here", where=where, got=algorithm)
    digest = expected.digest(algorithm)
    if digest is None:
        raise ProofError(
            f"the entry names a {algorithm} that is not known here",
            where=where,
            do="Give the file itself, not a digest of it",
        )
    if said != digest:
        raise _other(where, f"{algorithm}:{said.hex()}", expected=f"{algorithm}:{digest.hex()}")


def _need_payload(expected: Expected, held: Mapping[str, Any], where: str) -> None:
    algorithm = strict_json.need_string(held, "algorithm", where=f"{where}.payloadHash")
    _need_payload_digest(expected, algorithm, _hex(held, where), where)


def _need_payload_digest(expected: Expected, algorithm: str, said: bytes, where: str) -> None:
    place = f"{where}.payloadHash"
    if expected.envelope is None:
        raise _other(place, "an envelope", expected="a signature over a file")
    if algorithm != "sha256":
        raise Unsupported("a hash that is not read here", where=place, got=algorithm)
    digest = sha256(expected.envelope.payload).digest()
    if said != digest:
        raise _other(place, said.hex(), expected=digest.hex())


def _need_payload_type(expected: Expected, held: Mapping[str, Any], where: str) -> None:
    said = strict_json.get_string(held, "payloadType", where=where)
    assert expected.envelope is not None  # the payload was compared before
    if said is not None and said != expected.envelope.payload_type:
        raise _other(f"{where}.payloadType", said, expected=expected.envelope.payload_type)


def _need_signed(expected: Expected, held: Mapping[str, Any], where: str) -> None:
    """Signature and key as Rekor v2 writes them."""
    _need_signature(expected, _bytes(held, "content", where), where)
    verifier, place = _into(held, "verifier", where=where), f"{where}.verifier"
    kind = sigstore_bundle.only(verifier, ("x509Certificate", "publicKey"), where=place)
    key = _into(verifier, kind, where=place)
    _need_key(expected, _bytes(key, "rawBytes", place), place)


def _need_signature(expected: Expected, said: bytes, where: str) -> None:
    if said != expected.signature:
        raise _other(f"{where}, signature", said.hex(), expected=expected.signature.hex()[:64])


def _need_pem(expected: Expected, pem: bytes, where: str) -> None:
    match = _PEM.fullmatch(pem)
    if match is None:
        raise Malformed("a key that is no PEM", where=where, got=pem[:40])
    try:
        der = binascii.a2b_base64(b"".join(match[2].split()), strict_mode=True)
    except binascii.Error as error:
        raise Malformed("a key that is no PEM", where=where, got=pem[:40]) from error
    _need_key(expected, der, where)


def _need_key(expected: Expected, der: bytes, where: str) -> None:
    if der not in expected.keys:
        raise _other(f"{where}, key", f"sha256 {sha256(der).hexdigest()}")


def _other(where: str, got: str, *, expected: str | None = None) -> ProofError:
    return ProofError(
        "the log's entry is of another signature", where=where, expected=expected, got=got
    )


def _envelope_hashes(expected: Expected) -> set[bytes]:
    """SHA-256 of the envelope as Go's and JavaScript's clients write it."""
    envelope = expected.envelope
    assert envelope is not None  # the payload was compared before
    (signed,) = envelope.signatures
    payload, sig = base64_strict.encode(envelope.payload), base64_strict.encode(signed.sig)
    kind = json.dumps(envelope.payload_type, ensure_ascii=False)
    forms = []
    for keyid in ("", '"keyid":"",'):
        signature = f'{{{keyid}"sig":"{sig}"}}'
        forms.append(f'{{"payloadType":{kind},"payload":"{payload}","signatures":[{signature}]}}')
        # Canonical JSON: keys in order, which for these three is another one.
        forms.append(f'{{"payload":"{payload}","payloadType":{kind},"signatures":[{signature}]}}')
    return {sha256(form.encode()).digest() for form in forms}


def _decoded_again(signature: bytes) -> bytes:
    try:
        return binascii.a2b_base64(signature, strict_mode=True)
    except binascii.Error:
        return signature


def _into(parent: Mapping[str, Any], *keys: str, where: str) -> Mapping[str, Any]:
    for key in keys:
        parent, where = strict_json.need_object(parent, key, where=where), f"{where}.{key}"
    return parent


def _one(parent: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    listed = strict_json.need_array(parent, key, where=where)
    if len(listed) != 1:
        raise ProofError(
            "the log's entry is of several signatures, or none",
            where=f"{where}.{key}",
            expected="1",
            got=len(listed),
        )
    return strict_json.as_object(listed[0], where=f"{where}.{key}[0]")


def _bytes(parent: Mapping[str, Any], key: str, where: str) -> bytes:
    text = strict_json.need_string(parent, key, where=where)
    return dsse.base64_bytes(text, where=f"{where}.{key}")


def _hex(held: Mapping[str, Any], where: str) -> bytes:
    text = strict_json.need_string(held, "value", where=where)
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Malformed("not a digest in hex", where=f"{where}.value", got=text) from error
