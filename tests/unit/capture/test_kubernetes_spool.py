"""What waits on disk: nothing is lost, nothing is sent twice for want of trying."""

from __future__ import annotations

import json

import pytest

from wherefrom.capture.kubernetes import spool as spools
from wherefrom.capture.kubernetes.picture import Picture, Place, Stated
from wherefrom.capture.kubernetes.spool import Spool
from wherefrom.capture.kubernetes.telling import Teller
from wherefrom.errors import StorageError, Unavailable
from wherefrom.formats.states import OBSERVED, Scope

TELLER = Teller(source="/kubernetes/test")


def change(number):
    place = Place(OBSERVED, Scope("prod", "cart", instance="pod-1"), "artifact", "web")
    pictured = Picture({place: Stated(str(number), None, {})}, frozenset(), ())
    (made,) = TELLER.changes(pictured, now=f"2026-01-01T00:00:{number % 60:02}.000000Z")
    return made


def contents(spool):
    return [waiting.content for waiting in spool.first(1000, 1 << 30)]


def test_what_is_put_comes_out_in_order_also_after_a_restart(tmp_path):
    made = [change(n) for n in range(12)]
    with_a_gap = Spool(tmp_path)
    with_a_gap.put(made[:5])
    with_a_gap.put(made[5:])
    with_a_gap.close()
    again = Spool(tmp_path)
    assert contents(again) == made
    assert again.bytes_waiting == sum(map(len, made))
    first, *_ = again.first(3, 1 << 30)
    again.remove(first.number)
    again.put([b"{}"])
    assert contents(again) == [*made[1:], b"{}"]
    again.close()


def test_a_request_is_one_document_or_as_many_as_fit(tmp_path):
    spool = Spool(tmp_path)
    spool.put([b"x" * 100, b"y" * 10, b"z" * 10])
    assert len(spool.first(10, 50)) == 1
    assert len(spool.first(10, 115)) == 2
    assert len(spool.first(2, 1000)) == 2
    spool.close()


def test_what_was_half_written_in_a_crash_was_never_there(tmp_path):
    spool = Spool(tmp_path)
    spool.put([b"{}"])
    spool.close()
    (tmp_path / "0000000000000002.new").write_bytes(b'{"ha')
    again = Spool(tmp_path)
    assert contents(again) == [b"{}"]
    again.close()


def test_a_second_agent_is_told_that_the_folder_is_held(tmp_path):
    spool = Spool(tmp_path)
    with pytest.raises(Unavailable, match="another agent holds this folder"):
        Spool(tmp_path)
    spool.close()
    Spool(tmp_path).close()


def test_too_much_is_merged_to_the_newest_state_of_each_place(tmp_path):
    spool = Spool(tmp_path, bytes_max=2000)
    merges = [spool.put([change(number)]) for number in range(50)]
    assert any(merges)
    assert len(spool) < 10
    states = [s for c in contents(spool) for s in json.loads(c)["subject"]["content"]["states"]]
    assert states[-1]["value"] == "49"
    spool.close()


def test_what_a_merge_makes_no_smaller_is_not_merged_every_time(tmp_path, monkeypatch):
    merges = []
    original = spools.merged
    monkeypatch.setattr(spools, "merged", lambda some: merges.append(1) or original(some))
    spool = Spool(tmp_path, bytes_max=100)
    snapshot = TELLER.snapshot(
        Picture({}, frozenset(), ()), now="2026-01-01T00:00:00Z", environments=["prod"],
        whole=[(OBSERVED, "artifact")],
    )  # fmt: skip
    for _ in range(64):
        spool.put(snapshot)
    assert len(spool) == 64 * len(snapshot)
    assert len(merges) < 10
    spool.close()


def test_what_was_refused_lies_aside_and_the_newest_hundred_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(spools, "REFUSED_MAX", 3)
    spool = Spool(tmp_path)
    spool.put([b"%d" % n for n in range(5)])
    for waiting in spool.first(5, 1000):
        kept = spool.set_aside(waiting.number)
    assert kept.read_bytes() == b"4"
    assert len(spool) == 0
    assert sorted(p.read_bytes() for p in (tmp_path / "refused").iterdir()) == [b"2", b"3", b"4"]
    spool.close()


def test_a_disk_that_takes_nothing_is_told_and_leaves_nothing_half(tmp_path, monkeypatch):
    spool = Spool(tmp_path)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spools.os, "fdatasync", full)
    with pytest.raises(StorageError, match="No space left"):
        spool.put([b"{}"])
    assert [p.name for p in tmp_path.iterdir()] == ["lock"]
    spool.close()
