"""Which policy decides where: the newest word of those who may say so."""

import pytest

from tests.watched_world import SBOM, SCANNED, World, image, key_id, policy
from wherefrom.errors import Ambiguous, Malformed
from wherefrom.formats import in_force
from wherefrom.formats.policy import Signer
from wherefrom.formats.watch_settings import WatchSettings, parse
from wherefrom.policy.gate import GateRequest, Question

ONE, TWO = policy(SBOM), policy(SBOM, SCANNED, version="2")


@pytest.fixture
def world(tmp_path):
    with World(tmp_path / "d") as world:
        yield world


def standing(world):
    world.fold()
    return {one.environment: one.policy for one in world.gate.in_force()}


def test_the_newest_word_holds_in_each_environment(world):
    world.use(ONE, "prod", "test")
    world.use(TWO, "prod")
    assert standing(world) == {"prod": TWO.digest, "test": ONE.digest}


def test_the_gate_asks_by_the_policy_in_force_where_none_is_named(world):
    world.sbom(1)
    world.use(ONE, "prod")
    world.fold()
    asked = GateRequest(artifact=image(1), environment="prod")
    assert world.gate.prepare(asked).verdict.digest == ONE.digest
    (verdict,) = world.gate.decide(Question(artifacts=(image(1),), environment="prod")).verdicts
    assert verdict.allowed
    with pytest.raises(Ambiguous, match="no policy is in force in test"):
        world.gate.prepare(GateRequest(artifact=image(1), environment="test"))


def test_a_question_about_the_past_is_asked_by_the_policy_of_then(world):
    world.sbom(1)
    world.use(ONE, "prod")
    size = world.log.refresh().size
    world.use(TWO, "prod")
    world.fold()
    asked = Question(artifacts=(image(1),), environment="prod", as_of=size)
    assert world.gate.decide(asked).verdicts[0].digest == ONE.digest


def test_a_stranger_puts_nothing_in_force(world):
    world.use(ONE, "prod")
    world.use(TWO, "prod", key=world.other)
    assert standing(world) == {"prod": ONE.digest}


def test_only_administrators_decide_once_there_are_any(world):
    world.trust(world.other)
    world.use(ONE, "prod", key=world.other)
    world.administrators(world.key)
    assert standing(world) == {"prod": ONE.digest}, "what was said before counts"
    world.use(TWO, "prod", key=world.other)
    assert standing(world) == {"prod": ONE.digest}
    world.use(TWO, "prod", key=world.key)
    assert standing(world) == {"prod": TWO.digest}


def test_whom_the_settings_name_decide_and_nobody_else(world):
    world.trust(world.other)
    world.write("watch.yaml", f"by: [{{key: '{key_id(world.other)}'}}]")
    world.use(ONE, "prod", key=world.other)
    world.use(TWO, "prod", key=world.key)
    assert standing(world) == {"prod": ONE.digest}


def test_a_key_that_is_revoked_said_nothing_and_the_word_before_holds_again(world):
    world.trust(world.other)
    world.use(ONE, "prod")
    world.use(TWO, "prod", key=world.other)
    assert standing(world) == {"prod": TWO.digest}
    world.revoke(world.other)
    assert standing(world) == {"prod": ONE.digest}


def test_a_word_that_is_erased_says_nothing(world):
    world.use(ONE, "prod")
    entry = world.use(TWO, "prod")
    assert standing(world) == {"prod": TWO.digest}
    world.recorder.erase(entry, reason="x", principal=world.principal)
    assert standing(world) == {"prod": ONE.digest}


def test_an_end_ends_the_policy_that_it_names_and_brings_back_none(world):
    world.use(ONE, "prod")
    world.use(TWO, "prod")
    world.use(ONE, "prod", stage="ended")
    assert standing(world) == {"prod": TWO.digest}
    world.use(TWO, "prod", stage="ended")
    assert standing(world) == {}


def test_a_policy_in_force_for_a_time_ends_by_itself(world):
    world.use(ONE, "prod", until="2027-01-01T00:00:00Z")
    world.fold()
    (found,) = world.gate.in_force()
    assert found.until == "2027-01-01T00:00:00.000000Z"
    with world.views() as (_, graph):
        later = "2027-01-01T00:00:00.000000Z"
        assert world.gate.words.standing(graph, graph.lens(), "prod", later) is None


def test_it_shows_in_what_runs_and_what_changed(world):
    world.use(ONE, "prod")
    world.use(TWO, "prod")
    changes = world.changes("prod", "gate")
    assert [(one.before, one.after) for one in changes] == [
        (ONE.digest, TWO.digest), (None, ONE.digest),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"environment": ""}, "nowhere"),
        ({"until": "2025-01-01T00:00:00Z"}, "ends before it begins"),
        ({"stage": "ended", "until": "2027-01-01T00:00:00Z"}, "an end that ends"),
        ({"stage": "paused"}, "not which policy is in force"),
        ({"since": "yesterday"}, "since"),
        ({"more": 1}, "not which policy is in force"),
        ({"reason": "x" * 2001}, "too long"),
    ],
)
def test_a_word_that_says_too_little_or_too_much_is_refused(said, says):
    word = {"stage": "in_force", "environment": "prod", "since": "2026-01-01T00:00:00Z", **said}
    with pytest.raises(Exception, match=says):
        in_force.parse(word)


def test_the_settings_say_who_decides_and_what_is_production():
    said = parse(b"production: [live]\nby: [{identity: 'a*', issuer: x}]", where="watch.yaml")
    assert said == WatchSettings(by=(Signer(identity="a*", issuer="x"),), production=("live",))
    assert said.rank("live") < said.rank("a")
    assert parse(b"", where="watch.yaml") == WatchSettings()


@pytest.mark.parametrize(
    "text", ["by: [{}]", "by: [{identity: a}]", "nothing: 1", "production: prod", "[]"]
)
def test_settings_that_are_wrong_are_refused(text):
    with pytest.raises(Malformed):
        parse(text.encode(), where="watch.yaml")
