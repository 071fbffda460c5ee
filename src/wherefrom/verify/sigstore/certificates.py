"""The signer's certificate: who issued it, that a log has seen it, and whom it names.

    leaf ──issued by──► an authority of the trusted root, valid at every verified time
     ├ SCT ──signed by──► a certificate log of the trusted root      (RFC 6962, embedded)
     └ subject alternative name, issuer OID ──► identity

Fulcio's certificates live ten minutes, so "valid now" would say nothing: the times that are asked
about are those that a log or a timestamp authority vouches for.

Source: Fulcio, docs/certificate-specification.md and docs/oid-info.md; RFC 6962 §3.2
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate
from cryptography.x509.certificate_transparency import SignedCertificateTimestamp
from cryptography.x509.oid import ExtendedKeyUsageOID

from wherefrom.errors import Malformed, ProofError, SignatureError
from wherefrom.formats import sigstore_bundle
from wherefrom.verify.sigstore import chains
from wherefrom.verify.sigstore.trusted_root import Authority, Log, TrustedRoot

_SCT_HEAD: Final = struct.Struct(">BBQH")  # version 1, certificate timestamp, ms, precert entry
_WHERE: Final = "certificate"


class Identity(NamedTuple):
    """Whom a certificate names, and who vouched for that (the OIDC issuer)."""

    names: tuple[str, ...]
    issuer: str | None

    def __str__(self) -> str:
        vouched = f", vouched for by {self.issuer}" if self.issuer else ""
        return (" and ".join(self.names) or "nobody") + vouched


def check_leaf(leaf: Certificate, times: Sequence[datetime]) -> None:
    """Check that it may sign code, may not issue, and was valid at each of ``times``.

    Raises ProofError.
    """
    for moment in times:
        if not leaf.not_valid_before_utc <= moment <= leaf.not_valid_after_utc:
            raise ProofError(
                "the certificate was not valid when this was signed",
                where=_WHERE,
                expected=f"{leaf.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ} to "
                f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
                got=f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            )
    if chains.is_ca(leaf):
        raise ProofError("the certificate is an authority's, not a signer's", where=_WHERE)
    usage = chains.extension(leaf, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        raise ProofError("the certificate's key may not sign", where=_WHERE, expected="key usage")
    if usage.key_cert_sign:
        raise ProofError("the certificate's key may sign certificates", where=_WHERE)
    purposes = chains.extension(leaf, x509.ExtendedKeyUsage)
    if purposes is None or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise ProofError(
            "the certificate is not for signing code", where=_WHERE, expected="code signing"
        )


def find_authority(leaf: Certificate, root: TrustedRoot, times: Sequence[datetime]) -> Authority:
    """The authority that issued ``leaf`` and was trusted at each of ``times``.

    Several may have one name, so each is asked whether it signed. Raises ProofError.
    """
    outside = None
    for authority in root.authorities:
        try:
            chains.check_issued(leaf, authority.chain[0], where=_WHERE)
        except SignatureError:
            continue
        outside = next((t for t in times if not authority.window.holds(t)), None)
        if outside is None:
            return authority
        refused = authority
    if outside is not None:
        raise ProofError(
            f"the authority {refused.address} was not trusted when this was signed",
            where=_WHERE,
            expected=str(refused.window),
            got=f"{outside:%Y-%m-%dT%H:%M:%SZ}",
        )
    raise ProofError(
        "no authority of the trusted root issued this certificate",
        where=_WHERE,
        expected=", ".join(a.address for a in root.authorities) or "one at least",
        got=f"issued by {leaf.issuer.rfc4514_string()}",
        do=root.left_out(),
    )


def check_scts(leaf: Certificate, issuer: Certificate, root: TrustedRoot) -> tuple[Log, datetime]:
    """Check that a certificate log of the root has promised to list ``leaf``; which, and when.

    issuer  the certificate that signed ``leaf``, from ``find_authority``

    Every promise by a log that is known must hold, and one must be there. Raises ProofError.
    """
    held = chains.extension(leaf, x509.PrecertificateSignedCertificateTimestamps)
    listed = list(held) if held is not None else []
    if not listed:
        raise ProofError("the certificate was shown to no log", where=_WHERE, expected="an SCT")
    proven: tuple[Log, datetime] | None = None
    for sct in listed:
        known = [log for log in root.ct_logs if log.log_id == sct.log_id]
        if known:
            proven = _check_sct(sct, known, leaf, issuer)
    if proven is None:
        raise ProofError(
            "the certificate was shown only to logs that the trusted root does not name",
            where=_WHERE,
            expected=", ".join(log.address for log in root.ct_logs) or "one at least",
            got=", ".join(sct.log_id.hex()[:16] + "…" for sct in listed),
            do=root.left_out(),
        )
    return proven


def _check_sct(
    sct: SignedCertificateTimestamp, known: Sequence[Log], leaf: Certificate, issuer: Certificate
) -> tuple[Log, datetime]:
    where = f"{_WHERE}, SCT"
    try:
        signed, moment = _signed_by_sct(sct, leaf, issuer), _sct_time(sct)
        if not isinstance(sct.signature_hash_algorithm, SHA256):
            raise ProofError("an SCT by another hash", where=where, expected="SHA-256")
    except (ValueError, UnsupportedAlgorithm, OverflowError, struct.error) as error:
        raise ProofError("an SCT that cannot be read", where=where, got=str(error)) from error
    for log in known:
        if not log.window.holds(moment):
            continue
        try:
            log.check(signed, sct.signature)
        except SignatureError as error:
            raise ProofError(
                f"the certificate log {log.address} did not sign this certificate's SCT",
                where=where,
            ) from error
        return log, moment
    raise ProofError(
        f"the certificate log {known[0].address} was not trusted then",
        where=where,
        expected=str(known[0].window),
        got=f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}",
    )


def _signed_by_sct(
    sct: SignedCertificateTimestamp, leaf: Certificate, issuer: Certificate
) -> bytes:
    """What the log signed: not the certificate, but the one before the SCT was put into it."""
    since = _sct_time(sct)
    milliseconds = int(since.timestamp()) * 1000 + since.microsecond // 1000
    key_hash = sha256(chains.spki_of(issuer, where=_WHERE)).digest()
    tbs, more = leaf.tbs_precertificate_bytes, sct.extension_bytes
    return b"".join((
        _SCT_HEAD.pack(0, 0, milliseconds, 1), key_hash,
        len(tbs).to_bytes(3, "big"), tbs, len(more).to_bytes(2, "big"), more,
    ))  # fmt: skip


def _sct_time(sct: SignedCertificateTimestamp) -> datetime:
    return sct.timestamp.replace(tzinfo=UTC)


def identity_of(leaf: Certificate) -> Identity:
    """Whom the certificate names. Raises Malformed if that cannot be read."""
    names, issuer = sigstore_bundle.identity_of(leaf.extensions, where=_WHERE)
    if not names:
        raise Malformed("a certificate that names nobody", where=_WHERE)
    return Identity(tuple(names), issuer)


def check_identity(found: Identity, *, identity: str | None, issuer: str | None) -> None:
    """Check that it is who is wanted: equal, character by character. Raises ProofError."""
    if identity is not None and identity not in found.names:
        raise ProofError(
            "somebody else signed this", where=_WHERE, expected=identity,
            got=" and ".join(found.names),
        )  # fmt: skip
    if issuer is not None and issuer != found.issuer:
        raise ProofError(
            "somebody else vouched for the signer", where=_WHERE, expected=issuer,
            got=found.issuer or "nobody",
        )  # fmt: skip
