"""A data directory is held by one writer, read by many, and told from its copies."""

import fcntl
import shutil
import subprocess
import sys

import pytest

from tests.folders import BUILDER, ME, asked, envelope, made, record, sha256_of, statement
from wherefrom.app import DataFolder, Served, open_log, open_recorder
from wherefrom.errors import ReadOnly, Unavailable
from wherefrom.formats import checkpoint, note
from wherefrom.query.desk import TraceOptions

SIGNED = envelope(statement(), BUILDER)


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path / "data")


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


def has_generations(folder):
    with open(folder / "lock", "rb") as file:
        try:
            fcntl.ioctl(file, 0x80087601, bytes(8))  # FS_IOC_GETVERSION on 64 bits
        except OSError:
            return False
    return True


def test_a_backup_put_back_in_its_place_is_read_only_even_if_it_gets_the_same_inode(
    folder, tmp_path
):
    record(folder, SIGNED)
    inode = (folder.path / "lock").stat().st_ino
    assert folder.home().count(":") == 1 + has_generations(folder.path)
    subprocess.run(["cp", "-a", folder.path, tmp_path / "backup"], check=True)
    for _ in range(3):
        shutil.rmtree(folder.path)
        subprocess.run(["cp", "-a", tmp_path / "backup", folder.path], check=True)
        # Without generations a file system cannot tell these two apart, and neither can we.
        if has_generations(folder.path) or (folder.path / "lock").stat().st_ino != inode:
            with pytest.raises(ReadOnly, match="this is a copy of a log"):
                record(folder, statement("c"))


def test_a_directory_that_was_only_moved_goes_on(folder, tmp_path):
    record(folder, SIGNED)
    folder.path.rename(tmp_path / "moved")
    moved = DataFolder(tmp_path / "moved")
    (moved.path / "lock").chmod(0o600)
    assert record(moved, SIGNED)[0].status == "known"
