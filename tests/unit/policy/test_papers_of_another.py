"""What is proven of one thing is not proven of another, however near the two are."""

import json

import pytest

from tests.unit.policy.made import (
    APPROVAL,
    APPROVED,
    PROVENANCE,
    SBOM,
    SCAN,
    TEST,
    VEX,
    Made,
    bom,
    digest,
    result_of,
    signed,
    statement,
)
from wherefrom.formats import policy as policies

IMAGE, PLATFORM, OTHER = digest("image"), digest("platform"), digest("other platform")
BASE, FILE = digest("base"), digest("a file")
WHEEL, SDIST = digest("wheel"), digest("sdist")
APPROVALS = {"needs": "approvals"}
TESTS = {"needs": "tests"}


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path)


def index():
    return bom(
        "shop/app", IMAGE,
        ("container", f"shop/app@{PLATFORM}", PLATFORM, {}),
        ("container", f"shop/app@{OTHER}", OTHER, {}),
    )  # fmt: skip


def test_who_approved_an_image_has_not_approved_what_is_in_it(made):
    key = made.key()
    inside = bom(
        "shop/app", IMAGE,
        ("file", "tool", FILE, {}), ("container", "debian:13", BASE, {}),
        ("library", "x", WHEEL, {"purl": "pkg:pypi/x@1"}),
    )  # fmt: skip
    made.record(signed(key, IMAGE, SBOM, inside), signed(key, IMAGE, APPROVAL, APPROVED))
    assert made.judged(IMAGE, APPROVALS).allowed
    for part in (FILE, BASE, WHEEL):
        assert not made.judged(part, APPROVALS).allowed


def test_an_index_lends_its_papers_to_its_platforms_also_when_packages_are_listed_with_them(made):
    key = made.key()
    packages = bom("shop/app", IMAGE, ("library", "x", None, {"purl": "pkg:pypi/x@1"}))
    made.record(
        signed(key, IMAGE, SBOM, index()), signed(key, IMAGE, SBOM, packages),
        signed(key, IMAGE, APPROVAL, APPROVED),
    )  # fmt: skip
    assert made.judged(PLATFORM, APPROVALS).allowed


def test_one_platform_lends_nothing_to_another_nor_to_the_index(made):
    key = made.key()
    made.record(signed(key, IMAGE, SBOM, index()), signed(key, PLATFORM, APPROVAL, APPROVED))
    assert made.judged(PLATFORM, APPROVALS).allowed
    assert not made.judged(OTHER, APPROVALS).allowed
    assert not made.judged(IMAGE, APPROVALS).allowed


def named(name, of):
    return [{"name": name, "digest": {"sha256": of[7:]}}]


def test_two_files_of_one_package_do_not_share_their_papers(made):
    key, purl = made.key(), "pkg:pypi/x@1"
    made.record(
        signed(key, named(purl, WHEEL), "https://x.example/a", {}),
        signed(key, named(purl, SDIST), "https://x.example/b", {}),
        signed(key, WHEEL, APPROVAL, APPROVED),
    )
    assert made.judged(WHEEL, APPROVALS).allowed
    assert not made.judged(SDIST, APPROVALS).allowed
    verdict = made.judged(purl, APPROVALS)
    assert not verdict.allowed
    assert verdict.reasons[-1].says.startswith("its name is of several things")
    assert "by its digest" in verdict.reasons[-1].remedy


def test_two_digests_of_one_thing_are_one_thing(made):
    key = made.key()
    both = [{"name": "pkg:npm/x@1", "digest": {"sha256": WHEEL[7:], "sha512": "a" * 128}}]
    made.record(
        signed(key, both, "https://x.example/a", {}),
        signed(key, "sha512:" + "a" * 128, APPROVAL, APPROVED),
    )
    for name in (WHEEL, "sha512:" + "a" * 128, "pkg:npm/x@1"):
        answer = made.asked(name, APPROVALS)
        assert answer.allowed
        assert answer.reasons[0].entries


def test_who_approved_the_policy_has_not_approved_what_it_judges(made):
    key = made.key()
    policy = {"name": "p", "version": "1", "rules": [{"name": "r0", **APPROVALS}]}
    of = policies.parse(policy, where="p").digest
    made.record(statement(IMAGE, "https://x.example/a", {}), signed(key, of, APPROVAL, APPROVED))
    assert not made.judged(IMAGE, APPROVALS).allowed


def test_a_summary_of_the_index_is_not_looked_up_for_its_platform(made):
    key = made.key()
    made.record(
        signed(key, IMAGE, SBOM, index()),
        signed(key, IMAGE, TEST, result_of("PASSED")),
        signed(key, PLATFORM, TEST, result_of("FAILED")),
    )
    assert made.asked(IMAGE, TESTS).allowed
    answer = made.asked(PLATFORM, TESTS)
    assert (answer.allowed, answer.reused) == (False, False)
    assert made.asked(PLATFORM, TESTS).reused
    assert made.asked(IMAGE, TESTS).allowed


def test_a_stranger_who_says_it_first_does_not_take_the_word_of_those_who_know(made):
    key = made.key()
    made.record(statement(IMAGE, SBOM, index()))
    made.record(signed(key, IMAGE, SBOM, index()), signed(key, IMAGE, APPROVAL, APPROVED))
    verdict = made.judged(PLATFORM, APPROVALS)
    assert verdict.allowed
    assert len(verdict.reasons[0].entries) == 2


def test_a_record_that_names_another_record_about_a_thing_is_none_about_it(made):
    key = made.key()
    link = "urn:cdx:00000000-0000-4000-8000-000000000000/1"
    elsewhere = {"externalReferences": [{"type": "bom", "url": link}]}
    made.record(signed(key, IMAGE, SBOM, bom("shop/app", IMAGE, ("file", "tool", FILE, elsewhere))))
    assert made.judged(IMAGE, {"needs": "sbom"}).allowed
    assert not made.judged(FILE, {"needs": "sbom"}).allowed


def scan(vulnerability, at="2026-11-25T10:00:00Z"):
    found = {"id": vulnerability, "severity": [{"method": "nvd", "score": "CRITICAL"}]}
    scanner = {"uri": "x", "version": "1", "db": {"uri": "d", "lastUpdate": at}, "result": [found]}
    return {"scanner": scanner, "metadata": {"scanStartedOn": at, "scanFinishedOn": at}}


def vex(of, vulnerability, status, aliases=(), at="2026-11-25T11:00:00Z"):
    said = {
        "vulnerability": {"name": vulnerability, "aliases": list(aliases)},
        "products": [{"@id": f"pkg:oci/x@{of}"}], "status": status,
        **({"justification": "component_not_present"} if status == "not_affected" else {}),
    }  # fmt: skip
    return {
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": f"https://x.example/{vulnerability}",
        "author": "a", "timestamp": at, "version": 1, "statements": [said],
    }  # fmt: skip


@pytest.mark.parametrize("known", [False, True])
def test_a_vulnerability_has_other_names_by_the_word_of_somebody_known(made, known):
    key = made.key()
    made.record(
        signed(key, IMAGE, SCAN, scan("CVE-2021-44228")),
        signed(key, IMAGE, VEX, vex(IMAGE, "CVE-2020-0001", "not_affected")),
    )
    same = [OTHER, VEX, vex(OTHER, "CVE-2021-44228", "under_investigation", ["CVE-2020-0001"])]
    made.record(signed(key, *same) if known else statement(*same))
    assert made.judged(IMAGE, {"needs": "vulnerabilities"}).allowed is known


def provenance(*dependencies):
    return {
        "buildDefinition": {"buildType": "x", "externalParameters": {},
                            "resolvedDependencies": list(dependencies)},
        "runDetails": {"builder": {"id": "https://ci.example"}},
    }  # fmt: skip


LINEAGE = {"needs": "lineage", "forbid": [{"property": "label", "equals": "no-consent"}]}


def test_the_word_of_a_stranger_is_no_lineage(made):
    key = made.key()
    came_from = {"uri": "git+https://git.example/x", "digest": {"gitCommit": "a" * 40}}
    made.record(statement(IMAGE, PROVENANCE, provenance(came_from)))
    verdict = made.judged(IMAGE, LINEAGE)
    assert not verdict.allowed
    assert "nobody known says what it came from" in verdict.reasons[0].says
    assert made.judged(IMAGE, {**LINEAGE, "trust": "channel"}).allowed
    made.record(signed(key, IMAGE, PROVENANCE, provenance(came_from)))
    assert made.judged(IMAGE, LINEAGE).allowed


def test_what_a_condition_sees_upstream_says_whether_somebody_known_told_it(made):
    key = made.key()
    all_known = {"needs": "cel", "expression": "input.upstream.all(u, u.trusted)"}
    some = {"needs": "cel", "expression": "input.upstream.exists(u, u.trusted)"}
    came_from = {"uri": "git+https://git.example/x", "digest": {"gitCommit": "a" * 40}}
    made.record(signed(key, IMAGE, PROVENANCE, provenance(came_from)))
    assert made.judged(IMAGE, all_known).allowed
    beyond = json.loads(statement(IMAGE, PROVENANCE, provenance({"digest": {"sha256": "9" * 64}})))
    made.record(json.dumps(beyond).encode())
    assert made.judged(IMAGE, some).allowed
    assert not made.judged(IMAGE, all_known).allowed
