"""Does something lie about that a process left which is gone?

What is named here is written anew at each start, or is half of a file whose whole never came; so it
may go, if no process holds the directory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from wherefrom.doctor.found import Found, Ground
from wherefrom.errors import Unavailable

_OF_A_SERVER: Final = ("server.json", "reader.sock", "watch.sock")
_HALF_AGE_S: Final = 60.0
_FOLDERS: Final = (".", "keys", "views", "notify", "anchors")


def leftovers(ground: Ground) -> Iterator[Found]:
    """What a dead server or a crash left; whether an import was cut short; who holds the lock."""
    folder = ground.folder
    if folder.importing.exists():
        yield Found(False, "an import into this directory was not finished", "wherefrom log import")
    if ground.served is not None:
        yield Found(True, "a server holds the directory; what it needs is its own")
        return
    if _is_held(ground):
        says = "a process that is no server holds the directory's lock"
        yield Found(None, says, f"Wait for it, or find it: fuser -v {ground.path / 'lock'}")
        return
    left = [ground.path / name for name in _OF_A_SERVER if (ground.path / name).exists()]
    for path in left:
        says = f"{path} is of a server that is gone{_pid(path)}"
        yield Found(None, says, f"rm {path}", _remover(path))
    half = [path for where in _FOLDERS for path in sorted((ground.path / where).glob("*.new"))]
    half = [path for path in half if ground.file_age_s(path) > _HALF_AGE_S]
    for path in half:
        says = f"{path} was being written when its process ended"
        yield Found(None, says, f"rm {path}", _remover(path))
    if not left and not half:
        yield Found(True, "nothing of a process that is gone")


def _is_held(ground: Ground) -> bool:
    import fcntl

    try:
        with open(ground.path / "lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:  # none yet
        return False


def _pid(path: Path) -> str:
    try:
        return f" (process {json.loads(path.read_text())['pid']})" if path.suffix == ".json" else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _remover(path: Path) -> Callable[[], str]:
    def mend() -> str:
        from wherefrom.app import DataFolder

        folder = DataFolder(path.parent if (path.parent / "keys").is_dir() else path.parent.parent)
        if folder.served() is not None:  # one that was started since we looked
            raise Unavailable(
                "a server holds the directory by now",
                where=str(path),
                do="Nothing: it is the server's now",
            )
        path.unlink(missing_ok=True)
        return f"removed {path}"

    return mend
