"""How good a ranking is: top 1, top 3, mean reciprocal rank, each with what chance would allow.

Intervals are of the bootstrap over cases: 95 of 100 redrawn sets of as many cases lie within.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from bench.why.fit import Example
from wherefrom.query.why.features import NAMES
from wherefrom.query.why.grid import Floats
from wherefrom.query.why.model import Model, posterior

DRAWS: Final = 2_000
Ranker = Callable[[Example], Floats]


class Score(NamedTuple):
    """Three figures, each with the ends of its interval."""

    cases: int
    top1: tuple[float, float, float]
    top3: tuple[float, float, float]
    mrr: tuple[float, float, float]


def by_model(model: Model) -> Ranker:
    """Rank by the posterior; the last place is none of them."""

    def rank(example: Example) -> Floats:
        changes, none = posterior(model, example.features, example.none)
        return np.append(changes, none)

    return rank


def by_feature(*signed: str) -> Ranker:
    """Rank by a sum of plain features, each with its sign; none of them comes last."""

    def rank(example: Example) -> Floats:
        total = sum(
            (-1 if name[0] == "-" else 1) * example.features[:, NAMES.index(name.strip("-"))]
            for name in signed
        )
        return np.append(total, -np.inf)

    return rank


BASELINES: Final[dict[str, Ranker]] = {
    "recency": by_feature("-long_before", "-too_late"),
    "topology only": by_feature("near", "above"),
    "lift only": by_feature("new_fails", "new_waits", "new_burns", "new_holds"),
}


def place_of_truth(scores: Floats, truth: int) -> float:
    """From 1; equals share their places, so a tie is no luck."""
    better = int((scores > scores[truth]).sum())
    equal = int((scores == scores[truth]).sum())
    return better + (equal + 1) / 2


def score(examples: Sequence[Example], rank: Ranker) -> Score:
    """Judge a ranking over cases."""
    places = np.array([place_of_truth(rank(e), e.truth) for e in examples])
    return score_places(places)


def score_places(places: Floats) -> Score:
    """Judge the places of the truths."""
    random = np.random.default_rng(0)
    drawn = places[random.integers(len(places), size=(DRAWS, len(places)))]

    def told(of: Callable[[Floats], Floats]) -> tuple[float, float, float]:
        low, high = np.percentile(of(drawn).mean(1), [2.5, 97.5])
        return float(of(places).mean()), float(low), float(high)

    return Score(
        len(places),
        told(lambda p: (p <= 1).astype(float)),
        told(lambda p: (p <= 3).astype(float)),
        told(lambda p: 1 / p),
    )
