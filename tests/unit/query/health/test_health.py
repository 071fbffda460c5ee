"""Health over a log that a real door recorded: each indicator by a record that makes it so."""

import json
from datetime import datetime

import pytest

from tests.folders import BUILDER, STRANGER, asked, envelope, made, public
from tests.unit.policy.test_chains import digest, provenance, sbom, statement
from wherefrom.app import fold_views, open_desk, open_gate, open_log, open_recorder, open_views
from wherefrom.capture import changes
from wherefrom.collect.principals import Principal, local
from wherefrom.errors import LimitPassed, Malformed, NotFound, Unavailable
from wherefrom.formats import admission_record, catalog, cause, incident, measures, rebuild
from wherefrom.formats import policy as policies
from wherefrom.formats.catalog import Catalog, Emitter, Environment, Service, Team
from wherefrom.formats.incident import IncidentStage
from wherefrom.formats.measures import EDGES_MS, Measures, Queries, Records, Verified, Visible
from wherefrom.formats.states import OBSERVED, Scope
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.keys.changes import KeyWish
from wherefrom.policy.gate import GateRequest
from wherefrom.policy.signing import vouched_for
from wherefrom.query.health import HealthOptions, found, indicators, past

CI = "https://ci.example"
EVERYTHING = HealthOptions()


class World:
    def __init__(self, path):
        self.folder = made(path)
        self._opening = open_recorder(self.folder)
        self.recorder = self._opening.__enter__()
        self.recorder.wish(KeyWish(action="trust", pem=public(BUILDER).to_pem()))

    def close(self):
        self._opening.__exit__(None, None, None)

    @property
    def now(self):
        return self.recorder.now()

    def ago(self, seconds):
        return of_micros(micros(self.now) - seconds * 1_000_000)

    def record(self, *contents, by=None):
        outcomes = self.recorder.record(contents, principal=by or local(0))
        assert all(one.status == "recorded" for one in outcomes), outcomes
        return [one.index for one in outcomes]

    def signed(self, *statements, key=BUILDER):
        return self.record(*(envelope(one, key) for one in statements))

    def vouch(self, *statements):
        return self.recorder.vouch_all(statements, principal=local(0))

    def deploy(self, service, number, environment="prod", at=None):
        scope = Scope(environment, service)
        at = at or self.ago(60)
        return self.record(changes.deploy(scope, digest(number), at=at, source=CI))

    def desk(self):
        log = open_log(self.folder)
        fold_views(self.folder, log)
        return open_desk(self.folder, log).health

    def one(self, name, **options):
        found = self.desk().now(HealthOptions(**options))
        (one,) = [i for i in found.indicators if name in (i.id, i.name)]
        return one


@pytest.fixture
def world(tmp_path):
    one = World(tmp_path / "data")
    yield one
    one.close()


def part(indicator, **wanted):
    blank = dict.fromkeys(("environment", "service", "kind", "trust"), "")
    for one in indicator.by:
        if {name: getattr(one, name) for name in blank} == {**blank, **wanted}:
            return one.value, one.of
    return None


# -- all of them


def test_an_empty_log_knows_none_but_what_has_not_happened(world):
    found = world.desk().now(EVERYTHING)
    known = {one.name: one.value for one in found.indicators if one.value is not None}
    # The trust of a key is a record; nothing failed, and nothing was erased.
    assert known.pop("storage growth") > 0
    assert known == {"integrity failures": 0, "redaction failures": 0, "clock skew": 0}
    for one in found.indicators:
        assert one.says, one
        assert (one.met is None) == (one.value is None or one.target is None)


def test_indicators_have_ids_names_and_targets_that_their_users_set(world):
    found = world.desk().now(EVERYTHING).indicators
    assert [one.id for one in found] == [f"N{n}" for n in range(1, 19)]
    targets = {one.name: one.target for one in found if one.target is not None}
    assert targets == {
        "coverage": 0.99, "freshness": 10, "query latency": 500, "integrity failures": 0,
        "gap rate": 0.001, "root cause": 7_200, "query errors": 0.001, "enforcement": 0.05,
        "verified": 1.0, "redaction failures": 0, "reproduction": 1_800, "verification": 100,
        "clock skew": 0, "sbom coverage": 0.99,
    }  # fmt: skip


def test_an_indicator_is_found_by_its_id_or_its_name(world):
    desk = world.desk()
    for text in ("N16", "n16", "clock skew", "clock-skew", "Clock_Skew"):
        assert desk.explain(text, EVERYTHING).indicator.id == "N16"
    with pytest.raises(
        NotFound, match=r"no such indicator: expected N1 coverage, N2 freshness.*N99"
    ):
        desk.explain("N99", EVERYTHING)


# -- coverage


def test_coverage_counts_what_runs_in_each_service_and_what_was_made(world):
    world.signed(provenance(1), sbom(1), provenance(2), provenance(3), sbom(3))
    world.deploy("cart", 1)
    world.deploy("till", 1)
    world.deploy("till", 2, "test")
    one = world.one("coverage")
    # cart and till in prod, till in test, and 3, which was made and runs nowhere.
    assert (one.value, one.of, one.met) == (0.75, 4, False)
    assert part(one, environment="prod") == (1.0, 2)
    assert part(one, environment="test") == (0.0, 1)
    assert part(one, environment="test", service="till") == (0.0, 1)
    assert part(one, trust="signed") == (0.75, 4)
    assert part(one, environment="prod", kind="image") == (1.0, 2)
    assert one.says == "3 of 4 have a whole chain; in production 2 of 2; lacking: contents 1"
    sboms = world.one("sbom coverage")
    assert (sboms.value, sboms.of) == (0.75, 4)


@pytest.mark.parametrize(
    ("options", "of"),
    [
        ({"environment": "prod"}, 1), ({"service": "till"}, 1), ({"kind": "image"}, 2),
        ({"kind": "package"}, 0), ({"trust": "signed"}, 1), ({"environment": "nowhere"}, 0),
    ],
)  # fmt: skip
def test_coverage_is_told_of_a_part(world, options, of):
    world.signed(sbom(1))
    world.deploy("cart", 1)
    world.record(sbom(2))
    world.deploy("till", 2, "test")
    one = world.one("coverage", **options)
    assert one.of == of
    assert (one.value is None) == (of == 0)


def test_coverage_says_what_is_missing_whose_it_is_and_what_closes_most(world):
    teams = (Team(name="stock"), Team(name="money"))
    services = (
        Service(name="cart", owner="stock"), Service(name="shelf", owner="stock"),
        Service(name="till", owner="money"),
    )  # fmt: skip
    world.signed(
        catalog.to_statement(
            Catalog(name="catalog", issued=world.ago(90), services=services, teams=teams)
        )
    )
    world.signed(provenance(1), provenance(2), sbom(4))
    for service, number in (("cart", 1), ("shelf", 2), ("till", 3), ("stray", 4)):
        world.deploy(service, number)
    found = world.desk().explain("coverage", EVERYTHING)
    assert found.by_policy.startswith("coverage 1 sha256:")
    assert [(one.service, one.owner, [lack.rule for lack in one.lacks]) for one in found.missing
            ] == [
        ("till", "money", ["built", "contents"]), ("cart", "stock", ["contents"]),
        ("shelf", "stock", ["contents"]), ("stray", None, ["built"]),
    ]  # fmt: skip
    first, *others = found.fixes
    assert (first.rule, first.owner, first.closes, first.helps) == ("contents", "stock", 2, 2)
    assert sorted(first.services) == ["cart", "shelf"]
    assert "SBOM" in first.remedy
    assert [(one.rule, one.owner, one.closes) for one in others] == [
        ("built", None, 1), ("built + contents", "money", 1),
        ("built", "money", 0), ("contents", "money", 0),
    ]  # fmt: skip


def test_parts_of_coverage_add_up_to_the_whole_by_kind_by_trust_and_by_environment(world):
    world.signed(provenance(1), sbom(1), provenance(2), provenance(3), sbom(3))
    world.deploy("cart", 1)
    world.deploy("till", 2, "test")
    world.deploy("shelf", 9)
    one = world.one("coverage")
    assert (one.value, one.of) == (0.5, 4)
    parts = {
        name: [
            share for share in one.by
            if getattr(share, name) and not any(
                getattr(share, other) for other in ("environment", "service", "kind", "trust")
                if other != name
            )
        ]
        for name in ("environment", "kind", "trust")
    }  # fmt: skip
    made = part(one)  # runs nowhere
    assert made == (1.0, 1)
    assert sum(share.of for share in parts["environment"]) + made[1] == 4
    for name in ("kind", "trust"):
        assert sum(share.of for share in parts[name]) == 4
        assert sum(share.of * share.value for share in parts[name]) == 2
        for share in parts[name]:
            asked = world.one("coverage", **{name: getattr(share, name)})
            assert (asked.value, asked.of) == (share.value, share.of), share
    assert part(one, trust="none") == (0.0, 1)


def test_fixes_count_all_that_is_missing_however_much_of_it_is_listed(world, monkeypatch):
    monkeypatch.setattr("wherefrom.query.health.coverage.LISTED_MAX", 2)
    world.signed(*(provenance(n) for n in range(5)))
    found = world.desk().explain("coverage", EVERYTHING)
    assert (len(found.missing), found.truncated) == (2, True)
    assert [(fix.rule, fix.closes) for fix in found.fixes] == [("contents", 5)]


def test_more_that_was_made_than_is_looked_at_is_said(world, monkeypatch):
    world.signed(*(provenance(n) for n in range(3)))
    said = "; of what was made and runs nowhere, not all of more than 2 is looked at"
    assert said not in world.one("coverage").says
    monkeypatch.setattr("wherefrom.query.health.asked.MADE_MAX", 2)
    for name in ("coverage", "sbom coverage"):
        assert (world.one(name).of, world.one(name).says.endswith(said)) == (2, True)
    assert "an artifact made" not in world.one("storage growth").says


def test_of_fixes_that_close_as_much_the_one_that_is_somebodys_comes_first(world):
    services = (Service(name="till", owner="money"),)
    said = Catalog(name="c", issued=world.ago(90), services=services, teams=(Team(name="money"),))
    world.signed(catalog.to_statement(said))
    for service, number in (("stray", 1), ("till", 2)):
        world.deploy(service, number)
    fixes = world.desk().explain("coverage", EVERYTHING).fixes
    assert [(fix.closes, fix.owner) for fix in fixes[:2]] == [(1, "money"), (1, None)]


def test_a_fix_closes_what_it_says(world):
    world.signed(provenance(1), provenance(2), sbom(3))
    for service, number in (("cart", 1), ("shelf", 2), ("till", 3)):
        world.deploy(service, number)
    before = world.desk().explain("coverage", EVERYTHING)
    first = before.fixes[0]
    assert (first.rule, first.closes) == ("contents", 2)
    world.signed(sbom(1), sbom(2))
    after = world.one("coverage")
    assert after.value * after.of == before.indicator.value * before.indicator.of + first.closes


def test_the_policy_of_coverage_is_the_file_in_the_directory(world):
    world.deploy("cart", 1)
    world.record(sbom(1))
    assert world.one("coverage").value == 0
    rule = {"name": "any", "needs": "sbom", "trust": "channel"}
    written = {"name": "ours", "version": "7", "rules": [rule]}
    path = world.folder.path / "coverage.yaml"
    path.write_text(json.dumps(written))
    assert world.one("coverage").value == 1
    assert world.desk().explain("coverage", EVERYTHING).by_policy.startswith("ours 7 sha256:")
    path.write_text("rules: 7")
    broken = world.one("coverage")
    assert broken.value is None
    assert "coverage.yaml" in broken.says


def test_a_policy_of_coverage_that_asks_for_no_sbom_says_so(world):
    rule = {"name": "b", "needs": "provenance"}
    written = {"name": "ours", "version": "7", "rules": [rule]}
    (world.folder.path / "coverage.yaml").write_text(json.dumps(written))
    assert world.one("sbom coverage").says == "the policy of coverage asks for no SBOM"


# -- the past


def test_every_indicator_of_a_past_size_is_what_it_was_then(world):
    world.signed(provenance(1), sbom(1))
    world.deploy("cart", 1)
    then = world.desk().now(EVERYTHING)
    size = then.log.size
    world.signed(provenance(2))
    world.deploy("till", 2)
    world.recorder.note_refusals(
        local(0), since=world.now, counts={"bad_signature": 3, "forbidden_field": 2}
    )
    world.record(b'{"specversion":"1.0","id":"1","source":"s","type":"t"}')
    desk = world.desk()
    now = {one.id: one.value for one in desk.now(EVERYTHING).indicators}
    past = desk.now(HealthOptions(as_of=size, at=then.at))
    assert past.as_of == size
    for before, again in zip(then.indicators, past.indicators, strict=True):
        if before.id == "N6":  # a rate, over a little longer
            assert again.of == before.of
        else:
            assert again == before, before.id
    assert (now["N1"], now["N4"]) == (0.5, 3)


def test_what_clocks_that_are_ahead_say_is_of_the_past_size_that_knew_it(world):
    ahead = world.ago(-3_600)
    built = json.loads(provenance(1))
    built["predicate"]["runDetails"]["metadata"]["finishedOn"] = ahead
    world.signed(json.dumps(built).encode(), sbom(1))
    world.deploy("cart", 1)
    name = "incident:wherefrom:a@2026-11-26T10:00:00Z"
    stage(world, "opened", name, rule="burns-x")
    stage(world, "marked", name, is_false=True, at=ahead)
    then = world.desk().now(EVERYTHING)
    assert (then.indicators[0].value, then.indicators[6].value) == (1.0, 1.0)
    world.record(event(world, 1, late_s=0))
    desk = world.desk()
    again = desk.now(HealthOptions(at=then.at, as_of=then.log.size))
    for one, before in zip(again.indicators, then.indicators, strict=True):
        assert one == before, one.id
    for name in ("N1", "N7"):
        (point,) = desk.history(name, EVERYTHING, since=then.at, until=then.at, step_s=60).points
        assert point.value == 1.0
    # Of an earlier time it is not so, by all that is known.
    assert desk.now(HealthOptions(at=then.at)).indicators[0].value == 0.0


def ticking(monkeypatch, begins):
    """A log's clock, a millisecond on at each look: where a test sets it, and what tells it."""
    moment = [begins]

    def now():
        moment[0] = of_micros(micros(moment[0]) + 1_000)
        return moment[0]

    monkeypatch.setattr("wherefrom.app.now", now)
    return moment, now


def test_where_the_clock_was_set_back_a_past_size_is_what_it_was_then(tmp_path, monkeypatch):
    moment, now = ticking(monkeypatch, "2026-11-01T10:00:00.000000Z")
    world = World(tmp_path / "data")
    world.signed(provenance(1), sbom(1))
    moment[0] = "2026-11-01T09:30:00.000000Z"
    world.signed(provenance(2))
    at, size = now(), world.recorder.writer.size
    desk = world.desk()
    before = desk.now(HealthOptions(at=at, as_of=size))
    found = {one.id: one for one in before.indicators}
    assert found["N11"].of == 3
    assert "set back 1 times" in found["N16"].says
    moment[0] = "2026-11-01T10:30:00.000000Z"
    world.record(event(world, 1, late_s=0))
    desk = world.desk()
    assert desk.now(HealthOptions(at=at, as_of=size)).indicators == before.indicators
    (point,) = desk.history("N11", EVERYTHING, since=at, until=at, step_s=60).points
    assert (point.size, point.of) == (size, 3)
    early = "2026-11-01T09:00:00.000000Z"
    (point,) = desk.history("N11", EVERYTHING, since=early, until=early, step_s=60).points
    assert (point.size, point.of) == (0, 0)
    world.close()


def test_what_comes_while_it_is_asked_is_of_a_later_answer(world):
    world.signed(provenance(1))
    desk, log = world.desk(), open_log(world.folder)

    def clock():
        now = datetime.fromisoformat(world.now)
        world.signed(provenance(2))
        fold_views(world.folder, log)
        return now

    desk._asking._clock = clock
    then = desk.now(EVERYTHING)
    again = world.desk().now(HealthOptions(at=then.at, as_of=then.as_of))
    assert {one.id: one.of for one in again.indicators} == {
        one.id: one.of for one in then.indicators
    }
    assert next(one.of for one in then.indicators if one.id == "N11") == 1


def test_a_history_has_a_point_for_each_moment_as_it_was_known_then(world):
    world.signed(provenance(1), sbom(1))
    world.deploy("cart", 1, at=world.ago(3_000))
    middle = world.now
    world.deploy("till", 2, at=world.ago(3_000))
    desk = world.desk()
    since = of_micros(micros(middle) - 600 * 1_000_000)
    found = desk.history("coverage", EVERYTHING, since=since, until=middle, step_s=600)
    assert [(one.value, one.of) for one in found.points] == [(None, 0), (1.0, 1)]
    assert [one.size for one in found.points] == [0, desk.now(EVERYTHING).log.size - 1]
    assert (found.indicator, found.name, found.unit) == ("N1", "coverage", "share")


def test_a_moment_that_was_looked_at_is_kept_until_something_is_erased(world, monkeypatch):
    world.signed(provenance(1), sbom(1))
    (gone,) = world.deploy("cart", 1, at=world.ago(3_000))
    moment, found = world.now, []
    desk = world.desk()
    monkeypatch.setattr(
        past, "indicator", lambda *given: found.append(given) or indicators.indicator(*given)
    )

    def point():
        (one,) = desk.history("N1", EVERYTHING, since=moment, until=moment, step_s=60).points
        return one.value, one.of

    assert [point(), point(), len(found)] == [(1.0, 1), (1.0, 1), 1]
    world.deploy("till", 2, at=world.ago(3_000))
    world.desk()
    assert [point(), len(found)] == [(1.0, 1), 1]
    world.recorder.erase(gone, reason="a secret", principal=local(0))
    world.desk()
    point()
    assert len(found) == 2


def test_looking_back_for_too_long_ends_and_goes_on_when_asked_again(world):
    seconds = iter(range(0, 1_000, 20))
    looking = past.Past(world.desk()._asking, elapsed=lambda: float(next(seconds)))
    given = {"since": world.ago(180), "until": world.now, "step_s": 60}
    coverage = indicators.named("coverage")
    with pytest.raises(LimitPassed, match="1 of 4 moments"):
        looking.of(coverage, EVERYTHING, **given)
    assert len(looking._kept) == 1


def test_each_service_is_told_however_many_are_worse(world, monkeypatch):
    monkeypatch.setattr(found, "BY_MAX", 1)
    world.signed(provenance(1), sbom(1))
    for number in range(3):
        world.deploy(f"s{number}", number)
    before, desk = world.now, world.desk()
    world.signed(provenance(0), sbom(0))
    told = desk.covered(at=before)
    assert {place: one.value for place, one in told.items()} == {
        ("prod", "s0"): 0.0, ("prod", "s1"): 1.0, ("prod", "s2"): 0.0,
    }  # fmt: skip
    world.desk()
    assert {place[1]: one.value for place, one in desk.covered().items()} == {
        "s0": 1.0, "s1": 1.0, "s2": 0.0,
    }  # fmt: skip
    assert len([one for one in world.one("coverage").by if one.service]) == 1


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"step_s": 59}, Malformed, "moments too close to each other, at step: expected 60s"),
        ({"since": "2020-01-01T00:00:00Z"}, LimitPassed, "too many moments: expected 400 at most"),
        ({"since": "3000-01-01T00:00:00Z"}, Malformed, "ends before it begins"),
        ({"options": HealthOptions(as_of=1)}, Malformed, "a history is of many moments"),
        ({"since": "yesterday"}, Malformed, "since"),
    ],
)
def test_what_cannot_be_a_history_is_refused(world, asked, error, says):
    given = {"since": world.ago(600), "step_s": 60, "options": EVERYTHING, **asked}
    options = given.pop("options")
    with pytest.raises(error, match=says):
        world.desk().history("coverage", options, **given)


def test_a_size_that_the_log_never_had_is_not_found(world):
    with pytest.raises(NotFound, match="the log was never of this size"):
        world.desk().now(HealthOptions(as_of=10_000))


# -- sums of records


def event(world, number, *, late_s):
    return json.dumps(
        {"specversion": "1.0", "id": str(number), "source": "/s", "type": "x.y",
         "time": world.ago(late_s), "data": {}}
    ).encode()  # fmt: skip


def test_freshness_is_the_middle_of_how_late_records_come(world):
    world.record(*(event(world, n, late_s=0) for n in range(3)))
    world.record(event(world, 9, late_s=500_000))
    one = world.one("freshness")
    assert one.of == 4
    assert one.value <= 10
    assert one.met
    assert one.says.endswith("95 % within 7 d")
    world.record(*(event(world, n, late_s=500_000) for n in range(10, 20)))
    one = world.one("freshness")
    assert (one.value, one.met) == (604_800, False)
    world.record(*(event(world, n, late_s=4_000_000) for n in range(20, 60)))
    one = world.one("freshness")
    assert (one.value, one.met) == (2_592_000, False)
    assert one.says == "half later than 30 d of happening, 95 % later than 30 d"


def test_clock_skew_counts_what_is_dated_in_the_future_by_producer(world):
    world.record(event(world, 1, late_s=5), event(world, 2, late_s=-3_600))
    one = world.one("clock skew")
    assert (one.value, one.met, one.of) == (1, False, 2 + 2)  # with those of keys
    assert "dated in the future, by producer: local:0" in one.says


def test_integrity_counts_what_did_not_hold_and_no_slips(world):
    world.recorder.note_refusals(
        local(0), since=world.now, counts={"bad_signature": 2, "malformed": 7, "limit": 1}
    )
    one = world.one("integrity failures")
    assert (one.value, one.met, one.says) == (2, False, "in 90 days: bad_signature 2")
    desk, later = world.desk(), of_micros(micros(world.now) + 40 * 86_400 * 1_000_000)
    then = {one.id: one for one in desk.now(HealthOptions(at=later)).indicators}
    assert (then["N4"].value, then["N4"].of) == (2, desk.now(EVERYTHING).log.size)
    assert then["N6"].value is None  # nothing came in 30 days
    assert world.one("integrity failures", environment="prod").value is None


def test_redaction_counts_what_had_to_be_erased_and_tells_what_was_stopped(world):
    world.recorder.note_refusals(local(0), since=world.now, counts={"forbidden_field": 4})
    (index,) = world.record(event(world, 1, late_s=0))
    world.recorder.erase(index, reason="an address", principal=local(0))
    one = world.one("redaction failures")
    assert (one.value, one.met) == (1, False)
    assert one.says == (
        "1 records erased in 90 days: an address 1; 4 refused at the door for a forbidden field"
    )


def test_verified_is_the_share_of_papers_that_somebody_known_signed(world):
    world.signed(provenance(1), sbom(1), provenance(2))
    world.record(envelope(provenance(3), STRANGER))
    one = world.one("verified")
    assert (one.value, one.of, one.met) == (0.75, 4, False)
    assert part(one, kind="sbom") == (1.0, 1)
    assert part(one, trust="channel") == (0.0, 1)


def test_changes_of_settings_are_signed_or_not(world):
    for number in range(2):
        world.record(
            changes.place(
                "config", "settings", digest(number), Scope("prod", "cart"),
                at=world.ago(9 - number), source=CI, told={},
            )
        )  # fmt: skip
    one = world.one("signed changes")
    assert (one.value, one.of) == (0.0, 2)
    assert part(one, kind="config") == (0.0, 2)


def test_flags_secrets_and_schemas_of_an_environment_are_changes_of_settings_too(world):
    anywhere = Scope("prod")  # of no service, as most flags are
    for slot in ("flag", "secret", "migration"):
        world.record(changes.place(slot, slot, "7", anywhere, at=world.ago(9), source=CI, told={}))
    one = world.one("signed changes")
    assert (one.value, one.of) == (0.0, 3)
    assert [part(one, kind=slot) for slot in ("flag", "secret", "migration")] == [(0.0, 1)] * 3
    assert part(one, environment="prod") == (0.0, 3)
    assert world.one("signed changes", environment="prod").of == 3
    assert world.one("signed changes", environment="test").value is None


def test_growth_counts_bytes_and_tells_when_the_disk_is_full(world):
    world.signed(provenance(1))
    world.vouch(
        measures.to_statement(
            Measures(since=world.ago(9), until=world.now, storage={"journal": 10**9}, free=10**12),
            "log.example/tests",
        )
    )
    one = world.one("storage growth")
    assert one.value > 1_000
    assert one.target is None
    assert "1 GB on disk, full in" in one.says
    assert "an artifact made" in one.says


def test_growth_is_of_the_whole_window_though_it_began_quietly(tmp_path, monkeypatch):
    moment = ["2026-10-01T10:00:00.000000Z"]
    monkeypatch.setattr("wherefrom.app.now", lambda: moment[0])
    world = World(tmp_path / "data")
    moment[0] = "2026-11-10T10:00:00.000000Z"
    content = event(world, 1, late_s=0)
    world.record(content)
    later = HealthOptions(at="2026-11-12T10:00:00Z")
    found = {one.id: one for one in world.desk().now(later).indicators}["N6"]
    assert (found.value, found.of) == (pytest.approx(len(content) / 30), 1)
    world.close()


def test_when_a_disk_is_full_is_the_same_however_the_log_went_on(world):
    world.signed(provenance(1))
    said = Measures(since=world.ago(9), until=world.now, storage={"journal": 10**6}, free=10**9)
    world.vouch(measures.to_statement(said, "log.example/tests"))
    then = world.desk().now(EVERYTHING)
    world.record(*(event(world, n, late_s=0) for n in range(50)))
    again = world.desk().now(HealthOptions(at=then.at, as_of=then.log.size))
    assert "on disk, full in" in then.indicators[5].says
    assert again.indicators[5] == then.indicators[5]
    # A disk is filled by all that comes, and not by what is signed alone.
    assert "on disk" not in world.one("storage growth", trust="signed").says
    assert "an artifact made" not in world.one("storage growth", trust="signed").says


def test_aliases_are_other_names_among_all_that_is_named(world):
    document = json.loads(sbom(1))
    document["predicate"]["metadata"]["component"]["hashes"] = [
        {"alg": "SHA-256", "content": digest(1)[7:]}, {"alg": "SHA-512", "content": "a" * 128}
    ]  # fmt: skip
    world.signed(json.dumps(document).encode())
    one = world.one("aliases")
    assert one.value == pytest.approx(1 / one.of)


# -- the server's own measures


def histogram(**slots):
    found = [0] * (len(EDGES_MS) + 1)
    for edge, count in slots.items():
        found[EDGES_MS.index(int(edge[1:]))] = count
    return found


def test_measures_of_a_server_add_up(world):
    for slow in (0, 5):
        world.vouch(
            measures.to_statement(
                Measures(
                    since=world.ago(9), until=world.now,
                    queries=Queries(
                        count=95 + slow, errors=slow, le_ms=histogram(_10=95, _1000=slow)
                    ),
                    records=Records(recorded=3, known=1),
                    visible=Visible(count=1, le_ms=histogram(_500=1)),
                    verified=Verified(count=10, le_ms=histogram(_50=9, _200=1)),
                ),
                "log.example/tests",
            )
        )  # fmt: skip
    found = {one.name: one for one in world.desk().now(EVERYTHING).indicators}
    latency, errors = found["query latency"], found["query errors"]
    assert (latency.value, latency.of, latency.met) == (10, 195, True)
    assert "p99 ≤ 1000 ms" in latency.says
    assert (errors.value, errors.met) == (5 / 195, False)
    assert (found["verification"].value, found["verification"].met) == (200, False)
    world.record(event(world, 1, late_s=0))
    assert "visible in answers within 500 ms (p99)" in world.one("freshness").says
    assert "2 of 8 records sent were known" in world.one("aliases").says
    of_one = world.one("query latency", environment="prod")
    assert (of_one.value, of_one.says) == (None, "not told by environment")


def test_questions_that_took_longer_than_all_steps_miss_their_target_and_are_not_unknown(world):
    slow = [0] * len(EDGES_MS) + [9]
    said = Measures(
        since=world.ago(9), until=world.now, queries=Queries(count=9, le_ms=slow),
        verified=Verified(count=9, le_ms=slow),
    )  # fmt: skip
    world.vouch(measures.to_statement(said, "log.example/tests"))
    one = world.one("query latency")
    assert (one.value, one.met) == (600_000, False)
    assert "p95 over 10 min" in one.says
    assert world.one("verification").met is False


def test_what_a_stranger_says_that_a_server_measured_is_not_believed(world):
    said = Measures(since=world.ago(9), until=world.now, queries=Queries(count=5, errors=5))
    world.record(measures.to_statement(said, "log.example/tests"))
    assert world.one("query errors").value is None


# -- decisions, incidents, builds


def test_enforcement_is_what_the_last_word_of_gates_and_clusters_refuses(world):
    policy = policies.parse(
        {"name": "p", "version": "1", "rules": [{"name": "inside", "needs": "sbom"}]}, where="p"
    )
    world.signed(sbom(1))
    world.signed(sbom(3))
    log = open_log(world.folder)

    def gate(number):
        fold_views(world.folder, log)
        asked = GateRequest(
            artifact=digest(number), policy=policy.to_document(), environment="prod"
        )
        prepared = open_gate(world.folder, log).prepare(asked)
        vouched_for(prepared, world.recorder, principal=local(0))

    gate(1)
    gate(2)
    world.record(
        admission_record.to_statement(
            admission_record.Decision(
                artifact=digest(3), image="app:3", cluster="c", policy=("p", "1"),
                policy_digest=policy.digest, environment="test", allowed=False,
                reasons=[("signed", "nobody signed it")], day="2026-11-26",
            )
        )
    )  # fmt: skip
    one = world.one("enforcement")
    assert (one.value, one.of, one.met) == (pytest.approx(2 / 3), 3, False)
    assert "by rule: inside 1, signed 1" in one.says
    assert part(one, environment="test") == (1.0, 1)
    world.signed(sbom(2))
    gate(2)  # it has one now
    assert world.one("enforcement").value == pytest.approx(1 / 3)


def stage(world, stage, name="incident:wherefrom:slow@2026-11-26T10:00:00Z", **more):
    title = {"title": "slow"} if stage == "opened" else {}
    said = IncidentStage(
        incident=name, stage=stage, environment="prod", service="cart",
        **{"at": world.now, **title, **more},
    )  # fmt: skip
    world.vouch(incident.to_statement(said))


def explained(world, name, number=1, *, withdrawn=False, service="cart"):
    said = cause.Cause(
        service=service, environment="prod", slot="artifact", name="server", at=world.ago(9_000),
        value=digest(number), incident=name, withdrawn=withdrawn,
    )  # fmt: skip
    world.signed(cause.to_statement(said))


def test_root_cause_is_from_the_opening_to_the_first_explanation_that_stands(world):
    slow, other = (f"incident:wherefrom:{n}@2026-11-26T10:00:00Z" for n in ("slow", "other"))
    stage(world, "opened", slow, at=world.ago(3_600))
    stage(world, "opened", other)
    one = world.one("root cause")
    assert (one.value, one.says) == (
        None,
        "none of 2 incidents is explained: wherefrom why --accept",
    )
    explained(world, slow)
    one = world.one("root cause")
    assert one.value == pytest.approx(3_600, abs=60)
    assert (one.of, one.met) == (1, True)
    assert part(one, environment="prod", service="cart") == (one.value, 1)
    assert "how long it took before is not said" in one.says
    stage(world, "baseline", slow, baseline_s=7_200.0)
    assert "before Wherefrom 2.0 h, so 2.0 times as fast" in world.one("root cause").says
    explained(world, slow, withdrawn=True)
    assert world.one("root cause").value is None


def test_an_incident_that_began_before_the_window_is_told_from_its_beginning(tmp_path, monkeypatch):
    moment, now = ticking(monkeypatch, "2026-10-01T10:00:00.000000Z")
    world = World(tmp_path / "data")
    name, old = (f"incident:wherefrom:{n}@2026-10-01T10:00:00Z" for n in ("slow", "old"))
    for one in (name, old):
        stage(world, "opened", one, rule="burns-x")
    moment[0] = "2026-10-01T12:00:00.000000Z"
    explained(world, name)
    moment[0] = "2026-10-20T10:00:00.000000Z"
    for one, what in ((name, "closed"), (old, "marked")):
        said = IncidentStage(incident=one, stage=what, at=now(), is_false=what == "marked")
        world.vouch(incident.to_statement(said))
    at = HealthOptions(at="2026-11-05T10:00:00Z")  # the opening is 35 days ago
    found = {one.id: one for one in world.desk().now(at).indicators}
    assert found["N8"].value == pytest.approx(7_200, abs=60)
    assert part(found["N8"], environment="prod", service="cart") == (found["N8"].value, 1)
    # That somebody marked an alert of long ago makes it none of now.
    assert (found["N7"].value, found["N7"].of) == (0.0, 1)
    world.close()


def test_an_explanation_counts_though_it_is_of_another_service(world):
    name = "incident:wherefrom:slow@2026-11-26T10:00:00Z"
    stage(world, "opened", name, at=world.ago(3_600))
    explained(world, name, service="payments")
    for options in ({}, {"service": "cart"}, {"environment": "prod"}):
        assert world.one("root cause", **options).of == 1
        assert world.one("root cause", **options).value is not None, options


def test_an_explanation_that_is_taken_back_leaves_others_of_its_incident_standing(world):
    name = "incident:wherefrom:slow@2026-11-26T10:00:00Z"
    stage(world, "opened", name, at=world.ago(3_600))
    for number in (1, 2):
        explained(world, name, number)
    first = world.one("root cause").value
    explained(world, name, 2, withdrawn=True)
    one = world.one("root cause")
    assert (one.value, one.of) == (first, 1)
    explained(world, name, 1, withdrawn=True)
    assert world.one("root cause").value is None


def test_a_false_alert_that_is_explained_is_no_incident_that_was(world):
    real, false = (f"incident:wherefrom:{n}@2026-11-26T10:00:00Z" for n in ("real", "false"))
    for name, seconds in ((real, 3_600), (false, 50)):
        stage(world, "opened", name, at=world.ago(seconds), rule="burns-x")
        explained(world, name)
    stage(world, "marked", false, is_false=True)
    one = world.one("root cause")
    assert (one.of, one.value) == (1, pytest.approx(3_600, abs=60))
    assert one.says.startswith("1 of 1 incidents explained")


def test_what_takes_longer_than_before_is_said_to_be_slower(world):
    name = "incident:wherefrom:slow@2026-11-26T10:00:00Z"
    stage(world, "opened", name, at=world.ago(7_200))
    explained(world, name)
    stage(world, "baseline", name, baseline_s=1_800.0)
    assert "before Wherefrom 30.0 min, so 4.0 times as slow" in world.one("root cause").says


def test_false_alerts_are_those_of_alerts_that_are_marked(world):
    names = [f"incident:wherefrom:a{n}@2026-11-26T10:00:00Z" for n in range(3)]
    for name in names[:2]:
        stage(world, "opened", name, rule="coverage-burn")
    stage(world, "opened", names[2])  # of a person, and no alert
    alert = {
        "status": "firing", "labels": {"alertname": "Slow", "service": "cart", "env": "prod"},
        "annotations": {}, "startsAt": world.ago(60), "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "f1",
    }  # fmt: skip
    from wherefrom.formats import recognise

    webhook = {"version": "4", "receiver": "r", "status": "firing", "alerts": [alert],
               "groupKey": "g", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
               "externalURL": "https://alerts.example", "truncatedAlerts": 0}  # fmt: skip
    content = json.dumps(webhook).encode()
    assert recognise.facts_of(content).kind == "incident"
    world.record(content)
    one = world.one("false alerts")
    assert (one.value, one.of) == (0.0, 3)
    for name in (names[0], names[2]):
        stage(world, "marked", name, is_false=True)
    one = world.one("false alerts")
    assert (one.value, one.of) == (pytest.approx(1 / 3), 3)
    stage(world, "marked", names[0], is_false=False)  # taken back
    assert world.one("false alerts").value == 0
    assert world.one("false alerts", environment="test").value is None


def test_reproduction_is_how_long_builds_take_to_be_made_again(world):
    def again(number, result, **more):
        predicate = {
            "result": result, "provenance": {"digest": {"sha256": "ab" * 32}}, "builds": [],
            "finished": world.now, **more,
        }  # fmt: skip
        world.signed(statement(number, rebuild.PREDICATE_TYPE, predicate))

    again(1, "cannot")
    assert world.one("reproduction").says == "1 cannot; none says how long it took"
    again(2, "reproduced", seconds=60)
    again(3, "differs", seconds=4_000.5)
    one = world.one("reproduction")
    assert (one.value, one.of, one.met) == (4_000.5, 2, False)
    assert "1 reproduced" in one.says


def test_gap_rate_is_what_the_catalogue_expects_and_never_came(world):
    assert "no catalogue says who should send what" in world.one("gap rate").says
    emitter = Emitter(name="ci", kinds=("sbom", "deployment"))
    service = Service(name="cart", owner="stock", environments=("prod",), emitters=(emitter,))
    made_catalog = Catalog(
        name="catalog", issued=world.ago(90), services=(service,),
        teams=(Team(name="stock"),), environments=(Environment(name="prod", production=True),),
    )  # fmt: skip
    world.signed(catalog.to_statement(made_catalog))
    world.deploy("cart", 1)
    one = world.one("gap rate")
    assert (one.value, one.of, one.met) == (0.5, 2, False)
    assert part(one, kind="sbom") == (1.0, 1)
    for kind, value in (("sbom", 1.0), ("deployment", 0.0)):
        of_kind = world.one("gap rate", kind=kind)
        assert (of_kind.value, of_kind.of) == (value, 1) == part(of_kind, kind=kind)
        listed = world.desk().explain("gap-rate", HealthOptions(kind=kind)).missing
        assert len(listed) == value
    assert world.one("gap rate", kind="test").says == "the catalogue expects no test"
    found = world.desk().explain("gap-rate", EVERYTHING)
    ((gap,), (fix, *_)) = found.missing, found.fixes
    assert (gap.environment, gap.service, gap.owner, gap.kind) == ("prod", "cart", "stock", "sbom")
    assert gap.lacks[0].says == "1 of what runs has none"
    assert (fix.owner, fix.closes, fix.remedy) == ("stock", 1, "Have ci send its sbom records")


def test_a_service_that_no_catalogue_names_is_not_a_catalogue_that_is_missing(world):
    made_catalog = Catalog(
        name="catalog", issued=world.ago(90), services=(Service(name="cart", owner="stock"),),
        teams=(Team(name="stock"),),
    )  # fmt: skip
    world.signed(catalog.to_statement(made_catalog))
    assert world.one("gap rate", service="stray").says == "no catalogue names the service stray"


def test_a_desk_without_a_judge_says_that_nobody_judges(world):
    with asked(world.folder) as desk:
        assert desk.health.now(EVERYTHING).indicators[0].name == "coverage"
    from wherefrom.errors import Unavailable
    from wherefrom.query.health.chains import NOBODY

    with pytest.raises(Unavailable, match="nobody here says what a whole chain is"):
        NOBODY.named()


def test_what_is_observed_counts_before_what_is_declared(world):
    world.signed(provenance(2), sbom(2))
    world.deploy("cart", 1)
    world.record(
        changes.estate(
            OBSERVED, Scope("prod", "cart"),
            [{"slot": "artifact", "name": "server", "value": digest(2),
              "scope": {"instance": "i1"}}],
            all_of=(), at=world.ago(5), source="/cluster",
        )
    )  # fmt: skip
    one = world.one("coverage", environment="prod")
    assert (one.value, one.of) == (1.0, 1)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("integrity failures", {"environment": "prod"}, "not told by environment"),
        ("query latency", {"service": "cart", "trust": "signed"}, "not told by service and trust"),
        ("enforcement", {"service": "cart"}, "not told by service"),
        ("root cause", {"kind": "image"}, "not told by kind"),
        ("reproduction", {"environment": "prod"}, "not told by environment"),
    ],
)
def test_an_indicator_that_has_no_such_parts_says_so(world, name, options, says):
    one = world.one(name, **options)
    assert (one.value, one.met, one.says) == (None, None, says)


# -- whose word counts


TOKEN = Principal(name="ci", roles=("record",))


def test_a_mark_by_a_token_alone_makes_no_alert_false(world):
    name = "incident:wherefrom:a@2026-11-26T10:00:00Z"
    stage(world, "opened", name, rule="burns-x")

    def said(stage, **more):
        told = IncidentStage(incident=name, stage=stage, at=world.now, **more)
        return incident.to_statement(told)

    world.record(said("marked", is_false=True), by=TOKEN)
    assert world.one("false alerts").value == 0
    world.signed(said("marked", is_false=True))
    assert world.one("false alerts").value == 1
    assert world.one("false alerts", environment="prod").value == 1
    world.record(said("marked", text="no, it was real"), by=TOKEN)
    assert world.one("false alerts").value == 1


def test_a_rule_that_a_token_names_makes_no_alert(world):
    told = IncidentStage(incident="incident:x", stage="opened", at=world.now, title="x", rule="r")
    world.record(incident.to_statement(told), by=TOKEN)
    assert world.one("false alerts").says == "no alert in 30 days"


def test_causes_baselines_and_rebuilds_of_a_token_alone_do_not_count(world):
    name = "incident:wherefrom:slow@2026-11-26T10:00:00Z"
    stage(world, "opened", name, at=world.ago(3_600))
    said = cause.Cause(
        service="cart", environment="prod", slot="artifact", name="server", at=world.ago(9_000),
        value=digest(1), incident=name, withdrawn=False,
    )  # fmt: skip
    long = IncidentStage(incident=name, stage="baseline", at=world.now, baseline_s=9e6)
    built = {
        "result": "reproduced", "provenance": {"digest": {"sha256": "ab" * 32}}, "builds": [],
        "finished": world.now, "seconds": 1,
    }  # fmt: skip
    world.record(
        cause.to_statement(said), incident.to_statement(long),
        statement(1, rebuild.PREDICATE_TYPE, built), by=TOKEN,
    )  # fmt: skip
    assert world.one("root cause").value is None
    assert "nothing was built again" in world.one("reproduction").says
    explained(world, name)
    assert "how long it took before is not said" in world.one("root cause").says


def test_measures_that_another_trusted_key_signs_are_not_the_servers(world):
    said = Measures(since=world.ago(9), until=world.now, queries=Queries(count=5, errors=0))
    world.signed(measures.to_statement(said, "log.example/tests"))
    assert world.one("query errors").value is None


def test_views_that_read_nothing_yet_are_not_an_empty_log(world):
    log = open_log(world.folder)
    with open_views(world.folder, log):
        desk = open_desk(world.folder, log).health
        for ask in (desk.now, lambda options: desk.explain("coverage", options)):
            with pytest.raises(Unavailable, match="have not read the log yet"):
                ask(EVERYTHING)
