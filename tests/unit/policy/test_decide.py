"""Policies over the corner shop: what is proven goes in, what is not does not, and why."""

import json

import pytest

from wherefrom.app import DataFolder, fold_views, open_log, open_recorder
from wherefrom.cli.up import load_sample
from wherefrom.collect.principals import local
from wherefrom.formats import policy as policies
from wherefrom.policy.builds import is_source
from wherefrom.policy.decide import decide
from wherefrom.query.dossier import dossier, survey
from wherefrom.sample.signed import digest
from wherefrom.sample.supply import BUILDER, CHECKER
from wherefrom.views.graph import GraphReader

AT = "2026-11-26T12:00:00.000000Z"
TILL = f"sha256:{digest('till 1.1.0')}"
TILL_AMD64 = f"sha256:{digest('till 1.1.0 amd64')}"
HOTFIX = f"sha256:{digest('till hotfix')}"
EVIL = "sha256:" + "e" * 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = DataFolder(tmp_path_factory.mktemp("policy") / "d")
    folder.create()
    load_sample(folder)
    return folder


def judged(folder, artifact, *rules, environment="prod", at=AT, **more):
    policy = policies.parse(
        {"name": "p", "version": "1", "rules": list(rules), **more}, where="policy"
    )
    log = open_log(folder)
    fold_views(folder, log)
    with GraphReader(folder.graph_path).snapshot() as graph:
        looked = survey(graph, graph.lens(), artifact, also=[policy.digest])
        told = dossier(graph, graph.lens(), looked, lambda entry: log.record(entry).content)
    return decide(policy, told, environment=environment, at=at)


def one(folder, artifact, rule, **more):
    verdict = judged(folder, artifact, {"name": "r", **rule}, **more)
    (found,) = verdict.reasons
    assert verdict.allowed is found.ok
    return found


BUILT = {"needs": "provenance", "builders": [{"id": BUILDER, "level": 3}], "level": 3}
LINKED = [TILL, TILL_AMD64]


@pytest.mark.parametrize("artifact", LINKED)
@pytest.mark.parametrize(
    "rule",
    [
        BUILT,
        {"needs": "provenance", "sources": ["git+https://git.corner-shop.example/*"]},
        {"needs": "provenance", "parameters": {"target": "release"}},
        {"needs": "sbom"},
        {"needs": "vsa", "verifiers": [{"id": CHECKER}], "levels": ["SLSA_BUILD_LEVEL_1"]},
        {"needs": "lineage", "forbid": [{"property": "label", "equals": "deprecated"}]},
        {"needs": "cel", "expression": "input.provenance.exists(p, p.trusted)"},
        {"needs": "cel", "expression": "input.sboms.all(s, s.trust == 'signed')"},
    ],
)
def test_what_is_proven_holds_for_an_image_and_each_of_its_platforms(folder, artifact, rule):
    found = one(folder, artifact, rule)
    assert found.ok, found
    assert found.entries
    assert found.remedy == ""


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (BUILT, "nobody known signed it"),
        ({**BUILT, "trust": "channel"}, "laptop may not build it"),
        ({"needs": "sbom"}, "nothing says what is inside it"),
        ({"needs": "vsa", "verifiers": [{"id": CHECKER}]}, "nobody verified it"),
        ({"needs": "vulnerabilities"}, "it was never scanned"),
        ({"needs": "tests"}, "not tested enough"),
        ({"needs": "approvals", "count": 2}, "approved by 0 of 2"),
        ({"needs": "release"}, "nothing says which release it is of"),
        ({"needs": "cel", "expression": "size(input.sboms) > 0"}, "its condition is false"),
        ({"needs": "cel", "expression": "input.nothing == 1"}, "its condition cannot be told"),
        ({"needs": "cel", "expression": "1 + 1"}, "neither true nor false"),
        ({"needs": "cel", "expression": "input."}, "its condition cannot be told"),
    ],
)
def test_what_is_not_proven_does_not_go_in_and_it_is_said_what_to_do(folder, rule, says):
    found = one(folder, HOTFIX, rule)
    assert not found.ok
    assert says in found.says
    assert found.remedy


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({**BUILT, "level": 3, "builders": [{"id": BUILDER, "level": 2}]}, "reaches level 2"),
        ({**BUILT, "builders": [{"id": BUILDER, "level": 3, "by": [{"key": "k:" + "0" * 32}]}]},
         "none of those who sign for"),
        ({"needs": "provenance", "by": [{"key": "k:" + "0" * 32}]}, "none of those who may"),
        ({"needs": "provenance", "within": "1d"}, "it is older than 1d"),
        ({"needs": "provenance", "sources": ["git+https://elsewhere/*"]}, "it was built of"),
        ({"needs": "provenance", "build_types": ["x"]}, "it was built as"),
        ({"needs": "provenance", "parameters": {"target": "debug"}}, "its parameter target"),
        ({"needs": "provenance", "parameters": {"missing": "x"}}, "its parameter missing is None"),
        ({"needs": "vsa", "verifiers": [{"id": "https://other"}]}, "no verifier that counts"),
        ({"needs": "vsa", "verifiers": [{"id": CHECKER}], "levels": ["SLSA_BUILD_LEVEL_3"]},
         "it does not say SLSA_BUILD_LEVEL_3"),
        ({"needs": "vsa", "verifiers": [{"id": CHECKER, "by": [{"key": "k:" + "0" * 32}]}]},
         "none of those who sign for"),
        ({"needs": "vsa", "verifiers": [{"id": CHECKER}], "resource": "other*"}, "it is about"),
    ],
)  # fmt: skip
def test_a_record_that_says_something_else_does_not_count(folder, rule, says):
    found = one(folder, TILL, rule)
    assert not found.ok
    assert says in found.says


def test_a_policy_that_has_nothing_to_say_of_an_environment_lets_nothing_in(folder):
    verdict = judged(
        folder, TILL, {"name": "r", "needs": "sbom", "environments": ["prod"]}, environment="test"
    )
    assert not verdict.allowed
    assert "no rule for test" in verdict.reasons[0].says


def test_every_rule_must_hold(folder):
    verdict = judged(folder, TILL, {"name": "a", "needs": "sbom"}, {"name": "b", "needs": "tests"})
    assert [reason.ok for reason in verdict.reasons] == [True, False]
    assert not verdict.allowed


def statement(subject, predicate_type, predicate):
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "x", "digest": {"sha256": subject[7:]}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    ).encode()


def test_the_word_of_a_stranger_does_not_lend_a_thing_the_papers_of_another(tmp_path):
    folder = DataFolder(tmp_path / "d")
    folder.create()
    load_sample(folder)
    lies = [
        # "the till's image has my image in it", and "mine is another name of it"
        statement(TILL, "https://cyclonedx.org/bom", {
            "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": {"type": "container", "name": "x", "bom-ref": "r"}},
            "components": [{"type": "container", "name": f"x@{EVIL}", "bom-ref": "e",
                            "hashes": [{"alg": "SHA-256", "content": EVIL[7:]}]}],
        }),
        json.dumps({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "x", "digest": {"sha256": EVIL[7:], "sha512": "e" * 128}},
                        {"name": "x", "digest": {"sha256": TILL[7:], "sha512": "e" * 128}}],
            "predicateType": "https://example.com/x", "predicate": {},
        }).encode(),
    ]  # fmt: skip
    with open_recorder(folder) as recorder:
        outcomes = recorder.record(lies, principal=local(0))
        assert [o.status for o in outcomes] == ["recorded"] * 2, outcomes
    for rule in (BUILT, {"needs": "sbom"}):
        assert not one(folder, EVIL, rule).ok
    assert one(folder, TILL, BUILT).ok


REGO = """package gate
import rego.v1
deny contains "no SBOM" if { count(input.sboms) == 0 }
allow if count(deny) == 0
"""


@pytest.mark.parametrize(
    ("artifact", "query", "ok"),
    [
        (TILL, "data.gate.deny", True), (HOTFIX, "data.gate.deny", False),
        (TILL, "data.gate.allow", True), (HOTFIX, "data.gate.allow", False),
        (TILL, "data.gate.nothing", False),
    ],
)  # fmt: skip
def test_rego_over_the_same_document_says_the_same(folder, artifact, query, ok):
    rule = {"needs": "rego", "modules": ["gate.rego"], "query": query}
    found = one(folder, artifact, rule, modules={"gate.rego": REGO})
    assert found.ok is ok, found
    assert ok or "no SBOM" in found.says or "undefined" in found.says


@pytest.mark.parametrize(
    ("pattern", "source", "is_it"),
    [
        ("git+https://github.com/acme/*", "https://github.com/acme/shop", True),
        ("https://github.com/acme/shop", "git+https://github.com/acme/shop.git@refs/tags/v1", True),
        ("https://github.com/acme/shop@refs/tags/*", "git+https://github.com/acme/shop@refs/tags/v1",
         True),
        ("https://github.com/acme/shop@refs/tags/*", "https://github.com/acme/shop@refs/heads/x",
         False),
        ("https://github.com/acme/*", "https://github.com@evil.example/acme/shop", False),
        ("https://github.com/acme/*", "https://github.com/acme.evil/shop", False),
        ("https://github.com/acme/shop", "https://github.com/acme/shop-evil", False),
        ("*", None, False),
    ],
)  # fmt: skip
def test_a_repository_is_the_same_however_it_is_written(pattern, source, is_it):
    assert is_source(source, pattern) is is_it
