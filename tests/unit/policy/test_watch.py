"""The watch: whatever changes what a policy says of something that runs is noticed, once."""

from datetime import timedelta

import pytest

from tests.watched_world import SBOM, SCANNED, World, image, key_id, policy
from wherefrom.errors import Unavailable
from wherefrom.formats import turned
from wherefrom.formats.timestamps import to_text


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


def test_one_touched_among_a_thousand_costs_one_decision(world):
    for number in range(1_000):
        world.deploy(f"s{number}", number)
    world.sbom(500, "pkg:npm/a@1")
    world.use(policy(SBOM, SCANNED), "prod")
    world.rounds()
    world.scan(500)
    assert world.rounds()[0] == 1


def test_what_others_share_concerns_nobody_when_it_is_only_named(world):
    for number in range(5):
        world.deploy(f"s{number}", number)
        world.built(number)
        world.sbom(number, "pkg:npm/shared@1", "pkg:npm/needed@1", f"pkg:npm/own@{number}")
        world.scan(number, "low", purl="pkg:npm/shared@1")
    world.use(policy(SBOM, SCANNED), "prod")
    world.rounds()
    # The same builder, packages, dependencies, the same CVE: of an image that does not run.
    world.built(99)
    world.sbom(99, "pkg:npm/shared@1", "pkg:npm/needed@1")
    world.scan(99, "critical", purl="pkg:npm/shared@1")
    assert world.rounds() == (0, 0)


def test_a_key_that_is_revoked_turns_bad_what_it_vouched_for(world):
    world.trust(world.other)
    for number in range(6):
        world.deploy(f"s{number}", number)
        world.sbom(number, key=world.other if number < 2 else None)
    world.use(policy(SBOM), "prod")
    world.rounds()
    assert not world.told
    world.revoke(world.other)
    assert world.rounds()[0] == 2
    assert {turn.artifact for turn in world.told} == {image(0), image(1)}


def test_a_stricter_policy_is_asked_of_all_that_runs_there(world):
    for number in range(4):
        world.deploy(f"s{number}", number)
        world.sbom(number)
    world.deploy("s0", 0, "test")
    world.use(policy(SBOM), "prod", "test")
    world.rounds()
    stricter = policy(SBOM, SCANNED, version="2")
    world.use(stricter, "prod")
    assert world.rounds()[0] == 4
    assert {t.turned.policy for t in world.told} == {stricter.digest}
    assert world.stands()["test", image(0)]


def test_a_new_sbom_makes_good_what_lacked_one(world):
    world.deploy("cart", 1)
    world.use(policy(SBOM), "prod")
    world.rounds()
    world.sbom(1)
    world.rounds()
    assert [turn.turned.to for turn in world.told] == ["denied", "allowed"]
    assert world.stands() == {("prod", image(1)): True}


def test_a_record_that_is_erased_proves_nothing_any_more(world):
    world.deploy("cart", 1)
    entry = world.sbom(1)
    world.use(policy(SBOM), "prod")
    world.rounds()
    world.recorder.erase(entry, reason="asked to", principal=world.principal)
    assert world.rounds()[0] == 1
    assert [turn.turned.to for turn in world.told] == ["denied"]


def test_what_is_too_old_turns_bad_when_its_time_is_over_and_not_before(world):
    world.deploy("cart", 1)
    world.sbom(1)
    world.use(policy({**SBOM, "within": "3h"}, valid="30d"), "prod")
    world.rounds()
    world.ahead += timedelta(hours=2)
    assert world.rounds() == (0, 0)
    world.ahead += timedelta(hours=2)
    assert world.rounds()[0] == 1
    assert [turn.turned.to for turn in world.told] == ["denied"]


def test_a_verdict_is_renewed_when_it_ends(world):
    world.deploy("cart", 1)
    world.sbom(1)
    world.use(policy(SBOM, valid="2h"), "prod")
    world.rounds()
    first = world.status().running[0].entry
    world.ahead += timedelta(hours=3)
    assert world.rounds() == (1, 1)
    assert world.status().running[0].entry > first


def test_an_exception_counts_until_it_ends(world):
    world.deploy("cart", 1)
    boss = key_id(world.key)
    terms = {"by": [{"key": boss}], "longest": "2d",
             "break_glass": {"by": [{"key": boss}], "longest": "4h"}}  # fmt: skip
    world.use(policy(SBOM, valid="30d", exceptions=terms), "prod")
    world.rounds()
    world.break_glass(1, "sbom", hours=3)
    world.rounds()
    assert [turn.turned.to for turn in world.told] == ["denied", "allowed"]
    world.ahead += timedelta(hours=4)
    assert world.rounds()[0] == 1
    assert [turn.turned.to for turn in world.told] == ["denied", "allowed", "denied"]


def test_another_trusted_root_takes_back_what_only_the_old_one_proves(world):
    """A verdict record, as ``verdicts renew`` writes it for what a root no longer proves."""
    world.deploy("cart", 1)
    entry = world.sbom(1)
    world.use(policy(SBOM), "prod")
    world.rounds()
    world.judge_anew(entry, "channel")
    assert world.rounds()[0] == 1
    assert [turn.turned.to for turn in world.told] == ["denied"]


def test_what_a_stranger_says_of_a_name_counts_once_he_is_trusted(world):
    """The link by which an index vouches for its platform was not believed when it was looked."""
    world.deploy("cart", 2)
    world.sbom(1)
    world.contains(1, 2, key=world.other)
    world.use(policy(SBOM), "prod")
    world.rounds()
    assert world.stands() == {("prod", image(2)): False}
    world.trust(world.other)
    world.rounds()
    assert world.stands() == {("prod", image(2)): True}


def test_production_is_looked_at_first_and_a_bounded_number_at_once(world):
    for number in range(6):
        world.deploy(f"s{number}", number, "a-test")
        world.deploy(f"s{number}", number + 100, "prod")
    world.use(policy(SBOM), "a-test", "prod")
    done = world.round(decisions_max=6)
    assert (done.decided, done.waiting) == (6, 6)
    assert {turn.turned.environment for turn in world.told} == {"prod"}
    world.rounds()
    assert len(world.told) == 12


def test_one_cause_is_told_once_with_every_place(world):
    world.deploy("cart", 1, "prod")
    world.deploy("cart", 1, "test")
    world.use(policy(SBOM), "prod", "test")
    world.rounds()
    (turn,) = world.told
    assert turn.turned.environment == "prod"
    assert [(p.environment, p.service) for p in turn.places] == [("prod", "cart"), ("test", "cart")]
    world.sbom(1)
    world.rounds()
    assert [turn.turned.to for turn in world.told] == ["denied", "allowed"]


def test_what_is_denied_and_runs_no_more_is_no_longer_open(world):
    world.deploy("cart", 1)
    world.use(policy(SBOM), "prod")
    world.rounds()
    world.deploy("cart", None)
    world.rounds()
    assert [turn.turned.to for turn in world.told] == ["denied", "gone"]
    assert world.stands() == {}
    world.restart()
    assert world.rounds() == (0, 0)


def test_what_went_while_nobody_watched_is_closed_at_the_next_start(world):
    world.deploy("cart", 1)
    world.use(policy(SBOM), "prod")
    world.rounds()
    world.deploy("cart", None)
    world.restart()
    world.rounds()
    assert [turn.turned.to for turn in world.told] == ["denied", "gone"]


def test_what_is_seen_counts_before_what_is_declared(world):
    world.deploy("cart", 1)
    world.deploy("cart", 2, mode="observed")
    world.use(policy(SBOM), "prod")
    world.rounds()
    assert world.stands() == {("prod", image(2)): False}
    world.deploy("cart", 1, mode="observed")
    world.rounds()
    assert world.stands() == {("prod", image(1)): False}


def test_an_environment_whose_policy_ends_is_watched_no_more(world):
    world.deploy("cart", 1)
    said = policy(SBOM)
    world.use(said, "prod")
    world.rounds()
    world.use(said, "prod", stage="ended")
    world.rounds()
    assert [turn.turned.to for turn in world.told] == ["denied", "gone"]
    world.sbom(1)
    assert world.rounds() == (0, 0)


@pytest.mark.parametrize("step", ["sign", "tell", "turn"])
def test_a_crash_between_two_steps_loses_no_turn_and_writes_nothing_twice(world, step):
    world.deploy("cart", 1)
    world.use(policy(SBOM), "prod")
    world.fail_at(step)
    with pytest.raises(Unavailable):
        world.rounds()
    told = len(world.told)
    world.fail_at(None)
    world.restart()
    world.rounds()
    assert len(world.told) in (told, told + 1)
    assert {turn.artifact for turn in world.told} == {image(1)}
    kinds = world.types()
    assert kinds.count("urn:wherefrom:turned:v1") == 1
    assert kinds.count("https://slsa.dev/verification_summary/v1") == 1


def test_a_signature_that_fails_is_tried_again_by_the_same_watch(world):
    world.deploy("cart", 1)
    world.use(policy(SBOM), "prod")
    for step in ("sign", "tell", "turn"):
        world.fail_at(step)
        with pytest.raises(Unavailable):
            world.rounds()
    world.fail_at(None)
    world.rounds()
    assert world.types().count("urn:wherefrom:turned:v1") == 1
    assert world.status().running[0].turned is not None


def test_what_cannot_be_judged_is_said_once_and_holds_up_nobody(world):
    world.deploy("cart", "registry.example/without-a-digest:1")
    world.deploy("till", 2)
    world.use(policy(SBOM), "prod")
    world.rounds()
    world.sbom(3)
    world.rounds()
    (trouble,) = world.troubles
    assert "without-a-digest" in trouble
    assert "no digest names it" in trouble
    status = world.status()
    assert (status.denied, status.unjudged) == (1, 1)


def test_views_made_anew_are_looked_at_anew(world):
    world.deploy("cart", 1)
    world.use(policy(SBOM), "prod")
    world.rounds()
    size = world.log.refresh().size
    world.rebuild_at(3)
    world.watch.round()
    assert world.watch.size == 0
    world.rounds()
    assert world.log.refresh().size == size


def test_a_stranger_closes_nothing(world):
    world.deploy("cart", 1)
    said = policy(SBOM)
    world.use(said, "prod")
    world.rounds()
    lie = turned.Turned(
        to="allowed", environment="prod", at=to_text(world.clock()), policy=said.digest
    )
    world.sign(turned.to_statement(lie, image(1)), world.other)
    world.restart()
    world.rounds()
    assert [turn.turned.to for turn in world.told] == ["denied"]
    assert world.status().running[0].turned is not None


def test_a_rule_more_or_less_that_fails_is_told_though_it_stays_denied(world):
    world.deploy("cart", 1)
    world.use(policy(SBOM, SCANNED), "prod")
    world.rounds()
    world.sbom(1)
    world.rounds()
    assert [turn.turned.rules for turn in world.told] == [("sbom", "scanned"), ("scanned",)]
    assert [turn.turned.to for turn in world.told] == ["denied", "denied"]
    (one,) = world.status().running
    assert [reason.rule for reason in one.failing] == ["scanned"]


def test_what_runs_by_a_name_is_judged_as_what_the_name_means_now(world):
    name = "registry.example/shop/cart:1"
    world.tag(1, name)
    world.sbom(1)
    world.deploy("cart", name)
    world.use(policy(SBOM), "prod")
    world.rounds()
    assert world.stands() == {("prod", image(1)): True}
    world.tag(2, name)
    world.rounds()
    assert world.stands() == {("prod", image(2)): False}
    (place,) = world.running("prod/cart")
    assert "denied" in place.declared.marks


def test_what_only_an_erased_record_deployed_runs_no_more(world):
    world.use(policy(SBOM), "prod")
    entry = world.deploy("cart", 1)
    world.deploy("till", 2)
    world.rounds()
    world.recorder.erase(entry, reason="x", principal=world.principal)
    world.rounds()
    assert world.stands() == {("prod", image(2)): False}
    assert [turn.turned.to for turn in world.told] == ["denied", "denied", "gone"]


def test_a_service_key_that_may_sign_less_is_let_sign_what_the_watch_says(world):
    """A log of an earlier version, whose key signs summaries and policies."""
    world.limit_service_key("https://slsa.dev/verification_summary/v1", "urn:wherefrom:policy:v1")
    world.deploy("cart", 1)
    world.use(policy(SBOM), "prod")
    world.rounds()
    assert world.status().running[0].turned is not None


def test_a_round_that_breaks_off_is_begun_again(world, monkeypatch):
    world.deploy("cart", 1)
    world.use(policy(SBOM), "prod")

    def broken(*_, **__):
        raise Unavailable("the estate is gone for a moment")

    with monkeypatch.context() as patched:
        patched.setattr("wherefrom.policy.watch.what_runs", broken)
        with pytest.raises(Unavailable):
            world.round()
    world.rounds()
    assert world.stands() == {("prod", image(1)): False}
