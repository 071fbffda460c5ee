"""The watch over the reader process: what is started again must not be missed when it all ends."""

import io
import threading
import time

import pytest

from wherefrom.app import DataFolder
from wherefrom.serving import writer as serving


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

    def wait(self, seconds=60):
        until = time.monotonic() + seconds
        while not (self.is_dead or self.stdin.closed):
            assert time.monotonic() < until, "nobody told it to leave"
            time.sleep(0.005)


@pytest.fixture
def fakes(monkeypatch):
    fake = type("Fake", (FakeProcess,), {"made": [], "being_made": threading.Event()})
    monkeypatch.setattr(serving.subprocess, "Popen", fake)
    monkeypatch.setattr(serving, "_RESTART_AFTER_SECONDS", 0)
    return fake


def test_a_reader_that_is_just_being_started_again_is_told_to_leave_too(fakes, tmp_path):
    (tmp_path / "reader.sock").touch()
    reader = serving._ReaderProcess(DataFolder(tmp_path))
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
    reader = serving._ReaderProcess(DataFolder(tmp_path))
    with pytest.raises(serving.Unavailable, match="the reader process did not start"):
        reader.start()
    reader.stop()
    assert all(process.stdin.closed or process.is_dead for process in fakes.made)
