"""Whose word counts where something is ended, silenced or measured by it.

    signed by somebody known, or by the log itself ──┐
    recorded by who holds the directory itself ──────┴─► it counts
    anything else that a token let in ─────────────────► it is shown, and ends and silences nothing

How far a record is believed is asked at the size of the log that is looked at: the word of a key that
was revoked does not count any more.
"""  # noqa: E501 - the picture

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from wherefrom.formats import entry
from wherefrom.formats.entry import LEVELS
from wherefrom.log.reader import LogReader
from wherefrom.views.graph import Lens, Snapshot

_KNOWN: Final = frozenset(LEVELS[1:])
_HERE: Final = "local:"


def is_known(level: str, producer: str) -> bool:
    """Whether a record of this trust, by this sender, is somebody's whose word counts."""
    return level in _KNOWN or producer.startswith(_HERE)


def that_count(
    entries: Collection[int], graph: Snapshot, lens: Lens, log: LogReader
) -> frozenset[int]:
    """Those of ``entries`` that are the word of somebody known; erased ones never are."""
    judged = graph.judgements(set(entries), lens)
    return frozenset(
        index for index, by in judged.items()
        if by.level in _KNOWN or is_known(by.level, _producer(log, index))
    )  # fmt: skip


def signed_by(entries: Collection[int], graph: Snapshot, lens: Lens, key: str) -> frozenset[int]:
    """Those that ``key`` signed, as far as it is believed."""
    judged = graph.judgements(set(entries), lens)
    return frozenset(index for index, by in judged.items() if key in by.signers)


def _producer(log: LogReader, index: int) -> str:
    return entry.parse(log.record(index).entry).producer
