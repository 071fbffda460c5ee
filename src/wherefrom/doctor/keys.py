"""Which keys end soon, or are due; and how old the trusted root of Sigstore is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from wherefrom.app import decided
from wherefrom.doctor.found import Found, Ground
from wherefrom.doctor.log import is_copy
from wherefrom.formats.entry import read_stored
from wherefrom.keys.keyring import Keys
from wherefrom.log.roots import RootsTold, told

ENDS_WITHIN_DAYS: Final = 30
_DAY_S: Final = 86_400
AgeOf = Callable[[str], float]


def keys(ground: Ground) -> Iterator[Found]:
    """Keys of the log, of administrators and of others; whether the files of ours are right is
    said under ``log``."""
    found = [] if is_copy(ground) else list(_own(ground))
    told = decided(ground.folder, ground.log).keyring.told()
    found += keyring(told, ground.age_s)
    yield from found
    if not found:
        active = sum(key.state == "active" for key in told.keys)
        yield Found(True, f"none ends within {ENDS_WITHIN_DAYS} days; {active:,} are trusted")


def _own(ground: Ground) -> Iterator[Found]:
    own = ground.folder.own_keys
    made = read_stored(ground.log.record(0).entry).received
    if own.is_due(ground.at, made=made):
        days = own.read().schedule.every_days
        says = f"the log's key is older than the {days} days it was to sign for"
        yield Found(None, says, "A running server replaces it; or now: wherefrom log rotate")
    for key in own.read().signing(ground.at):
        if key.named.until is not None:
            left = _days(-ground.age_s(key.named.until))
            says = f"the log's key {key.key.key_id.hex()} signs for {left} more, then others do"
            yield Found(True, says)


def keyring(told: Keys, age_s: AgeOf) -> Iterator[Found]:
    """What of a keyring ends, or cannot be changed any more.

    age_s  seconds since a time, as ``Ground.age_s``
    """
    by_id = {key.id: key for key in told.keys}
    for key in told.keys:
        if key.state != "active" or key.valid_to is None:
            continue
        left = -age_s(key.valid_to)
        name = f"{key.id}{f' of {key.owner}' if key.owner else ''}"
        fix = f"wherefrom keys trust NEW.pem --replaces {key.id}"
        if left <= 0:
            yield Found(None, f"the key {name} no longer counts since {key.valid_to[:10]}", fix)
        elif left < ENDS_WITHIN_DAYS * _DAY_S:
            yield Found(None, f"the key {name} counts for {_days(left)} more", fix)
    if told.administrators is None:
        return
    able = [
        id for id in told.administrators.keys
        if id in by_id and by_id[id].state == "active"
        and not ((end := by_id[id].valid_to) is not None and age_s(end) >= 0)
    ]  # fmt: skip
    need = told.administrators.threshold
    if len(able) < need:
        yield Found(
            False, f"{need} administrators must sign a change of keys, and {len(able)} still can",
            "Restore a key of theirs; what they no longer agree to nobody can change",
        )  # fmt: skip
    elif len(able) == need < len(told.administrators.keys):
        says = f"only {len(able)} of {len(told.administrators.keys)} administrators can still sign"
        yield Found(None, says, "wherefrom keys administrators, while enough of them can")


def roots(ground: Ground) -> Iterator[Found]:
    """How old the trusted root is, for a log that has one."""
    yield root(told(decided(ground.folder, ground.log), now=ground.at))


def root(told: RootsTold) -> Found:
    """What a trusted root's age means."""
    age = f"{told.age_days:,} days old" if told.age_days is not None else "of no date"
    fix = "wherefrom roots set trusted_root.json, with a new one from whom you have it"
    if told.state == "too_old":
        return Found(False, f"the trusted root is {age}: it judges no more", fix)
    if told.state == "old":
        return Found(
            None, f"the trusted root is {age}; from {told.refuse_days} on it judges no more", fix
        )
    if told.state == "none":
        return Found(True, "no trusted root: nothing is judged by Sigstore's")
    return Found(True, f"the trusted root is {age}")


def _days(seconds: float) -> str:
    return f"{int(seconds // _DAY_S)} days" if seconds >= 2 * _DAY_S else f"{seconds / 3600:.0f} h"
