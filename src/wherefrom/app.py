"""The wiring: a data directory becomes a log, a recorder, a graph. The only reader of settings.

DIR/head, journal/, tile/    the log (``storage``)        DIR/keys/     secrets, mode 0600
DIR/dedup/, decisions.json   indexes, rebuildable         DIR/tokens.json, token
DIR/views/graph.db           the graph, rebuildable       DIR/server.json   who serves it now
DIR/views/estate.db, health.db   what was where when, and what is counted; rebuildable
DIR/views/rekor/             the Rekor tree, rebuildable
DIR/views/requests.db, request-rules.json   spans of a set time; which are kept, if not all
DIR/views/series.db, series.json            series of a set time; where others are read
DIR/watch.yaml, notify.yaml     who puts policies in force; who is told what turned (optional)
DIR/objectives.yaml             what is promised, and when that is to be told (optional)
DIR/coverage.yaml               what a whole chain is (optional)
DIR/notify/, watch.sock         messages on their way; where the watch asks the writer to sign
DIR/notify/tickets/          which tickets are open; what is wrong, rebuildable
DIR/handed/                  facts on their way to the fold of a server
DIR/trusted-root.json           taken up into a log that has no trusted root yet
DIR/witness.policy, published   of a log with witnesses: who they are, what they cosigned last
DIR/anchor-settings.json, anchors/   whom to ask to hold checkpoints, and what they said
DIR/keys/log-keys.json          of a log whose keys changed: all of them, and where each secret is

Writing: one process holds DIR/lock.   Reading: any number, at the newest signed checkpoint.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from wherefrom.collect.hooks import HookFile
from wherefrom.collect.principals import Principal, TokenFile, write_secret
from wherefrom.errors import (
    Corrupt,
    LimitPassed,
    Malformed,
    NotAllowed,
    NotFound,
    Refused,
    SettingError,
    Unavailable,
)
from wherefrom.formats import note as notes
from wherefrom.formats import timestamps, tlog_policy
from wherefrom.formats.anchor import ASKED_MAX, AnchorSettings
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.note import VerifierKey
from wherefrom.formats.recognise import FACTS_VERSION, facts_of
from wherefrom.formats.tlog_policy import Policy
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.keyring import Keyring
from wherefrom.log.anchors import AnchorFolder
from wherefrom.log.decisions import Decisions
from wherefrom.log.handed import Handed, HandingOver
from wherefrom.log.logged import LogSource
from wherefrom.log.own_keys import HeadSigners, OwnKeys
from wherefrom.log.published import PublishedFile
from wherefrom.log.reader import LogReader
from wherefrom.query.catalog import Catalogs
from wherefrom.query.catalog.noted import Noted
from wherefrom.query.desk import Desk
from wherefrom.query.health.chains import Judge, LateChains
from wherefrom.query.measured import Measured
from wherefrom.query.others import Other
from wherefrom.storage.file_blobs import FileBlobs
from wherefrom.storage.file_head import FileHead, sync_folder
from wherefrom.storage.file_journal import FileJournal
from wherefrom.storage.whole_file import replace_whole
from wherefrom.views.estate import EstateReader, EstateView
from wherefrom.views.graph import GraphReader, GraphView
from wherefrom.views.health import HealthReader, HealthView
from wherefrom.views.requests.reader import RequestReader
from wherefrom.views.series.reader import SeriesReader
from wherefrom.views.together import Folded, Views

if TYPE_CHECKING:
    from wherefrom.collect.settings_file import SettingsFile
    from wherefrom.formats.notify_settings import NotifySettings
    from wherefrom.formats.objectives import Objective, Objectives
    from wherefrom.formats.question_settings import Question
    from wherefrom.formats.rollback_settings import RollbackSettings
    from wherefrom.formats.series import Series
    from wherefrom.formats.series_settings import SeriesSettings
    from wherefrom.formats.watch_settings import WatchSettings
    from wherefrom.log.recorder import Recorder
    from wherefrom.policy.alert_watch import AlertWatch, Sign, Told
    from wherefrom.policy.gate import Gate
    from wherefrom.policy.in_force import Words
    from wherefrom.policy.status import StatusDesk
    from wherefrom.query.alerts.measuring import AskedRatios
    from wherefrom.views.rekor.view import RekorView
    from wherefrom.views.requests.store import RequestStore
    from wherefrom.views.series.store import SeriesStore

_LOG_KEY = "keys/log.key"
_LOG_VKEY = "keys/log.vkey"
# In the copy of a log that somebody else keeps: whose it is (``followed``).
FOLLOW_FILE: Final = "follow.json"
READER_SOCKET: Final = "reader.sock"
# Linux, unix(7): 108 bytes with the zero at their end.
SOCKET_PATH_BYTES_MAX: Final = 107
_SERVICE_KEY = "keys/service.key"
_PRODUCER_KEY = "keys/producer.key"
_ANCHOR_SETTINGS = "anchor-settings.json"
# FS_IOC_GETVERSION of linux/fs.h: _IOR('v', 1, long); it gives 4 bytes all the same.
_GET_GENERATION: Final = 0x80007601 | struct.calcsize("l") << 16


def _check_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def now() -> str:
    """Now, as the entry writes times."""
    return timestamps.to_text(datetime.now(UTC))


def read_policy(written: bytes, *, where: str) -> Policy:
    """A trust policy. Raises SettingError, naming the line."""
    try:
        return tlog_policy.parse(written, where=where)
    except (Malformed, LimitPassed) as error:
        raise SettingError(
            error.what, where=error.where, expected=error.expected, got=error.got, do=error.do
        ) from error


class Served(NamedTuple):
    """Who serves a directory now: base URL and process id."""

    url: str
    pid: int


class DataFolder:
    """Paths and secrets of one data directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    # -- making one

    def exists(self) -> bool:
        """Is there a log here?"""
        return (self.path / _LOG_VKEY).exists()

    def create(self, *, origin: str | None = None) -> None:
        """Make the keys of a new log, unless they are there. Raises SettingError."""
        if self.exists():
            return
        self.need_no_orphan()
        origin = origin or f"wherefrom.local/{secrets.token_hex(8)}"
        try:
            notes.check_name(origin, where="origin")
        except Malformed as error:
            raise SettingError(
                "not an origin",
                expected="a URL without scheme, such as example.com/log",
                got=origin,
                do="Leave out https:// and any space",
            ) from error
        (self.path / "keys").mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        with open(self.path / "keys" / "lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.exists():  # another process may just have made them
                self._make_keys(origin)

    @property
    def is_orphan(self) -> bool:
        """Is there a log whose keys are gone?"""
        left = (self.path / "head").exists() or (self.path / "journal").exists()
        return left and not self.exists()

    def need_no_orphan(self) -> None:
        """Raises SettingError for a log without its keys: new ones could never open it."""
        if self.is_orphan:
            raise SettingError(
                "the keys of this log are missing",
                where=str(self.path / "keys"),
                expected="the folder keys that the log was made with",
                do="Restore it beside head and journal; a new log needs an empty directory",
            )

    def _make_keys(self, origin: str) -> None:
        log_key, service_key = SigningKey.generate(), SigningKey.generate()
        write_secret(self.path / _LOG_KEY, log_key.to_skey_text(origin) + "\n")
        write_secret(self.path / _SERVICE_KEY, service_key.to_skey_text("service") + "\n")
        producer_key = secrets.token_hex(32)
        line = f"{producer_key} {_check_of(producer_key)}\n"
        write_secret(self.path / _PRODUCER_KEY, line)
        # Last: its presence says that everything above is there.
        write_secret(self.path / _LOG_VKEY, log_key.verifier_key(origin).to_text() + "\n")
        # And their names: a power cut must not take the keys from under a log.
        for folder in (self.path / "keys", self.path, self.path.parent):
            sync_folder(folder)

    def need(self) -> None:
        """Raises NotFound unless there is a log here, SettingError if its keys are gone."""
        if not self.exists():
            self.need_no_orphan()
            raise NotFound(
                "no log in this directory",
                where=str(self.path),
                do="Start one with: wherefrom up, or record something with --data",
            )

    def need_head(self) -> None:
        """Raises Corrupt for a journal without a head: a new one would begin the log again."""
        try:
            begun = FileHead(self.path).read() is not None
        except Corrupt:
            return  # told by whoever reads it
        if not begun and self.importing.exists():
            raise Corrupt(
                "an import into this directory was not finished",
                where=str(self.path),
                do="Run wherefrom log import again",
            )
        if not begun and any((self.path / "journal").glob("*.wfj")):
            raise Corrupt(
                "the head of this log is missing, and only it says what of the journal counts",
                where=str(self.path / "head"),
                do="Restore the file from a copy; the journal then shows what came after it",
            )

    # -- what lies in it

    @property
    def importing(self) -> Path:
        """There while an import is under way, or was interrupted."""
        return self.path / "importing"

    def first_vkey(self) -> VerifierKey:
        """The verifier key that the log was made with, named after the origin."""
        self.need()
        try:
            return notes.parse_verifier_key(self._secret(_LOG_VKEY), where=_LOG_VKEY)
        except Malformed as error:
            raise SettingError(
                "the log's verifier key is broken",
                got=str(error),
                do="Restore keys/log.vkey from a copy",
            ) from error

    @property
    def origin(self) -> str:
        """The log's origin."""
        return self.first_vkey().name

    @cached_property
    def own_keys(self) -> OwnKeys:
        """Every key that the log has signed with, and the secrets of those that sign."""
        return OwnKeys(self.path / "keys", first=self.first_vkey)

    @property
    def head_keys(self) -> OwnKeys:
        """Those that its head is signed with; others than the log's only in a copy."""
        return self.own_keys

    def need_own(self) -> None:
        """Raises NotAllowed for the copy of a log that somebody else keeps: nobody may write there,
        or sign in its name."""
        if (self.path / FOLLOW_FILE).exists():
            raise NotAllowed(
                "this directory is the copy of a log that others keep", where=str(self.path),
                do="Only reading it makes sense; it grows with: wherefrom federate sync",
            )  # fmt: skip

    def need_short(self) -> None:
        """Raises SettingError for a path too long for the sockets of a server."""
        longest = len(os.fsencode(self.path / READER_SOCKET))
        if longest > SOCKET_PATH_BYTES_MAX:
            own = longest - len(os.fsencode(self.path))
            raise SettingError(
                "the path of the data directory is too long for the sockets of a server",
                where=str(self.path), got=f"{longest - own} bytes",
                expected=f"{SOCKET_PATH_BYTES_MAX - own} bytes at most",
                do="Give --data a shorter path: a symbolic link, or one from where you are",
            )  # fmt: skip

    def log_vkey(self) -> VerifierKey:
        """The verifier key to hand out: the newest Ed25519 key that signs checkpoints."""
        return self.own_keys.read().newest(now()).key

    def _secret(self, name: str) -> str:
        path = self.path / name
        try:
            # Not any white space: a changed end of the line is a changed file.
            return path.read_text(encoding="utf-8").strip(" \t\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(
                "a key file cannot be read",
                where=str(path),
                got=error,
                do="Restore it from a copy, or see to its mode and owner: wherefrom doctor",
            ) from error

    def log_key(self) -> SigningKey:
        """The secret that the log was made with."""
        return SigningKey.from_skey_text(self._secret(_LOG_KEY), where=_LOG_KEY)[1]

    def service_key(self) -> SigningKey:
        """The secret that signs Wherefrom's own records."""
        return SigningKey.from_skey_text(self._secret(_SERVICE_KEY), where=_SERVICE_KEY)[1]

    def producer_key(self) -> bytes:
        """The secret under which principals are hashed."""
        # The check came later; without it a changed digit would give everybody another name.
        found = re.fullmatch("([0-9a-f]{64})(?: ([0-9a-f]{8}))?", self._secret(_PRODUCER_KEY))
        if found is None or found[2] not in (None, _check_of(found[1])):
            raise SettingError(
                "a key file is broken",
                where=_PRODUCER_KEY,
                expected="64 hex digits, a space and the first 8 of their SHA-256",
                do="Restore it from a copy",
            )
        return bytes.fromhex(found[1])

    @property
    def tokens(self) -> TokenFile:
        """Who may use a server on this directory."""
        return TokenFile(self.path / "tokens.json")

    @property
    def hooks(self) -> HookFile:
        """Who may post webhooks without a token."""
        return HookFile(self.path / "webhooks.toml")

    def ensure_admin_token(self) -> Path:
        """The file of the administrator's token; made, with the token, at the first start."""
        path = self.path / "token"
        if not path.exists():
            text, _ = self.tokens.add(Principal(name="administrator", roles=("admin",)))
            write_secret(path, text + "\n")
        return path

    # -- its witnesses

    @property
    def policy_path(self) -> Path:
        """Where the policy of a log with witnesses lies."""
        return self.path / "witness.policy"

    def policy(self) -> Policy | None:
        """Which witnesses this log has; None without a policy. Raises SettingError."""
        try:
            written = self.policy_path.read_bytes()
        except FileNotFoundError:
            return None
        return read_policy(written, where=str(self.policy_path))

    def keep_policy(self, written: bytes, *, where: str) -> None:
        """From now on this log has the witnesses of a policy. Raises SettingError."""
        policy = read_policy(written, where=where)
        origins = [log.key.name for log in policy.logs]
        known = [log.key for log in policy.logs]
        if origins and not any(key in known for key in self.own_keys.known()):
            raise SettingError(
                "the policy is of other logs", where=where, expected=self.log_vkey().to_text(),
                got=" ".join(origins),
                do="Name this log in it, or leave out its line log",
            )  # fmt: skip
        if not policy.is_reached([w.name for w in policy.witnesses.values() if w.url]):
            raise SettingError(
                "a log cannot reach the quorum of a policy whose witnesses have no address",
                where=where,
                expected="witness <name> <vkey> <url>, for enough of them",
                do="Give enough of its witnesses an address, or lower the quorum",
            )
        replace_whole(self.policy_path, written)

    def published(self) -> PublishedFile | None:
        """What a log shows that publishes in rounds: one with witnesses, or slow keys of its own;
        None for a log that shows its newest head."""
        policy, own = self.policy(), self.own_keys
        if policy is None and not own.has_slow(now()):
            return None
        return PublishedFile(self.path / "published", policy=policy or Policy(), log_keys=own.known)

    # -- who else holds its checkpoints

    def anchor_settings(self) -> AnchorSettings | None:
        """Whom to ask to hold checkpoints; None if nobody. Raises SettingError."""
        path = self.path / _ANCHOR_SETTINGS
        try:
            return msgspec.json.decode(path.read_bytes(), type=AnchorSettings)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SettingError(
                "cannot be read",
                where=str(path),
                got=error,
                do="Start it again with --anchor-root, --rekor and --tsa: it is written anew",
            ) from error

    def keep_anchor_settings(self, settings: AnchorSettings, *, where: str) -> None:
        """From now on a server asks these. Raises SettingError."""
        from wherefrom.verify.sigstore.trusted_root import parse  # late: most logs have none

        try:
            root = parse(settings.root.encode())
        except Refused as error:
            raise SettingError(
                "not a trusted root",
                where=where,
                got=str(error),
                do="Name Sigstore's trusted_root.json, or make one: wherefrom log trusted-root",
            ) from error
        for asked, known, what in (
            (settings.logs, root.logs, "logs"),
            (settings.stamps, root.timestamp_authorities, "timestamp authorities"),
        ):
            if asked and not known:
                raise SettingError(
                    f"the trusted root has no {what}, so no answer of one could be believed",
                    where=where, got=root.left_out(),
                    do="Name another with --anchor-root, or leave out who is not in it",
                )  # fmt: skip
        if max(len(settings.logs), len(settings.stamps)) > ASKED_MAX:
            raise SettingError(
                "too many to ask",
                expected=f"{ASKED_MAX} logs, and authorities",
                do="Name fewer with --rekor and --tsa",
            )
        # An address may hold a token.
        write_secret(self.path / _ANCHOR_SETTINGS, msgspec.json.encode(settings).decode() + "\n")

    @property
    def anchors(self) -> AnchorFolder:
        """The checkpoints that others hold."""
        return AnchorFolder(self.path / "anchors")

    def watch_settings(self) -> WatchSettings:
        """Who puts policies in force, and what is looked at first. Raises SettingError."""
        from wherefrom.collect.settings_file import WATCH, read
        from wherefrom.formats.watch_settings import WatchSettings, parse

        what = "the settings of the watch"
        return read(self.path / WATCH, parse, WatchSettings(), what=what)

    def series_settings(self) -> SeriesSettings:
        """Where series come from. Raises Unavailable for a file that is wrong."""
        return _series_settings(self)

    def notify_url(self) -> str:
        """Where people reach this log; empty if nobody said. Raises SettingError."""
        from wherefrom.collect.settings_file import NOTIFY, read
        from wherefrom.formats.notify_settings import NotifySettings, parse

        what = "the settings of notifications"
        return read(self.path / NOTIFY, parse, NotifySettings(), what=what).url

    def objectives(self) -> Objectives | None:
        """What is promised; None without a file. Raises SettingError."""
        from wherefrom.collect.settings_file import OBJECTIVES, read
        from wherefrom.formats.objectives import parse

        found: Objectives | None = read(
            self.path / OBJECTIVES, parse, None, what="the objectives"
        )  # fmt: skip
        return found

    @property
    def watch_socket(self) -> Path:
        """Where the watch of a server listens for the writer."""
        return self.path / "watch.sock"

    @property
    def watch_path(self) -> Path:
        """Where the watch notes how far it has come."""
        return self.path / "views" / "watch.json"

    @property
    def requests_path(self) -> Path:
        """Where the spans of requests lie."""
        return self.path / "views" / "requests.db"

    @property
    def catalogued_path(self) -> Path:
        """Where the fold notes what the catalogue in force says of services."""
        return self.path / "views" / "catalogued.json"

    @property
    def series_path(self) -> Path:
        """Where the series lie that were pushed."""
        return self.path / "views" / "series.db"

    @property
    def estate_path(self) -> Path:
        """Where the estate view lies."""
        return self.path / "views" / "estate.db"

    @property
    def health_path(self) -> Path:
        """Where the view of health lies."""
        return self.path / "views" / "health.db"

    @property
    def graph_path(self) -> Path:
        """Where the graph view lies."""
        return self.path / "views" / "graph.db"

    @property
    def handed_path(self) -> Path:
        """Where a server leaves facts for its fold."""
        return self.path / "handed"

    def drop_indexes(self) -> None:
        """Remove what the next writer makes again from the journal."""
        shutil.rmtree(self.path / "dedup", ignore_errors=True)
        (self.path / "decisions.json").unlink(missing_ok=True)
        for marks in (self.path / "journal").glob("*.idx"):
            marks.unlink()

    # -- who holds it

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only writer on this machine. Raises Unavailable if somebody else is."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / "lock", "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                served = self.served()
                raise Unavailable(
                    "another process writes to this directory",
                    where=str(self.path),
                    got=f"process {served.pid} at {served.url}" if served else None,
                    do="Use its server (--server URL), or end it first",
                ) from error
            # Whoever said so before, killed perhaps, serves it no more.
            self.say_served(None)
            yield

    def home(self) -> str:
        """What tells this directory from a copy of it: the lock file's inode and its generation.

        A copy put back where the original was deleted often gets the very same inode; a
        generation is random for each file, and no copy takes it along. A file system without
        generations leaves the inode alone to tell.
        """
        with open(self.path / "lock", "rb") as lock:
            said = f"inode:{os.fstat(lock.fileno()).st_ino}"
            with suppress(OSError):
                generation = fcntl.ioctl(lock, _GET_GENERATION, bytes(struct.calcsize("l")))
                said += f":{int.from_bytes(generation[:4], sys.byteorder)}"
        return said

    def say_served(self, served: Served | None) -> None:
        """Write down who serves this directory now, or that nobody does."""
        path = self.path / "server.json"
        if served is None:
            path.unlink(missing_ok=True)
        else:
            write_secret(path, json.dumps(served._asdict()) + "\n")

    def served(self) -> Served | None:
        """Who serves this directory, if that process still holds it."""
        try:
            said: dict[str, Any] = json.loads((self.path / "server.json").read_text())
            with open(self.path / "lock", "a") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (OSError, ValueError) as error:
            if isinstance(error, BlockingIOError):
                return Served(said["url"], said["pid"])
        return None


@contextmanager
def open_recorder(
    folder: DataFolder,
    *,
    extends: Checkpoint | None = None,
    afresh: bool = False,
    hands_over: bool = False,
    on_stop: Callable[[str], None] = lambda why: None,
    before_signing: Callable[[], None] = lambda: None,
) -> Iterator[Recorder]:
    """The one writer of a directory, recovery to clean close. Raises Unavailable, Corrupt.

    afresh          make tiles and indexes again from the entries, whatever is stored of them
    hands_over      somebody folds beside this writer: leave the facts of each record for it
    on_stop         is told why, if the writer stops for good
    before_signing  looks at the recovered directory once more, and raises to leave it alone
    """
    # Most commands only read: they need not wait for what only writing imports (numpy, above all).
    from wherefrom.log.recorder import Recorder
    from wherefrom.log.root_file import take_up
    from wherefrom.log.writer import LogWriter

    folder.need()
    folder.need_own()
    with folder.held():
        folder.need_head()
        # Made even where nobody folds: what an earlier server left is gone before an erasure.
        handing_over = HandingOver(folder.handed_path)
        own = folder.own_keys
        if afresh:
            folder.drop_indexes()
        journal = FileJournal(folder.path / "journal")
        writer = LogWriter(
            origin=folder.origin,
            signers=HeadSigners(own.of_heads(now()), own.known),
            journal=journal,
            blobs=FileBlobs(folder.path),
            head=FileHead(folder.path),
            home=folder.home(),
            dedup_folder=folder.path / "dedup",
            handing_over=handing_over if hands_over else None,
            on_stop=on_stop,
        )
        decisions = Decisions(folder.path / "decisions.json")

        def look_once_more() -> None:
            before_signing()
            if FileHead(folder.path).read() is not None:
                decisions.catch_up(open_log(folder))
                own.need_newest(written for _, written in decisions.log_keys)

        writer.open(extends=extends, afresh=afresh, before_signing=look_once_more)
        recorder = Recorder(
            writer,
            decisions=decisions,
            service_key=folder.service_key(),
            producer_key=folder.producer_key(),
            clock=now,
            renewal_path=folder.path / "renewal.json",
            judging_path=folder.path / "judging.json",
        )
        try:
            recorder.start(own)
            recorder.finish_erasures()
            take_up(folder.path, recorder)
            yield recorder
            recorder.decisions.catch_up(writer)
        finally:
            writer.close()
            journal.close()


def open_rekor(folder: DataFolder, recorder: Recorder) -> RekorView:
    """The Rekor tree of a log that this process writes. Raises Corrupt, SettingError."""
    from wherefrom.views.rekor.view import RekorView

    return RekorView(
        folder.path / "views" / "rekor",
        recorder.writer,
        signers=recorder.writer.signers,
        count=folder.own_keys.uses.add,
    )


def open_requests(
    folder: DataFolder, *, on_trouble: Callable[[str], None] = lambda says: None
) -> RequestStore:
    """The spans that a server holds beside its log. Raises SettingError, StorageError."""
    from wherefrom.collect.span_rules import RulesFile
    from wherefrom.views.requests.store import RequestStore

    rules = RulesFile(folder.path, catalogued=folder.catalogued_path, on_trouble=on_trouble)
    return RequestStore(folder.requests_path, rules)


def open_series(
    folder: DataFolder, *, on_trouble: Callable[[str], None] = lambda says: None
) -> SeriesStore:
    """The pushed series that a server holds beside its log. Raises SettingError, StorageError."""
    from wherefrom.collect.settings_file import SERIES, SettingsFile
    from wherefrom.formats.series_settings import SeriesSettings, parse
    from wherefrom.views.series.store import SeriesStore

    settings = SettingsFile(
        folder.path / SERIES, parse, SeriesSettings(), what="the settings of series",
        on_trouble=on_trouble,
    )  # fmt: skip
    return SeriesStore(folder.series_path, settings)


def log_at_rest(folder: DataFolder) -> LogReader:
    """A reader that has not looked at the head yet: an audit starts there. Raises NotFound."""
    folder.need()
    return LogReader(
        origin=folder.origin,
        log_keys=folder.head_keys.known,
        journal=FileJournal(folder.path / "journal"),
        blobs=FileBlobs(folder.path),
        head=FileHead(folder.path),
        published=folder.published(),
    )


def open_log(folder: DataFolder) -> LogReader:
    """A reader of the log at its newest checkpoint. Raises NotFound, Corrupt."""
    reader = log_at_rest(folder)
    reader.refresh()
    return reader


def open_handed(folder: DataFolder, log: LogReader) -> Handed:
    """``log``, with what the writer beside us has read of its records already."""
    return Handed(log, folder.handed_path)


def decided(folder: DataFolder, log: LogReader) -> Decisions:
    """What the log at its newest checkpoint says of keys, intake rules and trust."""
    decisions = Decisions(folder.path / "decisions.json", keeps=False)
    decisions.catch_up(log)
    return decisions


def known_keys(folder: DataFolder, log: LogReader) -> Keyring:
    """Every key that the log at its newest checkpoint has named."""
    return decided(folder, log).keyring


def open_desk(
    folder: DataFolder, log: LogReader, *, others: Callable[[], Sequence[Other]] = lambda: ()
) -> Desk:
    """Questions over a directory's log and graph; ``others`` gives the logs that it follows."""
    return Desk(
        log,
        GraphReader(folder.graph_path),
        EstateReader(folder.estate_path),
        HealthReader(folder.health_path),
        own_keys=folder.own_keys,
        anchors=folder.anchors,
        requests=RequestReader(folder.requests_path),
        pushed=SeriesReader(folder.series_path),
        measured=open_measured(folder),
        others=others,
        ways_back=lambda: ways_back(folder),
        address=lambda: address_of(folder),
        judge=LateChains(lambda: open_chains(folder, log)),
        objectives=folder.objectives,
        ask_ratio=lambda objective, at: _ratios(folder, objective, at),
        administrators=lambda: administrators(folder),
    )


def administrators(folder: DataFolder) -> frozenset[str]:
    """The producers, as entries write them, whose tokens are an administrator's now."""
    from wherefrom.collect.principals import producer_of

    try:
        key, tokens = folder.producer_key(), folder.tokens.list()
    except SettingError:  # a copy to read: nobody administers it
        return frozenset()
    return frozenset(
        producer_of(one.principal, key=key) for one in tokens if "admin" in one.principal.roles
    )


def _ratios(folder: DataFolder, objective: Objective, at: float) -> AskedRatios:
    from wherefrom.query.alerts.of_promql import ratios  # late, as all that few ask

    return ratios(objective, _series_settings(folder), at=at, folder=folder.path)


def address_of(folder: DataFolder) -> str:
    """Where people reach this log, as ``notify.yaml`` says; empty if it does not. Raises
    SettingError."""
    from wherefrom.collect.settings_file import NOTIFY, read
    from wherefrom.formats.notify_settings import NotifySettings, parse

    what = "the settings of notifications"
    return read(folder.path / NOTIFY, parse, NotifySettings(), what=what).url


def open_chains(folder: DataFolder, log: LogReader) -> Judge:
    """Whether chains are whole, by what ``coverage.yaml`` says now. Raises Unavailable."""
    from wherefrom.collect.settings_file import COVERAGE, SettingsFile  # late, as the gate
    from wherefrom.formats.coverage_policy import parse, shipped
    from wherefrom.log.replay import service_key_id
    from wherefrom.policy.chains import Chains

    what = "the rules of coverage"
    try:
        policy = SettingsFile(folder.path / COVERAGE, parse, shipped(), what=what)
    except SettingError as error:  # whoever asks cannot mend it
        raise _wrong(what, error) from error
    return Chains(log, own=lambda: service_key_id(log), policy=policy)


def open_gate(folder: DataFolder, log: LogReader) -> Gate:
    """Decisions by policies over a directory's log and graph."""
    from wherefrom.policy.gate import Gate  # late: only those who ask pay for it

    return Gate(log, GraphReader(folder.graph_path), words=open_words(folder, log))


def open_status(folder: DataFolder, log: LogReader, gate: Gate) -> StatusDesk:
    """What runs, and what the policies in force say of it."""
    from wherefrom.policy.status import StatusDesk, WatchAt

    def watch_at() -> WatchAt | None:
        try:
            return msgspec.json.decode(folder.watch_path.read_bytes(), type=WatchAt)
        except (OSError, ValueError):
            return None

    return StatusDesk(
        log,
        EstateReader(folder.estate_path),
        GraphReader(folder.graph_path),
        gate,
        settings=folder.watch_settings,
        watch_at=watch_at,
    )


def open_watch_settings(
    folder: DataFolder, *, on_trouble: Callable[[str], None] = lambda says: None
) -> SettingsFile[WatchSettings]:
    """The settings of the watch, as they are at each question. Raises SettingError."""
    from wherefrom.collect.settings_file import WATCH, SettingsFile
    from wherefrom.formats.watch_settings import WatchSettings, parse

    return SettingsFile(
        folder.path / WATCH, parse, WatchSettings(), what="the settings of the watch",
        on_trouble=on_trouble,
    )  # fmt: skip


def open_notify_settings(
    folder: DataFolder, *, on_trouble: Callable[[str], None] = lambda says: None
) -> SettingsFile[NotifySettings]:
    """Whom to tell what turned, as it is at each question. Raises SettingError."""
    from wherefrom.collect.settings_file import NOTIFY, SettingsFile
    from wherefrom.formats.notify_settings import NotifySettings, parse

    return SettingsFile(
        folder.path / NOTIFY, parse, NotifySettings(), what="the settings of notifications",
        on_trouble=on_trouble,
    )  # fmt: skip


def open_objectives(
    folder: DataFolder, *, on_trouble: Callable[[str], None] = lambda says: None
) -> SettingsFile[Objectives | None]:
    """What is promised, as it is at each question; None without a file. Raises SettingError."""
    from wherefrom.collect.settings_file import OBJECTIVES, SettingsFile
    from wherefrom.formats.objectives import parse

    return SettingsFile(
        folder.path / OBJECTIVES, parse, None, what="the objectives", on_trouble=on_trouble
    )


def open_alert_watch(
    folder: DataFolder,
    log: LogReader,
    gate: Gate,
    *,
    sign: Sign,
    tell: Callable[[Sequence[Told]], None],
    url: Callable[[], str],
    on_trouble: Callable[[str], None],
) -> AlertWatch:
    """The watch over alerts, of the objectives that lie in the directory. Raises SettingError."""
    from wherefrom.notify.cursor import Cursor
    from wherefrom.policy.alert_watch import AlertWatch

    desk = open_desk(folder, log)
    return AlertWatch(
        log,
        EstateReader(folder.estate_path),
        GraphReader(folder.graph_path),
        gate,
        desk.alerts.measuring(on_trouble=on_trouble),
        Cursor(folder.path / "notify" / "told"),
        objectives=open_objectives(folder, on_trouble=on_trouble),
        coverage=desk.alerts.covering,
        words=desk.words,
        sign=sign,
        tell=tell,
        settings=open_watch_settings(folder, on_trouble=on_trouble),
        url=url,
        on_trouble=on_trouble,
    )


def open_questions(
    folder: DataFolder, *, on_trouble: Callable[[str], None] = lambda says: None
) -> SettingsFile[tuple[Question, ...]]:
    """A team's own questions, as they are each time they are shown. Raises SettingError."""
    from wherefrom.collect.settings_file import QUESTIONS, SettingsFile
    from wherefrom.formats.question_settings import parse

    return SettingsFile(
        folder.path / QUESTIONS, parse, (), what="the questions of the first page",
        on_trouble=on_trouble,
    )  # fmt: skip


def open_words(folder: DataFolder, log: LogReader) -> Words:
    """Which policies are in force, by the word of those who may say so."""
    from wherefrom.policy.in_force import Deciders, Words, deciders_of

    decisions = Decisions(folder.path / "decisions.json", keeps=False)
    deciding = threading.Lock()

    def deciders() -> Deciders:
        settings = folder.watch_settings()
        with deciding:
            decisions.catch_up(log)
            return deciders_of(settings, decisions.keyring)

    return Words(log.content_of, deciders)


def fold_views(folder: DataFolder, log: LogReader, *, rebuild: bool = False) -> int:
    """Bring every view up to the log's newest checkpoint; returns the size reached.

    ``rebuild`` throws them away first. Raises Unavailable while a server folds them.
    """
    folder.graph_path.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.path / "views.lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unavailable(
                "a server keeps the views of this directory",
                where=str(folder.path),
                do="End the server first; it makes broken views again when it starts",
            ) from error
        with open_views(folder, log) as views:
            if rebuild:
                views.discard()
            log.refresh()
            views.fold()
            return views.size


@contextmanager
def noting(folder: DataFolder, log: LogReader) -> Iterator[Noted]:
    """What notes for the writer what the catalogue in force says."""
    estate, graph = EstateReader(folder.estate_path), GraphReader(folder.graph_path)
    try:
        yield Noted(
            folder.catalogued_path, estate, graph,
            catalogs=Catalogs(lambda index: log.record(index).content),
        )  # fmt: skip
    finally:
        estate.close()
        graph.close()


@contextmanager
def open_views(
    folder: DataFolder,
    source: LogSource,
    *,
    folded: Folded = lambda view, first, limit: None,
) -> Iterator[Views]:
    """The views of ``folder``, over its log or what is handed beside it, for this process alone.

    folded  as ``Views`` has it
    """
    with (
        open_graph(folder) as graph,
        EstateView.open(
            folder.estate_path, facts_of=facts_of, facts_version=FACTS_VERSION
        ) as estate,
        HealthView.open(
            folder.health_path, facts_of=facts_of, facts_version=FACTS_VERSION
        ) as health,
    ):
        yield Views(source, graph, estate, health, facts_of=facts_of, folded=folded)


def open_graph(folder: DataFolder) -> GraphView:
    """The graph, to be folded by this process alone."""
    return GraphView.open(folder.graph_path, facts_of=facts_of, facts_version=FACTS_VERSION)


def ways_back(folder: DataFolder) -> RollbackSettings:
    """How services are brought back, as ``rollback.json`` says now. Raises Unavailable."""
    from wherefrom.collect.settings_file import ROLLBACK, read
    from wherefrom.formats.rollback_settings import RollbackSettings, parse

    what = "the settings of rollbacks"
    try:
        return read(folder.path / ROLLBACK, parse, RollbackSettings(), what=what)
    except SettingError as error:  # whoever asks cannot mend it
        raise _wrong(what, error) from error


def _wrong(what: str, error: SettingError) -> Unavailable:
    return Unavailable(
        f"{what} are wrong", where=error.where, expected=error.expected,
        got=f"{error.what}: {error.got}",
        do="Whoever runs the server mends the file; wherefrom doctor names the line",
    )  # fmt: skip


def _series_settings(folder: DataFolder) -> SeriesSettings:
    # Late, as all that only few questions need.
    from wherefrom.collect.settings_file import SERIES, read
    from wherefrom.formats.series_settings import SeriesSettings, parse

    what = "the settings of series"
    try:
        return read(folder.path / SERIES, parse, SeriesSettings(), what=what)
    except SettingError as error:  # whoever asks cannot mend it
        raise _wrong(what, error) from error


def open_measured(folder: DataFolder) -> Measured:
    """What is measured, as ``series.json`` says at each question."""

    def settings() -> SeriesSettings:
        return _series_settings(folder)

    def asked(since: float, until: float) -> list[Series]:
        said = settings()
        if said.prometheus is None:
            return []
        from wherefrom.collect.prometheus import series_of

        return series_of(
            said.prometheus, since=since, until=until, slow_ms=said.slow_ms, folder=folder.path
        )

    pushed = SeriesReader(folder.series_path)
    return Measured((pushed.window, asked), lambda: settings().calls)
