"""Write the file that tells a Sigstore client whom to trust: our Rekor tree, and authorities.

    log's key, rekor origin ─┐
    PEM of a CA, a TSA ──────┼──► trusted_root ──► JSON for `sigstore --trusted-root`, cosign, …
    PEM of a CT log's key ───┘

A Sigstore client trusts a signature by a certificate: of a CA that is named here, made at a time
that a timestamp authority named here vouches for, and logged in a log named here. The log is ours;
the other authorities are whatever the deployment has, and are only written down.

Source: sigstore/protobuf-specs, sigstore_trustroot.proto
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from wherefrom.errors import SettingError
from wherefrom.formats import base64_strict
from wherefrom.keys.ed25519 import spki_der
from wherefrom.keys.public import PublicKey

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
_DETAILS: Final = {
    "ed25519": "PKIX_ED25519",
    "ecdsa-p256": "PKIX_ECDSA_P256_SHA_256",
    "ecdsa-p384": "PKIX_ECDSA_P384_SHA_384",
}
# A client takes no key without a first moment, and a bare public key has none.
_ALWAYS: Final = "1970-01-01T00:00:00Z"


class RootKey(NamedTuple):
    """A key of the log: 32 bytes of Ed25519, as Rekor's answers name it, and when it signed."""

    public_key: bytes
    log_id: bytes
    since: str
    until: str | None


def trusted_root(
    *,
    origin: str,
    log_keys: Sequence[RootKey],
    authorities: Sequence[bytes] = (),
    timestamp_authorities: Sequence[bytes] = (),
    ct_logs: Sequence[bytes] = (),
) -> dict[str, Any]:
    """The trusted root of a deployment, as a JSON object.

    origin       of the Rekor tree, as its checkpoints say it
    log_keys     those that sign its checkpoints now, and those that did
    authorities  chains in PEM, the issuing certificate first; as ``timestamp_authorities``
    ct_logs      public keys in PEM

    Raises SettingError for a file that is none of these.
    """
    return {
        "mediaType": MEDIA_TYPE,
        "tlogs": [
            {
                # Clients take the host of the URL for the name that signs the checkpoints.
                "baseUrl": f"https://{origin}",
                "hashAlgorithm": "SHA2_256",
                "publicKey": _key(
                    spki_der(key.public_key), _DETAILS["ed25519"], key.since, key.until
                ),
                "logId": {"keyId": base64_strict.encode(key.log_id)},
            }
            for key in log_keys
        ],
        "certificateAuthorities": [_authority(written) for written in authorities],
        "ctlogs": [_ct_log(written) for written in ct_logs],
        "timestampAuthorities": [_authority(written) for written in timestamp_authorities],
    }


def _key(spki: bytes, details: str, since: str, until: str | None = None) -> dict[str, Any]:
    return {
        "rawBytes": base64_strict.encode(spki),
        "keyDetails": details,
        "validFor": {"start": since} | ({"end": until} if until else {}),
    }


def _ct_log(written: bytes) -> dict[str, Any]:
    key = PublicKey.from_pem(written, where="a CT log's key")
    details = _DETAILS.get(key.algorithm)
    if details is None:
        raise SettingError(
            "not a key that a CT log has",
            expected=" or ".join(_DETAILS),
            got=key.algorithm,
            do="Name the key of the log, as PEM",
        )
    return {
        "baseUrl": "",
        "hashAlgorithm": "SHA2_256",
        "publicKey": _key(key.spki, details, _ALWAYS),
        "logId": {"keyId": base64_strict.encode(sha256(key.spki).digest())},
    }


def _authority(written: bytes) -> dict[str, Any]:
    try:
        chain = x509.load_pem_x509_certificates(written)
    except (ValueError, x509.InvalidVersion) as error:
        raise SettingError(
            "not a chain of certificates",
            expected="PEM, the issuing certificate first and the root last",
            got=str(error),
            do="Put the certificates into one PEM file, in this order",
        ) from error
    for issued, issuer in pairwise(chain):
        if issued.issuer != issuer.subject:
            raise SettingError(
                "a chain of certificates in another order",
                expected=f"{issued.issuer.rfc4514_string()} after what it issued",
                got=issuer.subject.rfc4514_string(),
                do="Put each certificate before the one that issued it",
            )
    first = chain[0]
    return {
        "subject": {
            "organization": _said(first, x509.NameOID.ORGANIZATION_NAME),
            "commonName": _said(first, x509.NameOID.COMMON_NAME),
        },
        "uri": "",
        "certChain": {
            "certificates": [
                {"rawBytes": base64_strict.encode(c.public_bytes(serialization.Encoding.DER))}
                for c in chain
            ]
        },
        "validFor": {
            "start": _moment(max(c.not_valid_before_utc for c in chain)),
            "end": _moment(min(c.not_valid_after_utc for c in chain)),
        },
    }


def _said(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
