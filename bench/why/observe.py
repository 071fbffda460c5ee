"""What instruments see of a shop: counted, rounded, late, cut short, or not at all.

    how it fares ──► requests drawn ──► success rates, latencies, processor, memory ──► Samples
                     (binomial)         with noise; some columns, rows and series are missing

What a case measures is drawn once for it: own series or callers' views or both, by instance, by
identity or by service, which metrics. Real monitoring is as uneven.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from bench.why.faults import Harm
from bench.why.rollouts import FOREVER, Instance, Rollout, alive
from bench.why.world import Floats, Random, Shop
from wherefrom.formats.why_case import Samples

if TYPE_CHECKING:
    from bench.why.simulate import Cascaded


# The bounds of the usual histograms of a mesh.
BUCKETS_MS: Final = np.array(
    [0, 1, 5, 10, 25, 50, 100, 250, 500, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5], dtype=float
)


class Eyes(NamedTuple):
    """What is measured in this case. Grains are ``instance``, ``identity`` or ``service``."""

    own: bool
    edges: bool
    own_grain: str
    edge_grain: str
    metrics: frozenset[str]
    latency_noise: float
    instance_noise: float
    bucketed: bool
    outliers: float
    lost_rows: float
    lost_series: float
    unnamed: float


def draw_eyes(random: Random) -> Eyes:
    """What is measured in a case, drawn at random."""
    own, edges = random.random() < 0.92, random.random() < 0.75
    metrics = {"success_rate"} if random.random() < 0.95 else set()
    for metric, share in (
        ("latency_ms_p95", 0.8),
        ("latency_ms_mean", 0.4),
        ("requests", 0.65),
        ("cpu", 0.6),
        ("memory", 0.55),
    ):
        if random.random() < share:
            metrics.add(metric)
    if not metrics & {"success_rate", "latency_ms_p95", "latency_ms_mean"}:
        metrics.add("latency_ms_p95")
    return Eyes(
        own=own or not edges,
        edges=edges,
        own_grain=str(random.choice(["instance", "identity", "service"], p=[0.84, 0.1, 0.06])),
        edge_grain=str(random.choice(["instance", "identity", "service"], p=[0.4, 0.3, 0.3])),
        metrics=frozenset(metrics),
        latency_noise=float(np.exp(random.uniform(np.log(0.02), np.log(0.25)))),
        instance_noise=float(random.choice([0.02, 0.06, 0.2])),
        bucketed=bool(random.random() < 0.35),
        outliers=float(random.choice([0.0, 0.005, 0.02])),
        lost_rows=float(random.choice([0.0, 0.0, 0.03, 0.1])),
        lost_series=float(random.choice([0.0, 0.0, 0.05, 0.15])),
        unnamed=float(random.choice([0.0, 0.0, 0.1, 0.4])),
    )


def observe(
    random: Random,
    eyes: Eyes,
    shop: Shop,
    harm: Harm,
    rollouts: list[Rollout],
    cascaded: Cascaded,
    times: Floats,
    origin: float,
) -> list[Samples]:
    """The series of a case."""
    changed = {r.service: r for r in rollouts}
    found: list[Samples] = []
    for s, name in enumerate(shop.names):
        rollout = changed.get(s)
        instances = rollout.instances if rollout else _steady(random, name)
        named = random.random() >= eyes.unnamed
        seen = _Seen(random, harm, cascaded, times, s, rollout, instances, eyes)
        for group, who, identity in _groups(rollout, instances, harm, eyes.own_grain):
            if eyes.own:
                measured = seen.own(shop, group)
                found += _samples(
                    random, eyes, measured, times + origin,
                    (name, "", who, identity if named else ""),
                )  # fmt: skip
        if not eyes.edges:
            continue
        for a in np.flatnonzero(shop.weight[:, s]):
            called = shop.weight[a, s] * harm.more.get((int(a), s), 1.0)
            share = called * cascaded.rate[a] / np.maximum(cascaded.rate[s], 1e-9)
            for group, who, identity in _groups(rollout, instances, harm, eyes.edge_grain):
                new = changed[a].share(times) if a in changed else 0.0
                out_ms = (1 - new) * harm.out_ms[a, 0] + new * harm.out_ms[a, 1]
                measured = seen.edge(group, np.minimum(share, 1), out_ms)
                found += _samples(
                    random, eyes, measured, times + origin,
                    (name, shop.names[a], who, identity if named else ""),
                )  # fmt: skip
    return found


def _steady(random: Random, name: str) -> list[Instance]:
    size = int(random.integers(1, 4))
    return [
        Instance(f"{name}-{random.bytes(4).hex()}", False, -FOREVER, FOREVER) for _ in range(size)
    ]


def _groups(
    rollout: Rollout | None, instances: list[Instance], harm: Harm, grain: str
) -> Iterator[tuple[list[Instance], str, str]]:
    """Who is measured together: the instances, and what the row calls them."""
    speaking = [i for i in instances if i.name not in harm.silent]

    def identity_of(is_new: bool) -> str:
        if rollout is None:
            return ""
        return (rollout.change.after if is_new else rollout.change.before) or ""

    if rollout is not None and rollout.switches:
        # All go over at once: rows before and after carry another identity.
        for is_new in (False, True):
            at = rollout.change.started
            parts = [i._replace(is_new=is_new) for i in speaking]
            parts = [p._replace(born=at) if is_new else p._replace(gone=at) for p in parts]
            if grain == "instance":
                yield from (([p], p.name, identity_of(is_new)) for p in parts)
            else:
                yield parts, "", identity_of(is_new) if grain == "identity" else ""
    elif grain == "instance":
        yield from (([i], i.name, identity_of(i.is_new)) for i in speaking)
    elif grain == "identity":
        for is_new in (False, True):
            if group := [i for i in speaking if i.is_new == is_new]:
                yield group, "", identity_of(is_new)
    elif speaking:
        yield speaking, "", ""


class _Seen:
    """One service through instruments: draws what a group of its instances shows."""

    def __init__(
        self, random: Random, harm: Harm, cascaded: Cascaded, times: Floats, service: int,
        rollout: Rollout | None, instances: list[Instance], eyes: Eyes,
    ) -> None:  # fmt: skip
        self.random, self.harm, self.times, self.s = random, harm, times, service
        self.cascaded, self.eyes = cascaded, eyes
        self.all = sum((alive(i, times) for i in instances), np.zeros(len(times)))
        self.of = {i.name: np.exp(random.normal(0, 0.05)) for i in instances}
        self.pace = {i.name: np.exp(random.normal(0, eyes.instance_noise)) for i in instances}
        self.switches = rollout is not None and rollout.switches

    def _mix(self, group: list[Instance], of: Floats) -> tuple[Floats, Floats]:
        """The mean over the group of what is known by identity, and its share of the traffic."""
        on = np.array([alive(i, self.times) for i in group])
        value = (on * np.array([of[int(i.is_new)] for i in group])).sum(0)
        count = on.sum(0)
        share = count / np.maximum(self.all, 1)
        return np.divide(value, count, out=np.zeros_like(value), where=count > 0), share

    def _traffic(
        self, group: list[Instance], share_of_rate: Floats | float, way_ms: Floats | float
    ) -> dict[str, Floats]:
        random, c, s = self.random, self.cascaded, self.s
        every = self.times[1] - self.times[0]
        failing, share = self._mix(group, c.failing[s])
        latency, _ = self._mix(group, c.latency_ms[s] + way_ms)
        expected = c.rate[s] * share * share_of_rate * every
        count = random.poisson(np.clip(expected, 0, 1e7))
        good = 1 - random.binomial(count, np.clip(failing, 0, 1)) / np.maximum(count, 1)
        spread = np.sqrt(self.eyes.latency_noise**2 + 0.3 / np.maximum(count, 1))
        noise = np.exp(random.normal(0, 1, len(count)) * spread)
        young = self._young(group)
        odd = random.random(len(count)) < self.eyes.outliers
        noise *= np.where(odd, random.uniform(1.3, 4), 1.0) * young
        noise *= np.mean([self.pace[i.name] for i in group])
        served = np.where(count > 0, 1.0, np.nan)
        return {
            "success_rate": good * served,
            "latency_ms_mean": latency * noise * served,
            "latency_ms_p95": self._p95(latency * noise * 2.2) * served,
            "requests": np.where(share > 0, count, np.nan),
        }

    def _p95(self, true_ms: Floats) -> Floats:
        """What a histogram makes of it: a place between two bounds that lie far apart."""
        random = self.random
        if not self.eyes.bucketed:
            return true_ms * np.exp(random.normal(0, 0.05))
        high = np.clip(np.searchsorted(BUCKETS_MS, true_ms), 1, len(BUCKETS_MS) - 1)
        low_ms, high_ms = BUCKETS_MS[high - 1], BUCKETS_MS[high]
        place = (true_ms - low_ms) / (high_ms - low_ms) + random.normal(0, 0.12, len(true_ms))
        return low_ms + (high_ms - low_ms) * np.clip(place, 0.02, 0.98)

    def _young(self, group: list[Instance]) -> Floats:
        """How much slower just-born processes are."""
        if self.switches or len(group) > 1:
            return np.ones(len(self.times))
        age = self.times - group[0].born
        return 1 + self.of[group[0].name] * 0.8 * np.exp(-np.clip(age, 0, None) / 40) * (age >= 0)

    def own(self, shop: Shop, group: list[Instance]) -> dict[str, Floats]:
        """What the group says of itself."""
        found = self._traffic(group, 1.0, 0.0)
        random, s = self.random, self.s
        cpu, share = self._mix(group, shop.cpu[s] * self.harm.cpu[s])
        memory, _ = self._mix(group, shop.memory[s] * self.harm.memory[s])
        on = np.where(share > 0, 1.0, np.nan)
        load = self.cascaded.rate[s] / np.maximum(np.median(self.cascaded.rate[s]), 1e-9)
        wobble = np.exp(random.normal(0, random.choice([0.05, 0.15, 0.3]), len(self.times)))
        each = self.of[group[0].name] if not self.switches else 1.0
        found["cpu"] = cpu * (0.4 + 0.6 * load) * wobble * each * self._young(group) * on
        drift = 1 + 0.02 * np.cumsum(random.normal(0, 0.1, len(self.times)))
        found["memory"] = memory * each * np.clip(drift, 0.5, 2) * on
        return found

    def edge(
        self, group: list[Instance], share_of_rate: Floats, out_ms: Floats
    ) -> dict[str, Floats]:
        """What a caller says of the group; ``out_ms`` is what the caller's own way out adds."""
        return self._traffic(group, share_of_rate, self.harm.way_ms[self.s] + out_ms)


def _samples(
    random: Random,
    eyes: Eyes,
    measured: dict[str, Floats],
    times: Floats,
    key: tuple[str, str, str, str],
) -> Iterator[Samples]:
    """Those of the series that reach the case, with the rows that do."""
    for metric, values in measured.items():
        if metric not in eyes.metrics or random.random() < eyes.lost_series:
            continue
        kept = ~np.isnan(values) & (random.random(len(values)) >= eyes.lost_rows)
        if kept.any():
            yield Samples(*key, metric, times[kept].tolist(), values[kept].tolist())
