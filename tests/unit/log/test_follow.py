"""A copy of another log holds what that log can prove, whatever its server says."""

import io
import threading
from contextlib import contextmanager

import msgspec
import pytest

from tests.folders import ME, made, statement
from wherefrom.app import DataFolder, open_log, open_recorder
from wherefrom.errors import AlreadyExists, Error, NotFound, SettingError, Unavailable
from wherefrom.followed import (
    FollowedFolder,
    Following,
    Others,
    add,
    all_followed,
    find,
    look_again,
    remove,
)
from wherefrom.formats import note
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.log import contents, tile_client
from wherefrom.log import follow as module
from wherefrom.log.contents import encoded, first_part
from wherefrom.log.own_keys import LogKeysWish
from wherefrom.log.tile_client import ContentsPart

THEIRS = "log.example/theirs"


class Theirs:
    """Their log in a directory, served without a server; ``lies`` by method name."""

    def __init__(self, path):
        self.folder = DataFolder(path)
        self.folder.create(origin=THEIRS)
        self.lies = {}
        self.asked = []
        self.is_export = False
        self.begins = None
        self.put("first")

    def put(self, *names):
        with open_recorder(self.folder) as recorder:
            recorder.record([statement(name) for name in names], principal=ME)

    def _say(self, method, answer, *arguments):
        self.asked.append((method, *arguments))
        lie = self.lies.get(method)
        return lie(answer, *arguments) if lie else answer

    def checkpoint(self):
        return self._say("checkpoint", open_log(self.folder).checkpoint)

    def tile(self, level, n, width):
        return self._say("tile", open_log(self.folder).tile(level, n, width), level, n)

    def bundle(self, n, width):
        first = n * 256
        entries = list(open_log(self.folder).entries(first, first + width))
        return self._say("bundle", entries, n)

    @contextmanager
    def contents(self, n, width, *, skip, bytes_max):
        """As a server gives them, a part at a time; ``is_export``: as a folder of files does."""
        first, limit = n * 256, n * 256 + width
        if self.is_export:
            written = b"".join(encoded(open_log(self.folder).records(first, limit), first=first))
            first = None
        else:
            first += skip
            if self.begins is not None:  # all of it true, and not what was asked for
                first = min(self.begins, limit)
            written, _ = first_part(open_log(self.folder).records(first, limit), first=first)
        said = self._say("contents", written, n)
        yield ContentsPart(first if self.begins is None else self.begins, io.BytesIO(said))

    def log_keys(self):
        return self._say("log_keys", list(self.folder.own_keys.read().notes))

    def close(self):
        pass


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    source = Theirs(tmp_path / "theirs")
    monkeypatch.setattr(tile_client, "TileClient", lambda url, token: source)
    return source


@pytest.fixture
def ours(tmp_path):
    return made(tmp_path / "ours")


@pytest.fixture
def copy(ours, theirs):
    return add(ours, "http://theirs.example", theirs.folder.log_vkey(), token="t")


def size_of(copy):
    return open_log(copy).size


def same(copy, theirs):
    mine, other = open_log(copy), open_log(theirs.folder)
    assert mine.size == other.size
    assert list(mine.records(0, mine.size)) == list(other.records(0, other.size))
    assert mine.shown()[1].root == other.position().root


def test_a_copy_grows_with_the_log_and_shows_its_checkpoints(copy, theirs):
    for names in (["a"], ["b", "c"], [f"n{i}" for i in range(300)], ["d"]):
        theirs.put(*names)
        assert look_again(copy).trouble == ""
        same(copy, theirs)
    shown = note.parse(open_log(copy).shown()[0])
    assert shown.text == note.parse(open_log(theirs.folder).checkpoint).text
    asked = len(theirs.asked)
    assert look_again(copy).trouble == ""
    assert len(theirs.asked) == asked + 1  # the checkpoint, and nothing that is here already


def test_a_record_is_read_once_and_a_bundle_that_grew_from_where_it_was(copy, theirs):
    look_again(copy)
    theirs.put("a")
    theirs.asked.clear()
    look_again(copy)
    assert [a for a in theirs.asked if a[0] == "contents"] == [("contents", 0)]
    same(copy, theirs)


def changed_content(answer, n):
    return answer[:-1] + bytes([answer[-1] ^ 1])


def changed_nonce(answer, n):
    return bytes([answer[0] ^ 1]) + answer[1:]


def cut(answer, *_):
    return answer[:-1]


def longer(answer, *_):
    return answer + answer[:1]


def empty(answer, *_):
    return answer[:0]


def swapped(answer, n):
    return answer[::-1]


def other_tile(answer, level, n):
    return bytes([answer[0] ^ 1]) + answer[1:]


def by_a_stranger(answer):
    text = note.parse(answer).text
    from wherefrom.keys.ed25519 import sign_note

    return sign_note(text, name=THEIRS, key=SigningKey(bytes(32)))


def of_another_log(answer):
    from wherefrom.keys.ed25519 import sign_note

    text = note.parse(answer).text.replace(THEIRS, "log.example/another")
    return sign_note(text, name="log.example/another", key=SigningKey(bytes(32)))


def gone(answer, *_):
    raise Unavailable("gone")


LIES = [
    *(("contents", lie) for lie in (changed_content, changed_nonce, cut, longer, empty, gone)),
    *(("bundle", lie) for lie in (cut, swapped, empty, gone)),
    *(("tile", lie) for lie in (other_tile, gone)),
    *(("checkpoint", lie) for lie in (empty, cut, by_a_stranger, of_another_log, gone)),
]


@pytest.mark.parametrize(("method", "lie"), LIES, ids=lambda v: getattr(v, "__name__", v))
def test_a_lie_is_told_and_nothing_of_it_is_kept_and_the_truth_mends_it(copy, theirs, method, lie):
    look_again(copy)
    before = size_of(copy)
    theirs.put("a", "b")
    theirs.lies[method] = lie
    told = look_again(copy)
    assert told.trouble
    assert not told.forked
    assert size_of(copy) == before
    theirs.lies.clear()
    assert look_again(copy).trouble == ""
    same(copy, theirs)


def test_what_was_appended_before_a_failure_is_not_asked_for_again(copy, theirs):
    theirs.put(*(f"n{i}" for i in range(600)))
    theirs.lies["contents"] = lambda answer, n: gone(answer) if n == 2 else answer
    assert "gone" in look_again(copy).trouble
    assert size_of(copy) == 512
    theirs.lies.clear()
    theirs.asked.clear()
    look_again(copy)
    assert [a[1] for a in theirs.asked if a[0] == "contents"] == [2]
    same(copy, theirs)


def test_an_older_checkpoint_is_told_and_forgiven(copy, theirs):
    old = open_log(theirs.folder).checkpoint
    theirs.put("a")
    look_again(copy)
    theirs.lies["checkpoint"] = lambda answer: old
    told = look_again(copy)
    assert told.trouble.startswith("rollback: ")
    assert not told.forked
    theirs.lies.clear()
    assert look_again(copy).trouble == ""


def test_another_history_is_never_forgiven(copy, theirs, tmp_path):
    look_again(copy)
    import shutil

    shutil.copytree(theirs.folder.path, tmp_path / "fork")
    theirs.put("a", "b")
    look_again(copy)
    honest = theirs.folder
    theirs.folder = DataFolder(tmp_path / "fork")
    early = open_log(theirs.folder)
    from wherefrom.formats.checkpoint import Checkpoint

    extends = Checkpoint(THEIRS, early.size, early.position().root)
    with open_recorder(theirs.folder, extends=extends) as recorder:
        recorder.record([statement(n) for n in "vwxyz"], principal=ME)
    told = look_again(copy)
    assert told.forked
    assert told.trouble.startswith("fork: ")
    assert size_of(copy) == 4
    theirs.folder = honest
    asked = len(theirs.asked)
    assert look_again(copy).forked
    assert len(theirs.asked) == asked


def test_a_key_that_the_log_named_is_followed(copy, theirs):
    look_again(copy)
    with open_recorder(theirs.folder) as recorder:
        recorder.change_log_keys(LogKeysWish(to="ed25519", grace_days=0))
    theirs.put("a")
    assert look_again(copy).trouble == ""
    assert copy.follow().keys() == theirs.folder.own_keys.known()
    same(copy, theirs)


def test_what_they_erased_is_erased_here(copy, theirs):
    look_again(copy)
    with open_recorder(theirs.folder) as recorder:
        recorder.erase(1, reason="x", principal=ME)
    assert open_log(copy).record(1).content is not None
    assert look_again(copy).trouble == ""
    assert open_log(copy).record(1).content is None


def test_a_copy_that_takes_the_place_of_another_is_opened_anew(ours, copy, theirs):
    others = Others(ours)
    assert others() == []  # nothing was seen of it yet
    look_again(copy)
    (first,), (again,) = others(), others()
    assert again.desk is first.desk
    remove(copy)
    made = add(ours, "http://theirs.example", theirs.folder.log_vkey(), token="t")
    theirs.put("a")
    look_again(made)
    (second,) = others()
    assert second.desk is not first.desk
    assert second.desk.content(2) == open_log(theirs.folder).record(2).content
    remove(made)
    assert others() == []


def test_a_copy_that_is_damaged_is_told_and_can_be_removed(ours, copy, theirs):
    look_again(copy)
    (copy.path / "keys" / "log.vkey").write_text("x")
    (other,) = Others(ours)()
    assert other.desk is None
    assert other.name == copy.path.name
    assert "verifier key is broken" in other.trouble
    remove(find(ours, copy.path.name))
    assert all_followed(ours) == []


def test_a_copy_is_found_by_its_origin_and_removed_whole(ours, copy, theirs):
    assert [f.origin for f in all_followed(ours)] == [THEIRS]
    assert find(ours, THEIRS).path == copy.path
    with pytest.raises(AlreadyExists, match="followed already"):
        add(ours, "http://x", theirs.folder.log_vkey(), token=None)
    with pytest.raises(SettingError, match="does not follow itself"):
        add(ours, "http://x", ours.log_vkey(), token=None)
    remove(copy)
    assert all_followed(ours) == []
    with pytest.raises(NotFound, match="no such log is followed"):
        find(ours, THEIRS)


def test_a_token_is_read_by_its_owner_alone_and_a_broken_file_is_told(copy):
    path = copy.path / "follow.json"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    with pytest.raises(SettingError, match="federate remove, then add"):
        FollowedFolder(copy.path).follow()


def test_a_copy_that_cannot_be_written_is_our_trouble_not_theirs(copy, theirs, monkeypatch):
    look_again(copy)
    theirs.put("a")

    def full(self, records):
        self._stop("the disk is full")
        raise module.Corrupt("the disk is full")

    monkeypatch.setattr(module.LogWriter, "append_records", full)
    with pytest.raises(module.Corrupt):
        look_again(copy)
    assert msgspec.json.decode((copy.path / "follow.json").read_bytes())["trouble"] == ""


# -- what a look costs, and what it does not believe


def test_contents_come_in_parts_and_only_what_is_not_here_is_asked_for(copy, theirs, monkeypatch):
    theirs.put(*(f"n{i}" for i in range(20)))
    look_again(copy)
    monkeypatch.setattr(contents, "PART_BYTES_MAX", 2_000)
    theirs.put(*(f"m{i}" for i in range(20)))
    theirs.asked.clear()
    assert look_again(copy).trouble == ""
    same(copy, theirs)
    assert len([a for a in theirs.asked if a[0] == "contents"]) > 3


def test_a_folder_of_files_gives_a_bundle_whole_and_is_followed_too(copy, theirs):
    theirs.is_export = True
    for names in (["a"], ["b", "c"], [f"n{i}" for i in range(300)]):
        theirs.put(*names)
        assert look_again(copy).trouble == ""
        same(copy, theirs)


@pytest.mark.parametrize("begins", [3, 256, 10**15])
def test_contents_of_other_entries_than_were_asked_for_are_not_taken(copy, theirs, begins):
    look_again(copy)
    theirs.put("a", "b")
    theirs.begins = begins  # 2 would be right
    assert look_again(copy).trouble
    assert size_of(copy) == 2
    theirs.begins = None
    assert look_again(copy).trouble == ""
    same(copy, theirs)


def test_a_part_that_holds_nothing_ends_the_look(copy, theirs):
    theirs.lies["contents"] = empty
    assert "end before entry 0" in look_again(copy).trouble
    assert len([a for a in theirs.asked if a[0] == "contents"]) == 1


def test_a_content_that_is_withheld_is_told_until_a_tombstone_says_why(copy, theirs):
    look_again(copy)
    theirs.put("secret")
    theirs.lies["contents"] = lambda answer, n: bytes(16)
    told = look_again(copy)
    assert told.withheld == (2,)
    assert "under entry 2, and no tombstone says why" in told.trouble
    theirs.lies.clear()
    assert "under entry 2" in look_again(copy).trouble  # also when nothing is new
    with open_recorder(theirs.folder) as recorder:
        recorder.erase(2, reason="x", principal=ME)
    told = look_again(copy)
    assert (told.trouble, told.withheld) == ("", ())


def test_what_a_look_did_before_it_failed_is_looked_at_again_for_what_is_withheld(copy, theirs):
    theirs.put(*(f"n{i}" for i in range(300)))
    theirs.lies["contents"] = lambda answer, n: bytes(16) * 256 if n == 0 else gone(answer)
    assert "gone" in look_again(copy).trouble
    assert size_of(copy) == 256
    theirs.lies.clear()
    told = look_again(copy)
    assert len(told.withheld) == 256
    assert told.held == size_of(copy) == open_log(theirs.folder).size


def test_a_log_that_would_fill_our_disk_is_not_copied(copy, theirs, monkeypatch):
    look_again(copy)
    theirs.put("a")
    monkeypatch.setattr(Following, "free_bytes", lambda self: module.ROOM_BYTES_MIN + 100)
    assert "no room" in look_again(copy).trouble
    assert size_of(copy) == 2
    monkeypatch.setattr(Following, "free_bytes", lambda self: 10**12)
    assert look_again(copy).trouble == ""


def test_when_it_was_looked_at_and_when_it_grew_are_two_times(copy, theirs):
    first = look_again(copy)
    assert first.grown == first.looked
    second = look_again(copy)
    assert second.grown == first.grown < second.looked
    theirs.put("a")
    third = look_again(copy)
    assert third.grown == third.looked
    theirs.lies["checkpoint"] = gone
    assert look_again(copy).grown == third.grown


def test_a_look_at_a_log_that_has_nothing_new_opens_nothing(copy, theirs, monkeypatch):
    look_again(copy)
    monkeypatch.setattr(Following, "writer", lambda self: pytest.fail("opened"))
    assert look_again(copy).trouble == ""


def test_who_looks_waits_for_whoever_looks_already_and_not_for_ever(copy, theirs):
    other = FollowedFolder(copy.path)
    with other.held(), pytest.raises(Unavailable, match="another process writes"):
        look_again(copy, busy_seconds=0.2)
    held = other.held()
    held.__enter__()
    timer = threading.Timer(0.3, lambda: held.__exit__(None, None, None))
    timer.start()
    assert look_again(copy).trouble == ""
    timer.join()
    same(copy, theirs)


def segments(copy):
    return len(list((copy.path / "journal").glob("*.wfj")))


def test_many_looks_of_one_server_write_one_segment(copy, theirs):
    following = Following(copy)
    for n in range(5):
        theirs.put(f"n{n}")
        assert following.look().trouble == ""
    assert segments(copy) == 1
    # Somebody else looks in between, and both go on.
    theirs.put("other")
    look_again(copy)
    for n in range(2):
        theirs.put(f"m{n}")
        assert following.look().trouble == ""
    following.close()
    same(copy, theirs)
    assert segments(copy) == 3


def test_a_log_that_answers_slowly_cannot_keep_us_from_leaving_it(ours, copy, theirs):
    look_again(copy)
    theirs.put("a")

    def leave(answer, n):
        remove(copy)  # as somebody does meanwhile, in another process
        return answer

    theirs.lies["contents"] = leave
    with pytest.raises((Error, OSError)):
        look_again(copy)
    assert all_followed(ours) == []
    assert not copy.path.exists()
    theirs.lies.clear()
    again = add(ours, "http://theirs.example", theirs.folder.log_vkey(), token="t")
    assert look_again(again).trouble == ""
    same(again, theirs)


def test_a_log_that_is_removed_and_added_again_is_followed_by_whoever_followed_it(
    ours, copy, theirs
):
    following = Following(copy)
    following.look()
    remove(copy)
    again = add(ours, "http://theirs.example", theirs.folder.log_vkey(), token="t")
    assert following.look().trouble == ""
    following.close()
    same(again, theirs)
