"""Serve a data directory: one port, and a process for each thing that must not wait for another.

    writer process   the port, the door, the log             ── ends ──► all end
       │ forks, watches, restarts (``reader_process``)
    reader process   DIR/reader.sock: answers                ── ends ──► its fold ends
       │ forks both, watches, leaves with them
    fold process     follows the log into the views
    watch process    judges again what runs, and asks the writer to sign what it found
    scrub process    now and then: reads the whole log, and stops the writer if it is damaged

The reader holds the writer's end of a pipe, and its fold the reader's: when the other end is gone,
however it went, they see it and leave.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette

from wherefrom.api.own_measures import OwnMeasures
from wherefrom.api.proxy import ReaderProxy
from wherefrom.api.rekor import RekorDoor
from wherefrom.api.server import writer_app
from wherefrom.api.tracing import begin
from wherefrom.app import (
    READER_SOCKET,
    DataFolder,
    Served,
    now,
    open_notify_settings,
    open_objectives,
    open_questions,
    open_recorder,
    open_rekor,
    open_requests,
    open_series,
    open_watch_settings,
)
from wherefrom.errors import Corrupt
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.log.root_file import beside as root_beside
from wherefrom.log.witness_client import WitnessClient
from wherefrom.log.witnessing import DEADLINE_SECONDS, Witnessing
from wherefrom.serving.http import Tls, raise_file_limit, serve, spare_collections
from wherefrom.serving.measuring import keep_measuring
from wherefrom.serving.reader_process import ReaderProcess
from wherefrom.serving.scrub import Scrub, need_whole_if_small
from wherefrom.serving.signing import keep_signing
from wherefrom.serving.stop_telling import StopTelling
from wherefrom.storage.room import Room
from wherefrom.web.routes import writer_routes

if TYPE_CHECKING:
    from wherefrom.log.anchoring import Anchoring

_CONNECTIONS_ENOUGH: Final = 10_000


def up(
    folder: DataFolder,
    *,
    host: str,
    port: int,
    tls: Tls | None = None,
    fail_open: bool = False,
    witness_deadline_s: float = DEADLINE_SECONDS,
    extends: Checkpoint | None = None,
    audit_first: bool = False,
    before: Callable[[DataFolder], None] = lambda folder: None,
    serving: Callable[[str, int], None] = lambda url, size: None,
) -> None:
    """Serve until SIGTERM or SIGINT. Raises Unavailable if the port or directory is taken.

    fail_open    publish a checkpoint at the deadline without the quorum of its witnesses
    audit_first  reads the whole log before it signs anything, however large it is
    before       runs once the directory is there, before anything is served
    serving      is told the address and the log's size once requests are answered
    """
    folder.need_own()
    folder.create()
    folder.ensure_admin_token()

    def stopped(why: str) -> None:
        _say(why)
        telling.stopped(why)

    def need_whole() -> None:
        try:
            need_whole_if_small(folder, any_size=audit_first)
        except Corrupt as error:
            telling.refuses_to_start(str(error))
            raise

    with ExitStack() as held:
        # Forked here, where there is no thread yet and nothing is open.
        reader = held.enter_context(ReaderProcess(folder))
        before(folder)
        telling = StopTelling(folder, on_trouble=_say_trouble)
        recorder = held.enter_context(
            open_recorder(
                folder,
                extends=extends,
                hands_over=True,
                on_stop=stopped,
                before_signing=need_whole,
            )
        )
        scrub = Scrub(folder, on_damage=recorder.writer.stop, on_whole=telling.whole)

        def started(url: str) -> None:
            folder.say_served(Served(url, os.getpid()))
            serving(url, recorder.writer.size)

        spare_collections()
        connections = raise_file_limit()
        if connections < _CONNECTIONS_ENOUGH:
            print(  # noqa: T201
                f"wherefrom: {connections} connections at once, for so many files may be open; "
                "more with: ulimit -n",
                file=sys.stderr,
            )

        for warns in (recorder.root_warning(), root_beside(folder.path, recorder.decisions)):
            if warns is not None:
                _say_trouble(warns)
        published, own = folder.published(), folder.own_keys

        def witnessing() -> Witnessing:
            assert published is not None
            return Witnessing(
                writer=recorder.writer,
                published=published,
                client=WitnessClient(),
                sign=lambda head: own.publish(head, at=now()),
                is_slow=lambda: own.has_slow(now()),
                deadline_s=witness_deadline_s,
                is_open=fail_open,
                on_trouble=_say_trouble,
            )

        # A wrong file is an error now, not when something turned.
        open_watch_settings(folder)
        open_notify_settings(folder)
        open_objectives(folder)
        open_questions(folder)
        requests = open_requests(folder, on_trouble=_say_trouble)
        measured = open_series(folder, on_trouble=_say_trouble)
        settings = folder.anchor_settings()

        def anchoring(shown: Callable[[], bytes]) -> Anchoring:
            from wherefrom.log.anchoring import Anchoring, AnchorKey  # late: most logs have none

            assert settings is not None
            return Anchoring(
                settings=settings,
                published=shown,
                key=AnchorKey(folder.path / "keys" / "anchor.key"),
                kept=folder.anchors,
                on_trouble=_say_trouble,
            )

        tracing, room = begin("writer"), Room(folder.path / "journal")
        recorder.writer.on_refused = _say_refused

        def application() -> Starlette:
            proxy = ReaderProxy(folder.path / READER_SOCKET, tracing=tracing)
            own_measures = OwnMeasures()

            async def beside() -> None:
                await asyncio.gather(
                    keep_signing(recorder, folder.watch_socket),
                    keep_measuring(recorder, own_measures, proxy, folder.path),
                )

            return writer_app(
                recorder=recorder,
                tokens=folder.tokens,
                hooks=folder.hooks,
                proxy=proxy,
                tracing=tracing,
                door=RekorDoor(lambda: open_rekor(folder, recorder)),
                requests=requests,
                measured=measured,
                witnessing=witnessing if published is not None else None,
                anchoring=anchoring if settings is not None else None,
                beside=beside,
                own=own_measures,
                try_disk=room.need,
                pages=writer_routes(proxy, lambda: recorder.writer.size, own_measures.timed),
            )

        try:
            reader.start()
            scrub.start()
            serve(application, host=host, port=port, tls=tls, started=started)
        finally:
            folder.say_served(None)
            scrub.stop()
            reader.stop()
            tracing.close()
            folder.watch_socket.unlink(missing_ok=True)


def _say(why: str) -> None:
    # The one line that says why every write is answered 503 from now on.
    line = f"wherefrom: the log takes nothing more until a restart: {why}"
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def _say_refused(why: str | None) -> None:
    if why is None:
        _say_trouble("the log's disk takes records again")
    else:
        _say_trouble(f"records are refused until the log's disk takes them: {why}")


def _say_trouble(says: str) -> None:
    print(f"wherefrom: {says}", file=sys.stderr, flush=True)  # noqa: T201
