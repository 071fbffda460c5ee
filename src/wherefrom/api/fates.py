"""What became of each record of a body: counted as it comes, written down, answered at the end.

    items of a part ──► counts, the first item
                   └──► JSON ──► memory, then a file ──► {"items": [ … ], "log": …}

A body of a hundred megabytes may hold a million records, and its answer be larger than it: what
waits for the last record to be judged lies in a file once it is no longer small.

Sizes:  MEMORY_BYTES stay in memory · an answer is sent in pieces of PIECE_BYTES
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import IO, Any, Final

import msgspec
from starlette.responses import Response, StreamingResponse

from wherefrom.api.problem_object import STATUSES

MEMORY_BYTES: Final = 1024 * 1024
PIECE_BYTES: Final = 256 * 1024
_ENCODER: Final = msgspec.json.Encoder()


class Item(msgspec.Struct):
    """One record's fate, as HTTP answers it."""

    status: str
    index: int | None = None
    content: str | None = None
    code: str | None = None
    reason: str | None = None
    receipt: str | msgspec.UnsetType = msgspec.UNSET  # there if it was asked for


# What is answered of some items, of which the first has this place in the body.
Shown = Callable[[int, Sequence[Item]], Sequence[Any]]


class Fates:
    """The fate of every record of one body, in order.

    first   the first item; None before there is one
    counts  how many have each (status, code)
    """

    def __init__(self, shown: Shown = lambda first, items: items) -> None:
        self.first: Item | None = None
        self.counts: Counter[tuple[str, str | None]] = Counter()
        self._shown = shown
        self._written: list[bytes] = []
        self._size = 0
        self._file: IO[bytes] | None = None

    def add(self, items: Sequence[Item]) -> None:
        """Take up the next items; at least one."""
        self.first = self.first or items[0]
        shown = self._shown(self.counts.total(), items)
        self.counts.update((item.status, item.code) for item in items)
        if not shown:
            return
        written = _ENCODER.encode(shown)[1:-1]
        comma = b"," if self._size else b""
        self._size += len(comma) + len(written)
        if self._file is None and self._size > MEMORY_BYTES:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ``close``
            self._file.writelines(self._written)
            self._written = []
        if self._file is None:
            self._written += (comma, written)
        else:
            self._file.writelines((comma, written))

    def close(self) -> None:
        """Give the file back; nothing is answered after that."""
        if self._file is not None:
            self._file.close()

    @property
    def refused(self) -> int:
        """How many were refused."""
        return sum(n for (status, _), n in self.counts.items() if status == "refused")

    def status(self) -> int:
        """201 all new, 200 all known, 207 mixed, else the status of the first refusal."""
        kinds = {status for status, _ in self.counts}
        if kinds == {"recorded"}:
            return 201
        if kinds == {"known"}:
            return 200
        if kinds == {"refused"} and self.first is not None:
            return STATUSES.get(self.first.code or "refused", 422)
        return 207

    def answer(self, name: str, others: dict[str, Any], status: int) -> Response:
        """A JSON object: what was shown, as an array under ``name``, and then ``others``."""
        head = b'{"' + name.encode() + b'":['
        rest = _ENCODER.encode(others)[1:]
        tail = b"]" + (b"," if others else b"") + rest
        if self._file is None:
            whole = b"".join([head, *self._written, tail])
            return Response(whole, status, media_type="application/json")
        length = len(head) + self._size + len(tail)
        return StreamingResponse(
            self._pieces(self._file, head, tail),
            status,
            {"Content-Length": str(length)},
            media_type="application/json",
        )

    async def _pieces(self, file: IO[bytes], head: bytes, tail: bytes) -> AsyncIterator[bytes]:
        with file:
            file.seek(0)
            yield head
            while piece := file.read(PIECE_BYTES):
                yield piece
            yield tail
