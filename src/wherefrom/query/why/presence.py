"""Who was declared and never heard of: instances that a rollout added, and nobody measured.

Counted only where the service's instances are measured one by one; else silence says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from wherefrom.formats.why_case import Case, Change

GRACE_S: Final = 90.0  # so long a process may take to be heard of
GONE_S: Final = 150.0


class Presence(NamedTuple):
    """``never`` and ``stopped`` are shares of what was due, 0 to 1; ``silent`` are their names."""

    due: int
    silent: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def never(self) -> float:
        """Which share of what is due was never heard of."""
        return len(self.silent) / self.due if self.due else 0.0

    @property
    def stopped(self) -> float:
        """Which share was heard of, and is no more."""
        return len(self.gone) / self.due if self.due else 0.0


def presence(case: Case, changes: Sequence[Change]) -> dict[str, Presence]:
    """For each change, by id, which of its new instances speak."""
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    speaks: dict[str, int] = {}
    end = 0.0
    for s in case.series:
        if not len(s.times):
            continue
        end = max(end, s.times[-1])
        if s.instance:
            speaks.setdefault(s.service, 0)
            if s.instance not in first:
                speaks[s.service] += 1
            first[s.instance] = min(first.get(s.instance, s.times[0]), s.times[0])
            last[s.instance] = max(last.get(s.instance, s.times[-1]), s.times[-1])
    every = _distance(case)
    found = {}
    # By whomever: what a response takes away did not stop by itself.
    removed = {name for change in case.changes for step in change.steps for name in step.removed}
    for change in changes:
        due, silent, gone = 0, [], []
        measured = speaks.get(change.service or "", 0) > 0
        for step in change.steps if measured else ():
            if step.at > end - max(GRACE_S, 1.5 * every):
                continue
            for name in step.added:
                due += 1
                if name not in first:
                    silent.append(name)
                elif last[name] < end - max(GONE_S, 3 * every) and name not in removed:
                    gone.append(name)
        found[change.id] = Presence(due, tuple(silent), tuple(gone))
    return found


def _distance(case: Case) -> float:
    """About how far two samples lie apart."""
    longest = max(case.series, key=lambda s: len(s.times), default=None)
    if longest is None or len(longest.times) < 2:
        return 60.0
    return (longest.times[-1] - longest.times[0]) / (len(longest.times) - 1)
