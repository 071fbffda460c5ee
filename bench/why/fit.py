"""Learn weights: those under which the true culprits of many cases are likeliest.

    Example … ──► padded arrays ──► gradient steps, each weight kept on its side of 0 ──► Model

A weight may not turn against its meaning (that the new fails never speaks *for* it): what a small
training set says by chance is then not believed. Same examples, same weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from wherefrom.query.why.features import ELSEWHERE, NAMES
from wherefrom.query.why.grid import Floats
from wherefrom.query.why.model import Model

AGAINST: Final = frozenset({"new_is_fine", "beneath", "too_late", "long_before"})
FREE: Final = frozenset({"above"})
VETO_MAX: Final = -6.0  # a change after the trouble cannot have caused it, whatever was learnt
STEPS: Final = 1_500
RATE: Final = 0.03


class Example(NamedTuple):
    """A case in numbers. ``truth`` is the place of the culprit; the last place is none of them."""

    name: str
    kind: str
    features: Floats
    none: Floats
    truth: int
    weight: float = 1.0


def fit(examples: Sequence[Example], *, decay: float = 0.01) -> Model:
    """The model that makes the truths of ``examples`` likeliest; ``decay`` pulls weights to 0."""
    x, none, mask, truth, weight = _padded(examples)
    low, high = _bounds()
    w = np.zeros(len(NAMES) + 1 + len(ELSEWHERE))
    first, second = np.zeros_like(w), np.zeros_like(w)
    n = len(NAMES)
    rows = np.arange(len(examples))
    for step in range(1, STEPS + 1):
        scores = np.where(mask, x @ w[:n] + w[n], -np.inf)
        scores = np.concatenate([scores, (none @ w[n + 1 :])[:, None]], axis=1)
        odds = np.exp(scores - scores.max(1, keepdims=True))
        off = odds / odds.sum(1, keepdims=True)
        off[rows, truth] -= 1
        off *= weight[:, None]
        pull = np.concatenate(
            [
                np.einsum("ec,ecf->f", off[:, :-1], x),
                [off[:, :-1].sum()],
                off[:, -1] @ none,
            ]
        )
        pull = pull / weight.sum() + decay * w * (np.arange(len(w)) != n)
        first = 0.9 * first + 0.1 * pull
        second = 0.999 * second + 0.001 * pull**2
        move = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        w = np.clip(w - RATE * min(1.0, 3 * (1 - step / STEPS)) * move, low, high)
    weights = w[:n].copy()
    late = NAMES.index("too_late")
    weights[late] = min(weights[late], VETO_MAX)
    return Model(bias=float(w[n]), weights=weights, none=w[n + 1 :].copy())


def _padded(
    examples: Sequence[Example],
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    most = max(1, *(len(e.features) for e in examples))
    x = np.zeros((len(examples), most, len(NAMES)))
    mask = np.zeros((len(examples), most), dtype=bool)
    truth = np.zeros(len(examples), dtype=int)
    for i, e in enumerate(examples):
        x[i, : len(e.features)] = e.features
        mask[i, : len(e.features)] = True
        truth[i] = e.truth if e.truth < len(e.features) else most
    none = np.array([e.none for e in examples])
    return x, none, mask, truth, np.array([e.weight for e in examples])


def _bounds() -> tuple[Floats, Floats]:
    low = [-np.inf if name in AGAINST | FREE else 0.0 for name in NAMES]
    high = [0.0 if name in AGAINST else np.inf for name in NAMES]
    return (
        np.array([*low, -np.inf, *[0.0 for _ in ELSEWHERE]]),
        np.array([*high, np.inf, *[np.inf for _ in ELSEWHERE]]),
    )
