"""A scratch copy has the records of a log, and no key, setting or decision of it."""

import hashlib
import tempfile
from pathlib import Path

import pytest

from tests.folders import BUILDER, envelope, made, public, record, statement
from tests.served import event_bytes
from wherefrom.app import DataFolder, known_keys, open_log, open_recorder
from wherefrom.collect.principals import local
from wherefrom.errors import NotFound, SettingError, StorageError
from wherefrom.formats import note
from wherefrom.formats.checkpoint import parse as parse_checkpoint
from wherefrom.gameday import scratch
from wherefrom.gameday.ending import Ending


def everything(folder):
    return {
        str(path.relative_to(folder)): (
            path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def original(tmp_path):
    """Ten events, one of them erased, a signed record and the key that signed it; settings too."""
    folder = made(tmp_path / "data")
    record(folder, *(event_bytes(number) for number in range(10)))
    with open_recorder(folder) as recorder:
        recorder.change_key(public(BUILDER), action="trust", names=("ci",))
        recorder.record([envelope(statement(), BUILDER)], principal=local(1000))
        recorder.erase(3, reason="asked to", principal=local(1000))
    folder.ensure_admin_token()
    (folder.path / "notify.yaml").write_text("url: https://example.com\n")
    return folder


def test_taking_from_a_directory_changes_nothing_in_it(original):
    before = everything(original.path)
    taken = scratch.of_log(original.path)
    assert len(list(taken.contents)) == 10
    assert everything(original.path) == before


def test_a_copy_holds_what_others_said_in_its_order_under_keys_of_its_own(original, tmp_path):
    copy = DataFolder(tmp_path / "copy")
    estate = scratch.make_copy(copy, scratch.of_log(original.path))
    log, first = open_log(copy), open_log(original)
    held = [one.content for one in log.read(0, log.size) if one.entry.trust.level != "self"]
    numbers = (0, 1, *range(3, 10))  # entry 3 is the third event
    assert held == [*map(event_bytes, numbers), envelope(statement(), BUILDER)]
    assert (estate.records, estate.refused, estate.size) == (10, 0, first.size)
    assert estate.root == first.position().root.hex()

    assert log.origin != first.origin
    assert not {key.key_id for key in copy.own_keys.known()} & {
        key.key_id for key in original.own_keys.known()
    }
    assert copy.service_key().public_key != original.service_key().public_key
    assert copy.producer_key() != original.producer_key()
    signed = parse_checkpoint(note.parse(log.checkpoint).text)
    assert signed.origin.startswith("gameday.invalid/")
    names = {path.name for path in copy.path.iterdir()}
    assert not names & {"notify.yaml", "token", "tokens.json"}


def test_a_key_that_counts_counts_in_the_copy_and_one_that_was_revoked_does_not(original, tmp_path):
    for name, state in (("before", "active"), ("after", None)):
        copy = DataFolder(tmp_path / name)
        scratch.make_copy(copy, scratch.of_log(original.path))
        found = {key.id: key.state for key in known_keys(copy, open_log(copy)).told().keys}
        assert found.get(public(BUILDER).id) == state
        with open_recorder(original) as recorder:
            recorder.change_key(public(BUILDER), action="revoke")


def test_only_the_newest_records_are_taken_if_there_are_more(original, tmp_path):
    taken = scratch.of_log(original.path, records_max=6)
    assert len(list(taken.contents)) < 6  # of six entries those that others said
    estate = scratch.make_copy(
        DataFolder(tmp_path / "none"), scratch.of_log(original.path, records_max=0)
    )
    assert estate.records == 0


def test_a_directory_without_a_log_is_not_taken_from(tmp_path):
    with pytest.raises(NotFound, match="no log in this directory"):
        scratch.of_log(tmp_path)


def test_a_scratch_folder_is_its_owners_alone_and_gone_at_the_end():
    with tempfile.TemporaryDirectory(prefix="gd-") as place:
        with Ending() as ending, scratch.scratch_folder(Path(place), ending=ending) as folder:
            assert folder.stat().st_mode & 0o777 == 0o700
            (folder / "deep").mkdir()
        assert list(Path(place).iterdir()) == []


def test_a_place_that_is_too_deep_for_a_socket_is_refused(tmp_path):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    with (
        Ending() as ending,
        pytest.raises(SettingError, match="too deep for the sockets of a server"),
        scratch.scratch_folder(deep, ending=ending),
    ):
        pass
    assert list(deep.iterdir()) == []


@pytest.mark.parametrize("within", ["", "views", "views/there/is/none"])
def test_no_scratch_folder_is_made_within_a_logs_directory(original, within):
    place = Path(original.path, within)
    with (
        Ending() as ending,
        pytest.raises(SettingError, match="writes nothing into the directory of a log"),
        scratch.scratch_folder(place, ending=ending),
    ):
        pass


def test_a_witnesss_directory_is_no_place_either(tmp_path):
    (tmp_path / "vkeys").write_text("")
    with pytest.raises(SettingError, match="--report is in "):
        scratch.need_no_log_around(tmp_path / "below", what="--report")


def test_a_copy_that_would_fill_the_disk_is_not_made(original, tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "ROOM_TIMES", 10**12)
    with pytest.raises(StorageError, match="not room enough for a game day"):
        scratch.make_copy(DataFolder(tmp_path / "copy"), scratch.of_log(original.path))
