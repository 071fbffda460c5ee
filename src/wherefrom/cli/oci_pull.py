"""What ``wherefrom oci pull`` does with what hangs on an image: into the log, or into a folder.

    Hanging, … ──batches──► place.record ──► an item for each          ──► DIR/<digest>.<kind>.json

Sizes:  a batch is 1,000 records or 8 MiB
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from wherefrom.capture.repository import Hanging
from wherefrom.cli.opening import writing
from wherefrom.cli.record import BATCH_BYTES, BATCH_RECORDS
from wherefrom.cli.settings import Where
from wherefrom.cli.targets import read_file, unreadable
from wherefrom.errors import AlreadyExists
from wherefrom.formats.oci_artifacts import EVIDENCE, file_name


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one document: ``recorded``, ``known``, ``written``, ``refused``, or
    ``skipped`` because it is nothing that is recorded."""

    of: str
    by: str
    manifest: str
    type: str
    digest: str
    status: str
    index: int | None = None
    content: str | None = None
    file: str | None = None
    code: str | None = None
    reason: str | None = None


class PullTold(NamedTuple):
    """Every document, and where the log is after that; None if nothing was sent to it."""

    items: list[Pulled]
    log: dict[str, int | str] | None


def into_log(hanging: Iterable[Hanging], where: Where) -> PullTold:
    """Record what was fetched. Raises Unavailable.

    The log is opened for each batch, so that a slow registry keeps nobody else out of it.
    """
    items: list[Pulled] = []
    waiting: list[tuple[int, bytes]] = []  # where its item stands, and the bytes
    log = None
    for one in hanging:
        evidence = one.content is not None and one.type == EVIDENCE
        skipped = "evidence, and no record: fetch it with -o" if evidence else one.left_out
        items.append(_item(one, skipped))
        if one.content is not None and not skipped:
            waiting.append((len(items) - 1, one.content))
        if len(waiting) >= BATCH_RECORDS or sum(len(c) for _, c in waiting) >= BATCH_BYTES:
            log, waiting = _record(items, waiting, where), []
    if waiting:
        log = _record(items, waiting, where)
    return PullTold(items, log)


def into_folder(hanging: Iterable[Hanging], folder: Path) -> PullTold:
    """Write what was fetched, each document once. Raises StorageError, AlreadyExists."""
    items = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unreadable(folder, error) from error
    for one in hanging:
        item = _item(one, one.left_out)
        if one.content is not None:
            path = folder / file_name(one.content, one.type)
            status = "written" if _write(path, one.content) else "known"
            item = msgspec.structs.replace(item, status=status, file=str(path))
        items.append(item)
    return PullTold(items, None)


def _record(
    items: list[Pulled], waiting: list[tuple[int, bytes]], where: Where
) -> dict[str, int | str]:
    """Record a batch, and say in each item what became of it; where the log is then."""
    with writing(where, create=True) as place:
        outcomes = place.record([content for _, content in waiting])
        position = place.position()
    for (number, _), done in zip(waiting, outcomes, strict=True):
        items[number] = msgspec.structs.replace(
            items[number], status=done.status, index=done.index, content=done.content,
            code=done.code, reason=done.reason,
        )  # fmt: skip
    return {"size": position.size, "root": position.root}


def _item(one: Hanging, skipped: str) -> Pulled:
    error = one.trouble
    return Pulled(
        of=one.subject, by=one.by, manifest=one.manifest, type=one.type, digest=one.digest,
        status="skipped" if skipped else "refused",
        code=None if error is None else error.code,
        reason=skipped or (None if error is None else str(error)),
    )  # fmt: skip


def _write(path: Path, content: bytes) -> bool:
    """Whether it was not there before."""
    try:
        with path.open("xb") as file:
            file.write(content)
        return True
    except FileExistsError as error:
        if read_file(path) != content:
            raise AlreadyExists(
                "another file has this name",
                where=str(path),
                do="Move it, or name another folder with --output",
            ) from error
        return False
    except OSError as error:
        raise unreadable(path, error) from error
