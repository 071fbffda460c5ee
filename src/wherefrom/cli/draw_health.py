"""Health as people read it: a line for each indicator, what stands behind one, its past."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.render import columns, count, foot, table
from wherefrom.formats.shown import measured, printable, short_id

if TYPE_CHECKING:
    from wherefrom.query.health import Health, HealthExplained, History
    from wherefrom.query.health.answers import Fix, Indicator, Missing, Share

_LISTED: Final = 40
_PARTS: Final = 12
_LOW_IS_GOOD: Final = frozenset({"s", "ms", "count", "bytes/day"})


def draw_health(answer: Health) -> Iterator[str]:
    """Each indicator: whether its target is met, what it is, what it says."""
    rows = [
        [one.id, one.name, measured(one.value, one.unit), target_of(one)]
        for one in answer.indicators
    ]
    heads = table(rows).splitlines() if rows else []
    width = max((len(head) for head in heads), default=0) + 2
    for head, one in zip(heads, answer.indicators, strict=True):
        says = textwrap.wrap(printable(one.says), max(30, columns() - width - 2)) or [""]
        colour = {True: "green", False: "red", None: None}[one.met]
        yield click.style(f"{_mark(one)} {head:<{width}}", fg=colour) + says[0]
        for more in says[1:]:
            yield " " * (width + 2) + more
    missed = [one.name for one in answer.indicators if one.met is False]
    unknown = sum(one.value is None for one in answer.indicators)
    yield ""
    told = f"misses its target: {', '.join(missed)}" if missed else "every target known is met"
    told = f"At {answer.at[:19]}Z {told}" + (f"; {unknown} not known" if unknown else "")
    yield from textwrap.wrap(told, columns(), subsequent_indent="  ")
    if missed:
        yield f"What is behind one:  wherefrom health --explain {missed[0].replace(' ', '-')}"
    yield foot(answer.log, as_of=answer.as_of)


def draw_explained(answer: HealthExplained) -> Iterator[str]:
    """What is missing, what to mend first, and the parts."""
    one = answer.indicator
    value = measured(one.value, one.unit)
    yield f"{_mark(one)} {one.id} {one.name}  {value}  {target_of(one)}".rstrip()
    yield from textwrap.wrap(printable(one.says), columns())
    if answer.by_policy:
        name, _, digest = answer.by_policy.rpartition(" ")
        yield f"by the policy {printable(name)}, {short_id(digest)}"
    if answer.fixes:
        yield ""
        yield "What to mend, the one that closes most first:"
        for fix in answer.fixes[:_PARTS]:
            yield from _fix(fix)
    if answer.missing:
        yield ""
        yield "What is missing:"
        for gap in answer.missing[:_LISTED]:
            yield from _missing(gap)
        more = len(answer.missing) - _LISTED
        if more > 0 or answer.truncated:
            yield f"  … and more: all of {len(answer.missing)} with --json"
    parts = _parts(one.by, one.unit)
    if parts:
        yield ""
        yield "In parts:"
        yield table(parts[:_LISTED], indent=2)
    yield ""
    yield f"At {answer.at[:19]}Z"
    yield foot(answer.log, as_of=answer.as_of)


def draw_history(answer: History) -> Iterator[str]:
    """A line for each moment, with a bar for shares."""
    for point in answer.points:
        told = measured(point.value, answer.unit)
        bar = ""
        if answer.unit == "share" and point.value is not None:
            bar = "█" * round(point.value * 40)
        where = f"of {point.of:<8,} size {point.size:<10,}"
        yield f"{point.at[:16]}Z  {told:>10}  {where} {bar}".rstrip()
    yield ""
    yield f"{answer.indicator} {answer.name}, as it was known at each moment"
    yield foot(answer.log)


def target_of(one: Indicator) -> str:
    """An indicator's target in words; empty if there is none."""
    if one.target is None:
        return ""
    low = one.unit in _LOW_IS_GOOD or one.target < 0.5
    return f"{'≤' if low else '≥'} {measured(one.target, one.unit)}"


def _mark(one: Indicator) -> str:
    return {True: "+", False: "!", None: "?" if one.value is None else " "}[one.met]


def _fix(fix: Fix) -> Iterator[str]:
    whose = printable(fix.owner) if fix.owner else "nobody's"
    some = ", ".join(map(printable, fix.services[:3])) + (" …" if len(fix.services) > 3 else "")
    closes = f"closes {fix.closes:,}" if fix.closes else f"helps {fix.helps:,}"
    yield f"  {closes}  {printable(fix.rule)}  {whose}" + (f"  ({some})" if some else "")
    says = f"{fix.says}: {fix.remedy}" if fix.remedy else fix.says
    yield from textwrap.wrap(
        printable(says), columns() - 6, initial_indent="      ", subsequent_indent="      ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _missing(gap: Missing) -> Iterator[str]:
    where = "/".join(printable(part) for part in (gap.environment, gap.service) if part)
    what = printable(gap.name or "") or (short_id(gap.artifact) if gap.artifact else "")
    whose = f"  {printable(gap.owner)}" if gap.owner else ""
    yield f"  {where or 'made, runs nowhere'}  {what}{whose}".rstrip()
    for lack in gap.lacks:
        yield from textwrap.wrap(
            f"{printable(lack.rule)}: {printable(lack.says)}", columns() - 4,
            initial_indent="    ", subsequent_indent="      ",
        )  # fmt: skip


def _parts(some: Sequence[Share], unit: str) -> list[list[str]]:
    return [
        [
            " ".join(
                f"{name} {printable(text)}"
                for name, text in (
                    ("environment", one.environment), ("service", one.service),
                    ("kind", one.kind), ("trust", one.trust),
                )
                if text
            )
            or "made, runs nowhere",
            measured(one.value, unit),
            f"of {count(one.of, 'one', 'ones').split()[0]}",
        ]
        for one in some
    ]  # fmt: skip
