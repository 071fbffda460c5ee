"""What moved since an entry, and every statement of a slot: what a watch reads instead of all."""

import pytest

from tests.told_states import Told
from wherefrom.capture import changes
from wherefrom.formats.states import Scope
from wherefrom.views.estate import EstateSnapshot

AT = "2026-01-01T00:0{}:00.000000Z"


class Estate(Told):
    """Services that are deployed, minute by minute."""

    minute = 0

    def say(self, service, value, *, all_of=(), source="/ci", mode="declared"):
        self.minute += 1
        states = [] if value is None else [{"slot": "artifact", "name": "", "value": value}]
        at = AT.format(self.minute)
        self.add(
            [changes.estate(mode, Scope("prod", service), states, all_of=all_of, at=at,
                            source=source)]
        )  # fmt: skip

    def moved(self, since):
        snapshot = EstateSnapshot(self._db, origin="", size=self.size, root=None)
        return snapshot.moved("artifact", since=since)


@pytest.fixture
def estate():
    return Estate()


def test_what_holds_something_else_moved_and_what_is_said_again_did_not(estate):
    estate.say("cart", "a")
    estate.say("till", "a")
    assert estate.moved(0) == {("prod", "cart"), ("prod", "till")}
    estate.say("cart", "a")
    assert estate.moved(2) == set()
    estate.say("cart", "b")
    assert estate.moved(2) == {("prod", "cart")}
    assert estate.moved(4) == set()


def test_what_a_list_no_longer_has_moved_though_no_record_names_it(estate):
    estate.say("cart", "a", all_of=["artifact"])
    estate.say("till", "a")
    estate.say("cart", None, all_of=["artifact"])
    assert estate.moved(2) == {("prod", "cart")}


def test_a_list_of_a_whole_environment_moves_only_what_it_ends(estate):
    for service in ("cart", "till"):
        estate.say(service, "a", source="/agent", all_of=["artifact"], mode="observed")
    estate.minute += 1
    states = [{"slot": "artifact", "name": "", "value": "a", "scope": {"service": "cart"}}]
    estate.add(
        [changes.estate("observed", Scope("prod"), states, all_of=["artifact"],
                        at=AT.format(estate.minute), source="/agent")]
    )  # fmt: skip
    assert estate.moved(2) == {("prod", "till")}
