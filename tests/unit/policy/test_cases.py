"""A policy's own tests, and the ready policies: each says yes and no where it should."""

import json

import pytest
import yaml

from wherefrom.errors import LimitPassed, Malformed, NotFound, SettingError
from wherefrom.formats import policy as policies
from wherefrom.policy import cases
from wherefrom.policy.cases import Case, dossier_of
from wherefrom.policy.checks import Case as Judged
from wherefrom.policy.conditions import input_of
from wherefrom.policy.decide import decide
from wherefrom.policy.ready import READY, files_of

AT = "2026-01-01T00:00:00.000000Z"
KEY, OTHER, THIRD = ("k:" + c * 32 for c in "abc")
ARTIFACT = "sha256:" + "1" * 64
GITHUB = "https://token.actions.githubusercontent.com"
GENERATOR = ("https://github.com/slsa-framework/slsa-github-generator/.github/workflows/"
             "generator_generic_slsa3.yml@refs/tags/v2.0.0")  # fmt: skip
SETTINGS = {"approver": OTHER, "builder": "https://ci.example", "signer": KEY}


def built(builder, signers=(), **keyless):
    return {
        "kind": "provenance", "type": "https://slsa.dev/provenance/v1", "signers": list(signers),
        **({"trust": "keyless", **keyless} if keyless else {}),
        "predicate": {
            "buildDefinition": {
                "buildType": "t",
                "externalParameters": {"source": "git+https://github.com/acme/shop@v1"},
            },
            "runDetails": {"builder": {"id": builder}},
        },
    }  # fmt: skip


OWN = built("https://ci.example", [KEY])
SBOM = {"kind": "sbom", "type": "application/vnd.cyclonedx+json", "signers": [KEY]}
SCAN = {"kind": "scan", "type": "https://in-toto.io/attestation/vulns/v0.2", "signers": [KEY]}
TESTED = {"kind": "test", "signers": [KEY], "properties": {"result": "PASSED"},
          "type": "https://in-toto.io/attestation/test-result/v0.1"}  # fmt: skip


def approved(by):
    return {"kind": "approval", "type": "urn:wherefrom:approval:v1", "signers": [by],
            "predicate": {"decision": "approved", "at": AT}}  # fmt: skip


def stated(kind, **said):
    return {"type": f"urn:wherefrom:{kind}:v1", "signers": [KEY], "predicate": said}


GOOD = {
    "slsa-1": {"evidence": [OWN]},
    "slsa-2": {"evidence": [built("https://github.com/actions/runner/github-hosted", issuer=GITHUB,
                                  identity="https://github.com/acme/shop/x.yml@main")]},
    "slsa-3": {"evidence": [built(GENERATOR, issuer=GITHUB, identity=GENERATOR)]},
    "sbom": {"evidence": [SBOM]},
    "vulnerabilities": {"evidence": [SCAN]},
    "tests": {"evidence": [TESTED]},
    "four-eyes": {"evidence": [OWN, approved(OTHER), approved(THIRD)]},
    "reproducible": {"evidence": [stated("rebuild", result="reproduced")]},
    "canary": {"evidence": [stated("canary", verdict="pass")]},
    "training-data": {"upstream": [{"id": "dataset:a:b", "properties": {"label": ["fresh"]}}]},
    "production": {"evidence": [OWN, SBOM, SCAN, TESTED, approved(OTHER)]},
}  # fmt: skip
BAD = {
    "slsa-1": {"evidence": [{**OWN, "trust": "channel"}]},
    "slsa-2": {"evidence": [built("https://github.com/actions/runner/github-hosted", [KEY])]},
    "slsa-3": {"evidence": [built(GENERATOR, issuer=GITHUB,
                                  identity="https://github.com/evil/shop/x.yml@main")]},
    "sbom": {"evidence": [{**SBOM, "trust": "channel"}]},
    "vulnerabilities": {"evidence": [SCAN], "vulnerabilities": [
        {"vulnerability": "CVE-2026-1", "severity": "critical"}]},
    "tests": {"evidence": [{**TESTED, "properties": {"result": "FAILED"}}]},
    "four-eyes": {"evidence": [OWN, approved(KEY), approved(OTHER)]},
    "reproducible": {"evidence": [stated("rebuild", result="differs")]},
    "canary": {"evidence": [stated("canary", verdict="fail")]},
    "training-data": {"upstream": [{"id": "dataset:a:b", "properties": {"label": ["deprecated"]}}]},
    "production": {"evidence": [OWN, SBOM, TESTED, approved(OTHER)]},
}  # fmt: skip


def ready(name):
    takes = READY[name].takes
    files = files_of(name, {key: value for key, value in SETTINGS.items() if key in takes})
    policy = policies.read(files["policy.yaml"].encode(), where="policy.yaml")
    return policy, files


def said_of(policy, document):
    case = Case(name="c", allowed=True, input={"artifact": ARTIFACT, **document})
    return decide(policy, dossier_of(case, where="c"), environment="", at=AT)


@pytest.mark.parametrize("name", READY)
def test_a_ready_policy_lets_in_what_is_good_and_nothing_else(name):
    policy, files = ready(name)
    assert policy.name == name
    verdict = said_of(policy, GOOD[name])
    assert verdict.allowed, verdict.reasons
    verdict = said_of(policy, BAD[name])
    assert not verdict.allowed
    assert all(one.remedy for one in verdict.reasons if not one.ok)
    assert not said_of(policy, {}).allowed
    (only,) = cases.read(files["tests/cases.yaml"].encode(), where="cases.yaml")
    verdict = decide(policy, dossier_of(only, where="c"), environment="", at=AT)
    assert cases.outcome(only, verdict, file="cases.yaml").ok


@pytest.mark.parametrize("name", ["slsa-3", "production"])
def test_a_setting_that_is_not_given_leaves_nothing_of_itself(name):
    needs = {key: SETTINGS[key] for key in READY[name].needs}
    text = files_of(name, needs)["policy.yaml"]
    assert "$" not in text
    assert "ci.example" not in text
    assert len(policies.read(text.encode(), where="p").rules[0].builders) == 3


@pytest.mark.parametrize(
    ("name", "settings", "error"),
    [
        ("nothing", {}, NotFound), ("sbom", {"builder": "x"}, SettingError),
        ("production", {}, SettingError), ("slsa-3", {"builder": "x"}, SettingError),
    ],
)  # fmt: skip
def test_a_ready_policy_that_cannot_be_made_says_why(name, settings, error):
    with pytest.raises(error):
        files_of(name, settings)


def test_a_setting_stays_text_whatever_is_in_it():
    hostile = 'x"}]\n  - name: evil # \\'
    text = files_of("slsa-1", {"source": hostile.replace("\n", " ")})["policy.yaml"]
    (rule,) = policies.read(text.encode(), where="p").rules
    assert rule.sources == (hostile.replace("\n", " "),)


def test_what_explain_prints_is_a_case():
    policy, _ = ready("production")
    document = {**GOOD["production"], "vulnerabilities": [
        {"vulnerability": "CVE-2026-1", "severity": "critical"},
        {"vulnerability": "CVE-2026-1", "status": "not_affected", "kind": "vex"}]}  # fmt: skip
    case = Case(name="c", allowed=True, input={"artifact": ARTIFACT, **document}, at=AT)
    told = dossier_of(case, where="c")
    printed = json.loads(json.dumps(input_of(Judged(told, "", 1_767_225_600_000_000))))
    again = dossier_of(Case(name="c", allowed=True, input=printed, at=AT), where="c")
    assert again == told
    first, second = (decide(policy, one, environment="", at=AT) for one in (told, again))
    assert first == second


def read(document):
    return cases.read(yaml.safe_dump(document).encode(), where="cases.yaml")


INPUT = {"artifact": ARTIFACT}


@pytest.mark.parametrize(
    "document",
    [
        {}, {"cases": "x"}, {"cases": [{"name": "a"}]}, {"cases": [], "more": 1},
        {"cases": [{"name": "a", "allowed": True}]},
        {"cases": [{"name": "a", "allowed": True, "input": INPUT, "records": ["x"]}]},
        {"cases": [{"name": "a", "allowed": True, "records": ["x"]}]},
        {"cases": [{"name": "a", "allowed": "perhaps", "input": INPUT}]},
    ],
)  # fmt: skip
def test_cases_that_say_nothing_are_refused(document):
    with pytest.raises(Malformed):
        read(document)


def test_a_file_without_cases_is_no_test():
    with pytest.raises(LimitPassed):
        read({"cases": []})


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"artifact": 1}, {"artifact": ARTIFACT, "evidence": {}},
        {"artifact": ARTIFACT, "evidence": [{"trust": 7}]},
        {"artifact": ARTIFACT, "vulnerabilities": [{}]},
    ],
)  # fmt: skip
def test_an_input_of_another_shape_is_refused(wrong):
    (case,) = read({"cases": [{"name": "a", "allowed": True, "input": wrong}]})
    with pytest.raises(Malformed):
        dossier_of(case, where="c")


def test_a_case_that_the_policy_does_not_meet_says_where():
    policy, _ = ready("production")
    document = {"artifact": ARTIFACT, **BAD["production"]}
    case = Case(name="c", allowed=True, input=document, rules={"tests": False, "nope": True})
    verdict = decide(policy, dossier_of(case, where="c"), environment="", at=AT)
    found = cases.outcome(case, verdict, file="f")
    assert not found.ok
    assert [wrong.partition(":")[0] for wrong in found.wrong] == [
        "denied", "tests holds", "no rule nope was asked there",
    ]  # fmt: skip
