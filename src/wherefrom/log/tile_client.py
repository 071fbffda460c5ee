"""A tlog-tiles log over HTTP, as whoever follows it reads it. Nothing is checked here.

    <prefix>/checkpoint   <prefix>/tile/<L>/<N>[.p/<W>]   <prefix>/tile/entries/<N>[.p/<W>]

A partial tile that is gone is read from the full one that took its place.

Whoever serves it may mean ill: an answer has a limit in bytes and in time, and is never unpacked.

Sizes:  a checkpoint is at most 1 MB, a tile 8 KiB, a bundle 16 MiB, contents what their entries say
Source: C2SP tlog-tiles
"""

from __future__ import annotations

import io
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, NamedTuple

import httpx
import msgspec

from wherefrom.errors import NotFound, Unavailable
from wherefrom.formats.note import NOTE_BYTES_MAX
from wherefrom.formats.tiles import decode_bundle, entries_path, tile_path
from wherefrom.log.contents import ENTRIES_HEADER, contents_path
from wherefrom.merkle.hashing import HASH_BYTES
from wherefrom.merkle.tree import TILE_BYTES, TILE_WIDTH

TIMEOUT_SECONDS: Final = 30.0
_BUNDLE_BYTES_MAX: Final = TILE_WIDTH * (2 + 65_535)
_KEYS_BYTES_MAX: Final = 16 * 1024 * 1024
# What is larger than this waits on the disk.
_IN_MEMORY_BYTES: Final = 16 * 1024 * 1024
# An answer takes so long at most, and a second more for so many bytes.
ANSWER_SECONDS_MAX: Final = 60.0
_BYTES_EACH_SECOND: Final = 64 * 1024


class ContentsPart(NamedTuple):
    """Contents of the entries of a bundle, as they came.

    first  the index of the entry that they begin with; None for the bundle's own first
    """

    first: int | None
    file: IO[bytes]


class _LogKeys(msgspec.Struct):
    notes: list[str]


class TileClient:
    """The log below a URL; connections are kept open."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        """``token`` may read contents, of a log that is ours."""
        self.url = url.rstrip("/")
        # What was packed could be a thousand times as much.
        headers = {"Accept-Encoding": "identity"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        verify: Any = True
        if self.url.startswith("http://"):
            verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading authorities takes 30 ms
        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS, follow_redirects=True, verify=verify, headers=headers
        )

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint. Raises Unavailable, also if there is none."""
        try:
            return self._get("checkpoint", NOTE_BYTES_MAX)
        except NotFound as error:
            raise Unavailable(
                "no log at this address", where=error.where, do="The URL is that above /checkpoint"
            ) from error

    def tile(self, level: int, n: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile. Raises Unavailable."""
        written = self._whole_or_part(
            tile_path(level, n, width), tile_path(level, n), width, TILE_BYTES
        )
        return written[: width * HASH_BYTES]

    def bundle(self, n: int, width: int) -> list[bytes]:
        """The first ``width`` entries of a bundle. Raises Unavailable, Malformed."""
        path = entries_path(n, width)
        written = self._whole_or_part(path, entries_path(n), width, _BUNDLE_BYTES_MAX)
        return decode_bundle(written, where=f"{self.url}/{path}")[:width]

    @contextmanager
    def contents(self, n: int, width: int, *, skip: int, bytes_max: int) -> Iterator[ContentsPart]:
        """What the first ``width`` entries of a bundle commit to (``log.contents``), those from
        ``skip`` on if the log can begin there. Raises Unavailable, also where they are not given.
        """
        path = contents_path(n, width)
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
            try:
                headers = self._read(f"{path}?from={skip}" if skip else path, bytes_max, file)
            except NotFound as error:
                raise Unavailable(
                    "the log does not give its contents", where=error.where,
                    do="Is the token one that may read? Is it a log of ours, or its export?",
                ) from error  # fmt: skip
            file.seek(0)
            said = headers.get(ENTRIES_HEADER, "").partition(" ")[0]
            is_index = said.isascii() and said.isdecimal() and len(said) <= 16
            yield ContentsPart(int(said) if is_index else None, file)

    def log_keys(self) -> list[str]:
        """Each change of the log's keys, signed (``formats.log_keys``); none of a log that is not
        ours. Raises Unavailable."""
        try:
            written = self._get("v1/log/keys", _KEYS_BYTES_MAX)
        except NotFound:
            return []
        try:
            return msgspec.json.decode(written, type=_LogKeys).notes
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _whole_or_part(self, path: str, full: str, width: int, bytes_max: int) -> bytes:
        try:
            try:
                return self._get(path, bytes_max)
            except NotFound:
                if width == TILE_WIDTH:
                    raise
                return self._get(full, bytes_max)
        except NotFound as error:
            raise Unavailable(
                "the log does not serve a tile that its checkpoint speaks of",
                where=error.where,
                do="Keep the checkpoint, and ask whoever runs it: it cannot show what it signed",
            ) from error

    def _get(self, path: str, bytes_max: int) -> bytes:
        file = io.BytesIO()
        self._read(path, bytes_max, file)
        return file.getvalue()

    def _read(self, path: str, bytes_max: int, into: IO[bytes]) -> httpx.Headers:
        """Write an answer into a file; returns its headers."""
        url = f"{self.url}/{path}"
        began, size = time.monotonic(), 0
        try:
            with self._client.stream("GET", url) as answer:
                _need_readable(answer, url)
                for piece in answer.iter_raw():
                    size += len(piece)
                    if size > bytes_max:
                        raise Unavailable(
                            "the log answers too much",
                            where=url,
                            expected=f"{bytes_max} bytes",
                            do="Ask whoever runs it: a tile is never so large",
                        )
                    if time.monotonic() - began > ANSWER_SECONDS_MAX + size / _BYTES_EACH_SECOND:
                        raise Unavailable(
                            "the log answers too slowly", where=url,
                            got=f"{size} bytes in {ANSWER_SECONDS_MAX:.0f} seconds and more",
                            do="Try again later",
                        )  # fmt: skip
                    into.write(piece)
                return answer.headers
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(
                "the log does not answer",
                where=url,
                got=str(error) or type(error).__name__,
                do="Try again later; is its address right, without /checkpoint?",
            ) from error


def _need_readable(answer: httpx.Response, url: str) -> None:
    if answer.status_code in (404, 410):
        raise NotFound("not served", where=url)
    if answer.status_code in (401, 403):
        raise Unavailable(
            "the log does not let us read this", where=url,
            got=f"HTTP {answer.status_code}", do="Give a token that may read there",
        )  # fmt: skip
    if answer.status_code != 200:
        raise Unavailable(
            "the log does not answer",
            where=url,
            got=f"HTTP {answer.status_code}",
            do="Try again later; is its address right, without /checkpoint?",
        )
    packed = answer.headers.get("Content-Encoding", "identity")
    if packed != "identity":
        raise Unavailable(
            "the log answers packed, which it was not asked for", where=url, got=packed[:80],
            expected="Accept-Encoding: identity to be heeded",
            do="Ask whoever runs it to serve tiles as they are",
        )  # fmt: skip
