"""RFC 3161 timestamps: what a timestamp authority says of a hash, and how it signed that.

    TimeStampResp ── status: granted
      └ ContentInfo ── SignedData
          ├ TSTInfo         messageImprint (algorithm, hash) · genTime       what is said
          ├ certificates    the authority's own, if it sent them             never trusted as such
          └ SignerInfo      signer · signed attributes · signature           who says it
                             └ contentType, messageDigest, signingCertificate

Read here, checked in ``verify.sigstore.timestamps``. Only what Sigstore's tokens are is read:
one signer, signed attributes, DER. Unknown attributes and extensions are passed over, but for
critical ones, which are refused.

Sizes:  a response is at most 64 KiB
Source: RFC 3161 §2.4.2; RFC 5652 §5; RFC 5816 (signingCertificateV2)
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import der
from wherefrom.formats.der import Element

RESPONSE_BYTES_MAX: Final = 64 * 1024

_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE: Final = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"
_GRANTED: Final = (0, 1)
# Of SignedData: 3 with what a timestamp holds; 4 and 5 with some kinds of certificates beside it.
_DATA_VERSIONS: Final = (3, 4, 5)

HASHES: Final = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
# Signature algorithm → the hash that its OID names; None where SignerInfo's digest algorithm says.
SIGNATURES: Final = {
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
    "1.2.840.113549.1.1.1": ("rsa", None),
    "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.3.101.112": ("ed25519", None),
}
_ECDSA_KEY: Final = "1.2.840.10045.2.1"


class SigningCertificate(NamedTuple):
    """Which certificate signed, by the hash of its DER (``signingCertificate[V2]``)."""

    algorithm: str
    digest: bytes


class Timestamp(NamedTuple):
    """A token, unchecked.

    imprint_algorithm, imprint  what was stamped: the hash of the bytes, and by which algorithm
    time                        when, UTC
    info                        the DER of TSTInfo; ``info_digest`` is what the signature claims
                                its hash by ``digest_algorithm`` to be
    signed                      the bytes that ``signature`` is over
    signature_kind              ``ecdsa``, ``rsa`` or ``ed25519``, with the hash ``signature_hash``
    issuer, serial              of the signer's certificate (DER of a Name, and a number), or
    key_identifier              its subject key identifier
    certificates                DER of each that came along
    """

    imprint_algorithm: str
    imprint: bytes
    time: datetime
    info: bytes
    digest_algorithm: str
    info_digest: bytes
    signed: bytes
    signature: bytes
    signature_kind: str
    signature_hash: str
    issuer: bytes | None
    serial: int | None
    key_identifier: bytes | None
    signing_certificates: tuple[SigningCertificate, ...]
    certificates: tuple[bytes, ...]


class _Signer(NamedTuple):
    digest_algorithm: str
    issuer: bytes | None
    serial: int | None
    key_identifier: bytes | None
    signed: Element
    kind: str
    hash: str
    signature: bytes


def parse(written: bytes, *, where: str) -> Timestamp:
    """Read a TimeStampResp. Raises Malformed, Unsupported, or LimitPassed over 64 KiB."""
    if len(written) > RESPONSE_BYTES_MAX:
        raise LimitPassed(
            "a timestamp is too large", where=where, expected=f"{RESPONSE_BYTES_MAX} bytes"
        )
    response = _sequence(der.read(written, where=where), where)
    status = _sequence(_at(response, 0), f"{where}.status")
    said = der.integer(_at(status, 0), where=f"{where}.status")
    if said not in _GRANTED:
        raise Malformed(
            "the authority did not grant this timestamp",
            where=f"{where}.status",
            expected="granted",
            got=said,
        )
    content = _sequence(_at(response, 1), f"{where}.timeStampToken")
    _need_oid(_at(content, 0), _SIGNED_DATA, f"{where}.contentType")
    wrapped = der.need(_at(content, 1), 0xA0, where=f"{where}.content").children(where=where)
    return _signed_data(_sequence(_only(wrapped, where), where), where)


def _signed_data(fields: list[Element], where: str) -> Timestamp:
    _need_version(_at(fields, 0), _DATA_VERSIONS, f"{where}.version")
    info_place = f"{where}.encapContentInfo"
    encapsulated = _sequence(_at(fields, 2), info_place)
    _need_oid(_at(encapsulated, 0), _TST_INFO, info_place)
    wrapped = der.need(_at(encapsulated, 1), 0xA0, where=info_place).children(where=info_place)
    info = der.need(_only(wrapped, info_place), der.OCTET_STRING, where=info_place).body
    certificates: list[bytes] = []
    for element in fields[3:-1]:
        if element.tag == 0xA0:
            certificates = [c.whole for c in element.children(where=where) if c.tag == der.SEQUENCE]
        elif element.tag != 0xA1:
            raise Malformed("a field that SignedData does not have", where=where)
    signers = der.need(fields[-1], der.SET, where=f"{where}.signerInfos").children(where=where)
    signer = _signer(_sequence(_only(signers, f"{where}.signerInfos"), where), where)
    listed = der.need(_at(fields, 1), der.SET, where=f"{where}.digestAlgorithms")
    algorithms = [_hash(each, where) for each in listed.children(where=where)]
    if signer.digest_algorithm not in algorithms:
        raise Malformed(
            "the signer's hash is not among those that the token names",
            where=f"{where}.digestAlgorithms",
            expected=signer.digest_algorithm,
            got=", ".join(algorithms) or "none",
        )
    digest, named = _attributes(signer.signed, f"{where}.signedAttrs")
    algorithm, imprint, time = _info(info, f"{where}.TSTInfo")
    return Timestamp(
        imprint_algorithm=algorithm,
        imprint=imprint,
        time=time,
        info=info,
        digest_algorithm=signer.digest_algorithm,
        info_digest=digest,
        # The attributes are signed as the SET that they are, not under the tag they travel in.
        signed=b"\x31" + signer.signed.whole[1:],
        signature=signer.signature,
        signature_kind=signer.kind,
        signature_hash=signer.hash,
        issuer=signer.issuer,
        serial=signer.serial,
        key_identifier=signer.key_identifier,
        signing_certificates=named,
        certificates=tuple(certificates),
    )


def _signer(fields: list[Element], where: str) -> _Signer:
    place = f"{where}.signerInfo"
    sid = _at(fields, 1)
    issuer = serial = key_identifier = None
    if sid is not None and sid.tag == der.SEQUENCE:
        pair = sid.children(where=place)
        issuer = der.need(_at(pair, 0), der.SEQUENCE, where=f"{place}.sid").whole
        serial = der.integer(_at(pair, 1), where=f"{place}.sid")
    else:
        key_identifier = der.need(sid, 0x80, where=f"{place}.sid").body
    _need_version(_at(fields, 0), (1 if issuer is not None else 3,), f"{place}.version")
    digest_algorithm = _hash(_at(fields, 2), f"{place}.digestAlgorithm")
    # Without signed attributes nothing would say which certificate signed (RFC 3161 §2.4.2).
    signed = der.need(_at(fields, 3), 0xA0, where=f"{place}.signedAttrs")
    kind, hash = _signature_algorithm(_at(fields, 4), digest_algorithm, place)
    signature = der.need(_at(fields, 5), der.OCTET_STRING, where=f"{place}.signature").body
    return _Signer(digest_algorithm, issuer, serial, key_identifier, signed, kind, hash, signature)


def _signature_algorithm(
    element: Element | None, digest_algorithm: str, where: str
) -> tuple[str, str]:
    place = f"{where}.signatureAlgorithm"
    named = der.oid(_at(_sequence(element, place), 0), where=place)
    if named == _ECDSA_KEY:  # some authorities name the key, and mean the digest algorithm
        return "ecdsa", digest_algorithm
    if named not in SIGNATURES:
        raise Unsupported("a signature algorithm that is not read here", where=place, got=named)
    kind, hash = SIGNATURES[named]
    return kind, hash or digest_algorithm


def _attributes(signed: Element, where: str) -> tuple[bytes, tuple[SigningCertificate, ...]]:
    """The message digest and the certificates that the signed attributes name."""
    values: dict[str, Element] = {}
    for attribute in signed.children(where=where):
        pair = _sequence(attribute, where)
        name = der.oid(_at(pair, 0), where=where)
        if name in values:
            raise Malformed("a signed attribute that is there twice", where=where, got=name)
        held = der.need(_at(pair, 1), der.SET, where=where).children(where=where)
        values[name] = _only(held, where)
    _need_oid(values.get(_CONTENT_TYPE), _TST_INFO, f"{where}.contentType")
    digest = der.need(
        values.get(_MESSAGE_DIGEST), der.OCTET_STRING, where=f"{where}.messageDigest"
    ).body
    named = []
    for name in (_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2):
        if name in values:
            named.append(_signing_certificate(values[name], name, f"{where}.signingCertificate"))
    if not named:
        raise Malformed(
            "the signature does not say which certificate signed",
            where=where,
            expected="signingCertificate or signingCertificateV2",
        )
    return digest, tuple(named)


def _signing_certificate(value: Element, name: str, where: str) -> SigningCertificate:
    """The first ESSCertID: the signer's own, whatever others follow."""
    listed = _sequence(_at(_sequence(value, where), 0), where)
    fields = _sequence(_at(listed, 0), where)
    first = _at(fields, 0)
    if name == _SIGNING_CERTIFICATE:
        algorithm = "sha1"
    elif first is not None and first.tag == der.SEQUENCE:
        algorithm, fields = _hash(first, where), fields[1:]
    else:
        algorithm = "sha256"  # the default of ESSCertIDv2
    digest = der.need(_at(fields, 0), der.OCTET_STRING, where=where).body
    return SigningCertificate(algorithm, digest)


def _info(written: bytes, where: str) -> tuple[str, bytes, datetime]:
    """Algorithm and hash of what was stamped, and the time."""
    fields = _sequence(der.read(written, where=where), where)
    version = der.integer(_at(fields, 0), where=f"{where}.version")
    if version != 1:
        raise Unsupported("another version of TSTInfo", where=where, expected="1", got=version)
    der.oid(_at(fields, 1), where=f"{where}.policy")
    imprint = _sequence(_at(fields, 2), f"{where}.messageImprint")
    algorithm = _hash(_at(imprint, 0), f"{where}.messageImprint")
    digest = der.need(_at(imprint, 1), der.OCTET_STRING, where=f"{where}.messageImprint").body
    der.integer(_at(fields, 3), where=f"{where}.serialNumber")
    time = der.generalized_time(_at(fields, 4), where=f"{where}.genTime")
    for element in fields[5:]:
        if element.tag == 0xA1:
            _refuse_critical(element, where)
    return algorithm, digest, time


def _refuse_critical(extensions: Element, where: str) -> None:
    for extension in extensions.children(where=where):
        fields = _sequence(extension, where)
        if len(fields) > 2 and fields[1].body == b"\xff":
            raise Unsupported(
                "a critical extension of a timestamp that is not read here",
                where=where,
                got=der.oid(fields[0], where=where),
            )


def _need_version(element: Element | None, known: tuple[int, ...], where: str) -> None:
    version = der.integer(element, where=where)
    if version not in known:
        raise Unsupported(
            "another version of the format", where=where, expected=" or ".join(map(str, known)),
            got=version,
        )  # fmt: skip


def _hash(element: Element | None, where: str) -> str:
    named = der.oid(_at(_sequence(element, where), 0), where=where)
    if named not in HASHES:
        raise Unsupported("a hash that is not read here", where=where, got=named)
    return HASHES[named]


def _sequence(element: Element | None, where: str) -> list[Element]:
    return der.need(element, der.SEQUENCE, where=where).children(where=where)


def _at(elements: list[Element], index: int) -> Element | None:
    return elements[index] if index < len(elements) else None


def _only(elements: list[Element], where: str) -> Element:
    if len(elements) != 1:
        raise Malformed("not exactly one value", where=where, expected="1", got=len(elements))
    return elements[0]


def _need_oid(element: Element | None, expected: str, where: str) -> None:
    got = der.oid(element, where=where)
    if got != expected:
        raise Malformed("another kind of content", where=where, expected=expected, got=got)
