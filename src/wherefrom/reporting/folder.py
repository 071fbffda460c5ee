"""Make the folder of an audit report: selected, proven, told, written whole or not at all.

    question ──► checkpoint of size N ──► entries, contents, one proof ──► tables ──► pages
                                                     └─► DIR.new ──► renamed to DIR

The same question of the same log at the same size makes the same bytes: nothing here has a clock.
A checkpoint that a report rested on is kept in the directory, for a later report of that size.

Source: docs/formats/audit-report.md, docs/decisions/0024-audit-report.md
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec

from wherefrom.app import DataFolder, now, open_desk, open_log
from wherefrom.errors import (
    AlreadyExists,
    Corrupt,
    LimitPassed,
    NotFound,
    ProofError,
    StorageError,
)
from wherefrom.formats import base64_strict, page
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.note import Note
from wherefrom.keys.cosignatures import check_log_signature
from wherefrom.keys.log_keys import followed
from wherefrom.log.decisions import Decisions
from wherefrom.log.logged import Position
from wherefrom.log.reader import LogReader
from wherefrom.merkle.proofs import verify_consistency
from wherefrom.reporting import tables, text
from wherefrom.reporting.select import Question, Selected, select
from wherefrom.storage.file_head import sync_folder
from wherefrom.storage.whole_file import replace_whole

FORMAT: Final = "wherefrom-audit-report/1"
ENTRIES_MAX: Final = 100_000


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What was made: how much of which log, and the fingerprint of the whole folder."""

    folder: str
    origin: str
    size: int
    root: str
    entries: int
    asked: int
    gaps: int
    fingerprint: str


def report(
    folder: DataFolder,
    question: Question,
    out: Path,
    *,
    size: int | None = None,
    given: bytes | None = None,
    with_pdf: bool = True,
) -> Made:
    """Make a report in the new folder ``out``.

    size      of the log that it speaks of; None: as it is published now
    given     a checkpoint to rest on, as it was published once

    Raises NotFound, Ambiguous for what the log does not know, AlreadyExists for a folder that is
    there, Corrupt for a checkpoint that is not the log's, LimitPassed, StorageError, SettingError.
    """
    if out.exists():
        raise AlreadyExists(
            "a report is made in a new folder",
            where=str(out),
            do="Name one that is not there",
        )
    log = open_log(folder)
    desk = open_desk(folder, log)
    signed, tree = _checkpoint(folder, log, size=size, given=given)
    selected = select(log, desk, question, size=tree.size)
    if len(selected.entries) > ENTRIES_MAX:
        raise LimitPassed(
            "a report of too many records",
            expected=f"{ENTRIES_MAX:,} at most",
            got=f"{len(selected.entries):,}",
            do="Ask for less: --scope, --since, --until",
        )
    with _new_folder(out) as new:
        gaps = _fill(new, folder, log, question, selected, signed, tree, with_pdf=with_pdf)
        fingerprint = new.seal()
        _keep(folder, signed, tree)
    return Made(
        folder=str(out),
        origin=tree.origin,
        size=tree.size,
        root=tree.root.hex(),
        entries=len(selected.entries),
        asked=len(selected.asked),
        gaps=gaps,
        fingerprint=fingerprint,
    )


# -- what all of it rests on


def _checkpoint(
    folder: DataFolder, log: LogReader, *, size: int | None, given: bytes | None
) -> tuple[bytes, Checkpoint]:
    """The checkpoint: given, kept of an earlier report, published, or signed again."""
    own = folder.own_keys
    if given is None:
        kept = _kept(folder, size) if size is not None else None
        shown, position = log.shown()
        if kept is not None:
            given = kept
        elif size is None or size == position.size:
            given = _kept(folder, position.size) or shown
        else:
            return _signed_again(folder, log, size, newest=position)
    tree = check_log_signature(notes.parse(given), own.known())
    if tree.size > log.size or log.root_at(tree.size) != tree.root:
        raise Corrupt(
            "the checkpoint is not of what this log holds",
            expected=f"root {log.root_at(min(tree.size, log.size)).hex()}",
            got=f"size {tree.size}, root {tree.root.hex()}",
            do="Keep both: wherefrom log compare shows what they prove",
        )
    if size is not None and size != tree.size:
        raise NotFound(
            "the checkpoint is of another size",
            expected=str(size),
            got=tree.size,
            do="Leave out --checkpoint, or make the report as of its size",
        )
    return given, tree


def _signed_again(
    folder: DataFolder, log: LogReader, size: int, *, newest: Position
) -> tuple[bytes, Checkpoint]:
    if not 0 < size <= newest.size:
        raise NotFound(
            f"no log of this size is published: it has {newest.size} entries",
            got=size,
            do="Make it as of a smaller size: --as-of",
        )
    tree = Checkpoint(folder.origin, size, log.root_at(size))
    # A tile may have been changed: only the beginning of what was signed before is signed again.
    try:
        path = log.consistency(size, newest.size)
        verify_consistency(
            size1=size, size2=newest.size, path=path, root1=tree.root, root2=newest.root
        )
    except ProofError as error:
        raise Corrupt(
            f"what is stored of the first {size} entries is not what the log signed",
            got=error,
            do="Run wherefrom log audit: it names the entry or tile that was changed",
        ) from error
    key = folder.own_keys.newest("report", at=now())
    text = tree.to_text()
    return notes.to_bytes(Note(text, (key.sign_text(text),))), tree


def _kept(folder: DataFolder, size: int) -> bytes | None:
    try:
        return (folder.path / "checkpoints" / str(size)).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError("a kept checkpoint cannot be read", got=error) from error


def _keep(folder: DataFolder, signed: bytes, tree: Checkpoint) -> None:
    path = folder.path / "checkpoints" / str(tree.size)
    if _kept(folder, tree.size) is not None:
        return  # reports were made with that one, and are made again with it
    try:
        path.parent.mkdir(exist_ok=True)
        replace_whole(path, signed)
    except OSError as error:
        raise StorageError("cannot keep the checkpoint", where=str(path), got=error) from error


# -- its parts


def _fill(
    new: _NewFolder,
    folder: DataFolder,
    log: LogReader,
    question: Question,
    selected: Selected,
    signed: bytes,
    tree: Checkpoint,
    *,
    with_pdf: bool,
) -> int:
    """Write all but the manifest; returns how many gaps there are. One content at a time is held:
    together they may be larger than the memory."""
    new.put("checkpoint", signed)
    held: set[int] = set()
    statements: list[dict[str, Any]] = []
    decisions = Decisions()
    for index in selected.entries:
        record = log.record(index)
        new.put(f"entries/{index}", record.entry)
        if record.content is not None and record.nonce is not None:
            held.add(index)
            new.put(f"contents/{index}", record.content)
            new.put(f"contents/{index}.nonce", record.nonce)
            if index in selected.asked and selected.entries[index].trust.level != "self":
                statements.append(tables.statement(index, record.content))
        if index in selected.decisions:
            decisions.take(index, record)
    path = log.shared_path(list(selected.entries), tree.size)
    new.put("proof", "".join(base64_strict.encode(h) + "\n" for h in path).encode())
    note = notes.parse(signed)
    cosigned = any(line.name != tree.origin for line in note.signatures)
    custody = tables.custody(selected, held)
    told: dict[str, Any] = {
        "question": {
            "log": {"origin": tree.origin, "size": tree.size, "root": tree.root.hex()},
            **msgspec.to_builtins(question),
        },
        "custody": custody,
        "verdicts": tables.verdicts(selected),
        "keys": tables.keys(decisions.keyring),
        "logkeys": _leading_to(note, folder),
        "statements": statements,
        "gaps": tables.gaps(
            selected,
            custody,
            decisions.keyring,
            cosigned=cosigned,
        ),
    }
    for name, value in told.items():
        new.put(f"{name}.json", spelled(value))
    signers = list(dict.fromkeys(line.name for line in note.signatures))
    blocks = list(text.blocks(question, selected, tree, told, signers=signers))
    title = f"Audit report of {tree.origin}, {tree.size} entries"
    new.put("report.html", page.html(blocks, title=title))
    if with_pdf:
        new.put("report.pdf", page.pdf(blocks, title=title))
    new.put("verify.py", files("wherefrom.reporting").joinpath("verify.py").read_bytes())
    return len(told["gaps"])


def _leading_to(signed: Note, folder: DataFolder) -> list[str]:
    """The changes of the log's keys, from the first key to all that signed the checkpoint."""
    keys = folder.own_keys.read()
    lines = {(line.name, line.key_id) for line in signed.signatures}

    def reached(count: int) -> set[tuple[str, bytes]]:
        return lines & {(k.name, k.key_id) for k in followed(keys.known[:1], keys.notes[:count])}

    every = reached(len(keys.notes))
    # No more of them: those that came later are not in the report made before.
    needed = next(n for n in range(len(keys.notes) + 1) if reached(n) == every)
    return list(keys.notes[:needed])


def spelled(value: Any) -> bytes:
    """JSON in the one spelling that ``verify.py`` reads."""
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


class _NewFolder:
    """A folder that is filled file by file, and knows the SHA-256 of each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[str, str] = {}

    def put(self, name: str, written: bytes) -> None:
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written)
        self._files[name] = hashlib.sha256(written).hexdigest()

    def seal(self) -> str:
        """Write the manifest; returns its SHA-256."""
        self.put("manifest.json", spelled({"files": self._files, "format": FORMAT}))
        return self._files["manifest.json"]


@contextmanager
def _new_folder(out: Path) -> Iterator[_NewFolder]:
    """A folder that becomes ``out`` once it is whole, and is gone if it does not. Raises
    StorageError."""
    new = out.with_name(f"{out.name}.{os.getpid()}.new")
    try:
        yield _NewFolder(new)
        os.rename(new, out)
        sync_folder(out.parent)
    except OSError as error:
        raise StorageError("cannot write the report", where=str(out), got=error) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
