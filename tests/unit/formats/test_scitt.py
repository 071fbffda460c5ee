"""SCITT signed statements: made by another library, read here, judged as an envelope is."""

import hashlib
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cwt import COSE, COSEKey

from tests.folders import ME, made
from tests.logs import LOG_KEY
from tests.paths import REPOSITORY
from wherefrom.app import open_recorder
from wherefrom.collect.split import split
from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats import cbor, entry, scitt
from wherefrom.formats.recognise import read
from wherefrom.keys.ed25519 import check
from wherefrom.keys.public import PublicKey

ISSUER, SUBJECT = "https://issuer.example", "pkg:npm/%40Example/app@1.0.0"
CLAIMS = {1: ISSUER, 2: SUBJECT, 6: 1_767_225_600}
PAYLOAD = json.dumps({"made": "by hand"}).encode()
KEYS = {
    "ES256": (-7, ec.generate_private_key(ec.SECP256R1())),
    "ES384": (-35, ec.generate_private_key(ec.SECP384R1())),
    "ES512": (-36, ec.generate_private_key(ec.SECP521R1())),
    "EdDSA": (-8, ed25519.Ed25519PrivateKey.generate()),
}


def statement(kind="ES256", *, claims=CLAIMS, payload=PAYLOAD, kid=b"builder", **more):
    """A statement that the library `cwt` encodes and signs."""
    alg, key = KEYS[kind]
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    signer = COSEKey.from_pem(pem, kid=kid, alg=kind)
    headers = {1: alg, 4: kid, 3: "application/json", **more.get("headers", {})}
    if claims is not None:
        headers[15] = claims
    return COSE.new().encode_and_sign(payload, signer, protected=headers)


def public(kind):
    spki = KEYS[kind][1].public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    return PublicKey(spki)


def test_a_statement_says_who_what_and_of_which_bytes():
    facts = read(statement()).facts
    edges = {(e.relation, e.target) for e in facts.edges}
    assert edges == {
        ("attributed_to", ISSUER),
        ("describes", "pkg:npm/%40example/app@1.0.0"),
        ("describes", "sha256:" + hashlib.sha256(PAYLOAD).hexdigest()),
    }
    assert (facts.kind, facts.type) == ("attestation", scitt.TYPE)
    assert facts.occurred == "2026-01-01T00:00:00.000000Z"
    assert facts.producers == (ISSUER,)
    (document,) = (n for n in facts.nodes if n.id == facts.document)
    assert document.properties == {
        "issuer": ISSUER, "subject": SUBJECT, "contentType": "application/json",
        "algorithm": "ES256",
    }  # fmt: skip


def test_a_subject_that_is_no_package_keeps_its_name():
    facts = read(statement(claims={1: ISSUER, 2: "a vase, third shelf"})).facts
    assert "a vase, third shelf" in {n.id for n in facts.nodes}


def test_a_hash_envelope_describes_what_was_hashed():
    digest = hashlib.sha384(b"elsewhere").digest()
    facts = read(statement(payload=digest, headers={258: -43, 259: "text/plain"})).facts
    assert "sha384:" + digest.hex() in {e.target for e in facts.edges}
    with pytest.raises(Malformed, match="no such hash"):
        read(statement(payload=b"short", headers={258: -16}))
    with pytest.raises(Malformed, match="no such hash"):
        read(statement(payload=digest, headers={258: -99}))


@pytest.mark.parametrize("kind", KEYS)
def test_a_statement_by_a_key_we_know_is_signed_and_a_changed_one_refused(tmp_path, kind):
    written = statement(kind)
    changed = written.replace(b"by hand", b"by foot")
    with open_recorder(made(tmp_path / "d")) as recorder:
        (first,) = recorder.record([written], principal=ME)
        recorder.change_key(public(kind), action="trust", names=("builder",))
        assert recorder.decisions.verdicts[first.index].level == "signed"
        again, bad, other = recorder.record(
            [statement(kind, payload=b"2"), changed, statement(kind, payload=b"3", kid=b"?")],
            principal=ME,
        )
        for outcome in (again, other):
            trust = entry.parse(recorder.writer.entry(outcome.index)).trust
            assert trust == entry.Trust("signed", (public(kind).id,))
        assert (bad.status, bad.code) == ("refused", "bad_signature")


def test_a_statement_comes_through_the_door_as_one_piece():
    written = statement()
    (piece,) = split(written)
    assert piece.content == written
    (long,) = split(written, content_bytes_max=10)
    assert "too long" in str(long.refusal)


def without_payload(written):
    tag = cbor.decode(written)
    return cbor.encode(cbor.Tag(18, [tag.value[0], {394: [b"r"]}, None, tag.value[3]]))


def test_a_detached_payload_and_receipts_of_others_are_no_hindrance():
    recognised = read(without_payload(statement()))
    assert recognised.envelope.signatures == ()
    assert len(recognised.facts.edges) == 2


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: statement(claims=None), Unsupported, "no SCITT statement"),
        (lambda: statement(headers={395: 1}), Unsupported, "a COSE receipt is not a record"),
        (lambda: statement(claims={1: ISSUER}), Malformed, "without its sub"),
        (lambda: statement(claims={2: SUBJECT}), Malformed, "without its iss"),
        (lambda: statement(claims={1: ISSUER, 2: " "}), Malformed, "without its sub"),
        (lambda: statement() + b"\0", Malformed, "bytes after the end"),
        (lambda: statement()[:-1], Malformed, "cut off"),
        (lambda: b"\xd2\x84", Malformed, "cut off|not there"),
    ],
)
def test_what_is_no_statement_is_refused(make, error, says):
    with pytest.raises(error, match=says):
        read(make())


def test_the_worked_example_of_the_page_is_a_statement():
    page = (REPOSITORY / "docs/formats/scitt.md").read_text()
    written = bytes.fromhex(page.split("```hex\n")[1].split("```")[0])
    targets = [e.target for e in read(written).facts.edges]
    assert targets[:2] == ["https://issuer.example", "pkg:npm/app@1.0.0"]
    check(LOG_KEY.public_key, read(written).envelope.message(), written[-64:])
