"""What was measured and what changed over the same minutes, drawn as SVG without any script.

    changes   ▐▬▬▬▬▌ cart: artifact → v2      a bar from the first step to the last
    failing   ────────╱‾‾‾‾‾                  a line for each reality
    latency   ────────╱‾‾‾‾‾
              12:00   12:10   12:20

Lines differ in dashes as well as in colour, and each is named at its end; colours are of the style
sheet. Everything is placed by numbers of our own, and texts are escaped.

Sizes:  a drawing is WIDTH wide; BARS_MAX bars, LINES_MAX lines in a plot, POINTS_MAX points a line
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from wherefrom.web.words import name

if TYPE_CHECKING:
    from markupsafe import Markup

WIDTH: Final = 1200
BARS_MAX: Final = 24
LINES_MAX: Final = 6
POINTS_MAX: Final = 600
_LEFT: Final = 70
_RIGHT: Final = 190  # where the names of lines stand
_RIGHT_NAMELESS: Final = 16
_BAR: Final = 16
_PLOT: Final = 86
_GAP: Final = 14
_AXIS: Final = 22
_STEPS_S: Final = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 604_800)


class Bar(NamedTuple):
    """A change: from when to when, its steps between, where its link leads.

    likely  it stands out
    """

    label: str
    start: float
    end: float
    steps: tuple[float, ...]
    href: str
    likely: bool = False


class Line(NamedTuple):
    """One series: a time and a value at each point, in the order of time."""

    label: str
    points: Sequence[tuple[float, float]]


class Plot(NamedTuple):
    """What is drawn on one scale, from 0 up; ``unit`` is ``%`` or ``ms``, or none."""

    title: str
    unit: str
    lines: Sequence[Line]


class Shade(NamedTuple):
    """A stretch of time that is set apart, such as an incident."""

    label: str
    start: float
    end: float


def timeline(
    *, since: float, until: float, bars: Sequence[Bar], plots: Sequence[Plot],
    shades: Sequence[Shade] = (),
) -> Markup:  # fmt: skip
    """The drawing of a window, seconds since 1970; ``until`` is later than ``since``."""
    from markupsafe import Markup

    assert until > since
    return Markup("".join(_Drawing(since, until, shades).draw(bars[:BARS_MAX], plots)))


class _Drawing:
    def __init__(self, since: float, until: float, shades: Sequence[Shade]) -> None:
        self._since, self._until, self._shades = since, until, shades
        self._end = WIDTH - _RIGHT

    def _x(self, moment: float) -> float:
        inside = min(max(moment, self._since), self._until)
        share = (inside - self._since) / (self._until - self._since)
        return round(_LEFT + share * (self._end - _LEFT), 1)

    def draw(self, bars: Sequence[Bar], plots: Sequence[Plot]) -> Iterator[str]:
        plots = [plot for plot in plots if any(line.points for line in plot.lines)]
        if not bars and not any(line.label for plot in plots for line in plot.lines):
            self._end = WIDTH - _RIGHT_NAMELESS
        height = len(bars) * _BAR + len(plots) * (_PLOT + _GAP) + _AXIS + 6
        says = f"{len(bars)} changes, " + ", ".join(plot.title for plot in plots)
        yield (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="group" '
            f'aria-label="{_text(says)}" preserveAspectRatio="xMinYMin meet">'
        )
        for shade in self._shades:
            left, right = self._x(shade.start), self._x(shade.end)
            yield (
                f'<rect class="shade" x="{left}" y="0" width="{max(right - left, 1):.1f}" '
                f'height="{height - _AXIS}"><title>{_text(shade.label)}</title></rect>'
            )
        yield from self._axis(height)
        for number, bar in enumerate(bars):
            yield from self._bar(bar, number * _BAR)
        for number, plot in enumerate(plots):
            yield from self._plot(plot, len(bars) * _BAR + number * (_PLOT + _GAP) + _GAP)
        yield "</svg>"

    def _axis(self, height: int) -> Iterator[str]:
        span = self._until - self._since
        step = next((s for s in _STEPS_S if span / s <= 10), _STEPS_S[-1])
        moment = self._since - self._since % step + step
        form = "%H:%M" if span <= 2 * 86_400 else "%m-%d"
        while moment < self._until:
            x, says = self._x(moment), datetime.fromtimestamp(moment, UTC).strftime(form)
            yield f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{height - _AXIS}"/>'
            yield f'<text class="tick" x="{x}" y="{height - 6}" text-anchor="middle">{says}</text>'
            moment += step

    def _bar(self, bar: Bar, top: int) -> Iterator[str]:
        left, right = self._x(bar.start), self._x(bar.end)
        kind = "bar likely" if bar.likely else "bar"
        yield f'<a href="{_text(bar.href)}"><title>{_text(bar.label)}</title>'
        yield (
            f'<rect class="{kind}" x="{left}" y="{top + 3}" width="{max(right - left, 4):.1f}" '
            f'height="{_BAR - 6}" rx="2"/>'
        )
        for step in bar.steps:
            x = self._x(step)
            yield f'<line class="step" x1="{x}" x2="{x}" y1="{top + 2}" y2="{top + _BAR - 2}"/>'
        # To the side that has room.
        at, anchor = (right + 6, "start") if right < WIDTH - 420 else (left - 6, "end")
        yield (
            f'<text class="label" x="{at}" y="{top + 12}" text-anchor="{anchor}">'
            f"{_text(name(bar.label, 60))}</text></a>"
        )

    def _plot(self, plot: Plot, top: int) -> Iterator[str]:
        lines = [line for line in plot.lines if line.points][:LINES_MAX]
        peak = max(value for line in lines for _, value in line.points) or 1.0
        bottom = top + _PLOT
        yield f'<text class="tick" x="{_LEFT - 6}" y="{top + 8}" text-anchor="end">'
        yield f"{_scale(peak)} {plot.unit}".rstrip() + "</text>"
        yield f'<text class="title" x="4" y="{top + _PLOT // 2}">{_text(plot.title)}</text>'
        yield f'<text class="tick" x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
        yield f'<line class="axis" x1="{_LEFT}" x2="{self._end}" y1="{bottom}" y2="{bottom}"/>'
        ends = []
        for number, line in enumerate(lines):
            points = _thin(line.points)
            way = " ".join(
                f"{self._x(at)},{bottom - value / peak * _PLOT:.1f}" for at, value in points
            )
            ends.append((bottom - points[-1][1] / peak * _PLOT, number, line.label))
            if len(points) == 1:  # a line of one point would be nothing
                at_x, at_y = way.split(",")
                yield f'<circle class="point s{number}" cx="{at_x}" cy="{at_y}" r="3"/>'
            yield f'<polyline class="line s{number}" points="{way}"/>'
        for y, number, label in _apart(ends):
            yield (
                f'<text class="end s{number}" x="{self._end + 6}" y="{y + 4:.0f}">'
                f"{_text(name(label, 26))}</text>"
            )


def _thin(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """At most POINTS_MAX of them: of each stretch the highest, since trouble must not vanish."""
    if len(points) <= POINTS_MAX:
        return points
    size = -(-len(points) // POINTS_MAX)
    return [
        max(points[at : at + size], key=lambda point: point[1])
        for at in range(0, len(points), size)
    ]


def _apart(ends: list[tuple[float, int, str]]) -> Iterator[tuple[float, int, str]]:
    """The names at the ends of lines, moved down so far that each can be read."""
    above = float("-inf")
    for y, number, label in sorted(ends):
        above = max(y, above + 13)
        yield above, number, label


def _scale(peak: float) -> str:
    return f"{peak:.0f}" if peak >= 10 else f"{peak:.2g}"


def _text(text: str) -> str:
    from markupsafe import escape

    from wherefrom.web.words import harmless

    return str(escape(harmless(text)))
