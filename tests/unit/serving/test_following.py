"""Logs are followed beside each other: what one of them does to us is nobody else's trouble."""

import threading
from types import SimpleNamespace

import pytest

from wherefrom.errors import Unavailable
from wherefrom.serving import fold


class Ended(BaseException):
    """Ends a loop that has no end."""


class Followed:
    def __init__(self, name):
        self.path = self.origin = self.name = name
        self.is_followed = True


@pytest.fixture
def looks(monkeypatch):
    """Looks by origin; what a test puts there is done at each look."""
    made = {}

    class Looking:
        def __init__(self, followed):
            self.followed = followed

        def look(self):
            return SimpleNamespace(trouble=made[self.followed.origin](self.followed) or "")

        def close(self):
            made.setdefault("closed", []).append(self.followed.origin)

    monkeypatch.setattr(fold, "Following", Looking)
    monkeypatch.setattr(fold, "FOLLOW_EVERY_SECONDS", 0)
    monkeypatch.setattr(fold, "_TRY_AGAIN_SECONDS", 0.001)
    return made


def follow_until(monkeypatch, done, *followed):
    """Run the loop over ``followed`` until ``done`` is set."""

    def there(_):
        if done.wait(0.01):
            for one in followed:
                one.is_followed = False
            raise Ended
        return followed

    monkeypatch.setattr(fold, "all_followed", there)
    with pytest.raises(Ended):
        fold._follow_others(None)


def test_a_log_that_never_answers_keeps_no_other_from_being_followed(looks, monkeypatch):
    free, done, times = threading.Event(), threading.Event(), []

    def quick(_):
        times.append(1)
        if len(times) == 5:
            done.set()

    looks |= {"slow": lambda _: free.wait(60) and None, "quick": quick}
    follow_until(monkeypatch, done, Followed("slow"), Followed("quick"))
    free.set()
    assert len(times) >= 5


def test_what_is_wrong_is_said_once_and_again_when_it_is_something_else(looks, monkeypatch, capfd):
    done, answers = threading.Event(), iter(["a", "a", "", "a", "b", "b", OSError("c"), "b"])

    def look(followed):
        said = next(answers, None)
        if said is None:
            done.set()
            followed.is_followed = False
            return ""
        if isinstance(said, OSError):
            raise said
        return said

    looks["log"] = look
    follow_until(monkeypatch, done, Followed("log"))
    told = [line.rpartition(": ")[2] for line in capfd.readouterr().err.splitlines()]
    assert told == ["a", "a", "b", "c", "b"]


def test_a_log_that_is_removed_is_let_go(looks, monkeypatch):
    done = threading.Event()

    def look(followed):
        followed.is_followed = False
        done.set()
        raise Unavailable("removed as it was looked at")

    looks["log"] = look
    follow_until(monkeypatch, done, Followed("log"))
    for thread in threading.enumerate():
        if thread.name.startswith("Thread-") and "_keep_following" in thread.name:
            thread.join(10)
    assert looks["closed"] == ["log"]
