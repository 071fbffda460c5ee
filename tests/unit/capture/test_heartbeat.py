"""An instance that says what it is: its records, read as the estate reads them, and its thread."""

import logging
import threading
import time
from datetime import UTC, datetime

import pytest

from tests.served import Inside
from tests.unit.capture.conftest import ARTIFACT
from wherefrom.capture import heartbeat, identity
from wherefrom.capture.heartbeat import Heartbeat, observed
from wherefrom.errors import Malformed, SettingError, Unavailable
from wherefrom.formats import recognise
from wherefrom.query.reality import RealityOptions

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def placed(monkeypatch, me):
    monkeypatch.setenv("WHEREFROM_ENVIRONMENT", "prod")
    monkeypatch.setenv("WHEREFROM_REGION", "eu")
    monkeypatch.setenv("WHEREFROM_INSTANCE", "cart-1")
    identity.forget()
    return identity.identity()


def test_a_beat_states_all_of_its_instance(placed):
    identity.loaded(config={"timeout_s": 2})
    facts = recognise.facts_of(observed(identity.identity(), at=AT, config="cart.yaml"))
    assert [(s.slot, s.name, s.scope) for s in facts.states] == [
        ("artifact", "", ("prod", "cart", "eu", "", "cart-1")),
        ("config", "cart.yaml", ("prod", "cart", "eu", "", "cart-1")),
    ]
    assert facts.states[0].value == ARTIFACT
    assert facts.states[0].properties["reality"] == identity.identity().id
    assert facts.wholes[0].slots == ("artifact", "config", "policy")
    assert facts.kind == "observation"


def test_its_reality_is_a_thing_that_it_runs_and_that_holds_its_parts(placed):
    config = identity.loaded(config={"timeout_s": 2}).reality.config
    me = identity.identity()
    facts = recognise.facts_of(observed(me, at=AT, config="cart.yaml"))
    said = {(e.source, e.relation, e.target) for e in facts.edges}
    assert ("instance:cart-1", "runs", me.id) in said
    assert {(me.id, "contains", part) for part in (ARTIFACT, config)} <= said
    (node,) = [n for n in facts.nodes if n.id == me.id]
    assert (node.kind, node.name) == ("reality", me.short)


def test_a_reality_that_is_no_digest_is_refused_where_it_is(placed):
    sent = observed(identity.identity(), at=AT).replace(placed.id.encode(), b"mine")
    with pytest.raises(Malformed, match=r"states\[0\].properties.reality"):
        recognise.facts_of(sent)


def test_an_instance_that_knows_nothing_of_itself_is_seen_all_the_same(placed):
    unknown = identity.Identity(service="cart", environment="prod", instance="x")
    assert recognise.facts_of(observed(unknown, at=AT)).states == ()


def test_an_instance_without_a_place_cannot_be_observed(me):
    with pytest.raises(SettingError, match="Set WHEREFROM_ENVIRONMENT"):
        Heartbeat(None).start()


class Heard:
    """A sender that keeps what it is sent, and may be out of reach."""

    def __init__(self):
        self.records = []
        self.came = threading.Semaphore(0)
        self.fails = None

    def send(self, contents):
        self.came.release()
        if self.fails:
            raise self.fails
        self.records += [recognise.facts_of(content) for content in contents]


def test_it_beats_again_as_soon_as_it_is_another_reality_and_says_when_it_ends(placed, monkeypatch):
    monkeypatch.setattr(heartbeat, "_LOOK_SECONDS", 0.01)
    heard = Heard()
    beating = Heartbeat(heard, every_s=3600)
    beating.start()
    assert heard.came.acquire(timeout=20)
    identity.loaded(flags={"checkout": "on"})
    assert heard.came.acquire(timeout=20)
    beating.stop()
    first, second, last = heard.records
    assert first.states[0].properties["reality"] == placed.id
    assert second.states[0].properties["reality"] == identity.identity().id != placed.id
    assert (last.states, last.wholes[0].scope.instance) == ((), "cart-1")


def test_it_beats_again_when_its_time_has_come(placed):
    heard = Heard()
    beating = Heartbeat(heard, every_s=0.01)
    beating.start()
    for _ in range(3):
        assert heard.came.acquire(timeout=20)
    beating.stop()


def test_what_goes_wrong_is_logged_once_and_never_reaches_the_program(placed, caplog):
    heard = Heard()
    heard.fails = Unavailable("the server does not answer")
    with caplog.at_level(logging.WARNING, "wherefrom"):
        beating = Heartbeat(heard, every_s=0.01)
        beating.start()
        for _ in range(4):
            assert heard.came.acquire(timeout=20)
        beating.stop()
    assert [r.getMessage() for r in caplog.records] == [
        "this instance is not observed: the server does not answer"
    ]


def test_a_server_knows_what_runs_until_it_ends(placed, tmp_path):
    with Inside(tmp_path / "data") as server:

        def running(scope="prod/cart"):
            server.fold()
            return server.desk.reality.running(scope, RealityOptions()).places

        with heartbeat.heartbeat(server.url, server.token["sender"]) as beating:
            while not (places := running("")):  # before, nobody knows of prod
                assert beating._thread.is_alive()
                time.sleep(0.02)
            (place,) = places
            assert [one.value for one in place.observed] == [ARTIFACT]
            assert (place.region, place.observed[0].instances) == ("eu", 1)
        assert running() == []
