"""In which order a column's items stand, so that few lines cross. Pure.

    layers ──depth-first order──► swept right, left, right … by medians ──► the best order seen

A walk from the first item gives the first order: what hangs together stands together, and a tree
has no crossing at all. Each sweep then sorts a layer by where its neighbours in the layer before
stand; an item without such keeps its place. A layer's order never depends on a clock or on chance.

Sizes:  SWEEPS_MAX times there and back; no more once that brought nothing
Source: Gansner, Koutsofios, North, Vo, 1993, §3 (weighted medians); Barth, Mutzel, Jünger, "Simple
        and efficient bilayer cross counting", 2004 (here by insertion into a sorted list)
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Final

SWEEPS_MAX: Final = 3

Neighbours = Sequence[Sequence[int]]


def order_layers(layers: list[list[int]], lefts: Neighbours, rights: Neighbours) -> list[list[int]]:
    """The same layers, each in a good order.

    layers  items by rank; together the numbers from 0 on
    lefts   each item's neighbours in the layer before; ``rights`` in the one after
    """
    layers = _walked(layers, lefts, rights)
    best, fewest = layers, crossings(layers, rights)
    for _ in range(SWEEPS_MAX):
        if not fewest:
            break
        layers = _swept(_swept(layers, lefts), rights, backwards=True)
        count = crossings(layers, rights)
        if count >= fewest:
            break
        best, fewest = layers, count
    return best


def crossings(layers: list[list[int]], rights: Neighbours) -> int:
    """How many pairs of lines between neighbouring layers cross."""
    count = 0
    for layer, following in pairwise(layers):
        places = {item: place for place, item in enumerate(following)}
        passed: list[int] = []
        for item in layer:
            ends = [places[r] for r in rights[item]]
            if passed and (not ends or passed[-1] <= min(ends)):
                passed += sorted(ends)  # none of them passes below one that came before
                continue
            for end in ends:
                count += len(passed) - bisect_right(passed, end)
            for end in ends:
                insort(passed, end)
    return count


def _walked(layers: list[list[int]], lefts: Neighbours, rights: Neighbours) -> list[list[int]]:
    """Each layer in the order in which a walk from the first item comes by."""
    seen = [False] * sum(map(len, layers))
    place = [0] * len(seen)
    count = 0
    for root in range(len(seen)):
        stack = [root]
        while stack:
            item = stack.pop()
            if seen[item]:
                continue
            seen[item] = True
            place[item] = count
            count += 1
            stack.extend(reversed(rights[item]))
            stack.extend(reversed(lefts[item]))
    return [sorted(layer, key=place.__getitem__) for layer in layers]


def _swept(
    layers: list[list[int]], neighbours: Neighbours, *, backwards: bool = False
) -> list[list[int]]:
    order = list(reversed(layers)) if backwards else list(layers)
    for at in range(1, len(order)):
        places = {item: place for place, item in enumerate(order[at - 1])}
        order[at] = _by_medians(order[at], places, neighbours)
    return order[::-1] if backwards else order


def _by_medians(layer: list[int], places: dict[int, int], neighbours: Neighbours) -> list[int]:
    """``layer`` by the medians of its items; one without neighbours keeps its place."""
    held: list[tuple[int, int]] = []
    moving: list[tuple[float, int]] = []
    for at, item in enumerate(layer):
        beside = neighbours[item]
        if not beside:
            held.append((at, item))
        elif len(beside) == 1:
            moving.append((places[beside[0]], item))
        else:
            moving.append((_median(sorted([places[b] for b in beside])), item))
    moving.sort(key=itemgetter(0))  # stable: of equals, the one before stays before
    ordered = [item for _, item in moving]
    for at, item in held:
        ordered.insert(at, item)
    return ordered


def _median(places: list[int]) -> float:
    """The median; between two, nearer to the side where the places lie closer together."""
    half = len(places) // 2
    if len(places) % 2:
        return places[half]
    if len(places) == 2:
        return (places[0] + places[1]) / 2
    left, right = places[half - 1] - places[0], places[-1] - places[half]
    if not left + right:
        return (places[half - 1] + places[half]) / 2
    return (places[half - 1] * right + places[half] * left) / (left + right)
