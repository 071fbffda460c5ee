"""Authorities for tests: a CA with a certificate log, and a timestamp authority (RFC 3161).

    CertificateAuthority ──issue──► a signer's certificate, with the promise of the CT log in it
    TimestampAuthority ──stamp──► a TimeStampResp over any bytes

What no library here writes, the promise and the timestamp, is written in DER by hand. Keys are made
anew each time; nothing outside a test has reason to trust them.

Source: RFC 6962 §3 (SCT), RFC 3161, RFC 5652 §5, RFC 5816 (ESSCertIDv2)
"""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

DAY = timedelta(days=1)
SCT_LIST = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
# Where Fulcio says who knows the signer: in raw bytes first, as DER text since.
ISSUER_RAW = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
ISSUER = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")


def name(common):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_usage(*named):
    all_of = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{usage: usage in named for usage in all_of})


def root_certificate(common, key, now):
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(name(common))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + 365 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(key_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


class CertificateAuthority:
    """Issues as Fulcio does: short-lived, with an identity, an issuer and a CT log's promise."""

    def __init__(self):
        self.now = datetime.now(UTC).replace(microsecond=0)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._ct_key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = root_certificate("a test CA", self._key, self.now)

    @property
    def ct_log_pem(self):
        return self._ct_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def issue(self, public_key, *, email="signer@example.com", issuer="https://id.example"):
        """A certificate for ten minutes."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - timedelta(minutes=5))
            .not_valid_after(self.now + timedelta(minutes=5))
            .add_extension(key_usage("digital_signature"), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.RFC822Name(email)]), critical=True
            )
            .add_extension(
                x509.UnrecognizedExtension(ISSUER_RAW, issuer.encode()), critical=False
            )
            .add_extension(
                x509.UnrecognizedExtension(ISSUER, der(0x0C, issuer.encode())), critical=False
            )
        )  # fmt: skip
        unpromised = builder.sign(self._key, hashes.SHA256()).tbs_certificate_bytes
        promise = x509.UnrecognizedExtension(SCT_LIST, der(0x04, self._promise(unpromised)))
        return builder.add_extension(promise, critical=False).sign(self._key, hashes.SHA256())

    def _promise(self, tbs):
        log = spki(self._ct_key.public_key())
        at = int(self.now.timestamp() * 1000)
        issuer = hashlib.sha256(spki(self._key.public_key())).digest()
        signed = struct.pack(">BBQH", 0, 0, at, 1) + issuer
        signed += len(tbs).to_bytes(3, "big") + tbs + b"\0\0"
        signature = self._ct_key.sign(signed, ec.ECDSA(hashes.SHA256()))
        sct = b"\0" + hashlib.sha256(log).digest() + struct.pack(">QH", at, 0)
        sct += b"\x04\x03" + struct.pack(">H", len(signature)) + signature
        one = struct.pack(">H", len(sct)) + sct
        return struct.pack(">H", len(one)) + one


class TimestampAuthority:
    """Says when bytes were there, signed."""

    def __init__(self, now=None):
        self.now = now or datetime.now(UTC).replace(microsecond=0)
        root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = root_certificate("a test TSA root", root_key, self.now)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name("a test TSA"))
            .issuer_name(self.root.subject)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - DAY)
            .not_valid_after(self.now + 30 * DAY)
            .add_extension(key_usage("digital_signature"), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
                critical=False,
            )
            .sign(root_key, hashes.SHA256())
        )
        self.serial = 0

    @property
    def chain_pem(self):
        return pem(self.certificate) + pem(self.root)

    def stamp(self, message, *, at=None, nonce=None):
        """A TimeStampResp: granted, over the SHA-256 of ``message``."""
        return self.stamp_digest(hashlib.sha256(message).digest(), at=at, nonce=nonce)

    def stamp_digest(self, digest, *, at=None, nonce=None):
        """The same, over what has this SHA-256."""
        self.serial += 1
        info = der_sequence(
            der_integer(1),
            der_oid("1.2.3.4.5"),
            der_sequence(der_sequence(der_oid(SHA256), NULL), der(0x04, digest)),
            der_integer(self.serial),
            der(0x18, (at or self.now).strftime("%Y%m%d%H%M%SZ").encode()),
            *([der_integer(nonce)] if nonce is not None else []),
        )
        return der_sequence(der_sequence(der_integer(0)), self._signed(info))

    def _signed(self, info):
        certificate = self.certificate.public_bytes(serialization.Encoding.DER)
        ess = der_sequence(
            der_sequence(der_sequence(der(0x04, hashlib.sha256(certificate).digest())))
        )
        attributes = sorted([
            attribute("1.2.840.113549.1.9.3", der_oid(TST_INFO)),
            attribute("1.2.840.113549.1.9.4", der(0x04, hashlib.sha256(info).digest())),
            attribute("1.2.840.113549.1.9.16.2.47", ess),
        ])  # fmt: skip
        signature = self._key.sign(der(0x31, *attributes), ec.ECDSA(hashes.SHA256()))
        issuer = self.certificate.issuer.public_bytes()
        signer = der_sequence(
            der_integer(1),
            der_sequence(issuer, der_integer(self.certificate.serial_number)),
            der_sequence(der_oid(SHA256), NULL),
            der(0xA0, *attributes),
            der_sequence(der_oid("1.2.840.10045.4.3.2")),
            der(0x04, signature),
        )
        signed_data = der_sequence(
            der_integer(3),
            der(0x31, der_sequence(der_oid(SHA256), NULL)),
            der_sequence(der_oid(TST_INFO), der(0xA0, der(0x04, info))),
            der(0xA0, certificate),
            der(0x31, signer),
        )
        return der_sequence(der_oid("1.2.840.113549.1.7.2"), der(0xA0, signed_data))


SHA256 = "2.16.840.1.101.3.4.2.1"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
NULL = b"\x05\x00"


def spki(public_key):
    return public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def attribute(oid, value):
    return der_sequence(der_oid(oid), der(0x31, value))


def der(tag, *parts):
    held = b"".join(parts)
    if len(held) < 128:
        return bytes([tag, len(held)]) + held
    length = len(held).to_bytes((len(held).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + held


def der_sequence(*parts):
    return der(0x30, *parts)


def der_integer(value):
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def der_oid(dotted):
    first, second, *rest = map(int, dotted.split("."))
    written = b""
    for number in (40 * first + second, *rest):
        part = bytes([number & 127])
        while number := number >> 7:
            part = bytes([number & 127 | 128]) + part
        written += part
    return der(0x06, written)
