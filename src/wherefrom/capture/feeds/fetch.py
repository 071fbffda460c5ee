"""What lies at the address of a feed, in a file beside the log, asked for only if it changed.

    URL ──If-None-Match──► 304: the file that is kept
                       └─► 200: streamed to a new file, which takes its place when it is whole

Redirects are followed to ``https`` only. What was kept stays if anything fails.

Sizes:  BODY_BYTES_MAX a file · WAIT_SECONDS without a byte, WHOLE_SECONDS in all · REDIRECTS_MAX
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import httpx
import msgspec

from wherefrom.errors import LimitPassed, Malformed, StorageError, Unavailable
from wherefrom.formats.feed_settings import need_safe

BODY_BYTES_MAX: Final = 2 * 1024 * 1024 * 1024
DOCUMENT_BYTES_MAX: Final = 16 * 1024 * 1024
WAIT_SECONDS: Final = 30.0
WHOLE_SECONDS: Final = 900.0
REDIRECTS_MAX: Final = 5
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


class Kept(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is remembered of a feed from one look to the next; it may be forgotten any time.

    origin    of the log that documents were recorded in
    recorded  of each advisory the digest of its newest version that is in that log
    dated     of an index, when each of its documents was changed
    looked    when the last look ended well
    """

    origin: str = ""
    url: str = ""
    etag: str = ""
    last_modified: str = ""
    looked: str = ""
    recorded: dict[str, str] = {}
    dated: dict[str, str] = {}


class FeedFolder:
    """Where what is kept of one feed lies."""

    def __init__(self, folder: Path, name: str) -> None:
        self.body = folder / f"{name}.body"
        self._documents = folder / name
        self._state = folder / f"{name}.json"

    def document(self, id: str) -> Path:
        """Where a document of an index is kept. Raises Malformed."""
        return self._documents / f"{need_text_of_address(id)}.json"

    def read(self) -> Kept:
        """What is remembered; nothing of a file that cannot be read."""
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=Kept)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return Kept()

    def write(self, kept: Kept) -> None:
        """Remember. Raises StorageError."""
        try:
            with self.new(self._state) as path:
                path.write_bytes(msgspec.json.encode(kept))
        except OSError as error:
            raise StorageError(
                "what is known of a feed cannot be kept", where=str(self._state), got=str(error)
            ) from error

    @contextmanager
    def new(self, path: Path) -> Iterator[Path]:
        """A file to write that takes the place of ``path`` once it is whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


class Fetcher:
    """Asks for files by HTTP."""

    def __init__(self) -> None:
        self._client = httpx.Client(timeout=WAIT_SECONDS, follow_redirects=False)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def body(self, url: str, folder: FeedFolder, kept: Kept) -> bool:
        """Bring ``folder.body`` up to date; whether it changed.

        Raises Unavailable, LimitPassed, Malformed, StorageError.
        """
        headers = {}
        if kept.url == url and folder.body.exists():
            if kept.etag:
                headers["If-None-Match"] = kept.etag
            if kept.last_modified:
                headers["If-Modified-Since"] = kept.last_modified
        try:
            with self._answer(url, headers) as answer:
                if answer.status_code == 304 and headers:
                    return False
                _need_ok(answer, url)
                with folder.new(folder.body) as part, part.open("wb") as file:
                    for chunk in _bounded(answer, url, BODY_BYTES_MAX):
                        file.write(chunk)
                kept.url = url
                kept.etag = answer.headers.get("etag", "")[:1024]
                kept.last_modified = answer.headers.get("last-modified", "")[:128]
                return True
        except OSError as error:
            raise StorageError("a feed cannot be kept", where=url, got=str(error)) from error

    def document(self, url: str) -> bytes:
        """One document. Raises Unavailable, LimitPassed, Malformed."""
        with self._answer(url, {}) as answer:
            _need_ok(answer, url)
            return b"".join(_bounded(answer, url, DOCUMENT_BYTES_MAX))

    @contextmanager
    def _answer(self, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        # Only what is said to be on this machine may lead there.
        is_here = url.startswith("http:")
        try:
            for _ in range(REDIRECTS_MAX + 1):
                need_safe(url, where="address")
                if not is_here and not url.startswith("https:"):
                    raise Malformed("a feed that leads elsewhere", got=url, expected="https://…")
                with self._client.stream("GET", url, headers=headers) as answer:
                    if answer.status_code not in _MOVED:
                        yield answer
                        return
                    url = urljoin(url, answer.headers.get("location", ""))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(
                "the feed does not answer",
                where=url,
                got=str(error) or type(error).__name__,
                do="Try again later, and see whether this machine may reach it",
            ) from error
        raise Unavailable("the feed leads on and on", where=url,
                          expected=f"{REDIRECTS_MAX} redirects at most",
            do="Name where it ends up in feeds.json",
        )  # fmt: skip


def _need_ok(answer: httpx.Response, url: str) -> None:
    if answer.status_code != 200:
        raise Unavailable(
            "the feed is not there",
            where=url,
            got=f"HTTP {answer.status_code}",
            do="Open the address in feeds.json by hand, and correct it",
        )
    length = answer.headers.get("content-length", "")
    if length.isdecimal() and int(length) > BODY_BYTES_MAX:
        raise _too_large(url, BODY_BYTES_MAX)


def _bounded(answer: httpx.Response, url: str, bytes_max: int) -> Iterator[bytes]:
    until, size = time.monotonic() + WHOLE_SECONDS, 0
    for chunk in answer.iter_bytes():
        size += len(chunk)
        if size > bytes_max:
            raise _too_large(url, bytes_max)
        if time.monotonic() > until:
            raise Unavailable("the feed takes too long", where=url,
                              expected=f"{WHOLE_SECONDS:.0f} seconds",
                do="Try again later, or name a mirror that is nearer",
            )  # fmt: skip
        yield chunk


def _too_large(url: str, bytes_max: int) -> LimitPassed:
    return LimitPassed("the feed is too large", where=url, expected=f"{bytes_max} bytes")


def need_text_of_address(text: str) -> str:
    """An id that may stand in an address. Raises Malformed."""
    if not text or len(text) > 256 or not all(c.isalnum() or c in "-_.:" for c in text):
        raise Malformed("not the id of a document", got=text)
    return text
