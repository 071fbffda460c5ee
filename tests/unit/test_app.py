"""A data directory: made once, its secrets, its views; who holds it is in ``test_app_held``."""

import json
import os
import stat
import threading

import pytest

from tests.folders import BUILDER, ME, envelope, made, record, sha256_of, statement
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
from wherefrom.errors import NotFound, SettingError, Unavailable
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

    make_keys, times = DataFolder._make_keys, []

    def made_once_more(self, origin):
        times.append(origin)
        make_keys(self, origin)

    monkeypatch.setattr(DataFolder, "exists", exists)
    monkeypatch.setattr(DataFolder, "_make_keys", made_once_more)
    threads = [threading.Thread(target=folder.create, kwargs={"origin": f"{n}.x"}) for n in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    assert times == [folder.origin]
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
    assert (status.size, status.views) == (2, {"graph": 0, "estate": 0, "health": 0})
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
