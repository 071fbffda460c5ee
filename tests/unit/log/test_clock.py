"""A clock that is set back: believed, noted before the next record, and never in the way."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.served import event_bytes
from tests.unit.api.test_admin import a_key, signed
from wherefrom import app
from wherefrom.app import DataFolder, fold_views, open_log, open_recorder
from wherefrom.collect.principals import local
from wherefrom.errors import StorageError
from wherefrom.formats import dsse, entry, own, strict_json, timestamps
from wherefrom.formats.own import Gap
from wherefrom.keys.public import PublicKey
from wherefrom.log.clock import BACK_SECONDS, WatchedClock
from wherefrom.upkeep import audit_folder

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Hands:
    """A clock that shows what it is set to."""

    def __init__(self, at=NOON):
        self.at = at

    def __call__(self):
        return timestamps.to_text(self.at)

    def turn(self, seconds):
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def hands(monkeypatch):
    made = Hands()
    monkeypatch.setattr(app, "now", made)
    return made


@pytest.fixture
def folder(tmp_path):
    made = DataFolder(tmp_path / "data")
    made.create()
    return made


def times(folder):
    log = open_log(folder)
    return [entry.parse(e).received for e in log.entries(0, log.size)]


def gaps(folder):
    log = open_log(folder)
    found = {}
    for index in range(log.size):
        record = log.record(index)
        if b'"kind":"gap"' in record.entry:
            sealed = dsse.parse(strict_json.decode(record.content))
            found[index] = own.parse_payload(sealed.payload_type, sealed.payload)
    return found


@pytest.mark.parametrize("seed", range(50))
def test_each_step_back_is_told_once_and_every_time_is_what_the_clock_said(seed):
    chance, hands = random.Random(seed), Hands()
    clock, latest, told = WatchedClock(hands), NOON, 0
    clock()
    for _ in range(200):
        hands.turn(chance.choice([0, 0.3, 1, 5, 500, -0.5, -2, -500]))
        assert clock() == timestamps.to_text(hands.at)
        steps = clock.take()
        if (latest - hands.at).total_seconds() > BACK_SECONDS:
            assert len(steps) == 1
            assert timestamps.to_text(latest) in steps[0].why
            latest, told = hands.at, told + 1
        else:
            assert steps == []
            latest = max(latest, hands.at)
    assert told


def test_the_log_says_that_the_clock_went_back_before_the_first_record_after_it(folder, hands):
    with open_recorder(folder) as recorder:
        recorder.record([event_bytes(1)], principal=local(0))
        hands.turn(-3600)
        outcomes = recorder.record([event_bytes(2), event_bytes(3)], principal=local(0))
        assert [o.index for o in outcomes] == [3, 4]
        recorder.record([event_bytes(4)], principal=local(0))
    (noted,) = gaps(folder).items()
    assert noted[0] == 2
    assert noted[1].what == "clock"
    assert "from 2026-01-01T12:00:00.000000Z to 2026-01-01T11:00:00.000000Z" in noted[1].why
    assert times(folder)[2:] == ["2026-01-01T11:00:00.000000Z"] * 4
    assert fold_views(folder, open_log(folder)) == 6
    assert audit_folder(folder, views=True).problems == []


def test_a_clock_that_went_back_while_nobody_served_is_noted_too(folder, hands):
    with open_recorder(folder) as recorder:
        recorder.record([event_bytes(1)], principal=local(0))
    hands.turn(-86400)
    with open_recorder(folder) as recorder:
        assert recorder.record([event_bytes(1)], principal=local(0))[0].status == "known"
        recorder.record([event_bytes(2)], principal=local(0))
    assert len(gaps(folder)) == 1


def test_keys_verdicts_and_erasures_go_by_the_index_whatever_the_clock_does(folder, hands):
    key, pem = a_key()
    with open_recorder(folder) as recorder:
        public = PublicKey.from_pem(pem.encode())
        recorder.record([signed(key, 1)], principal=local(0))
        hands.turn(-50_000)
        recorder.change_key(public, action="trust")
        hands.turn(-50_000)
        (outcome,) = recorder.record([signed(key, 2)], principal=local(0))
        assert (
            recorder.decisions.trust_of(outcome.index, recorder.writer.entry(outcome.index)).level
            == "signed"
        )
        assert recorder.decisions.trust_of(1, recorder.writer.entry(1)).level == "signed"
        hands.turn(-50_000)
        recorder.change_key(public, action="revoke")
        hands.turn(-50_000)
        assert recorder.decisions.trust_of(1, recorder.writer.entry(1)).level == "channel"
        recorder.erase(1, reason="a test", principal=local(0))
    with open_recorder(folder) as recorder:
        assert recorder.writer.record(1).content is None
        assert recorder.decisions.keyring.get(public.id).state == "revoked"
    assert len(gaps(folder)) == 4
    assert audit_folder(folder, views=True).problems == []


def test_a_note_that_the_disk_refused_comes_before_the_next_record(folder, hands):
    with open_recorder(folder) as recorder:
        recorder.record([event_bytes(1)], principal=local(0))
        hands.turn(-3600)
        real, recorder.commit = recorder.commit, refuse
        with pytest.raises(StorageError, match="refused"):
            recorder.record([event_bytes(2)], principal=local(0))
        recorder.commit = real
        assert recorder.record([event_bytes(2)], principal=local(0))[0].index == 3
    assert isinstance(gaps(folder)[2], Gap)


def refuse(batch):
    raise StorageError("refused")
