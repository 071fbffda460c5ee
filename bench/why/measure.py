"""How often the right change stands first, and how long that takes: rows of the benchmark.

    made-up incidents, seeds never learnt from ──► shipped weights ──┐
    the same with a part of what is known taken away                 ├──► top 1, top 3, MRR
    nezha, petshop ──► weights learnt without that day or subsystem ─┘    beside plain rankings

Each figure is two minutes after the detection. The real sets lie outside the repository; where they
are not, their rows say so.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from bench.place import Place
from bench.report import Row
from bench.server import COMMAND
from bench.timing import each
from bench.why.examples import example, simulated
from bench.why.fit import Example, fit
from bench.why.score import BASELINES, Ranker, Score, by_model, place_of_truth, score, score_places
from bench.why.simulate import simulate
from bench.why.train import BESIDE_SHARE, SETS, real
from wherefrom.formats.why_case import Case, Change, to_files
from wherefrom.formats.why_series import Samples
from wherefrom.query.why import rank
from wherefrom.query.why.grid import Floats
from wherefrom.query.why.model import shipped

FIRST_HELD_OUT: Final = 90_000  # never learnt from, nor looked at while features were made
TOP1_GOAL, MRR_GOAL, SECONDS_GOAL = 0.90, 0.94, 1.0
CHANGES, SERIES = 1_000, 1_000
DATA: Final = Path(__file__).parents[2].parent / "shared" / "data" / "runtime"


def measure(place: Place) -> Iterator[Row]:
    """Made-up incidents, those with a part missing, real ones, and the speed."""
    yield from _made_up(place, place.sizes.incidents)
    yield from _real(place, place.sizes.learnt)
    yield from _speed(place)


# -- made up


def _made_up(place: Place, count: int) -> Iterator[Row]:
    seeds = range(FIRST_HELD_OUT, FIRST_HELD_OUT + count)
    ranker = by_model(shipped())
    place.say(f"{count} incidents of rolling releases, old and new side by side")
    area = "why: made-up incidents, side by side"
    beside = [simulate(seed, beside=True) for seed in seeds]
    examples = [example(incident, "") for incident in beside]
    judged = score(examples, ranker)
    yield _row(area, "rolling releases, one to six at once", judged, goal=TOP1_GOAL)
    yield Row(
        area=area, what="the same: MRR", value=judged.mrr[0], unit="", goal=MRR_GOAL,
        at_least=True, beside={"95 %": _ends(judged.mrr)},
    )  # fmt: skip
    yield from (_row(area, name, score(examples, plain)) for name, plain in BASELINES.items())
    yield from _by_kind(area, examples, ranker)
    for what, blind in BLINDED.items():
        blinded = [example(i._replace(case=blind(i.case)), "") for i in beside]
        yield _row("why: the same, with a part missing", what, score(blinded, ranker))
    place.say(f"{count} incidents of any kind")
    area = "why: made-up incidents of any kind"
    examples = list(simulated(seeds))
    yield _row(area, "all, one in seven of them no change's fault", score(examples, ranker))
    yield from (_row(area, name, score(examples, plain)) for name, plain in BASELINES.items())
    yield from _by_kind(area, examples, ranker)


def _by_kind(area: str, examples: Sequence[Example], ranker: Ranker) -> Iterator[Row]:
    for kind in sorted({e.kind for e in examples}):
        yield _row(area, f"of kind {kind}", score([e for e in examples if e.kind == kind], ranker))


def _without(**emptied: str) -> Callable[[Case], Case]:
    return lambda case: case._replace(series=tuple(s._replace(**emptied) for s in case.series))


def _callers_only(case: Case) -> Case:
    seen = tuple(s for s in case.series if s.caller)
    return case._replace(series=seen or case.series)


def _every_second(case: Case) -> Case:
    return case._replace(series=case.series[::2])


BLINDED: Final[dict[str, Callable[[Case], Case]]] = {
    "no identities": _without(identity=""),
    "no identities, no instances": _without(identity="", instance=""),
    "what callers see, where there is any": _callers_only,
    "every second series lost": _every_second,
    "no map of calls": lambda case: case._replace(calls=()),
    "no symptom": lambda case: case._replace(symptom=None),
    "no steps told": lambda case: case._replace(
        changes=tuple(c._replace(steps=()) for c in case.changes)
    ),
}


# -- real


def _real(place: Place, seeds: int) -> Iterator[Row]:
    if not all((DATA / name).is_dir() for name in SETS):
        for name in SETS:
            why = {"": "the set is not here: see bench/why/real.py"}
            yield Row(area=f"why: {name}", what="top 1", value=None, unit="", beside=why)
        return
    place.say(f"learning from {seeds} incidents and the real ones, each time without a part")
    made_up = [
        *simulated(range(seeds)), *simulated(range(round(seeds * BESIDE_SHARE)), beside=True)
    ]  # fmt: skip
    found = list(real(DATA))
    for name in SETS:
        mine = [(part, e) for set, part, e in found if set == name]
        others = [e for set, _, e in found if set != name]
        places = np.zeros(len(mine))
        for left_out in sorted({part for part, _ in mine}):
            rest = [e for part, e in mine if part != left_out]
            ranker = by_model(fit([*made_up, *others, *rest]))
            for i, (part, e) in enumerate(mine):
                if part == left_out:
                    places[i] = place_of_truth(ranker(e), e.truth)
        yield from _real_rows(name, [e for _, e in mine], places)


def _real_rows(name: str, examples: Sequence[Example], places: Floats) -> Iterator[Row]:
    area = f"why: {name}"
    left_out = {"nezha": "one day left out", "petshop": "one component and metric left out"}[name]
    yield _row(area, f"all, learnt with {left_out}", score_places(places))
    yield from (_row(area, plain, score(examples, by)) for plain, by in BASELINES.items())
    for place in (0, 1):  # where it broke, then how
        words = [e.kind.split()[place] for e in examples]
        for of in sorted(set(words)):
            mine = np.array([word == of for word in words])
            yield _row(area, f"of {of}", score_places(places[mine]))


# -- speed


def many(changes: int = CHANGES, series: int = SERIES) -> Case:
    """So many changes of a hundred services, and so many series of an hour's minutes."""
    random = np.random.default_rng(7)
    names = [f"service-{i:02}" for i in range(100)]
    times = [float(60 * m) for m in range(60)]
    measured = []
    for i in range(series):
        rates = (1 - random.uniform(0, 0.01, 60)).tolist()
        key = (names[i % 100], "", f"pod-{i}", "v1" if i % 2 else "v2", "success_rate")
        measured.append(Samples(*key, times, rates))
    moments = random.uniform(0, 3_400, changes)
    return Case(
        detected=3_480.0,
        symptom=names[0],
        changes=tuple(
            Change(f"change-{i}", "deploy", names[i % 100], float(m), before="v1", after="v2")
            for i, m in enumerate(moments)
        ),
        series=tuple(measured),
        calls=tuple(
            (names[i], names[k]) for i in range(100) for k in (2 * i, 2 * i + 1) if k < 100
        ),
    )


def _speed(place: Place) -> Iterator[Row]:
    case, area = many(), "why: speed"
    what = f"{CHANGES:,} changes × {SERIES:,} series of 60 samples"
    times = each(10, lambda _: rank(case))
    yield Row(
        area=area, what=f"{what}: ranked, p50", value=times.p50 / 1e3, unit="s", goal=SECONDS_GOAL,
        beside={"p99 ms": times.p99},
    )  # fmt: skip
    folder = place.folder / "why-case"
    folder.mkdir()
    for name, content in to_files(case).items():
        (folder / name).write_bytes(content)
    command = [*COMMAND, "why", "--case", str(folder), "--json"]
    run = each(3, lambda _: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    yield Row(area=area, what=f"{what}: the command, p50", value=run.p50 / 1e3, unit="s")


# -- rows


def _row(area: str, what: str, judged: Score, goal: float | None = None) -> Row:
    return Row(
        area=area, what=what, value=judged.top1[0], unit="top 1", goal=goal, at_least=True,
        beside={
            "95 %": _ends(judged.top1), "top 3": f"{judged.top3[0]:.2f}",
            "MRR": f"{judged.mrr[0]:.2f}, {_ends(judged.mrr)}", "of": f"{judged.cases} cases",
        },
    )  # fmt: skip


def _ends(of: tuple[float, float, float]) -> str:
    return f"{of[1]:.2f} to {of[2]:.2f}"
