"""A shop that does not exist: its services, who calls whom, and how it behaves on a good day.

    frontend ─┬─► checkout ─┬─► payment         rate of a service = rate of its callers × calls
              ├─► cart      ├─► email           latency           = its own + what it waits for
              └─► …         └─► …

Half of the shops have the shape of the usual demonstration shop, the others a random one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Random = np.random.Generator

BOUTIQUE: Final = {
    "frontend": ("ad", "cart", "checkout", "currency", "catalog", "recommendation", "shipping"),
    "checkout": ("cart", "currency", "email", "payment", "catalog", "shipping"),
    "recommendation": ("catalog",),
    "cart": ("cart-store",),
}
SERVICES_MIN: Final = 5
SERVICES_MAX: Final = 20


class Shop(NamedTuple):
    """Services in an order in which callers stand before callees; arrays go by that order.

    weight      calls of the callee for one request of the caller; 0 where there is no call
    critical    how much of a callee's failures the caller passes on, 0 to 1
    latency_ms  of the service alone
    """

    names: list[str]
    weight: Floats
    critical: Floats
    latency_ms: Floats
    failing: Floats
    cpu: Floats
    memory: Floats
    rate: float
    timeout_ms: float
    retries: bool

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Pairs of caller and callee."""
        return [(self.names[a], self.names[b]) for a, b in np.argwhere(self.weight > 0)]


def make_shop(random: Random) -> Shop:
    """A shop of 5 to 20 services."""
    names, edges = _boutique(random) if random.random() < 0.5 else _any_shape(random)
    n = len(names)
    weight = np.zeros((n, n))
    for a, b in edges:
        weight[a, b] = random.choice([0.05, 0.2, 0.5, 1.0, 1.0, 2.0, 4.0])
    return Shop(
        names=names,
        weight=weight,
        critical=(weight > 0) * random.choice([0.0, 0.3, 0.8, 1.0, 1.0], size=(n, n)),
        latency_ms=np.exp(random.uniform(np.log(1.5), np.log(120), n)),
        failing=random.choice([0.0, 0.0, 1e-4, 1e-3, 5e-3], n),
        cpu=np.exp(random.uniform(np.log(0.005), np.log(1.5), n)),
        memory=np.exp(random.uniform(np.log(2e7), np.log(2e9), n)),
        rate=float(np.exp(random.uniform(np.log(0.2), np.log(150)))),
        timeout_ms=float(random.choice([1e3, 3e3, 1e4, 6e4])),
        retries=bool(random.random() < 0.4),
    )


def rates(shop: Shop, root: Floats, more: dict[tuple[int, int], Floats]) -> Floats:
    """Requests a second of each service, by time; ``more`` multiplies the calls of an edge."""
    found = np.zeros((len(shop.names), len(root)))
    found[0] = root
    for a, b in np.argwhere(shop.weight > 0):
        found[b] += found[a] * shop.weight[a, b] * more.get((int(a), int(b)), 1.0)
    return found


def _boutique(random: Random) -> tuple[list[str], list[tuple[int, int]]]:
    names = [*dict.fromkeys(["frontend", "checkout", "recommendation", "cart"])]
    names += sorted({b for called in BOUTIQUE.values() for b in called} - set(names))
    at = {name: i for i, name in enumerate(names)}
    edges = [(at[a], at[b]) for a, called in BOUTIQUE.items() for b in called]
    return names, [edge for edge in edges if random.random() < 0.97]


def _any_shape(random: Random) -> tuple[list[str], list[tuple[int, int]]]:
    n = int(random.integers(SERVICES_MIN, SERVICES_MAX + 1))
    names = ["edge", *(f"service-{i:02}" for i in range(1, n))]
    edges = {(int(random.integers(max(0, b - 6), b)), b) for b in range(1, n)}
    for _ in range(int(n * random.uniform(0.2, 1.0))):
        a, b = sorted(random.choice(n, 2, replace=False))
        edges.add((int(a), int(b)))
    return names, sorted(edges)
