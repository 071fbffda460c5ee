"""Marks of a run in what it made: real files of real programs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import time
import zipfile

import pytest

from wherefrom.capture.recorder.marks import Window, marks

NOW = 1_790_000_000
WINDOW = Window(NOW, NOW + 90)
FOLDER = "/home/ada/project"


def found(content):
    return marks(content, window=WINDOW, folder=FOLDER)


def zipped(moment, zone):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        file.writestr(zipfile.ZipInfo("a", zone(moment)[:6]), b"x")
    return written.getvalue()


def tarred(moment):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for name in ("a", "b"):
            member = tarfile.TarInfo(name)
            member.mtime = moment if name == "b" else 0
            file.addfile(member)
    return written.getvalue()


CLOCKED = {
    "zip-utc": lambda t: zipped(t, time.gmtime),
    "zip-local": lambda t: zipped(t, time.localtime),
    "tar": tarred,
    "tar.gz": lambda t: gzip.compress(tarred(t), mtime=0),
    "tar.bz2": lambda t: bz2.compress(tarred(t)),
    "tar.xz": lambda t: lzma.compress(tarred(t)),
    "gzip": lambda t: gzip.compress(b"x", mtime=t),
    "seconds": lambda t: b"built=%d;" % t,
    "iso": lambda t: time.strftime("at %Y-%m-%dT%H:%M:%SZ", time.gmtime(t)).encode(),
    "date": lambda t: time.strftime("%a %b %e %H:%M:%S UTC %Y", time.gmtime(t)).encode(),
    "mail": lambda t: time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(t)).encode(),
    "compiler": lambda t: time.strftime("%b %e %Y %H:%M:%S", time.localtime(t)).encode(),
}


@pytest.mark.parametrize("form", CLOCKED)
def test_the_time_of_the_run_is_seen(form):
    assert found(CLOCKED[form](NOW + 40)) == ["clock"]


@pytest.mark.parametrize("form", CLOCKED)
def test_another_time_is_not(form):
    for moment in (NOW - 3 * 86_400, 315_532_800):
        assert found(CLOCKED[form](moment)) == []


def test_the_folder_of_the_run_is_seen_and_a_short_one_is_not_looked_for():
    assert found(b"\x7fELF" + FOLDER.encode() + b"/a.c") == ["path"]
    assert marks(b"/a/b/c", window=WINDOW, folder="/a") == []


@pytest.mark.parametrize("form", ["zip-utc", "zip-local", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_the_date_of_a_file_is_seen_and_no_other(form):
    for moment in (NOW - 1_000_000, NOW - 999_999):
        content = CLOCKED[form](moment)
        dated = {"window": WINDOW, "folder": FOLDER}
        assert marks(content, dates=frozenset({5, moment}), **dated) == ["dates"]
        assert marks(content, dates=frozenset({moment + 4}), **dated) == []
    assert marks(CLOCKED[form](NOW), dates=frozenset({NOW}), **dated) == ["clock"]


def test_broken_archives_are_no_trouble():
    for make in CLOCKED.values():
        whole = make(NOW + 1)
        for at in range(len(whole)):
            found(whole[:at])
