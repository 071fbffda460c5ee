"""Which base images and packages are live, by which record, and which nobody declared."""

import json

import pytest

from tests.unit.cli.running import run
from tests.unit.query.told import AT, instances, reality, sbom, without_none
from wherefrom.app import DataFolder, open_recorder
from wherefrom.capture import changes
from wherefrom.collect.principals import local
from wherefrom.formats.states import Scope
from wherefrom.query.reality import RealityOptions

OLD, NEW, BARE, BASE = ("sha256:" + c * 64 for c in "abcd")
LOG4J = "pkg:maven/org.apache.logging.log4j/log4j-core"
COMMIT = "c" * 40
SHOWN = RealityOptions(at="2026-11-01T13:00:00Z", materials=True)


def provenance(digest):
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "pay", "digest": {"sha256": digest[7:]}}],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": "https://example.com/build/v1",
                    "externalParameters": {},
                    "resolvedDependencies": [
                        {"uri": "git+https://git.example/pay", "digest": {"gitCommit": COMMIT}},
                        {"uri": f"pkg:docker/python@{BASE}", "digest": {"sha256": BASE[7:]}},
                    ],
                },
                "runDetails": {
                    "builder": {"id": "https://ci.example"},
                    "metadata": {"invocationId": "https://ci.example/1"},
                },
            },
        }
    ).encode()


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/materials")
    records = [
        without_none(sbom(OLD, "pay", f"{LOG4J}@2.14.1", "pkg:maven/a/b@1")),
        without_none(sbom(NEW, "pay", f"{LOG4J}@2.17.0", "pkg:maven/a/b@1")),
        provenance(NEW),
        changes.deploy(Scope("prod", "pay"), NEW, at=AT, source="/ci"),
        instances("pay", NEW, "eu", 3),
        instances("pay", OLD, "us", 2),
        changes.deploy(Scope("prod", "cart"), BARE, at=AT, source="/ci"),
    ]
    with open_recorder(folder) as recorder:
        outcomes = recorder.record(records, principal=local(0))
        assert [o.status for o in outcomes] == ["recorded"] * len(records), outcomes
    return folder


def of(answer, service):
    (one,) = [one for one in answer.materials if one.service == service]
    return one


def test_each_material_has_its_instances_its_record_and_whether_only_one_side_has_it(folder):
    told = of(reality(folder).running("prod/pay", SHOWN), "pay")
    assert [(m.role, m.id, m.instances, m.drift, m.entry) for m in told.materials] == [
        ("commit", f"gitCommit:{COMMIT}", 3, None, 3),
        ("base", BASE, 3, None, 3),
        ("package", "pkg:maven/a/b@1", 5, None, 2),
        ("package", f"{LOG4J}@2.14.1", 2, "undeclared", 1),
        ("package", f"{LOG4J}@2.17.0", 3, None, 2),
    ]
    assert told.unknown == []


def test_what_only_the_declared_artifact_has_is_not_observed(folder):
    told = of(reality(folder).running("prod/pay/us", SHOWN), "pay")
    assert {m.id: (m.instances, m.drift) for m in told.materials if m.role == "package"} == {
        f"{LOG4J}@2.14.1": (2, "undeclared"),
        f"{LOG4J}@2.17.0": (0, "unobserved"),
        "pkg:maven/a/b@1": (2, None),
    }


def test_an_artifact_that_nobody_recorded_materials_of_is_told_as_unknown(folder):
    told = of(reality(folder).running("prod", SHOWN), "cart")
    assert (told.materials, told.unknown) == ([], [BARE])


def test_a_part_of_a_name_finds_the_versions_that_are_live(folder):
    options = RealityOptions(at=SHOWN.at, part="LOG4J")
    told = of(reality(folder).running("prod", options), "pay")
    assert [m.id for m in told.materials] == [f"{LOG4J}@2.14.1", f"{LOG4J}@2.17.0"]


def test_what_is_not_asked_for_is_not_told(folder):
    assert reality(folder).running("prod", RealityOptions(at=SHOWN.at)).materials is None


def test_people_read_which_versions_are_live_and_which_nobody_declared(folder):
    result = run("running", "prod", "--at", SHOWN.at, "--materials", data=folder.path)
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    (undeclared,) = [line for line in lines if line.startswith("! package")]
    assert undeclared.endswith("undeclared in 2 0 s ago #1 channel")
    assert "no record says what sha256:cccccccccccc is made of" in lines
