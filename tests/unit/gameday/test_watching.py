"""Eyes at work: what was there before is no news, what flickers must stay."""

import threading
import time

import pytest

from tests.served import until
from wherefrom.errors import Unavailable
from wherefrom.gameday.drill import explains
from wherefrom.gameday.eyes import EYES, Absent, Eye, Sighting
from wherefrom.gameday.faults.scenario import Fault
from wherefrom.gameday.watching import Watcher


class Door:
    """What an eye here looks through: sightings that the test sets."""

    def __init__(self):
        self.shown = []
        self.fails = None
        self.commands = self
        self.looks = 0

    def stop(self):
        pass

    def look(self, _):
        self.looks += 1
        if self.fails:
            raise self.fails
        return [Sighting(key, f"{key} is wrong") for key in self.shown]


@pytest.fixture
def door():
    return Door()


def watching(door, **more):
    return Watcher(door, [Eye("one", "look", door.look, every_s=0.01, **more)])


def looked(door, times=3):
    before = door.looks
    until(lambda: door.looks >= before + times)


def said(watcher):
    return [one.says for one in watcher.seen()]


def test_what_was_wrong_before_is_no_news_and_what_comes_is_told_once(door):
    door.shown = ["old"]
    with watching(door) as watcher:
        assert watcher.settle(10) == []
        began = watcher.begin()
        looked(door)
        assert said(watcher) == []
        door.shown = ["old", "new"]
        until(lambda: said(watcher))
        looked(door)
        assert said(watcher) == ["new is wrong"]
        assert watcher.seen()[0].at >= began
    assert threading.active_count() == 1


def test_what_is_seen_for_a_moment_counts_only_if_it_is_seen_often_enough(door):
    with watching(door, looks=5) as watcher:
        assert watcher.settle(10) == []
        watcher.begin()
        for _ in range(4):  # two looks, then none
            door.shown = ["flicker"]
            looked(door, 2)
            door.shown = []
            looked(door, 2)
        assert said(watcher) == []
        door.shown = ["stays"]
        until(lambda: said(watcher) == ["stays is wrong"])


def test_one_thing_in_other_words_each_time_is_told_a_few_times(door):
    numbers = iter(range(1000))

    def look(_):
        return [Sighting("key", f"{next(numbers)} wait") for _ in door.look(None)]

    with Watcher(door, [Eye("one", "look", look, every_s=0.01)]) as watcher:
        watcher.begin()
        door.shown = ["any"]
        looked(door, 30)
        assert len(watcher.seen()) == 5


def test_all_is_well_once_every_eye_has_looked_again_and_sees_nothing_new(door):
    door.shown = ["old"]
    with watching(door) as watcher:
        watcher.settle(10)
        watcher.begin()
        door.shown = ["old", "new"]
        until(lambda: said(watcher))
        now = time.monotonic()
        looked(door)
        assert not watcher.is_well(now)
        door.shown = ["old"]
        now = time.monotonic()
        until(lambda: watcher.is_well(now))
        assert not watcher.is_well(time.monotonic() + 60)  # nobody has looked since


def test_an_eye_that_shows_what_happened_does_not_tell_that_all_is_well(door):
    with watching(door, stays=True) as watcher:
        watcher.settle(10)
        watcher.begin()
        door.shown = ["new"]
        until(lambda: said(watcher))
        assert watcher.is_well(time.monotonic() + 60)


def test_a_door_that_is_not_there_is_named_and_one_that_fails_is_waited_for(door):
    door.fails = Absent()
    with watching(door) as watcher:
        assert watcher.settle(10) == []
        assert watcher.absent() == ["one"]
    door.fails = Unavailable("not now")
    with watching(door) as watcher:
        assert watcher.settle(0.1) == ["one"]
        door.fails = None
        assert watcher.settle(10) == []
        assert watcher.absent() == []


@pytest.mark.parametrize(
    ("says", "explained"),
    [
        ("entry 38: its content is wrong", True),
        ("its content is wrong, as entry 38 says", True),
        ("entry 387: its content is wrong", False),
        ("entry 38: nothing of it", False),
        ("", False),
    ],
)
def test_an_explanation_says_every_word_as_a_word(says, explained):
    assert explains(says, Fault("it was broken", ("entry 38", "content"))) is explained


def test_eyes_have_names_of_their_own_and_some_come_by_themselves():
    assert len({one.name for one in EYES}) == len(EYES)
    assert {one.name for one in EYES if one.tells} >= {"standard error", "messages", "senders"}
