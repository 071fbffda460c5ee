"""What was acknowledged and is not in the log is found, whatever became of it."""

import pytest

from tests.folders import made, record
from tests.served import event_bytes
from wherefrom.app import open_log
from wherefrom.errors import Refused, Unavailable
from wherefrom.gameday.emitters import Acknowledged, Counted


@pytest.fixture
def log(tmp_path):
    folder = made(tmp_path / "data")
    record(folder, *map(event_bytes, range(5)))  # entries 1 to 5, after the genesis
    return open_log(folder)


def acknowledged(*pairs):
    found = Acknowledged()
    for index, content in pairs:
        found.add(index, content)
    return found


def test_what_is_there_as_it_was_acknowledged_is_not_lost(log):
    assert acknowledged().not_in(log) == []
    assert acknowledged(*((n + 1, event_bytes(n)) for n in range(5))).not_in(log) == []


def test_what_lies_elsewhere_is_other_bytes_or_past_the_end_is_lost(log):
    said = acknowledged(
        (1, event_bytes(0)), (2, event_bytes(3)), (3, b"{}"), (6, event_bytes(4)), (99, b"{}")
    )
    assert said.not_in(log) == [2, 3, 6, 99]


class _Answers(Counted):
    """A sender whose requests are answered by the test."""

    def __init__(self, acknowledged):
        super().__init__("http://127.0.0.1:1", "token", acknowledged)
        self.answer = None

    def _post(self, path, body):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_sender_keeps_what_it_was_told_last_and_only_what_has_an_index_is_acknowledged():
    held = Acknowledged()
    sender = _Answers(held)
    sender.answer = Unavailable("nobody is there")
    with pytest.raises(Unavailable):
        sender.send([b"{}"])
    assert (sender.trouble, sender.taken, sender.done) == ("nobody is there", 0, 0)
    sender.answer = (
        207,
        (
            b'{"items": [{"status": "recorded", "index": 7},'
            b' {"status": "refused", "index": null, "reason": "too deep"}]}'
        ),
    )
    sender.send([b"[1]", b"[2]"])
    assert (sender.trouble, sender.taken, sender.done) == ("refused: too deep", 1, 2)
    assert len(held) == 1
    sender.answer = 200, b'{"items": [{"status": "known", "index": 7}]}'
    sender.send([b"[1]"])
    assert sender.trouble == ""
    sender.answer = 400, b'{"items": [{"status": "refused", "index": null, "reason": "no"}]}'
    with pytest.raises(Refused):
        sender.send([b"[3]"])
    assert "no" in sender.trouble
