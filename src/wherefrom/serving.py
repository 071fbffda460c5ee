"""Serve a data directory: two processes, one port.

    writer process   the port, the door, the log            ── ends ──► both end
       │ starts, watches, restarts
    reader process   DIR/reader.sock: follows the log, folds the views, answers

The reader holds the writer's end of a pipe: when the writer is gone, however it went, the reader
sees it and leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvicorn
from starlette.applications import Starlette

from wherefrom.api.metrics import ReaderMetrics
from wherefrom.api.proxy import ReaderProxy
from wherefrom.api.server import reader_app, writer_app
from wherefrom.api.wire import Protocol
from wherefrom.app import DataFolder, Served, open_desk, open_graph, open_log, open_recorder
from wherefrom.errors import Error, SettingError, Unavailable
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.log.reader import LogReader

FOLLOW_EVERY_SECONDS: Final = 0.02
_RESTART_AFTER_SECONDS: Final = 0.5
_READY_WITHIN_SECONDS: Final = 30.0
_LAST_ANSWERS_SECONDS: Final = 5
# Longer than ordinary clients keep an idle connection: theirs to end, never ours as they ask.
_IDLE_SECONDS: Final = 75
_FOLLOWER_NICE: Final = 19
_FOLLOW_AT_ONCE: Final = 500


class Tls(NamedTuple):
    """Certificate and key files (PEM); with ``client_ca`` every client must show a certificate."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


def up(
    folder: DataFolder,
    *,
    host: str,
    port: int,
    tls: Tls | None = None,
    extends: Checkpoint | None = None,
    before: Callable[[DataFolder], None] = lambda folder: None,
    serving: Callable[[str, int], None] = lambda url, size: None,
) -> None:
    """Serve until SIGTERM or SIGINT. Raises Unavailable if the port or directory is taken.

    before   runs once the directory is there, before anything is served
    serving  is told the address and the log's size once requests are answered
    """
    folder.create()
    folder.ensure_admin_token()
    before(folder)
    with open_recorder(folder, extends=extends) as recorder:
        reader = _ReaderProcess(folder)

        def started(url: str) -> None:
            folder.say_served(Served(url, os.getpid()))
            serving(url, recorder.writer.size)

        spare_collections()

        def application() -> Starlette:
            return writer_app(
                recorder=recorder,
                tokens=folder.tokens,
                proxy=ReaderProxy(folder.path / "reader.sock"),
            )

        try:
            reader.start()
            _serve(application, host=host, port=port, tls=tls, started=started)
        finally:
            folder.say_served(None)
            reader.stop()


def _serve(
    application: Callable[[], Starlette],
    *,
    host: str,
    port: int,
    tls: Tls | None,
    started: Callable[[str], None],
) -> None:
    options: dict[str, Any] = {}
    if tls is not None:
        options |= {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)}
        if tls.client_ca is not None:
            options |= {"ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    config = uvicorn.Config(
        application,
        factory=True,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http=Protocol,
        ws="none",
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
        **options,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise SettingError("the TLS files cannot be used", got=error) from error
    logging.getLogger("uvicorn.error").addFilter(_is_worth_a_line)
    server = _Server(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve_until_told(server, started))


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Not a request that we cut off ourselves: uvicorn says that it did, and then how."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


async def _serve_until_told(server: uvicorn.Server, started: Callable[[str], None]) -> None:
    config = server.config
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    try:
        sock = config.bind_socket()
    except SystemExit as error:  # how uvicorn says that the port is taken
        raise Unavailable(
            "cannot listen on this address",
            where=f"{config.host}:{config.port}",
            do="Another program has the port: choose one with --port",
        ) from error
    address, port = sock.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    scheme = "https" if config.is_ssl else "http"

    async def announce() -> None:
        while not server.started:
            await asyncio.sleep(0.005)
        started(f"{scheme}://{shown}:{port}")

    telling = asyncio.create_task(announce())
    await server.serve(sockets=[sock])
    telling.cancel()


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: it raises a signal again before our own cleanup."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def spare_collections() -> None:
    """Look for cycles more rarely, and never again in what was made by now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


class _ReaderProcess:
    """The reader: started, watched, started again if it dies, ended with us."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._socket = folder.path / "reader.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._starting = threading.Lock()  # held while one is made, so that none is made unseen
        self._watch = threading.Thread(target=self._run, name="reader-watch", daemon=True)

    def start(self) -> None:
        """Start it and wait until it answers. Raises Unavailable."""
        self._socket.unlink(missing_ok=True)
        self._watch.start()
        until = time.monotonic() + _READY_WITHIN_SECONDS
        while not self._socket.exists():
            if time.monotonic() > until:
                raise Unavailable("the reader process did not start", where=str(self._socket))
            time.sleep(0.01)

    def stop(self) -> None:
        """Close its pipe, which tells it to leave, and wait."""
        self._stopping.set()
        with self._starting:
            process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self._watch.join(15)
        self._socket.unlink(missing_ok=True)

    def _run(self) -> None:
        command = "import sys; from wherefrom.serving import run_reader; run_reader(sys.argv[1])"
        while True:
            with self._starting:
                if self._stopping.is_set():
                    return
                self._process = subprocess.Popen(
                    [sys.executable, "-c", command, str(self._folder.path)], stdin=subprocess.PIPE
                )
            self._process.wait()
            self._stopping.wait(_RESTART_AFTER_SECONDS)


def run_reader(path: str) -> None:
    """The reader process: fold, and answer on the socket, until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's ^C goes to both; the writer decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    folder = DataFolder(Path(path))
    folder.graph_path.parent.mkdir(parents=True, exist_ok=True)
    sys.setswitchinterval(0.001)
    log = open_log(folder)
    metrics = ReaderMetrics()
    spare_collections()
    with _views_held(folder):
        desk = open_desk(folder, log)
        follower = threading.Thread(target=_follow, args=(folder, metrics), daemon=True)
        follower.start()
        app = reader_app(desk=desk, log=log, tokens=folder.tokens, metrics=metrics)
        config = uvicorn.Config(
            app, uds=str(folder.path / "reader.sock"), log_level="warning", access_log=False
        )
        server = _Server(config)
        threading.Thread(target=_leave_at_end_of_input, args=(server,), daemon=True).start()
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(server.serve())


@contextlib.contextmanager
def _views_held(folder: DataFolder) -> Iterator[None]:
    with open(folder.path / "views.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _leave_at_end_of_input(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True


def _follow(folder: DataFolder, metrics: ReaderMetrics) -> None:
    """Fold what the log gains, for ever. A failure ends the process: the writer starts another."""
    # This thread alone gives way: in a burst the door and the answers come first, and the view
    # catches up after. (On Linux a thread has a priority of its own.)
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _FOLLOWER_NICE)
    try:
        log = open_log(folder)
        with open_graph(folder) as graph:
            while True:
                _fold_once(log, graph.size, graph.fold, metrics)
    except Error as error:
        print(f"wherefrom: the reader stops: {error}", file=sys.stderr)  # noqa: T201
    finally:
        os._exit(3)


def _fold_once(
    log: LogReader, reached: int, fold: Callable[[LogReader], Any], metrics: ReaderMetrics
) -> None:
    size = log.refresh().size
    metrics.behind.labels("graph").set(size - reached)
    metrics.view_size.labels("graph").set(reached)
    if size > reached:
        fold(log)
    # A transaction costs the same for one record as for hundreds: let a few gather, unless behind.
    if size - reached < _FOLLOW_AT_ONCE:
        time.sleep(FOLLOW_EVERY_SECONDS)
