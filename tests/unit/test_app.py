"""A data directory: made once, held by one writer, read by many, and told from its copies."""

import json
import os
import shutil
import stat
import subprocess
import sys
import threading

import pytest

from tests.folders import BUILDER, ME, asked, envelope, made, record, sha256_of, statement
from wherefrom import app
from wherefrom.app import (
    DataFolder,
    Served,
    fold_views,
    known_keys,
    log_at_rest,
    open_desk,
    open_log,
    open_recorder,
)  # fmt: skip
from wherefrom.errors import NotFound, ReadOnly, SettingError, Unavailable
from wherefrom.formats import checkpoint, note
from wherefrom.query.desk import TraceOptions
from wherefrom.views.graph import GraphReader

SIGNED = envelope(statement(), BUILDER)


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path / "data")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# -- made once


@pytest.mark.parametrize("umask", [0, 0o077])
def test_secrets_and_the_directory_are_for_their_user_alone(tmp_path, umask):
    before = os.umask(umask)
    try:
        folder = made(tmp_path / "deep" / "data")
        token = folder.ensure_admin_token()
        record(folder, SIGNED)
    finally:
        os.umask(before)
    assert mode(folder.path) == 0o700
    secrets = [folder.path / "keys" / f"{n}.key" for n in ("log", "service", "producer")]
    for path in (*secrets, token, folder.path / "tokens.json"):
        assert mode(path) == 0o600, path
    for path in (folder.path / "journal").iterdir():
        assert mode(path) & 0o077 == 0, path


def test_making_it_again_changes_nothing(folder):
    before = {p: p.read_bytes() for p in (folder.path / "keys").iterdir()}
    folder.create(origin="another.example/log")
    assert {p: p.read_bytes() for p in (folder.path / "keys").iterdir()} == before
    assert folder.origin == "log.example/tests"


def test_an_origin_is_made_up_if_none_is_given_and_each_is_another(tmp_path):
    origins = set()
    for name in "ab":
        folder = DataFolder(tmp_path / name)
        folder.create()
        origins.add(folder.origin)
    assert len(origins) == 2
    assert all(o.startswith("wherefrom.local/") for o in origins)


@pytest.mark.parametrize("origin", ["two words", "a+b", "line\nbreak", " "])
def test_an_origin_that_a_checkpoint_cannot_carry_is_refused_before_anything_is_made(
    tmp_path, origin
):
    with pytest.raises(SettingError, match="not an origin: expected a URL without scheme"):
        made(tmp_path / "data", origin=origin)
    assert not (tmp_path / "data").exists()


def test_two_that_make_it_at_the_same_time_make_one_log(tmp_path, monkeypatch):
    """Both look and find nothing there; the second must not write its keys over the first's."""
    folder, both_looked = DataFolder(tmp_path / "data"), threading.Barrier(2)
    looked = threading.local()

    def exists(self):
        found = (self.path / "keys/log.vkey").exists()
        if not getattr(looked, "once", False):
            looked.once = True
            both_looked.wait(10)
        return found

    monkeypatch.setattr(DataFolder, "exists", exists)
    threads = [threading.Thread(target=folder.create, kwargs={"origin": f"{n}.x"}) for n in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    assert folder.log_key().verifier_key(folder.origin) == folder.log_vkey()
    assert record(folder, SIGNED)[0].index == 1


def test_a_crash_while_the_keys_are_made_leaves_no_log_and_the_next_makes_one(
    tmp_path, monkeypatch
):
    written = []

    def write(path, text):
        if path.name == "producer.key":
            raise OSError("no space left")
        written.append(path)
        path.write_text(text)

    monkeypatch.setattr(app, "write_secret", write)
    with pytest.raises(OSError, match="no space"):
        made(tmp_path / "data")
    assert len(written) == 2
    assert not DataFolder(tmp_path / "data").exists()
    monkeypatch.undo()
    assert record(made(tmp_path / "data"), SIGNED)[0].index == 1


def test_the_administrators_token_is_made_once_and_works(folder):
    path = folder.ensure_admin_token()
    text = path.read_text().strip()
    assert folder.tokens.authenticate(text).roles == ("admin",)
    assert folder.ensure_admin_token().read_text().strip() == text
    held = [p for p in folder.path.rglob("*") if p.is_file() and text in p.read_text("latin-1")]
    assert held == [path]


# -- a directory that is no log, or broken


@pytest.mark.parametrize("there", [False, True])
def test_without_a_log_every_door_says_so_and_makes_nothing(tmp_path, there):
    folder = DataFolder(tmp_path / "data")
    if there:
        folder.path.mkdir()
    with (
        pytest.raises(NotFound, match=r"no log in this directory, at .*data\. Start one"),
        open_recorder(folder),
    ):
        pass
    for ask in (open_log, log_at_rest, lambda f: f.origin):
        with pytest.raises(NotFound, match="no log in this directory"):
            ask(folder)
    assert folder.served() is None
    assert folder.path.exists() == there
    assert not there or list(folder.path.iterdir()) == []


def test_before_its_first_writer_a_log_is_not_there_to_read(folder):
    with pytest.raises(NotFound, match="no log here yet"):
        open_log(folder)


@pytest.mark.parametrize("name", ["log.vkey", "log.key", "service.key", "producer.key"])
@pytest.mark.parametrize("written", [b"", b"x", b"\xff", None])
def test_a_broken_key_file_is_named_and_its_secret_never_shown(folder, name, written):
    path = folder.path / "keys" / name
    secret = path.read_text().strip()
    if written is None:
        path.write_text(secret[:-5])
    else:
        path.write_bytes(written)
    with pytest.raises(SettingError, match=f"keys/{name}") as e, open_recorder(folder):
        pass
    assert name == "log.vkey" or secret[-20:-5] not in str(e.value)


def test_a_missing_key_file_is_named(folder):
    (folder.path / "keys/service.key").unlink()
    with (
        pytest.raises(SettingError, match=r"cannot be read, at .*keys/service\.key"),
        open_recorder(folder),
    ):
        pass


# -- held by one

_HOLD = """
import sys
from pathlib import Path
from wherefrom.app import *
folder = DataFolder(Path(sys.argv[1]))
with open_recorder(folder):
    if sys.argv[2]:
        folder.say_served(Served(sys.argv[2], 4711))
    print("held", flush=True)
    sys.stdin.read()
"""


class Holder:
    """Another process that holds a directory until it is told to end, or killed."""

    def __init__(self, folder, url=""):
        command = [sys.executable, "-c", _HOLD, str(folder.path), url]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        assert self.process.stdout.readline() == b"held\n"
        return self.process

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def refused(folder):
    with pytest.raises(Unavailable, match="another process writes to this directory") as e:
        record(folder, SIGNED)
    return str(e.value)


def test_a_second_writer_is_refused_and_told_whose_server_to_use(folder):
    with Holder(folder, "http://127.0.0.1:9"):
        assert folder.served() == Served("http://127.0.0.1:9", 4711)
        assert "got process 4711 at http://127.0.0.1:9. Use its server" in refused(folder)
    assert record(folder, SIGNED)[0].index == 1


def test_a_killed_server_serves_nothing_even_while_another_command_holds_the_directory(folder):
    with Holder(folder, "http://127.0.0.1:9") as process:
        process.kill()
        process.wait()
        assert folder.served() is None
    with Holder(folder):
        assert folder.served() is None
        assert "127.0.0.1" not in refused(folder)


def test_readers_see_what_a_writer_has_signed_while_it_writes(folder):
    with open_recorder(folder) as recorder:
        recorder.record([SIGNED], principal=ME)
        log = open_log(folder)
        assert log.size == 2
        recorder.record([statement("b")], principal=ME)
        assert (log.size, log.refresh().size) == (2, 3)
        assert log.record(2).content == statement("b")
        with asked(folder) as desk:
            assert desk.trace(sha256_of("b"), TraceOptions()).log.size == 3


def test_an_error_inside_lets_the_directory_go(folder):
    with pytest.raises(ZeroDivisionError, match="division"), open_recorder(folder):
        1 / 0  # noqa: B018
    assert record(folder, SIGNED)[0].index == 1


# -- copies


def newest(folder):
    return checkpoint.parse(note.parse(open_log(folder).checkpoint).text)


def test_a_copy_is_read_only_until_it_extends_a_checkpoint(folder, tmp_path):
    record(folder, SIGNED)
    shutil.copytree(folder.path, tmp_path / "copy")
    copy = DataFolder(tmp_path / "copy")
    with pytest.raises(ReadOnly, match=r"this is a copy of a log.*--extends"):
        record(copy, statement("b"))
    assert open_log(copy).size == 2
    record(folder, statement("b"))
    with (
        pytest.raises(ReadOnly, match="does not begin with the checkpoint of size 3"),
        open_recorder(copy, extends=newest(folder)),
    ):
        pass
    with open_recorder(copy, extends=newest(copy)) as recorder:
        assert recorder.record([statement("c")], principal=ME)[0].index == 2
    record(copy, statement("d"))


def test_a_backup_put_back_in_its_place_is_read_only_even_if_it_gets_the_same_inode(
    folder, tmp_path
):
    record(folder, SIGNED)
    inode, _, generation = folder.home().removeprefix("inode:").partition(":")
    subprocess.run(["cp", "-a", folder.path, tmp_path / "backup"], check=True)
    for _ in range(3):
        shutil.rmtree(folder.path)
        subprocess.run(["cp", "-a", tmp_path / "backup", folder.path], check=True)
        # Without generations a file system cannot tell these two apart, and neither can we.
        if generation or str((folder.path / "lock").stat().st_ino) != inode:
            with pytest.raises(ReadOnly, match="this is a copy of a log"):
                record(folder, statement("c"))


def test_a_directory_that_was_only_moved_goes_on(folder, tmp_path):
    record(folder, SIGNED)
    folder.path.rename(tmp_path / "moved")
    moved = DataFolder(tmp_path / "moved")
    (moved.path / "lock").chmod(0o600)
    assert record(moved, SIGNED)[0].status == "known"


# -- views


def test_views_are_folded_rebuilt_to_the_same_answers_and_kept_by_one(folder):
    with open_recorder(folder) as recorder:
        recorder.record([SIGNED, statement("b")], principal=ME)
    log = open_log(folder)
    assert fold_views(folder, log) == 3
    before = open_desk(folder, log).trace(sha256_of("app"), TraceOptions())
    assert fold_views(folder, log, rebuild=True) == 3
    assert open_desk(folder, log).trace(sha256_of("app"), TraceOptions()) == before
    with open(folder.path / "views.lock", "a") as lock:
        app.fcntl.flock(lock, app.fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="a server keeps the views"):
            fold_views(folder, log, rebuild=True)


def test_without_a_folded_graph_the_status_says_so(folder):
    record(folder, SIGNED)
    status = open_desk(folder, open_log(folder)).status()
    assert (status.size, status.views) == (2, {"graph": 0})
    with (
        pytest.raises(Unavailable, match=r"."),
        GraphReader(folder.graph_path).snapshot(),
    ):
        pass


def test_keys_are_known_to_a_reader_without_writing_anything(folder):
    record(folder, SIGNED, trust=[BUILDER])
    before = sorted(p.name for p in folder.path.iterdir())
    (folder.path / "decisions.json").unlink()
    assert [k.id for k in known_keys(folder, open_log(folder)).list()] == [BUILDER.id]
    assert sorted(p.name for p in folder.path.iterdir()) == [
        n for n in before if n != "decisions.json"
    ]


def test_who_serves_is_written_whole_and_for_this_user_alone(folder):
    folder.say_served(Served("http://x", 1))
    assert mode(folder.path / "server.json") == 0o600
    assert json.loads((folder.path / "server.json").read_text()) == {"url": "http://x", "pid": 1}
    assert folder.served() is None  # said, but nobody holds it
    folder.say_served(None)
    folder.say_served(None)
    assert not (folder.path / "server.json").exists()
