"""Certificates and who issued them: the part of X.509 that Sigstore's authorities use.

    leaf ──issued by──► intermediate ──issued by──► root        each may issue, each is valid
      code signing · timestamping                               at the time that is asked about

cryptography reads certificates and checks single signatures; the path, whose shape Sigstore fixes
(every authority of a trusted root says its whole chain), is walked here, because its own verifier
knows only what a web server's certificate must be.

Source: RFC 5280 §4.2.1.3, §4.2.1.9, §4.2.1.12 and §6.1
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import Certificate, ObjectIdentifier
from cryptography.x509.oid import ExtensionOID

from wherefrom.errors import Malformed, SignatureError
from wherefrom.formats.trusted_root import Window

# What these libraries raise for certificates that are none, or of a kind they do not know.
_UNREADABLE: Final = (
    ValueError, TypeError, UnsupportedAlgorithm, InternalError, x509.InvalidVersion,
    x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
)  # fmt: skip
_ANY_PURPOSE: Final = ObjectIdentifier("2.5.29.37.0")
# Critical extensions that a check here takes into account.
_UNDERSTOOD: Final = frozenset({
    ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
})  # fmt: skip

E = TypeVar("E", bound=x509.ExtensionType)


def read_certificate(der: bytes, *, where: str) -> Certificate:
    """A certificate whose extensions can be read and, where critical, are understood.

    Raises Malformed.
    """
    certificate = read_any(der, where=where)
    unknown = [
        e.oid.dotted_string
        for e in certificate.extensions
        if e.critical and e.oid not in _UNDERSTOOD
    ]
    if unknown:
        raise Malformed(
            "a certificate with a critical extension that is not understood here",
            where=where,
            got=", ".join(unknown),
        )
    return certificate


def read_any(der: bytes, *, where: str) -> Certificate:
    """A certificate that can be read, for whoever believes nothing of it. Raises Malformed."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        with warnings.catch_warnings():
            # Of names longer than X.520 has them, which no check here minds.
            warnings.simplefilter("ignore", UserWarning)
            # Read now what is otherwise read, and found broken, when it is first asked for.
            _ = (
                certificate.subject, certificate.issuer, certificate.serial_number,
                certificate.not_valid_before_utc, certificate.not_valid_after_utc,
                certificate.extensions,
            )  # fmt: skip
    except _UNREADABLE as error:
        raise Malformed("a certificate that cannot be read", where=where, got=str(error)) from error
    return certificate


def extension(certificate: Certificate, kind: type[E]) -> E | None:
    """The extension of this kind, or None."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def spki_of(certificate: Certificate, *, where: str) -> bytes:
    """SubjectPublicKeyInfo of the certificate's key, DER. Raises Malformed."""
    try:
        return certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    except _UNREADABLE as error:
        raise Malformed("a key that cannot be read", where=where, got=str(error)) from error


def is_ca(certificate: Certificate) -> bool:
    """Whether it says that it may issue others."""
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def is_self_signed(certificate: Certificate) -> bool:
    """Whether it is its own issuer, by name and by signature."""
    if certificate.issuer != certificate.subject:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except (*_UNREADABLE, InvalidSignature):
        return False
    return True


def check_issued(certificate: Certificate, issuer: Certificate, *, where: str) -> None:
    """Return if ``issuer`` signed ``certificate`` and is named in it. Raises SignatureError."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*_UNREADABLE, InvalidSignature) as error:
        raise SignatureError(
            "a certificate is not issued by the one above it",
            where=where,
            expected=issuer.subject.rfc4514_string(),
            got=certificate.issuer.rfc4514_string(),
        ) from error


def check_chain(issuing: Sequence[Certificate], *, purpose: ObjectIdentifier, where: str) -> None:
    """Check that each certificate may issue the one below it, for this purpose, and did.

    issuing  certificate authorities only, the lowest first; the last is trusted as it is

    Raises Malformed for one that may not issue, SignatureError for one that did not.
    """
    for below, certificate in enumerate(issuing):
        _check_may_issue(certificate, below=below, where=where)
        allowed = extension(certificate, x509.ExtendedKeyUsage)
        if allowed is not None and purpose not in allowed and _ANY_PURPOSE not in allowed:
            raise Malformed("an authority for another purpose", where=where)
        if below + 1 < len(issuing):
            check_issued(certificate, issuing[below + 1], where=where)


def _check_may_issue(certificate: Certificate, *, below: int, where: str) -> None:
    # Often not marked critical, so it is not refused as such: whom it excludes is not read here.
    if extension(certificate, x509.NameConstraints) is not None:
        raise Malformed("an authority for some names only, which is not read here", where=where)
    constraints = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    if constraints is None or not constraints.ca or (usage and not usage.key_cert_sign):
        raise Malformed(
            "an authority's certificate that may not issue others",
            where=where,
            got=certificate.subject.rfc4514_string(),
        )
    if constraints.path_length is not None and constraints.path_length < below:
        raise Malformed(
            "a chain is longer than its authority allows",
            where=where,
            expected=f"{constraints.path_length} below it at most",
            got=below,
        )


def validity(certificates: Sequence[Certificate], window: Window) -> Window | None:
    """When all of ``certificates`` are valid and ``window`` holds; None if never."""
    start = max([window.start, *(c.not_valid_before_utc for c in certificates)])
    ends = [c.not_valid_after_utc for c in certificates]
    ends += [window.end] if window.end is not None else []
    end = min(ends, default=None)
    return None if end is not None and end < start else Window(start, end)
