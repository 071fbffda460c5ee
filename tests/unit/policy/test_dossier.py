"""What a dossier takes for a name of an artifact, and whose claims it takes for claims about it."""

import pytest

from tests.watched_world import CVE, SBOM, World, image, policy, statement
from wherefrom.policy.gate import GateRequest
from wherefrom.query import dossier as dossiers

SHARED = "pkg:npm/shared@1"


@pytest.fixture
def world(tmp_path):
    with World(tmp_path / "d") as world:
        yield world


def test_a_policy_is_no_name_of_what_it_judges(world):
    said = policy(SBOM)
    world.use(said, "prod")
    world.sign(statement(image(1), "https://example.com/x", {"about": "pkg:npm/till@1"}))
    world.sbom(1, "pkg:npm/till@1")
    told = world.dossier("pkg:npm/till@1", said)
    assert said.digest not in told.names
    world.fold()
    with pytest.raises(Exception, match="no digest names it"):
        world.gate.prepare(GateRequest(artifact="pkg:npm/till@1", policy=said.to_document()))


def test_a_claim_about_a_part_of_another_product_says_nothing_of_this_one(world):
    for number in (1, 2):
        world.sbom(number, SHARED)
    world.scan(1)
    world.scan(2, "critical", purl=SHARED)
    said = policy(SBOM)
    assert world.dossier(image(1), said).found == []
    (found,) = world.dossier(image(2), said).found
    assert (found.vulnerability, found.severity) == (CVE, "critical")


def test_a_claim_about_a_part_wherever_it_is_says_something_of_all_that_have_it(world):
    for number in (1, 2):
        world.sbom(number, SHARED)
    world.vex_of(SHARED, "affected")
    said = policy(SBOM)
    for number in (1, 2):
        (found,) = world.dossier(image(number), said).found
        assert (found.vulnerability, found.status, found.part) == (CVE, "affected", SHARED)


def test_such_a_claim_concerns_all_that_run_with_the_part(world):
    for number in range(3):
        world.deploy(f"s{number}", number)
        world.sbom(number, SHARED if number else "pkg:npm/other@1")
    world.use(policy(SBOM), "prod")
    world.rounds()
    world.vex_of(SHARED, "affected")
    assert world.rounds()[0] == 2


def test_summaries_that_newer_ones_stand_for_do_not_crowd_out_what_is_recorded(world, monkeypatch):
    monkeypatch.setattr(dossiers, "SUMMARIES_MAX", 3)
    said = policy(SBOM, valid="1h")
    entry = world.sbom(1)
    world.deploy("cart", 1)
    world.use(said, "prod")
    for _ in range(6):
        world.rounds()
        world.ahead += world.hours(2)
    kinds = [one.kind for one in world.dossier(image(1), said).evidence]
    assert kinds.count("vsa") == 3
    (sbom,) = [one for one in world.dossier(image(1), said).evidence if one.kind == "sbom"]
    assert sbom.entry == entry
