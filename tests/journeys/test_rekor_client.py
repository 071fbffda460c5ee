"""A client of Rekor v2 logs here and notices nothing: `sigstore` verifies the bundle it gets."""

import base64
import hashlib
import json

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sigstore._internal.rekor import RekorClientError
from sigstore._internal.rekor.client_v2 import RekorV2Client
from sigstore.dsse import Envelope
from sigstore.errors import VerificationError
from sigstore.hashes import Hashed
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify.policy import Identity
from sigstore.verify.verifier import Verifier
from sigstore_models.common.v1 import HashAlgorithm

from tests.authorities import CertificateAuthority, TimestampAuthority, pem
from tests.folders import statement
from tests.served import ServerProcess
from tests.unit.cli.running import run

ARTIFACT = b"the bytes that were built\n"
WHO = Identity(identity="signer@example.com", issuer="https://id.example")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    """A server of its own, a CA and a timestamp authority; and the trusted root that names them."""
    here = tmp_path_factory.mktemp("rekor")
    ca, tsa = CertificateAuthority(), TimestampAuthority()
    with ServerProcess(here / "data") as server:
        (here / "ca.pem").write_bytes(pem(ca.certificate))
        (here / "tsa.pem").write_bytes(tsa.chain_pem)
        (here / "ct.pem").write_bytes(ca.ct_log_pem)
        written = run(
            "log", "trusted-root", "--ca", here / "ca.pem", "--tsa", here / "tsa.pem",
            "--ct-log", here / "ct.pem", "-o", here / "trusted_root.json", data=here / "data",
        )  # fmt: skip
        assert written.code == 0, written.err
        root = TrustedRoot.from_file(str(here / "trusted_root.json"))
        yield server, ca, tsa, Verifier(trusted_root=root)


@pytest.fixture
def signer(deployment):
    _, ca, _, _ = deployment
    key = ec.generate_private_key(ec.SECP256R1())
    return key, ca.issue(key.public_key())


def rekor(server):
    """The client that `sigstore sign` uses, with a token where it has a place for one."""
    return RekorV2Client(server.url.replace("://", f"://any:{server.token}@"))


def hashed(content):
    return Hashed(algorithm=HashAlgorithm.SHA2_256, digest=hashlib.sha256(content).digest())


def logged(server, signer, content=ARTIFACT):
    key, certificate = signer
    signature = key.sign(content, ec.ECDSA(hashes.SHA256()))
    body = RekorV2Client._build_hashed_rekord_request(hashed(content), signature, certificate)
    return signature, rekor(server).create_entry(body)


def bundle(certificate, entry, stamp, **content):
    der = certificate.public_bytes(serialization.Encoding.DER)
    said = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": {"rawBytes": base64.b64encode(der).decode()},
            "tlogEntries": [json.loads(entry._inner.to_json())],
            "timestampVerificationData": {
                "rfc3161Timestamps": [{"signedTimestamp": base64.b64encode(stamp).decode()}]
            },
        },
        **content,
    }
    return Bundle.from_json(json.dumps(said))


def signed_artifact(deployment, signer, content=ARTIFACT):
    server, _, tsa, _ = deployment
    signature, entry = logged(server, signer, content)
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return bundle(
        signer[1], entry, tsa.stamp(signature),
        messageSignature={
            "messageDigest": {"algorithm": "SHA2_256", "digest": digest},
            "signature": base64.b64encode(signature).decode(),
        },
    )  # fmt: skip


def test_a_signed_file_is_logged_and_its_bundle_verified(deployment, signer):
    verifier = deployment[3]
    verifier.verify_artifact(ARTIFACT, signed_artifact(deployment, signer), WHO)


def test_a_bundle_is_verified_against_any_later_size_of_the_tree(deployment):
    _, ca, _, verifier = deployment
    for number in range(5):
        key = ec.generate_private_key(ec.SECP256R1())
        content = b"file %d" % number
        made = signed_artifact(deployment, (key, ca.issue(key.public_key())), content)
        verifier.verify_artifact(content, made, WHO)
        assert made.log_entry._inner.inclusion_proof.tree_size > number


def test_a_statement_in_dsse_is_logged_as_its_encoding_and_verified(deployment, signer):
    server, _, tsa, verifier = deployment
    key, certificate = signer
    payload = statement("app")
    kind = "application/vnd.in-toto+json"
    encoded = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    signature = key.sign(encoded, ec.ECDSA(hashes.SHA256()))
    said = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": kind,
        "signatures": [{"sig": base64.b64encode(signature).decode()}],
    }
    envelope = Envelope._from_json(json.dumps(said))
    entry = rekor(server).create_entry(RekorV2Client._build_dsse_request(envelope, certificate))
    made = bundle(certificate, entry, tsa.stamp(signature), dsseEnvelope=said)
    assert verifier.verify_dsse(made, WHO) == (kind, payload)


def test_another_file_another_person_and_another_log_are_refused(deployment, signer, tmp_path):
    _, ca, tsa, verifier = deployment
    made = signed_artifact(deployment, signer)
    with pytest.raises(VerificationError, match="digest mismatch"):
        verifier.verify_artifact(ARTIFACT + b"!", made, WHO)
    with pytest.raises(VerificationError):
        verifier.verify_artifact(
            ARTIFACT, made, Identity(identity="other@example.com", issuer="https://id.example")
        )
    (tmp_path / "a.txt").write_text("x")
    run("record", tmp_path / "a.txt", data=tmp_path / "other")
    for file, content in (
        ("ca", pem(ca.certificate)),
        ("tsa", tsa.chain_pem),
        ("ct", ca.ct_log_pem),
    ):
        (tmp_path / file).write_bytes(content)
    other = run(
        "log", "trusted-root", "--ca", tmp_path / "ca", "--tsa", tmp_path / "tsa", "--ct-log",
        tmp_path / "ct", "-o", tmp_path / "root.json", data=tmp_path / "other",
    )  # fmt: skip
    assert other.code == 0, other.err
    elsewhere = Verifier(trusted_root=TrustedRoot.from_file(str(tmp_path / "root.json")))
    with pytest.raises(VerificationError, match="checkpoint: invalid signature"):
        elsewhere.verify_artifact(ARTIFACT, made, WHO)


def test_a_signature_over_something_else_is_told_to_the_client_as_rekor_tells_it(
    deployment, signer
):
    server = deployment[0]
    key, certificate = signer
    signature = key.sign(b"something else", ec.ECDSA(hashes.SHA256()))
    body = RekorV2Client._build_hashed_rekord_request(hashed(ARTIFACT), signature, certificate)
    with pytest.raises(RekorClientError, match="3: the signature is not over this digest"):
        rekor(server).create_entry(body)
    with pytest.raises(RekorClientError, match="16: a token is needed"):
        RekorV2Client(server.url).create_entry(body)


def test_what_the_client_logged_is_a_record_of_the_log_too(deployment, signer):
    server = deployment[0]
    content = b"found by its digest"
    logged(server, signer, content)
    with server.client() as client:
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        for _ in range(100):
            shown = client.get(f"/v1/show/{digest}")
            if shown.status_code == 200:
                break
        (match,) = shown.json()["matches"]
        assert match["kind"] == "artifact"
        assert client.get("/v1/verify/" + digest).json()["steps"][1]["ok"]


def test_the_tree_is_the_same_after_a_restart_and_only_grew(deployment, signer):
    server = deployment[0]
    logged(server, signer, b"before")
    with httpx.Client(base_url=server.url) as anybody:
        before = anybody.get("/api/v2/checkpoint").text
    server.terminate()
    server._close()
    server.start()
    with httpx.Client(base_url=server.url) as anybody:
        assert anybody.get("/api/v2/checkpoint").text == before
