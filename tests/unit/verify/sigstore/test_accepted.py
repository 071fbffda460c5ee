"""What verifies: every version, entry kind, key and time source that the formats allow."""

import base64
import json
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ObjectIdentifier

from tests.sigstore_world import (
    IDENTITY,
    ISSUER,
    MINUTES,
    NOW,
    REKOR2,
    Authority,
    Clock,
    Log,
    Made,
    T,
    a_key,
    authority_instance,
    b64,
    der_of,
    pem_of,
    sign,
    spki_of,
    stamp,
    utf8,
    world,
)
from tests.unit.verify.sigstore.asking import Bytes, ask, digest_only, proven
from wherefrom.keys.public import PublicKey
from wherefrom.verify.sigstore import trusted_root, verify

KINDS_1 = ("hashedrekord 0.0.1", "dsse 0.0.1", "intoto 0.0.1", "intoto 0.0.2")
KINDS_2 = ("hashedrekord 0.0.2", "dsse 0.0.2")
KEYS = ("p256", "p384", "p521", "ed25519", "rsa")


@pytest.mark.parametrize(
    ("kind", "version"),
    # Version 0.1 is older than Rekor v2.
    [(k, v) for k in (*KINDS_1, *KINDS_2) for v in (1, 2, 3) if v > 1 or k in KINDS_1],
)
def test_a_statement_in_any_kind_of_entry_is_proven(kind, version):
    said = proven(Made(kind=kind, version=version).document())
    assert said["entry"] == f"{kind}: of this signature, by this key"
    assert said["identity"].endswith("as required")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("kind", ["hashedrekord 0.0.1", "hashedrekord 0.0.2"])
def test_a_signature_over_a_file_by_any_kind_of_key_is_proven(kind, key):
    made = Made(content="message", kind=kind, key_kind=key)
    assert "the key signed" in proven(made.document())["content"]


@pytest.mark.parametrize("key", KEYS)
def test_a_managed_key_of_any_kind_is_proven_with_the_key_that_is_given(key):
    made = Made(key_kind=key, managed=True)
    said = proven(made.document(), made=made)
    assert said["identity"].startswith("whoever holds the given key k:")
    assert said["certificate"] == "none: the given key is trusted as it is"


BY_OTHERS = [("p384", SHA256()), ("p521", SHA256()), ("ed25519", "ph")]


@pytest.mark.parametrize(("key", "signed_by"), BY_OTHERS)
@pytest.mark.parametrize("content", [("message", "hashedrekord 0.0.2"), ("dsse", "dsse 0.0.1")])
def test_a_key_may_sign_by_sha_256_whatever_its_curve_and_ed25519_by_its_hash(
    key, signed_by, content
):
    made = Made(content=content[0], kind=content[1], key_kind=key, signed_by=signed_by)
    assert "the key signed" in proven(made.document())["content"]
    managed = made.but(managed=True)
    proven(managed.document(), made=managed)
    other = Bytes(b"something else")
    assert ask(made.document(), artifact=other).steps[-1].name == "content"


@pytest.mark.parametrize("key", ["p384", "p521"])
def test_a_sha_256_is_enough_of_a_file_that_was_signed_by_it(key):
    made = Made(content="message", kind="hashedrekord 0.0.2", key_kind=key, signed_by=SHA256())
    assert "the key signed sha256:" in proven(made.document(), artifact=digest_only())["content"]
    assert "the key signed sha256:" in proven(made.document(), artifact=None)["content"]


def test_a_managed_key_needs_no_log_and_no_time():
    made = Made(managed=True, kind="")
    said = proven(made.document(), made=made, root={"mediaType": world().root()["mediaType"]})
    assert said["times"] == "nobody says when it was signed"
    assert said["inclusion"] == "no log holds it"


def test_a_managed_key_in_rekor_1_without_a_promise_is_proven_by_inclusion():
    made = Made(managed=True, kind="intoto 0.0.2", promise="none")
    document = made.document()
    document["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = "0"
    proven(document, made=made)


def test_a_given_key_that_is_the_certificates_stands_for_it():
    made = Made(version=3)
    document = made.document()
    material = document["verificationMaterial"]
    material["x509CertificateChain"] = {"certificates": [material.pop("certificate")]}
    material["tlogEntries"] = []
    key = PublicKey(spki_of(made.key))
    said = proven(document, key=key, identity=None, issuer=None)
    assert "its certificate counts for nothing" in said["key"]


def test_a_digest_of_the_artifact_is_enough():
    proven(Made().document(), artifact=digest_only())
    made = Made(content="message", kind="hashedrekord 0.0.1")
    proven(made.document(), artifact=digest_only())


def test_npm_names_its_package_by_sha512_only():
    subject = {"name": "pkg:npm/box@1.0.0", "digest": {"sha512": Bytes().digest("sha512").hex()}}
    assert "by sha512" in proven(Made(subject=subject).document())["content"]


def test_weak_and_unknown_digests_beside_a_strong_one_are_passed_over():
    digest = {"md5": "00", "sha1": "11", "x": "22", "sha256": Bytes().digest("sha256").hex()}
    proven(Made(subject={"name": "a", "digest": digest}).document())


def test_any_subject_may_be_the_artifact():
    statement = {
        "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "x", "predicate": {},
        "subject": [
            {"name": "other", "digest": {"sha256": "00" * 32}},
            {"name": "ours", "digest": {"sha256": Bytes().digest("sha256").hex()}},
        ],
    }  # fmt: skip
    assert "its subject ours" in proven(Made(statement=statement).document())["content"]


def test_without_an_artifact_what_was_signed_is_told():
    assert "of 1 subject" in proven(Made().document(), artifact=None)["content"]
    made = Made(content="message", kind="hashedrekord 0.0.1")
    assert Bytes().digest("sha256").hex() in proven(made.document(), artifact=None)["content"]


def test_without_an_identity_anybody_is_told_to_be_nobody_in_particular():
    said = proven(Made().document(), identity=None, issuer=None)
    assert f"signed by {IDENTITY}, vouched for by {ISSUER}" in said["identity"]
    assert "nobody in particular was required" in said["identity"]


def test_a_signer_may_be_an_address_or_one_of_several_names():
    proven(Made(identity="a@box.example").document(), identity="a@box.example")
    made = Made(identity=("https://a.example/x", "b@box.example"))
    proven(made.document(), identity="b@box.example")


def test_fulcios_own_kind_of_name_is_read():
    other = x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), utf8("somebody!box.example"))
    proven(Made(identity=(other,)).document(), identity="somebody!box.example")


def test_the_issuer_of_old_certificates_is_raw():
    proven(Made(issuer=None, issuer_v1=ISSUER).document())


def test_the_newer_issuer_counts_where_both_are():
    proven(Made(issuer=ISSUER, issuer_v1="https://other.example").document())


# -- times


def test_a_time_at_either_end_of_the_certificate_is_inside():
    proven(Made(start=T, end=T + MINUTES).document())
    proven(Made(start=T - MINUTES, end=T).document())


@pytest.mark.parametrize("end", [T, None])
def test_the_ends_of_a_logs_window_are_inside(end):
    root = world().root()
    root["tlogs"][0]["publicKey"]["validFor"] = {"start": stamp(T)} | (
        {"end": stamp(end)} if end else {}
    )
    proven(Made().document(), root=root)


def test_the_end_of_a_timestamp_authoritys_window_is_inside():
    root = world().root()
    root["timestampAuthorities"] = [world().clock.instance(end=T)]
    proven(Made(kind="hashedrekord 0.0.2").document(), root=root)


def test_the_ends_of_a_certificate_logs_window_are_inside():
    root = world().root()
    root["ctlogs"] = [world().ct.instance(start=T - timedelta(minutes=1), end=T)]
    proven(Made(sct_at=T - timedelta(minutes=1)).document(), root=root)
    proven(Made(sct_at=T).document(), root=root)


def test_a_promise_and_a_timestamp_give_two_times():
    made = Made(stamps=(lambda s: world().clock.token(s, at=T + timedelta(minutes=2)),))
    assert proven(made.document())["times"].count("2026-01-02T12:0") == 2


def test_an_old_instance_of_a_log_stays_good_for_its_time():
    root = world().root()
    old, new = world().rekor1.instance(end=T - MINUTES), world().rekor1.instance(start=T - MINUTES)
    root["tlogs"] = [old, new]
    proven(Made().document(), root=root)


def test_a_signature_of_an_hour_that_has_passed_stays_proven_for_years():
    proven(Made().document(), now=NOW + timedelta(days=3000))


# -- timestamps


def rekor_2(clock=None, **token):
    clock = clock or world().clock
    return Made(kind="hashedrekord 0.0.2", stamps=(lambda s: clock.token(s, **token),))


@pytest.mark.parametrize("hash", ["sha256", "sha384", "sha512"])
def test_a_timestamp_may_be_of_any_strong_hash(hash):
    proven(rekor_2(hash=hash).document())


@pytest.mark.parametrize("kind", KEYS)
def test_a_timestamp_authority_may_have_any_kind_of_key(kind):
    clock, root = Clock(f"tsa {kind}", kind=kind), world().root()
    root["timestampAuthorities"] = [clock.instance()]
    proven(rekor_2(clock).document(), root=root)


def test_a_timestamp_may_bring_its_certificate():
    proven(rekor_2(embed=True).document())


def test_a_root_may_name_only_the_authority_above_a_timestamps_certificate():
    root = world().root()
    root["timestampAuthorities"] = [world().clock.instance(chain=[world().clock.root])]
    proven(rekor_2(embed=True).document(), root=root)


def test_a_timestamp_by_a_chain_that_has_expired_since_stays_good():
    clock, root = Clock("old tsa", end=T + MINUTES, root_end=T + MINUTES), world().root()
    root["timestampAuthorities"] = [clock.instance()]
    proven(rekor_2(clock).document(), root=root)


def test_a_granted_timestamp_with_modifications_is_granted():
    proven(rekor_2(status=1).document())


# -- logs


@pytest.mark.parametrize("before", [0, 1, 4, 7])
@pytest.mark.parametrize("after", [0, 1, 8])
def test_an_entry_anywhere_in_a_tree_is_found(before, after):
    log = Log(REKOR2, a_key("ed25519", "rekor2"), origin=REKOR2, log_id=world().rekor2.id,
              before=before, after=after)  # fmt: skip
    proven(Made(kind="dsse 0.0.2", log=log).document())


def test_the_logs_line_need_not_be_the_first_of_a_checkpoint():
    proven(Made(kind="dsse 0.0.2", cosigned=True).document())
    proven(Made(cosigned=True).document())


def test_a_checkpoint_may_have_more_lines_than_three():
    made = Made()
    document = made.document()
    proof = document["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
    text = proof["checkpoint"]["envelope"].partition("\n\n")[0] + "\nTimestamp: 12\n"
    log = world().rekor1
    line = f"— {log.host} {b64(log.id[:4] + sign(log.key, text.encode()))}\n"
    proof["checkpoint"]["envelope"] = f"{text}\n{line}"
    proven(document)


def test_version_01_needs_no_inclusion_proof_and_no_checkpoint():
    document = Made(version=1).document()
    entry = document["verificationMaterial"]["tlogEntries"][0]
    del entry["inclusionProof"]["checkpoint"]
    proven(document)
    entry["inclusionProof"] = None  # as npm writes it
    assert proven(document)["inclusion"] == "the log's promise stands for it"


@pytest.mark.parametrize("kind", ["p384", "p521", "rsa"])
def test_a_log_may_have_any_kind_of_key(kind):
    log, root = Log("l.example", a_key(kind, "log"), origin="l.example - 1"), world().root()
    root["tlogs"].append(log.instance())
    proven(Made(log=log).document(), root=root)


def test_an_intoto_entry_may_hold_the_signature_encoded_once():
    made = Made(kind="intoto 0.0.2", promise="none", managed=True)
    document = made.document()
    entry = document["verificationMaterial"]["tlogEntries"][0]
    body = json.loads(base64.b64decode(entry["canonicalizedBody"]))
    signature = document["dsseEnvelope"]["signatures"][0]["sig"]
    body["spec"]["content"]["envelope"]["signatures"][0]["sig"] = signature
    log = world().rekor1
    written = json.dumps(body).encode()
    size, root, path = log.prove(written)
    entry["canonicalizedBody"] = b64(written)
    entry["inclusionProof"] |= {
        "rootHash": b64(root), "hashes": [b64(h) for h in path],
        "checkpoint": {"envelope": log.checkpoint(size, root)},
    }  # fmt: skip
    proven(document, made=made)


def test_the_pem_of_an_entry_may_be_spelled_another_way():
    made = Made(managed=True)
    pem = pem_of(made.key).decode().split("\n")
    spelled = "\r\n".join([pem[0], "".join(pem[1:-2]), pem[-2]]).encode()
    proven(made.but(entry_pem=spelled).document(), made=made)


def test_several_log_entries_may_hold_one_signature():
    one, two = Made(kind="dsse 0.0.1"), Made(kind="dsse 0.0.2")
    document, other = one.document(), two.document()
    # ECDSA signs anew each time, so both must be of one signing: Ed25519 always signs alike.
    one, two = (m.but(key_kind="ed25519") for m in (one, two))
    document, other = one.document(), two.document()
    leaf = document["verificationMaterial"]["certificate"]["rawBytes"]
    entry = two.entry(*two.parts(), x509.load_der_x509_certificate(base64.b64decode(leaf)))
    document["verificationMaterial"]["tlogEntries"].append(entry)
    stamps = other["verificationMaterial"]["timestampVerificationData"]
    document["verificationMaterial"]["timestampVerificationData"] = stamps
    assert "dsse 0.0.1 and dsse 0.0.2" in proven(document)["entry"]


# -- certificates


def test_an_authority_may_be_a_root_alone():
    authority, root = Authority("old fulcio"), world().root()
    authority.name, authority.key = list(authority.root.subject), authority.root_key
    root["certificateAuthorities"].insert(0, authority_instance("old", [authority.root]))
    proven(Made(authority=authority).document(), root=root)


def test_of_two_authorities_with_one_name_the_one_that_signed_is_found():
    decoy, root = Authority("decoy", intermediate_name="fulcio intermediate"), world().root()
    root["certificateAuthorities"].insert(0, authority_instance("decoy", decoy.chain))
    proven(Made().document(), root=root)


def test_a_sct_may_carry_extensions():
    proven(Made(sct_extensions=b"\x00\x01\x02").document())


def test_a_chain_in_an_old_bundle_is_passed_over_with_its_root():
    made = Made(version=1)
    document = made.document()
    chain = document["verificationMaterial"]["x509CertificateChain"]["certificates"]
    chain += [{"rawBytes": b64(der_of(c))} for c in world().fulcio.chain]
    proven(document)


def test_an_intermediate_in_a_bundle_of_version_02_is_passed_over():
    made = Made(version=2)
    document = made.document()
    chain = document["verificationMaterial"]["x509CertificateChain"]["certificates"]
    chain.append({"rawBytes": b64(der_of(world().fulcio.intermediate))})
    proven(document)


def test_what_a_root_says_in_words_of_tomorrow_costs_nothing_else():
    root = world().root()
    later = json.loads(json.dumps(root["tlogs"][0]))
    later["publicKey"]["keyDetails"] = "ML_DSA_87"
    root["tlogs"].insert(0, later)
    root["certificateAuthorities"].insert(0, {"uri": "https://empty.example"})
    proven(Made().document(), root=root)


# -- documents around a bundle


def test_every_spelling_of_the_media_type_is_read():
    document = Made().document()
    document["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.3"
    proven(document)


def test_numbers_may_be_numbers_and_absent_may_be_null():
    document = Made().document()
    entry = document["verificationMaterial"]["tlogEntries"][0]
    entry["logIndex"] = int(entry["logIndex"])
    document["verificationMaterial"]["timestampVerificationData"] = None
    document["messageSignature"] = None
    document["verificationMaterial"]["publicKey"] = None
    proven(document)


def test_base64_may_be_url_safe():
    document = Made().document()
    envelope = document["dsseEnvelope"]
    envelope["payload"] = envelope["payload"].replace("+", "-").replace("/", "_")
    proven(document)


def pep740(document):
    material, envelope = document["verificationMaterial"], document["dsseEnvelope"]
    return {
        "version": 1,
        "verification_material": {
            "certificate": material["certificate"]["rawBytes"],
            "transparency_entries": material["tlogEntries"],
        },
        "envelope": {
            "statement": envelope["payload"], "signature": envelope["signatures"][0]["sig"],
        },
    }  # fmt: skip


def test_a_pep_740_attestation_is_a_bundle_in_other_clothes():
    proven(pep740(Made().document()))


def test_every_attestation_of_a_provenance_object_is_proven():
    attestations = [pep740(Made().document()), pep740(Made(kind="intoto 0.0.2").document())]
    report = ask({"version": 1, "attestation_bundles": [
        {"publisher": {"kind": "GitHub"}, "attestations": attestations}
    ]})  # fmt: skip
    assert report.result == "proven"
    assert [s.name for s in report.steps].count("identity") == 2


def npm(*bundles):
    return {"attestations": [
        {"predicateType": "https://box.example/released/v1", "bundle": b} for b in bundles
    ]}  # fmt: skip


def test_an_npm_document_is_proven_by_its_registrys_key_and_its_builders_identity():
    managed = Made(managed=True)
    document = npm(managed.document(), Made().document())
    key = PublicKey(spki_of(managed.key))
    assert ask(document, key=key).result == "proven"


def test_lines_of_bundles_are_each_proven():
    written = b"\n".join(json.dumps(m.document()).encode() for m in (Made(), Made(version=2)))
    report = ask(written)
    assert report.result == "proven"
    assert [s.says for s in report.steps if s.name == "bundle"][1].startswith("line 2: ")


def test_a_bare_envelope_is_proven_by_a_given_key_beside_other_signatures():
    made = Made(managed=True)
    envelope = made.document()["dsseEnvelope"]
    envelope["signatures"].insert(0, {"sig": b64(b"somebody else"), "keyid": "x"})
    proven(envelope, made=made)


def test_what_was_proven_can_be_asked_for():
    from wherefrom.formats import sigstore_evidence

    (signed,) = sigstore_evidence.parse(json.dumps(Made().document()).encode())
    root = trusted_root.parse(json.dumps(world().root()).encode())
    outcome = verify.check(signed, verify.Wanted(root, NOW))
    assert outcome.failure is None
    assert outcome.times == (T,)
    assert outcome.signer is not None
    assert (outcome.signer.identity, outcome.signer.issuer) == (IDENTITY, ISSUER)
    assert outcome.signer.key == PublicKey(spki_of(Made().key)).id
