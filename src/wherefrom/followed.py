"""Other logs that are followed: a directory for each, and what is wired of it.

    DIR/federated/<32 hex of SHA-256(origin)>/    a log's directory, a copy
        follow.json                              whose it is, and what was seen of it last

Source: docs/decisions/0023-federation.md
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from contextlib import ExitStack, closing, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from wherefrom.app import FOLLOW_FILE, DataFolder, fold_views, now, open_desk, open_log
from wherefrom.collect.principals import write_secret
from wherefrom.errors import AlreadyExists, Error, NotFound, SettingError, StorageError, Unavailable
from wherefrom.formats.note import ED25519, VerifierKey
from wherefrom.formats.tlog_policy import Policy
from wherefrom.log.decisions import Decisions
from wherefrom.log.followed import Follow, TheirKeys
from wherefrom.log.own_keys import OwnKeys
from wherefrom.log.published import PublishedFile
from wherefrom.query.crossing import Crossing, crossing
from wherefrom.query.others import Other
from wherefrom.storage.file_blobs import FileBlobs
from wherefrom.storage.file_head import FileHead
from wherefrom.storage.file_journal import FileJournal
from wherefrom.views.graph import GraphReader, Snapshot

if TYPE_CHECKING:
    from wherefrom.log.writer import LogWriter

FOLDER: Final = "federated"
BUSY_SECONDS: Final = 30.0
_LOOK_EVERY_SECONDS: Final = 0.05


class FollowedFolder(DataFolder):
    """The copy of a log that somebody else keeps; only ``look_again`` writes to it."""

    @property
    def name(self) -> str:
        """Its origin; the name of its directory if that cannot be read."""
        try:
            return self.origin
        except Error:
            return self.path.name

    @property
    def made(self) -> tuple[Path, int, int]:
        """What tells this copy from one that takes its place after it was removed."""
        stat = (self.path / "keys" / "log.vkey").stat()
        return self.path, stat.st_ino, stat.st_mtime_ns

    @property
    def is_followed(self) -> bool:
        """Is it still?"""
        return (self.path / FOLLOW_FILE).exists()

    def follow(self) -> Follow:
        """Whose it is, and what was seen. Raises SettingError."""
        path = self.path / FOLLOW_FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=Follow)
        except (OSError, ValueError) as error:
            raise SettingError(
                "what is kept of a followed log cannot be read", where=str(path), got=error,
                do="Follow it anew: wherefrom federate remove, then add",
            ) from error  # fmt: skip

    def keep(self, follow: Follow) -> None:
        """Keep it; it may hold a token."""
        write_secret(self.path / FOLLOW_FILE, msgspec.json.encode(follow).decode() + "\n")

    @cached_property
    def own_keys(self) -> TheirKeys:
        """The log's keys, as far as they are known here; none of them can sign."""
        return TheirKeys(self.path / "keys", follow=self.follow)

    @cached_property
    def head_keys(self) -> OwnKeys:
        """The copy's own key, for recovery: nobody else sees what it signs."""
        return OwnKeys(self.path / "keys", first=self.first_vkey)

    def published(self) -> PublishedFile:
        """The other log's checkpoint, under the other log's keys."""
        return self.published_by(self.follow())

    def published_by(self, follow: Follow) -> PublishedFile:
        """The same, under the keys that ``follow`` has."""
        return PublishedFile(
            self.path / "published", policy=Policy(), log_keys=lambda: follow.keys()
        )


def folder_at(path: Path) -> DataFolder:
    """The directory of a log of ours, or of the copy of another's."""
    return FollowedFolder(path) if (path / FOLLOW_FILE).exists() else DataFolder(path)


def all_followed(folder: DataFolder) -> list[FollowedFolder]:
    """Every log that is followed from here, by origin."""
    try:
        found = [p for p in (folder.path / FOLDER).iterdir() if (p / FOLLOW_FILE).exists()]
    except FileNotFoundError:
        return []
    return sorted(map(FollowedFolder, found), key=lambda followed: followed.name)


def add(folder: DataFolder, url: str, key: VerifierKey, *, token: str | None) -> FollowedFolder:
    """Begin to follow a log. Raises SettingError, AlreadyExists."""
    folder.need_own()
    if key.algorithm != ED25519:
        raise SettingError(
            "not an Ed25519 key, which every log has",
            got=key.to_text(),
            do="Give the log's Ed25519 key, as its wherefrom log status shows it",
        )
    if key.name == folder.origin:
        raise SettingError(
            "a log does not follow itself",
            got=key.name,
            do="Name the log of somebody else",
        )
    name = hashlib.sha256(key.name.encode()).hexdigest()[:32]
    followed = FollowedFolder(folder.path / FOLDER / name)
    if (followed.path / FOLLOW_FILE).exists():
        raise AlreadyExists(
            "this log is followed already", got=key.name, do="wherefrom federate list"
        )
    followed.create(origin=key.name)
    followed.keep(Follow(url=url.rstrip("/"), vkey=key.to_text(), token=token))
    return followed


def find(folder: DataFolder, origin: str) -> FollowedFolder:
    """The followed log of this origin. Raises NotFound."""
    for followed in all_followed(folder):
        if followed.name == origin:
            return followed
    origins = ", ".join(f.name for f in all_followed(folder)) or "none"
    raise NotFound(
        "no such log is followed",
        got=origin,
        expected=origins,
        do="wherefrom federate list shows those that are",
    )


def remove(followed: FollowedFolder) -> None:
    """Follow it no more, and forget all it said. Raises StorageError.

    Not even a look under way is waited for: a log must not be able to keep us from leaving it by
    answering slowly. That look finds its directory gone, and ends.
    """
    gone = followed.path.with_name(f"removed-{secrets.token_hex(8)}")
    try:
        # 1. From here on it is not followed; a crash leaves a copy that nobody reads.
        (followed.path / FOLLOW_FILE).unlink()
        # 2. Nothing is written there any more; a crash leaves a folder that nobody knows.
        followed.path.rename(gone)
        shutil.rmtree(gone)
    except OSError as error:
        raise StorageError(
            "the copy of a log cannot be removed", where=str(followed.path), got=error.strerror
        ) from error


class Following:
    """Looks at one log again and again; between two looks nobody is kept from it.

    The copy stays open as long as nobody else writes to it: each opening is a segment of its
    journal.
    """

    def __init__(self, followed: FollowedFolder) -> None:
        self._folder = followed
        self._opened: tuple[LogWriter, FileJournal] | None = None
        self._left: tuple[int, bytes] | None = None

    def look(self) -> Follow:
        """Look once, append what is new, and fold it. Raises Unavailable if somebody else does,
        StorageError."""
        from wherefrom.log.follow import look  # late: only here something is written
        from wherefrom.log.tile_client import TileClient

        with self._folder.held():
            follow = self._folder.follow()
            try:
                if FileHead(self._folder.path).read() != self._left:
                    # Somebody else looked meanwhile, or it was removed and added again.
                    self.close()
                    self._folder = FollowedFolder(self._folder.path)
                with closing(TileClient(follow.url, token=follow.token)) as client:
                    done = look(follow, client, self, at=now())
                self._folder.keep(done)
                if self._opened is not None:
                    self._left = FileHead(self._folder.path).read()
            except BaseException:
                self.close()
                if not self._folder.is_followed:  # removed meanwhile: leave nothing of it
                    shutil.rmtree(self._folder.path, ignore_errors=True)
                raise
        if done.tree is not None:
            fold_views(self._folder, open_log(self._folder))
        return done

    def close(self) -> None:
        """Give the files back."""
        if self._opened is not None:
            writer, journal = self._opened
            self._opened = None
            writer.close()
            journal.close()

    # -- the copy, as a look writes it

    def writer(self) -> LogWriter:
        """The copy's writer, opened when it is asked for."""
        from wherefrom.log.own_keys import HeadSigners
        from wherefrom.log.writer import LogWriter

        if self._opened is None:
            followed, own = self._folder, self._folder.head_keys
            journal = FileJournal(followed.path / "journal")
            writer = LogWriter(
                origin=followed.origin,
                signers=HeadSigners(own.of_heads(now()), own.known),
                journal=journal,
                blobs=FileBlobs(followed.path),
                head=FileHead(followed.path),
                home=followed.home(),
                dedup_folder=None,
            )
            try:
                writer.open()
            except BaseException:
                writer.close()
                journal.close()
                raise
            self._opened = writer, journal
        return self._opened[0]

    def decisions(self) -> Decisions:
        """What the copy's own records decide, as far as they were read."""
        return Decisions(self._folder.path / "decisions.json")

    def published(self, follow: Follow) -> PublishedFile:
        """Where the other log's checkpoint goes."""
        return self._folder.published_by(follow)

    def free_bytes(self) -> int:
        """How much room its disk has."""
        return shutil.disk_usage(self._folder.path).free


def look_again(followed: FollowedFolder, *, busy_seconds: float = BUSY_SECONDS) -> Follow:
    """Look at the other log once. Raises StorageError, and Unavailable if somebody else, such as
    a server, still looks at it after so long."""
    following = Following(followed)
    until = time.monotonic() + busy_seconds
    try:
        while True:
            try:
                return following.look()
            except Unavailable:
                if time.monotonic() > until:
                    raise
                time.sleep(_LOOK_EVERY_SECONDS)
    finally:
        following.close()


def crossing_of(folder: DataFolder) -> Crossing | None:
    """What the log of ``folder`` uses and cannot explain, and what the followed logs can; None
    while it has no graph."""
    if folder.served() is None:
        with suppress(Unavailable):  # somebody else is at it
            fold_views(folder, open_log(folder))
    with ExitStack() as open_now:

        def snapshot_of(of: DataFolder) -> Snapshot:
            reader = GraphReader(of.graph_path)
            open_now.callback(reader.close)
            return open_now.enter_context(reader.snapshot())

        try:
            own = snapshot_of(folder)
        except Unavailable:
            return None
        others: dict[str, Snapshot] = {}
        for followed in all_followed(folder):
            with suppress(Error):  # told by whoever lists them
                others[followed.origin] = snapshot_of(followed)
        return crossing(own, others)


class Others:
    """The logs that are followed, opened as they come and go; for several threads."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._there = str(folder.path / FOLDER)
        self._opened: dict[tuple[Path, int, int], Other] = {}

    def __call__(self) -> list[Other]:
        """Those that have something to say now."""
        if not os.path.isdir(self._there):  # as of most logs, at every question: not a Path
            return []
        found = []
        opened: dict[tuple[Path, int, int], Other] = {}
        for followed in all_followed(self._folder):
            try:
                follow = followed.follow()
                if follow.tree is None:
                    continue
                made = followed.made
                opened[made] = self._opened.get(made) or Other(
                    open_desk(followed, open_log(followed))
                )
                found.append(opened[made]._replace(trouble=follow.trouble))
            except (Error, FileNotFoundError) as error:  # also one that is removed just now
                found.append(Other(None, origin=followed.name, trouble=str(error)))
        self._opened = opened
        return found
