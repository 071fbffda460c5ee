"""The reader process: it answers. What it answers from is folded by a process of its own, and what
runs is watched by another.

A fold computes without pause, and in one interpreter each answer would wait for its turns; so does
a watch that looks at everything anew. Both are forked before anything is opened or any thread is
started: they share the memory of what they imported.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

import uvicorn

from wherefrom.api.exposition import Family, unpack
from wherefrom.api.reader import reader_app
from wherefrom.api.tracing import begin
from wherefrom.app import (
    READER_SOCKET,
    DataFolder,
    known_keys,
    open_desk,
    open_gate,
    open_log,
    open_questions,
    open_status,
)
from wherefrom.followed import Others
from wherefrom.serving.fold import follow
from wherefrom.serving.health_metrics import Scraped
from wherefrom.serving.http import QuietServer, spare_collections
from wherefrom.serving.lifeline import at_the_end_of
from wherefrom.serving.page import Pages, SharedPage
from wherefrom.serving.watch import watch
from wherefrom.web.routes import reader_routes

_FAILED = 3
Forked = Callable[[DataFolder, Pages], NoReturn]


def run(path: str, *, lifeline: int = 0) -> None:
    """Answer on the socket, until ``lifeline`` ends: a file descriptor, else standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's ^C goes to all; the writer decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _be_called("reader")
    folder = DataFolder(Path(path))
    spare_collections()
    scraped = SharedPage()
    shown = Pages(SharedPage(), scraped), Pages(SharedPage(), scraped)
    _keep(folder, *zip((follow, watch), shown, strict=True))
    log = open_log(folder)
    gate = open_gate(folder, log)
    app = reader_app(
        desk=open_desk(folder, log, others=Others(folder)),
        gate=gate,
        statuses=open_status(folder, log, gate),
        log=log,
        tokens=folder.tokens,
        beside=reader_routes(),
        tracing=(tracing := begin("reader")),
        forked=lambda: _counted(shown, Scraped(scraped)),
    )
    app.state.keyring = lambda: known_keys(folder, log)
    app.state.questions = open_questions(folder, on_trouble=_say)
    config = uvicorn.Config(
        app, uds=str(folder.path / READER_SOCKET), log_level="warning", access_log=False
    )
    server = QuietServer(config)

    def leave() -> None:
        server.should_exit = True

    at_the_end_of(lifeline, leave)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve())
    tracing.close()


def _say(says: str) -> None:
    print(f"wherefrom: {says}", file=sys.stderr, flush=True)  # noqa: T201


def _counted(shown: Iterable[Pages], scraped: Scraped) -> list[Family]:
    """What the processes count that we forked, for somebody who scrapes."""
    scraped.note()
    return [family for pages in shown for family in unpack(pages.shown.read())]


def _keep(folder: DataFolder, *follow: tuple[Forked, Pages]) -> None:
    """Fork one process for each; they end with us, and we with any: the writer starts all again."""
    made: dict[int, int] = {}  # by process, the end of its pipe that we hold
    for one, pages in follow:
        ours, mine = os.pipe()
        process = os.fork()
        if process == 0:
            for held in (mine, *made.values()):
                os.close(held)
            _be(folder, one, pages, ours)
        os.close(ours)  # the other end stays open as long as we live
        made[process] = mine

    def watch(process: int) -> None:
        os.waitpid(process, 0)
        os._exit(_FAILED)

    for process in made:
        threading.Thread(target=watch, args=(process,), name="fork-watch", daemon=True).start()


def _be(folder: DataFolder, follow: Forked, pages: Pages, lifeline: int) -> NoReturn:
    at_the_end_of(lifeline, lambda: os._exit(0))
    _be_called(follow.__name__)
    try:
        follow(folder, pages)
    finally:
        os._exit(_FAILED)


def _be_called(name: str) -> None:
    with contextlib.suppress(OSError):  # for ps, where there is such a file
        Path("/proc/self/comm").write_text(f"wf-{name}")
