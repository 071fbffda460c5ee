"""The watch: whatever changes what a policy says of something that runs is noticed, once."""

import pytest

from tests.watched_world import SBOM, SCANNED, World, image, policy


@pytest.fixture
def world(tmp_path):
    with World(tmp_path / "d") as world:
        yield world


def test_nothing_is_decided_where_no_policy_is_in_force(world):
    world.deploy("cart", 1)
    assert world.rounds() == (0, 0)


def test_what_runs_is_judged_and_what_is_denied_is_told_with_its_services(world):
    world.deploy("cart", 1)
    world.deploy("till", 2)
    world.deploy("shop", 2)
    world.sbom(1)
    world.use(policy(SBOM), "prod")
    world.rounds()
    assert world.stands() == {("prod", image(1)): True, ("prod", image(2)): False}
    (turn,) = world.told
    assert turn.artifact == image(2)
    assert turn.turned.rules == ("sbom",)
    assert [place.service for place in turn.places] == ["shop", "till"]
    assert turn.was is None
    assert turn.production


def test_what_is_as_it_was_is_neither_decided_nor_written_again(world):
    for number in range(5):
        world.deploy(f"s{number}", number)
        world.sbom(number)
    world.use(policy(SBOM), "prod")
    world.rounds()
    size = world.log.refresh().size
    assert world.rounds() == (0, 0)
    world.restart()
    decided, written = world.rounds()
    assert (decided, written) == (0, 0)
    assert world.log.refresh().size == size


def test_a_scan_turns_one_of_many_bad_and_a_vex_good_again(world):
    for number in range(20):
        world.deploy(f"s{number}", number)
        world.scan(number)
    world.use(policy(SCANNED), "prod")
    world.rounds()
    assert not world.told
    scanned = world.scan(7, "critical")
    assert world.rounds()[0] == 1
    (bad,) = world.told
    assert bad.artifact == image(7)
    assert bad.turned.to == "denied"
    assert scanned in bad.reasons[0].entries
    world.vex(7)
    assert world.rounds()[0] == 1
    assert [turn.turned.to for turn in world.told] == ["denied", "allowed"]
    assert world.told[1].was is not None
