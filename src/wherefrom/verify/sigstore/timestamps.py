"""RFC 3161 timestamps: did an authority of the trusted root stamp this signature, and when?

    signature bytes ──hash──► imprint ─┐
                                    TSTInfo ◄──hash── signed attributes ◄──signed── certificate
                                     └ genTime: when the root's authority, which issued it, is valid

A token that is there must hold: a wrong one beside a right one is no reason to believe either.

Source: RFC 3161 §2.2 to §2.4; RFC 5652 §5.4; RFC 5816
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from cryptography.x509.oid import ExtendedKeyUsageOID

from wherefrom.errors import Malformed, ProofError, SettingError, SignatureError
from wherefrom.formats import rfc3161
from wherefrom.formats.rfc3161 import Timestamp
from wherefrom.keys.public import PublicKey
from wherefrom.verify.sigstore import chains
from wherefrom.verify.sigstore.log_entries import CLOCK_SKEW
from wherefrom.verify.sigstore.trusted_root import Authority, TrustedRoot

_STRONG: Final = ("sha256", "sha384", "sha512")
_CERTIFICATES_MAX: Final = 8
_DER: Final = Encoding.DER


def check_timestamp(
    written: bytes, *, signature: bytes, root: TrustedRoot, now: datetime, where: str
) -> tuple[datetime, Authority]:
    """When ``signature`` was stamped, and by which authority.

    Raises Malformed, Unsupported for a token that cannot be read, ProofError for one that is
    not of this signature, not by an authority of the root, or not of a time it was trusted.
    """
    stamp = rfc3161.parse(written, where=where)
    if len(stamp.certificates) > _CERTIFICATES_MAX:
        raise Malformed("too many certificates in a timestamp", where=where)
    for certificate in stamp.certificates:  # nobody signed these, so what is broken shows only here
        chains.read_any(certificate, where=f"{where}.certificates")
    # 1. It is of this signature.
    if stamp.imprint_algorithm not in _STRONG:
        raise ProofError("a timestamp of a weak hash", where=where, got=stamp.imprint_algorithm)
    if stamp.imprint != hashlib.new(stamp.imprint_algorithm, signature).digest():
        raise ProofError(
            "the timestamp is of something else", where=where, expected="one of this signature"
        )
    # 2. What is signed is this TSTInfo.
    if stamp.digest_algorithm not in _STRONG:
        raise ProofError("a timestamp signed by a weak hash", where=where)
    if stamp.info_digest != hashlib.new(stamp.digest_algorithm, stamp.info).digest():
        raise ProofError("the timestamp is not what its authority signed", where=where)
    if stamp.time > now + CLOCK_SKEW:
        raise ProofError("the timestamp is from the future", where=where, got=str(stamp.time))
    # 3. An authority that was trusted at that time signed it.
    refusals = []
    for authority in root.timestamp_authorities:
        try:
            _check_by(stamp, authority, where)
        except (ProofError, SignatureError, Malformed) as error:
            refusals.append(error)
            continue
        return stamp.time, authority
    # The refusal that came furthest says most: a signature that held under a wrong time, say.
    refused = max(refusals, key=lambda e: isinstance(e, ProofError), default=None)
    raise ProofError(
        "no timestamp authority of the trusted root vouches for this time",
        where=where,
        expected=", ".join(a.address for a in root.timestamp_authorities) or "one at least",
        got=None if refused is None else str(refused),
        do=root.left_out(),
    ) from refused


def _check_by(stamp: Timestamp, authority: Authority, where: str) -> None:
    """Check the token against one authority. Raises SignatureError, Malformed, ProofError."""
    signer, path = _signer(stamp, authority, where)
    _check_signature(stamp, signer, where)
    # From here on it is this authority's: what follows is the reason to tell.
    purposes = _critical_purposes(signer)
    if purposes != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise ProofError("the certificate is not for timestamps alone", where=where)
    usage = chains.extension(signer, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise ProofError("the certificate's key may not sign", where=where)
    window = chains.validity([signer, *path], authority.window)
    if window is None or not window.holds(stamp.time):
        raise ProofError(
            f"the timestamp authority {authority.address} was not trusted then",
            where=where,
            expected=str(window or authority.window),
            got=f"{stamp.time:%Y-%m-%dT%H:%M:%SZ}",
        )


def _signer(
    stamp: Timestamp, authority: Authority, where: str
) -> tuple[Certificate, Sequence[Certificate]]:
    """The certificate that the token names, and what stands between it and the authority.

    It is the authority's own, or it came along and the authority issued it; one that came along
    beside an authority that has its own counts for nothing.
    """
    if authority.end is not None:
        _need_named(stamp, authority.end, where)
        return authority.end, ()
    along = [chains.read_certificate(der, where=where) for der in stamp.certificates]
    named = [certificate for certificate in along if _is_named(stamp, certificate)]
    if len(named) != 1:
        raise SignatureError(
            "the timestamp does not bring the certificate that it names", where=where
        )
    return named[0], _path(named[0], [c for c in along if c != named[0]], authority, where)


def _path(
    signer: Certificate, along: Sequence[Certificate], authority: Authority, where: str
) -> Sequence[Certificate]:
    """The certificates between ``signer`` and the authority's chain. Raises SignatureError."""
    path: list[Certificate] = []
    at = signer
    while len(path) <= len(along):
        above = next((c for c in authority.chain if _issued(at, c)), None)
        if above is not None:
            chains.check_chain(
                [*path, above], purpose=ExtendedKeyUsageOID.TIME_STAMPING, where=where
            )
            return path
        between = next((c for c in along if c not in path and _issued(at, c)), None)
        if between is None:
            break
        path.append(between)
        at = between
    raise SignatureError(
        f"the timestamp's certificate is not issued by {authority.address}", where=where
    )


def _issued(certificate: Certificate, issuer: Certificate) -> bool:
    try:
        chains.check_issued(certificate, issuer, where="")
    except SignatureError:
        return False
    return True


def _is_named(stamp: Timestamp, certificate: Certificate) -> bool:
    """Whether this is the certificate that the signer names, in each of the ways it names it."""
    der = certificate.public_bytes(_DER)
    for named in stamp.signing_certificates:
        if hashlib.new(named.algorithm, der).digest() != named.digest:
            return False
    if stamp.key_identifier is not None:
        identifier = chains.extension(certificate, x509.SubjectKeyIdentifier)
        return identifier is not None and identifier.digest == stamp.key_identifier
    return (
        stamp.serial == certificate.serial_number
        and stamp.issuer == certificate.issuer.public_bytes()
    )


def _need_named(stamp: Timestamp, certificate: Certificate, where: str) -> None:
    if not _is_named(stamp, certificate):
        raise SignatureError("the timestamp names another certificate", where=where)


def _check_signature(stamp: Timestamp, signer: Certificate, where: str) -> None:
    if stamp.signature_hash not in _STRONG:
        raise ProofError("a timestamp signed by a weak hash", where=where)
    try:
        key = PublicKey(chains.spki_of(signer, where=where), where=where)
    except SettingError as error:
        raise SignatureError(str(error), where=where) from error
    if not key.algorithm.startswith(stamp.signature_kind):
        raise SignatureError("a signature of another kind than the key", where=where)
    hash = None if stamp.signature_kind == "ed25519" else stamp.signature_hash
    key.check_strictly(stamp.signed, stamp.signature, hash=hash)


def _critical_purposes(certificate: Certificate) -> list[x509.ObjectIdentifier]:
    try:
        held = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return []
    return list(held.value) if held.critical else []
