"""``wherefrom monitor``: follow a log, and say when it does not keep its word."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.settings import json_option
from wherefrom.cli.targets import read_file
from wherefrom.errors import LimitPassed, Malformed, SettingError, StorageError, Unavailable

if TYPE_CHECKING:
    from wherefrom.formats.note import VerifierKey
    from wherefrom.formats.watch_list import WatchList
    from wherefrom.log.monitor import Event, Monitor, Seen

EVERY_SECONDS: Final = 60.0


@click.command()
@click.argument("url")
@click.option(
    "--log-key", required=True, metavar="VKEY|FILE", help="The log's verifier key.",
)  # fmt: skip
@click.option(
    "--watch", type=click.Path(path_type=Path), metavar="FILE", help="Entries to be alarmed at."
)
@click.option(
    "--state", type=click.Path(path_type=Path), metavar="DIR",
    help="Where to keep what was seen, from one run to the next.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Look once, and end.")
@click.option(
    "--every", default=EVERY_SECONDS, show_default=True, metavar="SECONDS",
    type=click.FloatRange(0.01, 86_400), help="How long between two looks.",
)  # fmt: skip
@json_option
def monitor(
    url: str,
    log_key: str,
    watch: Path | None,
    state: Path | None,
    once: bool,
    every: float,
    as_json: bool,
) -> int:
    """Follow a log, and raise an alarm when it breaks its word.

    URL is the address above /checkpoint of any tlog-tiles log. Each new checkpoint must be signed
    by the log's key and have grown from all that was seen before. A fork is printed with its proof
    and ends it. Exits 1 if there was any alarm.
    """
    from wherefrom.cli.evidence import read_key
    from wherefrom.log.monitor import Monitor
    from wherefrom.log.tile_client import TileClient

    if not url.startswith(("http://", "https://")):
        raise SettingError(
            "not the address of a log",
            got=url,
            expected="http://… or https://…",
            do="Write it with http:// or https://, without /checkpoint",
        )
    key = read_key(log_key)
    kept = _Kept(state, key)
    client = TileClient(url)
    following = Monitor(
        client, log_key=key, seen=kept.read(), watch=_watch_list(watch) if watch else None
    )

    def tell(event: Event) -> None:
        if once or event.event != "same":
            _tell(event, as_json=as_json)

    try:
        if once:
            return NO if _look(following, kept, tell) else YES
        return _follow(following, kept, tell, every)
    finally:
        client.close()


def _follow(following: Monitor, kept: _Kept, tell: Callable[[Event], None], every_s: float) -> int:
    """Look until told to stop, or until a fork, after which nothing can be consistent."""
    told_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_stop.set())
    alarms: set[str] = set()
    told: set[str] = set()

    def tell_once(event: Event) -> None:
        # An alarm that lasts is told once, not at every look.
        lasts = event.is_alarm and event.event != "match"
        if not lasts or event.says not in told:
            tell(event)
        told.add(event.says) if lasts else told.clear()

    while not told_to_stop.is_set():
        try:
            alarms |= _look(following, kept, tell_once)
        except Unavailable as error:
            warn(str(error))
        if "fork" in alarms:
            break
        told_to_stop.wait(every_s)
    return NO if alarms else YES


def _look(following: Monitor, kept: _Kept, tell: Callable[[Event], None]) -> set[str]:
    """One look; returns the kinds of alarm. What was seen is kept after each event is told."""
    alarms = set()
    for event in following.look():
        if event.is_alarm:
            alarms.add(event.event)
        tell(event)
        if event.event != "match":
            kept.write(following.seen)
    kept.write(following.seen)
    return alarms


class _Kept:
    """The file of what was seen of one log; None keeps nothing."""

    def __init__(self, folder: Path | None, log_key: VerifierKey) -> None:
        self._path = None
        if folder is not None:
            self._path = folder / f"{sha256(log_key.name.encode()).hexdigest()}.json"
        self._log_key = log_key
        self._written: Seen | None = None

    def read(self) -> Seen | None:
        from wherefrom.log.monitor import parse_seen

        if self._path is None or not self._path.exists():
            return None
        written = read_file(self._path, bytes_max=4 * 1024 * 1024)
        self._written = parse_seen(written, log_key=self._log_key, where=str(self._path))
        return self._written

    def write(self, seen: Seen | None) -> None:
        import msgspec

        from wherefrom.storage.whole_file import replace_whole

        if self._path is None or seen is None or seen == self._written:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_whole(self._path, msgspec.json.encode(seen) + b"\n")
        except OSError as error:
            raise StorageError(
                "cannot keep what was seen", where=str(self._path), got=error.strerror
            ) from error
        self._written = seen


def _watch_list(path: Path) -> WatchList:
    from wherefrom.formats import watch_list

    written = read_file(path, bytes_max=watch_list.WATCH_LIST_BYTES_MAX)
    try:
        return watch_list.parse(written, where=str(path))
    except (Malformed, LimitPassed) as error:
        raise SettingError(
            error.what, where=error.where, expected=error.expected, got=error.got, do=error.do
        ) from error


def _tell(event: Event, *, as_json: bool) -> None:
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(event))
        return
    mark = "✗ ALARM" if event.is_alarm else "✓"
    lines = [f"{mark} {event.event}: {event.says}"]
    if event.root is not None:  # in full, whatever the width: roots are to be compared
        lines.append(f"    size {event.size}  {event.root}")
    if event.proof is not None:
        lines += ["two signed checkpoints that prove it:", *event.proof]
    if event.fork is not None:
        fork = event.fork
        lines += [
            "two signed checkpoints, and the path that proves that they are of two histories:",
            fork.note, fork.newest, f"    root at size {fork.size}  {fork.root}",
            *(f"    path  {value}" for value in fork.path),
        ]  # fmt: skip
    click.echo("\n".join(line.rstrip("\n") for line in lines))
