"""What is on the page of ``wherefrom top``, how keys change it, and how it is drawn to fit.

    ┌ header: when, which log, how far ─────────────────────────┐
    │ Health of the evidence                                    │   panes share the height; the one
    │ Alerts                       the line that is chosen: >   │   with the cursor gets what the
    │ Changes                                                   │   others leave
    └ keys, or a question, or what went wrong ──────────────────┘

Drawn with rich: it cuts by cells, not characters, and leaves colours out where NO_COLOR is set or
the terminal has none.

Sizes:  from 40×10 on; made for 80×24 and 100×30
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.text import Text

from wherefrom.cli.top_draw import Pane, Row
from wherefrom.cli.top_frame import Frame, Wish

KEYS: Final = "Tab pane  ↑↓ line  Enter open  t trace  e s filter  p pause  ? help  q quit"
_KEYS_OPEN: Final = "↑↓ PgUp PgDn move  t trace or show  Esc back  q quit"
HELP: Final = (
    "Tab, Shift-Tab, 1 2 3   go to the next pane, the one before, one by its number",
    "↑ ↓ k j PgUp PgDn       go to a line; Home and End to the first and last",
    "Enter                   open the thing of the line: wherefrom show, health --explain",
    "t                       trace it: wherefrom trace",
    "e, s                    show only an environment, a service; empty for all",
    "p or space              pause, and go on",
    "r                       look now",
    "Esc                     back",
    "q, ^C                   end",
    "",
    "! before a line: something is wrong there. Times are how long ago.",
)


@dataclass
class Page:
    """What is shown, and where the reader is.

    pane, chosen  which pane has the cursor, and its line in each
    lines         what was opened, from ``top`` on; None for the panes
    asks          the filter that is being typed, ``environment`` or ``service``
    wants_more    a row to open, and how; ``wants_look``: look now
    """

    wish: Wish
    frame: Frame
    panes: list[Pane]
    title: str
    pane: int = 1
    chosen: list[int] = field(default_factory=lambda: [0, 0, 0])
    lines: list[str] | None = None
    top: int = 0
    row: Row | None = None
    how: str = "show"
    asks: str = ""
    typed: str = ""
    trouble: str = ""
    is_paused: bool = False
    is_over: bool = False
    wants_look: bool = False
    wants_more: tuple[Row, str] | None = None

    def press(self, key: str, *, height: int = 24) -> None:
        """A key was pressed; ``height`` of the screen in lines, for whole pages."""
        if self.asks:
            self._type(key)
        elif self.lines is not None:
            self._read_on(key, max(1, height - 3))
        else:
            self._go(key, max(1, height // 3))

    def opened(self, lines: list[str]) -> None:
        """What was asked for has come."""
        self.lines, self.top = lines, 0

    def _type(self, key: str) -> None:
        if key == "escape":
            self.asks = ""
        elif key == "enter":
            self.wish = self.wish._replace(**{self.asks: self.typed.strip()})
            self.asks, self.chosen, self.wants_look = "", [0, 0, 0], True
        elif key == "backspace":
            self.typed = self.typed[:-1]
        elif key == "clear":
            self.typed = ""
        elif len(key) == 1:
            self.typed += key

    def _read_on(self, key: str, page: int) -> None:
        assert self.lines is not None
        last = max(0, len(self.lines) - page)
        if key in ("escape", "backspace", "left", "h"):
            self.lines = None
        elif key == "q":
            self.is_over = True
        elif key in ("t", "enter") and self.row is not None:
            self.how = "show" if self.how == "trace" else "trace"
            self.wants_more = self.row, self.how
        else:
            self.top = min(last, max(0, self.top + _step(key, page, len(self.lines))))

    def _go(self, key: str, page: int) -> None:
        if key == "q":
            self.is_over = True
        elif key in ("tab", "right"):
            self.pane = (self.pane + 1) % len(self.panes)
        elif key in ("back-tab", "left"):
            self.pane = (self.pane - 1) % len(self.panes)
        elif key in ("1", "2", "3"):
            self.pane = int(key) - 1
        elif key in ("e", "s"):
            self.asks = "environment" if key == "e" else "service"
            self.typed = getattr(self.wish, self.asks)
        elif key in ("p", " "):
            self.is_paused = not self.is_paused
        elif key == "r":
            self.wants_look = True
        elif key == "?":
            self.row = None
            self.opened(list(HELP))
        elif key in ("enter", "t"):
            self._open("trace" if key == "t" else "show")
        else:
            rows = len(self.panes[self.pane].rows)
            at = self._at() + _step(key, page, rows)
            self.chosen[self.pane] = min(max(0, rows - 1), max(0, at))

    def _open(self, how: str) -> None:
        rows = self.panes[self.pane].rows
        row = rows[self._at()] if rows else None
        if row is None or not (row.opens or row.indicator):
            self.trouble = "this line opens nothing; choose another"
            return
        self.row, self.how, self.wants_more = row, how, (row, how)

    def _at(self) -> int:
        """The chosen line of the pane; a pane may have become shorter."""
        return min(self.chosen[self.pane], max(0, len(self.panes[self.pane].rows) - 1))

    def first(self, pane: int, height: int) -> int:
        """The first row of a pane to show in so many lines, so that the chosen one is seen."""
        rows = len(self.panes[pane].rows)
        at = min(self.chosen[pane], max(0, rows - 1))
        return max(0, min(at - height // 2, rows - height))


def _step(key: str, page: int, rows: int) -> int:
    return {
        "up": -1, "k": -1, "down": 1, "j": 1, "page-up": -page, "page-down": page, " ": page,
        "home": -rows, "end": rows,
    }.get(key, 0)  # fmt: skip


def draw(page: Page, width: int, height: int, *, is_busy: bool = False) -> list[str]:
    """The lines of the screen, each at most ``width`` cells, with their colours: ``height`` of them
    at most."""
    console = _console(width)
    lines = [_head(page, width)]
    body = max(1, height - 2)
    lines += _opened(page, body) if page.lines is not None else _panes(page, width, body)
    lines = lines[: height - 1]
    lines += [Text()] * (height - 1 - len(lines))
    lines.append(_foot(page, is_busy))
    return [_written(console, line, width) for line in lines]


def _head(page: Page, width: int) -> Text:
    paused = "PAUSED  " if page.is_paused else ""
    return Text((paused + page.title).ljust(width), style="reverse")


def _foot(page: Page, is_busy: bool) -> Text:
    if page.asks:
        return Text(f"{page.asks} (empty for all): {page.typed}▏", style="bold")
    if page.trouble:
        return Text(f"! {page.trouble}", style="red")
    keys = _KEYS_OPEN if page.lines is not None else KEYS
    return Text(("… " if is_busy else "") + keys, style="dim")


def _opened(page: Page, height: int) -> list[Text]:
    assert page.lines is not None
    shown = page.lines[page.top : page.top + height - 1]
    left = len(page.lines) - page.top - len(shown)
    more = f"{left:,} more lines below" if left else ""
    return [*map(Text.from_ansi, shown), *[Text()] * (height - 1 - len(shown)), Text(more, "dim")]


def _panes(page: Page, width: int, height: int) -> list[Text]:
    lines: list[Text] = []
    for number, room in enumerate(_rooms(page, height)):
        pane, has_cursor = page.panes[number], number == page.pane
        rows = f"  {len(pane.rows):,}" if pane.rows else ""
        title = f"{'▸' if has_cursor else ' '} {number + 1} {pane.title}{rows}"
        lines.append(Text(title, style="bold underline" if has_cursor else "bold"))
        first = page.first(number, room)
        at = min(page.chosen[number], max(0, len(pane.rows) - 1))
        for index, row in enumerate(pane.rows[first : first + room], start=first):
            chosen = has_cursor and index == at
            style = f"{row.colour}{' reverse' if chosen else ''}".strip()
            lines.append(Text(f"{'>' if chosen else ' '}{row.mark} {row.text}", style=style))
        if not pane.rows:
            lines.append(Text(f"   {pane.empty}", style="dim"))
        missing = room - max(1, min(room, len(pane.rows)))
        lines += [Text()] * missing
    return lines


def _rooms(page: Page, height: int) -> list[int]:
    """How many rows each pane gets: what it needs, up to its share; the rest goes to the one with
    the cursor, then to the last."""
    left = height - len(page.panes)
    needs = [max(1, len(pane.rows)) for pane in page.panes]
    rooms = [min(need, max(1, left // len(page.panes))) for need in needs]
    for number in (page.pane, *range(len(page.panes) - 1, -1, -1)):
        more = min(needs[number] - rooms[number], left - sum(rooms))
        rooms[number] += max(0, more)
    rooms[-1] += max(0, left - sum(rooms))
    return rooms


def _console(width: int) -> Console:
    return Console(
        file=io.StringIO(), width=width, force_terminal=True, legacy_windows=False,
        color_system="standard" if _has_colours() else None, no_color=not _has_colours(),
        highlight=False, markup=False, emoji=False,
    )  # fmt: skip


def _has_colours() -> bool:
    # https://no-color.org: set and not empty, whatever it is.
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in ("dumb", "vt100", None)


def _written(console: Console, line: Text, width: int) -> str:
    line = line.copy()
    line.no_wrap, line.overflow = True, "ellipsis"
    line.truncate(width, overflow="ellipsis")
    with console.capture() as captured:
        console.print(line, end="", soft_wrap=True)
    return captured.get()
