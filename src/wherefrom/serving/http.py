"""uvicorn, as a server of ours runs it: one port or one socket, our signals, our patience."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvicorn
from starlette.applications import Starlette

from wherefrom.api.wire import CONNECTIONS_MAX, IDLE_SECONDS_MAX, Protocol, look_at
from wherefrom.errors import SettingError, Unavailable

_LAST_ANSWERS_SECONDS: Final = 5
# uvicorn ticks ten times a second.
_LOOK_EVERY_TICKS: Final = 20
# What is open besides connections: the log, the reader's socket, judges, bodies in files.
_FILES_BESIDE: Final = 512


class Tls(NamedTuple):
    """Certificate and key files (PEM); with ``client_ca`` every client must show a certificate."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


def serve(
    application: Callable[[], Starlette],
    *,
    host: str,
    port: int,
    tls: Tls | None,
    started: Callable[[str], None],
    secured: Callable[[ssl.SSLContext], None] = lambda context: None,
) -> None:
    """Serve until SIGTERM or SIGINT; ``started`` is told the address, ``secured`` the TLS context.

    Raises SettingError for TLS files that cannot be used, Unavailable for a taken address.
    """
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
        # Longer than ordinary clients keep an idle connection: theirs to end.
        timeout_keep_alive=int(IDLE_SECONDS_MAX),
        timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
        **options,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise SettingError(
            "the TLS files cannot be used",
            got=error,
            do="Give --tls-cert and --tls-key PEM files that belong together",
        ) from error
    if config.ssl is not None:
        secured(config.ssl)
    logging.getLogger("uvicorn.error").addFilter(_is_worth_a_line)
    server = QuietServer(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve_until_told(server, started))


def bound(host: str, port: int) -> socket.socket:
    """A socket on this address, not yet listening. Raises Unavailable if it is not to be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
        except BaseException:
            sock.close()
            raise
    except (OSError, UnicodeError, OverflowError) as error:
        raise Unavailable(
            "cannot listen on this address",
            where=f"{host}:{port}",
            got=getattr(error, "strerror", None) or str(error),
            do="Choose another port with --port, or another address with --host",
        ) from error
    return sock


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Not a request that we cut off ourselves: uvicorn says that it did, and then how."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


async def _serve_until_told(server: uvicorn.Server, started: Callable[[str], None]) -> None:
    config = server.config
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    sock = bound(config.host, config.port)
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


class QuietServer(uvicorn.Server):
    """uvicorn with a look at its connections, and without its signal handling: it raises a signal
    again before our own cleanup.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # What goes on for as long as somebody listens ends now: nobody waits for it.
        if isinstance(self.config.loaded_app, Starlette):
            self.config.loaded_app.state.leaving = True
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        if counter % _LOOK_EVERY_TICKS == 0:
            look_at(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)


def raise_file_limit() -> int:
    """Let this process have as many connections as it may; returns how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + _FILES_BESIDE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    # Of very few, half are for what is open besides.
    files = CONNECTIONS_MAX + _FILES_BESIDE if soft == resource.RLIM_INFINITY else soft
    Protocol.connections_max = min(CONNECTIONS_MAX, max(files - _FILES_BESIDE, files // 2))
    return Protocol.connections_max


def spare_collections() -> None:
    """Look for cycles more rarely, and never again in what was made by now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
