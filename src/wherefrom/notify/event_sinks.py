"""Where security events go: a file, standard output, or a SIEM over TCP or TLS; each once.

    lines of a page ──take──► sink ──► ``next``: the record at which it goes on, after a restart too

A **file** says itself where it ends: a torn last line is cut off, and of a record whose events were
not all written, those that are there are passed over. A **SIEM** acknowledges nothing, so what was
sent is noted in a file of its own once the connection took it all; what was under way when the
connection or the program broke is sent again, under the same ids.

Sizes:  a connection within CONNECT_SECONDS · of a file TAIL_BYTES are read first, then more
Source: docs/siem.md; RFC 5424, RFC 5425, RFC 6587
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self
from urllib.parse import urlsplit

from wherefrom import __version__
from wherefrom.errors import Malformed, SettingError, StorageError, Unavailable
from wherefrom.formats import syslog
from wherefrom.storage.whole_file import replace_whole

CONNECT_SECONDS: Final = 10.0
TAIL_BYTES: Final = 1 << 20
DIGITS_MAX: Final = 16
SYSLOG_PORT, SYSLOG_TLS_PORT = 601, 6514
# How a line begins, as far as it was written.
_BEGINS: Final = (b'{"activity_id":', b"CEF:0|")
_BEGIN_BYTES: Final = 32
_ENTRY: Final = re.compile(rb'"sequence":([0-9]{1,16})[,}]|[ |]externalId=([0-9]{1,16})(?: |$)')


class Event(Protocol):
    """One event as it is written; ``number`` counts the events of one record from 0."""

    @property
    def text(self) -> str: ...
    @property
    def entry(self) -> int: ...
    @property
    def number(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def severity(self) -> int: ...
    @property
    def at(self) -> str: ...


class At(NamedTuple):
    """Where to go on: a record, and how many of its events are written already."""

    entry: int
    events: int = 0


class Sink(Protocol):
    """Takes events. ``at`` is where it stands; None if it cannot know."""

    at: At | None

    def take(self, events: Sequence[Event], *, next: int) -> None:
        """Write events of the records below ``next``. Raises StorageError, Unavailable."""

    def close(self) -> None:
        """No more of them."""


class Stream:
    """An open file, such as standard output, which nobody can read again."""

    at: At | None = None

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def take(self, events: Sequence[Event], *, next: int) -> None:
        """Write a line each."""
        self._write(b"".join(one.text.encode() + b"\n" for one in events))

    def close(self) -> None:
        """Nothing: it is somebody else's."""


class FileSink:
    """A file of lines, which says by its last ones where it ends."""

    def __init__(self, path: Path) -> None:
        """Raises StorageError; Malformed for a file of something else."""
        self._path = path
        self._is_torn = False
        try:
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._size = _whole(self._file, where=str(path))
            self.at = _end_of(self._file, self._size, where=str(path))
            self._file.truncate(self._size)
        except OSError as error:
            self.close()
            raise self._failed(error) from error
        except Malformed:
            self.close()
            raise

    def take(self, events: Sequence[Event], *, next: int) -> None:
        """Write a line each, and have the disk hold them; all of them, or none."""
        if not events:
            return
        left = memoryview(b"".join(one.text.encode() + b"\n" for one in events))
        size = self._size + len(left)
        try:
            if self._is_torn:
                self._file.truncate(self._size)
            self._is_torn = True
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failed(error) from error
        self._size, self._is_torn = size, False

    def _failed(self, error: OSError) -> StorageError:
        return StorageError("events cannot be written", where=str(self._path), got=error.strerror)

    def close(self) -> None:
        """Close it."""
        self._file.close()


def _whole(file: FileIO, *, where: str) -> int:
    """How much of a file is whole lines. Raises Malformed for one line that is none of ours."""
    size = file.seek(0, os.SEEK_END)
    end, length = size, TAIL_BYTES
    while end:
        start = max(0, size - length)
        file.seek(start)
        found = file.read(size - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end, length = start, 2 * length
    file.seek(0)
    torn = file.read(_BEGIN_BYTES)
    if not any(one.startswith(torn) or torn.startswith(one) for one in _BEGINS):
        raise _not_events(torn, where)
    return 0


def _end_of(file: FileIO, size: int, *, where: str) -> At | None:
    """The record of the last line, and how many lines are of it; None of an empty file."""
    if not size:
        return None
    length = TAIL_BYTES
    while True:
        start = max(0, size - length)
        file.seek(start)
        lines = file.read(size - start).splitlines()[0 if start == 0 else 1 :]
        entries = [_entry_in(line, where) for line in lines[-1:]]
        of_last = 0
        for line in reversed(lines):
            if _entry_in(line, where) != entries[0]:
                break
            of_last += 1
        if start == 0 or of_last < len(lines):
            return At(entries[0], of_last)
        length *= 2


def _entry_in(line: bytes, where: str) -> int:
    found = _ENTRY.search(line)
    if found is None:
        raise _not_events(line, where)
    return int(found[1] or found[2])


def _not_events(line: bytes, where: str) -> Malformed:
    return Malformed(
        "not a file of security events", where=where, got=line[:80],
        do="Name a file of its own: -o FILE",
    )  # fmt: skip


class Noted:
    """A file that holds where a sink goes on that cannot know it itself."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> At | None:
        """Where; None if nothing was noted yet. Raises Malformed, StorageError."""
        try:
            said = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(
                "where to go on cannot be read", where=str(self._path), got=error.strerror
            ) from error
        text = said.strip()
        if not text.isdigit() or len(text) > DIGITS_MAX:
            raise Malformed(
                "not where to go on", where=str(self._path), expected="the number of a record",
                got=said[:40],
            )  # fmt: skip
        return At(int(text))

    def write(self, entry: int) -> None:
        """Note it, whole or not at all. Raises StorageError."""
        try:
            replace_whole(self._path, b"%d\n" % entry)
        except OSError as error:
            raise StorageError(
                "where to go on cannot be noted", where=str(self._path), got=error.strerror
            ) from error


class Address(NamedTuple):
    """A SIEM's address."""

    host: str
    port: int
    is_tls: bool


def address_of(text: str) -> Address | None:
    """``tcp://HOST[:PORT]``, ``tls://…``; None for what is no address. Raises SettingError."""
    scheme, mark, _ = text.partition("://")
    if not mark:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    rest = "" if host is None else parts.path.strip("/") + parts.query + parts.fragment
    if scheme not in ("tcp", "tls") or not host or rest or (host and parts.username):
        raise SettingError(
            "not an address of a SIEM", expected="tcp://HOST:PORT or tls://HOST:PORT", got=text
        )
    is_tls = scheme == "tls"
    return Address(host, port or (SYSLOG_TLS_PORT if is_tls else SYSLOG_PORT), is_tls)


class SocketSink:
    """A SIEM. ``as_syslog``: each event is a message of RFC 5424 with its length before it, as CEF
    is sent; else a line.

    noted   where is noted what it took; None to note nothing
    ca      authorities of its certificate, if not the system's
    """

    def __init__(
        self,
        address: Address,
        *,
        as_syslog: bool,
        noted: Noted | None = None,
        ca: Path | None = None,
        host: str | None = None,
    ) -> None:
        """Raises SettingError for authorities that cannot be read, and as ``Noted.read``."""
        self._address, self._as_syslog, self._noted = address, as_syslog, noted
        self._host = host or socket.gethostname()
        self._connection: socket.socket | None = None
        self._context: ssl.SSLContext | None = None
        if address.is_tls:
            try:
                self._context = ssl.create_default_context(cafile=ca)
            except OSError as error:
                raise SettingError(
                    "authorities cannot be read", where=str(ca), got=str(error)
                ) from error
        self.at = None if noted is None else noted.read()

    def take(self, events: Sequence[Event], *, next: int) -> None:
        """Send them, on a new connection if there is none; then note where it goes on."""
        if events:
            try:
                self._open().sendall(b"".join(map(self._written, events)))
            except OSError as error:
                self.close()
                raise Unavailable(
                    "the SIEM does not take events",
                    where=f"{self._address.host}:{self._address.port}",
                    got=str(error) or type(error).__name__,
                ) from error
        if self._noted is not None:
            self._noted.write(next)

    def _open(self) -> socket.socket:
        if self._connection is not None and _is_gone(self._connection):
            self.close()
        if self._connection is None:
            host, port, _ = self._address
            plain = socket.create_connection((host, port), CONNECT_SECONDS)
            try:
                self._connection = (
                    plain if self._context is None
                    else self._context.wrap_socket(plain, server_hostname=host)
                )  # fmt: skip
            except OSError:
                plain.close()
                raise
        return self._connection

    def _written(self, event: Event) -> bytes:
        if not self._as_syslog:
            return event.text.encode() + b"\n"
        return syslog.framed(
            syslog.to_message(
                event.text, severity=event.severity, time=event.at, host=self._host,
                name=event.name, number=event.entry, version=__version__,
            )
        )  # fmt: skip

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _is_gone(connection: socket.socket) -> bool:
    """Whether the other end hung up: what is sent then is lost, and no error says so."""
    before = connection.gettimeout()
    connection.settimeout(0.0)
    try:
        if isinstance(connection, ssl.SSLSocket):
            return connection.recv(1) == b""
        return connection.recv(1, socket.MSG_PEEK) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(before)
