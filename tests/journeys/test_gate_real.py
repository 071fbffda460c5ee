"""Policies over real evidence: what public builders, npm and verifiers signed goes in.

Each case is a policy's own test (``rehearse``): the files are recorded in a log made for them.
"""

import base64
import contextlib
import json

import pytest
import yaml

from tests.paths import DATA
from wherefrom.errors import Malformed
from wherefrom.formats import policy as policies
from wherefrom.policy.ready import files_of
from wherefrom.rehearse import rehearse

SUPPLY = DATA / "supply"
GHA = SUPPLY / "slsa-verifier/cli/slsa-verifier/testdata"
ROOT = SUPPLY / "root-signing/targets/trusted_root.json"
GITHUB = "https://token.actions.githubusercontent.com"
BCR = "https://github.com/bazel-contrib/publish-to-bcr/.github/workflows/publish.yaml@refs/tags/*"
GENERIC = GHA / "gha_generic/v2.1.0/binary-linux-amd64-push-v14.2.intoto.jsonl"
GO = GHA / "gha_go/v2.1.0/binary-linux-amd64-push-v14.2.intoto.jsonl"
GRADLE = GHA / "gha_gradle/v2.1.0/binary-linux-amd64-push-v14.2.build.slsa"
CONTAINER = sorted((GHA / "gha_container-based/v2.1.0").glob("*14.2*.slsa"))[0]
WRONG_SIGNER = GHA / "bcr/MODULE-wrong-signer.bazel.intoto.jsonl"
UNTRUSTED = GHA / "binary-linux-amd64-untrusted-builder.intoto.jsonl"
VSA = GHA / "vsa/gce/v1/gke-gce-pre.bcid-vsa.jsonl"
VSA_KEY = VSA.parent / "vsa_signing_public_key.pem"


def subject_of(file):
    document = json.loads(file.read_text().splitlines()[0])
    envelope = document.get("dsseEnvelope", document)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    digest = statement["subject"][0]["digest"]
    return "sha256:" + (digest.get("sha256") or digest["sha512"])


def said(tmp_path, policy, records, *, artifact=None, root=ROOT, trust=()):
    """What a policy's only rule says of the first subject of the first record."""
    case = {
        "name": "case",
        "artifact": artifact or subject_of(records[0]),
        "records": [str(one) for one in records],
        "trust": [str(one) for one in trust],
        "at": "2026-11-26T00:00:00Z",
        "allowed": True,
        **({"trusted_root": str(root)} if root else {}),
    }
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump({"cases": [case]}))
    (outcome,) = rehearse(policy, [file])
    return outcome


def provenance(*builders, **more):
    rule = {"name": "built", "needs": "provenance", "builders": list(builders), **more}
    return policies.parse({"name": "p", "version": "1", "rules": [rule]}, where="p")


def slsa(level, **settings):
    text = files_of(f"slsa-{level}", settings)["policy.yaml"]
    return policies.read(text.encode(), where="policy.yaml")


@pytest.mark.parametrize("file", [GENERIC, GO, GRADLE, CONTAINER], ids=lambda file: file.name[:40])
def test_what_a_public_hardened_builder_signed_reaches_level_3(tmp_path, file):
    outcome = said(tmp_path, slsa(3), [file])
    assert outcome.ok, outcome.wrong
    ours = slsa(3, source="git+https://github.com/slsa-framework/example-package*")
    outcome = said(tmp_path, ours, [file])
    assert outcome.ok, outcome.wrong


@pytest.mark.parametrize(
    ("policy", "file", "says"),
    [
        (slsa(3, source="git+https://github.com/acme/*"), GENERIC, "it was built of git+https"),
        (slsa(3), GHA / "bcr/MODULE.bazel.intoto.jsonl", "may not build it"),
        (slsa(2), UNTRUSTED, "nobody known signed it"),
        (slsa(3), GHA / "binary-linux-amd64-no-tlog-upload.intoto.jsonl", "nobody known"),
        (slsa(3), GHA / "binary-linux-amd64-expired-cert.intoto.jsonl", "nobody known"),
    ],
)
def test_another_builder_or_source_does_not(tmp_path, policy, file, says):
    outcome = said(tmp_path, policy, [file])
    assert says in " ".join(outcome.wrong)


def test_without_a_trusted_root_nobody_is_known(tmp_path):
    outcome = said(tmp_path, slsa(3), [GENERIC], root=None)
    assert "nobody known signed it" in " ".join(outcome.wrong)


def test_a_provenance_says_nothing_of_another_artifact(tmp_path):
    outcome = said(tmp_path, slsa(3), [GENERIC], artifact=subject_of(GO))
    assert "nothing says how it was built" in " ".join(outcome.wrong)


def test_who_names_a_builder_but_is_another_is_found_out(tmp_path):
    bcr = provenance({"id": BCR, "by": [{"identity": BCR, "issuer": GITHUB}]})
    assert said(tmp_path, bcr, [GHA / "bcr/MODULE.bazel.intoto.jsonl"]).ok
    outcome = said(tmp_path, bcr, [WRONG_SIGNER])
    assert "none of those who sign for" in " ".join(outcome.wrong)
    # One good record is enough; the bad one beside it changes nothing.
    assert said(tmp_path, bcr, [GHA / "bcr/MODULE.bazel.intoto.jsonl", WRONG_SIGNER]).ok
    # A policy that names builders and nobody who signs for them believes each who is known.
    assert said(tmp_path, provenance({"id": BCR}), [WRONG_SIGNER]).ok


NPM = GHA / "npm/gha"
# By the file of the registry's reply: what the package was built of, whether the log knows who
# signed it. Broken copies are refused at the door.
PACKAGES = {
    "gundam-visor-cli-v1-tag.tgz.json": "git+https://github.com/ramonpetgrave64/*",
    "provenance-npm-test-cli-v1-prega.tgz.json": "git+https://github.com/sigstore/sigstore-js*",
    "provenance-npm-test-ossf.tgz.json": "git+https://github.com/laurentsimon/*",
    "supreme-googles-cli-v02-tag.tgz.json": "git+https://github.com/trishankatdatadog/*",
}


def provenance_in(file, tmp_path):
    """The bundle with the provenance in a reply of npm's, and its subject."""
    for one in json.loads(file.read_text())["attestations"]:
        if one["predicateType"].startswith("https://slsa.dev/provenance"):
            statement = json.loads(base64.b64decode(one["bundle"]["dsseEnvelope"]["payload"]))
            out = tmp_path / "bundle.json"
            out.write_text(json.dumps(one["bundle"]))
            return out, f"sha512:{statement['subject'][0]['digest']['sha512']}"
    raise AssertionError(file)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_of_npm_goes_in_by_its_own_provenance(tmp_path, name):
    bundle, artifact = provenance_in(NPM / name, tmp_path)
    level = 3 if "ossf" in name else 2
    outcome = said(tmp_path, slsa(level), [bundle], artifact=artifact)
    assert outcome.ok, outcome.wrong
    assert said(tmp_path, slsa(level, source=PACKAGES[name]), [bundle], artifact=artifact).ok
    other = slsa(level, source="git+https://github.com/acme/*")
    assert not said(tmp_path, other, [bundle], artifact=artifact).ok
    if level == 2:
        outcome = said(tmp_path, slsa(3), [bundle], artifact=artifact)
        assert "reaches level 2" in " ".join(outcome.wrong)


@pytest.mark.parametrize("name", sorted(one.name for one in NPM.glob("*-invalidsigprov.tgz.json")))
def test_a_provenance_that_was_tampered_with_lets_no_package_in(tmp_path, name):
    bundle, artifact = provenance_in(NPM / name, tmp_path)
    outcome = None
    with contextlib.suppress(Malformed):  # the door refuses a signature that fails
        outcome = said(tmp_path, slsa(2), [bundle], artifact=artifact)
    assert outcome is None or not outcome.ok


def vsa_policy(**more):
    verifier = {"id": "https://bcid.corp.google.com/verifier/bcid_package_enforcer/*"}
    rule = {"name": "v", "needs": "vsa", "verifiers": [verifier], **more}
    return policies.parse({"name": "p", "version": "1", "rules": [rule]}, where="p")


def vsa_subject():
    envelope = json.loads(VSA.read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    ((algorithm, digits), *_) = statement["subject"][0]["digest"].items()
    return f"{algorithm}:{digits}"


@pytest.mark.parametrize(
    ("more", "trust", "says"),
    [
        ({"levels": ["SLSA_BUILD_LEVEL_2", "BCID_L1"]}, [VSA_KEY], None),
        ({"levels": ["SLSA_BUILD_LEVEL_1"]}, [VSA_KEY], None),
        ({"levels": ["SLSA_BUILD_LEVEL_3"]}, [VSA_KEY], "it does not say SLSA_BUILD_LEVEL_3"),
        ({}, [], "none of those who sign"),
        ({"by": [{"key": "k:" + "0" * 32}]}, [VSA_KEY], "none of those who sign"),
        ({"within": "1d"}, [VSA_KEY], "it is older than 1d"),
        ({"resource": "gce_image://elsewhere*"}, [VSA_KEY], "it is about gce_image"),
    ],
)
def test_the_summary_of_another_verifier_counts_as_the_policy_says(tmp_path, more, trust, says):
    outcome = said(tmp_path, vsa_policy(**more), [VSA], artifact=vsa_subject(), trust=trust)
    assert outcome.ok is (says is None), outcome.wrong
    assert says is None or says in " ".join(outcome.wrong)


MODELS = SUPPLY / "model-transparency/scripts/tests"


@pytest.mark.parametrize(
    ("version", "ok"), [("v1.0.0-sigstore", True), ("v1.0.0-certificate", False)]
)
def test_a_model_that_sigstore_vouches_for_is_signed_by_somebody_known(tmp_path, version, ok):
    rule = {"name": "signed", "needs": "statement", "type": "https://model_signing/*"}
    policy = policies.parse({"name": "p", "version": "1", "rules": [rule]}, where="p")
    outcome = said(tmp_path, policy, [MODELS / version / "model.sig"])
    assert outcome.ok is ok, outcome.wrong
