"""Cases as examples: the same road as the command takes, up to the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.why.fit import Example
from bench.why.simulate import Incident, simulate
from wherefrom.query.why.asof import candidates, known_by
from wherefrom.query.why.features import measure


def example(incident: Incident, name: str, weight: float = 1.0) -> Example:
    """An incident in numbers, as known at the moment of the question."""
    case = known_by(incident.case, incident.asked)
    could, _ = candidates(case)
    measured = measure(case, could)
    ids = [change.id for change in could]
    truth = ids.index(incident.culprit) if incident.culprit else len(ids)
    return Example(name, incident.kind, measured.matrix(), measured.none_row(), truth, weight)


def simulated(seeds: Iterable[int], *, beside: bool = False) -> Iterator[Example]:
    """The incidents of these seeds; ``beside``: of rollouts that stay side by side."""
    for seed in seeds:
        yield example(simulate(seed, beside=beside), f"simulated/{seed}")
