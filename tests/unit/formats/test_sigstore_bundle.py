"""Sigstore bundles: structure checked, contents told, nothing believed."""

import copy
import datetime
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import dsse, sigstore_bundle, strict_json
from wherefrom.formats.facts import Facts

ID = "sha256:" + "0" * 64
SUPPLY = DATA / "supply"
GO = SUPPLY / "sigstore-go/pkg/testing/data/bundles"
NPM = SUPPLY / "sigstore-go/examples/bundle-provenance.json"
CHAINLOOP = SUPPLY / "chainloop/pkg/attestation/verifier/testdata"
MODELS = SUPPLY / "model-transparency/scripts/tests"
VERIFIER = SUPPLY / "slsa-verifier/verifiers/internal/gha/testdata/bundle"
REAL = [
    NPM,
    GO / "othername.sigstore.json",
    GO / "public-key-validity.sigstore.json",
    GO / "sigstore.js@2.0.0-provenance.sigstore.json",
    MODELS / "v1.0.0-certificate/model.sig",
    SUPPLY / "sigstore-js/tests/bundles/bundleV02-dsse.sigstore",
    CHAINLOOP / "bundle_valid.json",
]


def load(path) -> dict:
    return strict_json.decode(path.read_bytes())


def read(document: dict) -> Facts:
    return sigstore_bundle.facts(document, document_id=ID)


def small(**fields) -> dict:
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "h"}},
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": "A" * 43 + "="},
            "signature": "c2ln",
        },
    } | fields


def material(**fields) -> dict:
    return small(verificationMaterial={"publicKey": {"hint": "h"}} | fields)


@pytest.mark.parametrize("path", REAL, ids=lambda p: p.name)
def test_a_real_bundle_is_read_and_not_changed(path):
    document = load(path)
    before = copy.deepcopy(document)
    facts = read(document)
    assert document == before
    assert (facts.kind, facts.type) == ("bundle", document["mediaType"])
    assert ID in {e.source for e in facts.edges if e.relation == "describes"}


def test_what_the_certificate_and_the_log_say_are_properties_of_the_record():
    properties = read(load(NPM)).nodes[0].properties
    assert properties == {
        "identity": "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml"
        "@refs/heads/main",
        "issuer": "https://token.actions.githubusercontent.com",
        "logIndex": 18300934,
        "integratedTime": "2023-04-18T17:45:12.000000Z",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "statementType": "https://in-toto.io/Statement/v0.1",
    }


def test_a_user_name_in_a_certificate_is_its_identity():
    properties = read(load(GO / "othername.sigstore.json")).nodes[0].properties
    assert (properties["identity"], properties["issuer"]) == (
        "foo!oidc.local",
        "http://oidc.local:8080",
    )


def certificate(**extensions: bytes) -> bytes:
    key, name, start = Ed25519PrivateKey.generate(), x509.Name([]), datetime.datetime(2024, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start)
    for oid, value in extensions.items():
        oid = "1.3.6.1.4.1.57264.1." + oid.removeprefix("oid")
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, None).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("extensions", "issuer"),
    [
        ({"oid1": b"https://old", "oid8": b"\x0c\x0bhttps://new"}, "https://new"),
        ({"oid8": b"\x0c\x81\x87https://" + b"n" * 127}, "https://" + "n" * 127),
        ({"oid1": b"https://old"}, "https://old"),
        ({}, None),
    ],
)
def test_the_newer_spelling_of_the_issuer_wins(extensions, issuer):
    der = certificate(**extensions)
    told = sigstore_bundle.certificate_properties(der, where="x")
    assert told == {"identity": None, "issuer": issuer}


@pytest.mark.parametrize("value", [
    b"https://raw", b"\x0c\x05abc", b"\x0c", b"\x0c\x85a", b"",
    b"\x0c\x81\x0bhttps://new", b"\x0c\x80" + b"n" * 128,
])  # fmt: skip
def test_an_issuer_that_is_no_text_makes_a_certificate_unreadable(value):
    with pytest.raises(Malformed, match="cannot be read, at x: got not a DER UTF8String"):
        sigstore_bundle.certificate_properties(certificate(oid8=value), where="x")


def test_the_statement_inside_speaks_for_the_bundle():
    facts = read(load(NPM))
    commit = "gitCommit:dae8bd8eb433a4147b4655c00fe73e0f22bc0fb1"
    told = {(e.source, e.relation, e.target) for e in facts.edges}
    assert ("build:https://github.com/actions/runner:4735384265-1", "used", commit) in told
    assert facts.producers == ("https://github.com/actions/runner",)


def test_a_message_signature_describes_the_file_by_its_digest():
    facts = read(load(GO / "public-key-validity.sigstore.json"))
    assert facts.edges[0].target.startswith("sha256:6ae8a7")
    assert facts.nodes[0].properties == {"keyHint": "IpekKjxVkmTfB4YqY8q5sGEAeVtF9x3m7jHdhAxpgjQ="}


def test_a_message_signature_without_a_digest_tells_of_the_record_alone():
    assert read(small(messageSignature={"signature": "c2ln"})).edges == ()


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
        "application/vnd.dev.sigstore.bundle+json; version=0.3",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
    ],
)
def test_both_spellings_of_the_media_type_are_read(media_type):
    assert read(small(mediaType=media_type)).type == media_type


def test_null_is_absent_as_npm_writes_it():
    facts = read(
        small(dsseEnvelope=None) | {
            "verificationMaterial": {
                "certificate": None,
                "publicKey": {"hint": None},
                "tlogEntries": [{"logIndex": "7", "inclusionProof": None, "integratedTime": "0"}],
                "timestampVerificationData": None,
            }
        }
    )  # fmt: skip
    assert facts.nodes[0].properties == {"logIndex": 7}


DER = "MAA="  # an empty sequence


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        (small(mediaType=None), Malformed, "missing, at mediaType"),
        (
            small(mediaType="application/vnd.dev.sigstore.bundle.v0.4+json"),
            Unsupported,
            "at mediaType: expected .*v0.3.json, .*got .*v0.4",
        ),
        (small(mediaType="application/json"), Unsupported, "at mediaType"),
        (small(verificationMaterial=None), Malformed, "missing, at verificationMaterial"),
        (
            small(verificationMaterial={}),
            Malformed,
            "exactly one .*, at verificationMaterial: expected certificate .*got none",
        ),
        (material(certificate={"rawBytes": DER}), Malformed, "got certificate and publicKey"),
        (small(messageSignature=None), Malformed, "expected dsseEnvelope .*, got none"),
        (small(dsseEnvelope={}), Malformed, "got dsseEnvelope and messageSignature"),
        (
            small(verificationMaterial={"certificate": {"rawBytes": DER}}),
            Malformed,
            "certificate that cannot be read, at verificationMaterial.certificate.rawBytes",
        ),
        (
            small(verificationMaterial={"certificate": {"rawBytes": "MAA"}}),
            Malformed,
            "not base64, at verificationMaterial.certificate.rawBytes",
        ),
        (
            small(verificationMaterial={"x509CertificateChain": {"certificates": []}}),
            Malformed,
            "empty certificate chain, at verificationMaterial.x509CertificateChain.certificates",
        ),
        (material(tlogEntries=[{"logIndex": "-1"}]), Malformed, r"Entries\[0\].logIndex.*got -1"),
        (material(tlogEntries=[{"logIndex": "+5"}]), Malformed, r"from 0 to 2\^63 - 1, got \+5"),
        (material(tlogEntries=[{"logIndex": True}]), Malformed, "logIndex: .*got True"),
        (material(tlogEntries=[{"logIndex": 2**63}]), Malformed, "logIndex"),
        (
            material(tlogEntries=[{"inclusionProof": {"treeSize": "-1"}}]),
            Malformed,
            r"tlogEntries\[0\].inclusionProof.treeSize",
        ),
        (
            material(tlogEntries=[{"inclusionProof": {"treeSize": 1, "hashes": ["Zg"]}}]),
            Malformed,
            r"not base64, at .*inclusionProof.hashes\[0\]",
        ),
        (material(tlogEntries=[{"integratedTime": str(2**62)}]), Malformed, "time that exists"),
        (
            material(timestampVerificationData={"rfc3161Timestamps": [{"signedTimestamp": "!"}]}),
            Malformed,
            r"rfc3161Timestamps\[0\].signedTimestamp",
        ),
        (material(tlogEntries=[{}] * 65), LimitPassed, "tlogEntries: expected 64 at most, got 65"),
        (small(messageSignature={"signature": None}), Malformed, "at messageSignature.signature"),
        (
            small(
                messageSignature={
                    "signature": "c2ln", "messageDigest": {"algorithm": "MD5", "digest": "Zg=="}
                }
            ),
            Unsupported,
            "at messageSignature.messageDigest.algorithm: .*got MD5",
        ),
        (
            small(
                messageSignature={
                    "signature": "c2ln",
                    "messageDigest": {"algorithm": "SHA2_256", "digest": "Zg=="},
                }
            ),
            Malformed,
            "wrong length, at messageSignature.messageDigest.digest: expected 32 bytes, got 1",
        ),
    ],
)  # fmt: skip
def test_a_bundle_of_another_shape_is_refused(document, error, message):
    with pytest.raises(error, match=message):
        read(document)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (GO / "dsse-2sigs.sigstore.json", "one signature, at dsseEnvelope.signatures: .*got 2"),
        (CHAINLOOP / "bundle_valid_nomaterial.json", "missing, at verificationMaterial"),
        (
            CHAINLOOP / "bundle_with_publickey.json",
            "missing, at dsseEnvelope.payload.predicateType",
        ),
        (VERIFIER / "invalid-dsse-sig.intoto.sigstore", "one spelling, at dsseEnvelope.signatures"),
        (VERIFIER / "invalid-set.intoto.sigstore", "one spelling, .*signedEntryTimestamp"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_published_broken_bundle_is_refused(path, message):
    with pytest.raises(Malformed, match=message):
        read(load(path))


def test_a_payload_of_another_type_tells_of_the_record_alone():
    envelope = {"payload": "Zg==", "payloadType": "text/plain", "signatures": [{"sig": "Zg=="}]}
    facts = read(small(messageSignature=None, dsseEnvelope=envelope))
    assert (facts.edges, [n.id for n in facts.nodes]) == ((), [ID])


def test_a_bundle_that_lost_a_part_is_still_recognised():
    for kept in ("mediaType", "verificationMaterial", "messageSignature"):
        assert sigstore_bundle.recognises({kept: small()[kept]})
    assert not sigstore_bundle.recognises({"mediaType": "application/vnd.oci.image.index.v1+json"})
    assert not sigstore_bundle.recognises({"mediaType": 7})


@pytest.mark.filterwarnings("ignore")  # cryptography warns of certificates that are only odd
@settings(deadline=None)
@given(st.data())
def test_a_mutated_real_bundle_gives_whole_facts_or_is_refused(data):
    document = load(data.draw(st.sampled_from(REAL[:5])))
    place, key = document, data.draw(st.sampled_from(sorted(document)))
    while isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
        place = place[key]
        steps = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(steps)))
    value = place[key]
    if isinstance(value, str) and value and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(value) - 1))
        place[key] = value[:at] + data.draw(st.sampled_from("Aa0+/=-_é")) + value[at + 1 :]
    else:
        place[key] = data.draw(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just([{}])
        )
    try:
        facts = read(document)
    except Refused:
        return
    ids = {n.id for n in facts.nodes}
    assert {end for e in facts.edges for end in (e.source, e.target)} <= ids


@given(st.dictionaries(st.sampled_from(sorted(small())), st.text(max_size=4) | st.just({})))
def test_any_object_with_the_keys_of_a_bundle_is_read_or_refused(document):
    with pytest.raises(Refused):
        read(document)


def test_an_envelope_alone_says_the_same_of_its_subject():
    bundle = load(NPM)
    alone = dsse.facts(json.loads(json.dumps(bundle["dsseEnvelope"])), document_id=ID)
    assert read(bundle).edges == alone.edges
