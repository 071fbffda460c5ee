"""Public keys of every kind: what is read, how it is named, what counts as its signature."""

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from wherefrom.errors import Error, SettingError, SignatureError
from wherefrom.keys.public import PublicKey

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
P521 = ec.generate_private_key(ec.SECP521R1())
ED = ed25519.Ed25519PrivateKey.generate()
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
SIGNERS = {
    "ed25519": (ED, lambda m: ED.sign(m)),
    "ecdsa-p256": (P256, lambda m: P256.sign(m, ec.ECDSA(hashes.SHA256()))),
    "ecdsa-p384": (P384, lambda m: P384.sign(m, ec.ECDSA(hashes.SHA384()))),
    "ecdsa-p521": (P521, lambda m: P521.sign(m, ec.ECDSA(hashes.SHA512()))),
    "rsa": (RSA, lambda m: RSA.sign(m, padding.PKCS1v15(), hashes.SHA256())),
    "rsa, PSS": (RSA, lambda m: RSA.sign(m, PSS, hashes.SHA256())),
}


def der(key):
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def pem(key):
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def raw(signature, size):
    r, s = decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=1))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("name", SIGNERS)
def test_a_key_of_every_kind_accepts_its_own_signature_and_no_other_bytes(name):
    private, sign = SIGNERS[name]
    key = PublicKey(der(private.public_key()))
    signature = sign(b"message")
    key.check(b"message", signature)
    assert key.algorithm == name.split(",")[0]
    changed = signature[:-1] + bytes([signature[-1] ^ 1])
    wrong = [(b"Message", signature), (b"message", changed), (b"message", signature[:-1])]
    wrong += [(b"message", signature + b"\0"), (b"message", b"")]
    for message, other in wrong:
        with pytest.raises(SignatureError, match=f"the signature is not by {key.id}"):
            key.check(message, other)


@pytest.mark.parametrize("name", SIGNERS)
def test_a_signature_is_not_believed_under_another_key_of_any_kind(name):
    signature = SIGNERS[name][1](b"message")
    for other, (private, _) in SIGNERS.items():
        if other.split(",")[0] != name.split(",")[0]:
            with pytest.raises(SignatureError, match="is not by k:"):
                PublicKey(der(private.public_key())).check(b"message", signature)


@pytest.mark.parametrize(("name", "size"), [("ecdsa-p256", 32), ("ecdsa-p384", 48)])
def test_an_ecdsa_signature_may_come_as_two_numbers_of_fixed_length(name, size):
    private, sign = SIGNERS[name]
    key = PublicKey(der(private.public_key()))
    signature = raw(sign(b"message"), size)
    key.check(b"message", signature)
    zeros = bytes(2 * size)
    for wrong in (signature[:-1], signature + b"\0", signature[size:] + signature[:size], zeros):
        with pytest.raises(SignatureError, match="is not by"):
            key.check(b"message", wrong)


def test_an_rsa_signature_over_another_hash_does_not_count():
    key = PublicKey(der(RSA.public_key()))
    for signature in (
        RSA.sign(b"message", padding.PKCS1v15(), hashes.SHA1()),
        RSA.sign(b"message", padding.PSS(padding.MGF1(hashes.SHA1()), 20), hashes.SHA256()),
    ):
        with pytest.raises(SignatureError, match="is not by"):
            key.check(b"message", signature)


@pytest.mark.parametrize("name", ["ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa"])
def test_a_key_reads_the_same_from_pem_der_and_its_certificate(name):
    private = SIGNERS[name][0]
    keys = [PublicKey.from_pem(written(private.public_key())) for written in (pem, der)]
    if name != "ed25519":
        keys.append(PublicKey.from_pem(certificate(private)))
    keys.append(PublicKey.from_pem(keys[0].to_pem().encode()))
    expected = "k:" + hashlib.sha256(der(private.public_key())).hexdigest()[:32]
    assert {k.id for k in keys} == {expected}
    assert {k.spki for k in keys} == {der(private.public_key())}


def test_an_rsa_key_in_the_older_pkcs1_form_is_the_same_key():
    written = RSA.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.PKCS1
    )
    assert PublicKey.from_pem(written).id == PublicKey(der(RSA.public_key())).id


def test_a_curve_that_no_format_names_is_refused_by_name():
    for curve in (ec.SECP224R1(), ec.SECP256K1(), ec.BrainpoolP256R1()):
        with pytest.raises(SettingError, match=f"expected Ed25519.*on {curve.name}"):
            PublicKey.from_pem(pem(ec.generate_private_key(curve).public_key()), where="key.pem")


@pytest.mark.parametrize(
    ("key", "got"),
    [
        (x25519.X25519PrivateKey.generate().public_key(), "got X25519PublicKey"),
        (dsa.generate_private_key(2048).public_key(), "got DSAPublicKey"),
        (rsa.generate_private_key(65537, 1024).public_key(), "got RSA of 1024 bits"),
    ],
)
def test_a_key_that_signs_nothing_we_check_or_is_too_small_is_refused(key, got):
    with pytest.raises(SettingError, match=got):
        PublicKey.from_pem(pem(key))
    with pytest.raises(SettingError, match=got):
        PublicKey(der(key))


FORMS = (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encrypted", [False, True])
def test_a_private_key_given_by_mistake_is_named_and_never_shown(form, encrypted):
    how = (
        serialization.BestAvailableEncryption(b"secret")
        if encrypted
        else serialization.NoEncryption()
    )
    written = P256.private_bytes(serialization.Encoding.PEM, form, how)
    with pytest.raises(SettingError, match=r"at mine\.pem: .*got a private key\. Keep it") as e:
        PublicKey.from_pem(written, where="mine.pem")
    shown = str(e.value)
    assert not any(line in shown for line in written.decode().split("\n")[1:-2] if line)


@pytest.mark.parametrize(
    "written",
    [
        b"", b"not a key", b"\0" * 44, b"-----BEGIN", b"-----BEGIN PUBLIC KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        "ключ".encode(),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused_and_the_message_names_its_file(written):
    with pytest.raises(SettingError, match=r"not a public key we can check with, at k\.pem"):
        PublicKey.from_pem(written, where="k.pem")


GOOD = [w(SIGNERS[name][0].public_key()) for name in ("ed25519", "ecdsa-p256") for w in (pem, der)]


@given(st.sampled_from([*GOOD, certificate(P256)]), st.data())
@settings(max_examples=200)
def test_a_changed_key_is_refused_or_is_a_key_and_never_anything_else(written, data):
    at = data.draw(st.integers(0, len(written) - 1))
    changed = written[:at] + data.draw(st.binary(max_size=3)) + written[at + 1 :]
    try:
        key = PublicKey.from_pem(changed)
    except SettingError:
        return
    assert key.id.startswith("k:")
    with pytest.raises(SignatureError, match="is not by"):
        key.check(b"message", b"\0" * 64)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_only_our_errors(written):
    for read in (PublicKey, PublicKey.from_pem):
        try:
            read(written)
        except Error as error:
            assert isinstance(error, SettingError)  # noqa: PT017


def test_a_key_of_small_order_signs_nothing():
    # The neutral element: a naive check accepts one signature for every message under it.
    weak = PublicKey(bytes.fromhex("302a300506032b6570032100") + b"\1" + bytes(31))
    with pytest.raises(SignatureError, match="is not by"):
        weak.check(b"message", b"\1" + bytes(63))


def test_every_public_key_among_the_real_inputs_reads():
    found = [p for p in (DATA / "supply").rglob("*.p*") if p.suffix in (".pem", ".pub")]
    keys = [PublicKey.from_pem(p.read_bytes(), where=str(p)) for p in found]
    assert len(keys) >= 15
    assert {k.algorithm for k in keys} == {"ed25519", "ecdsa-p256", "ecdsa-p384", "rsa"}
