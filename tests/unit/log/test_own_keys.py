"""The log's own keys: rotation keeps the log the same log, whatever happens between two steps."""

from datetime import timedelta

import pytest

from tests.folders import ME, made, statement
from wherefrom.app import DataFolder, open_log, open_recorder
from wherefrom.errors import Malformed, NotAllowed, NotFound, SettingError, Unavailable
from wherefrom.formats import checkpoint, note
from wherefrom.formats.own import LogKeysChange
from wherefrom.formats.timestamps import parse, to_text
from wherefrom.keys import note_keys
from wherefrom.keys.cosignatures import check_log_signature, check_signers
from wherefrom.keys.log_keys import Schedule, followed
from wherefrom.log import own_keys
from wherefrom.log.audit_piece import read_own
from wherefrom.log.own_keys import LogKeysWish
from wherefrom.upkeep import audit_folder


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path / "data")


def put(recorder, *names):
    contents = [statement(name) for name in names]
    return [outcome.index for outcome in recorder.record(contents, principal=ME)]


def rotate(recorder, **wish):
    return recorder.change_log_keys(LogKeysWish(**({"to": "ed25519"} | wish)))


def signers_of(folder):
    """Which of the log's keys have signed its newest head."""
    signed = note.parse(open_log(folder).checkpoint)
    return check_signers(signed, folder.own_keys.known())


def recorded(recorder):
    entries = enumerate(recorder.writer.entries(0, recorder.writer.size))
    own = [read_own(recorder.writer.record(i).content) for i, e in entries if b"log-keys" in e]
    assert all(isinstance(change, LogKeysChange) for change in own)
    return own


def test_both_keys_sign_from_the_next_head_on_and_the_log_says_so(folder):
    first = folder.log_vkey()
    with open_recorder(folder) as recorder:
        put(recorder, "a")
        answer = rotate(recorder, reason="yearly")
        put(recorder, "b")
        assert signers_of(folder) == folder.own_keys.known()
        (change,) = recorded(recorder)
        assert (change.note, change.reason) == (answer.notes[0], "yearly")
    assert folder.log_vkey() != first
    assert followed([first], answer.notes) == folder.own_keys.known()
    assert audit_folder(folder).problems == []
    assert DataFolder(folder.path).origin == first.name


def test_without_grace_the_old_key_signs_nothing_more_and_old_checkpoints_stay_good(folder):
    with open_recorder(folder) as recorder:
        put(recorder, "a")
        before = open_log(folder).checkpoint
        rotate(recorder, grace_days=0)
        put(recorder, "b")
        assert signers_of(folder) == folder.own_keys.known()[1:]
    assert check_log_signature(note.parse(before), folder.own_keys.known()).size == 2
    with open_recorder(folder) as recorder:  # and a start reads its own head
        put(recorder, "c")
    assert audit_folder(folder).problems == []


@pytest.mark.parametrize("step", ["secret", "file", "record"])
def test_a_crash_in_a_rotation_leaves_a_log_that_opens_and_records_it_once(
    folder, monkeypatch, step
):
    class Crash(BaseException):
        pass

    def crash(*arguments, **named):
        raise Crash

    with open_recorder(folder) as recorder:
        put(recorder, "a")
        where, name = {
            "secret": (own_keys, "replaced"),
            "file": (own_keys, "replace_whole"),
            "record": (recorder, "_decide"),
        }[step]
        monkeypatch.setattr(where, name, crash)
        with pytest.raises(Crash):
            rotate(recorder)
    monkeypatch.undo()
    folder = DataFolder(folder.path)
    changed = step == "record"
    with open_recorder(folder) as recorder:
        assert len(recorded(recorder)) == changed
        put(recorder, "b")
        assert len(signers_of(folder)) == 1 + changed
    with open_recorder(folder) as recorder:
        assert len(recorded(recorder)) == changed
    assert audit_folder(folder).problems == []


def test_the_schedule_replaces_a_key_when_it_is_old_enough_and_lets_the_other_go(
    folder, monkeypatch
):
    with open_recorder(folder) as recorder:
        recorder.change_log_keys(LogKeysWish(every_days=90, grace_days=7))
        assert not recorder.tick()

        began = parse(recorder.now(), where="now")
        for days, rotated, signing in (
            (89, False, 1),
            (91, True, 2),
            (97, False, 2),
            (99, False, 1),
        ):
            with monkeypatch.context() as patch:
                at = to_text(began + timedelta(days))
                patch.setattr(recorder._clock, "_clock", lambda at=at: at)
                assert recorder.tick() == rotated, days
            assert len(recorder.writer.signers.keys) == signing, days
        assert len(recorded(recorder)) == 1
        assert recorded(recorder)[0].reason == "by schedule"


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({}, Malformed),
        ({"to": "ed25519", "end": "00000000"}, Malformed),
        ({"to": "rsa"}, Malformed),
        ({"to": "/etc/passwd"}, Malformed),
        ({"end": "00000000"}, NotFound),
        ({"every_days": -1}, Malformed),
        ({"every_days": 30, "grace_days": 30}, Malformed),
        ({"to": "ed25519", "grace_days": -1}, Malformed),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(folder, wish, error):
    with open_recorder(folder) as recorder:
        with pytest.raises(error):
            recorder.change_log_keys(LogKeysWish(**wish))
        assert recorded(recorder) == []
        assert recorder.writer.size == 1
    assert len(folder.own_keys.known()) == 1


def test_the_only_ed25519_key_cannot_end(folder):
    with open_recorder(folder) as recorder, pytest.raises(NotAllowed, match="one Ed25519 key"):
        recorder.change_log_keys(LogKeysWish(end=folder.log_vkey().key_id.hex()))


def test_a_local_key_that_a_held_one_replaced_still_signs_heads_and_nothing_published(folder):
    """A key in a file with another name stands for one that is held elsewhere."""
    own = folder.own_keys
    with open_recorder(folder) as recorder:
        put(recorder, "a")
        rotate(recorder, to="ecdsa-p256")
        rotate(recorder, to="ml-dsa-44")
        head = note.parse(open_log(folder).checkpoint)
        shown = own.publish(head, at=recorder.now())
    assert len(head.signatures) == 1
    assert [k.key.algorithm for k in own.read().keys] == [1, 2, 6]
    for key in own.known():
        assert check_log_signature(shown, [key]).size == checkpoint.parse(head.text).size
    assert own.has_slow(recorder.now())
    assert folder.published() is not None


@pytest.mark.parametrize("wrong", ["other file", "no secret", "a stranger's key", "cut"])
def test_an_audit_names_what_is_wrong_with_the_keys_of_the_log(folder, tmp_path, wrong):
    with open_recorder(folder) as recorder:
        rotate(recorder)
    path = folder.path / "keys" / own_keys.FILE_NAME
    if wrong == "other file":
        other = made(tmp_path / "other")
        with open_recorder(other) as recorder:
            rotate(recorder)
        path.write_bytes((other.path / "keys" / own_keys.FILE_NAME).read_bytes())
    elif wrong == "no secret":
        (folder.path / "keys" / folder.own_keys.read().keys[1].held).unlink()
    elif wrong == "a stranger's key":
        key = folder.path / "keys" / folder.own_keys.read().keys[1].held
        key.write_text((folder.path / "keys/log.key").read_text())
    else:
        path.write_bytes(path.read_bytes()[:-30])
    problems = audit_folder(DataFolder(folder.path)).problems
    assert any(p.file.startswith("keys/log-") for p in problems), problems
    with pytest.raises(SettingError), open_recorder(DataFolder(folder.path)):
        pass


def test_a_schedule_is_kept_and_is_no_change_of_keys(folder):
    with open_recorder(folder) as recorder:
        answer = recorder.change_log_keys(LogKeysWish(every_days=365))
        assert recorded(recorder) == []
    assert answer.schedule == Schedule(365, 30)
    assert DataFolder(folder.path).own_keys.read().schedule == Schedule(365, 30)


def test_a_change_after_the_clock_went_back_leaves_a_log_that_everybody_can_follow(
    folder, monkeypatch
):
    first = folder.log_vkey()
    with open_recorder(folder) as recorder:
        rotate(recorder, grace_days=0)
        back = to_text(parse(recorder.now(), where="now") - timedelta(days=1))
        monkeypatch.setattr(recorder._clock, "_clock", lambda: back)
        answer = rotate(recorder, grace_days=0)
        put(recorder, "a")
    assert len(followed([first], answer.notes)) == 3
    assert audit_folder(DataFolder(folder.path)).problems == []


@pytest.mark.parametrize("older", ["missing", "older"])
def test_a_file_of_keys_that_is_older_than_the_log_signs_nothing(folder, older):
    path = folder.path / "keys" / own_keys.FILE_NAME
    with open_recorder(folder) as recorder:
        rotate(recorder)
        before = path.read_bytes()
        rotate(recorder)
        put(recorder, "a")
    head = open_log(folder).checkpoint
    if older == "missing":
        path.unlink()
    else:
        path.write_bytes(before)
    folder = DataFolder(folder.path)
    assert any(p.file == f"keys/{own_keys.FILE_NAME}" for p in audit_folder(folder).problems)
    with pytest.raises(SettingError, match="older than the log"), open_recorder(folder):
        pass
    assert open_log(DataFolder(folder.path)).checkpoint == head


def test_a_new_key_that_does_not_sign_the_change_takes_nobodys_place(folder, monkeypatch):
    made = own_keys.OwnKeys.use

    def use(self, key, purpose):
        if key.key not in known:
            raise Unavailable("away", where=key.held)
        return made(self, key, purpose)

    known = folder.own_keys.known()
    monkeypatch.setattr(own_keys.OwnKeys, "use", use)
    with open_recorder(folder) as recorder:
        with pytest.raises(Unavailable):
            rotate(recorder, to="ecdsa-p256")
        assert recorded(recorder) == []
    assert folder.own_keys.known() == known


def test_what_is_published_carries_a_local_key_that_came_after_the_head(folder):
    own = folder.own_keys
    with open_recorder(folder) as recorder:
        put(recorder, "a")
        rotate(recorder, to="ecdsa-p256")
        head = note.parse(open_log(folder).checkpoint)
        own.change(LogKeysWish(to="ed25519", grace_days=0), at=recorder.now())
        shown = own.publish(head, at=recorder.now())
        signing = [k.key for k in own.read().signing(recorder.now())]
    assert {key for key in own.known() if key in check_signers(shown, own.known())} == set(signing)


def test_an_address_that_names_another_key_now_needs_the_old_one_to_end_at_once(
    folder, monkeypatch
):
    held = [note_keys.new_note_key(note.ECDSA, name=folder.origin)[0] for _ in range(2)]
    there, opening = held[:1], note_keys.open_note_key

    def open_note_key(where, *, name, folder):
        return there[0] if where == "awskms:alias/log" else opening(where, name=name, folder=folder)

    monkeypatch.setattr(note_keys, "open_note_key", open_note_key)
    with open_recorder(folder) as recorder:
        rotate(recorder, to="awskms:alias/log")
        there[0] = held[1]
        with pytest.raises(NotAllowed, match="same address"):
            rotate(recorder, to="awskms:alias/log")
        assert [k.key for k in folder.own_keys.read().keys][1:] == [held[0].verifier_key]
        rotate(recorder, to="awskms:alias/log", grace_days=0)
        put(recorder, "a")
    head = note.parse(open_log(folder).checkpoint)
    shown = folder.own_keys.publish(head, at=recorder.now())
    assert check_signers(shown, folder.own_keys.known()) == [
        folder.own_keys.known()[0], held[1].verifier_key,
    ]  # fmt: skip
