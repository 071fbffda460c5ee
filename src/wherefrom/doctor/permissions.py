"""May nobody but its owner read the directory and the secrets in it?

The directory is 0700, so no other user reaches any record; secrets are 0600 besides, for a copy or
an archive takes the file along and leaves the directory's mode behind.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wherefrom.collect.settings_file import FEEDS, NOTIFY, SERIES
from wherefrom.doctor.found import Found, Ground
from wherefrom.remedies import RULES

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
_PUBLIC: Final = (".vkey", ".lock", ".new")
# Read by their own modules only when nobody else can, or a way in by themselves.
_SECRET: Final = ("token", "tokens.json", "webhooks.toml")
# They may hold a secret, such as a token in an address.
_MAY_BE_SECRET: Final = (NOTIFY, SERIES, FEEDS, "anchor-settings.json")


def permissions(ground: Ground) -> Iterator[Found]:
    """Modes and owners of the directory, its keys, and files with secrets."""
    path = ground.path
    if not path.is_dir():
        yield Found(None, "there is no directory to look at yet")
        return
    owner = path.stat().st_uid
    wrong = list(_wrong(path, owner))
    yield from wrong
    if os.geteuid() not in (0, owner):
        name = f"user {owner}"
        yield Found(None, f"the directory belongs to {name}, not to you", f"Run it as {name}")
    elif not wrong:
        yield Found(True, "the directory and its secrets are its owner's alone")


def _wrong(path: Path, owner: int) -> Iterator[Found]:
    yield from _mode(path, FOLDER_MODE, False, owner)
    keys = path / "keys"
    if keys.is_dir():
        for file in sorted(keys.iterdir()):
            if file.suffix not in _PUBLIC and file.name != "lock" and file.is_file():
                yield from _mode(file, FILE_MODE, False, owner)
    for names, ok in ((_SECRET, False), (_MAY_BE_SECRET, None)):
        for name in names:
            if (path / name).is_file():
                yield from _mode(path / name, FILE_MODE, ok, owner)
    rules = path / RULES
    if rules.is_file() and rules.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(rules.stat().st_mode) & ~(stat.S_IWGRP | stat.S_IWOTH)
        yield _found(rules, mode, False, "others may write what is run here")


def _mode(path: Path, mode: int, ok: bool | None, owner: int) -> Iterator[Found]:
    found = path.stat()
    if found.st_uid != owner:
        says = f"{path} belongs to user {found.st_uid}, the directory to user {owner}"
        yield Found(False, says, f"chown {owner} {path}")
    elif stat.S_IMODE(found.st_mode) & ~mode & 0o777:
        yield _found(path, mode, ok, "others may read it")


def _found(path: Path, mode: int, ok: bool | None, why: str) -> Found:
    had = stat.S_IMODE(path.stat().st_mode)

    def mend() -> str:
        path.chmod(mode)
        return f"{path} has mode {mode:04o} now; it had {had:04o}"

    return Found(ok, f"{path} has mode {had:04o}: {why}", f"chmod {mode:o} {path}", mend)
