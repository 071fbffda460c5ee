"""What a key vouched for and no longer does, and what of it runs: the list after a compromise.

    key ──► entries that lost it as a signer ──► what they describe ──► what deploys or runs that

Things that run come first, then by entry.

Sizes:  ENTRIES_MAX entries, SUBJECTS_MAX subjects each; a walk down of DEPTH levels from each
"""

from __future__ import annotations

from typing import Final

import msgspec

from wherefrom.query.answers import LogPosition, log_of
from wherefrom.query.summary import summaries
from wherefrom.query.walk import Bounds, Walk
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.schema import DESCRIBES, RELATION_NUMBERS

ENTRIES_MAX: Final = 1_000
SUBJECTS_MAX: Final = 100
_DEPTH: Final = 8
_NODES_MAX: Final = 2_000
_RUNNING: Final = frozenset(RELATION_NUMBERS[name] for name in ("deploys", "runs"))


class LostSubject(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that an entry describes. ``runs`` are ids of what deploys or runs it, or what was
    made of it; ``trust`` is how far the entry is believed now."""

    entry: int
    type: str
    trust: str
    id: str
    kind: str
    name: str | None
    runs: list[str]


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """What hangs on one key; ``truncated`` if there is more than is listed."""

    key: str
    entries: int
    subjects: list[LostSubject]
    truncated: bool
    log: LogPosition


def lost(snapshot: Snapshot, key: str, *, as_of: int | None = None) -> Lost:
    """Everything that the key with the id ``key`` vouched for and no longer does."""
    lens = snapshot.lens(as_of=as_of)
    entries = snapshot.lost_signer(key, lens, ENTRIES_MAX + 1)
    truncated = len(entries) > ENTRIES_MAX
    entries = entries[:ENTRIES_MAX]
    judged = snapshot.judgements(entries, lens)
    subjects: list[LostSubject] = []
    for entry in entries:
        described = _described(snapshot, entry, lens)
        truncated |= len(described) > SUBJECTS_MAX
        told = summaries(snapshot, described[:SUBJECTS_MAX], lens)
        ids = snapshot.ids(told)
        subjects += [
            LostSubject(
                entry=entry,
                type=judged[entry].type,
                trust=judged[entry].level,
                id=ids[node],
                kind=summary.kind,
                name=summary.name,
                runs=_running(snapshot, node, lens),
            )
            for node, summary in told.items()
        ]
    subjects.sort(key=lambda s: (not s.runs, s.entry))
    return Lost(
        key=key,
        entries=len(entries),
        subjects=subjects,
        truncated=truncated,
        log=log_of(snapshot),
    )


def _described(snapshot: Snapshot, entry: int, lens: Lens) -> list[int]:
    document = snapshot.document(entry)
    if document is None:
        return []
    steps = snapshot.steps([document], lens, up=True, only=DESCRIBES, rows_max=SUBJECTS_MAX + 1)
    return [step.cause for step in steps]


def _running(snapshot: Snapshot, node: int, lens: Lens) -> list[str]:
    bounds = Bounds(depth_max=_DEPTH, nodes_max=_NODES_MAX)
    walk = Walk(snapshot, lens, [node], up=False, bounds=bounds)
    walk.run()
    running = {effect for effect, relation, _ in walk.edges if relation in _RUNNING}
    return sorted(snapshot.ids(running).values())
