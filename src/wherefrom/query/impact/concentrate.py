"""Where trouble concentrates: the shortest descriptions that set the bad apart from the good.

    cells by artifact, bundle, flag, pool, region ──► every value, and every few of them together
                                                      │  1. which does worse than all the rest?
                                                      │  2. which of these tells most for its size?
                                                      ▼  3. take its cells away, ask again
                                                   Concentration …, the first explains most

Errors are counted; of latency, the requests slower than an objective are. So one arithmetic serves
both. What tells more is what makes the counts likelier: a pair is chosen over one of its two only
if it is worth its length, log(all descriptions) for each label.

Sizes:  10,000 cells · 8 labels each · LABELS_MAX together · FINDS_MAX finds
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import log
from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed
from wherefrom.query.impact.doubt import Lift, falsely_found, lift

CELLS_MAX: Final = 10_000
LABELS_OF_A_CELL_MAX: Final = 8
LABELS_MAX: Final = 3
FINDS_MAX: Final = 10
FALSE_MAX: Final = 0.05

_Where = tuple[tuple[str, str], ...]


class Cell(NamedTuple):
    """Requests with these labels: ``bad`` of ``total`` failed, or were too slow."""

    labels: Mapping[str, str]
    bad: float
    total: float


class Concentration(NamedTuple):
    """A place where it goes bad more often than elsewhere.

    lift    against what is left once earlier finds are taken away
    q       the share of false finds, if all of at most this q are believed
    covers  share of all that went bad which lies here, 0 to 1
    """

    where: Mapping[str, str]
    bad: float
    total: float
    other_bad: float
    other_total: float
    lift: Lift
    q: float
    covers: float


def concentrate(cells: Sequence[Cell], *, together: int = 2) -> list[Concentration]:
    """The places that explain most of what went bad, first the one that explains most.

    cells     at most CELLS_MAX, each with at most LABELS_OF_A_CELL_MAX labels
    together  how many labels a place may have at most, to LABELS_MAX

    Raises LimitPassed for too many; ValueError for counts that cannot be.
    """
    _check(cells, together)
    all_bad = sum(cell.bad for cell in cells)
    left = [cell for cell in cells if cell.total > 0]
    found: list[Concentration] = []
    while left and len(found) < FINDS_MAX:
        best = _most_telling(left, together, all_bad)
        if best is None:
            break
        found.append(best)
        left = [c for c in left if not best.where.items() <= c.labels.items()]
    return found


def _check(cells: Sequence[Cell], together: int) -> None:
    if not 1 <= together <= LABELS_MAX:
        raise ValueError(f"{together} labels together, expected 1 to {LABELS_MAX}")
    if len(cells) > CELLS_MAX:
        raise LimitPassed("too many cells to compare", expected=f"{CELLS_MAX}", got=f"{len(cells)}")
    for cell in cells:
        if len(cell.labels) > LABELS_OF_A_CELL_MAX:
            raise LimitPassed(
                "a cell has too many labels", expected=f"{LABELS_OF_A_CELL_MAX}",
                got=f"{len(cell.labels)}",
            )  # fmt: skip
        if not 0 <= cell.bad <= cell.total:
            raise ValueError(f"{cell.bad} bad of {cell.total} cannot be")


def _most_telling(cells: Sequence[Cell], together: int, all_bad: float) -> Concentration | None:
    bad, total = sum(c.bad for c in cells), sum(c.total for c in cells)
    counts: dict[_Where, tuple[float, float]] = {}
    for cell in cells:
        for where in _places(cell, together):
            before = counts.get(where, (0.0, 0.0))
            counts[where] = before[0] + cell.bad, before[1] + cell.total
    # A place that holds everything is set apart from nothing.
    places = sorted(where for where, (_, here) in counts.items() if here < total)
    others = [_rest(*counts[where], bad, total) for where in places]
    lifts = [lift(*counts[w], *rest) for w, rest in zip(places, others, strict=True)]
    false = falsely_found([one.p for one in lifts])
    best, most = None, 0.0
    for where, rest, one, q in zip(places, others, lifts, false, strict=True):
        here_bad, here = counts[where]
        told = _told(here_bad, here) + _told(*rest) - _told(bad, total)
        worth = told - len(where) * log(len(counts))
        if one.low > 1 and q <= FALSE_MAX and worth > most:
            most = worth
            covers = here_bad / all_bad if all_bad else 0.0
            best = Concentration(dict(where), here_bad, here, *rest, one, q, covers)
    return best


def _rest(here_bad: float, here: float, bad: float, total: float) -> tuple[float, float]:
    """What is bad elsewhere, and of how many: rounding may not make it more than all."""
    return min(bad - here_bad, total - here), total - here


def _places(cell: Cell, together: int) -> Iterator[_Where]:
    labels = sorted(cell.labels.items())
    for size in range(1, together + 1):
        yield from combinations(labels, size)


def _told(bad: float, total: float) -> float:
    """The log-likelihood of so many bad under their own share; 0 where all are alike."""
    good = total - bad
    return sum(part * log(part / total) for part in (bad, good) if part > 0)
