"""``wherefrom`` on a disk that fails when it is told to.

    python -m tests.simulation.broken_disk SIGN VERB …

As soon as the file SIGN is there, the next call of what its text names fails once, with EIO, and
the file is removed: a disk that says "fine" again afterwards is the one that loses records. The
text ``no-lock`` is read at the start instead: then nobody holds a directory.
"""

import contextlib
import errno
import os
import resource
import sys
from pathlib import Path

from wherefrom.app import DataFolder
from wherefrom.cli.main import main


def failing_once(name, sign):
    real = getattr(os, name)

    def call(*given):
        with contextlib.suppress(FileNotFoundError):
            if sign.read_text() == name:
                sign.unlink()
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*given)

    return call


@contextlib.contextmanager
def held_by_nobody(self):
    (self.path / "lock").touch()
    yield


def prepare(sign):
    said = sign.read_text().split() if sign.exists() else []
    if "no-lock" in said:
        DataFolder.held = held_by_nobody
    if "file-bytes" in said:
        limit = int(said[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for name in ("fdatasync", "pwrite", "ftruncate"):
        setattr(os, name, failing_once(name, sign))


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
