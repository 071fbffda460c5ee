"""A frame as panes of rows: each a line of text, how bad it is, and what it opens.

    Frame ──► Pane("Health"), Pane("Alerts"), Pane("Changes") ──► rows ──► fitted to a screen

Nothing here knows a terminal, so ``--once`` and the live screen show the same words. How bad a row
is says its mark; a colour only repeats it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from wherefrom.cli.draw_health import target_of
from wherefrom.cli.draw_reality import age, short_name
from wherefrom.formats import timestamps
from wherefrom.formats.shown import cut, measured, printable, short_id

if TYPE_CHECKING:
    from wherefrom.cli.top_frame import Frame
    from wherefrom.query.reality_answers import Change, Place, Stated

INSTANCE_CHARS: Final = 16


class Row(NamedTuple):
    """One line.

    opens      ids that show more of it; the first that is known counts
    indicator  or the indicator of health that it is
    """

    mark: str
    text: str
    colour: str = ""
    opens: tuple[str, ...] = ()
    indicator: str = ""


class Pane(NamedTuple):
    """A title, its rows, and what stands there where there are none."""

    title: str
    rows: list[Row]
    empty: str


def header(frame: Frame) -> str:
    """Of which log, how far, and when."""
    where = "/".join(filter(None, (frame.environment or "", frame.service)))
    if frame.service and not frame.environment:
        where = f"*/{frame.service}"
    only = f"  only {printable(where)}" if where else ""
    log = frame.log
    return f"{frame.at[11:19]}Z  {log.origin}  size {log.size:,}  root {log.root[:12]}{only}"


def panes(frame: Frame) -> list[Pane]:
    """What there is to see, the gravest pane in the middle of the page."""
    return [
        Pane("Health of the evidence", list(_health(frame)), "nothing is known"),
        Pane("Alerts", list(_alerts(frame)), "no incident, nothing denied, nothing drifts"),
        Pane(
            "Changes", [_change(one, frame) for one in frame.changes],
            frame.troubles.get("changes", "nothing changed in the last 30 days"),
        ),
    ]  # fmt: skip


def _health(frame: Frame) -> Iterator[Row]:
    log = frame.log
    behind = {name: log.size - size for name, size in log.views.items() if size < log.size}
    if behind:
        said = ", ".join(f"{name} by {number:,}" for name, number in behind.items())
        yield Row("!", f"views      behind the log: {said} entries", "yellow")
    else:
        yield Row("✓", f"views      {', '.join(log.views)} have all {log.size:,} entries")
    if log.witnessed is not None:
        said = f"{len(log.witnessed.by)} of {log.witnessed.of} cosigned {log.witnessed.size:,}"
        good = log.witnessed.reached
        yield Row("✓" if good else "!", f"witnesses  {said} entries", "" if good else "red")
    verdicts = frame.verdicts
    if verdicts is not None:
        said = f"{verdicts.allowed:,} allowed, {verdicts.denied:,} denied"
        said += f", {verdicts.unjudged:,} not judged yet" if verdicts.unjudged else ""
        colour = "red" if verdicts.denied else ""
        yield Row("!" if verdicts.denied else "✓", f"policies   of what runs: {said}", colour)
    for name, why in frame.troubles.items():
        yield Row("!", f"{name:<9}  {printable(why)}", "red")
    yield from _indicators(frame)


def _indicators(frame: Frame) -> Iterator[Row]:
    """What misses its target first, then what meets it, then what is only counted or not known."""
    some = frame.health.indicators if frame.health is not None else []
    order = {False: 0, True: 1, None: 2}
    width = max((len(one.name) for one in some), default=0)
    for one in sorted(some, key=lambda one: (order[one.met], one.value is None)):
        target = f" ({target_of(one)})" if one.target is not None else ""
        said = (
            f"{one.name:<{width}}  {measured(one.value, one.unit)}{target}  {printable(one.says)}"
        )
        mark = {True: "✓", False: "!", None: " "}[one.met]
        yield Row(mark, said, "red" if one.met is False else "", (), one.id)


def _alerts(frame: Frame) -> Iterator[Row]:
    for one in frame.incidents:
        for stated in _stated(one):
            title = printable(stated.says or _title(stated) or one.name)
            said = f"{age(_ago(stated.since, frame)):>6}  incident  {_where(one)}  {title}"
            yield Row("!", said, "red", (stated.value, f"entry:{stated.entry}"))
    for one in frame.drifting:
        yield _drift(one, frame)


def _drift(place: Place, frame: Frame) -> Row:
    denied = [one for one in place.observed if "denied" in one.marks]
    stated = (denied or _stated(place))[0]
    said = place.slot + (f" {place.name}" if place.name else "")
    runs = ", ".join(_value(one) for one in place.observed) or "nothing"
    if denied:
        kind, what = "denied", f"{said}: {', '.join(map(_value, denied))}"
    else:
        wanted = _value(place.declared) if place.declared else "nothing"
        kind, what = "drift", f"{said}: {runs}, declared {wanted}"
    line = f"{age(_ago(stated.since, frame)):>6}  {kind:<8}  {_where(place)}  {printable(what)}"
    colour = "red" if denied else "yellow"
    return Row("!", line, colour, (stated.value, f"entry:{stated.seen_entry}"))


def _change(one: Change, frame: Frame) -> Row:
    what = one.slot + (f" {one.name}" if one.name and one.name != one.service else "")
    before, after = _said(one.before, one.before_says), _said(one.after, one.after_says)
    if one.slot == "incident":
        told = f"incident over: {before}" if one.after is None else f"incident: {after}"
    else:
        seen = "  seen" if one.mode == "observed" else ""
        told = f"{printable(what)}: {before} → {after}{seen}"
    line = f"{age(_ago(one.at, frame)):>6}  {_where(one)}  {told}"
    opens: tuple[str, ...] = (f"entry:{one.entry}",)
    if one.slot in ("artifact", "config", "policy") and (one.after or one.before):
        opens = (one.after or one.before or "", *opens)
    return Row(" ", line, "", opens)


def _stated(place: Place) -> Sequence[Stated]:
    return place.observed or ([place.declared] if place.declared else [])


def _title(stated: Stated) -> str:
    title = stated.properties.get("title")
    return title if isinstance(title, str) else ""


def _where(one: Place | Change) -> str:
    instance = cut(getattr(one, "instance", ""), INSTANCE_CHARS)  # of a change
    parts = (one.environment, one.service, one.region, one.pool, instance)
    return printable("/".join(filter(None, parts))) or "everywhere"


def _value(one: Stated) -> str:
    version = one.properties.get("version")
    return _said(one.value, one.says or (version if isinstance(version, str) else None))


def _said(value: str | None, says: str | None) -> str:
    if value is None:
        return "nothing"
    return printable(short_name(says) if says else short_id(value))


def _ago(at: str, frame: Frame) -> float:
    return max(0.0, (timestamps.micros(frame.at) - timestamps.micros(at)) / 1_000_000)
