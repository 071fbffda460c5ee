"""SLSA provenance and verification summaries, told in the words of the graph."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import DATA
from wherefrom.errors import Malformed, Refused
from wherefrom.formats import dsse, slsa, statement, strict_json
from wherefrom.formats.facts import Facts, Tag

ID = "sha256:" + "0" * 64
APP = "sha256:" + "a" * 64
C, D = "c" * 40, "d" * 40
SUPPLY = DATA / "supply"
BUILDER = "https://ci.example/builder@v1"
GIT = "git+https://github.com/o/r"


def provenance(kind: str, predicate: object) -> dict:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {"sha256": "a" * 64}}],
        "predicateType": f"https://slsa.dev/{kind}",
        "predicate": predicate,
    }


def v1(metadata: object = None, resolved: object = None, **definition: object) -> dict:
    return provenance(
        "provenance/v1",
        {
            "buildDefinition": {
                "buildType": "https://ci.example/type",
                "externalParameters": {},
                "resolvedDependencies": resolved,
                **definition,
            },
            "runDetails": {"builder": {"id": BUILDER}, "metadata": metadata},
        },
    )


def v02(**predicate: object) -> dict:
    return provenance("provenance/v0.2", {"builder": {"id": BUILDER}} | predicate)


def read(document: dict, id: str = ID) -> Facts:
    return statement.facts(document, document_id=id)


def edges(facts: Facts) -> set[tuple[str, str, str]]:
    return {(e.source, e.relation, e.target) for e in facts.edges}


def node(facts: Facts, id: str):
    return next(n for n in facts.nodes if n.id == id)


def build_of(facts: Facts) -> str:
    (build,) = (n.id for n in facts.nodes if n.kind == "build")
    return build


@pytest.mark.parametrize(
    "kind", ["v1", "v1.0", "v1-rc1", "v1.0?draft", "v0.2", "v0.1", "v0.2?draft", "v1.0-rc.1"]
)
def test_every_spelling_of_the_type_is_provenance(kind):
    assert slsa.is_provenance(f"https://slsa.dev/provenance/{kind}")


@pytest.mark.parametrize("kind", ["v2", "v1x", "", "v1/extra", "v0.2#x"])
def test_another_version_is_not_read_as_provenance(kind):
    assert not slsa.is_provenance(f"https://slsa.dev/provenance/{kind}")
    facts = read(provenance(f"provenance/{kind}", {"builder": 7}))
    assert edges(facts) == {(ID, "describes", APP)}


def test_a_build_connects_subject_builder_and_source():
    facts = read(
        v1(
            {"invocationId": "run:1", "startedOn": "2024-01-02T03:04:05Z"},
            [{"uri": f"{GIT}@refs/heads/main", "digest": {"gitCommit": C}}],
        )
    )
    build = f"build:{BUILDER}:run%3A1"
    assert edges(facts) == {
        (ID, "describes", APP),
        (APP, "generated_by", build),
        (APP, "derived_from", f"gitCommit:{C}"),
        (build, "associated_with", BUILDER),
        (build, "used", f"gitCommit:{C}"),
        (f"gitCommit:{C}", "specializes", GIT),
    }
    assert node(facts, BUILDER).kind == "builder"
    assert node(facts, build).properties == {
        "buildType": "https://ci.example/type",
        "invocationId": "run:1",
        "startedOn": "2024-01-02T03:04:05.000000Z",
    }
    assert (facts.occurred, facts.producers) == ("2024-01-02T03:04:05.000000Z", (BUILDER,))


def test_the_end_of_a_build_is_when_it_occurred_and_the_start_only_without_an_end():
    both = {"startedOn": "2024-01-01T00:00:00Z", "finishedOn": "2024-01-01T02:00:00+01:00"}
    assert read(v1(both)).occurred == "2024-01-01T01:00:00.000000Z"
    unset = both | {"finishedOn": "0001-01-01T00:00:00Z"}
    assert read(v1(unset)).occurred == "2024-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("time", ["yesterday", 1700000000, {"t": 1}, "2024-01-01T00:00:00"])
def test_a_time_nobody_can_read_is_told_and_refuses_nothing(time):
    facts = read(v1({"finishedOn": time}))
    assert facts.occurred is None
    assert node(facts, ID).properties["time_unread"] == str(time)


def test_two_builders_never_share_a_build():
    one = provenance("provenance/v0.2", {"builder": {"id": "a:b"}, "metadata": {}})
    two = provenance("provenance/v0.2", {"builder": {"id": "a"}, "metadata": {}})
    one["predicate"]["metadata"] = {"buildInvocationId": "c"}
    two["predicate"]["metadata"] = {"buildInvocationID": "b:c"}
    assert build_of(read(one)) == "build:a:b:c"
    assert build_of(read(two)) == "build:a:b%3Ac"


def test_a_build_without_builder_or_invocation_is_named_by_its_record():
    nameless = provenance(
        "provenance/v0.2", {"builder": {"id": ""}, "metadata": {"buildInvocationId": "c"}}
    )
    assert build_of(read(nameless)) == f"build:{ID}"
    assert build_of(read(v02())) == f"build:{ID}"


@pytest.mark.parametrize("case", [str.lower, str.upper])
@pytest.mark.parametrize(("attempt", "id"), [("2", "77-2"), (3, "77-3"), (None, "77-1")])
def test_a_github_run_names_a_build_whose_metadata_does_not(case, attempt, id):
    environment = {case("github_run_id"): 77, case("github_run_attempt"): attempt}
    invocation = {"environment": environment}
    assert build_of(read(v02(invocation=invocation))) == f"build:{BUILDER}:{id}"
    given_id = {"buildInvocationID": "own"}
    facts = read(v02(invocation=invocation, metadata=given_id))
    assert build_of(facts) == f"build:{BUILDER}:own"


def test_v0_2_uses_its_config_source_and_its_materials():
    facts = read(
        v02(
            buildType="t",
            invocation={
                "configSource": {
                    "uri": f"{GIT}@main", "digest": {"sha1": C}, "entryPoint": "release.yml"
                },
                "environment": {"GITHUB_WORKFLOW_REF": "o/r/w.yml@main"},
            },
            materials=[
                {"uri": f"{GIT}@main", "digest": {"sha1": C}},
                {"uri": "pkg:docker/golang@1.21?platform=x", "digest": {"sha256": "e" * 64}},
                {"uri": "https://images.example/ubuntu/20240317"},
            ],
        )
    )  # fmt: skip
    build, image = f"build:{ID}", "sha256:" + "e" * 64
    used = {target for source, relation, target in edges(facts) if relation == "used"}
    assert used == {f"gitCommit:{C}", image, "https://images.example/ubuntu/20240317"}
    assert facts.tags == (Tag("golang:1.21", image),)
    assert node(facts, image).kind == "image"
    assert node(facts, "https://images.example/ubuntu/20240317").kind == "resource"
    assert node(facts, build).properties == {
        "buildType": "t", "entryPoint": "release.yml", "workflow": "o/r/w.yml@main"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("config", "materials", "source"),
    [
        (C, [D, C], C),  # configured in a material: that one was built
        (C, [D], D),  # the pipeline's own repository is not what was built
        (C, [], C),
        (None, [D, C], D),
    ],
)
def test_a_subject_derives_from_the_commit_that_was_built(config, materials, source):
    def at(commit: str) -> dict:
        return {"uri": f"{GIT}-{commit[0]}", "digest": {"sha1": commit}}

    facts = read(
        v02(
            invocation={"configSource": at(config)} if config else {},
            materials=[at(commit) for commit in materials],
        )
    )
    derived = {(s, t) for s, relation, t in edges(facts) if relation == "derived_from"}
    assert derived == {(APP, f"gitCommit:{source}")}


def test_v1_byproducts_and_builder_dependencies_belong_to_the_build():
    document = v1(externalParameters={"workflow": {"repository": "r", "path": "p", "ref": "m"}})
    document["predicate"]["runDetails"]["byproducts"] = [{"digest": {"sha256": "1" * 64}}]
    document["predicate"]["runDetails"]["builder"]["builderDependencies"] = [
        {"uri": "https://tools.example/cc"},
        {"content": "Zg=="},
    ]
    facts = read(document)
    build = f"build:{ID}"
    assert ("sha256:" + "1" * 64, "generated_by", build) in edges(facts)
    assert (build, "used", "https://tools.example/cc") in edges(facts)
    assert node(facts, build).properties["workflow"] == "r/p@m"


@pytest.mark.parametrize(
    ("document", "where"),
    [
        (provenance("provenance/v1", {}), "missing, at predicate.buildDefinition"),
        (provenance("provenance/v1", None), "missing, at predicate.buildDefinition"),
        (v1(buildType=""), "missing, at predicate.buildDefinition.buildType"),
        (v1(externalParameters=None), "missing, at predicate.buildDefinition.externalParameters"),
        (v1(resolved=[7]), r"buildDefinition.resolvedDependencies\[0\]: expected an object"),
        (v1(resolved=[{"uri": 7}]), r"resolvedDependencies\[0\].uri: expected a string"),
        (v1(resolved=[{"digest": []}]), r"\[0\].digest: expected an object"),
        (v1(metadata=[]), "at predicate.runDetails.metadata: expected an object"),
        (provenance("provenance/v0.2", {}), "without a predicate, at predicate"),
        (v02(materials={}), "at predicate.materials: expected an array"),
        (v02(builder={"id": 7}), "at predicate.builder.id: expected a string"),
    ],
)
def test_provenance_without_a_required_field_is_refused(document, where):
    with pytest.raises(Malformed, match=where):
        read(document)


VSA = {
    "verifier": {"id": "https://verifier.example"},
    "timeVerified": "2024-06-12T07:24:34Z",
    "resourceUri": "https://example.com/app",
    "policy": {"uri": "https://policy.example", "digest": {"sha256": "f" * 64}},
    "inputAttestations": [{"uri": "https://e.com/a", "digest": {"sha256": "9" * 64}}],
    "verificationResult": "PASSED",
    "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
}


def test_a_summary_is_attributed_to_its_verifier_and_used_its_policy_and_inputs():
    facts = read(provenance("verification_summary/v1", VSA))
    policy, used = "sha256:" + "f" * 64, "sha256:" + "9" * 64
    assert edges(facts) == {
        (ID, "describes", APP),
        (ID, "attributed_to", "https://verifier.example"),
        (ID, "used", policy),
        (ID, "used", used),
    }
    assert [node(facts, i).kind for i in (policy, used)] == ["policy", "attestation"]
    assert facts.occurred == "2024-06-12T07:24:34.000000Z"
    assert facts.producers == ("https://verifier.example",)
    told = node(facts, ID).properties
    assert (told["verificationResult"], told["verifiedLevels"]) == (
        "PASSED",
        ["SLSA_BUILD_LEVEL_3"],
    )


def test_an_early_summary_may_be_in_snake_case_and_say_less():
    facts = read(
        provenance(
            "verification_summary/v0.1",
            {
                "verifier": {"id": "https://verifier.example"},
                "time_verified": "1985-04-12T23:20:50.52Z",
                "policy_level": "SLSA_LEVEL_3",
                "verification_result": "FAILED",
            },
        )
    )
    assert facts.occurred == "1985-04-12T23:20:50.520000Z"
    assert node(facts, ID).properties["policyLevel"] == "SLSA_LEVEL_3"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("verifier", {}, "missing, at predicate.verifier.id"),
        ("verificationResult", "passed", "expected PASSED or FAILED, got passed"),
        ("policy", None, "missing, at predicate.policy"),
        ("resourceUri", None, "missing, at predicate.resourceUri"),
        ("verifiedLevels", None, "missing, at predicate.verifiedLevels"),
        ("verifiedLevels", [3], r"at predicate.verifiedLevels\[0\]: expected a string"),
        ("inputAttestations", 3, "at predicate.inputAttestations: expected an array"),
    ],
)
def test_a_summary_without_a_required_field_is_refused(key, value, message):
    with pytest.raises(Malformed, match=message):
        read(provenance("verification_summary/v1", VSA | {key: value}))


def real(path: str) -> Facts:
    document = strict_json.decode((SUPPLY / path).read_bytes())
    format = dsse if dsse.recognises(document) else statement
    return format.facts(document, document_id=ID)


def test_the_kubernetes_release_has_one_build_for_its_many_subjects():
    facts = real("guac-data/docs/slsa/kube-slsa-v1.25.2.json")
    build = "build:https://git.k8s.io/release/docs/krel:e104dca7-68b0-45ae-bdea-651349da1c50"
    generated = [e for e in facts.edges if e.relation == "generated_by"]
    assert len(generated) == 111  # of 113 subjects, two are the same bytes under two names
    assert {e.target for e in generated} == {build}
    # The producer wrote the commit as "'5835…'": quotes inside the string, digits inside those.
    commit = "gitCommit:3c7da84d8fc03c30d3409e9c846ae4bc2de0b4d5"
    assert (build, "used", commit) in edges(facts)
    assert (commit, "specializes", "git+https://github.com/kubernetes/kubernetes") in edges(facts)
    assert facts.occurred == "2022-09-21T15:40:53.530480Z"


def test_the_published_summary_of_a_vm_image_is_read():
    facts = real("slsa-verifier/cli/slsa-verifier/testdata/vsa/gce/v1/gke-gce-pre.bcid-vsa.jsonl")
    assert (ID, "describes", "gce_image_id:8970095005306000053") in edges(facts)
    assert node(facts, ID).properties["verifiedLevels"] == ["BCID_L1", "SLSA_BUILD_LEVEL_2"]


@given(
    st.sampled_from(["provenance/v1", "provenance/v0.2", "verification_summary/v1"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(VSA),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([
                "builder", "id", "materials", "metadata", "invocation", "environment", "uri",
                "buildDefinition", "runDetails", "buildType", "externalParameters", "digest",
                "verifier", "policy", "GITHUB_RUN_ID", "buildFinishedOn", "configSource",
            ]),
            inner,
            max_size=6,
        ),
        max_leaves=12,
    ),
)  # fmt: skip
def test_any_predicate_is_read_whole_or_refused(kind, predicate):
    try:
        facts = read(provenance(kind, predicate))
    except Refused:
        return
    ids = {n.id for n in facts.nodes}
    assert {end for e in facts.edges for end in (e.source, e.target)} <= ids
