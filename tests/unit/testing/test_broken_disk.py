"""A disk fails as its sign says: once, or for as long as the sign is there."""

import errno
import os

import pytest

from wherefrom.testing import broken_disk
from wherefrom.testing.broken_disk import FAILING_ONCE, FULL, break_by


@pytest.fixture
def sign(tmp_path, monkeypatch):
    for name in FAILING_ONCE:
        monkeypatch.setattr(os, name, getattr(os, name))  # put back at the end
    break_by(tmp_path / "sign")
    return tmp_path / "sign"


@pytest.fixture
def file(tmp_path):
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def test_without_a_sign_nothing_fails(sign, file):
    assert os.pwrite(file, b"abc", 0) == 3
    os.fdatasync(file)
    os.ftruncate(file, 1)


@pytest.mark.parametrize("name", FAILING_ONCE)
def test_the_named_call_fails_once_and_no_other(sign, file, name):
    calls = {
        "fdatasync": lambda: os.fdatasync(file),
        "pwrite": lambda: os.pwrite(file, b"abc", 0),
        "ftruncate": lambda: os.ftruncate(file, 0),
    }
    sign.write_text(name)
    for other in FAILING_ONCE:
        if other != name:
            calls[other]()
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        calls[name]()
    assert not sign.exists()
    calls[name]()


def test_a_full_disk_takes_nothing_until_there_is_room(sign, file):
    assert FULL not in broken_disk.FAILING_ONCE
    sign.write_text(FULL)
    for _ in range(3):
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            os.pwrite(file, b"abc", 0)
    os.fdatasync(file)
    sign.unlink()
    assert os.pwrite(file, b"abc", 0) == 3
