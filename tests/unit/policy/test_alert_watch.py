"""The watch over alerts: one a root, of the log's own word, told once, whatever restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.watched_world import SBOM, SCANNED, World, image, key_id, policy
from wherefrom.capture import changes
from wherefrom.collect.principals import Principal, producer_of
from wherefrom.errors import Unavailable
from wherefrom.formats import incident as incidents
from wherefrom.formats import maintenance as maintenances
from wherefrom.formats.incident import IncidentStage
from wherefrom.formats.objectives import parse
from wherefrom.formats.series import Labels, series
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import to_text
from wherefrom.policy.alert_watch import AlertWatch
from wherefrom.query.alerts.measuring import Measuring
from wherefrom.query.alerts.signals import Covered
from wherefrom.query.measured import Measured
from wherefrom.query.word import Words
from wherefrom.views.estate import EstateReader
from wherefrom.views.graph import GraphReader
from wherefrom.views.health.alerting import Root

# The watch goes ahead of the log here, so what it says is dated in the future.
RULES = "quiet: 5m\nclock_skew: null\n"
OBJECTIVE = """
quiet: 5m
coverage_drop: null
clock_skew: null
objectives:
  - {name: cart-errors, service: cart, environment: prod, target: 99, series: errors, by: [reality]}
"""


class Memory:
    """Up to where somebody was told; it survives a restart of the watch."""

    def __init__(self):
        self.size = None

    def read(self):
        return self.size

    def move(self, size):
        self.size = size


class Covering:
    """What somebody says of coverage, at each time."""

    def __init__(self):
        self.here, self.before, self.asked = {}, {}, []

    def now(self):
        return self.here

    def then(self, at):
        self.asked.append(at)
        return self.before


class Alerting(World):
    """A world with a watch over its alerts; ``failing`` says how many answers fail, by reality."""

    def __init__(self, path, text=RULES):
        super().__init__(path)
        self.objectives = parse(text.encode(), where="objectives.yaml")
        self.cursor, self.covering = Memory(), Covering()
        self.alerts_told, self.failing, self.away = [], {}, False
        self.alerts, self.admins = None, []

    def __enter__(self):
        super().__enter__()
        self.again()
        return self

    def again(self):
        """Another watch over alerts, that knows nothing but the log."""
        self.alerts = AlertWatch(
            self.log, EstateReader(self.folder.estate_path), GraphReader(self.folder.graph_path),
            self.gate, Measuring(Measured((self._measured,)), on_trouble=self.troubles.append),
            self.cursor,
            objectives=lambda: self.objectives, sign=self._sign, tell=self._take,
            words=Words(self.log, lambda: self.admins), coverage=self.covering,
            clock=self.clock, url=lambda: "https://w.example",
            on_trouble=self.troubles.append,
        )  # fmt: skip

    def _take(self, told):
        if self._fails == "tell":
            raise Unavailable("no room")
        self.alerts_told += told

    def _measured(self, since, until):
        if self.away:
            raise Unavailable("Prometheus does not answer")
        minutes = range(int(since // 60) + 1, int(until // 60) + 1)
        found = []
        for reality, (requests, rate) in self.failing.items():
            labels = Labels("prod", "cart", identity=reality)
            found += [
                series(labels, "requests", {m * 60.0: requests for m in minutes}),
                series(labels, "success_rate", {m * 60.0: 1 - rate for m in minutes}),
            ]
        return found

    def look(self, minutes=0):
        """A round of the watch over alerts, so much later."""
        self.ahead += timedelta(minutes=minutes)
        self.fold()
        done = self.alerts.round()
        self.fold()
        return done

    def said(self):
        """What was told: stage, severity, root."""
        return [
            (one.stage.stage, one.stage.alert.severity, one.stage.alert.root)
            for one in self.alerts_told
        ]

    def catch_up(self):
        while True:
            self.look()
            if not self.alerts._measuring.is_behind():
                return

    def declare(self, service="", *, hours=1, reason="update"):
        now = to_text(self.clock())
        said = maintenances.Maintenance(
            maintenance=maintenances.maintenance_id("prod", service, at=now, since=now),
            stage="declared", at=now, environment="prod", service=service, since=now,
            until=to_text(self.clock() + timedelta(hours=hours)), reason=reason,
        )  # fmt: skip
        self.sign(maintenances.to_statement(said))
        return said


@pytest.fixture
def world(tmp_path):
    with Alerting(tmp_path / "d") as world:
        yield world


def digest(number):
    return Root("digest", image(number))


def bad(world, *numbers, environment="prod"):
    """These run, and what vouched for them is taken back."""
    for number in numbers:
        world.deploy(f"s{number}", number, environment)
        world.built(number, key=world.other)
    world.look()


# -- evidence


def test_a_running_artifact_whose_proof_is_lost_is_paged_at_once_and_once(world):
    world.trust(world.other)
    bad(world, 1)
    assert world.said() == []
    world.revoke(world.other)
    assert world.look() == 1
    assert world.said() == [("opened", "page", digest(1))]
    (told,) = world.alerts_told
    assert told.stage.entries, "the records that no longer count"
    assert told.stage.alert.environment == "prod"
    for _ in range(5):
        assert world.look(1) == 0
    assert len(world.alerts_told) == 1


def test_many_whose_proof_went_with_one_key_are_one_alert_until_all_are_mended(world):
    world.trust(world.other)
    bad(world, 1, 2, 3)
    world.revoke(world.other)
    assert world.look() == 1
    root = Root("change", key_id(world.other))
    assert world.said() == [("opened", "page", root)]
    stage = world.alerts_told[0].stage
    assert stage.alert.title.startswith("3 artifacts that run lost their proof: key ")
    assert all(image(number) in stage.text for number in (1, 2, 3))
    assert len(stage.entries) == 3
    for number in (1, 2):
        world.built(number)
        for _ in range(3):
            assert world.look(5) == 0
    world.built(3)
    world.look(1)
    world.look(5)
    assert world.said()[1:] == [("closed", "page", root)]


def test_what_is_open_keeps_its_root_though_more_is_lost_to_the_same_key(world):
    world.trust(world.other)
    bad(world, 1)
    world.built(2, key=world.other)
    world.revoke(world.other)
    world.look()
    world.deploy("s2", 2)
    assert world.look() == 1
    assert world.said() == [("opened", "page", digest(1)), ("opened", "page", digest(2))]


def test_what_a_policy_denies_too_is_told_with_what_took_its_proof(world):
    world.trust(world.other)
    bad(world, 1, 2)
    world.use(policy({"name": "built", "needs": "provenance"}), "prod")
    world.rounds()
    assert world.look() == 0
    world.revoke(world.other)
    world.rounds()
    world.look(1)
    root = Root("change", key_id(world.other))
    assert {said[2] for said in world.said()} == {root}


def test_it_ends_when_it_is_vouched_for_again(world):
    world.trust(world.other)
    bad(world, 1)
    world.revoke(world.other)
    world.look()
    world.built(1)
    world.look(1)
    assert world.said()[1:] == []
    world.look(5)
    assert world.said()[1:] == [("closed", "page", digest(1))]
    assert world.alerts.standing()[0][3] is not None, "an Alertmanager is told for a while"
    world.look(6)
    assert world.alerts.standing() == []


def test_elsewhere_than_in_production_it_is_a_ticket(world):
    world.trust(world.other)
    bad(world, 1, environment="test")
    world.revoke(world.other)
    world.look()
    assert world.said() == [("opened", "ticket", digest(1))]


def test_what_nobody_vouched_for_and_what_does_not_run_is_no_failure_of_integrity(world):
    world.trust(world.other)
    world.deploy("cart", 1)
    world.built(2, key=world.other)
    world.revoke(world.other)
    assert world.look() == 0


def test_a_policy_that_denies_what_runs_is_one_alert_of_the_artifact_too(world):
    world.deploy("cart", 1)
    world.scan(1)
    world.use(policy(SBOM, SCANNED), "prod")
    world.rounds()
    world.look()
    assert world.said() == [("opened", "page", digest(1))]
    assert "sbom does not hold" in world.alerts_told[0].stage.text
    world.sbom(1)
    world.rounds()
    world.look(1)
    world.look(5)
    assert world.said()[1:] == [("closed", "page", digest(1))]


def test_a_scan_that_finds_something_is_no_failure_of_evidence(world):
    world.deploy("cart", 1)
    world.scan(1, "critical")
    world.use(policy(SCANNED), "prod")
    world.rounds()
    world.look()
    assert world.said() == [("opened", "ticket", digest(1))]
    assert world.alerts_told[0].stage.alert.rule == "denied"


def test_without_the_rule_nothing_is_looked_at(world):
    world.objectives = parse(b"integrity: false", where="o")
    world.trust(world.other)
    bad(world, 1)
    world.revoke(world.other)
    assert world.look() == 0


# -- the log is its state


def test_a_restart_repeats_nothing_and_forgets_nothing(world):
    world.trust(world.other)
    bad(world, 1)
    world.revoke(world.other)
    world.look()
    for _ in range(3):
        world.again()
        assert world.look(1) == 0
    assert world.said() == [("opened", "page", digest(1))]
    world.built(1)
    world.again()
    world.look(1)
    world.look(5)
    assert [stage for stage, *_ in world.said()] == ["opened", "closed"]
    world.again()
    assert world.look(1) == 0
    assert len(world.said()) == 2


@pytest.mark.parametrize("step", ["sign", "tell"])
def test_a_crash_between_recording_and_telling_loses_nothing(world, step):
    world.trust(world.other)
    bad(world, 1)
    world.revoke(world.other)
    world.fail_at(step)
    with pytest.raises(Unavailable):
        world.look()
    assert world.alerts_told == []
    world.fail_at(None)
    world.fold()
    world.again()
    world.look()
    world.look()
    assert world.said() == [("opened", "page", digest(1))]
    records = [t for t in world.types() if t == incidents.PREDICATE_TYPE]
    assert len(records) == 1


def test_what_is_written_and_not_in_the_views_yet_is_not_written_again(world):
    world.trust(world.other)
    bad(world, 1)
    world.revoke(world.other)
    world.fold()
    assert world.alerts.round() == 1
    assert world.alerts.round() == 0
    world.again()
    assert world.alerts.round() == 0
    world.fold()
    assert world.alerts.round() == 0


def test_one_that_a_person_closes_ends_everywhere_and_opens_again_if_it_still_holds(world):
    world.trust(world.other)
    bad(world, 1)
    world.revoke(world.other)
    world.look()
    alert = world.alerts_told[0].stage.alert
    said = IncidentStage(
        incident=alert.incident, stage="closed", at=to_text(world.clock()),
        environment=alert.environment, service=alert.service, text="looked at",
    )  # fmt: skip
    world.built(1)
    world.record(incidents.to_statement(said))
    world.look()
    assert world.said() == [("opened", "page", digest(1)), ("closed", "page", digest(1))]
    assert world.look(10) == 0, "the rule does not hold any more, and it is closed"


def test_a_view_that_has_part_of_what_came_since_opens_nothing_again(world):
    world.trust(world.other)
    bad(world, 1)
    world.revoke(world.other)
    world.fold()
    world.deploy("till", 2)  # the views have not read this, nor the alert
    assert world.alerts.round() == 1
    size = world.log.refresh().size
    world.rebuild_at(size - 1)
    assert world.alerts.round() == 0
    world.rebuild_at(size)
    assert world.look(1) == 0
    assert world.said() == [("opened", "page", digest(1))]


def test_a_stranger_cannot_open_an_alert_in_our_name(world):
    world.look()
    said = IncidentStage(
        incident="incident:wherefrom:integrity-x@2026-01-01T00:00:00Z", stage="opened",
        at=to_text(world.clock()), environment="prod", title="x", severity="page",
        rule="integrity", root=incidents.Root("service", "prod/cart"),
    )  # fmt: skip
    world.sign(incidents.to_statement(said))
    world.look()
    world.look(10)
    assert world.said() == []
    assert [t for t in world.types() if t == incidents.PREDICATE_TYPE] == [incidents.PREDICATE_TYPE]


def test_nothing_of_before_there_were_alerts_is_told(world):
    world.cursor.size = None
    world.look()
    assert world.cursor.size == world.log.refresh().size


def dated(world, seconds):
    """A record that is dated so far from now."""
    at = to_text(datetime.now(UTC) + timedelta(seconds=seconds))
    states = [{"slot": "flag", "name": "f", "value": at}]
    said = changes.estate(
        "observed", Scope("prod", "shop"), states, all_of=[], at=at, source="/ci/shop"
    )
    (entry,) = world.record(said)
    return entry


@pytest.fixture
def clocks(tmp_path):
    with Alerting(tmp_path / "d", "quiet: 5m\n") as world:
        yield world


def test_a_producer_whose_clock_is_ahead_is_a_ticket_once(clocks):
    world = clocks
    dated(world, -60)
    dated(world, 5)  # as a clock that nobody keeps well
    assert world.look() == 0
    dated(world, 3600)
    newest = dated(world, 1800)
    assert world.look() == 1
    (told,) = world.alerts_told
    alert = told.stage.alert
    assert (alert.rule, alert.severity) == ("clock-skew", "ticket")
    assert alert.root == Root("producer", "local:0")
    assert told.stage.entries == (newest,)
    assert "dated 3 of " in told.stage.text
    assert "ahead at least 3600 s" in told.stage.text
    assert world.look(minutes=1) == 0


def test_it_ends_when_no_record_of_two_hours_is_dated_in_the_future(clocks):
    world = clocks
    dated(world, 3600)
    world.look()
    world.look(minutes=121)
    world.look(minutes=16)
    assert [what for what, _, _ in world.said()] == ["opened", "closed"]


@pytest.mark.parametrize(("rule", "tells"), [("{ahead: 1s}", 1), ("{ahead: 2h}", 0), ("null", 0)])
def test_how_far_a_clock_may_be_ahead_is_said_in_the_file(tmp_path, rule, tells):
    with Alerting(tmp_path / "d", f"clock_skew: {rule}\n") as world:
        dated(world, 5)
        assert world.look() == tells


def test_off_without_a_file(world):
    world.objectives = None
    world.trust(world.other)
    bad(world, 1)
    world.revoke(world.other)
    assert not world.alerts.is_due()
    assert world.look() == 0


def test_views_that_are_made_anew_make_no_other_alerts(world):
    world.trust(world.other)
    bad(world, 1)
    world.revoke(world.other)
    world.look()
    size = world.log.refresh().size
    world.rebuild_at(3)
    assert world.alerts.round() == 0
    world.rebuild_at(size)
    assert world.look(1) == 0
    assert world.look(1) == 0
    assert len(world.said()) == 1


# -- maintenance


def test_a_maintenance_is_silent_and_what_still_holds_after_it_is_told_then(world):
    world.trust(world.other)
    bad(world, 1)
    world.declare("s1")
    world.revoke(world.other)
    assert world.look() == 1, "it is recorded"
    assert world.said() == []
    assert world.alerts.standing() == []
    assert world.look(30) == 0
    world.again()
    assert world.look(1) == 0
    world.look(60)
    assert world.said() == [("noted", "page", digest(1))]
    assert world.alerts_told[0].was == ""
    world.again()
    assert world.look(1) == 0
    assert world.alerts.standing()[0][0].severity == "page"


def test_what_is_over_before_the_maintenance_is_tells_nobody(world):
    world.trust(world.other)
    bad(world, 1)
    world.declare()
    world.revoke(world.other)
    world.look()
    world.built(1)
    world.look(1)
    assert world.look(5) == 1
    assert world.said() == []


def test_a_maintenance_of_another_service_silences_nothing(world):
    world.trust(world.other)
    bad(world, 1)
    world.declare("s2")
    world.revoke(world.other)
    world.look()
    assert world.said() == [("opened", "page", digest(1))]


def test_a_maintenance_that_is_ended_is_over(world):
    said = world.declare()
    ended = maintenances.Maintenance(
        maintenance=said.maintenance, stage="ended", at=to_text(world.clock()), environment="prod"
    )
    world.sign(maintenances.to_statement(ended))
    world.trust(world.other)
    bad(world, 1)
    world.revoke(world.other)
    world.look(1)
    assert world.said() == [("opened", "page", digest(1))]


# -- coverage

CART = ("prod", "cart")


def dropped(world, now, before, *, is_released=True, environment="prod"):
    world.objectives = parse(
        b"quiet: 5m\nclock_skew: null\nintegrity: false\ncoverage_drop: {lasting: null}", where="o"
    )
    if is_released:
        world.deploy("cart", 1, environment)
    place = (environment, "cart")
    world.covering.here = {place: Covered(now, 4)}
    world.covering.before = {place: Covered(before, 4)}


def test_coverage_that_drops_after_a_release_is_critical_for_that_release(world):
    dropped(world, 0.5, 1.0)
    world.look()
    assert world.said() == [("opened", "page", digest(1))]
    (told,) = world.alerts_told
    assert "after the release of" in told.stage.alert.title
    assert told.stage.entries
    assert "50 %" in told.stage.text
    assert "100 %" in told.stage.text


def test_papers_that_come_a_little_later_wake_nobody(world):
    dropped(world, 0.5, 1.0)
    world.objectives = parse(b"quiet: 5m\nclock_skew: null\nintegrity: false", where="o")
    for _ in range(4):
        assert world.look(1) == 0
    world.covering.here = {CART: Covered(1.0, 4)}
    assert world.look(1) == 0
    world.covering.here = {CART: Covered(0.5, 4)}
    for _ in range(5):
        assert world.look(1) == 0, "it begins anew"
    assert world.look(1) == 1
    world.again()
    world.look(1)
    assert world.look(20) == 0, "what is open goes on after a restart"
    assert len(world.said()) == 1


def test_coverage_that_goes_with_the_proof_of_what_runs_is_told_by_that_alone(world):
    world.objectives = parse(
        b"quiet: 5m\nclock_skew: null\ncoverage_drop: {lasting: null}", where="o"
    )
    world.trust(world.other)
    bad(world, 1)
    world.ahead += timedelta(hours=3)  # what is looked at now is no release any more
    place = ("prod", "s1")
    world.covering.here = {place: Covered(0.0, 1)}
    world.covering.before = {place: Covered(1.0, 1)}
    world.revoke(world.other)
    world.look()
    world.built(1)
    world.look(1)
    world.look(2)
    world.covering.here = {place: Covered(1.0, 1)}
    world.look(2)
    world.look(10)
    assert world.said() == [("opened", "page", digest(1)), ("closed", "page", digest(1))]


def test_without_a_release_it_is_a_ticket_of_the_service(world):
    dropped(world, 0.5, 1.0, is_released=False)
    world.look()
    assert world.said() == [("opened", "ticket", Root("service", "prod/cart"))]


def test_elsewhere_a_release_that_loses_coverage_is_a_ticket(world):
    dropped(world, 0.5, 1.0, environment="test")
    world.look()
    assert [severity for _, severity, _ in world.said()] == ["ticket"]


def test_a_small_drop_is_none_and_an_open_one_ends_at_half_of_what_opens_it(world):
    dropped(world, 0.95, 1.0)
    assert world.look() == 0
    world.covering.here = {CART: Covered(0.89, 4)}
    assert world.look(1) == 1
    world.covering.here = {CART: Covered(0.94, 4)}
    world.look(1)
    assert world.look(10) == 0, "6 points are still more than half of 10"
    world.covering.here = {CART: Covered(0.96, 4)}
    world.look(1)
    assert world.look(5) == 1
    assert [stage for stage, *_ in world.said()] == ["opened", "closed"]


def test_a_drop_is_seen_among_a_thousand_services_that_never_had_a_chain(world):
    others = {("prod", f"a{number}"): Covered(0.0, 1) for number in range(1_000)}
    world.covering.here = {**others, CART: Covered(0.5, 4)}
    world.covering.before = {**others, CART: Covered(1.0, 4)}
    world.look()
    world.look(301)
    assert [(stage, severity) for stage, severity, *_ in world.said()] == [("opened", "ticket")]


def test_an_open_drop_is_held_against_what_was_before_it_however_long_it_lasts(world):
    dropped(world, 0.5, 1.0)
    world.look()
    opened = world.clock()
    for _ in range(30):
        assert world.look(10) == 0
    asked = max(world.covering.asked)
    assert asked <= to_text(opened - timedelta(minutes=59))
    world.again()
    assert world.look(10) == 0
    assert len(world.said()) == 1


# -- objectives


def test_a_canary_that_burns_pages_though_the_fleet_does_not(tmp_path):
    with Alerting(tmp_path / "d", OBJECTIVE) as world:
        world.failing = {"sha256:aa": (980, 0.0), "sha256:cc": (20, 0.5)}
        world.catch_up()
        (told,) = world.alerts_told
        assert (told.stage.alert.severity, told.stage.alert.root) == (
            "page", Root("service", "prod/cart"),
        )  # fmt: skip
        assert "sha256:cc 50.0 times too fast" in told.stage.text
        assert "sha256:aa" not in told.stage.text
        world.failing = {"sha256:aa": (1000, 0.0)}
        for _ in range(8):
            world.look(60 * 12)
            world.catch_up()
        world.look(10)
        world.look(10)
        assert [stage for stage, *_ in world.said()] == ["opened", "closed"]


def test_what_cannot_be_measured_closes_nothing(tmp_path):
    with Alerting(tmp_path / "d", OBJECTIVE) as world:
        world.failing = {"sha256:aa": (1000, 0.5)}
        world.catch_up()
        world.away = True
        for _ in range(10):
            world.look(60 * 24)
        assert len(world.said()) == 1
        assert world.troubles == [
            "objective cart-errors is not measured: Prometheus does not answer"
        ]


# -- whose word counts


TOKEN = Principal(name="ci", roles=("record",))


def a_page(world):
    """An alert that is open and was told."""
    world.trust(world.other)
    bad(world, 1)
    world.revoke(world.other)
    world.look()
    assert world.said() == [("opened", "page", digest(1))]
    return world.alerts_told[0].stage.alert


def closing(world, alert, **changes):
    return incidents.to_statement(
        IncidentStage(
            **{"incident": alert.incident, "stage": "closed", "at": to_text(world.clock()),
               "environment": alert.environment, "service": alert.service, **changes}
        )
    )  # fmt: skip


def by_token(world, content):
    (outcome,) = world.recorder.record([content], principal=TOKEN)
    assert outcome.status == "recorded"


@pytest.mark.parametrize("restarts", [False, True])
def test_a_token_alone_ends_no_page(world, restarts):
    alert = a_page(world)
    by_token(world, closing(world, alert))
    if restarts:
        world.again()
    for _ in range(3):
        world.look(1)
    assert len(world.said()) == 1, "neither told as ended, nor opened a second time"
    assert [one.incident for one, *_ in world.alerts.standing()] == [alert.incident]
    world.sign(closing(world, alert))
    world.look(1)
    assert world.said()[1] == ("closed", "page", digest(1))


@pytest.mark.parametrize("elsewhere", [
    {"environment": "test"}, {"service": "other"}, {"name": "x"}, {"region": "eu"},
    {"at": "2001-01-01T00:00:00.000000Z"},
])  # fmt: skip
def test_a_closing_that_ends_nothing_is_not_told(world, elsewhere):
    alert = a_page(world)
    world.sign(closing(world, alert, **elsewhere))
    world.look(1)
    assert len(world.said()) == 1


def test_what_a_token_opens_in_the_place_of_an_alert_hides_it_from_nobody(world):
    alert = a_page(world)
    for where in ({"environment": "test"}, {"environment": alert.environment}):
        by_token(world, incidents.to_statement(IncidentStage(
            incident=alert.incident if "test" in where.values() else "incident:other", title="x",
            stage="opened", at=to_text(world.clock()), service=alert.service, rule="integrity",
            name=alert.incident.removeprefix("incident:wherefrom:"), **where,
        )))  # fmt: skip
    world.again()
    for _ in range(3):
        world.look(1)
    assert len(world.said()) == 1
    assert [one.incident for one, *_ in world.alerts.standing()] == [alert.incident]


def test_one_that_is_closed_by_hand_while_the_watch_is_away_is_told_as_ended(world):
    alert = a_page(world)
    world.built(1)
    world.sign(closing(world, alert))
    world.again()
    world.look(1)
    assert world.said() == [("opened", "page", digest(1)), ("closed", "page", digest(1))]


def test_a_maintenance_of_a_token_alone_silences_nothing(world):
    now = to_text(world.clock())
    said = maintenances.Maintenance(
        maintenance=maintenances.maintenance_id("prod", "", at=now, since=now), stage="declared",
        at=now, environment="prod", service="", since=now,
        until=to_text(world.clock() + timedelta(hours=1)), reason="hush",
    )  # fmt: skip
    by_token(world, maintenances.to_statement(said))
    a_page(world)


def test_a_clock_that_is_set_back_opens_and_ends_nothing(world):
    alert = a_page(world)
    world.look(-60)
    world.look(1)
    assert len(world.said()) == 1
    world.again()
    world.look(1)
    assert len(world.said()) == 1
    assert [one.incident for one, *_ in world.alerts.standing()] == [alert.incident]
    world.built(1)
    for _ in range(3):
        world.look(6)
    assert world.said()[1:] == [("closed", "page", digest(1))]


def test_an_administrators_token_ends_a_page(world):
    alert = a_page(world)
    world.built(1)
    world.admins = [producer_of(TOKEN, key=world.folder.producer_key())]
    by_token(world, closing(world, alert))
    world.look(1)
    assert world.said()[1:] == [("closed", "page", digest(1))]
