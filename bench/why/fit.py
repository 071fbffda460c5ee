"""Learn weights: those under which the true culprits of many cases are likeliest.

    Example … ──► with parts blinded ──► padded arrays ──► gradient steps ──► Model

Made for cases that are unlike those it learns from:

1. What is not told by the examples stays what was believed before (``BELIEVED``), not 0.
2. Each example is also seen with a part of it blinded: no map, no new against old, no times. So no
   part is leant on that another estate may lack.
3. What is known from elsewhere is kept (``FIXED``).
4. A weight may not turn against its meaning: that the new fails never speaks *for* it.

Same examples, same weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log
from typing import Final, NamedTuple

import numpy as np

from wherefrom.query.why.features import ELSEWHERE, NAMES
from wherefrom.query.why.grid import Floats
from wherefrom.query.why.model import Model

# Silence of a declared instance was measured to have a likelihood ratio of 5.9.
SILENCE: Final = log(5.9)
# Natural log-odds of a full feature, as operators and the literature have it.
BELIEVED: Final = {
    "new_fails": 1.0,
    "new_waits": 0.8,
    "new_burns": 0.5,
    "new_holds": 0.4,
    "new_stands_out": 0.4,
    "new_turned": 0.6,
    "new_is_fine": -1.5,
    "never_reports": SILENCE,
    "stops_reporting": 1.2,
    "near": 1.5,
    "above": 0.5,
    "explains": 1.0,
    "hurt": 1.0,
    "strained": 0.5,
    "beneath": -1.0,
    "outward": 0.6,
    "pushes": 1.0,
    "since_the_change": 0.6,
    "on_time": 0.8,
    "too_late": -6.0,
    "long_before": -0.5,
}
PARTS: Final = (
    ("near", "above", "explains", "beneath"),
    (
        "new_fails",
        "new_waits",
        "new_burns",
        "new_holds",
        "new_stands_out",
        "new_turned",
        "new_is_fine",
    ),
    ("hurt", "strained", "since_the_change", "pushes", "outward"),
    ("on_time", "long_before"),
)
BLIND_WEIGHT: Final = 0.25
AGAINST: Final = frozenset({"new_is_fine", "beneath", "too_late", "long_before"})
# Measured elsewhere: made-up rollouts say only how telling we drew it.
FIXED: Final = frozenset({"never_reports"})
FREE: Final = frozenset({"above"})
VETO_MAX: Final = -6.0  # a change after the trouble cannot have caused it, whatever was learnt
STEPS: Final = 1_500
RATE: Final = 0.03
DECAY: Final = 0.01


class Example(NamedTuple):
    """A case in numbers. ``truth`` is the place of the culprit; the last place is none of them."""

    name: str
    kind: str
    features: Floats
    none: Floats
    truth: int
    weight: float = 1.0


def fit(examples: Sequence[Example], *, decay: float = DECAY) -> Model:
    """The model that makes the truths likeliest; ``decay`` pulls weights to what was believed."""
    x, none, mask, truth, weight = _padded([*examples, *_blinded(examples)])
    low, high = _bounds()
    believed = np.array([*(BELIEVED[name] for name in NAMES), 0.0, *(0.5 for _ in ELSEWHERE)])
    w = believed.copy()
    first, second = np.zeros_like(w), np.zeros_like(w)
    n = len(NAMES)
    rows = np.arange(len(truth))
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
        pull = pull / weight.sum() + decay * (w - believed) * (np.arange(len(w)) != n)
        first = 0.9 * first + 0.1 * pull
        second = 0.999 * second + 0.001 * pull**2
        move = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        w = np.clip(w - RATE * min(1.0, 3 * (1 - step / STEPS)) * move, low, high)
    weights = w[:n].copy()
    late = NAMES.index("too_late")
    weights[late] = min(weights[late], VETO_MAX)
    return Model(bias=float(w[n]), weights=weights, none=w[n + 1 :].copy())


def _blinded(examples: Sequence[Example]) -> Iterator[Example]:
    for i, e in enumerate(examples):
        hidden = [NAMES.index(name) for name in PARTS[i % len(PARTS)]]
        features = e.features.copy()
        features[:, hidden] = 0
        yield e._replace(features=features, weight=e.weight * BLIND_WEIGHT)


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
    for name in FIXED:
        low[NAMES.index(name)] = high[NAMES.index(name)] = BELIEVED[name]
    return (
        np.array([*low, -np.inf, *[0.0 for _ in ELSEWHERE]]),
        np.array([*high, np.inf, *[np.inf for _ in ELSEWHERE]]),
    )
