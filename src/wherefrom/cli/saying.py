"""What verbs that say something by hand have in common: where, when, who, and recording it."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict, TypeVar

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.options import moment_of
from wherefrom.cli.render import write_json
from wherefrom.cli.settings import Where
from wherefrom.cli.targets import unreadable

if TYPE_CHECKING:
    from wherefrom.formats.states import Scope
    from wherefrom.log.recorder import Outcome

SHOWN_MAX: Final = 10
_BATCH: Final = 1000
F = TypeVar("F", bound=Callable[..., Any])


class Said(NamedTuple):
    """Where, when, and who says it. ``at`` is None if no time was given."""

    environment: str
    region: str
    pool: str
    at: str | None
    source: str

    def scope(self, service: str = "") -> Scope:
        """Where, for a service."""
        from wherefrom.formats.states import Scope

        return Scope(self.environment, service, self.region, self.pool)

    @property
    def when(self) -> Timed:
        """When, now if no time was given, and who says it: as ``capture.changes`` takes them."""
        return {"at": self.at or now(), "source": self.source}


class Timed(TypedDict):
    """When something was so, RFC 3339, and who says it, a URI."""

    at: str
    source: str


def scoped(command: F) -> F:
    """Give a command the options that say where, when and who; it is called with ``said``."""

    @click.option("--environment", "-e", required=True, help="Where, such as prod.")
    @click.option("--region", default="", help="Only in this region.")
    @click.option("--pool", default="", help="Only in this pool, such as a canary's.")
    @click.option("--at", callback=_past_moment, metavar="TIME", help="When; now if not given.")
    @click.option("--source", default="", help="Who says so, a URI; user and host if not given.")
    @functools.wraps(command)
    def run(
        *, environment: str, region: str, pool: str, at: str | None, source: str, **rest: Any
    ) -> Any:
        said = Said(environment, region, pool, at, source or _source_here())
        return command(said=said, **rest)

    return run  # type: ignore[return-value]


def _past_moment(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    at = moment_of(context, option, text)
    if at is not None and at > now():
        raise click.BadParameter(f"{text!r} is still to come. Record it when it has happened.")
    return at


def record(
    contents: Sequence[bytes], where: Where, as_json: bool, *, told: Mapping[str, Any] = {}
) -> int:
    """Record what was said, tell what became of it, and give the exit status.

    told  what the answer in JSON says too
    """
    from wherefrom.cli.opening import writing

    with writing(where, create=True) as place:
        outcomes = [
            outcome
            for start in range(0, len(contents), _BATCH)
            for outcome in place.record(contents[start : start + _BATCH])
        ]
        log = place.position()
    if as_json:
        items = [
            {"index": o.index, "content": o.content, "status": o.status, "code": o.code,
             "reason": o.reason}
            for o in outcomes
        ]  # fmt: skip
        write_json({**told, "items": items, "log": {"size": log.size, "root": log.root}})
    shown = [] if as_json else outcomes
    if len(shown) > SHOWN_MAX:
        _tally(shown)
        shown = [outcome for outcome in shown if outcome.status == "refused"]
    for outcome in shown:
        said = outcome.reason or ("recorded" if outcome.status == "recorded" else "known already")
        click.echo(said if outcome.index is None else f"{said} as entry {outcome.index}")
    return NO if any(o.status == "refused" for o in outcomes) else YES


def _tally(outcomes: Sequence[Outcome]) -> None:
    counted = Counter(outcome.status for outcome in outcomes)
    newest = max((o.index for o in outcomes if o.index is not None), default=None)
    said = f"{counted['recorded']:,} recorded, {counted['known']:,} known already"
    click.echo(said if newest is None else f"{said}; the newest is entry {newest}")


def signed(statement: bytes, key: str | None) -> bytes:
    """A statement as a record: in an envelope, if there is a key. Raises SettingError."""
    if key is None:
        return statement
    from wherefrom.formats.dsse import IN_TOTO_TYPE
    from wherefrom.keys.envelopes import sign_envelope
    from wherefrom.keys.held import open_signer

    return sign_envelope(IN_TOTO_TYPE, statement, open_signer(key))


def give(
    envelopes: Sequence[bytes],
    output: Path | None,
    where: Where,
    as_json: bool,
    *,
    told: Mapping[str, Any] = {},
) -> int:
    """Record what was signed, or write it to a file, a line each; the exit status.

    told  as for ``record``. Raises StorageError.
    """
    if output is None:
        return record(envelopes, where, as_json, told=told)
    try:
        output.write_bytes(b"".join(one + b"\n" for one in envelopes))
    except OSError as error:
        raise unreadable(output, error) from error
    if as_json:
        write_json({**told, "file": str(output)})
    else:
        click.echo(f"Record it: wherefrom record {output}")
    return YES


def now() -> str:
    """Now, as events write it."""
    from datetime import UTC, datetime

    from wherefrom.formats.timestamps import to_text

    return to_text(datetime.now(UTC))


def _source_here() -> str:
    """Who says it, if nobody else is named: this user on this host."""
    import getpass  # late, as the next: most commands say nothing by hand
    import socket

    return f"/by-hand/{getpass.getuser()}@{socket.gethostname()}"
