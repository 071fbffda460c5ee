"""A server's sockets lie in its directory, whose path may be too long for them: it says so."""

import os
import socket

import pytest

from tests.served import ServerProcess, run_up
from wherefrom.app import READER_SOCKET, DataFolder
from wherefrom.errors import SettingError


def of_bytes(tmp_path, length):
    """A path of so many bytes."""
    longer = length - len(os.fsencode(tmp_path)) - 1
    return tmp_path / ("d" * longer)


def test_the_longest_path_that_is_let_in_is_the_longest_that_a_socket_takes(tmp_path):
    own = len(READER_SOCKET) + 1
    DataFolder(of_bytes(tmp_path, 107 - own)).need_short()
    with pytest.raises(SettingError, match=r"too long for the sockets .* expected 95 bytes"):
        DataFolder(of_bytes(tmp_path, 108 - own)).need_short()
    for length, fits in ((107 - own, True), (108 - own, False)):
        path = of_bytes(tmp_path, length)
        path.mkdir()
        with socket.socket(socket.AF_UNIX) as there:
            if fits:
                there.bind(str(path / READER_SOCKET))
            else:
                with pytest.raises(OSError, match="too long"):
                    there.bind(str(path / READER_SOCKET))


def test_up_says_so_makes_nothing_and_serves_the_same_by_a_shorter_path(tmp_path):
    data = of_bytes(tmp_path, 120)
    ran = run_up(data, "--port", "0")
    assert ran.returncode != 0
    assert "too long for the sockets of a server" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not data.exists()
    data.mkdir()
    (tmp_path / "s").symlink_to(data)
    with ServerProcess(tmp_path / "s") as server, server.client() as client:
        assert client.get("/readyz").status_code == 200
