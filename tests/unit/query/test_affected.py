"""A package, a digest, a vulnerability: down to the places that hold it, and who excuses what."""

import json

import pytest

from tests.unit.cli.running import run
from tests.unit.query.told import AT, instances, reality, sbom, without_none
from wherefrom.app import DataFolder, open_recorder
from wherefrom.capture import changes
from wherefrom.collect.principals import local
from wherefrom.errors import NotFound
from wherefrom.formats.states import Scope
from wherefrom.query.reality import RealityOptions

PAY, CART, OTHER = ("sha256:" + c * 64 for c in "abc")
LOG4J = "pkg:maven/org.apache.logging.log4j/log4j-core"
CVE = "CVE-2021-44228"


def vex(status, product, *, part=None, at=AT, **more):
    said = {"@id": product}
    if part:
        said["subcomponents"] = [{"@id": part}]
    if status == "affected":
        more["action_statement"] = "Update it."
    return {
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": f"https://example.com/{status}{at}",
        "author": "a", "timestamp": at, "version": 1,
        "statements": [
            {"vulnerability": {"name": CVE}, "products": [said], "status": status, **more}
        ],
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/affected")
    records = [
        without_none(sbom(PAY, "pay", f"{LOG4J}@2.14.1", "pkg:maven/a/b@1")),
        without_none(sbom(CART, "cart", f"{LOG4J}@2.17.0")),
        without_none(sbom(OTHER, "other", "pkg:maven/a/b@1")),
        changes.deploy(Scope("prod", "pay"), PAY, at=AT, source="/ci"),
        changes.deploy(Scope("prod", "cart"), CART, at=AT, source="/ci"),
        changes.deploy(Scope("prod", "other"), OTHER, at=AT, source="/ci"),
        instances("pay", PAY, "eu", 3),
        instances("pay", PAY, "us", 2),
        changes.deploy(Scope("prod", "pay"), None, at="2026-11-02T12:00:00Z", source="/ci"),
    ]
    with open_recorder(folder) as recorder:
        outcomes = recorder.record(records, principal=local(0))
        assert [o.status for o in outcomes] == ["recorded"] * len(records), outcomes
    return folder


def places(answer):
    return [(p.service, p.region, p.mode, p.instances) for p in answer.running]


PAYS = [("pay", "", "declared", 0), ("pay", "eu", "observed", 3), ("pay", "us", "observed", 2)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"{LOG4J}@2.14.1", PAYS),
        (f"{LOG4J}@2.17.0", [("cart", "", "declared", 0)]),
        (LOG4J, [("cart", "", "declared", 0), *PAYS]),
        (PAY, PAYS),
        ("pkg:maven/a/b@1", [("other", "", "declared", 0), *PAYS]),
    ],
)
def test_what_holds_a_thing_is_told_by_place_with_its_instances(folder, text, wanted):
    answer = reality(folder).affected(text, RealityOptions(at=AT))
    assert places(answer) == wanted
    for place in answer.running:
        assert place.via[-1] == place.value
        assert place.via[0] in answer.starts
    assert not answer.truncated


def test_what_ran_then_is_asked_for_by_the_time(folder):
    later = RealityOptions(at="2026-11-03T00:00:00Z")
    answer = reality(folder).affected(f"{LOG4J}@2.14.1", later)
    assert places(answer) == PAYS[1:], "it is declared no more, and was seen last"
    before = RealityOptions(at="2026-10-01T00:00:00Z")
    assert places(reality(folder).affected(PAY, before)) == []


def test_what_nobody_knows_is_not_found(folder):
    with pytest.raises(NotFound):
        reality(folder).affected("pkg:maven/no/such", RealityOptions())
    with pytest.raises(NotFound):
        reality(folder).affected("CVE-2000-0001", RealityOptions())


def test_a_vulnerability_reaches_what_somebody_claims_and_is_excused_where_somebody_says(folder):
    def record(*documents):
        with open_recorder(folder) as recorder:
            sent = [json.dumps(d).encode() for d in documents]
            for outcome in recorder.record(sent, principal=local(0)):
                assert outcome.status == "recorded", outcome.reason

    asked = RealityOptions(at=AT)
    record(vex("affected", f"{LOG4J}@2.14.1"), vex("fixed", f"{LOG4J}@2.17.0"))
    answer = reality(folder).affected(CVE.lower(), asked)
    assert places(answer) == PAYS
    assert answer.starts == [f"{LOG4J}@2.14.1"]
    assert all(place.excused is None for place in answer.running)
    assert sorted((c.product, c.status) for c in answer.claims) == [
        (f"{LOG4J}@2.14.1", "affected"), (f"{LOG4J}@2.17.0", "fixed"),
    ]  # fmt: skip
    excuse = vex(
        "not_affected", PAY, part=f"{LOG4J}@2.14.1", at="2026-11-01T13:00:00Z",
        justification="vulnerable_code_not_in_execute_path",
    )  # fmt: skip
    record(excuse)
    answer = reality(folder).affected(CVE, asked)
    assert places(answer) == PAYS, "what is excused is shown all the same"
    assert {place.excused.status for place in answer.running} == {"not_affected"}
    record(vex("affected", PAY, part=f"{LOG4J}@2.14.1", at="2026-11-01T14:00:00Z"))
    answer = reality(folder).affected(CVE, asked)
    assert all(place.excused is None for place in answer.running), "the last word counts"
    ran = run("affected", CVE, "--at", AT, data=folder.path)
    assert ran.code == 0
    assert "3 places at 2026-11-01T12:00:00Z" in ran.out
    assert "channel: pkg:maven/org.apache" in ran.out


def record(folder, *documents):
    with open_recorder(folder) as recorder:
        outcomes = recorder.record(documents, principal=local(0))
    assert [o.status for o in outcomes] == ["recorded"] * len(documents), outcomes


def affected(folder, text):
    return reality(folder).affected(text, RealityOptions(at=AT))


def osv(id, fixed, **more):
    group, _, name = LOG4J.removeprefix("pkg:maven/").partition("/")
    events = [{"introduced": "2.0"}, {"fixed": fixed}]
    return without_none({
        "schema_version": "1.7.0", "id": id, "modified": AT, **more,
        "affected": [{"package": {"ecosystem": "Maven", "name": f"{group}:{name}"},
                      "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
    })  # fmt: skip


@pytest.mark.parametrize("asked", ["GHSA-2222-3333-4444", CVE])
def test_an_advisory_about_versions_reaches_those_that_it_affects(folder, asked):
    record(folder, osv("GHSA-2222-3333-4444", "2.15.0", aliases=[CVE]))
    assert {p.service for p in affected(folder, asked).running} == {"pay"}
    record(folder, osv("GHSA-2222-3333-5555", "2.17.1", aliases=[CVE]))
    assert {p.service for p in affected(folder, CVE).running} == {"pay", "cart"}


def test_an_advisory_that_collects_others_is_found_by_its_own_name_too(folder):
    record(folder, osv("XSA-1", "2.15.0", upstream=[CVE, "CVE-2021-45046"]))
    for asked in ("XSA-1", "CVE-2021-45046"):
        answer = affected(folder, asked)
        assert {p.service for p in answer.running} == {"pay"}
        assert {claim.product for claim in answer.claims} == {LOG4J}
