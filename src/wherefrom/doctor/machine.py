"""Does this machine give what the program needs: files that may be open, and other programs?"""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from wherefrom.collect import settings_file
from wherefrom.doctor.found import Found, Ground
from wherefrom.errors import Error
from wherefrom.formats import rollback_settings
from wherefrom.keys.key_uris import is_held_elsewhere
from wherefrom.remedies import RULES, read_rules

FILES_BROKEN: Final = 256
FILES_WARNED: Final = 4096
# What each is for; without it the rest of the program works.
OPTIONAL: Final = {
    "git": "commits of a repository are not read by run, change and release",
    "strace": "run sees what a command opens only at its end",
    "bwrap": "rebuild cannot shut a build off from this machine",
}


def files(ground: Ground) -> Iterator[Found]:
    """How many files a process may open: of the server if one runs, else here."""
    limit = _limit_of(ground.served.pid) if ground.served is not None else None
    if limit is None:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # a server raises its own to this
        limit = 1 << 20 if hard == resource.RLIM_INFINITY else hard
    fix = "Raise it for the server: ulimit -n 65536, or LimitNOFILE= of its unit"
    if limit < FILES_BROKEN:
        yield Found(False, f"a server may open {limit:,} files here, too few to serve", fix)
    elif limit < FILES_WARNED:
        yield Found(None, f"a server may open {limit:,} files here: few connections at once", fix)
    else:
        yield Found(True, f"a server may open {limit:,} files")


def _limit_of(pid: int) -> int | None:
    try:
        for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
            if line.startswith("Max open files"):
                hard = line.split()[4]
                return 1 << 20 if hard == "unlimited" else int(hard)
    except (OSError, ValueError, IndexError):
        pass
    return None


def programs(ground: Ground) -> Iterator[Found]:
    """Programs and libraries that settings need; then those that make more possible."""
    needed = list(_needed(ground))
    yield from needed
    path = ground.environ.get("PATH")
    missing = [name for name in OPTIONAL if shutil.which(name, path=path) is None]
    for name in missing:
        package = "bubblewrap" if name == "bwrap" else name
        says = f"{name} is not installed: {OPTIONAL[name]}"
        yield Found(None, says, f"Install the package {package}, if you want that")
    if not missing and not needed:
        yield Found(True, f"{', '.join(OPTIONAL)} are here, and all that settings name")


def _needed(ground: Ground) -> Iterator[Found]:
    path = ground.environ.get("PATH")
    for file, argv in _commands(ground):
        if shutil.which(argv, path=path) is None:
            says = f"{ground.path / file} runs {argv}, which is not installed"
            yield Found(False, says, f"Install {argv}, or name another program in {file}")
    if not ground.folder.exists():
        return
    held = [key.held for key in ground.folder.own_keys.read().signing(ground.at)]
    for uri in filter(is_held_elsewhere, held):
        extra = "hsm" if uri.startswith("pkcs11:") else "kms"
        if find_spec("pkcs11" if extra == "hsm" else "securesystemslib") is None:
            says = f"the log's key {uri} needs a library that is not installed"
            yield Found(False, says, f"pip install 'wherefrom[{extra}]'")


def _commands(ground: Ground) -> Iterator[tuple[str, str]]:
    """Each program that a settings file names, beside the file; of broken files others tell."""
    named: dict[tuple[str, str], None] = {}
    try:
        if (ground.path / RULES).is_file():
            for rule in read_rules(ground.path / RULES).rules:
                for step in rule.commands:
                    named |= {(RULES, argv[0]): None for argv in (step.argv, step.dry_run) if argv}
        rollback = ground.path / settings_file.ROLLBACK
        if rollback.is_file():
            said = rollback_settings.parse(rollback.read_bytes(), where=str(rollback))
            named |= {(settings_file.ROLLBACK, one.argv[0]): None for one in said.commands}
    except Error:
        pass
    yield from named
