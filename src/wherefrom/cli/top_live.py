"""The loop of ``wherefrom top``: keys in, screens out, questions on a thread of their own.

    key ──► Page (which pane, which line, what is open) ──drawn──► Screen
    every so often, and when something is opened ──► a question ──► its answer, when it comes

A server that is slow to answer holds up no key: the last frame stays, with what is waited for.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from wherefrom.cli.draw import draw_trace
from wherefrom.cli.draw_health import draw_explained
from wherefrom.cli.opening import reading
from wherefrom.cli.places import Reading
from wherefrom.cli.settings import Where
from wherefrom.cli.show import draw_shown
from wherefrom.cli.top_draw import Row, header, panes
from wherefrom.cli.top_frame import Frame, Wish, asked
from wherefrom.cli.top_page import Page, draw
from wherefrom.cli.top_screen import Ended, Screen
from wherefrom.errors import Error, NotFound
from wherefrom.query.desk import TraceOptions
from wherefrom.query.health import HealthOptions

_TICK_SECONDS: Final = 0.25


def watch(where: Where, wish: Wish, *, every_s: float) -> None:
    """Show it until somebody ends it. Raises what the first look raises, before anything is shown;
    and, for a signal, what leaves a program as that signal does."""
    first = asked(where, wish)
    try:
        with Screen(sys.stdin.fileno(), sys.stdout.fileno()) as screen:
            _Live(where, wish, first, screen, every_s).run()
    except EOFError:
        pass
    except Ended as ended:
        raise SystemExit(128 + ended.number) from None


class _Answer(NamedTuple):
    """What a question came to: a frame, lines to read, or why not."""

    frame: Frame | None = None
    lines: list[str] | None = None
    trouble: str = ""


class _Live:
    def __init__(
        self, where: Where, wish: Wish, first: Frame, screen: Screen, every_s: float
    ) -> None:
        self._where, self._screen, self._every_s = where, screen, every_s
        self._page = Page(wish=wish, frame=first, panes=panes(first), title=header(first))
        self._questions: queue.SimpleQueue[Callable[[], _Answer]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self._waiting = 0
        self._asked = time.monotonic()
        threading.Thread(target=self._answer, name="top", daemon=True).start()

    def run(self) -> None:
        """Until q, or a signal."""
        page = self._page
        while not page.is_over:
            self._screen.show(draw(page, *self._screen.size, is_busy=self._waiting > 0))
            for key in self._screen.keys(_TICK_SECONDS):
                if key != "resize":
                    page.press(key, height=self._screen.size[1])
            self._take_answers()
            self._ask_what_is_wanted()

    def _ask_what_is_wanted(self) -> None:
        page = self._page
        if page.wants_more is not None:
            (row, how), page.wants_more = page.wants_more, None
            self._ask(lambda: self._open(row, how))
        is_due = time.monotonic() - self._asked > self._every_s and not page.is_paused
        if page.wants_look or (is_due and not self._waiting):
            page.wants_look, self._asked = False, time.monotonic()
            wish, before = page.wish, page.frame
            self._ask(lambda: _Answer(frame=asked(self._where, wish, before)))

    def _ask(self, question: Callable[[], _Answer]) -> None:
        self._waiting += 1
        self._questions.put(question)

    def _answer(self) -> None:
        while True:
            question = self._questions.get()
            try:
                said = question()
            except Error as error:
                said = _Answer(trouble=f"{error.what}. {error.next_step}")
            except Exception as error:  # noqa: BLE001 - told on the screen; the loop goes on
                said = _Answer(trouble=f"a mistake in wherefrom itself: {error!r}")
            self._answers.put(said)

    def _take_answers(self) -> None:
        while True:
            try:
                said = self._answers.get_nowait()
            except queue.Empty:
                return
            self._waiting -= 1
            page = self._page
            page.trouble = said.trouble
            if said.frame is not None and (said.frame.environment, said.frame.service) == page.wish:
                page.frame, page.panes, page.title = (
                    said.frame,
                    panes(said.frame),
                    header(said.frame),
                )
            if said.lines is not None:
                page.opened(said.lines)

    def _open(self, row: Row, how: str) -> _Answer:
        """What ``show`` or ``trace`` says of a row, by the first of its ids that is known; or what
        stands behind an indicator."""
        with reading(self._where) as place:
            if row.indicator:
                wish = self._page.wish
                options = HealthOptions(environment=wish.environment, service=wish.service)
                drawn = draw_explained(place.health_explained(row.indicator, options))
                return _Answer(lines=_split(drawn))
            for id in row.opens[:-1]:
                try:
                    return _Answer(lines=_lines(place, id, how))
                except NotFound:
                    continue
            return _Answer(lines=_lines(place, row.opens[-1], how))


def _lines(place: Reading, id: str, how: str) -> list[str]:
    if how == "trace":
        drawn = draw_trace(place.trace(id, TraceOptions()), id)
    else:
        drawn = draw_shown(place.show(id, TraceOptions()))
    return _split(drawn)


def _split(drawn: Iterable[str]) -> list[str]:
    return [line for part in drawn for line in part.split("\n")]
