"""The shape of the answer about a canary; its JSON is what doors send.

canary ──► Canary   a verdict, the measures it follows from, and what the two sides have apart
"""

from __future__ import annotations

import msgspec

from wherefrom.formats.canary import CanaryApart, CanarySide, CanaryVerdict, LogAt, Measure
from wherefrom.query.answers import LogPosition


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, ``pass``, ``fail`` or ``undecided``.

    since    when the canary began; ``until`` when was looked last
    apart    what only the canary has, by the records ``entries``
    reasons  a line a measure; ``says`` what else to know
    """

    service: str
    environment: str
    verdict: str
    since: str
    until: str
    log: LogPosition
    as_of: int
    alpha: float
    canary: CanarySide
    baseline: CanarySide
    apart: list[CanaryApart]
    entries: list[int]
    measures: list[Measure]
    reasons: list[str]
    says: list[str]

    @property
    def record(self) -> CanaryVerdict:
        """The verdict as it is recorded."""
        return CanaryVerdict(
            service=self.service, environment=self.environment, since=self.since, until=self.until,
            verdict=self.verdict, alpha=self.alpha, canary=self.canary, baseline=self.baseline,
            log=LogAt(origin=self.log.origin, size=self.as_of,
                      root=self.log.root if self.as_of == self.log.size else None),
            apart=self.apart, measures=self.measures,
        )  # fmt: skip
