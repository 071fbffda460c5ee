"""Incidents that never happened: a seed in, a case and its culprit out.

    seed ──► shop ──► rollouts ──► harm ──► cascade ──► what instruments saw of it ──► Case
             world    rollouts     faults   here        observe

``python -m bench.why.simulate DIR --seed 7`` writes one as a folder. Two cases in three have their
fault since the new first served; in the others it comes later. Detection is one to four minutes
after the beginning, and the question is asked two minutes after it.

Sizes:  a case has 1 to 6 rollouts, 10 to 60 minutes of history, a sample each 10 to 120 seconds
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from bench.why import faults
from bench.why.faults import Harm
from bench.why.observe import Eyes, draw_eyes, observe
from bench.why.rollouts import Rollout, long_done, make_rollouts, responses
from bench.why.world import Floats, Random, Shop, make_shop, rates
from wherefrom.formats.why_case import Case, to_files

ORIGIN: Final = 1_767_225_600.0  # when the first of these incidents begins
NONE_SHARE: Final = 0.12
ATTEMPTS_MAX: Final = 50
VISIBLE_MIN: Final = 0.12  # half a percent of failures is not noticed, nor a tenth more waiting


class Incident(NamedTuple):
    """A case, what did it (None: no change), and what kind of incident it is."""

    case: Case
    culprit: str | None
    kind: str
    asked: float


class Cascaded(NamedTuple):
    """How the shop fares: (services, identity old or new, times); ``mixed`` is what callers get."""

    rate: Floats
    failing: Floats
    latency_ms: Floats
    mixed_failing: Floats
    mixed_latency_ms: Floats


def simulate(seed: int, *, beside: bool = False) -> Incident:
    """The incident of a seed. Same seed, same incident; what no instrument shows is drawn again.

    beside  only rollouts that have old and new side by side, and one of them did it
    """
    for attempt in range(ATTEMPTS_MAX):
        incident = _try(seed, np.random.default_rng([seed, 2026, attempt, int(beside)]), beside)
        if incident is not None:
            return incident
    raise AssertionError("one in twenty draws is visible")


def _try(seed: int, random: Random, beside: bool) -> Incident | None:
    """An incident; None where nobody would have noticed."""
    origin = ORIGIN + 86_400.0 * (seed % 300) + random.uniform(0, 86_400)
    every = float(random.choice([10, 15, 30, 60, 60, 60, 60, 120]))
    history = max(random.uniform(600, 3_600), 12 * every)
    detected = float(random.uniform(60, 240))
    asked = detected + 120
    times = np.arange(-history, asked, every)
    shop = make_shop(random)
    rollouts = make_rollouts(random, shop, origin, beside=beside)
    harm = Harm(len(shop.names), len(times))
    faults.innocent(random, harm, rollouts, times)
    blamed, kind = _break(random, harm, shop, rollouts, times, 0.0 if beside else NONE_SHARE)
    if beside and blamed is None:
        return None
    shares = {r.service: r.share(times) for r in rollouts}
    cascaded = cascade(random, shop, harm, shares, times)
    eyes = draw_eyes(random)
    worse = _worse(cascaded, eyes, times)
    if worse.max() < VISIBLE_MIN:
        return None
    series = observe(random, eyes, shop, harm, rollouts, cascaded, times, origin)
    forgotten = random.choice([0.0, 0.0, 0.0, 0.1, 0.3, 1.0], p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.05])
    changes = [r.change._replace(started=origin + r.change.started) for r in rollouts]
    changes += long_done(random, shop, origin)
    changes += responses(random, shop, origin + detected, origin + asked)
    case = Case(
        detected=origin + detected,
        symptom=_symptom(random, shop, worse),
        changes=tuple(changes[i] for i in random.permutation(len(changes))),
        series=tuple(series),
        calls=tuple(call for call in shop.calls if random.random() >= forgotten),
    )
    return Incident(case, blamed and blamed.change.id, kind, origin + asked)


def _break(
    random: Random, harm: Harm, shop: Shop, rollouts: list[Rollout], times: Floats, alone: float
) -> tuple[Rollout | None, str]:
    could = [r for r in rollouts if r.change.started < 0]
    if random.random() < alone or not could:
        changed = {r.service for r in rollouts}
        # One in three hits a service that was just changed, old and new alike.
        free = [s for s in range(len(shop.names)) if s not in changed or random.random() < 0.2]
        return None, faults.hurt_alone(random, harm, free, times)
    blamed = could[int(random.integers(len(could)))]
    kind = str(random.choice(list(faults.SPREAD), p=list(faults.SPREAD.values())))
    if blamed.switches and kind == "silent":
        kind = "errors"
    at = could.index(blamed)
    if random.random() < 0.65:
        blamed = _shifted(blamed, random)
        rollouts[rollouts.index(could[at])] = blamed
    faults.hurt(random, harm, shop, blamed, kind, times)
    return blamed, kind


def _shifted(rollout: Rollout, random: Random) -> Rollout:
    """The rollout, moved so that one of its first steps is what begins the incident."""
    born = sorted({i.born for i in rollout.instances if i.is_new}) or [rollout.change.started]
    which = 0 if random.random() < 0.8 else int(random.integers(len(born)))
    by = -born[which] - random.uniform(0, 20)
    change = rollout.change
    return rollout._replace(
        change=change._replace(
            started=change.started + by,
            finished=None if change.finished is None else change.finished + by,
            steps=tuple(s._replace(at=s.at + by) for s in change.steps),
        ),
        instances=[
            i._replace(born=i.born + by, gone=i.gone + by if 0 < abs(i.gone) < 1e8 else i.gone)
            for i in rollout.instances
        ],
    )


def cascade(
    random: Random, shop: Shop, harm: Harm, shares: dict[int, Floats], times: Floats
) -> Cascaded:
    """Failures and waits go up the call graph; retries soften the one and add to the other."""
    n = len(shop.names)
    wave = 1 + 0.2 * np.sin(times / random.uniform(600, 4_000) + random.uniform(0, 6))
    rate = rates(shop, shop.rate * wave * harm.surge, harm.more)
    failing = np.clip(harm.failing + shop.failing[:, None, None], 0, 1)
    latency = shop.latency_ms[:, None, None] * harm.slower
    mixed_failing, mixed_latency = np.zeros((n, len(times))), np.zeros((n, len(times)))
    for s in reversed(range(n)):
        fine = np.ones(len(times))
        for b in np.flatnonzero(shop.weight[s]):
            seen = mixed_failing[b] ** 2 if shop.retries else mixed_failing[b]
            fine *= 1 - shop.critical[s, b] * min(1.0, shop.weight[s, b]) * seen
            latency[s] += min(1.0, shop.weight[s, b]) * (mixed_latency[b] + harm.out_ms[s])
        failing[s] = 1 - (1 - failing[s]) * fine
        late = np.clip((latency[s] / shop.timeout_ms - 0.5) * 2, 0, 1) ** 2
        failing[s] = 1 - (1 - failing[s]) * (1 - 0.8 * late)
        latency[s] = np.minimum(latency[s], shop.timeout_ms)
        share = shares.get(s, np.zeros(len(times)))
        mixed_failing[s] = (1 - share) * failing[s, 0] + share * failing[s, 1]
        way = latency[s] + harm.way_ms[s]
        mixed_latency[s] = np.minimum((1 - share) * way[0] + share * way[1], shop.timeout_ms)
    return Cascaded(rate, failing, latency, mixed_failing, mixed_latency)


def _worse(cascaded: Cascaded, eyes: Eyes, times: Floats) -> Floats:
    """How much worse each service serves, as far as this case's metrics show it."""
    before, after = times < 0, times >= 0
    fails = cascaded.mixed_failing
    waits = np.log(cascaded.mixed_latency_ms)
    worse = np.zeros(len(fails))
    if "success_rate" in eyes.metrics:
        worse += 4 * (fails[:, after].mean(1) - fails[:, before].mean(1))
    if eyes.metrics & {"latency_ms_p95", "latency_ms_mean"}:
        worse += np.maximum(waits[:, after].mean(1) - waits[:, before].mean(1), 0)
    return worse


def _symptom(random: Random, shop: Shop, worse: Floats) -> str | None:
    """What the alarm named: mostly where visitors come in, else one of the worst, or nothing."""
    drawn = random.random()
    if drawn < 0.12:
        return None
    if drawn < 0.6 and worse[0] > 0.5 * VISIBLE_MIN:
        return shop.names[0]
    hit = np.flatnonzero(worse > 0.5 * worse.max())
    return shop.names[int(random.choice(hit))]


def main() -> None:
    """Write one incident as a folder."""
    options = argparse.ArgumentParser(prog="python -m bench.why.simulate")
    options.add_argument("folder", type=Path, help="where the four files go")
    options.add_argument("--seed", type=int, default=1, help="which incident")
    chosen = options.parse_args()
    incident = simulate(chosen.seed)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for name, content in to_files(incident.case).items():
        (chosen.folder / name).write_bytes(content)
    print(f"{incident.kind}: {incident.culprit or 'none of the changes'}")


if __name__ == "__main__":
    main()
