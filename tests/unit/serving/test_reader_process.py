"""The watch over the reader process: what is started again must not be missed when it all ends."""

import io
import os
import sys
import threading
import time

import pytest

from wherefrom.app import DataFolder
from wherefrom.serving import reader_process as serving


class FakeProcess:
    """Ends when its standard input does, as the reader does; the first one is dead at once."""

    made: list["FakeProcess"]
    being_made: threading.Event

    def __init__(self, *_, **__):
        self.stdin = io.BytesIO()
        self.is_dead = not self.made
        if self.made:
            self.being_made.set()
            time.sleep(0.2)
        self.made.append(self)

    def begin(self):
        pass

    def wait(self, seconds=60):
        until = time.monotonic() + seconds
        while not (self.is_dead or self.stdin.closed):
            assert time.monotonic() < until, "nobody told it to leave"
            time.sleep(0.005)


@pytest.fixture
def fakes(monkeypatch):
    fake = type("Fake", (FakeProcess,), {"made": [], "being_made": threading.Event()})
    monkeypatch.setattr(serving, "_Forked", fake)
    monkeypatch.setattr(serving.subprocess, "Popen", fake)
    monkeypatch.setattr(serving, "_RESTART_AFTER_SECONDS", 0)
    return fake


def test_a_reader_that_is_just_being_started_again_is_told_to_leave_too(fakes, tmp_path):
    (tmp_path / "reader.sock").touch()
    reader = serving.ReaderProcess(DataFolder(tmp_path))
    reader._watch.start()
    assert fakes.being_made.wait(5)
    began = time.monotonic()
    reader.stop()
    assert time.monotonic() - began < 5
    assert len(fakes.made) == 2
    assert all(process.stdin.closed or process.is_dead for process in fakes.made)
    assert not (tmp_path / "reader.sock").exists()


def test_a_reader_that_never_answers_is_an_error_and_not_a_wait_for_ever(
    fakes, tmp_path, monkeypatch
):
    monkeypatch.setattr(serving, "_READY_WITHIN_SECONDS", 0.3)
    reader = serving.ReaderProcess(DataFolder(tmp_path))
    with pytest.raises(serving.Unavailable, match="the reader process did not start"):
        reader.start()
    reader.stop()
    assert all(process.stdin.closed or process.is_dead for process in fakes.made)


# -- the first one, forked


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_that_was_never_told_to_answer_leaves_and_takes_nobodys_socket_away(tmp_path):
    (tmp_path / "reader.sock").touch()  # of a server that has the directory already
    with serving.ReaderProcess(DataFolder(tmp_path)) as reader:
        pid = reader._forked._pid
        assert is_there(pid)
    assert not is_there(pid)
    assert (tmp_path / "reader.sock").exists()


@pytest.mark.parametrize("ends", [OSError("no room"), SystemExit(0), KeyboardInterrupt()])
def test_however_it_ends_it_ends_there_and_the_writers_code_does_not_go_on(
    ends, tmp_path, monkeypatch
):
    def run(path, *, lifeline):
        assert path == str(tmp_path)
        raise ends

    monkeypatch.setattr(serving, "run", run)
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    here = os.getpid()
    forked = serving._Forked(DataFolder(tmp_path))
    assert os.getpid() == here
    forked.begin()
    assert os.waitstatus_to_exitcode(os.waitpid(forked._pid, 0)[1]) == serving._FAILED
    forked.begin()  # too late: nothing happens
    forked.kill()
    forked.stdin.close()


def test_one_that_is_told_and_leaves_by_itself_has_ended_well(tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "run", lambda path, *, lifeline: os.read(lifeline, 1))
    forked = serving._Forked(DataFolder(tmp_path))
    forked.begin()
    forked.stdin.close()
    assert os.waitstatus_to_exitcode(os.waitpid(forked._pid, 0)[1]) == 0


def test_one_that_does_not_leave_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "run", lambda path, *, lifeline: time.sleep(600))
    forked = serving._Forked(DataFolder(tmp_path))
    forked.begin()
    forked.kill()
    assert os.waitstatus_to_exitcode(os.waitpid(forked._pid, 0)[1]) == -9
    forked.stdin.close()
