"""How high each item of a column stands: near its neighbours, never over another. Pure.

    orders, sizes ──► each layer in turn: where its neighbours would have it ──► as near as
                      the order and the distances allow (least squares) ──► a top each

A layer's places are those with the least weighted sum of squared distances from where the
neighbours would have them, among all that keep the order and the distances: pooling adjacent
violators finds them in one pass. Lines through many columns weigh more, so they run nearly
straight. Brandes and Köpf ("Fast and simple horizontal coordinate assignment", 2001) make them
quite straight, by four layouts and their median; this is one short pass a sweep, and takes items of
any height with ports anywhere.

Sizes:  units are those of the drawing; tops are whole numbers
Source: Gansner, Koutsofios, North, Vo, 1993, §4 (weights 1, 2, 8); Ayer, Brunk, Ewing, Reid,
        Silverman, "An empirical distribution function for sampling with incomplete information",
        1955 (pooling)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Final

_UNPULLED: Final = 0.01

# To one neighbour: (its number, how far below its top it would have this one's, weight).
Pull = tuple[int, int, int]
Pulls = Sequence[Sequence[Pull]]


def tops_of(
    layers: Sequence[Sequence[int]],
    sizes: Sequence[int],
    gaps: Sequence[int],
    lefts: Pulls,
    rights: Pulls,
) -> list[int]:
    """The top of each item.

    layers         items by rank, each in its order
    sizes          heights; ``gaps`` what is left free below each
    lefts, rights  what pulls at each item, in the layers before and after
    """
    tops = [0.0] * len(sizes)
    for layer in layers:
        down = 0
        for item in layer:
            tops[item] = down
            down += sizes[item] + gaps[item]
    both = [[*left, *right] for left, right in zip(lefts, rights, strict=True)]
    # First each layer beside the one before, then beside the one after, then between both.
    for sweep, pulls in enumerate((lefts, rights, both, both)):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            _settle(layer, tops, sizes, gaps, pulls)
    highest = min(tops, default=0.0)
    # Distances are whole numbers, so rounding all the same way keeps them.
    return [floor(top - highest + 0.5) for top in tops]


def _settle(
    layer: Sequence[int],
    tops: list[float],
    sizes: Sequence[int],
    gaps: Sequence[int],
    pulls: Pulls,
) -> None:
    """Put the items of one layer where they are pulled to, as near as their order allows."""
    # Blocks of items that touch: where each is wanted, its weight, its first item's place.
    wanted: list[float] = []
    weights: list[float] = []
    firsts: list[int] = []
    downs: list[int] = []
    down = 0
    for place, item in enumerate(layer):
        beside = pulls[item]
        if len(beside) == 1:
            ((to, apart, weight),) = beside
            here, heavy = tops[to] + apart - down, float(weight)
        elif beside:
            here = heavy = 0.0
            for to, apart, weight in beside:
                here += (tops[to] + apart) * weight
                heavy += weight
            here = here / heavy - down
        else:  # it stays, but gives way to all that is pulled
            here, heavy = tops[item] - down, _UNPULLED
        first = place
        while wanted and wanted[-1] >= here:
            before = weights.pop()
            here = (wanted.pop() * before + here * heavy) / (before + heavy)
            heavy += before
            first = firsts.pop()
        wanted.append(here)
        weights.append(heavy)
        firsts.append(first)
        downs.append(down)
        down += sizes[item] + gaps[item]
    firsts.append(len(layer))
    for block, here in enumerate(wanted):
        for place in range(firsts[block], firsts[block + 1]):
            tops[layer[place]] = here + downs[place]
