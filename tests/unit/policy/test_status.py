"""``policy status``: what runs and what was signed of it, with a watch and without one."""

import pytest

from tests.watched_world import SBOM, World, image, policy
from wherefrom.errors import Malformed, NotFound


@pytest.fixture
def world(tmp_path):
    with World(tmp_path / "d") as world:
        yield world


def test_without_a_watch_it_tells_what_the_gate_signed(world):
    world.deploy("cart", 1)
    world.deploy("till", 2)
    world.sbom(1)
    world.use(policy(SBOM), "prod")
    status = world.status()
    assert (status.denied, status.allowed, status.unjudged) == (0, 0, 2)
    world.ask_the_gate(1)
    world.ask_the_gate(2)
    status = world.status()
    assert (status.denied, status.allowed, status.unjudged) == (1, 1, 0)
    first = status.running[0]
    assert (first.artifact, first.allowed, first.turned) == (image(2), False, None)
    assert [reason.rule for reason in first.failing] == ["sbom"]
    assert status.watch is None


def test_what_was_in_force_and_signed_is_told_as_of_a_size_and_at_a_time(world):
    world.deploy("cart", 1)
    before = world.log.refresh().size
    world.use(policy(SBOM), "prod")
    unjudged = world.log.refresh().size
    world.ask_the_gate(1)
    assert (world.status().denied, world.status().unjudged) == (1, 0)
    assert world.status(as_of=before).policies == []
    then = world.status(as_of=unjudged)
    assert (then.as_of, then.denied, then.unjudged, then.watch) == (unjudged, 0, 1, None)
    assert world.status(at="2020-01-01T00:00:00Z").running == []
    with pytest.raises(NotFound, match="never of this size"):
        world.status(as_of=10_000)
    with pytest.raises(Malformed, match="at"):
        world.status(at="yesterday")


def test_a_summary_by_another_policy_or_for_another_place_says_nothing_here(world):
    world.deploy("cart", 1)
    world.use(policy(SBOM, version="2"), "prod")
    world.ask_the_gate(1, policy=policy(SBOM))
    world.ask_the_gate(1, environment="test", policy=policy(SBOM, version="2"))
    assert world.status().unjudged == 1


def test_denied_comes_first_and_production_first_and_all_are_counted(world):
    for number in range(3):
        world.deploy(f"s{number}", number, "a-test")
        world.deploy(f"s{number}", number, "prod")
    world.sbom(0)
    world.use(policy(SBOM), "prod", "a-test")
    world.rounds()
    status = world.status()
    assert [(one.allowed, one.environment) for one in status.running] == [
        (False, "prod"), (False, "prod"), (False, "a-test"), (False, "a-test"),
        (True, "prod"), (True, "a-test"),
    ]  # fmt: skip
    some = world.status(limit=2)
    assert (len(some.running), some.truncated, some.denied) == (2, True, 4)
    assert world.status("a-test").denied == 2
    with pytest.raises(Malformed, match="not a limit"):
        world.status(limit=0)


def test_what_was_signed_and_counts_no_longer_is_overdue(world):
    world.deploy("cart", 1)
    world.use(policy(SBOM, valid="1h"), "prod")
    world.rounds()
    assert not world.status().running[0].overdue
    world.ahead += world.hours(2)
    assert world.status().running[0].overdue


def test_somebody_elses_summary_is_not_ours(world):
    world.deploy("cart", 1)
    said = policy(SBOM)
    world.use(said, "prod")
    statement = world.summary(1, said)
    world.sign(statement.replace(b"FAILED", b"PASSED"))
    assert world.status().unjudged == 1


def test_an_artifact_that_is_denied_is_marked_where_it_runs_and_only_there(world):
    world.deploy("cart", 1)
    world.deploy("cart", 1, "test")
    world.deploy("till", 2)
    world.sbom(2)
    world.use(policy(SBOM), "prod")
    world.rounds()
    marks = {(p.environment, p.service): p.declared.marks for p in world.running()}
    assert marks == {("prod", "cart"): ("denied",), ("test", "cart"): (), ("prod", "till"): ()}
    assert world.running("prod/cart")[0].declared.denied == world.status().running[0].turned
    assert not any(place.drift for place in world.running("prod", slots=("denied",)))
    size = world.log.refresh().size
    world.sbom(1)
    world.rounds()
    assert world.running("prod/cart")[0].declared.marks == ()
    assert world.running("prod/cart", as_of=size)[0].declared.marks == ("denied",)
