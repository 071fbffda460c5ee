"""Is there a log, and is it whole where that is cheap to see?

    head: its slots, its signature ──► the newest entries and contents ──► the root they lead to

All of it is what ``wherefrom log audit`` reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from wherefrom.app import FOLLOW_FILE
from wherefrom.doctor.found import Found, Ground
from wherefrom.errors import Corrupt, Unavailable
from wherefrom.formats import entry
from wherefrom.log import state
from wherefrom.log.reader import LogReader
from wherefrom.storage.file_head import FileHead
from wherefrom.upkeep import check_beside, is_grave

NEWEST_READ: Final = 256
NEWEST_PROVEN: Final = 16
_AUDIT: Final = "Run wherefrom log audit, then wherefrom log recover"


def directory(ground: Ground) -> Iterator[Found]:
    """A log is there, with its keys."""
    if not ground.path.exists():
        yield Found(False, f"{ground.path} does not exist", "Name the right one with --data")
    elif ground.folder.is_orphan:
        yield Found(
            False, f"{ground.path} holds a log whose keys are gone",
            "Restore the folder keys beside head and journal, from a copy",
        )  # fmt: skip
    elif not ground.folder.exists():
        fix = f"Start a log there: wherefrom up --data {ground.path}; or name another with --data"
        yield Found(False, f"{ground.path} holds no log", fix)
    else:
        copy = " (the copy of a log that others keep)" if is_copy(ground) else ""
        yield Found(True, f"{ground.path} holds the log {ground.folder.origin}{copy}")


def is_copy(ground: Ground) -> bool:
    """Whether this is the copy of a log that somebody else keeps."""
    return (ground.path / FOLLOW_FILE).exists()


def log(ground: Ground) -> Iterator[Found]:
    """The head and the newest entries; whether it is a copy that takes no writes yet."""
    ground.folder.need_head()
    head = FileHead(ground.path)
    if head.damaged_slots():
        head.need_newest()
        yield Found(None, "a slot of the head is torn", "Nothing: the next record writes it anew")
    log = ground.log
    _need_newest(log)
    yield from _home(ground, head)
    for problem in check_beside(ground.folder):
        grave = is_grave(problem)
        what = f"{ground.path / problem.file}: {problem.what}"
        yield Found(False if grave else None, what, None if "; " in problem.what else _AUDIT)
    origin = f"{log.size:,} {'entry' if log.size == 1 else 'entries'}"
    yield Found(True, f"{origin}; the newest are whole and lead to the signed root")


def _need_newest(log: LogReader) -> None:
    """Raises Corrupt unless the newest entries, their contents and the root agree."""
    first = max(0, log.size - NEWEST_READ)
    for index, record in enumerate(log.records(first, log.size), start=first):
        said = entry.read_stored(record.entry, where=f"entry {index}")
        if record.content is not None and record.nonce is not None:
            found = entry.commit(nonce=record.nonce, content=record.content)
            if found != said.content:
                raise Corrupt(
                    f"the content of entry {index} is not the one it commits to",
                    expected=said.content, got=found, do=_AUDIT,
                )  # fmt: skip
    with suppress(Unavailable):  # witnesses have cosigned none of them yet
        log.prove(range(max(0, log.size - NEWEST_PROVEN), log.size))


def _home(ground: Ground, head: FileHead) -> Iterator[Found]:
    found = head.read()
    if found is None or is_copy(ground):
        return
    try:
        home = ground.folder.home()
    except OSError:
        home = ""
    if state.parse(found[1]).home != home:
        yield Found(
            None, "this directory is a copy, and takes no records until it is known to be newest",
            "wherefrom up --extends CHECKPOINT, with one that the log published last",
        )  # fmt: skip
