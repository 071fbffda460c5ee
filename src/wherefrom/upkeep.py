"""Look after a data directory: audit all of it, make again what can be made again.

    DIR ──► keys, tokens ──► the log (``log.audit``) ──► indexes ──► views, folded once more beside
        └─► what is damaged, file by file                             └► line by line the same?

``log.audit`` reads what the log promises; here is the rest of a directory: what a server needs
beside it, and what it could make again. Files that nothing depends on are in docs/reliability.md.

Sizes:  a view is folded again at about 10,000 records a second
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, NamedTuple

from wherefrom.app import (
    DataFolder,
    decided,
    fold_views,
    log_at_rest,
    now,
    open_log,
    open_recorder,
)
from wherefrom.errors import Corrupt, Error, NotFound, ReadOnly, SettingError, Unavailable
from wherefrom.formats import base64_strict
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.own import Genesis
from wherefrom.formats.recognise import FACTS_VERSION, facts_of
from wherefrom.keys.ed25519 import spki_der
from wherefrom.keys.key_uris import is_held_elsewhere
from wherefrom.keys.log_keys import followed
from wherefrom.log.audit import Progress, Report, audit
from wherefrom.log.audit_piece import Problem, read_own
from wherefrom.log.decisions import check_saved
from wherefrom.log.logged import Position
from wherefrom.log.own_keys import FILE_NAME as OWN_KEYS_FILE
from wherefrom.log.own_keys import OwnKeys
from wherefrom.log.read_once import ReadOnce
from wherefrom.log.reader import LogReader
from wherefrom.log.replay import DECIDES_NOTHING
from wherefrom.log.restore import restore
from wherefrom.storage.file_blobs import FileBlobs
from wherefrom.storage.file_head import FileHead
from wherefrom.storage.file_journal import FileJournal
from wherefrom.views import estate, graph, health
from wherefrom.views.estate import EstateReader, EstateSnapshot, EstateView
from wherefrom.views.graph import GraphReader, GraphView, Snapshot
from wherefrom.views.graph.dump import Line
from wherefrom.views.health import HealthReader, HealthSnapshot, HealthView
from wherefrom.views.together import fold_to

# A log up to here has its views folded again by every audit.
VIEWS_ENTRIES_MAX: Final = 20_000


def audit_folder(
    folder: DataFolder,
    *,
    views: bool | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Audit a whole directory, also while a server writes to it.

    views  compare the views with ones folded anew; None: if the log is small

    Raises NotFound if there is no log.
    """
    # Without its public keys nothing of the log can be believed.
    file = "keys/log.vkey"
    try:
        folder.need_no_orphan()
        folder.first_vkey()
        file = f"keys/{OWN_KEYS_FILE}"
        reader = log_at_rest(folder)
    except SettingError as error:
        return Report(0, [Problem(None, file, str(error))])
    try:
        folder.need_head()
    except Corrupt as error:
        return Report(0, [Problem(None, "head", str(error)), *check_beside(folder)])
    report = audit(
        reader,
        dedup_folder=folder.path / "dedup",
        processes=processes,
        progress=progress,
    )
    problems = [*report.problems, *check_beside(folder)]
    # Over a log that is damaged itself a fold would only say so again, or stop.
    small = report.entries <= VIEWS_ENTRIES_MAX
    if (small if views is None else views) and not any(is_grave(p) for p in report.problems):
        problems += _check_views(folder)
    return Report(report.entries, problems)


def is_grave(problem: Problem) -> bool:
    """Must nothing be signed over this? Not so for what the next start mends by itself.

    That is an index, a torn slot of the head, or an erasure that a crash cut short. Who may come
    in (``tokens.json``) is no matter of what is signed, nor is a change that everybody passes over.
    """
    if problem.file == "tokens.json":
        return False
    if problem.file.startswith("tile/"):
        return True
    if DECIDES_NOTHING in problem.what:
        return False
    return "rebuildable" not in problem.what and not problem.what.endswith("erase it again")


class Recovered(NamedTuple):
    """What was made again, what could not be and why, and what the audit says now."""

    made: list[str]
    refused: Error | None
    report: Report


def recover_folder(
    folder: DataFolder, *, extends: Checkpoint | None = None, progress: Progress | None = None
) -> Recovered:
    """Make tiles, indexes and views again from the entries; then audit everything.

    Raises Unavailable if a server holds the directory, ReadOnly for a copy without ``extends``,
    SettingError if a key is missing, NotAllowed for the copy of a log that others keep.
    """
    folder.need_own()
    made: list[str] = []
    refused: Error | None = None
    try:
        with open_recorder(folder, extends=extends, afresh=True):
            made += ["tiles", "indexes"]
        fold_views(folder, open_log(folder), rebuild=True)
        made.append("views")
    except (Unavailable, ReadOnly, SettingError):
        raise
    except Error as error:
        refused = error
    return Recovered(made, refused, audit_folder(folder, progress=progress))


def import_folder(
    folder: DataFolder, export: Path, *, progress: Progress | None = None
) -> Position:
    """Make the log of a directory again from an export with contents.

    The keys of the log are in ``folder`` already, from a copy; a log is not. What an import that
    was interrupted left is removed first. Raises as ``restore``, and NotFound without keys.
    """
    folder.need()
    with folder.held():
        head = FileHead(folder.path)
        if head.read() is None and folder.importing.exists():
            shutil.rmtree(folder.path / "journal", ignore_errors=True)
            shutil.rmtree(folder.path / "tile", ignore_errors=True)
        else:
            folder.need_head()
        if head.read() is None:
            folder.importing.touch()
        journal = FileJournal(folder.path / "journal")
        try:
            position = restore(
                export,
                log_keys=folder.own_keys.known(),
                journal=journal,
                blobs=FileBlobs(folder.path),
                head=head,
                progress=progress,
            )
        finally:
            journal.close()
        folder.importing.unlink(missing_ok=True)
    return position


def need_whole(folder: DataFolder, *, processes: int | None = None) -> None:
    """Raises Corrupt if an audit finds what nothing may be signed over. Views are left alone."""
    try:
        found = audit_folder(folder, views=False, processes=processes).problems
    except NotFound:
        return  # a log that begins
    grave = [problem for problem in found if is_grave(problem)]
    if grave:
        more = f", and {len(grave) - 1} more" if len(grave) > 1 else ""
        raise Corrupt(
            "nothing is signed over what is damaged",
            where=str(folder.path / grave[0].file),
            got=grave[0].what + more,
            do="Run wherefrom log audit; then wherefrom log recover, or restore what it names",
        )


# -- what a server needs beside the log


def check_beside(folder: DataFolder) -> Iterator[Problem]:
    """What is wrong with the keys, tokens and decisions that lie beside the log."""
    yield from _check_keys(folder)
    yield from _check_tokens(folder)
    yield from _check_decisions(folder)


def _check_keys(folder: DataFolder) -> Iterator[Problem]:
    def problem(name: str, what: str) -> Problem:
        return Problem(None, f"keys/{name}", f"{what}; restore it from a copy")

    readers: dict[str, Callable[[], object]] = {
        "service.key": folder.service_key,
        "producer.key": folder.producer_key,
    }
    for name, read in readers.items():
        try:
            read()
        except Error as error:
            yield problem(name, str(error))
    try:
        own = DataFolder(folder.path).own_keys  # read anew: this process may have opened them
        keys = own.read()
    except Error as error:
        yield problem(OWN_KEYS_FILE, str(error))
        return
    for key in keys.signing(now()):
        if not is_held_elsewhere(key.held):  # of others only their holders could tell
            try:
                own.open(key)
            except Error as error:
                yield problem(key.held, str(error))
    try:
        found = followed(keys.known[:1], keys.notes)
        if set(found) != set(keys.known):
            yield problem(OWN_KEYS_FILE, "a key that no key before it has named")
    except Error as error:
        yield problem(OWN_KEYS_FILE, str(error))
    yield from _check_newest(folder, own, problem)
    with suppress(Error):
        service_key = base64_strict.encode(spki_der(folder.service_key().public_key))
        genesis = read_own(open_log(folder).record(0).content or b"")
        if isinstance(genesis, Genesis) and genesis.service_key != service_key:
            yield problem("service.key", "not the key that entry 0 names")


def _check_newest(
    folder: DataFolder, own: OwnKeys, problem: Callable[[str, str], Problem]
) -> Iterator[Problem]:
    """Does the file of the log's keys tell of every change that the log does?"""
    try:
        said = decided(folder, open_log(folder)).log_keys
    except Error:
        return  # of what is damaged there others tell
    try:
        own.need_newest(written for _, written in said)
    except Error as error:
        yield problem(OWN_KEYS_FILE, str(error))


def _check_tokens(folder: DataFolder) -> Iterator[Problem]:
    try:
        held = folder.tokens.list()
    except SettingError as error:
        yield Problem(None, "tokens.json", str(error))
        return
    if not held and (folder.path / "token").exists():
        what = "missing, so no token opens the server; restore it, or remove token and start again"
        yield Problem(None, "tokens.json", what)


def _check_decisions(folder: DataFolder) -> Iterator[Problem]:
    try:
        check_saved(folder.path / "decisions.json")
    except Corrupt as error:
        what = f"{error}; rebuildable: remove the file, the next start makes it again"
        yield Problem(None, "decisions.json", what)


# -- the views


class _Kind(NamedTuple):
    """What a view of a kind is read by, checked by itself, made anew by, and compared in."""

    path: Path
    reader: Callable[[Path], GraphReader | EstateReader | HealthReader]
    check: Callable[[Any], None]
    view: type[GraphView] | type[EstateView] | type[HealthView]
    lines: Callable[[Any], Iterator[Line]]


def _check_views(folder: DataFolder) -> Iterator[Problem]:
    """What each view says otherwise than one that is folded anew; all are folded together."""
    log = open_log(folder)
    with tempfile.TemporaryDirectory() as aside, ExitStack() as open_until_then:
        stored: list[_Stored] = []
        for kind in (
            _Kind(folder.graph_path, GraphReader, _check_segments, GraphView, graph.dump),
            _Kind(folder.estate_path, EstateReader, lambda _: None, EstateView, estate.dump),
            _Kind(folder.health_path, HealthReader, lambda _: None, HealthView, health.dump),
        ):
            if not kind.path.exists():
                continue  # the next fold makes it
            try:
                found = _open_stored(kind, log, Path(aside), open_until_then)
            except Exception as error:  # noqa: BLE001 - a changed byte can make anything of a row
                yield _view_problem(folder, kind, _unreadable(error))
                continue
            if isinstance(found, str):
                yield _view_problem(folder, kind, found)
            elif found is not None:
                stored.append(found)
        try:
            fold_to(ReadOnce(log, facts_of=facts_of), {one.anew: one.size for one in stored})
        except Exception as error:  # noqa: BLE001 - as above
            yield from (_view_problem(folder, one.kind, _unreadable(error)) for one in stored)
            return
        for one in stored:
            try:
                what = _compare(one)
            except Exception as error:  # noqa: BLE001 - as above
                what = _unreadable(error)
            if what is not None:
                yield _view_problem(folder, one.kind, what)


def _view_problem(folder: DataFolder, kind: _Kind, what: str) -> Problem:
    file = str(kind.path.relative_to(folder.path))
    return Problem(None, file, f"{what}; rebuildable: wherefrom views rebuild")


def _unreadable(error: Exception) -> str:
    return f"cannot be read: {error or error!r}"


def _check_segments(snapshot: Snapshot) -> None:
    for segment in snapshot.segments:
        segment.check()


class _Stored(NamedTuple):
    """A view as it is stored, open at one size, and an empty one that is to become the same."""

    kind: _Kind
    snapshot: Snapshot | EstateSnapshot | HealthSnapshot
    size: int
    anew: GraphView | EstateView | HealthView


def _open_stored(
    kind: _Kind, log: LogReader, aside: Path, until: ExitStack
) -> _Stored | str | None:
    """Open a view; what is wrong with it already; or None if it cannot be compared yet."""
    reader = until.enter_context(closing(kind.reader(kind.path)))
    taken: AbstractContextManager[Snapshot | EstateSnapshot | HealthSnapshot] = reader.snapshot()
    snapshot = until.enter_context(taken)
    size = snapshot.size
    log.refresh()  # the view may have followed it since it was read
    if size > log.size or log.root_at(size).hex() != _hex(snapshot.root):
        return "of another log, or of a longer one"
    if size < log.size and _forgets(log, size):
        return None  # what was erased since is in it still: the next fold takes it out
    kind.check(snapshot)
    anew: GraphView | EstateView | HealthView = kind.view.open(
        aside / kind.path.name, facts_of=facts_of, facts_version=FACTS_VERSION
    )
    until.enter_context(anew)
    return _Stored(kind, snapshot, size, anew)


def _compare(stored: _Stored) -> str | None:
    """What a view says otherwise than the log's entries do; None if nothing."""
    kind = stored.kind
    with closing(kind.reader(stored.anew.path)) as again, again.snapshot() as anew:
        for mine, theirs in zip_longest(kind.lines(stored.snapshot), kind.lines(anew)):
            if mine != theirs:
                return f"holds {_shown(mine)}, and its entries say {_shown(theirs)}"
    return None


def _hex(root: bytes | None) -> str:
    from wherefrom.merkle.hashing import EMPTY_ROOT

    return (root or EMPTY_ROOT).hex()


def _forgets(log: LogReader, size: int) -> bool:
    return any(b'"kind":"tombstone"' in entry for entry in log.entries(size, log.size))


def _shown(line: Line | None) -> str:
    text = "nothing" if line is None else " ".join(map(str, line))
    return text if len(text) <= 120 else text[:119] + "…"
