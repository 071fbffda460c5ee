"""What does not verify: each is one change away from what does, and names the step it fails at."""

import base64
import json
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from tests.sigstore_world import (
    ARTIFACT,
    IDENTITY,
    ISSUER,
    MINUTES,
    NOW,
    REKOR1,
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
    promise,
    sign,
    spki_of,
    stamp,
    tlv,
    utf8,
    world,
)
from tests.unit.verify.sigstore.asking import Bytes, ask, digest_only, proven, refused
from tests.unit.verify.sigstore.test_accepted import npm, pep740, rekor_2
from wherefrom.keys.public import PublicKey

HASHEDREKORD = Made(content="message", kind="hashedrekord 0.0.1")
MESSAGE_2 = Made(content="message", kind="hashedrekord 0.0.2")


def entry_of(document):
    return document["verificationMaterial"]["tlogEntries"][0]


def changed(made, change):
    """The bundle after ``change`` took it in hand."""
    document = made.document()
    change(document)
    return document


def flipped(text):
    """Base64 of the same bytes but one bit of the last."""
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return b64(bytes(raw))


@pytest.mark.parametrize("made", [Made(), HASHEDREKORD, MESSAGE_2, rekor_2(), Made(version=1),
                                  Made(version=2), Made(managed=True)])  # fmt: skip
def test_what_is_changed_below_is_proven_as_it_is(made):
    proven(made.document(), made=made)


# -- 1. the bundle


def version(media_type):
    return lambda d: d.update(mediaType=media_type)


def without(*path):
    def change(document):
        *road, last = path
        for key in road:
            document = document[key]
        del document[last]

    return change


def put(value, *path):
    def change(document):
        *road, last = path
        for key in road:
            document = document[key]
        document[last] = value

    return change


M, ENTRY = "verificationMaterial", ("verificationMaterial", "tlogEntries", 0)
PROOF = (*ENTRY, "inclusionProof")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (version("application/vnd.dev.sigstore.bundle.v0.4+json"), "not a version"),
        (version("application/vnd.dev.sigstore.bundle+json;version=0.0"), "not a version"),
        (version("application/json"), "not a version"),
        (without("mediaType"), "missing"),
        (without(M), "missing"),
        (without(M, "certificate"), "exactly one"),
        (put({"hint": "x"}, M, "publicKey"), "exactly one"),
        (put({"certificates": []}, M, "x509CertificateChain"), "exactly one"),
        (without("dsseEnvelope"), "exactly one"),
        (put({"signature": "c2ln"}, "messageSignature"), "exactly one"),
        (put("-1", *ENTRY, "logIndex"), "not an index"),
        (put("-1", *PROOF, "logIndex"), "not an index"),
        (put("-1", *PROOF, "treeSize"), "not an index"),
        (put("-5", *ENTRY, "integratedTime"), "not an index"),
        (put("+5", *ENTRY, "integratedTime"), "not an index"),
        (put("9223372036854775808", *ENTRY, "logIndex"), "not an index"),
        (put("alpine", *ENTRY, "kindVersion", "kind"), "kind of log entry"),
        (put("0.0.9", *ENTRY, "kindVersion", "version"), "kind of log entry"),
        (without(*ENTRY, "kindVersion"), "missing"),
        (without(*ENTRY, "logId"), "missing"),
        (without(*ENTRY, "canonicalizedBody"), "missing"),
        (put("not base64!", *ENTRY, "canonicalizedBody"), "not base64"),
        (put(None, *ENTRY, "inclusionProof"), "without an inclusion proof"),
        (without(*ENTRY, "inclusionProof"), "without an inclusion proof"),
        (lambda d: d[M]["tlogEntries"].append(d[M]["tlogEntries"][0]), "there twice"),
        (lambda d: d["dsseEnvelope"]["signatures"].append({"sig": "c2ln"}), "one signature"),
        (put([], "dsseEnvelope", "signatures"), "nobody signed"),
        (lambda d: d[M]["tlogEntries"].extend([d[M]["tlogEntries"][0]] * 64), "too long"),
    ],
)
def test_a_bundle_of_another_shape_is_refused(change, says):
    refused("bundle", says, changed(Made(), change))


def test_version_02_needs_an_inclusion_proof_and_version_01_a_promise():
    made = Made(version=2)
    refused("bundle", "without an inclusion proof", changed(made, put(None, *PROOF)))
    one = changed(Made(version=1), without(*ENTRY, "inclusionPromise"))
    refused("bundle", "without a promise", one)


@pytest.mark.parametrize("written", [b"", b"{", b"[]", b"null", b'{"a": 1, "a": 2}', b"{}\n{}"])
def test_what_is_no_bundle_at_all_is_refused(written):
    assert ask(written).steps[-1].name == "bundle"
    assert ask(written).result == "failed"


# -- 2. the key


def test_a_hint_at_a_key_proves_nothing_without_the_key():
    made = Made(managed=True)
    refused("key", "only hints at", made.document(), identity=None, issuer=None)


def test_a_key_in_the_bundle_is_never_trusted():
    made = Made(managed=True)
    document = made.document()
    document[M]["publicKey"] = {"rawBytes": b64(spki_of(made.key))}
    refused("key", "only hints at", document)


def test_another_key_than_the_signers_is_refused():
    made = Made(managed=True)
    other = PublicKey(spki_of(a_key("p256", "somebody else")))
    refused("content", "not signed by this key", made.document(), made=made, key=other)


def test_a_certificate_of_another_key_than_the_given_is_refused():
    other = PublicKey(spki_of(a_key("p256", "somebody else")))
    refused("key", "another key than the given", Made().document(), key=other)


def test_a_key_names_nobody():
    made = Made(managed=True)
    refused("identity", "a key names nobody", made.document(), made=made, identity=IDENTITY)
    refused("identity", "a key names nobody", made.document(), made=made, issuer=ISSUER)
    key = PublicKey(spki_of(Made().key))
    refused("identity", "a key names nobody", Made().document(), key=key)


def test_a_chain_in_version_03_is_refused():
    document = Made().document()
    document[M]["x509CertificateChain"] = {"certificates": [document[M].pop("certificate")]}
    refused("key", "chain in a bundle of version 0.3", document)


@pytest.mark.parametrize("version", [1, 2])
def test_a_lone_certificate_before_version_03_is_refused(version):
    document = Made(version=version).document()
    chain = document[M].pop("x509CertificateChain")
    document[M]["certificate"] = chain["certificates"][0]
    refused("key", f"without a chain in a bundle of version 0.{version}", document)


def test_an_empty_chain_is_refused():
    document = Made(version=2).document()
    document[M]["x509CertificateChain"] = {"certificates": []}
    refused("bundle", "empty certificate chain", document)


def test_a_root_in_a_bundle_of_version_02_is_refused():
    document = Made(version=2).document()
    chain = document[M]["x509CertificateChain"]["certificates"]
    chain += [{"rawBytes": b64(der_of(c))} for c in world().fulcio.chain]
    refused("key", "brings its own root", document)


def test_a_certificate_that_is_none_is_refused():
    refused("key", "cannot be read", changed(Made(), put("AAAA", M, "certificate", "rawBytes")))


def test_a_critical_extension_that_nobody_knows_is_refused():
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    refused("key", "critical extension", Made(leaf_extensions=((unknown, True),)).document())
    refused("key", "critical extension", Made(
        leaf_extensions=((x509.PrecertPoison(), True),)
    ).document())  # fmt: skip


# -- 3. the content


OTHER = Bytes(b"something else\n", "other")


@pytest.mark.parametrize("made", [Made(), rekor_2(), Made(subject={
    "name": "x", "digest": {"sha512": Bytes().digest("sha512").hex()}
})])  # fmt: skip
def test_a_statement_about_another_artifact_is_refused(made):
    refused("content", "not about this artifact", made.document(), artifact=OTHER)


@pytest.mark.parametrize("made", [HASHEDREKORD, MESSAGE_2])
def test_a_signature_over_another_file_is_refused(made):
    refused("content", "for another file", made.document(), artifact=OTHER)
    document = changed(made, without("messageSignature", "messageDigest"))
    refused("content", "not by", document, artifact=OTHER)
    proven(document)


def test_a_digest_in_the_bundle_is_compared_even_where_the_signature_holds():
    document = MESSAGE_2.document()
    digest = document["messageSignature"]["messageDigest"]
    digest["digest"] = b64(OTHER.digest("sha256"))
    refused("content", "for another file", document)
    digest |= {"algorithm": "SHA2_512", "digest": b64(OTHER.digest("sha512"))}
    refused("content", "for another file", document)
    digest["algorithm"] = "MD5"
    refused("bundle", "digest algorithm", document)


def test_a_digest_only_proves_nothing_by_a_key_that_signs_the_file_itself():
    made = HASHEDREKORD.but(key_kind="ed25519")
    refused("content", "signs the file itself", made.document(), artifact=digest_only())
    made = HASHEDREKORD.but(key_kind="p384")
    refused("content", "the sha384 of a file", made.document(), artifact=digest_only())


def test_a_changed_signature_or_payload_is_refused():
    sig = ("dsseEnvelope", "signatures", 0, "sig")
    document = Made().document()
    refused("content", "not signed by this key", changed(
        Made(), put(flipped(document["dsseEnvelope"]["signatures"][0]["sig"]), *sig)
    ))  # fmt: skip
    other = Made(subject={"name": "x", "digest": {"sha256": OTHER.digest("sha256").hex()}})
    payload = other.document()["dsseEnvelope"]["payload"]
    refused("content", "not signed by this key", changed(Made(), put(
        payload, "dsseEnvelope", "payload"
    )))  # fmt: skip
    refused("content", "not signed by this key", changed(
        Made(), put("application/vnd.in-toto.x+json", "dsseEnvelope", "payloadType")
    ))  # fmt: skip


def test_an_ecdsa_signature_has_one_spelling():
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    document = Made(managed=True, kind="").document()
    held = document["dsseEnvelope"]["signatures"][0]
    r, s = decode_dss_signature(base64.b64decode(held["sig"]))
    long = [tlv(2, b"\0" * 2 + number.to_bytes(32, "big")) for number in (r, s)]
    for other in (
        r.to_bytes(32, "big") + s.to_bytes(32, "big"),
        tlv(0x30, *long),
        base64.b64decode(held["sig"]) + b"\0",
    ):
        document["dsseEnvelope"]["signatures"] = [{"sig": b64(other)}]
        refused("content", "not signed by this key", document, made=Made(managed=True))


def test_a_signed_payload_that_is_no_statement_is_refused():
    made = Made(payload_type="application/json")
    refused("content", "a payload that is not read here", made.document())


def statement(**changes):
    said = {
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "x", "predicate": {},
        "subject": [{"name": "a", "digest": {"sha256": Bytes().digest("sha256").hex()}}],
    } | changes  # fmt: skip
    return Made(statement={k: v for k, v in said.items() if v is not None})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"_type": None}, "payload._type"),
        ({"_type": "https://in-toto.io/Statement/v2"}, "not a version of the in-toto statement"),
        ({"predicateType": None}, "payload.predicateType"),
        ({"subject": None}, "payload.subject"),
        ({"subject": []}, "about nothing"),
        ({"subject": [{"name": "a"}]}, "digest"),
        ({"subject": [{"name": "a", "digest": {}}]}, "without a digest"),
        ({"subject": [{"name": "a", "digest": {"sha256": 7}}]}, "wrong type"),
        ({"subject": [{"name": "a", "digest": {"sha1": "00" * 20}}]}, "not about this artifact"),
        (
            {"subject": [{"name": "a", "digest": {"md5": "9e107d9d372bb6826bd81d3542a419d6"}}]},
            "no algorithm that is compared here",
        ),
    ],
)
def test_a_signed_statement_of_another_shape_is_refused(changes, says):
    refused("content", says, statement(**changes).document())


def test_a_subject_whose_digests_contradict_each_other_is_not_the_artifact():
    digest = {"sha256": Bytes().digest("sha256").hex(), "sha512": "00" * 64}
    refused("content", "not about this artifact", Made(
        subject={"name": "a", "digest": digest}
    ).document())  # fmt: skip


def test_a_name_is_no_digest():
    subject = {"name": "release", "digest": {"sha256": "00" * 32}}
    refused("content", "not about this artifact", Made(subject=subject).document())


# -- 4. the promise


def test_a_promise_that_was_changed_is_refused():
    for made in (Made(), Made(version=1), HASHEDREKORD):
        document = made.document()
        held = entry_of(document)["inclusionPromise"]
        held["signedEntryTimestamp"] = flipped(held["signedEntryTimestamp"])
        refused("promise", "did not sign this promise", document)


@pytest.mark.parametrize("path", [("logIndex",), ("integratedTime",)])
def test_a_promise_of_another_index_or_time_is_refused(path):
    document = Made(version=1).document()
    entry = entry_of(document)
    entry[path[0]] = str(int(entry[path[0]]) + 1)
    refused("promise", "did not sign this promise", document)


def test_a_promise_by_another_key_is_refused():
    document = Made().document()
    entry = entry_of(document)
    entry["inclusionPromise"]["signedEntryTimestamp"] = b64(
        promise(world().rekor1, entry, a_key("p256", "nobody"))
    )
    refused("promise", "did not sign this promise", document)


def test_a_log_that_the_root_does_not_name_is_refused():
    root = world().root()
    root["tlogs"] = root["tlogs"][1:]
    refused("promise", "does not name", Made().document(), root=root)
    root["tlogs"] = []
    refused("promise", "does not name", Made(kind="dsse 0.0.2").document(), root=root)


def test_a_log_without_a_start_is_never_believed():
    root = world().root()
    root["tlogs"][0]["publicKey"]["validFor"] = {"end": stamp(NOW)}
    refused("promise", "validFor.start", Made().document(), root=root)
    del root["tlogs"][0]["publicKey"]["validFor"]
    refused("promise", "validFor", Made().document(), root=root)


@pytest.mark.parametrize(("start", "end"), [
    (T + timedelta(seconds=1), None), (T - MINUTES, T - timedelta(milliseconds=1)),
])  # fmt: skip
def test_a_promise_outside_the_logs_window_is_refused(start, end):
    root = world().root()
    root["tlogs"][0] = world().rekor1.instance(start=start, end=end)
    refused("promise", "was not trusted then", Made().document(), root=root)


def test_a_window_of_another_key_under_the_same_id_is_not_lent():
    root, log = world().root(), world().rekor1
    other = Log(REKOR1, a_key("p256", "other rekor"), origin=log.origin, log_id=log.id)
    root["tlogs"] = [log.instance(end=T - MINUTES), other.instance()]
    refused("promise", "was not trusted then", Made().document(), root=root)


def test_a_promise_from_the_future_is_refused():
    made = Made()
    refused("promise", "from the future", made.document(), now=T - timedelta(minutes=2))
    proven(made.document(), now=T - timedelta(seconds=30))


# -- 5. the times


def test_a_certificate_without_a_time_proves_nothing():
    made = Made(kind="hashedrekord 0.0.2", stamps=())
    refused("times", "nobody vouches for when", made.document())
    document = Made(promise="none").document()
    refused("times", "nobody vouches for when", document)


def test_a_time_that_no_promise_covers_is_no_time():
    document = Made(kind="dsse 0.0.2", stamps=()).document()
    entry_of(document)["integratedTime"] = str(int(T.timestamp()))
    refused("times", "nobody vouches for when", document)


@pytest.mark.parametrize("stamped", [False, True])
@pytest.mark.parametrize("kind", ["dsse 0.0.2", "hashedrekord 0.0.2"])
def test_a_promise_of_an_entry_of_rekor_2_is_refused_though_the_log_signed_it(kind, stamped):
    document = Made(kind=kind, **({} if stamped else {"stamps": ()})).document()
    entry = entry_of(document)
    entry["integratedTime"] = str(int(T.timestamp()))
    entry["inclusionPromise"] = {"signedEntryTimestamp": b64(promise(world().rekor2, entry))}
    refused("promise", "promises and dates nothing", document)


NOBODY = a_key("p256", "nobody")


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ({"imprint": bytes(32)}, "of something else"),
        ({"hash": "sha1"}, "weak hash"),
        ({"info_digest": bytes(32)}, "not what its authority signed"),
        ({"signer": NOBODY}, "not by"),
        ({"ess": bytes(32)}, "names another certificate"),
        ({"attributes": False}, "does not say which certificate"),
        ({"status": 2}, "did not grant"),
        ({"version": 2}, "another version"),
        ({"at": NOW + timedelta(days=1)}, "from the future"),
    ],
)
def test_a_timestamp_that_does_not_hold_is_refused(token, says):
    refused("times", says, rekor_2(**token).document())


def test_a_timestamp_over_the_artifact_is_not_one_of_the_signature():
    made = Made(kind="hashedrekord 0.0.2", stamps=(world().clock.token(ARTIFACT),))
    refused("times", "of something else", made.document())


def test_a_timestamp_of_another_bundle_is_refused():
    _, _, signature = Made().parts()
    made = Made(kind="dsse 0.0.2", stamps=(world().clock.token(signature),))
    refused("times", "of something else", made.document())


@pytest.mark.parametrize("embed", [False, True])
def test_a_timestamp_by_an_authority_that_the_root_does_not_name_is_refused(embed):
    made = rekor_2(Clock("stranger"), embed=embed)
    refused("times", "no timestamp authority", made.document())
    root = world().root()
    root["timestampAuthorities"] = [world().clock.instance(chain=[world().clock.root])]
    refused("times", "no timestamp authority", made.document(), root=root)
    root["timestampAuthorities"] = []
    refused("times", "no timestamp authority", made.document(), root=root)


def test_a_timestamp_that_brings_a_certificate_of_its_own_under_a_listed_one_is_refused():
    """The root names the authority's own certificate, so another under the same root is none."""
    clock = world().clock
    other = Clock("tsa")
    assert der_of(other.certificate) != der_of(clock.certificate)
    made = rekor_2(other, embed=True)
    refused("times", "names another certificate", made.document())


def test_a_missing_certificate_is_not_made_up():
    root = world().root()
    root["timestampAuthorities"] = [world().clock.instance(chain=[world().clock.root])]
    refused("times", "does not bring the certificate", rekor_2().document(), root=root)


@pytest.mark.parametrize(("start", "end"), [
    (T + timedelta(seconds=1), None), (T - MINUTES, T - timedelta(seconds=1)),
])  # fmt: skip
def test_a_timestamp_outside_its_authoritys_window_is_refused(start, end):
    root = world().root()
    root["timestampAuthorities"] = [world().clock.instance(start=start, end=end)]
    refused("times", "was not trusted then", rekor_2().document(), root=root)
    # The window of another authority is not lent to it.
    root["timestampAuthorities"].append(
        authority_instance("other", [], T - timedelta(days=1), T + timedelta(days=1))
    )
    refused("times", "was not trusted then", rekor_2().document(), root=root)
    root["timestampAuthorities"][1] = Clock("other tsa").instance()
    refused("times", "was not trusted then", rekor_2().document(), root=root)


def test_a_timestamp_authority_without_a_start_is_never_believed():
    root = world().root()
    root["timestampAuthorities"][0]["validFor"] = {}
    refused("times", "validFor.start", rekor_2().document(), root=root)


@pytest.mark.parametrize(
    ("clock", "says"),
    [
        (Clock("late", start=T + timedelta(seconds=1)), "was not trusted then"),
        (Clock("gone", end=T - timedelta(seconds=1)), "was not trusted then"),
        (Clock("gone root", root_end=T - timedelta(seconds=1)), "was not trusted then"),
        (Clock("code", eku=(ExtendedKeyUsageOID.CODE_SIGNING,)), "not for timestamps alone"),
        (Clock("none", eku=()), "not for timestamps alone"),
        (Clock("soft", critical=False), "not for timestamps alone"),
        (
            Clock("both", eku=(ExtendedKeyUsageOID.TIME_STAMPING,
                               ExtendedKeyUsageOID.CODE_SIGNING)),
            "not for timestamps alone",
        ),
    ],
)  # fmt: skip
def test_a_timestamp_by_a_certificate_that_may_not_is_refused(clock, says):
    root = world().root()
    root["timestampAuthorities"] = [clock.instance()]
    refused("times", says, rekor_2(clock).document(), root=root)


def test_a_wrong_timestamp_beside_a_right_one_is_refused():
    good, bad = (lambda s: world().clock.token(s)), (lambda s: world().clock.token(s + b"x"))
    for stamps in ((good, bad), (bad, good)):
        made = Made(kind="hashedrekord 0.0.2", stamps=stamps)
        refused("times", "of something else", made.document())
    made = Made(stamps=(bad,))
    refused("times", "of something else", made.document())


def test_a_timestamp_that_brings_what_is_no_certificate_is_refused():
    clock = world().clock
    der = der_of(clock.certificate)

    def broken(signature):
        token = clock.token(signature, embed=True)
        assert token.count(der) == 1
        return token.replace(der, der[:4] + b"\x31" + der[5:])

    made = Made(kind="dsse 0.0.2", stamps=(broken,))
    refused("times", "a certificate that cannot be read", made.document())


def test_one_timestamp_is_not_two():
    once = lambda s: world().clock.token(s)  # noqa: E731
    document = Made(kind="hashedrekord 0.0.2", stamps=(once,)).document()
    stamps = document[M]["timestampVerificationData"]["rfc3161Timestamps"]
    proven(document)
    stamps.append(dict(stamps[0]))
    refused("bundle", "one timestamp is there twice", document)


@pytest.mark.parametrize("cut", [0, 1, 2, 10, 100, -1])
def test_a_timestamp_that_is_cut_off_or_padded_is_refused(cut):
    _, _, signature = Made().parts()
    whole = world().clock.token(signature)
    made = Made(kind="dsse 0.0.2", stamps=(whole[:cut] if cut > 0 else whole + b"\0",))
    assert ask(made.document()).steps[-1].name == "times"


# -- 6. the checkpoint


def envelope_of(document):
    return entry_of(document)["inclusionProof"]["checkpoint"]


def said(change):
    def act(document):
        held = envelope_of(document)
        held["envelope"] = change(held["envelope"])

    return act


def hinted(text):
    head, _, line = text.rpartition(" ")
    raw = base64.b64decode(line)
    return f"{head} {b64(b'hint' + raw[4:])}\n"


@pytest.mark.parametrize("made", [Made(), Made(kind="dsse 0.0.2"), Made(version=1)])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (hinted, "did not sign this checkpoint"),
        (lambda t: t.partition("\n\n")[0] + "\n", "no empty line"),
        (lambda t: t.partition("\n\n")[0] + "\n\n", "signature line"),
        (lambda t: t.replace("\n9\n", "\n10\n"), "did not sign this checkpoint"),
        (lambda t: t.partition("\n")[2], "did not sign this checkpoint"),
        (lambda t: "other.example\n" + t.partition("\n")[2], "did not sign this checkpoint"),
        (lambda t: t.replace("— ", "— x"), "did not sign this checkpoint"),
        (lambda t: t.replace("\n\n— ", "\n\n- "), "not a signature line"),
        (lambda t: t.replace("\n\n", "\n \n\n"), "did not sign this checkpoint"),
    ],
)
def test_a_checkpoint_that_the_log_did_not_sign_is_refused(made, change, says):
    refused("checkpoint", says, changed(made, said(change)))


def signed_text(log, text):
    return f"{text}\n— {log.host} {b64(log.id[:4] + sign(log.key, text.encode()))}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{name}\n9\n", "too short"),
        ("9\n{root}\n", "too short"),
        ("{name}\n{root}\n", "too short"),
        ("{name}\n09\n{root}\n", "not a number"),
        ("{name}\n+9\n{root}\n", "not a number"),
        ("{name}\n9\nAAAA\n", "not a hash"),
        ("other.example\n9\n{root}\n", "of another log"),
        ("{name}.evil\n9\n{root}\n", "of another log"),
    ],
)
def test_a_signed_checkpoint_of_another_shape_is_refused(text, says):
    log = world().rekor1
    document = Made().document()
    root = entry_of(document)["inclusionProof"]["rootHash"]
    envelope_of(document)["envelope"] = signed_text(log, text.format(name=REKOR1, root=root))
    refused("checkpoint", says, document)


def test_another_name_than_the_logs_counts_only_for_rekor_1_and_if_that_signed_it():
    one, two = world().rekor1, world().rekor2
    for log, made, origin, line in (
        (one, Made(), "pod-7", "pod-7"),
        (one, Made(), "pod-7 - 12", "pod-8"),
        (one, Made(), f"{REKOR1} - 12", "pod-7"),
        (two, Made(kind="dsse 0.0.2"), "pod-7 - 12", "pod-7"),
    ):
        document = made.document()
        root = entry_of(document)["inclusionProof"]["rootHash"]
        text = signed_text(log, f"{origin}\n9\n{root}\n").replace(f"— {log.host}", f"— {line}")
        envelope_of(document)["envelope"] = text
        refused("checkpoint", "did not sign this checkpoint", document)


def test_an_inclusion_proof_without_a_checkpoint_is_refused():
    for made in (Made(), Made(version=2), Made(kind="dsse 0.0.2")):
        refused("checkpoint", "no checkpoint", changed(made, without(*PROOF, "checkpoint")))
        empty = changed(made, put({"envelope": ""}, *PROOF, "checkpoint"))
        refused("checkpoint", "no checkpoint", empty)


def test_a_log_of_rekor_2_that_was_not_trusted_at_the_time_is_refused():
    root = world().root()
    root["tlogs"][1] = world().rekor2.instance(end=T - timedelta(seconds=1))
    refused("checkpoint", "was not trusted then", rekor_2().document(), root=root)


# -- 7. inclusion


@pytest.mark.parametrize("kind", ["dsse 0.0.2", "hashedrekord 0.0.2"])
@pytest.mark.parametrize("index", ["0", "6", None])
def test_an_entry_of_rekor_2_has_one_number(kind, index):
    document = changed(Made(kind=kind), put(index, *ENTRY, "logIndex"))
    refused("inclusion", "another than its proof's", document)


def other_tree(log, made):
    """A checkpoint that the log did sign, of another tree."""
    document = made.document()
    size, root, _ = log.prove(b"another body")
    envelope_of(document)["envelope"] = log.checkpoint(size, root)
    return document


@pytest.mark.parametrize(("made", "log"), [
    (Made(), world().rekor1), (Made(kind="dsse 0.0.2"), world().rekor2),
])  # fmt: skip
def test_a_checkpoint_of_another_tree_is_refused(made, log):
    refused("inclusion", "another tree", other_tree(log, made))


@pytest.mark.parametrize("made", [Made(), Made(kind="dsse 0.0.2"), Made(version=2)])
@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.update(rootHash=b64(bytes(32))),
        lambda p: p.update(treeSize="10"),
        lambda p: p.update(logIndex="4"),
        lambda p: p.update(logIndex="9"),
        lambda p: p["hashes"].pop(),
        lambda p: p["hashes"].append(b64(bytes(32))),
        lambda p: p["hashes"].reverse(),
        lambda p: p.update(hashes=[b64(bytes(32)), *p["hashes"][1:]]),
        lambda p: p.update(hashes=[b64(bytes(31)), *p["hashes"][1:]]),
        lambda p: p.update(hashes=[]),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(made, change):
    document = made.document()
    change(entry_of(document)["inclusionProof"])
    assert ask(document).steps[-1].name == "inclusion"
    assert ask(document).result == "failed"


def test_a_path_of_version_01_is_checked_even_without_a_checkpoint():
    document = Made(version=1).document()
    proof = entry_of(document)["inclusionProof"]
    del proof["checkpoint"]
    proof["hashes"].reverse()
    refused("inclusion", "leads to another root", document)


def test_a_certificate_without_a_log_entry_is_refused():
    made = Made(kind="", stamps=(lambda s: world().clock.token(s),))
    refused("inclusion", "no log holds this signature", made.document())


# -- 8. the entry


@pytest.mark.parametrize(("kind", "says"), [
    ("hashedrekord 0.0.1", "signature"), ("hashedrekord 0.0.2", "signature"),
    ("dsse 0.0.1", "signature"), ("dsse 0.0.2", "signature"), ("intoto 0.0.2", "signature"),
    ("intoto 0.0.1", "written another way"),
])  # fmt: skip
def test_an_entry_of_another_signing_by_the_same_key_is_refused(kind, says):
    """ECDSA signs the same bytes differently each time: CVE-2022-36056 is the worst of these."""
    made = Made(kind=kind, managed=True)
    one, two = made.document(), made.document()
    one[M]["tlogEntries"] = two[M]["tlogEntries"]
    one[M]["timestampVerificationData"] = None
    refused("entry", f", {says}" if says == "signature" else says, one, made=made)


@pytest.mark.parametrize("kind", ["hashedrekord 0.0.1", "dsse 0.0.1", "intoto 0.0.2"])
def test_an_entry_of_another_payload_is_refused(kind):
    other = {"name": "x", "digest": {"sha256": OTHER.digest("sha256").hex()}}
    one = Made(kind=kind).document()
    one[M]["tlogEntries"] = Made(kind=kind, subject=other).document()[M]["tlogEntries"]
    refused("entry", "of another signature", one)


@pytest.mark.parametrize("made", [HASHEDREKORD, MESSAGE_2])
def test_an_entry_of_another_file_is_refused(made):
    one = made.document()
    one[M]["tlogEntries"] = made.but(artifact=b"other").document()[M]["tlogEntries"]
    refused("entry", "of another signature", one)


@pytest.mark.parametrize("kind", [
    "hashedrekord 0.0.1", "dsse 0.0.1", "intoto 0.0.1", "intoto 0.0.2",
])  # fmt: skip
def test_an_entry_of_another_certificate_of_the_same_key_is_refused(kind):
    other = Made(identity="https://forge.example/evil").leaf()
    pem = other.public_bytes(Encoding.PEM)
    refused("entry", "key", Made(kind=kind, entry_pem=pem).document())
    key_alone = Made(kind=kind, entry_pem=pem_of(Made().key))
    refused("entry", "key", key_alone.document())
    managed = Made(kind=kind, managed=True, entry_pem=pem_of(NOBODY))
    refused("entry", "key", managed.document(), made=managed)


def test_an_entry_of_another_kind_than_it_says_is_refused():
    document = Made(kind="dsse 0.0.1").document()
    entry_of(document)["kindVersion"] = {"kind": "intoto", "version": "0.0.2"}
    refused("entry", "of another kind", document)


def test_an_entry_over_a_file_says_nothing_of_an_envelope():
    made = HASHEDREKORD
    document = made.document()
    statement_entry = Made(kind="dsse 0.0.1").document()[M]["tlogEntries"]
    document[M]["tlogEntries"] = statement_entry
    refused("entry", "of another signature", document)


def with_body(made, change):
    """A bundle whose log did take a changed body."""
    document = made.document()
    entry, log = entry_of(document), world().rekor2 if made.is_v2 else world().rekor1
    body = json.loads(base64.b64decode(entry["canonicalizedBody"]))
    change(body)
    written = json.dumps(body).encode()
    size, root, path = log.prove(written)
    entry["canonicalizedBody"] = b64(written)
    entry["inclusionProof"] |= {
        "rootHash": b64(root), "hashes": [b64(h) for h in path],
        "checkpoint": {"envelope": log.checkpoint(size, root)},
    }  # fmt: skip
    if not made.is_v2:
        entry["inclusionPromise"] = {"signedEntryTimestamp": b64(promise(log, entry))}
    return document


ZEROS = "00" * 32
V2 = ("hashedRekordV002", "dsseV002")


def in_v2(body):
    return next(body["spec"][key] for key in V2 if key in body["spec"])


@pytest.mark.parametrize(
    ("made", "change", "says"),
    [
        (Made(), lambda b: b.pop("spec"), "spec"),
        (Made(), lambda b: b["spec"].pop("payloadHash"), "payloadHash"),
        (Made(), lambda b: b["spec"]["payloadHash"].update(value=ZEROS), "payloadHash"),
        (Made(kind="intoto 0.0.1"),
         lambda b: b["spec"]["content"]["payloadHash"].update(value=ZEROS), "payloadHash"),
        (Made(kind="intoto 0.0.2"),
         lambda b: b["spec"]["content"]["payloadHash"].update(value=ZEROS), "payloadHash"),
        (Made(kind="dsse 0.0.2"),
         lambda b: in_v2(b)["payloadHash"].update(digest=b64(bytes(32))), "payloadHash"),
        (HASHEDREKORD, lambda b: b["spec"]["data"]["hash"].update(value=ZEROS), "data.hash"),
        (Made(kind="hashedrekord 0.0.1"),
         lambda b: b["spec"]["data"]["hash"].update(value=ZEROS), "data.hash"),
        (MESSAGE_2, lambda b: in_v2(b)["data"].update(digest=b64(bytes(32))), "V002.data"),
        (rekor_2(), lambda b: in_v2(b)["data"].update(digest=b64(bytes(32))), "V002.data"),
        (MESSAGE_2, lambda b: in_v2(b)["data"].update(algorithm="SHA1"), "digest algorithm"),
        (MESSAGE_2, lambda b: in_v2(b)["signature"]["verifier"].update(
            x509Certificate={"rawBytes": "AAAA"}), "key"),
        (MESSAGE_2, lambda b: in_v2(b)["signature"]["verifier"].pop("x509Certificate"), "exactly"),
        (Made(), lambda b: b["spec"]["payloadHash"].update(algorithm="sha1"), "not read here"),
        (Made(), lambda b: b["spec"]["payloadHash"].update(value="zz"), "not a digest in hex"),
        (Made(), lambda b: b["spec"].update(signatures=[]), "several signatures, or none"),
        (Made(), lambda b: b["spec"]["signatures"].append({}), "several signatures, or none"),
        (Made(), lambda b: b["spec"]["signatures"][0].update(verifier="AAAA"), "no PEM"),
        (Made(), lambda b: b["spec"]["signatures"][0].pop("verifier"), "verifier"),
        (HASHEDREKORD, lambda b: b["spec"]["data"]["hash"].update(algorithm="md5"), "not read"),
        (HASHEDREKORD, lambda b: b["spec"]["data"]["hash"].update(algorithm="sha512"), "another"),
        (HASHEDREKORD, lambda b: b["spec"]["signature"].pop("publicKey"), "publicKey"),
        (
            Made(kind="intoto 0.0.2"),
            lambda b: b["spec"]["content"]["envelope"].update(payloadType="x"),
            "payloadType",
        ),
        (Made(kind="intoto 0.0.1"), lambda b: b["spec"]["content"]["hash"].update(value="00"),
         "written another way"),
    ],
)  # fmt: skip
def test_a_logged_body_that_says_something_else_is_refused(made, change, says):
    proven(with_body(made, lambda b: None))
    refused("entry", says, with_body(made, change))


# -- 9. the certificate


def test_a_certificate_that_was_not_valid_at_the_time_is_refused():
    late = Made(start=T + timedelta(seconds=1), end=T + MINUTES)
    refused("certificate", "was not valid when", late.document())
    gone = Made(start=T - MINUTES, end=T - timedelta(seconds=1))
    refused("certificate", "was not valid when", gone.document())


def test_every_time_must_be_inside_the_certificate():
    after = lambda s: world().clock.token(s, at=T + timedelta(hours=1))  # noqa: E731
    inside = lambda s: world().clock.token(s, at=T)  # noqa: E731
    for stamps in ((after,), (inside, after), (after, inside)):
        refused("certificate", "was not valid when", Made(
            kind="hashedrekord 0.0.2", stamps=stamps
        ).document())  # fmt: skip
    # A log's promise does not make up for a timestamp outside, nor the other way round.
    refused("certificate", "was not valid when", Made(stamps=(after,)).document())
    early = Made(at=T + timedelta(hours=1), stamps=(inside,))
    refused("certificate", "was not valid when", early.document())


def test_a_certificate_by_an_authority_that_the_root_does_not_name_is_refused():
    stranger = Authority("stranger")
    refused("certificate", "no authority", Made(authority=stranger).document())
    double = Authority("double", intermediate_name="fulcio intermediate")
    refused("certificate", "no authority", Made(authority=double).document())
    root = world().root()
    root["certificateAuthorities"] = []
    refused("certificate", "no authority", Made().document(), root=root)


def test_a_chain_that_the_bundle_brings_makes_no_authority():
    stranger = Authority("stranger")
    document = Made(version=1, authority=stranger).document()
    chain = document[M]["x509CertificateChain"]["certificates"]
    chain += [{"rawBytes": b64(der_of(c))} for c in stranger.chain]
    refused("certificate", "no authority", document)


@pytest.mark.parametrize(("start", "end"), [
    (T + timedelta(seconds=1), None), (T - MINUTES, T - timedelta(seconds=1)),
])  # fmt: skip
def test_an_authority_outside_its_window_is_refused(start, end):
    root = world().root()
    root["certificateAuthorities"] = [
        authority_instance("https://fulcio.example", world().fulcio.chain, start, end)
    ]
    refused("certificate", "was not trusted when", Made().document(), root=root)


def test_an_authority_without_a_start_is_never_believed():
    root = world().root()
    del root["certificateAuthorities"][0]["validFor"]["start"]
    refused("certificate", "validFor.start", Made().document(), root=root)


@pytest.mark.parametrize(
    ("authority", "says"),
    [
        (Authority("expired", intermediate_end=T - timedelta(seconds=1)), "was not trusted when"),
        (Authority("all expired", end=T - timedelta(seconds=1)), "was not trusted when"),
        (Authority("no ca", intermediate_is_ca=False), "may not issue"),
        (Authority("clock", eku=ExtendedKeyUsageOID.TIME_STAMPING), "for another purpose"),
    ],
)
def test_an_authority_that_may_not_issue_is_refused(authority, says):
    root = world().root()
    root["certificateAuthorities"] = [authority_instance("https://a.example", authority.chain)]
    refused("certificate", says, Made(authority=authority).document(), root=root)


def test_a_chain_whose_links_do_not_hold_is_not_believed():
    one, two, root = Authority("one"), Authority("two"), world().root()
    root["certificateAuthorities"] = [
        authority_instance("https://a.example", [one.intermediate, two.root])
    ]
    refused("certificate", "not issued by the one above", Made(authority=one).document(), root=root)


def test_a_path_longer_than_its_authority_allows_is_not_believed():
    deep, root = Authority("deep", path=0), world().root()
    lower = Authority("lower")
    from tests.sigstore_world import ca_extensions, certificate

    under = certificate(
        lower.name, lower.key, deep.name, deep.key, start=T - timedelta(days=9),
        end=T + timedelta(days=9), extensions=ca_extensions(path=0),
    )  # fmt: skip
    root["certificateAuthorities"] = [authority_instance("https://a.example", [under, *deep.chain])]
    refused("certificate", "longer than its authority", Made(authority=lower).document(), root=root)


@pytest.mark.parametrize("critical", [True, False])
def test_an_authority_for_some_names_only_is_not_believed(critical):
    above, lower, root = Authority("above", path=1), Authority("lower"), world().root()
    from tests.sigstore_world import ca_extensions, certificate

    only = x509.NameConstraints([x509.UniformResourceIdentifier("other.example")], None)
    under = certificate(
        lower.name, lower.key, above.name, above.key, start=T - timedelta(days=9),
        end=T + timedelta(days=9), extensions=[*ca_extensions(path=0), (only, critical)],
    )  # fmt: skip
    root["certificateAuthorities"] = [authority_instance("https://a", [under, *above.chain])]
    says = "critical extension" if critical else "for some names only"
    refused("certificate", says, Made(authority=lower).document(), root=root)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (Made(ca=True), "an authority's, not a signer's"),
        (Made(usage=False), "may not sign"),
        (Made(usage="certificates"), "may sign certificates"),
        (Made(eku=ExtendedKeyUsageOID.SERVER_AUTH), "not for signing code"),
        (Made(eku=None), "not for signing code"),
        (Made(sct="none"), "shown to no log"),
        (Made(sct="other log"), "does not name"),
        (Made(sct="other key"), "did not sign this certificate's SCT"),
        (Made(sct="other issuer"), "did not sign this certificate's SCT"),
        (Made(sct="other certificate"), "did not sign this certificate's SCT"),
    ],
)
def test_a_certificate_that_is_no_signers_or_was_not_seen_is_refused(made, says):
    refused("certificate", says, made.document())


def test_a_certificate_log_must_be_in_the_root_and_in_its_window():
    root = world().root()
    root["ctlogs"] = []
    refused("certificate", "does not name", Made().document(), root=root)
    root["ctlogs"] = [world().ct.instance(end=T - MINUTES)]
    refused("certificate", "was not trusted then", Made().document(), root=root)
    root["ctlogs"] = [world().ct.instance(start=T)]
    refused("certificate", "was not trusted then", Made().document(), root=root)
    del root["ctlogs"][0]["publicKey"]["validFor"]["start"]
    refused("certificate", "validFor.start", Made().document(), root=root)
    other = Log("ct.example", a_key("p256", "other ct"), origin="", log_id=world().ct.id)
    root["ctlogs"] = [other.instance()]
    refused("certificate", "did not sign this certificate's SCT", Made().document(), root=root)


# -- 10. the identity


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"identity": IDENTITY + "x"}, "somebody else signed"),
        ({"identity": IDENTITY.upper()}, "somebody else signed"),
        ({"identity": IDENTITY.rpartition("@")[0]}, "somebody else signed"),
        ({"identity": ""}, "somebody else signed"),
        ({"issuer": ISSUER + "/"}, "somebody else vouched"),
        ({"issuer": ISSUER.removeprefix("https://")}, "somebody else vouched"),
        ({"issuer": IDENTITY, "identity": None}, "somebody else vouched"),
    ],
)
def test_somebody_else_is_refused(asked, says):
    refused("identity", says, Made().document(), **asked)


def test_the_older_issuer_does_not_count_where_the_newer_is():
    made = Made(issuer="https://other.example", issuer_v1=ISSUER)
    refused("identity", "somebody else vouched", made.document())


def test_a_certificate_without_an_issuer_satisfies_no_issuer():
    refused("identity", "somebody else vouched", Made(issuer=None).document())


def test_a_certificate_that_names_nobody_is_refused():
    refused("identity", "names nobody", Made(identity=None).document(), identity=None)


@pytest.mark.parametrize("name", [
    x509.DNSName("signer.example"),
    x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), utf8("signer.example")),
])  # fmt: skip
def test_the_name_of_a_host_or_of_another_system_is_no_signers(name):
    made = Made(identity=(name, "https://a.example/x"))
    refused("identity", "somebody else signed", made.document(), identity="signer.example")
    refused("identity", "names nobody", Made(identity=(name,)).document(), identity=None)


# -- documents of several


def test_one_that_fails_makes_the_document_fail():
    bad = pep740(Made(start=T + timedelta(seconds=9)).document())
    for attestations in ([pep740(Made().document()), bad], [bad, pep740(Made().document())]):
        refused("certificate", "was not valid when", {"version": 1, "attestation_bundles": [
            {"publisher": {"kind": "x"}, "attestations": attestations}
        ]})  # fmt: skip


def test_an_npm_document_needs_its_registrys_key():
    managed = Made(managed=True)
    document = npm(managed.document(), Made().document())
    refused("key", "only hints at", document)
    key = PublicKey(spki_of(managed.key))
    refused("identity", "somebody else signed", document, key=key, identity="x")


def test_a_document_that_claims_another_predicate_is_refused():
    document = npm(Made().document())
    document["attestations"][0]["predicateType"] = "https://box.example/other/v1"
    refused("content", "claims another predicate", document)


def test_a_pep_740_attestation_of_another_version_is_refused():
    refused("bundle", "not a version of PEP 740", pep740(Made().document()) | {"version": 2})


def test_a_bare_envelope_proves_nothing_without_a_key():
    refused("key", "only hints at", Made(managed=True).document()["dsseEnvelope"])


def test_a_bare_envelope_by_another_key_is_refused():
    made = Made(managed=True)
    envelope = made.document()["dsseEnvelope"]
    refused("content", "not signed by this key", envelope, key=PublicKey(spki_of(NOBODY)),
            identity=None, issuer=None)  # fmt: skip
