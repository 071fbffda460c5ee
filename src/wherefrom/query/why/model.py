"""From features to probabilities: each change, and none of them, has a score.

    score of a change = bias + Σ weight × feature         probability = exp(score) / Σ exp(scores)
    score of none     =        Σ weight × what speaks for none

A contribution is one weight × one feature, in natural log-odds: 0.7 doubles the odds. The weights
are learnt (``bench/why/train.py``) and lie beside this file, with what they were learnt from.

Source: McFadden's conditional logit
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import numpy as np

from wherefrom.query.why.features import ELSEWHERE, NAMES
from wherefrom.query.why.grid import Floats

WEIGHTS: Final = "weights.json"


class Model(NamedTuple):
    """Weights by NAMES and by ELSEWHERE, and the bias of being a candidate at all."""

    bias: float
    weights: Floats
    none: Floats


def model_of(written: Mapping[str, object]) -> Model:
    """A model from what ``weights.json`` holds. Raises KeyError for a feature without a weight."""
    change, none = written["change"], written["none"]
    assert isinstance(change, dict)
    assert isinstance(none, dict)
    return Model(
        bias=float(change["bias"]),
        weights=np.array([float(change[name]) for name in NAMES]),
        none=np.array([float(none[name]) for name in ELSEWHERE]),
    )


@cache
def shipped() -> Model:
    """The model that ships in the package."""
    return model_of(json.loads(files(__package__).joinpath(WEIGHTS).read_bytes()))


def posterior(model: Model, features: Floats, none: Floats) -> tuple[Floats, float]:
    """The probability of each change, and of none of them; together they are 1.

    features  (changes, NAMES) · none (ELSEWHERE,)
    """
    scores = np.append(model.bias + features @ model.weights, none @ model.none)
    odds = np.exp(scores - scores.max())
    shares = odds / odds.sum()
    return shares[:-1], float(shares[-1])
