"""The watch has its statements signed by the writer, over a socket that either may find again."""

import asyncio
import contextlib
import threading

import pytest

from wherefrom.errors import NotAllowed, Unavailable
from wherefrom.log.recorder import OwnRecord
from wherefrom.serving.signing import keep_signing
from wherefrom.serving.signing_link import SigningLink


class Recorder:
    """It numbers what it is given to sign."""

    def __init__(self):
        self.signed, self.refuses = [], False

    def vouch_all(self, statements, *, principal):
        assert principal.name == "watch"
        if self.refuses:
            raise NotAllowed("the rules do not take it")
        first = len(self.signed)
        self.signed += statements
        return [OwnRecord(first + n, one) for n, one in enumerate(statements)]


@contextlib.contextmanager
def writer(recorder, path):
    """The writer's end, on a loop of its own."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(keep_signing(recorder, path))

    def run():
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    loop.call_soon_threadsafe(task.cancel)
    thread.join()
    loop.close()


@pytest.fixture
def link(tmp_path):
    made = SigningLink(tmp_path / "watch.sock")
    yield made
    made.close()


def test_statements_come_back_with_their_entries(link, tmp_path):
    recorder = Recorder()
    with writer(recorder, tmp_path / "watch.sock"):
        assert link.wait(10)
        assert link.sign([b"one", "zwei \N{SNOWMAN}".encode()]) == [0, 1]
        assert link.sign([]) == []
        large = b"x" * 1_000_000
        assert link.sign([large] * 3) == [2, 3, 4]
    assert recorder.signed == [b"one", "zwei \N{SNOWMAN}".encode(), large, large, large]


def test_nobody_signs_where_no_writer_is(link):
    assert not link.wait(0.01)
    with pytest.raises(Unavailable, match="the writer is not there"):
        link.sign([b"x"])


def test_why_nothing_is_recorded_is_told(link, tmp_path):
    recorder = Recorder()
    recorder.refuses = True
    with writer(recorder, tmp_path / "watch.sock"):
        assert link.wait(10)
        with pytest.raises(Unavailable, match="the rules do not take it"):
            link.sign([b"x"])
        recorder.refuses = False
        assert link.sign([b"x"]) == [0], "the connection is still good"


def test_a_writer_that_comes_again_is_found(link, tmp_path):
    recorder = Recorder()
    with writer(recorder, tmp_path / "watch.sock"):
        assert link.wait(10)
        link.sign([b"x"])
    with pytest.raises(Unavailable, match="the writer went"):
        link.sign([b"y"])
    with writer(recorder, tmp_path / "watch.sock"):
        assert link.wait(10)
        assert link.sign([b"y"]) == [1]


def test_the_socket_is_its_owners_alone(link, tmp_path):
    assert (tmp_path / "watch.sock").stat().st_mode & 0o777 == 0o600
