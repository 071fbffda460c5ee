"""What ran where at each moment: the instance's word first, then what is declared; no guess."""

from __future__ import annotations

import pytest

from tests.told_states import Told
from wherefrom.capture import changes
from wherefrom.formats.reality_id import Reality
from wherefrom.formats.series import Labels
from wherefrom.formats.states import DECLARED, OBSERVED, Scope
from wherefrom.formats.timestamps import of_posix
from wherefrom.formats.why_case import seconds
from wherefrom.query import placing
from wherefrom.query.placing import Estates
from wherefrom.views.estate import EstateSnapshot

T = seconds("2026-01-01T12:00:00Z", where="")
OLD, NEW = (f"sha256:{letter * 64}" for letter in "ab")
ART, CONF = ("artifact", ""), ("config", "cart.yaml")


@pytest.fixture
def world():
    return World()


class World:
    """An estate of statements, one record each."""

    def __init__(self):
        self.told = Told()

    def say(self, mode, scope, value, *, minute, slot="artifact", name="", properties=None):
        state = {"slot": slot, "name": name, "value": value}
        if properties:
            state["properties"] = properties
        at = of_posix(int(T + 60 * minute))
        self.told.add([changes.estate(mode, scope, [state], all_of=(), at=at, source="/x")])

    def estates(self, *, since=-60, until=0, as_of=None):
        snapshot = EstateSnapshot(self.told._db, origin="", size=self.told.size, root=None)
        size = self.told.size if as_of is None else as_of
        return Estates(snapshot, since=T + 60 * since, until=T + 60 * until, as_of=size)

    def values(self, labels, minute=0, slot=ART, **window):
        (piece,) = [
            p for p in self.estates(**window).of(labels) if p.since <= T + 60 * minute < p.until
        ]
        return piece.values.get(slot)


def cart(**parts):
    return Scope("prod", "cart")._replace(**parts)


def test_what_an_instance_reports_is_believed_before_what_is_declared(world):
    world.say(DECLARED, cart(), NEW, minute=-90)
    world.say(OBSERVED, cart(instance="a"), OLD, minute=-80)
    assert world.values(Labels(service="cart", instance="a")).value == OLD
    assert world.values(Labels(service="cart", instance="b")).value == NEW
    assert world.values(Labels(service="cart", instance="a")).entry == 1


def test_an_address_with_a_port_is_its_host(world):
    world.say(OBSERVED, cart(instance="10.0.0.7", pool="canary"), NEW, minute=-80)
    (piece,) = world.estates().of(Labels(service="cart", instance="10.0.0.7:8080"))
    assert piece.values[ART].value == NEW
    assert piece.scope == Scope("prod", "cart", "", "canary", "10.0.0.7")


def test_each_minute_has_what_was_there_then(world):
    world.say(OBSERVED, cart(instance="a"), OLD, minute=-80)
    world.say(OBSERVED, cart(instance="a"), NEW, minute=-30)
    world.say(OBSERVED, cart(instance="a"), None, minute=-10)
    labels = Labels(service="cart", instance="a")
    assert [world.values(labels, m) and world.values(labels, m).value for m in (-59, -30, -10)] == [
        OLD, NEW, None,
    ]  # fmt: skip
    assert [p.since for p in world.estates().of(labels)][1:] == [T - 1_800, T - 600]


def test_two_changes_within_a_minute_are_kept_apart(world):
    for minute, value in ((-80, OLD), (-30, NEW), (-29.5, OLD)):
        world.say(DECLARED, cart(), value, minute=minute)
    found = [p.values[ART].value for p in world.estates().of(Labels(service="cart"))]
    assert found == [OLD, NEW, OLD]


def test_what_was_declared_for_less_counts_before_what_was_declared_for_all(world):
    world.say(DECLARED, cart(pool="main"), NEW, minute=-90)
    world.say(DECLARED, cart(), OLD, minute=-80)
    assert world.values(Labels(service="cart", pool="main")).value == NEW
    assert world.values(Labels(service="cart", pool="canary")).value == OLD


def test_of_two_pools_nothing_is_said_where_the_series_names_none(world):
    world.say(DECLARED, cart(pool="main"), OLD, minute=-90)
    world.say(DECLARED, cart(pool="canary"), NEW, minute=-90)
    assert world.values(Labels(service="cart")) is None
    assert world.values(Labels(service="cart", pool="canary")).value == NEW


def test_the_only_pool_there_is_needs_no_name(world):
    world.say(DECLARED, cart(pool="main", region="eu"), OLD, minute=-90)
    (piece,) = world.estates().of(Labels(service="cart"))
    assert (piece.values[ART].value, piece.scope.pool, piece.scope.region) == (OLD, "main", "eu")


def test_a_flag_of_the_environment_holds_for_every_service_of_it(world):
    world.say(DECLARED, cart(), OLD, minute=-90)
    world.say(DECLARED, Scope("prod"), "on", minute=-90, slot="flag", name="new-cart")
    world.say(DECLARED, Scope("test"), "off", minute=-90, slot="flag", name="new-cart")
    assert world.values(Labels(service="cart"), slot=("flag", "new-cart")).value == "on"


@pytest.mark.parametrize("text", [NEW, NEW[:15], "b" * 12, "cart:2"])
def test_a_series_that_names_its_artifact_is_believed_in_any_spelling(world, text):
    world.say(DECLARED, cart(), OLD, minute=-90)
    state = {"slot": "artifact", "name": "", "value": NEW, "says": "cart:2"}
    world.told.add([changes.estate(OBSERVED, cart(instance="x"), [state], all_of=(),
                                   at=of_posix(int(T - 3_000)), source="/x")])  # fmt: skip
    found = world.values(Labels(service="cart", instance="y", identity=text))
    assert (found.value, found.says, found.entry) == (NEW, "cart:2", 1)


def test_a_reality_by_its_short_name_tells_all_its_parts(world):
    id = Reality(NEW, OLD).id
    for slot, name, value in (("artifact", "", NEW), ("config", "cart.yaml", OLD)):
        world.say(OBSERVED, cart(instance="x"), value, minute=-50, slot=slot, name=name,
                  properties={"reality": id})  # fmt: skip
    labels = Labels(service="cart", identity=id[7:19])
    assert world.values(labels).value == NEW
    assert world.values(labels, slot=CONF).value == OLD


def test_what_nobody_recorded_is_kept_as_it_was_said_without_a_record(world):
    found = world.values(Labels(service="cart", identity="v7", flags=(("f", "on"),)))
    assert found == placing.Value("v7", None, None)
    flag = world.values(Labels(service="cart", flags=(("f", "on"),)), slot=("flag", "f"))
    assert flag == placing.Value("on", None, None)


def test_as_of_an_earlier_log_what_came_later_is_not_known(world):
    world.say(DECLARED, cart(), OLD, minute=-90)
    world.say(DECLARED, cart(), NEW, minute=-30)
    assert world.values(Labels(service="cart")).value == NEW
    assert world.values(Labels(service="cart"), as_of=1).value == OLD


def test_more_changes_than_are_looked_at_are_told(world, monkeypatch):
    monkeypatch.setattr(placing, "CHANGES_MAX", 1)
    world.say(DECLARED, cart(), OLD, minute=-30)
    assert not world.estates().truncated
    world.say(DECLARED, cart(), NEW, minute=-20)
    assert world.estates().truncated
