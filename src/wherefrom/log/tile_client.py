"""A tlog-tiles log over HTTP, as whoever follows it reads it. Nothing is checked here.

    <prefix>/checkpoint   <prefix>/tile/<L>/<N>[.p/<W>]   <prefix>/tile/entries/<N>[.p/<W>]

A partial tile that is gone is read from the full one that took its place.

Sizes:  a checkpoint is at most 1 MB, a tile 8 KiB, a bundle 16 MiB
Source: C2SP tlog-tiles
"""

from __future__ import annotations

import ssl
from typing import Any, Final

import httpx
import msgspec

from wherefrom.errors import NotFound, Unavailable
from wherefrom.formats.note import NOTE_BYTES_MAX
from wherefrom.formats.tiles import decode_bundle, entries_path, tile_path
from wherefrom.log.contents import FOLDER
from wherefrom.merkle.hashing import HASH_BYTES
from wherefrom.merkle.tree import TILE_BYTES, TILE_WIDTH

TIMEOUT_SECONDS: Final = 30.0
_BUNDLE_BYTES_MAX: Final = TILE_WIDTH * (2 + 65_535)
CONTENTS_BYTES_MAX: Final = 512 * 1024 * 1024
_KEYS_BYTES_MAX: Final = 16 * 1024 * 1024


class _LogKeys(msgspec.Struct):
    notes: list[str]


class TileClient:
    """The log below a URL; connections are kept open."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        """``token`` may read contents, of a log that is ours."""
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
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

    def contents(self, n: int, width: int) -> bytes:
        """What the first ``width`` entries of a bundle commit to (``log.contents``). Raises
        Unavailable, also where they are not given."""
        path = FOLDER + entries_path(n, width).removeprefix("tile/entries")
        try:
            return self._get(path, CONTENTS_BYTES_MAX)
        except NotFound as error:
            raise Unavailable(
                "the log does not give its contents", where=error.where,
                do="Is the token one that may read? Is it a log of ours, or its export?",
            ) from error  # fmt: skip

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
                "the log does not serve a tile that its checkpoint speaks of", where=error.where
            ) from error

    def _get(self, path: str, bytes_max: int) -> bytes:
        url = f"{self.url}/{path}"
        try:
            with self._client.stream("GET", url) as answer:
                if answer.status_code in (404, 410):
                    raise NotFound("not served", where=url)
                if answer.status_code in (401, 403):
                    raise Unavailable(
                        "the log does not let us read this", where=url,
                        got=f"HTTP {answer.status_code}", do="Give a token that may read there",
                    )  # fmt: skip
                if answer.status_code != 200:
                    raise Unavailable(
                        "the log does not answer", where=url, got=f"HTTP {answer.status_code}"
                    )
                read = bytearray()
                for piece in answer.iter_bytes():
                    read += piece
                    if len(read) > bytes_max:
                        raise Unavailable(
                            "the log answers too much", where=url, expected=f"{bytes_max} bytes"
                        )
                return bytes(read)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(
                "the log does not answer", where=url, got=str(error) or type(error).__name__
            ) from error
