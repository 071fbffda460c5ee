"""Rows of figures, and the three ways they are shown: a table, a JSON file, a page of docs.

    Row… ──► to_text (100 columns) · to_json (bench/results*.json) · to_markdown (docs)

Sizes:  a line of the table is at most 100 columns wide
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from bench.machine import Machine

COLUMNS: Final = 100
BEGIN: Final = "<!-- bench: {} begin -->"
END: Final = "<!-- bench: {} end -->"
_WHAT, _VALUE, _GOAL = 58, 18, 16


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure, and what has to be known beside it.

    value   the figure that the goal speaks of, in ``unit``; None where it could not be taken, and
            ``beside`` says why
    goal    what it should hold, or None; ``at_least`` says on which side
    beside  further figures; a key ends in its unit, such as ``p99 ms``, unless it is a word
    """

    area: str
    what: str
    value: float | None
    unit: str
    goal: float | None = None
    at_least: bool = False
    beside: dict[str, float | str] = {}

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is held; None without a goal, or without a figure."""
        if self.goal is None or self.value is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    @property
    def value_text(self) -> str:
        """The figure with its unit."""
        return "not measured" if self.value is None else f"{number(self.value)} {self.unit}"

    @property
    def goal_text(self) -> str:
        """The goal with its side and unit; empty without a goal."""
        if self.goal is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {number(self.goal)} {self.unit}"


def not_here(area: str, what: str, missing: str) -> Row:
    """The row of a program of others that is not installed: said, never left out."""
    why = f"{missing} is not here: make bench-peers installs it"
    return Row(area=area, what=what, value=None, unit="", beside={"": why})


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """A run: when, where, how much, and what came out. ``failed`` names areas that broke."""

    taken: str
    size: str
    seconds: float
    machine: Machine
    rows: list[Row]
    failed: dict[str, str] = {}


def number(value: float) -> str:
    """Three significant digits, thousands apart."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def beside_text(row: Row) -> str:
    """``p99 1.2 ms · fdatasync 0.31 ms``"""
    parts = []
    for key, value in row.beside.items():
        if isinstance(value, str):
            parts.append(f"{key} {value}".strip())
        else:
            name, _, unit = key.rpartition(" ")
            parts.append(f"{name} {number(value)} {unit}")
    return " · ".join(parts)


def to_text(results: Results) -> str:
    """The table for a terminal."""
    lines = []
    area = ""
    for row in results.rows:
        if row.area != area:
            area = row.area
            lines += ["", area.upper()]
        met = {True: "yes", False: "NO", None: ""}[row.is_met]
        value = row.value_text
        first, *more = textwrap.wrap(row.what, _WHAT)
        lines.append(f"{first:<{_WHAT}} {value:>{_VALUE}} {row.goal_text:>{_GOAL}} {met:>4}")
        lines += more
        if row.beside:
            lines += textwrap.wrap(
                beside_text(row), COLUMNS, initial_indent="    ", subsequent_indent="    "
            )
    lines += ["", *_closing(results)]
    return "\n".join(line.rstrip() for line in lines[1:])


def _closing(results: Results) -> Iterable[str]:
    held = [row.is_met for row in results.rows if row.goal is not None]
    yield f"{held.count(True)} of {len(held)} goals held, in {results.seconds:.0f} s"
    for line in (*results.machine.lines(), *results.machine.warnings()):
        yield from textwrap.wrap(line, COLUMNS, subsequent_indent="    ")
    for area, why in results.failed.items():
        yield f"{area} could not be measured: {why}"[:COLUMNS]


def to_markdown(results: Results) -> str:
    """The table for docs/performance.md, markers left out."""
    lines = [
        f"Taken {results.taken[:10]}, `{results.size}`, in {results.seconds:.0f} s.",
        "",
        *(f"* {line}" for line in (*results.machine.lines(), *results.machine.warnings())),
        *(f"* `{area}` could not be measured: {why}" for area, why in results.failed.items()),
        "",
        "| what | measured | goal | held | beside |",
        "|---|---|---|---|---|",
    ]
    area = ""
    for row in results.rows:
        if row.area != area:
            area = row.area
            lines.append(f"| **{area}** | | | | |")
        met = {True: "yes", False: "**no**", None: ""}[row.is_met]
        cells = (row.what, row.value_text, row.goal_text, met, beside_text(row))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def to_json(results: Results) -> bytes:
    """What ``parse`` reads again."""
    return msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n"


def parse(written: bytes) -> Results:
    """A results file."""
    return msgspec.json.decode(written, type=Results)


def write_docs(results: Results, page: Path, *, suite: str) -> None:
    """Put the table between the suite's markers in ``page``. Raises ValueError without them."""
    opening, closing = BEGIN.format(suite), END.format(suite)
    before, begin, rest = page.read_text(encoding="utf-8").partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {opening} and {closing}")
    table = to_markdown(results)
    page.write_text(f"{before}{opening}\n{table}{closing}{after}", encoding="utf-8")
