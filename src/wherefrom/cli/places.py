"""The two kinds of places a command works on, behind one contract: a directory and a server.

    Where ──► reading(where) ──► Local(directory) or Remote(url): questions
          ──► writing(where) ──► the same: records, keys, erasure

Both give the same values, so a command does not know where it works. A directory that a server
holds is read directly and written through that server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from wherefrom.cli.settings import Where

if TYPE_CHECKING:
    from wherefrom.keys.keyring import KnownKey
    from wherefrom.log.recorder import Outcome
    from wherefrom.query.answers import Found, Path, Shown, Trace
    from wherefrom.query.desk import LogStatus, Proof, TraceOptions
    from wherefrom.verify.evidence_file import Report


class LogAt(NamedTuple):
    """A log's size and root (hex) after writing."""

    size: int
    root: str


class KeyChanged(NamedTuple):
    """A key's new state, and how many entries were judged again for it."""

    key: KnownKey
    judged_again: int


class Reading(Protocol):
    """Where questions are asked. Each may raise NotFound, Ambiguous, Unavailable."""

    def trace(self, text: str, options: TraceOptions) -> Trace: ...

    def path(self, a: str, b: str, options: TraceOptions) -> Path: ...

    def show(self, text: str, options: TraceOptions) -> Shown: ...

    def find(self, text: str, *, as_of: int | None) -> Found: ...

    def verify(self, text: str) -> Report: ...

    def prove(self, text: str, *, whole_trace: bool, content: bool) -> Proof: ...

    def status(self) -> LogStatus: ...

    def keys(self) -> Sequence[KnownKey]: ...


class Writing(Protocol):
    """Where changes are made.

    ``record`` gives one outcome for each content, in order. ``position`` is where the log is
    after the last of these. ``close`` returns once what was written can be asked about, or the
    place is too busy to say so.
    """

    def record(self, contents: Sequence[bytes]) -> Sequence[Outcome]: ...

    def change_key(
        self,
        *,
        action: str,
        pem: bytes | None,
        key: str | None,
        names: tuple[str, ...],
        reason: str,
    ) -> KeyChanged: ...

    def erase(self, index: int, *, reason: str) -> int: ...

    def position(self) -> LogAt: ...


@contextmanager
def reading(where: Where) -> Iterator[Reading]:
    """Open a place for questions. Raises NotFound, Unavailable."""
    if where.server is not None:
        from wherefrom.cli.remote import Remote

        with Remote(where) as remote:
            yield remote
    else:
        from wherefrom.cli.local import LocalReading

        yield LocalReading(where.data)


@contextmanager
def writing(where: Where, *, create: bool = False) -> Iterator[Writing]:
    """Open a place for changes; ``create`` starts a log where there is none.

    Raises NotFound, Unavailable.
    """
    through = where
    if where.server is None:
        from wherefrom.cli.local import server_of

        through = server_of(where)
    if through.server is not None:
        from wherefrom.cli.remote import Remote

        with Remote(through) as remote:
            yield remote
            remote.wait_until_answered()
    else:
        from wherefrom.cli.local import open_local_writing

        with open_local_writing(where.data, create=create) as local:
            yield local
