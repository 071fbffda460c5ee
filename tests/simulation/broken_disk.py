"""``wherefrom`` on a disk that fails when it is told to.

    python -m tests.simulation.broken_disk SIGN VERB …

What SIGN may say is in ``wherefrom.testing.broken_disk``; two texts are read at the start instead:
``no-lock``, and then nobody holds a directory, and ``file-bytes N``, and no file grows past that.
"""

import contextlib
import resource
import sys
from pathlib import Path

from wherefrom.app import DataFolder
from wherefrom.cli.main import main
from wherefrom.testing.broken_disk import break_by


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
    break_by(sign)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
