"""Who changed what: rollouts step by step, switches of configuration, and changes long done.

    old  ████████████▓▓▓▓▓▓▓░░░░        step 1 of 3: one new instance, side by side with the old
    new          ░░░░▓▓▓▓▓▓▓████

Times are seconds; 0 is the moment the incident begins.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bench.why.world import Floats, Random, Shop
from wherefrom.formats.why_case import Change, Step

SWITCHED: Final = ("config", "flag", "secret", "infra", "migration")
FOREVER: Final = 1e9


class Instance(NamedTuple):
    """One process: alive in [born, gone), of the old or of the new identity."""

    name: str
    is_new: bool
    born: float
    gone: float


class Rollout(NamedTuple):
    """A change and the instances of its service while it goes on.

    switches  without instances of its own: all processes go over to the new at once
    """

    service: int
    change: Change
    instances: list[Instance]
    switches: bool

    def share(self, times: Floats) -> Floats:
        """Which share of the service's traffic the new has, by time."""
        if self.switches:
            return (times >= self.change.started).astype(float)
        new = sum((alive(i, times) for i in self.instances if i.is_new), np.zeros(len(times)))
        all_of = sum((alive(i, times) for i in self.instances), np.zeros(len(times)))
        return np.divide(new, all_of, out=np.zeros(len(times)), where=all_of > 0)


def alive(instance: Instance, times: Floats) -> Floats:
    """1 where it serves, else 0."""
    return ((times >= instance.born) & (times < instance.gone)).astype(float)


def identity(random: Random, kind: str) -> str:
    """A digest for what is deployed, a version for what is configured."""
    if kind == "deploy":
        return "sha256:" + random.bytes(32).hex()
    return f"{random.choice(['v', 'rev-', 'cfg-'])}{int(random.integers(1, 4000))}"


def make_rollouts(
    random: Random, shop: Shop, origin: float, *, beside: bool = False
) -> list[Rollout]:
    """One to six changes, most of them rolling out when the incident begins, each elsewhere.

    beside  only rollouts that stay at their first step, old and new side by side
    """
    count = int(random.choice([1, 2, 3, 4, 5, 6], p=[0.1, 0.2, 0.2, 0.2, 0.15, 0.15]))
    services = _where(random, shop, min(count, len(shop.names)))
    together = random.random() < 0.6
    start = -random.uniform(20, 900)
    found = []
    for i, service in enumerate(services):
        begun = start + random.uniform(-5, 5) if together else -float(random.exponential(500) + 15)
        if not together and random.random() < 0.12:
            begun = random.uniform(5, 100)  # after the fact: it cannot have been this one
        name = f"change-{i}"
        if beside:
            found.append(_rolling(random, shop, int(service), name, begun, origin, beside=True))
        elif random.random() < 0.2:
            found.append(_switch(random, shop, int(service), name, begun, origin))
        else:
            found.append(_rolling(random, shop, int(service), name, begun, origin))
    return found


def _where(random: Random, shop: Shop, count: int) -> list[int]:
    """Services that change: anywhere, or one after the other along the calls, as teams work."""
    order = [int(s) for s in random.permutation(len(shop.names))]
    if random.random() < 0.5:
        return order[:count]
    found = order[:1]
    while len(found) < count:
        last = found[int(random.integers(len(found)))]
        beside = np.flatnonzero((shop.weight[last] > 0) | (shop.weight[:, last] > 0))
        free = [int(s) for s in beside if s not in found] or [s for s in order if s not in found]
        found.append(free[int(random.integers(len(free)))])
    return found


def long_done(random: Random, shop: Shop, origin: float) -> list[Change]:
    """Changes that ended before anything was measured."""
    found = []
    for i in range(int(random.integers(0, 4))):
        begun = -random.uniform(5_400, 30_000)
        kind = str(random.choice(["deploy", *SWITCHED]))
        found.append(
            Change(
                id=f"done-{i}",
                kind=kind,
                service=shop.names[int(random.integers(len(shop.names)))],
                started=origin + begun,
                finished=origin + begun + random.uniform(60, 900),
                before=identity(random, kind),
                after=identity(random, kind),
            )
        )
    return found


def responses(random: Random, shop: Shop, detected: float, until: float) -> list[Change]:
    """What responders do once they know."""
    if random.random() < 0.6:
        return []
    service = shop.names[int(random.integers(len(shop.names)))]
    kind = str(random.choice(["deploy", "config", "infra"]))
    return [
        Change(
            id="response-0",
            kind=kind,
            service=service,
            started=random.uniform(detected + 1, until),
            before=identity(random, kind),
            after=identity(random, kind),
        )
    ]


def _switch(
    random: Random, shop: Shop, service: int, name: str, begun: float, origin: float
) -> Rollout:
    kind = str(random.choice(SWITCHED))
    change = Change(
        id=name,
        kind=kind,
        service=shop.names[service],
        started=origin + begun,
        finished=origin + begun + 1 if random.random() < 0.5 else None,
        before=identity(random, kind),
        after=identity(random, kind),
        steps=(Step(origin + begun, 1.0),) if random.random() < 0.5 else (),
    )
    instances = [
        Instance(f"{shop.names[service]}-{random.bytes(3).hex()}", False, -FOREVER, FOREVER)
        for _ in range(int(random.integers(1, 5)))
    ]
    return Rollout(service, change._replace(started=begun), instances, switches=True)


def _rolling(
    random: Random, shop: Shop, service: int, name: str, begun: float, origin: float,
    *, beside: bool = False,
) -> Rollout:  # fmt: skip
    size = int(random.choice([1, 2, 3, 4, 6]))
    kind = "deploy" if random.random() < 0.85 else "config"
    stages = int(random.integers(1, min(size, 5) + 1))
    every = float(random.choice([60, 120, 300, 600, 1_800]))
    stuck = beside or random.random() < 0.45  # a canary that nobody takes further
    base = shop.names[service]
    old = [
        Instance(f"{base}-{random.bytes(4).hex()}", False, -FOREVER, FOREVER) for _ in range(size)
    ]
    new: list[Instance] = []
    steps = []
    for stage in range(stages):
        at = begun + stage * every
        if stuck and stage > 0:
            break
        upto = (stage + 1) * size // stages
        upto = max(1, upto)
        added = [
            Instance(f"{base}-{random.bytes(4).hex()}", True, at + random.uniform(2, 25), FOREVER)
            for _ in range(upto - len(new))
        ]
        # A canary is added; only later steps take the old away.
        going = 0 if (stage == 0 and stages > 1) or stuck else upto
        removed = []
        for k in range(min(going, size)):
            if old[k].gone == FOREVER:
                old[k] = old[k]._replace(gone=at + random.uniform(20, 60))
                removed.append(old[k].name)
        new += added
        steps.append(Step(origin + at, upto / size, tuple(i.name for i in added), tuple(removed)))
    done = not stuck and begun + stages * every < 0
    change = Change(
        id=name,
        kind=kind,
        service=base,
        started=begun,
        finished=origin + begun + stages * every if done else None,
        before=identity(random, kind),
        after=identity(random, kind),
        steps=tuple(steps) if random.random() < 0.9 else (),
    )
    return Rollout(service, change, old + new, switches=False)
