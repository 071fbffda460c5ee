"""Ask every check, and mend what is safe to mend.

    CHECKS by name ──► found, in their order ──► Checkup ──mend──► what was done, and a look again

A check that cannot look says so under its own name and costs the others nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from wherefrom.doctor import (
    alerts,
    clock,
    disk,
    feeds,
    keys,
    leftovers,
    log,
    machine,
    notices,
    outside,
    permissions,
    server,
    settings,
    spool,
    views,
    watch,
)
from wherefrom.doctor.found import Check, Found, Ground, Look
from wherefrom.errors import Error

# What needs no log comes first; then the log, what it rests on, and what is made of it.
AROUND: Final[Mapping[str, Look]] = {
    "directory": log.directory,
    "files": machine.files,
    "programs": machine.programs,
    "disk": disk.disk,
    "permissions": permissions.permissions,
    "settings": settings.settings,
    "spool": spool.spool,
}
OF_A_LOG: Final[Mapping[str, Look]] = {
    "leftovers": leftovers.leftovers,
    "log": log.log,
    "clock": clock.clock,
    "keys": keys.keys,
    "roots": keys.roots,
    "server": server.served,
    "views": views.views,
    "watch": watch.watch,
    "alerts": alerts.alerts,
    "witnesses": outside.witnesses,
    "anchors": outside.anchors,
    "notices": notices.notices,
    "feeds": feeds.feeds,
}


class Checkup(NamedTuple):
    """What every check found, in their order."""

    found: list[tuple[str, Found]]

    @property
    def checks(self) -> list[Check]:
        """As it is told."""
        return [Check(name=n, ok=f.ok, says=f.says, fix=f.fix) for n, f in self.found]

    @property
    def is_broken(self) -> bool:
        """Whether something is."""
        return any(found.ok is False for _, found in self.found)


class Mended(NamedTuple):
    """What was mended under a check's name, or why it could not be."""

    name: str
    did: str
    ok: bool


def examine(ground: Ground) -> Checkup:
    """Look at a directory, whether a server holds it or not. Raises nothing for what is there."""
    found = list(_asked(AROUND, ground))
    if ground.folder.exists():
        found += _asked(OF_A_LOG, ground)
    return Checkup(found)


def examine_server(far: server.Far) -> Checkup:
    """Look at a server from outside. The others are not asked where it does not answer."""
    found = list(_asked({"server": server.server}, far))
    if all(one.ok is not False for _, one in found):
        found += _asked({n: look for n, look in server.REMOTE.items() if n != "server"}, far)
    return Checkup(found)


def mend(checkup: Checkup) -> list[Mended]:
    """Mend what is safe to: modes, what a dead server left, views that can be made again."""
    done = []
    for name, found in checkup.found:
        if found.mend is not None:
            try:
                done.append(Mended(name, found.mend(), True))
            except (Error, OSError) as error:
                done.append(Mended(name, f"could not be mended: {error}", False))
    return done


def _asked(looks: Mapping[str, Look], ground: object) -> Iterator[tuple[str, Found]]:
    for name, look in looks.items():
        yield from ((name, found) for found in _safely(look, ground))


def _safely(look: Look, ground: object) -> list[Found]:
    found: list[Found] = []
    try:
        found.extend(look(ground))
    except Error as error:
        found.append(Found(False, str(error).partition(f". {error.do}")[0], error.next_step))
    except OSError as error:
        what = f"cannot look at {error.filename or 'it'}: {error.strerror or error}"
        found.append(Found(None, what.lower(), "Run it as the user who owns the directory"))
    except Exception as error:  # noqa: BLE001 - in a broken directory anything can be anything
        found.append(
            Found(False, f"cannot be looked at: {error or error!r}", "wherefrom log audit")
        )
    return found
