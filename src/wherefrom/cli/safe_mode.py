"""``wherefrom safe-mode``: a service enters one, with a meaning and an end, and leaves it."""

from __future__ import annotations

import click

from wherefrom.cli.bundle import _found
from wherefrom.cli.change import _now, _record, _scoped, _source
from wherefrom.cli.settings import Where, placed
from wherefrom.errors import NotFound, SettingError


@click.group(name="safe-mode")
def safe_mode() -> None:
    """Record that services enter and leave safe modes."""


@safe_mode.command()
@click.argument("service")
@click.argument("name", metavar="BUNDLE")
@click.option("--for", "lasting", metavar="DURATION", help="For less than its maximum.")
@click.option("--reason", default="", help="Why; shown with it.")
@_scoped
@placed
def enter(
    service: str,
    name: str,
    lasting: str | None,
    reason: str,
    environment: str,
    region: str,
    pool: str,
    at: str | None,
    source: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Say that a service is in a safe mode from now on.

    BUNDLE is one of kind safe_mode: a file, which is recorded too, or its digest in the log.
    """
    from wherefrom.capture import changes
    from wherefrom.formats.states import Scope
    from wherefrom.formats.timestamps import duration_s, micros, of_micros

    found, content = _found(name, where)
    if found.kind != "safe_mode" or found.max_seconds is None or found.meaning is None:
        raise SettingError("not a safe mode", got=f"{found.name}, a {found.kind}")
    seconds = found.max_seconds if lasting is None else duration_s(lasting, where="--for")
    if seconds > found.max_seconds:
        raise SettingError(
            "longer than the mode may last", where="--for", got=lasting,
            expected=f"{found.max_seconds} s at most",
        )  # fmt: skip
    at = at or _now()
    told = {
        "says": f"{found.name} {found.version}", "meaning": found.meaning,
        "until": of_micros(micros(at) + seconds * 1_000_000),
        **({"reason": reason} if reason else {}),
    }  # fmt: skip
    event = changes.place(
        "safe_mode", found.name, found.digest, Scope(environment, service, region, pool),
        at=at, source=source or _source(), told=told,
    )  # fmt: skip
    return _record([event] if content is None else [content, event], where, as_json)


@safe_mode.command(name="exit")
@click.argument("service")
@click.argument("name", required=False)
@click.option("--reason", default="", help="Why; shown with it.")
@_scoped
@placed
def exit_(
    service: str,
    name: str | None,
    reason: str,
    environment: str,
    region: str,
    pool: str,
    at: str | None,
    source: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Say that a service has left its safe mode.

    Without NAME it leaves each that it is in, in just that scope.
    """
    from wherefrom.capture import changes
    from wherefrom.cli.opening import reading
    from wherefrom.formats.states import Scope
    from wherefrom.query.reality import RealityOptions

    scope = Scope(environment, service, region, pool)
    said = ",".join(f"{part}={text}" for part, text in scope._asdict().items() if text)
    with reading(where) as place:
        options = RealityOptions(at=at, slots=("safe_mode",), mode="declared")
        found = place.running(said, options, drifting=False).places
    modes = sorted(
        p.name for p in found if (p.region, p.pool) == (region, pool) and name in (None, p.name)
    )
    if not modes:
        raise NotFound("the service is in no such safe mode there", got=name or said)
    told = {"reason": reason} if reason else {}
    at, source = at or _now(), source or _source()
    events = [
        changes.place("safe_mode", mode, None, scope, at=at, source=source, told=told)
        for mode in modes
    ]
    return _record(events, where, as_json)
