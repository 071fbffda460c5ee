"""Carry out a plan: commands, one after another, or one webhook; bounded in time and in output.

    step ──argv, no shell──► a process in a group of its own ──► exit, digest of what it wrote
                                └ too long, or too much: the group is killed
    plan ──POST, HMAC-SHA-256──► status, digest of the answer

A service has one lock on this machine, so two plans for it never run at once here; a command holds
it too, so it outlives a runner that is killed as long as the command does. Across machines the log
decides, by which began first. How a plan ended is kept in a file before it is recorded: a
crash between the two loses nothing, and one before it is told as ``lost``.

What a program gets: the words of the plan, no input, and PATH, HOME, LANG and what the rule names.

Sizes:  OUTPUT_BYTES_MAX of output a plan, of which TAIL_BYTES are shown and none is recorded
        a webhook's answer ANSWER_BYTES_MAX · the file of rules FILE_BYTES_MAX
Source: docs/formats/remediation.md
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import os
import secrets
import selectors
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom.capture.bundles import is_secret
from wherefrom.errors import ForbiddenField, SettingError, StorageError, Unavailable
from wherefrom.formats import canonical_json, remedy_rules
from wherefrom.formats.remedy_rules import RemedyRules, Rule, Webhook
from wherefrom.formats.response import Output, Plan
from wherefrom.storage.whole_file import replace_whole

RULES: Final = "remediation.json"
OUTPUT_BYTES_MAX: Final = 8 * 1024 * 1024
TAIL_BYTES: Final = 4 * 1024
ANSWER_BYTES_MAX: Final = 64 * 1024
FILE_BYTES_MAX: Final = 1024 * 1024
SECRET_BYTES: Final = (16, 4096)
SIGNATURE: Final = "X-Wherefrom-Signature"
TIMESTAMP: Final = "X-Wherefrom-Timestamp"
IDEMPOTENCY: Final = "Idempotency-Key"
_KEPT: Final = ("PATH", "HOME", "LANG")
_TICK_S: Final = 0.05
# Written by others, it would say what we run.
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_READABLE_BY_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Done(NamedTuple):
    """How it went. ``tail`` is the end of what was written, to be shown and never recorded."""

    outcome: str
    exit: int | None = None
    status: int | None = None
    steps: int | None = None
    output: Output | None = None
    tail: str = ""
    reason: str = ""


def read_rules(path: Path) -> RemedyRules:
    """The operator's file. Raises SettingError for one that is not there, wrong, or not only the
    operator's; ForbiddenField for a secret in a command."""
    written = _own_file(path, _WRITABLE_BY_OTHERS, "the rules of remediation", FILE_BYTES_MAX)
    found = remedy_rules.parse(written, where=str(path))
    for rule in found.rules:
        for step in rule.commands:
            for argv in (step.argv, step.dry_run):
                _need_no_secret(argv, f"{path}, rule {rule.name}")
    return found


def _own_file(path: Path, forbidden: int, what: str, bytes_max: int) -> bytes:
    """A file that no other user could have made what it is, or may read."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            written = file.read(bytes_max + 1)
    except OSError as error:
        raise SettingError(
            f"{what} cannot be read",
            where=str(path),
            got=error.strerror,
            do="Write the file, for its owner alone: docs/formats/remediation.md",
        ) from error
    if mode & forbidden:
        raise SettingError(
            f"others have access to {what}", where=str(path), got=f"mode {stat.S_IMODE(mode):04o}",
            do=f"chmod {'go-w' if forbidden == _WRITABLE_BY_OTHERS else '600'} {path}",
        )  # fmt: skip
    if len(written) > bytes_max:
        raise SettingError(
            f"{what} are too large",
            where=str(path),
            expected=f"{bytes_max} bytes",
            do="Take out what is no rule",
        )
    return written


def _need_no_secret(argv: Sequence[str], where: str) -> None:
    """Commands are recorded, so they hold no secret. Raises ForbiddenField, and quotes nothing."""
    named = ""
    for word in argv:
        option, equals, value = word.partition("=")
        is_option = word.startswith("-")
        if is_secret("", word) or (is_option and equals and value and is_secret(option, value)):
            break
        if named and not is_option:
            break
        named = word if is_option and not equals and is_secret(word, "") else ""
    else:
        return
    raise ForbiddenField(
        "a secret in a command",
        where=where,
        do="Let the program read it from a file, or from a variable of pass_environment",
    )


# -- commands


def try_out(plan: Plan, rule: Rule, folder: Path, environment: Mapping[str, str]) -> Done:
    """The dry run of a plan: what the rule gives for it; else it is looked for the programs."""
    if rule.webhook is not None:
        if not rule.webhook.dry_run:
            return Done("done", reason="nothing was sent: the rule's webhook takes no dry runs")
        return _post(plan, rule, rule.webhook, folder, dry_run=True)
    missing = sorted(
        {
            argv[0]
            for step in plan.steps
            for argv in (step.argv, step.dry_run)
            if argv and shutil.which(argv[0], path=environment.get("PATH")) is None
        }
    )
    if missing:
        return Done("refused", reason=f"no such program: {', '.join(missing)}")
    tried = [step.dry_run for step in plan.steps if step.dry_run]
    if not tried:
        return Done("done", steps=0, reason="nothing was run: the rule has no dry run")
    return _run(tried, rule, environment)


def carry_out(
    plan: Plan, rule: Rule, folder: Path, environment: Mapping[str, str], *, lock: int | None = None
) -> Done:
    """All of a plan; a step that fails is the last.

    lock  what ``Kept.locked`` gave: commands hold it, too
    """
    if rule.webhook is not None:
        return _post(plan, rule, rule.webhook, folder, dry_run=False)
    return _run([step.argv for step in plan.steps], rule, environment, lock)


def _run(
    commands: Sequence[Sequence[str]],
    rule: Rule,
    environment: Mapping[str, str],
    lock: int | None = None,
) -> Done:
    written = _Written()
    given = {
        name: environment[name] for name in (*_KEPT, *rule.pass_environment) if name in environment
    }
    for number, argv in enumerate(commands, 1):
        done = _one(argv, rule.time_s, given, written, lock)._replace(steps=number)
        if done.outcome != "done":
            break
    return done._replace(output=written.output, tail=written.tail)


class _Written:
    """What programs wrote: counted and digested; only its end is held."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._size = 0
        self._end = b""

    def add(self, piece: bytes) -> None:
        kept = piece[: max(0, OUTPUT_BYTES_MAX - self._size)]
        self._hash.update(kept)
        self._size += len(piece)
        self._end = (self._end + kept)[-TAIL_BYTES:]

    @property
    def is_too_much(self) -> bool:
        return self._size > OUTPUT_BYTES_MAX

    @property
    def output(self) -> Output:
        return Output(
            digest=f"sha256:{self._hash.hexdigest()}", size=min(self._size, OUTPUT_BYTES_MAX),
            whole=not self.is_too_much,
        )  # fmt: skip

    @property
    def tail(self) -> str:
        return self._end.decode("utf-8", "replace")


def _one(
    argv: Sequence[str],
    seconds: int,
    environment: Mapping[str, str],
    written: _Written,
    lock: int | None,
) -> Done:
    """One command. Whatever it started is killed with it: its group outlives it nowhere."""
    try:
        process = subprocess.Popen(
            list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=dict(environment), start_new_session=True, pass_fds=() if lock is None else (lock,),
        )  # fmt: skip
    except (OSError, ValueError) as error:
        return Done("failed", reason=f"{argv[0]} cannot be started: {error}")
    assert process.stdout is not None
    try:
        with process.stdout:
            outcome = _follow(process, seconds, written)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
    if outcome != "done":
        return Done(outcome, exit=code, reason=_WHY[outcome])
    return Done("done" if code == 0 else "failed", exit=code)


_WHY: Final = {
    "timed_out": "it took too long, and was killed",
    "failed": "it wrote too much, and was killed",
}


def _follow(process: subprocess.Popen[bytes], seconds: int, written: _Written) -> str:
    """Read what it writes until it ends. What it started may hold its output open: nobody waits
    for that."""
    assert process.stdout is not None
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        is_open = True
        while True:
            has_ended = process.poll() is not None
            found = ready.select(0 if has_ended else _TICK_S) if is_open else []
            if found:
                piece = os.read(process.stdout.fileno(), 65_536)
                written.add(piece)
                is_open = bool(piece)
                if written.is_too_much:
                    return "failed"
            elif has_ended:
                return "done"
            elif not is_open:
                time.sleep(_TICK_S)
            if time.monotonic() > until:
                return "timed_out"


# -- webhooks


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """What a receiver compares with ``X-Wherefrom-Signature``."""
    said = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret, said, hashlib.sha256).hexdigest()


def _post(plan: Plan, rule: Rule, webhook: Webhook, folder: Path, *, dry_run: bool) -> Done:
    import httpx
    import msgspec

    path = folder / webhook.secret_file
    least, most = SECRET_BYTES
    secret = _own_file(path, _READABLE_BY_OTHERS, "the secret of a webhook", most).strip()
    if len(secret) < least:
        raise SettingError(
            "the secret of a webhook is too short",
            where=str(path),
            expected=f"{least} bytes",
            do="Make one: openssl rand -hex 32",
        )
    said = {"plan": msgspec.to_builtins(plan), "digest": plan.digest, "dry_run": dry_run}
    body = canonical_json.to_bytes(said)
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json", TIMESTAMP: timestamp, IDEMPOTENCY: plan.digest,
        SIGNATURE: signature(secret, timestamp, body),
    }  # fmt: skip
    written = _Written()
    until = time.monotonic() + rule.time_s
    try:
        with (
            httpx.Client(timeout=rule.time_s, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", webhook.url, content=body, headers=headers) as answer,
        ):
            size = 0
            for piece in answer.iter_raw():
                size += len(piece)
                written.add(piece)
                if size > ANSWER_BYTES_MAX or time.monotonic() > until:
                    break
            status = answer.status_code
    except httpx.TimeoutException:
        return Done("timed_out", reason="the webhook did not answer in time")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Done("failed", reason=f"the webhook does not answer: {type(error).__name__}")
    outcome = "done" if 200 <= status < 300 else "failed"
    return Done(outcome, status=status, output=written.output, tail=written.tail)


# -- one at a time, and nothing lost


class Kept(NamedTuple):
    """The folder of a runner: a lock for each service, and ends that are not recorded yet."""

    folder: Path

    def make(self) -> None:
        """Raises StorageError."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                "the folder of responses cannot be made", where=str(self.folder),
                got=error.strerror,
            ) from error  # fmt: skip

    @contextlib.contextmanager
    def locked(self, service: str, environment: str) -> Iterator[int]:
        """Alone for a service; gives what holds the lock. Raises Unavailable if something is under
        way for it here."""
        self.make()
        name = hashlib.sha256(f"{environment}\0{service}".encode()).hexdigest()[:32]
        with open(self.folder / f"{name}.lock", "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Unavailable(
                    "something else is under way for this service", where=service,
                    do="Wait for it: wherefrom remediate list",
                ) from error  # fmt: skip
            try:
                yield lock.fileno()
            finally:
                # Whatever a command left behind, and is no part of the plan, may hold it still.
                fcntl.flock(lock, fcntl.LOCK_UN)

    def runner(self, host: str) -> str:
        """Who carries out what, for records: this machine, and this folder of locks on it: of what
        was begun under another folder, nothing here tells whether it goes on."""
        self.make()
        path = self.folder / "runner"
        try:
            with open(path, "x") as file:
                file.write(secrets.token_hex(8))
        except FileExistsError:
            pass
        return f"{host[:200]}/{path.read_text()[:16]}"

    def keep(self, digest: str, content: bytes) -> None:
        """Hold how a plan ended until it is recorded. Raises StorageError."""
        self.make()
        replace_whole(self._path(digest), content)

    def forget(self, digest: str) -> None:
        """It is recorded."""
        self._path(digest).unlink(missing_ok=True)

    def ends(self) -> list[tuple[str, bytes]]:
        """The ends that are not recorded yet, by plan."""
        found = sorted(self.folder.glob("*.end")) if self.folder.is_dir() else []
        return [(f"sha256:{path.stem}", path.read_bytes()) for path in found]

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest.removeprefix('sha256:')}.end"
