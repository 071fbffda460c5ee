"""Nothing that waits is lost, and nothing goes to another place."""

from __future__ import annotations

import pytest

from wherefrom.capture.recorder import spool as module
from wherefrom.capture.recorder.spool import Spool, folder_of
from wherefrom.errors import NotAllowed, Refused, StorageError, Unavailable


class Place:
    """Takes records, unless it is told to fail."""

    def __init__(self):
        self.taken, self.fails = [], None

    def give(self, records):
        if self.fails is not None:
            raise self.fails
        self.taken += records
        return [{"status": "recorded", "index": len(self.taken)}]


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "deep" / "spool")


@pytest.mark.parametrize("error", [Unavailable("away"), NotAllowed("a wrong token")])
def test_what_nobody_took_waits_and_goes_in_order_later(spool, error):
    place = Place()
    place.fails = error
    for record in (b"1", b"2", b"3"):
        spool.put(record)
    sent = spool.send(place.give)
    assert sent == ([], 3, error)
    place.fails = None
    sent = spool.send(place.give)
    assert (sent.waiting, len(sent.items), sent.trouble) == (0, 3, None)
    assert place.taken == [b"1", b"2", b"3"]


def test_what_is_refused_is_set_aside_and_stops_nobody(spool):
    place = Place()
    spool.put(b"bad")
    spool.put(b"good")

    def give(records):
        if records == [b"bad"]:
            raise Refused("not this")
        return place.give(records)

    sent = spool.send(give)
    assert [item["status"] for item in sent.items] == ["refused", "recorded"]
    assert sent.waiting == 0
    assert [p.read_bytes() for p in (spool.folder / "refused").iterdir()] == [b"bad"]


def test_an_answer_that_was_lost_is_no_record_that_is(spool):
    """Taken, and the answer lost: it is sent again, and the place knows it."""
    place = Place()
    spool.put(b"1")

    def lost(records):
        place.give(records)
        raise Unavailable("the answer is lost")

    assert spool.send(lost).waiting == 1
    assert spool.send(place.give).waiting == 0
    assert place.taken == [b"1", b"1"]


def test_a_half_written_record_is_not_sent(spool):
    spool.put(b"1")
    (spool.folder / "00-x.new").write_bytes(b"ha")
    place = Place()
    spool.send(place.give)
    assert place.taken == [b"1"]


def test_a_record_that_another_build_sent_meanwhile_is_no_trouble(spool):
    path = spool.put(b"1")
    spool.put(b"2")
    place = Place()

    def give(records):
        path.unlink(missing_ok=True)
        return place.give(records)

    assert spool.send(give).trouble is None
    assert spool.waiting() == []


def test_only_its_owner_reads_what_waits(spool):
    path = spool.put(b"1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert spool.folder.stat().st_mode & 0o777 == 0o700


def test_a_full_spool_says_so(spool, monkeypatch):
    monkeypatch.setattr(module, "WAITING_BYTES_MAX", 3)
    spool.put(b"123")
    with pytest.raises(StorageError, match="too much waits"):
        spool.put(b"4")


def test_each_place_has_a_folder_of_its_own(tmp_path):
    a, b = folder_of("https://a", tmp_path), folder_of("https://b", tmp_path)
    assert a != b
    assert a == folder_of("https://a", tmp_path)
    assert folder_of("https://a", None, {"HOME": "/h"}).is_relative_to("/h/.local/state/wherefrom")
