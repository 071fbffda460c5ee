"""Answers that took long are given again for a while, and found once by all who ask at once."""

from __future__ import annotations

import threading

import pytest

from wherefrom.errors import Unavailable
from wherefrom.query.health.kept import KEPT_MAX, RESTS, SLOW_SECONDS, Kept


class Clock:
    """Time, and processor time, that pass as a test says."""

    def __init__(self):
        self.now = self.spent = 0.0
        self.found = []

    def kept(self):
        return Kept(clock=lambda: self.now, spent=lambda: self.spent)

    def finding(self, took):
        def find():
            self.spent += took
            self.now += took
            self.found.append(len(self.found) + 1)
            return self.found[-1]

        return find


def test_what_is_found_fast_is_found_each_time():
    clock = Clock()
    kept = clock.kept()
    assert [kept.get("k", clock.finding(SLOW_SECONDS / 2)) for _ in range(3)] == [1, 2, 3]


def test_what_took_long_is_given_again_for_times_as_long_and_then_found_anew():
    clock = Clock()
    kept = clock.kept()
    find = clock.finding(2.0)
    assert kept.get("k", find) == 1
    clock.now += RESTS * 2.0 - 0.1
    assert kept.get("k", find) == 1
    assert kept.get("another", find) == 2
    clock.now += 0.1
    assert kept.get("k", find) == 3


def test_only_the_last_answers_are_kept():
    clock = Clock()
    kept = clock.kept()
    find = clock.finding(100.0)
    for number in range(KEPT_MAX + 1):
        kept.get(number, find)
    clock.now = 100.0 * KEPT_MAX
    assert kept.get(KEPT_MAX, find) == KEPT_MAX + 1
    assert kept.get(0, find) == KEPT_MAX + 2


def test_a_failure_is_nobody_elses_answer():
    clock = Clock()
    kept = clock.kept()

    def fails():
        clock.spent += 9
        raise Unavailable("no view yet")

    with pytest.raises(Unavailable):
        kept.get("k", fails)
    assert kept.get("k", clock.finding(0.0)) == 1


def test_of_those_who_ask_at_once_one_finds_the_answer():
    clock = Clock()
    kept = clock.kept()
    is_finding, go_on = threading.Event(), threading.Event()
    find = clock.finding(1.0)

    def slowly():
        is_finding.set()
        assert go_on.wait(30)
        return find()

    got = []
    asking = [threading.Thread(target=lambda: got.append(kept.get("k", slowly))) for _ in range(3)]
    asking[0].start()
    assert is_finding.wait(30)
    for one in asking[1:]:
        one.start()
    go_on.set()
    for one in asking:
        one.join(30)
    assert got == [1, 1, 1]
    assert clock.found == [1]
