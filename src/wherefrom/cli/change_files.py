"""``wherefrom change`` with what other programs write: Terraform, secrets, flag files.

    file ──► what may be told of it ──► a CloudEvent that says where it is of ──► the log

What must not be kept is taken out here, before anything leaves this machine, and no error quotes
it.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wherefrom.cli import hash_key as hash_keys
from wherefrom.cli.exits import NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.hash_key import hash_key_option
from wherefrom.cli.saying import Said, record, scoped
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import read_file

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from wherefrom.capture.flag_files import WatchedFile

_STDIN: Final = "-"
_FILE_BYTES_MAX: Final = 64 * 1024 * 1024
_SECRET_BYTES_MAX: Final = 1024 * 1024
_PAUSE_SECONDS_MAX: Final = 30.0
_service_option = click.option("--service", default="", help="Only for this service.")


@click.command()
@click.argument("file")
@hash_key_option
@click.option("--secret", "patterns", multiple=True, metavar="PATTERN", help="Keep as a hash.")
@click.option("--not-secret", "plain", multiple=True, metavar="PATTERN", help="Keep as it is.")
@_service_option
@scoped
@placed
def terraform(
    file: str,
    hash_key: Path | None,
    patterns: tuple[str, ...],
    plain: tuple[str, ...],
    service: str,
    said: Said,
    where: Where,
    as_json: bool,
) -> int:
    """Record a plan or state of Terraform without its secrets.

    FILE is what `terraform show -json` writes, or a file of state; - is standard input. What is
    marked as sensitive, or is named or looks like a secret, is kept as a keyed hash; variables,
    outputs and configuration are left out. Give each workspace a --source of its own: a state says
    what all of that source is.
    """
    from wherefrom.capture.terraform import without_secrets
    from wherefrom.errors import Refused
    from wherefrom.formats import cdevents, strict_json

    try:
        document = strict_json.as_object(strict_json.decode(_content(file)), where=file)
        kept = without_secrets(
            document, hash_keys.read(hash_key), patterns=patterns, plain=plain
        )  # fmt: skip
        events = _events("terraform", cdevents.to_bytes(kept), said, service)
    except Refused as error:
        error.got = None  # it may be a secret
        raise
    return record(events, where, as_json)


@click.command()
@click.argument("name")
@click.argument("file", default=_STDIN)
@hash_key_option
@_service_option
@click.option("--reason", default="", help="Why; shown with it.")
@scoped
@placed
def secret(
    name: str,
    file: str,
    hash_key: Path | None,
    service: str,
    reason: str,
    said: Said,
    where: Where,
    as_json: bool,
) -> int:
    """Say that a secret was rotated, by a keyed hash of it.

    The secret is what FILE or standard input has, to its last byte, and stays on this machine.
    """
    from wherefrom.capture import changes
    from wherefrom.capture.keyed_hashes import keyed_hash

    key = hash_keys.read(hash_key)
    if key is None:
        raise click.UsageError("a secret is told of by a hash: give --hash-key FILE")
    value = _content(file, bytes_max=_SECRET_BYTES_MAX)
    if not value:
        raise click.UsageError("there is no secret in it")
    told = {"reason": reason} if reason else {}
    hashed = keyed_hash(name, value, key)
    content = changes.place("secret", name, hashed, said.scope(service), told=told, **said.when)
    return record([content], where, as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--watch", is_flag=True, help="Stay, and tell it whenever it changes.")
@click.option(
    "--every", type=click.FloatRange(0.1, 3600), default=0.5, show_default=True,
    metavar="SECONDS", help="Between two looks at it.",
)  # fmt: skip
@_service_option
@scoped
@placed
def flags(
    file: Path,
    watch: bool,
    every: float,
    service: str,
    said: Said,
    where: Where,
    as_json: bool,
) -> int:
    """Record a file of flags of flagd, once or whenever it changes.

    FILE is JSON, or YAML by its name. While it is watched, one that cannot be read or sent is
    named, and tried again.
    """
    from wherefrom.capture.flag_files import WatchedFile

    def send(content: bytes) -> int:
        return record(_events("flagd", content, said, service), where, as_json)

    watched = WatchedFile(file)
    if not watch:
        return send(watched.read())
    if said.at is not None:
        raise click.UsageError("--at is for a file as it is now; --watch tells what comes")
    with _until_told_to_stop() as stop:
        return _watch(watched, send, every, stop)


def _watch(
    watched: WatchedFile, send: Callable[[bytes], int], every: float, stop: threading.Event
) -> int:
    """Tell each content once, until ``stop``. A file that is broken is looked at as often as ever;
    between tries to reach a place that is away, pauses grow."""
    from wherefrom.errors import Error, Refused

    refused = False
    said, pause = "", every
    while True:
        content = None
        try:
            content = watched.changed()
            if content is not None:
                refused |= send(content) == NO
                watched.told(content)
                sys.stdout.flush()
            said, pause = "", every
        except Error as error:
            if str(error) != said:
                said = str(error)
                warn(said)
            pause = every
            if content is not None and not isinstance(error, Refused):
                pause = min(2 * pause, max(every, _PAUSE_SECONDS_MAX))
        if stop.wait(pause):
            return NO if refused else YES


@contextmanager
def _until_told_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set."""
    import threading

    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _events(adapter: str, content: bytes, said: Said, service: str) -> list[bytes]:
    """A content as events of an adapter. Raises Refused for one that says nothing: in a CloudEvent
    it would be kept without facts."""
    from wherefrom.errors import Unsupported
    from wherefrom.formats import strict_json, webhooks

    scope = said.scope(service)
    document: Mapping[str, Any] = strict_json.as_object(strict_json.decode(content), where="")
    known = [f for f in webhooks.need(adapter).formats if f.recognises(document)]
    if not known:
        raise Unsupported(f"this is nothing of {adapter}", got=", ".join(list(document)[:8]))
    known[0].facts(document, document_id="", given=scope)
    return webhooks.wrap(
        adapter, content, headers={}, where=scope, now=said.when["at"], source=said.source
    )


def _content(file: str, *, bytes_max: int = _FILE_BYTES_MAX) -> bytes:
    if file != _STDIN:
        return read_file(Path(file), bytes_max=bytes_max)
    content = sys.stdin.buffer.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise click.UsageError(f"more than {bytes_max} bytes on standard input")
    return content
