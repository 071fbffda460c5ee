"""Contents beside an export: what the entries of a bundle commit to, in a file of the same number.

    tile/entries/000        256 entries
    contents/000            nonce16 ‖ content of each, in order; 16 zeros and no more if erased

How long a content is stands in its entry, and whether it is the right one in its commitment, so
the file needs no other word. It is no part of C2SP tlog-tiles: who holds it can read the records.

Sizes:  one content in memory at a time
Source: docs/formats/tlog-tiles.md
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from wherefrom.errors import Corrupt, NotFound
from wherefrom.formats import entry as entries
from wherefrom.formats.entry import NONCE_BYTES
from wherefrom.formats.tiles import entries_path
from wherefrom.storage.contracts import Record

ERASED: Final = bytes(NONCE_BYTES)
FOLDER: Final = "contents"
# Of an answer over HTTP: the indexes that it has, where it is a part of what was asked for.
ENTRIES_HEADER: Final = "X-Wherefrom-Entries"
PART_BYTES_MAX: Final = 16 * 1024 * 1024


def contents_path(n: int, width: int) -> str:
    """The path that goes with ``entries_path(n, width)``."""
    return FOLDER + entries_path(n, width).removeprefix("tile/entries")


def write_contents(path: Path, records: Iterable[Record], *, first: int) -> None:
    """Write the file of the records from index ``first`` on; whole or not at all. Raises Corrupt.

    A content that is not the one its entry commits to is not passed on.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with open(new, "wb") as file:
            file.writelines(encoded(records, first=first))
        os.rename(new, path)
    finally:
        new.unlink(missing_ok=True)


def encoded(records: Iterable[Record], *, first: int) -> Iterator[bytes]:
    """The pieces of such a file, for the records from index ``first`` on. Raises Corrupt."""
    for index, record in enumerate(records, start=first):
        if record.nonce is None or record.content is None:
            yield ERASED
            continue
        need_committed(record, index=index, where="journal")
        yield record.nonce
        yield record.content


def first_part(records: Iterable[Record], *, first: int) -> tuple[bytes, int]:
    """PART_BYTES_MAX of such a file at most, or one record; and how many it holds."""
    part, size = bytearray(), 0
    for record in records:
        if size and len(part) + len(record.content or b"") > PART_BYTES_MAX:
            break
        part += b"".join(encoded([record], first=first + size))
        size += 1
    return bytes(part), size


def bytes_of(written: Sequence[bytes]) -> int:
    """How long the contents of these entries are at most. Raises Corrupt."""
    return sum(NONCE_BYTES + entries.content_size(entry) for entry in written)


def read_contents(path: Path, written: Sequence[bytes], *, first: int) -> Iterator[Record]:
    """The records of the entries ``written``; an erased one has zeros. Raises Corrupt, NotFound."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError as error:
        raise NotFound(
            "the contents of an export are missing",
            where=str(path),
            do="Make one that has them: wherefrom log export DIR --contents",
        ) from error
    with file:
        yield from decoded(file, written, first=first, where=str(path))


def decoded(
    file: IO[bytes], written: Sequence[bytes], *, first: int, where: str, is_part: bool = False
) -> Iterator[Record]:
    """The same from an open file; one that ``is_part`` may end after any record. Raises Corrupt."""
    for index, entry in enumerate(written, start=first):
        size = entries.content_size(entry)
        nonce = file.read(NONCE_BYTES)
        if is_part and not nonce:
            return
        if nonce == ERASED:
            yield Record(entry, ERASED, bytes(size))
            continue
        record = Record(entry, nonce, file.read(size))
        need_committed(record, index=index, where=where)
        yield record
    if file.read(1):
        raise Corrupt("contents are longer than their entries say", where=where)


def need_committed(record: Record, *, index: int, where: str) -> None:
    """Raises Corrupt unless the content is the one that the entry commits to."""
    nonce, content = record.nonce or b"", record.content or b""
    said = entries.read_stored(record.entry, where=f"entry {index}").content
    if len(nonce) != NONCE_BYTES or entries.commit(nonce=nonce, content=content) != said:
        raise Corrupt(
            f"the content or nonce of entry {index} is not what it commits to",
            where=where,
            expected=said,
        )
