"""Changes, told to whoever draws them: when they begin, and once more, whole, when they are over.

    log grown ──at most every EVERY_SECONDS──► what changed in the last day
         began since it was told last ──► a moment          quiet for SETTLED_SECONDS ──► from … to

A change that was over at once is a moment alone. What was told is a file beside the spool; without
it nothing of the past is told. Messages go into the spool before the file moves, so after a crash
some are told again, under the same id.

Sizes:  what happened up to BACK_SECONDS ago
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from wherefrom.errors import Error, StorageError
from wherefrom.formats import timestamps
from wherefrom.formats.grafana_annotations import Annotation
from wherefrom.formats.notify_settings import NotifySettings
from wherefrom.log.reader import LogReader
from wherefrom.notify import Message, Spool
from wherefrom.notify.grafana import TYPE
from wherefrom.notify.message import id_of
from wherefrom.query.annotations import annotated
from wherefrom.query.candidates import Candidate
from wherefrom.query.reality import Reality
from wherefrom.storage.whole_file import replace_whole

EVERY_SECONDS: Final = 5.0
SETTLED_SECONDS: Final = 120.0
BACK_SECONDS: Final = 86_400.0


class _ToldTo(msgspec.Struct, frozen=True):
    """``size``: entries below it were told; ``over``: changes that ended before it were (ms)."""

    size: int
    over: int


class Annotating:
    """Tells the changes of one log to every Grafana of the settings; one thread's.

    reality  gives what answers, once it is needed for the first time
    clock    s since 1970
    """

    def __init__(
        self,
        log: LogReader,
        reality: Callable[[], Reality],
        spool: Spool,
        settings: Callable[[], NotifySettings],
        path: Path,
        *,
        on_trouble: Callable[[str], None] = lambda says: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._log, self._open, self._spool, self._settings = log, reality, spool, settings
        self._path, self._on_trouble, self._clock = path, on_trouble, clock
        self._reality: Reality | None = None
        self._looked, self._said = float("-inf"), ""

    def look(self) -> None:
        """Tell what is new, if it is time, and if there is anybody to tell."""
        now = time.monotonic()
        if now - self._looked < EVERY_SECONDS or not self._settings().grafana:
            return
        self._looked = now
        try:
            self.once()
            self._said = ""
        except Error as error:
            if str(error) != self._said:
                self._said = str(error)
                self._on_trouble(f"annotations wait: {error}")

    def once(self) -> int:
        """Tell what is new; how many annotations that were.

        Raises Unavailable while views are not there, StorageError.
        """
        now = self._clock()
        before = self._read()
        if before is None:
            self._keep(_ToldTo(self._log.refresh().size, int((now - SETTLED_SECONDS) * 1000)))
            return 0
        self._reality = self._reality or self._open()
        found = annotated(
            self._reality, since=_text(now - BACK_SECONDS), until=_text(now + 1),
            url=self._settings().url,
        )  # fmt: skip
        settled = int((now - SETTLED_SECONDS) * 1000)
        told = 0
        for one, annotation in found.changes:
            for stage, drawn in _stages(one, annotation, before, settled):
                told += self._tell(one, stage, drawn)
        self._keep(_ToldTo(max(before.size, found.size), max(before.over, settled)))
        return told

    def _tell(self, one: Candidate, stage: str, annotation: Annotation) -> bool:
        environment = one.first.environment
        receivers = [to.name for to in self._settings().grafana if to.draws(environment)]
        message = Message(
            id=id_of(TYPE, self._log.origin, one.change.id, stage),
            type=TYPE,
            timestamp=_text(self._clock()),
            data=annotation.to_post(),
        )
        if receivers:
            self._spool.put(message, receivers)
        return bool(receivers)

    def _read(self) -> _ToldTo | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_ToldTo)
        except (OSError, ValueError):
            return None

    def _keep(self, told: _ToldTo) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_whole(self._path, msgspec.json.encode(told))
        except OSError as error:
            raise StorageError(
                "it cannot be kept what was told", where=str(self._path), got=error.strerror
            ) from error


def _stages(
    one: Candidate, annotation: Annotation, before: _ToldTo, settled: int
) -> Iterator[tuple[str, Annotation]]:
    """What is to be told of a change now: that it began, and from when to when it went."""
    if one.first.entry >= before.size:
        yield "began", msgspec.structs.replace(annotation, until=None)
    if annotation.until is not None and before.over <= annotation.until < settled:
        yield "over", annotation


def _text(seconds: float) -> str:
    return timestamps.of_micros(int(seconds * 1e6))
