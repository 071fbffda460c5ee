"""Witness collections: what each attestor saw, real collections, and whatever comes."""

import copy
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.folders import asked, made, record
from tests.paths import DATA, REPOSITORY
from wherefrom.errors import Malformed, Refused
from wherefrom.formats import base64_strict, statement
from wherefrom.formats.facts import Tag
from wherefrom.formats.recognise import read
from wherefrom.query.desk import TraceOptions

ID = "sha256:" + "0" * 64
STEP = f"activity:{ID}"
ARCHIVISTA, WITNESS = DATA / "supply/archivista/test", DATA / "supply/witness/test"
COLLECTION = "https://witness.testifysec.com/attestation-collection/v0.1"
A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
COMMIT, PARENT = "1" * 40, "2" * 40


def attestor(name, attestation, **fields):
    return {
        "type": f"https://witness.dev/attestations/{name}/v0.1",
        "attestation": attestation,
        "starttime": "2024-01-02T03:04:05+01:00",
        "endtime": "2024-01-02T03:04:06Z",
    } | fields


def collection(*attestors, kind=COLLECTION, digest=A):
    return {
        "_type": "https://in-toto.io/Statement/v0.1",
        "subject": [{"name": "app", "digest": {"sha256": digest}}],
        "predicateType": kind,
        "predicate": {"name": "build", "attestations": list(attestors)},
    }


def facts(*attestors, **fields):
    return statement.facts(collection(*attestors, **fields), document_id=ID)


def edges(found):
    return {(e.source, e.relation, e.target) for e in found.edges}


def node(found, id):
    return next(n for n in found.nodes if n.id == id)


def said(found):
    return node(found, STEP).properties


# One attestor each.


def test_a_collection_is_one_activity_with_its_times_and_attestors():
    found = facts(attestor("environment", {"os": "linux"}), attestor("unheard-of", {"x": 1}))
    assert (found.kind, found.type) == ("attestation", COLLECTION)
    assert found.occurred == "2024-01-02T03:04:06.000000Z"
    assert (node(found, STEP).kind, node(found, STEP).name) == ("activity", "build")
    assert said(found) == {
        "os": "linux",
        "attestors": ["environment", "unheard-of"],
        "startedOn": "2024-01-02T02:04:05.000000Z",
        "finishedOn": "2024-01-02T03:04:06.000000Z",
    }
    assert edges(found) == {(ID, "describes", f"sha256:{A}"), (ID, "describes", STEP)}


@pytest.mark.parametrize(
    "kind",
    [
        "https://witness.dev/attestation-collection/v0.1",
        "https://witness.testifysec.com/attestation-collection/v0.2",
    ],
)
def test_every_name_of_the_collection_is_read(kind):
    assert said(facts(attestor("environment", {"os": "linux"}), kind=kind))["os"] == "linux"


def test_one_attestor_alone_is_read_too():
    document = collection(kind="https://witness.dev/attestations/command-run/v0.1")
    document["predicate"] = {"cmd": ["make"], "exitcode": 3}
    found = statement.facts(document, document_id=ID)
    assert said(found) == {"command": ["make"], "exitCode": 3, "attestors": ["command-run"]}
    assert node(found, STEP).name == "command-run"


def test_materials_were_used_and_products_made():
    found = facts(
        attestor("material", {"in.c": {"sha256": B}}),
        attestor("product", {"out": {"mime_type": "text/plain", "digest": {"sha256": C}}}),
    )
    assert (STEP, "used", f"sha256:{B}") in edges(found)
    assert (f"sha256:{C}", "generated_by", STEP) in edges(found)
    assert node(found, f"sha256:{C}").name == "out"
    assert node(found, f"sha256:{C}").properties == {"mimeType": "text/plain"}


def test_bytes_that_were_there_before_are_no_product_and_a_product_that_was_opened_no_input():
    found = facts(
        attestor("command-run", {"processes": [{"openedfiles": {"out": {"sha256": C}}}]}),
        attestor("material", {"in": {"sha256": B}}),
        attestor("product", {"copy": {"digest": {"sha256": B}}, "out": {"digest": {"sha256": C}}}),
    )
    between = {e for e in edges(found) if STEP in (e[0], e[2]) and e[1] != "describes"}
    assert between == {
        (STEP, "used", f"sha256:{B}"),
        (f"sha256:{C}", "generated_by", STEP),
    }


def test_a_git_object_id_is_not_the_name_of_a_file():
    """Recorders have written one and the same for every file of a collection."""
    digest = {"sha256": B, "gitoid:sha256": f"gitoid:blob:sha256:{D}"}
    found = facts(attestor("material", {"in": digest}))
    assert f"sha256:{B}" in {n.id for n in found.nodes}
    assert not any(D in n.id for n in found.nodes)
    assert [e for e in found.edges if e.relation == "alternate"] == []


def test_a_command_tells_its_words_exit_code_and_what_its_processes_read():
    run = {
        "cmd": ["go", "build"],
        "stdout": "hush",
        "exitcode": 1,
        "processes": [
            {
                "program": "/usr/bin/go",
                "processid": 7,
                "programdigest": {"sha256": B},
                "exedigest": {"sha256": B},
                "openedfiles": {"/src/main.go": {"sha256": C}},
                "environ": "TOKEN=hush",
            }
        ],
    }
    found = facts(attestor("command-run", run))
    assert said(found)["command"] == ["go", "build"]
    assert said(found)["exitCode"] == 1
    used = {e.target: e.properties for e in found.edges if e.relation == "used"}
    assert used == {f"sha256:{B}": {"as": "program"}, f"sha256:{C}": {"as": "opened"}}
    assert "hush" not in repr(found)


def test_git_tells_commit_parents_repository_and_people_by_hash():
    git = {
        "commithash": COMMIT,
        "commitdigest": {"sha1": COMMIT},
        "author": "A. Person",
        "authoremail": "a@example.com",
        "committeremail": "c@example.com",
        "commitmessage": "hush",
        "parenthashes": [PARENT],
        "treehash": "3" * 40,
        "branch": "main",
        "refs": ["refs/heads/main"],
        "remotes": ["https://token@github.com/o/r.git"],
        "tags": [{"name": "v1", "message": "hush"}],
        "status": {"x": {"worktree": "modified"}},
    }
    found = facts(attestor("git", git))
    commit, repository = f"gitCommit:{COMMIT}", "git+https://github.com/o/r"
    assert {(STEP, "used", commit), (commit, "revises", f"gitCommit:{PARENT}"),
            (commit, "specializes", repository)} <= edges(found)  # fmt: skip
    people = {e.properties["as"]: e.target for e in found.edges if e.relation == "attributed_to"}
    assert people.keys() == {"author", "committer"}
    assert all(re.fullmatch("person:[0-9a-f]{32}", p) for p in people.values())
    assert node(found, commit).properties == {
        "treeHash": "3" * 40, "branch": "main", "refs": ["refs/heads/main"], "gitTags": ["v1"],
    }  # fmt: skip
    assert said(found)["uncommittedFiles"] == 1
    for secret in ("hush", "token", "example.com", "A. Person"):
        assert secret not in repr(found)


def test_github_tells_the_run_the_runner_and_the_commit_of_the_token():
    github = {
        "jwt": {"claims": {"sha": COMMIT, "workflow_ref": "o/r/.github/workflows/w.yml@refs/x"}},
        "pipelineid": "77",
        "pipelinename": "w",
        "pipelineurl": "https://github.com/o/r/actions/runs/77",
        "projecturl": "https://github.com/o/r",
        "runnerid": "runner 1",
        "runneros": "Linux",
        "runnerarch": "X64",
        "ciserverurl": "https://github.com",
    }
    found = facts(attestor("github", github))
    assert {
        (STEP, "associated_with", "https://github.com"),
        (STEP, "informed_by", "https://github.com/o/r/actions/runs/77"),
        (STEP, "used", f"gitCommit:{COMMIT}"),
        (f"gitCommit:{COMMIT}", "specializes", "git+https://github.com/o/r"),
    } <= edges(found)
    run = node(found, "https://github.com/o/r/actions/runs/77")
    assert (run.kind, run.name) == ("run", "w")
    assert said(found) | {
        "pipelineId": "77", "runnerId": "runner 1", "runnerOs": "Linux", "runnerArch": "X64",
        "workflow": "o/r/.github/workflows/w.yml@refs/x",
    } == said(found)  # fmt: skip
    assert found.producers == ("https://github.com",)


def test_gitlab_tells_the_job_and_without_a_commit_the_repository():
    gitlab = {"jobid": "5", "jobname": "build", "joburl": "https://ci.example/j/5",
              "pipelineurl": "https://ci.example/p/4", "projecturl": "https://ci.example/g/p",
              "ciserverurl": "https://ci.example"}  # fmt: skip
    found = facts(attestor("gitlab", gitlab))
    assert (STEP, "used", "git+https://ci.example/g/p") in edges(found)
    assert (STEP, "informed_by", "https://ci.example/p/4") in edges(found)
    assert said(found)["jobUrl"] == "https://ci.example/j/5"


def test_jenkins_tells_build_and_server():
    jenkins = {"buildid": "9", "pipelineurl": "https://j.example/job/a/9/", "jobname": "a",
               "jenkinsurl": "https://j.example/", "nodename": "n1"}  # fmt: skip
    found = facts(attestor("jenkins", jenkins))
    assert (STEP, "associated_with", "https://j.example/") in edges(found)
    assert (STEP, "informed_by", "https://j.example/job/a/9/") in edges(found)
    assert said(found)["runnerId"] == "n1"


def test_an_oci_image_is_made_with_its_tags_in_a_tar_of_layers():
    oci = {"tardigest": {"sha256": A}, "manifestdigest": {"sha256": B}, "imageid": {"sha256": C},
           "diffids": [{"sha256": D}], "imagetags": ["app:1"]}  # fmt: skip
    found = facts(attestor("oci", oci))
    image = f"sha256:{B}"
    assert {
        (image, "generated_by", STEP),
        (f"sha256:{A}", "contains", image),
        (image, "contains", f"sha256:{C}"),
        (image, "contains", f"sha256:{D}"),
    } <= edges(found)
    assert node(found, image).kind == "image"
    assert found.tags == (Tag("app:1", image),)


def test_a_docker_build_made_the_image_of_its_bases():
    docker = {"products": {B: {
        "imagedigest": {"sha256": B},
        "imagereferences": ["ghcr.io/o/app:1"],
        "materials": {"linux/amd64": [
            {"uri": "pkg:docker/alpine@3.20?platform=linux%2Famd64", "digest": {"sha256": C}}
        ]},
    }}}  # fmt: skip
    found = facts(attestor("docker", docker))
    assert (f"sha256:{B}", "generated_by", STEP) in edges(found)
    assert (STEP, "used", f"sha256:{C}") in edges(found)
    assert Tag("ghcr.io/o/app:1", f"sha256:{B}") in found.tags


def test_what_was_there_before_is_no_product_in_whichever_order_it_is_told():
    before = attestor("material", {"same": {"sha256": B}})
    after = attestor(
        "product", {"same": {"digest": {"sha256": B}}, "new": {"digest": {"sha256": C}}}
    )
    for listed in ((before, after), (after, before)):
        found = edges(facts(*listed))
        assert (STEP, "used", f"sha256:{B}") in found
        assert (f"sha256:{B}", "generated_by", STEP) not in found
        assert (f"sha256:{C}", "generated_by", STEP) in found


def test_a_report_says_what_it_says_beside_its_file():
    report = {
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "semgrep"}}, "results": [{"level": "error"}]}],
    }
    file = {"reportFileName": "a.sarif", "reportDigestSet": {"sha256": B}}
    found = facts(attestor("sarif", {"report": report, **file}))
    assert (f"sha256:{B}", "generated_by", STEP) in edges(found)
    assert node(found, ID).properties["error"] == 1
    run = f"{ID}#/predicate.attestations[0].attestation.report.runs[0]"
    assert (run, "associated_with", "software:semgrep") in edges(found)


def test_a_vex_claims_of_what_the_step_made_and_of_the_subjects_when_it_made_nothing():
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://e.com/v", "author": "a",
        "timestamp": "2024-01-02T03:04:05Z", "version": 1,
        "statements": [{"vulnerability": {"name": "CVE-2024-0001"}, "status": "fixed"}],
    }  # fmt: skip
    file = {"reportFileName": "vex.json", "reportDigestSet": {"sha256": B}}
    wrote = attestor("vex", {"vexDocument": document, **file})
    made = attestor(
        "product", {"app": {"digest": {"sha256": C}}, "vex.json": {"digest": {"sha256": B}}}
    )
    for listed, about in (((wrote, made), C), ((wrote,), A)):
        found = facts(*listed)
        (claim,) = [n.id for n in found.nodes if n.kind == "claim"]
        products = {t for s, _, t in edges(found) if s == claim and t.startswith("sha256:")}
        assert products == {f"sha256:{about}"}


@pytest.mark.parametrize("broken", [{"version": "2.1.0", "runs": [{}]}, {"@context": "openvex"}])
def test_a_broken_report_takes_nothing_of_the_step_along(broken):
    key = "report" if "runs" in broken else "vexDocument"
    name = "sarif" if key == "report" else "vex"
    found = facts(attestor("material", {"a": {"sha256": C}}), attestor(name, {key: broken}))
    assert (STEP, "used", f"sha256:{C}") in edges(found)
    assert node(found, ID).properties["predicate_unread"]
    assert not any(n.kind == "run" for n in found.nodes)


@pytest.mark.parametrize("name", ["sarif", "vex"])
def test_a_report_is_the_file_it_was_written_to(name):
    report = {
        "report": {"runs": []},
        "reportFileName": "out.json",
        "reportDigestSet": {"sha256": B},
    }
    found = facts(attestor(name, report))
    assert (f"sha256:{B}", "generated_by", STEP) in edges(found)
    assert node(found, f"sha256:{B}").name == "out.json"


def test_lockfiles_were_used():
    found = facts(
        attestor("lockfiles", {"lockfiles": [{"filename": "go.sum", "digest": {"sha256": B}}]})
    )
    (edge,) = [e for e in found.edges if e.relation == "used"]
    assert (edge.target, edge.properties) == (f"sha256:{B}", {"as": "lockfile"})


def test_a_maven_project_depends_on_its_dependencies():
    maven = {"groupid": "g", "artifactid": "a", "version": "1",
             "dependencies": [{"groupid": "h", "artifactid": "b", "version": "2", "scope": "test"},
                              {"groupid": "h"}]}  # fmt: skip
    found = facts(attestor("maven", maven))
    assert ("pkg:maven/g/a@1", "depends_on", "pkg:maven/h/b@2") in edges(found)
    assert (ID, "describes", "pkg:maven/g/a@1") in edges(found)


def test_slsa_provenance_in_protobufs_names_is_the_build_of_the_products():
    provenance = {
        "build_definition": {
            "build_type": "https://witness.dev/slsa-build@v0.1",
            "internal_parameters": {"fields": {"env": {"Kind": {}}}},
            "resolved_dependencies": [{"name": "in.c", "digest": {"sha256": B}}],
        },
        "run_details": {
            "builder": {"id": "https://witness.dev/witness-github-action-builder@v0.1"},
            "metadata": {
                "invocation_id": "https://github.com/o/r/actions/runs/77",
                "started_on": {"seconds": 1700000000, "nanos": 5000},
            },
        },
    }
    slsa = attestor("slsa", provenance, type="https://slsa.dev/provenance/v1.0")
    found = facts(slsa, attestor("product", {"out": {"digest": {"sha256": C}}}))
    build = (
        "build:https://witness.dev/witness-github-action-builder@v0.1:"
        "https%3A//github.com/o/r/actions/runs/77"
    )
    assert {(f"sha256:{C}", "generated_by", build), (build, "used", f"sha256:{B}")} <= edges(found)
    assert node(found, build).properties["startedOn"] == "2023-11-14T22:13:20.000005Z"


def test_a_link_attestor_adds_to_the_step():
    link = {"name": "build", "command": ["make"],
            "materials": [{"name": "in", "digest": {"sha256": B}}]}  # fmt: skip
    found = facts(attestor("link", link, type="https://in-toto.io/attestation/link/v0.3"))
    assert (STEP, "used", f"sha256:{B}") in edges(found)
    assert said(found)["command"] == ["make"]


@pytest.mark.parametrize(
    ("kind", "sbom", "relation"),
    [
        ("https://cyclonedx.org/bom",
         {"bomFormat": "CycloneDX", "specVersion": "1.5",
          "components": [{"type": "library", "name": "a", "purl": "pkg:npm/a@1"}]}, "contains"),
        ("https://spdx.dev/Document", {"spdxVersion": "SPDX-9.9"}, None),
    ],
)  # fmt: skip
def test_an_sbom_adds_its_parts_and_one_of_an_unread_version_only_says_so(kind, sbom, relation):
    found = facts(attestor("sbom", sbom, type=kind))
    if relation:
        assert (ID, relation, "pkg:npm/a@1") in edges(found)
    else:
        assert "SPDX-9.9" in node(found, ID).properties["predicate_unread"]


def test_times_that_are_none_are_left_out():
    found = facts(
        attestor("environment", {}, starttime="0001-01-01T00:00:00Z", endtime="yesterday")
    )
    assert found.occurred is None


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"attestations": []}, "predicate.name"),
        ({"name": "a"}, "predicate.attestations"),
        ({"name": "a", "attestations": [1]}, r"attestations\[0\]"),
        ({"name": "a", "attestations": [{}]}, r"attestations\[0\].type"),
        ({"name": "a", "attestations": [attestor("material", [])]}, r"\[0\].attestation"),
        ({"name": "a", "attestations": [attestor("material", {"f": 1})]}, r"\['f'\]"),
        ({"name": "a", "attestations": [attestor("command-run", {"cmd": [1]})]}, r"cmd\[0\]"),
        ({"name": "a", "attestations": [attestor("product", {"f": {"digest": 1}})]}, "digest"),
    ],
)
def test_what_is_broken_is_refused_and_named(broken, says):
    with pytest.raises(Malformed, match=says):
        statement.facts(collection() | {"predicate": broken}, document_id=ID)


# Real ones.


REAL = [
    ARCHIVISTA / "build.attestation.json",
    ARCHIVISTA / "package.attestation.json",
    ARCHIVISTA / "fail.attestation.json",
    WITNESS / "cdx-att.json",
    WITNESS / "spdx-att.json",
]


@pytest.mark.parametrize("path", REAL, ids=lambda p: p.name)
def test_a_real_collection_has_a_command_a_time_and_an_exit_code(path):
    found = read(path.read_bytes(), document_id=ID).facts
    assert found.occurred.startswith(("2023-09-26T22:23", "2024-06-15T20:"))
    assert isinstance(said(found)["exitCode"], int)
    assert said(found)["command"]
    assert any(e.relation == "used" for e in found.edges)


@pytest.mark.parametrize("path", REAL, ids=lambda p: p.name)
def test_nobodys_address_or_machine_stands_in_the_facts_of_a_real_collection(path):
    told = repr(read(path.read_bytes(), document_id=ID).facts)
    for word in ("mswift", "Mikhail", "snyk-bot@", "MacBook", "/Users/"):
        assert word not in told


def test_a_package_is_traced_through_both_steps_to_the_commit(tmp_path):
    folder = made(tmp_path / "d")
    record(folder, *(path.read_bytes() for path in REAL[:2]))
    package = "sha256:10cbf0f3d870934921276f669ab707983113f929784d877f1192f43c581f2070"
    with asked(folder) as desk:
        trace = desk.trace(package, TraceOptions(direction="up"))
    names = {n.name for n in trace.nodes}
    assert {"testapp.tar.tgz", "testapp", "build", "package"} <= names
    assert "gitCommit:be20100af602c780deeef50c54f5338662ce917c" in {n.id for n in trace.nodes}


def test_the_pages_example_is_read_as_it_says():
    page = (REPOSITORY / "docs/formats/witness.md").read_text()
    example = json.loads(re.search(r"```json\n(.*?)```", page, re.DOTALL)[1])
    told = re.search(r"```text\n(.*?)```", page, re.DOTALL)[1]
    found = statement.facts(example, document_id="record")
    lines = [f"{e.source} {e.relation} {e.target}" for e in found.edges]
    short = [re.sub("([0-9a-f]{8})[0-9a-f]{32,}", r"\1…", line) for line in lines]
    assert [" ".join(line.split()) for line in told.strip().splitlines()] == short


# Whatever comes.


def _payload(path):
    return json.loads(base64_strict.decode(json.loads(path.read_bytes())["payload"], where=""))


_DOCUMENTS = [_payload(path) for path in REAL[:3]]
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from([A, COMMIT, "https://u@h/x.git", "a@b.c"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)  # fmt: skip
_NAMES = ["git", "github", "oci", "docker", "maven", "command-run", "product", "sarif", "lockfiles"]
_KEYS = ["jwt", "claims", "sha", "commithash", "remotes", "parenthashes", "status", "products",
         "imagedigest", "materials", "manifestdigest", "diffids", "imagetags", "processes",
         "openedfiles", "dependencies", "groupid", "artifactid", "version", "reportDigestSet",
         "digest", "lockfiles", "projecturl", "pipelineurl", "ciserverurl", "exitcode",
         "cmd"]  # fmt: skip
_attestations = st.recursive(
    st.dictionaries(st.sampled_from(_KEYS), _values, max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(_KEYS), inner | st.lists(inner, max_size=2)),
    max_leaves=5,
)


def _check_ends(found):
    ids = {n.id for n in found.nodes}
    assert all(e.source in ids and e.target in ids for e in found.edges)


@given(name=st.sampled_from(_NAMES), attestation=_attestations)
@settings(max_examples=300, deadline=None)
def test_attestors_of_any_shape_give_facts_or_our_refusals(name, attestation):
    try:
        found = facts(attestor(name, attestation))
    except Refused:
        return
    _check_ends(found)


@given(data=st.data(), value=_values)
@settings(max_examples=200, deadline=None)
def test_a_real_collection_with_one_change_gives_facts_or_our_refusals(data, value):
    document = copy.deepcopy(data.draw(st.sampled_from(_DOCUMENTS)))
    place, key = document["predicate"], "attestations"
    while isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
        place = place[key]
        steps = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(steps)))
    place[key] = value
    try:
        found = statement.facts(document, document_id=ID)
    except Refused:
        return
    _check_ends(found)
