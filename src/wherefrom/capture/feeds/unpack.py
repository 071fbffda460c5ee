"""The documents in what a feed gives: a directory, a ZIP, a tar, or JSON.

    *.json as it is · *.yaml as the JSON that it means · an array: each element, cut out exactly

A document is recorded as it was written. OSV knows no other encoding than JSON, so what a database
keeps in YAML is written as JSON here, always in the same way.

A small archive may stand for a great deal: each member and all together are limited while they are
read, so that a bomb ends the look and nothing else.

Sizes:  DOCUMENT_BYTES_MAX a document · DOCUMENTS_MAX documents · UNPACKED_BYTES_MAX in all ·
        a ZIP's member at most RATIO_MAX times what it is packed in
"""

from __future__ import annotations

import json
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

from wherefrom.capture.feeds.fetch import DOCUMENT_BYTES_MAX
from wherefrom.errors import LimitPassed, Malformed, Refused, StorageError
from wherefrom.formats import yaml_text

DOCUMENTS_MAX: Final = 2_000_000
UNPACKED_BYTES_MAX: Final = 32 * 1024 * 1024 * 1024
JSON_BYTES_MAX: Final = 512 * 1024 * 1024
RATIO_MAX: Final = 1_000
_JSON: Final = (".json",)
_YAML: Final = (".yaml", ".yml")
_BLANK: Final = " \t\r\n"


class Document(NamedTuple):
    """One document: where it was found, and its bytes; ``trouble`` why it has none."""

    name: str
    content: bytes
    trouble: str = ""


def in_directory(folder: Path) -> Iterator[Document]:
    """Every document below a directory, in the order of their names. Raises StorageError."""
    if not folder.is_dir():
        raise StorageError("the feed is not there", where=str(folder), expected="a directory")
    count = _Count()
    for place, folders, files in os.walk(folder, onerror=_not_listed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place, name)
            shown = str(path.relative_to(folder))
            if not name.lower().endswith((*_JSON, *_YAML)) or name.startswith("."):
                continue
            try:
                with path.open("rb") as file:
                    yield from _read(shown, file, count)
            except OSError as error:
                raise StorageError(
                    "a document of the feed cannot be read", where=str(path), got=error.strerror
                ) from error


def in_file(path: Path) -> Iterator[Document]:
    """Every document in a file that a feed gave. Raises Malformed, LimitPassed, StorageError."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
        if head[:4] in (b"PK\3\4", b"PK\5\6"):
            yield from _in_zip(path)
        elif head.lstrip(_BLANK.encode())[:1] in (b"[", b"{"):
            yield from _in_json(path)
        else:
            yield from _in_tar(path)
    except OSError as error:
        raise StorageError("the feed cannot be read", where=str(path), got=str(error)) from error


class _Count:
    """How much came out so far."""

    def __init__(self) -> None:
        self.documents = self.bytes = 0

    def add(self, size: int) -> None:
        """Raises LimitPassed."""
        self.documents += 1
        self.bytes += size
        if self.documents > DOCUMENTS_MAX or self.bytes > UNPACKED_BYTES_MAX:
            raise LimitPassed(
                "a feed holds too much",
                expected=f"{DOCUMENTS_MAX} documents, {UNPACKED_BYTES_MAX} bytes",
            )


def _read(name: str, file: IO[bytes], count: _Count) -> Iterator[Document]:
    content = file.read(DOCUMENT_BYTES_MAX + 1)
    count.add(len(content))
    if len(content) > DOCUMENT_BYTES_MAX:
        yield Document(name, b"", f"more than {DOCUMENT_BYTES_MAX} bytes")
    elif name.lower().endswith(_YAML):
        yield _of_yaml(name, content)
    else:
        yield Document(name, content.strip(_BLANK.encode()))


def _of_yaml(name: str, content: bytes) -> Document:
    try:
        value = yaml_text.decode(content, where=name)
        return Document(name, json.dumps(value, ensure_ascii=False).encode())
    except (Refused, UnicodeEncodeError) as error:
        return Document(name, b"", str(error))


def _in_zip(path: Path) -> Iterator[Document]:
    count = _Count()
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.is_dir() or not member.filename.lower().endswith((*_JSON, *_YAML)):
                    continue
                if member.file_size > RATIO_MAX * max(member.compress_size, 64):
                    raise LimitPassed(
                        "a feed packs too much into too little", where=member.filename[:80],
                        expected=f"{RATIO_MAX} times its size at most",
                        got=f"{member.compress_size} bytes for {member.file_size}",
                    )  # fmt: skip
                with archive.open(member) as file:
                    yield from _read(member.filename, file, count)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise Malformed("the feed's ZIP cannot be read", got=str(error)[:80]) from error


def _in_tar(path: Path) -> Iterator[Document]:
    count = _Count()
    try:
        with tarfile.open(path, mode="r|*") as archive:
            for member in archive:
                # What is passed over is unpacked too.
                count.add(member.size)
                if member.isfile() and member.name.lower().endswith((*_JSON, *_YAML)):
                    file = archive.extractfile(member)
                    assert file is not None
                    yield from _read(member.name, file, _Count())
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise Malformed(
            "the feed is no JSON, ZIP or tar that can be read", got=str(error)[:80]
        ) from error


def _in_json(path: Path) -> Iterator[Document]:
    if path.stat().st_size > JSON_BYTES_MAX:
        raise LimitPassed("a feed in JSON is too large", expected=f"{JSON_BYTES_MAX} bytes",
                          do="Take a ZIP or a tar of its documents")  # fmt: skip
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed("the feed is not UTF-8") from error
    for at, element in enumerate(elements(text)):
        yield Document(f"[{at}]", element.encode())


def elements(text: str) -> Iterator[str]:
    """The elements of an array, or of what has one alone, exactly as they are written; else
    ``text``. Raises Malformed."""
    scan = json.JSONDecoder().raw_decode
    place = _past_blank(text, 0)
    if text[place : place + 1] != "[":
        yield text.strip(_BLANK)
        return
    place = _past_blank(text, place + 1)
    count = 0
    while text[place : place + 1] != "]":
        try:
            _, end = scan(text, place)
        except (ValueError, RecursionError) as error:
            raise Malformed("the feed's JSON cannot be read", got=f"character {place}") from error
        yield text[place:end]
        count += 1
        place = _past_blank(text, end)
        if text[place : place + 1] == ",":
            place = _past_blank(text, place + 1)
        elif text[place : place + 1] != "]":
            raise Malformed("the feed's JSON is cut off", got=f"after {count} elements")


def _past_blank(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BLANK:
        place += 1
    return place


def _not_listed(error: OSError) -> None:
    raise error
