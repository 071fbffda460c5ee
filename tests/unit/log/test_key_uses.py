"""How often the log's keys signed: counted before each signature, recorded once in any crash."""

import shutil
import threading
from collections import Counter
from datetime import timedelta

import pytest

from tests.folders import ME, made, statement
from wherefrom.app import DataFolder, fold_views, open_desk, open_log, open_recorder
from wherefrom.errors import StorageError
from wherefrom.formats import checkpoint, note
from wherefrom.formats.timestamps import parse, to_text
from wherefrom.log.export import export
from wherefrom.log.key_uses import UseLines
from wherefrom.log.own_keys import LogKeysWish
from wherefrom.upkeep import import_folder


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path / "data")


@pytest.fixture
def days_later(monkeypatch):
    """A recorder whose clock is so many days ahead."""

    def later(recorder, days):
        at = to_text(parse(recorder.now(), where="now") + timedelta(days))
        monkeypatch.setattr(recorder._clock, "_clock", lambda: at)

    return later


def put(recorder, *names):
    recorder.record([statement(name) for name in names], principal=ME)


def id_of(folder, number=-1):
    return folder.own_keys.known()[number].key_id.hex()


def test_a_day_of_use_is_summed_in_one_record_and_the_next_one_goes_on(folder, days_later):
    with open_recorder(folder) as recorder:
        for name in "abc":
            put(recorder, name)
        log = open_log(folder)
        fold_views(folder, log)
        desk = open_desk(folder, log)
        desk.receipt(1, "cose")
        desk.receipt(2, "cose")
        desk.proof_token("1")
        heads = recorder.writer.heads
        days_later(recorder, 0.9)
        recorder.tick()
        assert recorder.decisions.key_uses is None
        days_later(recorder, 0.2)
        recorder.tick()
        said = recorder.decisions.key_uses
        assert said.uses == {id_of(folder): {"head": heads, "receipt": 2, "token": 1}}
        recorder.tick()
        assert recorder.decisions.key_uses == said
        days_later(recorder, 1.1)
        put(recorder, "d")
        recorder.tick()
        more = recorder.decisions.key_uses
        # The record itself, the record of d, and nothing that was counted before.
        assert more.uses == {id_of(folder): {"head": heads + 2, "receipt": 2, "token": 1}}
        (key,) = recorder.log_keys().keys
        assert key.uses == more.uses[id_of(folder)]


def test_each_key_is_counted_for_what_it_signed(folder, days_later):
    with open_recorder(folder) as recorder:
        put(recorder, "a")
        before = recorder.writer.heads
        recorder.change_log_keys(LogKeysWish(to="ed25519", grace_days=0))
        put(recorder, "b")
        days_later(recorder, 2)
        recorder.tick()
        uses = recorder.decisions.key_uses.uses
        # The old key signed the head of the record that sums up its own use, and no more.
        assert uses[id_of(folder, 0)] == {"head": before, "change": 1}
        assert uses[id_of(folder, 1)]["change"] == 1
        total = uses[id_of(folder, 0)]["head"] + uses[id_of(folder, 1)]["head"]
        assert total == recorder.decisions.key_uses.heads


@pytest.mark.parametrize("step", ["record", "remove"])
def test_a_crash_while_uses_are_recorded_neither_loses_nor_doubles_one(
    folder, days_later, monkeypatch, step
):
    class Crash(BaseException):
        pass

    def crash(*_, **__):
        raise Crash

    with open_recorder(folder) as recorder:
        put(recorder, "a")
        fold_views(folder, open_log(folder))
        for _ in range(3):
            open_desk(folder, open_log(folder)).receipt(1, "cose")
        days_later(recorder, 2)
        where, name = {"record": (recorder, "_decide"), "remove": (UseLines, "recorded")}[step]
        with monkeypatch.context() as patch:
            patch.setattr(where, name, crash)
            with pytest.raises(Crash):
                recorder.tick()
    open_desk(folder, open_log(folder)).receipt(1, "cose")
    with open_recorder(DataFolder(folder.path)) as recorder:
        days_later(recorder, 4)
        recorder.tick()
        days_later(recorder, 4)
        recorder.tick()
        assert recorder.decisions.key_uses.uses[id_of(folder)]["receipt"] == 4


def test_a_key_whose_use_cannot_be_counted_signs_nothing(folder):
    with open_recorder(folder) as recorder:
        put(recorder, "a")
    fold_views(folder, open_log(folder))
    (folder.path / "keys/uses.log").mkdir()
    with pytest.raises(StorageError, match="cannot count the use of a key"):
        open_desk(folder, open_log(folder)).receipt(1, "cose")


def test_lines_are_taken_once_and_again_until_they_are_recorded(tmp_path):
    lines = UseLines(tmp_path)
    assert lines.take() == ("", Counter())
    for purpose in ("receipt", "receipt", "token"):
        lines.add("00112233", purpose)
    taken = lines.take()
    assert taken.uses == {("00112233", "receipt"): 2, ("00112233", "token"): 1}
    lines.add("00112233", "rekor")
    assert lines.take() == taken
    lines.recorded()
    assert lines.take().uses == {("00112233", "rekor"): 1}


def test_the_same_uses_on_the_next_day_are_counted_again(folder, days_later):
    with open_recorder(folder) as recorder:
        put(recorder, "a")
        fold_views(folder, open_log(folder))
        for days in (2, 2):
            open_desk(folder, open_log(folder)).receipt(1, "cose")
            days_later(recorder, days)
            recorder.tick()
        assert recorder.decisions.key_uses.uses[id_of(folder)]["receipt"] == 2


def test_a_line_that_was_cut_is_passed_over_and_costs_no_other(folder, days_later):
    lines = UseLines(folder.path / "keys")
    with open_recorder(folder) as recorder:
        put(recorder, "a")
        for cut in (b"0011", b"00112233 rece", b"\xff\n", b"no key\n", b" \n"):
            with (folder.path / "keys/uses.log").open("ab") as file:
                file.write(cut)
            lines.add(id_of(folder), "receipt")
        days_later(recorder, 2)
        recorder.tick()
        uses = recorder.decisions.key_uses.uses
    assert set(uses) == {id_of(folder)}
    assert uses[id_of(folder)]["receipt"] == 5


def test_a_use_that_is_counted_while_the_lines_are_taken_is_in_the_next_record(tmp_path):
    lines, total, enough = UseLines(tmp_path), Counter(), threading.Event()

    def use():
        mine = UseLines(tmp_path)
        for _ in range(2_000):
            mine.add("00112233", "receipt")

    def take():
        while True:
            last = enough.is_set()
            total.update(lines.take().uses)
            lines.recorded()
            if last:
                return

    users = [threading.Thread(target=use) for _ in range(3)]
    taker = threading.Thread(target=take)
    for thread in (*users, taker):
        thread.start()
    for thread in users:
        thread.join()
    enough.set()
    taker.join()
    assert total == {("00112233", "receipt"): 6_000}


def test_heads_before_a_crash_are_counted_for_the_keys_that_signed_them(folder, monkeypatch):
    class Crash(BaseException):
        pass

    def crash(*_, **__):
        raise Crash

    with open_recorder(folder) as recorder:
        put(recorder, *"abc")
        monkeypatch.setattr(recorder, "_record_log_keys", crash)
        with pytest.raises(Crash):
            recorder.change_log_keys(LogKeysWish(to="ed25519", grace_days=0))
        before = recorder.writer.heads
    with open_recorder(DataFolder(folder.path)) as recorder:
        uses = recorder.decisions.key_uses.uses
        assert uses[id_of(folder, 0)]["head"] >= before
        assert uses.get(id_of(folder, 1), {}).get("head", 0) <= recorder.writer.heads - before


def test_a_log_made_again_from_an_export_counts_on(folder, days_later, tmp_path):
    with open_recorder(folder) as recorder:
        for name in "abcdef":
            put(recorder, name)
        days_later(recorder, 2)
        recorder.tick()
        before = recorder.decisions.key_uses
    again = DataFolder(tmp_path / "again")
    shutil.copytree(folder.path / "keys", again.path / "keys")
    export(open_log(folder), tmp_path / "out", contents=True)
    import_folder(again, tmp_path / "out")
    extends = checkpoint.parse(note.parse(open_log(folder).checkpoint).text)
    with open_recorder(again, extends=extends) as recorder:
        put(recorder, "g")
        days_later(recorder, 4)
        recorder.tick()
        said = recorder.decisions.key_uses
        assert said.uses[id_of(folder)]["head"] > before.uses[id_of(folder)]["head"]
        assert said.heads == recorder.writer.heads - 1


def test_lines_that_cannot_be_read_are_told_as_such(tmp_path):
    (tmp_path / "uses.log").mkdir()
    with pytest.raises(StorageError, match="uses of keys"):
        UseLines(tmp_path).take()
