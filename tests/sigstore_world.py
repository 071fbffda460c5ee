"""Sigstore in a box: authorities, logs and a clock of the tests' own, to sign what they want.

    World ── root, intermediate ──► leaf (with an SCT by the certificate log)
          ├─ Rekor v1 (P-256)  ──► promise, checkpoint "name - tree"      hashedrekord dsse intoto
          ├─ Rekor v2 (Ed25519) ─► checkpoint "name"                      hashedrekord dsse 0.0.2
          └─ timestamp authority ─► RFC 3161 tokens
    Made(world, …) ──► a bundle that verifies; each argument is one thing that can be wrong with it

Written from the formats' own documents and not with the code under test, which it shares nothing
with; its tokens are also read by another implementation (``test_sigstore_oracles``).
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from nacl import bindings

T = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
NOW = T + timedelta(days=90)
ARTIFACT = b"what was released\n"
IDENTITY = "https://forge.example/o/r/.github/workflows/release.yml@refs/heads/main"
ISSUER = "https://tokens.forge.example"
MINUTES = timedelta(minutes=10)
SCT_OID = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
REKOR1, REKOR2, CTLOG = "rekor.example", "log2026.rekor.example:8080", "ct.example"
IN_TOTO = "application/vnd.in-toto+json"


def b64(raw):
    return base64.b64encode(raw).decode()


def sha256(raw):
    return hashlib.sha256(raw).digest()


def der_of(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def spki_of(key):
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def pem_of(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


CURVES = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}
HASHES = {256: hashes.SHA256, 384: hashes.SHA384, 521: hashes.SHA512}


@cache
def a_key(kind, name):
    """A key of this kind; the same one for the same name."""
    del name
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(CURVES[kind]())


def sign(key, message, hash=None):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return sign_prehashed(key, message) if hash == "ph" else key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(message, ec.ECDSA(hash or HASHES[key.curve.key_size]()))


def sign_prehashed(key, message):
    """Ed25519ph by hand, from RFC 8032 §5.1.6, for no library at hand makes it twice."""
    seed = hashlib.sha512(key.private_bytes_raw()).digest()
    scalar = int.from_bytes(seed[:32], "little") & (1 << 254) - 8 | 1 << 254
    order = 2**252 + 27742317777372353535851937790883648493
    domain = b"SigEd25519 no Ed25519 collisions" + b"\x01\x00"

    def number(*parts):
        return int.from_bytes(hashlib.sha512(domain + b"".join(parts)).digest(), "little") % order

    hashed = hashlib.sha512(message).digest()
    r = number(seed[32:], hashed)
    point = bindings.crypto_scalarmult_ed25519_base_noclamp(r.to_bytes(32, "little"))
    k = number(point, key.public_key().public_bytes_raw(), hashed)
    return point + ((r + k * scalar) % order).to_bytes(32, "little")


# -- certificates


def certificate(subject, key, issuer, issuer_key, *, start, end, extensions=(), serial=None):
    """``extensions`` as (value, critical)."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(x509.Name(issuer))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    for value, critical in [(own, False), (above, False), *extensions]:
        builder = builder.add_extension(value, critical)
    hash = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA384()
    return builder.sign(issuer_key, hash)


def name(common):
    return [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "box.example"),
        x509.NameAttribute(NameOID.COMMON_NAME, common),
    ]


def ca_extensions(*, path=None, eku=None, ca=True):
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    found = [(x509.BasicConstraints(ca, path if ca else None), True), (usage, True)]
    return [*found, (x509.ExtendedKeyUsage([eku]), False)] if eku else found


def signing_usage(digital_signature=True, *, certificates=False):
    return x509.KeyUsage(
        digital_signature=digital_signature, content_commitment=not digital_signature,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        key_cert_sign=certificates, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


class Authority:
    """A root and what it issues from: [intermediate, root], or [root] alone."""

    def __init__(self, label, *, start=T - timedelta(days=400), end=T + timedelta(days=4000),
                 eku=ExtendedKeyUsageOID.CODE_SIGNING, path=0, intermediate_is_ca=True,
                 intermediate_name=None, intermediate_end=None):  # fmt: skip
        self.root_key, self.key = a_key("p384", f"{label} root"), a_key("p384", label)
        self.name = name(intermediate_name or f"{label} intermediate")
        self.root = certificate(
            name(f"{label} root"), self.root_key, name(f"{label} root"), self.root_key,
            start=start, end=end, extensions=ca_extensions(),
        )  # fmt: skip
        self.intermediate = certificate(
            self.name, self.key, name(f"{label} root"), self.root_key,
            start=start, end=intermediate_end or end,
            extensions=ca_extensions(path=path, eku=eku, ca=intermediate_is_ca),
        )  # fmt: skip
        self.chain = [self.intermediate, self.root]


# -- logs


class Log:
    """A log with a handful of other entries around the one that is asked for."""

    def __init__(self, host, key, *, origin, log_id=None, before=5, after=3):
        self.host, self.key, self.origin = host, key, origin
        self.id = log_id or sha256(spki_of(key))
        self.before, self.after = before, after

    @property
    def details(self):
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return "PKIX_ED25519"
        if isinstance(self.key, rsa.RSAPrivateKey):
            return "PKIX_RSA_PKCS1V15_2048_SHA256"
        return {256: "PKIX_ECDSA_P256_SHA_256", 384: "PKIX_ECDSA_P384_SHA_384",
                521: "PKIX_ECDSA_P521_SHA_512"}[self.key.curve.key_size]  # fmt: skip

    def instance(self, *, start=T - timedelta(days=30), end=None):
        window = {"start": stamp(start)} | ({"end": stamp(end)} if end else {})
        return {
            "baseUrl": f"https://{self.host}", "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": b64(spki_of(self.key)), "keyDetails": self.details, "validFor": window,
            },
            "logId": {"keyId": b64(self.id)},
        }  # fmt: skip

    def checkpoint(self, size, root, *, origin=None, cosigned=False, signer=None):
        text = f"{origin or self.origin}\n{size}\n{b64(root)}\n"
        line = f"— {self.host} {b64(self.id[:4] + sign(signer or self.key, text.encode()))}\n"
        if cosigned:
            witness = f"— witness.example/w1 {b64(b'wits' + bytes(72))}\n"
            line = witness + line + f"— other.example {b64(b'othr' + bytes(64))}\n"
        return f"{text}\n{line}"

    def prove(self, body):
        leaves = [b"before %d" % n for n in range(self.before)]
        leaves += [body, *[b"after %d" % n for n in range(self.after)]]
        hashed = [sha256(b"\0" + leaf) for leaf in leaves]
        return len(leaves), tree_root(hashed), tree_path(self.before, hashed)


def tree_root(row):
    """RFC 9162 §2.1.1, as it stands there."""
    if len(row) == 1:
        return row[0]
    k = 1 << (len(row) - 1).bit_length() - 1
    return sha256(b"\1" + tree_root(row[:k]) + tree_root(row[k:]))


def tree_path(index, row):
    """RFC 9162 §2.1.3.1."""
    if len(row) == 1:
        return []
    k = 1 << (len(row) - 1).bit_length() - 1
    if index < k:
        return [*tree_path(index, row[:k]), tree_root(row[k:])]
    return [*tree_path(index - k, row[k:]), tree_root(row[:k])]


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


# -- timestamps: DER by hand


def tlv(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def integer(value):
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted):
    first, second, *rest = map(int, dotted.split("."))
    out = b""
    for value in [first * 40 + second, *rest]:
        septets = [value & 0x7F]
        while value := value >> 7:
            septets.append(value & 0x7F | 0x80)
        out += bytes(reversed(septets))
    return tlv(6, out)


HASH_OIDS = {
    "sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2", "sha512": "2.16.840.1.101.3.4.2.3",
}  # fmt: skip
TST_INFO, SIGNED_DATA = "1.2.840.113549.1.9.16.1.4", "1.2.840.113549.1.7.2"


def algorithm(dotted):
    return tlv(0x30, oid(dotted))


def attribute(dotted, value):
    return tlv(0x30, oid(dotted), tlv(0x31, value))


class Clock:
    """A timestamp authority: its own certificate under a root."""

    def __init__(self, label="tsa", *, eku=(ExtendedKeyUsageOID.TIME_STAMPING,), critical=True,
                 start=T - timedelta(days=100), end=T + timedelta(days=4000), kind="p256",
                 root_end=T + timedelta(days=4000)):  # fmt: skip
        self.key, self.root_key = a_key(kind, label), a_key("p384", f"{label} root")
        self.root = certificate(
            name(f"{label} root"), self.root_key, name(f"{label} root"), self.root_key,
            start=T - timedelta(days=400), end=root_end, extensions=ca_extensions(),
        )  # fmt: skip
        purposes = [(x509.ExtendedKeyUsage(list(eku)), critical)] if eku else []
        self.certificate = certificate(
            name(label), self.key, name(f"{label} root"), self.root_key, start=start, end=end,
            extensions=[
                (x509.BasicConstraints(False, None), True), (signing_usage(), True), *purposes,
            ],
        )  # fmt: skip
        self.chain = [self.certificate, self.root]

    def token(
        self, message, *, at=T, hash="sha256", embed=False, status=0, info_digest=None,
        ess=None, attributes=True, signer=None, imprint=None, sid=None, version=1,
    ):  # fmt: skip
        """A TimeStampResp over ``message``."""
        stamped = imprint if imprint is not None else hashlib.new(hash, message).digest()
        info = tlv(
            0x30, integer(version), oid("1.3.6.1.4.1.57264.2"),
            tlv(0x30, tlv(0x30, oid(HASH_OIDS[hash]), tlv(5)), tlv(4, stamped)),
            integer(4711), tlv(0x18, at.strftime("%Y%m%d%H%M%SZ").encode()),
        )  # fmt: skip
        named = sid or self.certificate
        der = der_of(named)
        ess_id = tlv(0x30, tlv(0x30, tlv(0x30, tlv(4, ess or sha256(der)))))
        attrs = [
            attribute("1.2.840.113549.1.9.3", oid(TST_INFO)),
            attribute("1.2.840.113549.1.9.4", tlv(4, info_digest or sha256(info))),
        ]
        if attributes:
            attrs.append(attribute("1.2.840.113549.1.9.16.2.47", ess_id))
        attrs.sort()
        signed = b"".join(attrs)
        key = signer or self.key
        if isinstance(key, ed25519.Ed25519PrivateKey):
            kind, signature = "1.3.101.112", key.sign(tlv(0x31, signed))
        elif isinstance(key, rsa.RSAPrivateKey):
            kind, signature = "1.2.840.113549.1.1.1", sign(key, tlv(0x31, signed))
        else:
            kind = "1.2.840.10045.4.3.2"
            signature = sign(key, tlv(0x31, signed), hashes.SHA256())
        info_signer = tlv(
            0x30, integer(1),
            tlv(0x30, named.issuer.public_bytes(), integer(named.serial_number)),
            algorithm(HASH_OIDS["sha256"]), tlv(0xA0, signed), algorithm(kind), tlv(4, signature),
        )  # fmt: skip
        certificates = [tlv(0xA0, der_of(self.certificate))] if embed else []
        data = tlv(
            0x30, integer(3), tlv(0x31, algorithm(HASH_OIDS["sha256"])),
            tlv(0x30, oid(TST_INFO), tlv(0xA0, tlv(4, info))), *certificates,
            tlv(0x31, info_signer),
        )  # fmt: skip
        content = tlv(0x30, oid(SIGNED_DATA), tlv(0xA0, data))
        return tlv(0x30, tlv(0x30, integer(status)), content)

    def instance(self, *, chain=None, start=T - timedelta(days=30), end=None):
        return authority_instance("https://tsa.example", chain or self.chain, start, end)


def authority_instance(uri, chain, start=T - timedelta(days=30), end=None):
    window = {"start": stamp(start)} | ({"end": stamp(end)} if end else {})
    return {
        "subject": {"organization": "box.example", "commonName": "box"}, "uri": uri,
        "certChain": {"certificates": [{"rawBytes": b64(der_of(c))} for c in chain]},
        "validFor": window,
    }  # fmt: skip


# -- the whole


class World:
    """Everything that signs, and the trusted root that believes it."""

    def __init__(self):
        self.fulcio = Authority("fulcio")
        self.ct = Log(CTLOG, a_key("p256", "ct"), origin=CTLOG)
        self.rekor1 = Log(REKOR1, a_key("p256", "rekor1"), origin=f"{REKOR1} - 1193050959916656506")
        key = a_key("ed25519", "rekor2")
        raw = key.public_key().public_bytes_raw()
        self.rekor2 = Log(
            REKOR2, key, origin=REKOR2, log_id=sha256(f"{REKOR2}\n".encode() + b"\x01" + raw)
        )
        self.clock = Clock()

    def root(self):
        """The trusted root, as JSON values to change."""
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self.rekor1.instance(), self.rekor2.instance()],
            "certificateAuthorities": [
                authority_instance("https://fulcio.example", self.fulcio.chain)
            ],
            "ctlogs": [self.ct.instance()],
            "timestampAuthorities": [self.clock.instance()],
        }


@cache
def world():
    return World()


def utf8(text):
    return tlv(0x0C, text.encode())


@dataclass(frozen=True)
class Made:
    """A bundle to be made. As it is, it verifies under ``world().root()``; change one thing.

    key_kind  of the signer's key; signed_by: another hash than its curve's, or "ph";
              managed: no certificate, only a hint
    content   "dsse" or "message"; kind: of the log entry, "" for none; version of the bundle
    """

    content: str = "dsse"
    kind: str = "dsse 0.0.1"
    version: int = 3
    key_kind: str = "p256"
    signed_by: object = None
    managed: bool = False
    artifact: bytes = ARTIFACT
    payload_type: str = IN_TOTO
    statement: dict | None = None
    subject: dict | None = None
    # the certificate
    start: datetime = T - timedelta(minutes=1)
    end: datetime = T + MINUTES
    identity: object = IDENTITY
    issuer: str | None = ISSUER
    issuer_v1: str | None = None
    leaf_extensions: tuple = ()
    ca: bool = False
    usage: object = True
    eku: object = ExtendedKeyUsageOID.CODE_SIGNING
    authority: object = None
    sct: str = "good"
    sct_at: datetime = T - timedelta(minutes=1)
    sct_extensions: bytes = b""
    # times
    at: datetime = T
    promise: str = "good"
    stamps: tuple | None = None
    log: object = None
    cosigned: bool = False
    origin: str | None = None
    entry_signature: bytes | None = None
    entry_pem: bytes | None = None
    extra: dict = field(default_factory=dict)

    def but(self, **changes):
        return replace(self, **changes)

    @property
    def key(self):
        return a_key(self.key_kind, "signer")

    @property
    def is_v2(self):
        return self.kind in ("hashedrekord 0.0.2", "dsse 0.0.2")

    def leaf(self):
        authority = self.authority or world().fulcio
        eku = [(x509.ExtendedKeyUsage([self.eku]), False)] if self.eku else []
        usage = signing_usage(self.usage is not False, certificates=self.usage == "certificates")
        extensions = [(usage, True), *eku]
        if self.ca:
            extensions.append((x509.BasicConstraints(True, None), True))
        if self.identity:
            given = self.identity if isinstance(self.identity, tuple) else (self.identity,)
            names = [
                n if isinstance(n, x509.GeneralName)
                else x509.RFC822Name(n) if "@" in n and "/" not in n
                else x509.UniformResourceIdentifier(n)
                for n in given
            ]  # fmt: skip
            extensions.append((x509.SubjectAlternativeName(names), True))
        for last, said in (("8", self.issuer), ("1", self.issuer_v1)):
            if said is not None:
                value = utf8(said) if last == "8" else said.encode()
                dotted = ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{last}")
                extensions.append((x509.UnrecognizedExtension(dotted, value), False))
        extensions += self.leaf_extensions
        made = lambda more: certificate(  # noqa: E731
            [], self.key, authority.name, authority.key, start=self.start, end=self.end,
            extensions=[*extensions, *more], serial=4242,
        )  # fmt: skip
        if self.sct == "none":
            return made([])
        plain = made([])
        return made([(x509.UnrecognizedExtension(SCT_OID, self._scts(plain, authority)), False)])

    def _scts(self, plain, authority):
        ct, log_id = world().ct, world().ct.id
        signer = a_key("p256", "nobody") if self.sct == "other key" else ct.key
        log_id = sha256(b"unknown") if self.sct == "other log" else log_id
        issuer_key = a_key("p384", "nobody") if self.sct == "other issuer" else authority.key
        ms = int(self.sct_at.timestamp()) * 1000 + self.sct_at.microsecond // 1000
        tbs = plain.tbs_certificate_bytes
        if self.sct == "other certificate":
            tbs = tbs[:-1] + bytes([tbs[-1] ^ 1])
        more = struct.pack(">H", len(self.sct_extensions)) + self.sct_extensions
        message = struct.pack(">BBQH", 0, 0, ms, 1) + sha256(spki_of(issuer_key))
        message += struct.pack(">I", len(tbs))[1:] + tbs + more
        signature = sign(signer, message)
        sct = b"\0" + log_id + struct.pack(">Q", ms) + more + b"\x04\x03"
        sct += struct.pack(">H", len(signature)) + signature
        listed = struct.pack(">H", len(sct)) + sct
        return tlv(4, struct.pack(">H", len(listed)) + listed)

    def parts(self):
        """What is signed, and its signature: (envelope or None, message that is signed, sig)."""
        if self.content == "message":
            return None, self.artifact, sign(self.key, self.artifact, self.signed_by)
        digest = {"sha256": hashlib.sha256(self.artifact).hexdigest()}
        said = self.statement or {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [self.subject or {"name": "release", "digest": digest}],
            "predicateType": "https://box.example/released/v1",
            "predicate": {},
        }
        payload = json.dumps(said).encode()
        kind = self.payload_type.encode()
        pae = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
        return payload, pae, sign(self.key, pae, self.signed_by)

    def document(self):
        """The bundle, as JSON values to change."""
        payload, signed, signature = self.parts()
        leaf = None if self.managed else self.leaf()
        types = {
            1: "application/vnd.dev.sigstore.bundle+json;version=0.1",
            2: "application/vnd.dev.sigstore.bundle+json;version=0.2",
            3: "application/vnd.dev.sigstore.bundle.v0.3+json",
        }
        material = {"tlogEntries": [self.entry(payload, signed, signature, leaf)]}
        if not self.kind:
            material["tlogEntries"] = []
        stamps = self.stamps
        if stamps is None:
            stamps = (world().clock.token(signature, at=self.at),) if self.is_v2 else ()
        stamps = [t(signature) if callable(t) else t for t in stamps]
        material["timestampVerificationData"] = {
            "rfc3161Timestamps": [{"signedTimestamp": b64(t)} for t in stamps]
        }
        if leaf is None:
            material["publicKey"] = {"hint": b64(sha256(spki_of(self.key)))}
        elif self.version == 3:
            material["certificate"] = {"rawBytes": b64(der_of(leaf))}
        else:
            material["x509CertificateChain"] = {"certificates": [{"rawBytes": b64(der_of(leaf))}]}
        made = {"mediaType": types[self.version], "verificationMaterial": material}
        if self.content == "message":
            digest = b64(sha256(self.artifact))
            made["messageSignature"] = {
                "messageDigest": {"algorithm": "SHA2_256", "digest": digest},
                "signature": b64(signature),
            }
        else:
            made["dsseEnvelope"] = {
                "payload": b64(payload), "payloadType": self.payload_type,
                "signatures": [{"sig": b64(signature)}],
            }  # fmt: skip
        return made

    def body(self, payload, signed, signature, leaf):
        signature = self.entry_signature or signature
        pem = self.entry_pem or (
            pem_of(self.key) if leaf is None else leaf.public_bytes(serialization.Encoding.PEM)
        )
        if leaf is None:
            verifier = {"publicKey": {"rawBytes": b64(spki_of(self.key))}}
        else:
            verifier = {"x509Certificate": {"rawBytes": b64(der_of(leaf))}}
        verifier["keyDetails"] = "PKIX_ECDSA_P256_SHA_256"
        hashed = {"algorithm": "sha256", "value": sha256(payload or b"").hex()}
        spec = {
            "hashedrekord 0.0.1": lambda: {
                "data": {"hash": self._hash(signed)},
                "signature": {"content": b64(signature), "publicKey": {"content": b64(pem)}},
            },
            "hashedrekord 0.0.2": lambda: {"hashedRekordV002": {
                "data": {"algorithm": "SHA2_256", "digest": b64(sha256(signed))},
                "signature": {"content": b64(signature), "verifier": verifier},
            }},
            "dsse 0.0.1": lambda: {
                "envelopeHash": {"algorithm": "sha256", "value": "00" * 32},
                "payloadHash": hashed,
                "signatures": [{"signature": b64(signature), "verifier": b64(pem)}],
            },
            "dsse 0.0.2": lambda: {"dsseV002": {
                "payloadHash": {"algorithm": "SHA2_256", "digest": b64(sha256(payload))},
                "signatures": [{"content": b64(signature), "verifier": verifier}],
            }},
            "intoto 0.0.1": lambda: {
                "content": {
                    "hash": {"algorithm": "sha256", "value": sha256(json.dumps({
                        "payloadType": self.payload_type, "payload": b64(payload),
                        "signatures": [{"keyid": "", "sig": b64(signature)}],
                    }, separators=(",", ":")).encode()).hex()},
                    "payloadHash": hashed,
                },
                "publicKey": b64(pem),
            },
            "intoto 0.0.2": lambda: {"content": {
                "envelope": {"payloadType": self.payload_type, "signatures": [
                    {"publicKey": b64(pem), "sig": b64(b64(signature).encode())}
                ]},
                "hash": {"algorithm": "sha256", "value": "00" * 32}, "payloadHash": hashed,
            }},
        }[self.kind]()  # fmt: skip
        kind, version = self.kind.split()
        body = {"apiVersion": version, "kind": kind, "spec": spec} | self.extra
        return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()

    def _hash(self, signed):
        bits = {"p384": "sha384", "p521": "sha512", "ed25519": "sha512"}
        algorithm = bits.get(self.key_kind, "sha256")
        return {"algorithm": algorithm, "value": hashlib.new(algorithm, signed).hexdigest()}

    def entry(self, payload, signed, signature, leaf):
        if not self.kind:
            return None
        log = self.log or (world().rekor2 if self.is_v2 else world().rekor1)
        body = self.body(payload, signed, signature, leaf)
        size, root, path = log.prove(body)
        kind, version = self.kind.split()
        integrated = 0 if self.is_v2 else int(self.at.timestamp())
        made = {
            "logIndex": str(log.before if self.is_v2 else 1_000_000 + log.before),
            "logId": {"keyId": b64(log.id)},
            "kindVersion": {"kind": kind, "version": version},
            "integratedTime": str(integrated),
            "inclusionProof": {
                "logIndex": str(log.before), "rootHash": b64(root), "treeSize": str(size),
                "hashes": [b64(h) for h in path],
                "checkpoint": {"envelope": log.checkpoint(
                    size, root, cosigned=self.cosigned, origin=self.origin
                )},
            },
            "canonicalizedBody": b64(body),
        }  # fmt: skip
        if not self.is_v2 and self.promise != "none":
            made["inclusionPromise"] = {"signedEntryTimestamp": b64(promise(log, made))}
        return made


def promise(log, entry, key=None):
    """A signed entry timestamp over what ``entry`` says now."""
    said = {
        "body": entry["canonicalizedBody"], "integratedTime": int(entry["integratedTime"]),
        "logID": log.id.hex(), "logIndex": int(entry["logIndex"]),
    }  # fmt: skip
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return sign(key or log.key, text.encode())
