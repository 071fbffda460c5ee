"""What breaks, where, for whom: the ways in which a change, or nothing at all, hurts a shop.

    Harm ──► failing, slower, hungrier, by identity and time ──► the shop does the rest (cascades)

Each way is one of those in which releases go wrong in post-mortems; `SPREAD` says how often each
is drawn, and it is not tuned to any set of cases.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bench.why.rollouts import Rollout
from bench.why.world import Floats, Random, Shop

SPREAD: Final = {
    "errors": 0.24,  # the new answers with errors
    "slow": 0.22,  # the new is slow
    "cpu": 0.13,  # the new burns processor time, and is slower for it
    "network": 0.09,  # the way to the new is slow: seen by callers, not by itself
    "leak": 0.08,  # the new leaks memory, and slows down little by little
    "silent": 0.08,  # a new instance never comes up, and what is sent to it fails
    "overload": 0.08,  # the new calls what is below it far too often
    "poison": 0.08,  # what the new wrote makes old and new fail
}


class Harm:
    """What is added to good days; arrays are (services, identity old or new, times)."""

    def __init__(self, services: int, times: int) -> None:
        shape = (services, 2, times)
        self.failing = np.zeros(shape)
        self.slower = np.ones(shape)
        self.cpu = np.ones(shape)
        self.memory = np.ones(shape)
        self.way_ms = np.zeros(shape)
        self.out_ms = np.zeros(shape)
        self.more: dict[tuple[int, int], Floats] = {}
        self.silent: set[str] = set()
        self.surge = np.ones(times)


def innocent(random: Random, harm: Harm, rollouts: list[Rollout], times: Floats) -> None:
    """What differs for no reason: a new version is never just like the old, and some days are bad.

    How far new and old lie apart by nature is drawn once for a case: in some shops a lot.
    """
    apart = float(random.choice([0.03, 0.08, 0.2]))
    for rollout in rollouts:
        s = rollout.service
        harm.slower[s, 1] *= np.exp(random.normal(0, apart))
        harm.cpu[s, 1] *= np.exp(random.normal(0, 3 * apart))
        harm.memory[s, 1] *= np.exp(random.normal(0, 2 * apart))
        if random.random() < 0.08:
            harm.failing[s, 1] += random.uniform(0, 0.02)  # a flaw that nobody minds
    if random.random() < 0.6:
        return
    for _ in range(int(random.integers(1, 6))):  # trouble that comes and goes, anywhere
        s, begun = int(random.integers(len(harm.failing))), random.uniform(times[0], times[-1])
        on = ((times >= begun) & (times < begun + random.uniform(20, 150))).astype(float)
        if random.random() < 0.5:
            harm.failing[s] += on * random.uniform(0.005, 0.06)
        else:
            harm.slower[s] *= 1 + on * random.uniform(0.1, 1.0)


def hurt(
    random: Random, harm: Harm, shop: Shop, rollout: Rollout, kind: str, times: Floats
) -> None:
    """The change does harm from time 0 on."""
    s, on = rollout.service, (times >= 0).astype(float)
    size = random.uniform(0.25, 1.0)
    if kind == "errors":
        harm.failing[s, 1] += on * np.exp(random.uniform(np.log(0.03), np.log(1.0)))
        if random.random() < 0.3:  # it fails fast
            harm.slower[s, 1] *= 1 - on * 0.5 * size
    elif kind == "slow":
        harm.slower[s, 1] *= 1 + on * np.exp(random.uniform(np.log(0.4), np.log(30)))
    elif kind == "cpu":
        harm.cpu[s, 1] *= 1 + on * random.uniform(0.8, 8)
        harm.slower[s, 1] *= 1 + on * np.exp(random.uniform(np.log(0.15), np.log(4)))
    elif kind == "network":
        added = np.exp(random.uniform(np.log(0.4), np.log(20))) * max(shop.latency_ms[s], 5.0)
        harm.way_ms[s, 1] += on * added
        if random.random() < 0.5:  # its own calls go the same way
            harm.out_ms[s, 1] += on * added
    elif kind == "leak":
        grown = np.clip(times / random.uniform(60, 240), 0, None)
        harm.memory[s, 1] *= 1 + grown * random.uniform(0.3, 1.5)
        harm.slower[s, 1] *= 1 + grown * random.uniform(0.15, 2)
    elif kind == "silent":
        new = [i for i in rollout.instances if i.is_new]
        harm.silent |= {i.name for i in new[: max(1, round(size * len(new)))]}
        if random.random() < 0.7:
            # Its share of what is sent to the service is lost; it tells nobody, so callers do.
            harm.failing[s, 0] += on * rollout.share(times) * random.uniform(0.2, 0.9)
            harm.failing[s, 1] += harm.failing[s, 0]
    elif kind == "overload":
        below = [b for b in np.flatnonzero(shop.weight[s]) if b != s]
        harm.slower[s, 1] *= 1 + on * random.uniform(0.1, 1.0)
        for b in below[:2]:
            harm.more[s, int(b)] = 1 + on * rollout.share(times) * random.uniform(4, 25)
            _strain(random, harm, int(b), on * rollout.share(times))
    elif kind == "poison":
        harm.failing[s] += on * np.exp(random.uniform(np.log(0.03), np.log(0.6)))
        if random.random() < 0.5:
            harm.slower[s] *= 1 + on * random.uniform(0.3, 4)


def hurt_alone(random: Random, harm: Harm, services: list[int], times: Floats) -> str:
    """Something breaks that nobody changed: one service, or too many visitors."""
    on = (times >= 0).astype(float)
    if random.random() < 0.25 or not services:
        harm.surge *= 1 + on * random.uniform(1.5, 6)
        harm.slower *= 1 + on * random.uniform(0.2, 2)
        harm.cpu *= 1 + on * random.uniform(0.5, 3)
        return "surge"
    s = int(random.choice(services))
    if random.random() < 0.5:
        harm.failing[s] += on * np.exp(random.uniform(np.log(0.03), np.log(1.0)))
    else:
        harm.slower[s] *= 1 + on * np.exp(random.uniform(np.log(0.5), np.log(20)))
    if random.random() < 0.5:
        harm.cpu[s] *= 1 + on * random.uniform(0.5, 6)
    return "alone"


def _strain(random: Random, harm: Harm, service: int, on: Floats) -> None:
    """A service that gets too much: slower, hungrier, and some of it fails."""
    harm.slower[service] *= 1 + on * random.uniform(1, 10)
    harm.cpu[service] *= 1 + on * random.uniform(0.5, 5)
    if random.random() < 0.6:
        harm.failing[service] += on * random.uniform(0.02, 0.4)
