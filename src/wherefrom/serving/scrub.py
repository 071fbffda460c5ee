"""Nothing is signed over damage, however old the entry that rots.

    before the first signature   a small log is audited whole, at once; any log, if it was restored
                                 or its operator wants so
    while it serves              a process reads everything, gives way to all others, and
                                 goes; again a day later ──► damage: the writer stops, and says so

A writer only ever signs roots it computed itself, so damage behind it cannot make it lie; but what
it vouches for should still be there to be shown. What the next start makes again by itself, such
as a side index, stops nothing.

Sizes:  small is a journal of up to 64 MiB, about half a second
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wherefrom.app import DataFolder
from wherefrom.errors import Corrupt, Error
from wherefrom.serving.lifeline import at_the_end_of
from wherefrom.upkeep import need_whole

SMALL_BYTES_MAX: Final = 64 * 1024 * 1024
FIRST_AFTER_SECONDS: Final = 60.0
EVERY_SECONDS: Final = 24 * 3600.0
_LOOK_AGAIN_SECONDS: Final = 1.0
_NICE: Final = 19
_DAMAGED: Final = 4
_WHOLE: Final = 5  # not 0: with that it also ends when it is told to, or could not read all
_COMMAND: Final = "import sys; from wherefrom.serving.scrub import run; run(sys.argv[1])"


def need_whole_if_small(folder: DataFolder, *, any_size: bool = False) -> None:
    """Raises Corrupt if a small log is damaged; a large one is left to the scrub.

    any_size  however large it is: some two seconds a gigabyte
    """
    segments = (folder.path / "journal").glob("*.wfj")
    if any_size or sum(path.stat().st_size for path in segments) <= SMALL_BYTES_MAX:
        need_whole(folder)


class Scrub:
    """Starts the process, waits for it, passes on what it found.

    on_damage  is told what is damaged
    on_whole   is told when all was read and is what was signed
    """

    def __init__(
        self,
        folder: DataFolder,
        *,
        on_damage: Callable[[str], None],
        on_whole: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._on_damage, self._on_whole = on_damage, on_whole
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="scrub", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes when the server has settled."""
        self._thread.start()

    def stop(self) -> None:
        """End a round that is under way."""
        self._stopping.set()
        with self._starting:
            if self._process is not None:
                self._process.kill()
        if self._thread.is_alive():
            self._thread.join(15)

    def _run(self) -> None:
        wait = FIRST_AFTER_SECONDS
        while not self._stopping.wait(wait):
            wait = EVERY_SECONDS
            with self._starting:
                if self._stopping.is_set():
                    return
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _COMMAND, str(self._folder.path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            # Its standard input stays open for as long as it may run.
            with self._process as process:
                assert process.stdout is not None
                said = process.stdout.read()
                code = process.wait()
            if code == _DAMAGED:
                self._on_damage(said.decode())
                return
            if code == _WHOLE:
                self._on_whole()


def run(path: str) -> None:
    """One round, in a process of its own that ends with the server."""
    at_the_end_of(sys.stdin.fileno(), lambda: os._exit(0))
    os.nice(_NICE)
    folder = DataFolder(Path(path))
    try:
        try:
            need_whole(folder, processes=1)
        except Corrupt:
            # A writer was at work beside us: what is damaged is so a moment later too.
            time.sleep(_LOOK_AGAIN_SECONDS)
            need_whole(folder, processes=1)
    except Corrupt as error:
        sys.stdout.write(str(error))
        sys.stdout.flush()
        os._exit(_DAMAGED)
    except (Error, OSError) as error:
        # A key taken away in mid-flight, a disk that fails to read: said, and tried again.
        sys.stderr.write(f"wherefrom: the scrub could not read all: {error}\n")
        os._exit(0)
    os._exit(_WHOLE)
