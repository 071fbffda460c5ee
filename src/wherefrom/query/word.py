"""Whose word counts where something is ended, silenced or measured by it.

    signed by somebody known, or by the log itself ─────────┐
    recorded by who holds the directory, an administrator ──┴─► it counts
    anything else that a token let in ────────────────────────► is shown, and ends and silences nothing

How far a record is believed is asked at the size of the log that is looked at: the word of a key that
was revoked does not count any more, nor does that of an administrator whose token is.
"""  # noqa: E501 - the picture

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from wherefrom.formats import entry
from wherefrom.formats.entry import LEVELS
from wherefrom.log.reader import LogReader
from wherefrom.views.graph import Lens, Snapshot

_KNOWN: Final = frozenset(LEVELS[1:])
_HERE: Final = "local:"


class Words:
    """Says whose word counts in one log.

    administrators  the producers, as entries write them, that administer it now
    """

    def __init__(
        self,
        log: LogReader,
        administrators: Callable[[], Collection[str]] = lambda: (),
    ) -> None:
        self._log, self._administrators = log, administrators

    def administrators(self) -> frozenset[str]:
        """The producers that administer it now."""
        return frozenset(self._administrators())

    def count(self, level: str, producer: str) -> bool:
        """Whether a record of this trust, by this sender, is somebody's whose word counts."""
        return level in _KNOWN or _is_here(producer, self.administrators())

    def that_count(self, entries: Collection[int], graph: Snapshot, lens: Lens) -> frozenset[int]:
        """Those of ``entries`` that are the word of somebody known."""
        judged = graph.judgements(set(entries), lens)
        found = {index for index, by in judged.items() if by.level in _KNOWN}
        if others := judged.keys() - found:
            here = self.administrators()
            found |= {index for index in others if _is_here(self._producer(index), here)}
        return frozenset(found)

    def _producer(self, index: int) -> str:
        return entry.parse(self._log.record(index).entry).producer


def _is_here(producer: str, administrators: Collection[str]) -> bool:
    return producer.startswith(_HERE) or producer in administrators


def signed_by(entries: Collection[int], graph: Snapshot, lens: Lens, key: str) -> frozenset[int]:
    """Those that ``key`` signed, as far as it is believed."""
    judged = graph.judgements(set(entries), lens)
    return frozenset(index for index, by in judged.items() if key in by.signers)
