"""``wherefrom safe-mode``: a service enters one, with a meaning and an end, and leaves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.bundle import found_bundle
from wherefrom.cli.exits import YES
from wherefrom.cli.options import moment_of
from wherefrom.cli.render import write_answer
from wherefrom.cli.saying import Said, now, record, scoped
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import read_file
from wherefrom.errors import Malformed, NotFound, SettingError
from wherefrom.formats.shown import printable

if TYPE_CHECKING:
    import csv

    from wherefrom.query.effect import Part
    from wherefrom.query.mode_effect import ModeEffect, Points, Series

_SERIES_BYTES_MAX: Final = 64 * 1024 * 1024


@click.group(name="safe-mode")
def safe_mode() -> None:
    """Record that services enter and leave safe modes."""


@safe_mode.command()
@click.argument("service")
@click.argument("name", metavar="BUNDLE")
@click.option("--for", "lasting", metavar="DURATION", help="For less than its maximum.")
@click.option("--reason", default="", help="Why; shown with it.")
@scoped
@placed
def enter(
    service: str,
    name: str,
    lasting: str | None,
    reason: str,
    said: Said,
    where: Where,
    as_json: bool,
) -> int:
    """Say that a service is in a safe mode from now on.

    BUNDLE is one of kind safe_mode: a file, which is recorded too, or its digest in the log.
    """
    from wherefrom.capture import changes
    from wherefrom.formats.timestamps import duration_s, micros, of_micros

    found, content = found_bundle(name, where)
    if found.kind != "safe_mode" or found.max_seconds is None or found.meaning is None:
        raise SettingError(
            "not a safe mode",
            got=f"{found.name}, a {found.kind}",
            do="Name a bundle that was packed with --meaning",
        )
    seconds = found.max_seconds if lasting is None else duration_s(lasting, where="--for")
    if seconds > found.max_seconds:
        raise SettingError(
            "longer than the mode may last", where="--for", got=lasting,
            expected=f"{found.max_seconds} s at most",
            do="Give a shorter --for, and enter it again when that ends",
        )  # fmt: skip
    when = said.when
    told = {
        "says": f"{found.name} {found.version}", "meaning": found.meaning,
        "until": of_micros(micros(when["at"]) + seconds * 1_000_000),
        **({"reason": reason} if reason else {}),
    }  # fmt: skip
    event = changes.place(
        "safe_mode", found.name, found.digest, said.scope(service), told=told, **when
    )  # fmt: skip
    return record([event] if content is None else [content, event], where, as_json)


@safe_mode.command(name="exit")
@click.argument("service")
@click.argument("name", required=False)
@click.option("--reason", default="", help="Why; shown with it.")
@scoped
@placed
def exit_(
    service: str,
    name: str | None,
    reason: str,
    said: Said,
    where: Where,
    as_json: bool,
) -> int:
    """Say that a service has left its safe mode.

    Without NAME it leaves each that it is in, in just that scope.
    """
    from wherefrom.capture import changes
    from wherefrom.cli.opening import reading
    from wherefrom.query.reality import RealityOptions

    scope = said.scope(service)
    named = ",".join(f"{part}={text}" for part, text in scope._asdict().items() if text)
    with reading(where) as place:
        options = RealityOptions(at=said.at, slots=("safe_mode",), mode="declared")
        found = place.running(named, options, drifting=False).places
    modes = sorted(
        p.name
        for p in found
        if (p.region, p.pool) == (said.region, said.pool) and name in (None, p.name)
    )
    if not modes:
        raise NotFound(
            "the service is in no such safe mode there",
            got=name or named,
            do="wherefrom running shows which it is in",
        )
    told = {"reason": reason} if reason else {}
    when = said.when
    events = [changes.place("safe_mode", mode, None, scope, told=told, **when) for mode in modes]
    return record(events, where, as_json)


@safe_mode.command(name="effect")
@click.argument("service")
@click.option(
    "--series", "file", metavar="FILE", type=click.Path(path_type=Path),
    help="CSV with time, value, and perhaps metric, region, pool; else what was measured.",
)  # fmt: skip
@click.option("--environment", "-e", required=True, help="Where, such as prod.")
@click.option("--name", default=None, help="Which mode, if it was in several.")
@click.option(
    "--window", default="1h", show_default=True, metavar="DURATION",
    help="How long before and after.",
)  # fmt: skip
@click.option("--at", callback=moment_of, metavar="TIME", help="The one entered last by then.")
@placed
def effect_(
    service: str,
    file: Path | None,
    environment: str,
    name: str | None,
    window: str,
    at: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Measure what a safe mode changed.

    Compares the means of each metric before, during and after the service's newest safe mode: of
    all places that were in it, and of each region and pool that the series tells apart.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.formats.timestamps import duration_s
    from wherefrom.query.incidents import EffectOptions, stays_of
    from wherefrom.query.mode_effect import mode_effect

    moment = now()
    options = EffectOptions(
        service=service, environment=environment, name=name, at=at,
        window=duration_s(window, where="--window"),
    )  # fmt: skip
    with reading(where) as place:
        if file is None:
            told = place.mode_effect(options)
        else:
            series = _series(read_file(file, bytes_max=_SERIES_BYTES_MAX), service, file)
            called, stays = stays_of(place.changes, options, now=moment)
            margin = options.window * 1_000_000
            told = mode_effect(called, stays, series, now=moment, window=margin)
    write_answer(told, as_json, lambda: _drawn(told, moment))
    return YES


def _drawn(told: ModeEffect, moment: str) -> Iterator[str]:
    """All places together; each by itself, if there are several."""
    yield f"{printable(told.name)}: {_from_to(told.entered, told.left or moment)}, #{told.entry}"
    for metric, parts in told.metrics.items():
        yield printable(metric) or "value"
        yield from map(_part, parts)
    if len(told.places) < 2 and all(one.in_mode for one in told.places):
        places = told.places
        for trouble in (m.too_little for one in places for m in one.metrics.values()):
            if trouble:
                yield f"  too little data: {trouble}"
        return
    for one in told.places:
        where = printable("/".join(filter(None, (one.region, one.pool)))) or "elsewhere"
        said = f"#{one.entry}" if one.in_mode else "was not in it; measured over the same time"
        yield f"\n{where}: {_from_to(one.entered, one.left or moment)}, {said}"
        for metric, measured in one.metrics.items():
            yield printable(metric) or "value"
            yield from map(_part, measured.parts)
            if measured.too_little:
                yield f"  too little data: {measured.too_little}"


def _from_to(since: str, until: str) -> str:
    return f"{since[:19]}Z to {until[:19]}Z"


def _part(part: Part) -> str:
    mean = "nothing" if part.mean is None else f"{part.mean:.6g}"
    ratio = "" if part.ratio is None else f"  × {part.ratio:.3f}"
    if part.low is not None and part.high is not None:
        ratio += f" ({part.low:.3f} to {part.high:.3f})"
    return f"  {part.name:<7} {mean:>12}  of {part.points:,}{ratio}"


def _series(written: bytes, service: str, where: Path) -> dict[Series, Points]:
    """Points by metric and place; of a file for many services those of this one, as it sees itself.

    Raises Malformed.
    """
    import csv
    import io

    rows = csv.DictReader(io.StringIO(written.decode("utf-8", "replace"), newline=""))
    try:
        found = _points(rows, service, where)
    except csv.Error as error:
        place = f"{where}, line {rows.reader.line_num}"
        raise Malformed("not comma-separated values", where=place, got=str(error)) from error
    if not found:
        raise NotFound(
            "no point of this service",
            where=str(where),
            got=service,
            do="Name a service that the series measure with --service",
        )
    return found


def _points(rows: csv.DictReader[str], service: str, where: Path) -> dict[Series, Points]:
    import math

    from wherefrom.formats.timestamps import canonical, micros
    from wherefrom.formats.why_series import VALUE_MAX
    from wherefrom.query.mode_effect import Series

    if not {"time", "value"} <= set(rows.fieldnames or ()):
        raise Malformed("not a series", where=str(where), expected="a CSV with time and value")
    found: dict[Series, Points] = {}
    for row in rows:
        if row.get("service") not in (None, "", service) or row.get("caller"):
            continue
        place = f"{where}, line {rows.line_num}"
        at = micros(canonical(row["time"] or "", where=place))
        try:
            value = float(row["value"] or "")
        except ValueError:
            value = math.nan
        if not abs(value) <= VALUE_MAX:
            raise Malformed("not a value", where=place, got=row["value"], expected="a number")
        named = Series(*(row.get(part) or "" for part in Series._fields))
        found.setdefault(named, []).append((at, value))
    return found
