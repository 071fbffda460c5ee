"""Real incidents as why-cases: two data sets of faults that people injected on purpose.

    nezha     a shop of ten services, 56 faults of five kinds, a sample a minute
    petshop   41 components, 68 issues, a sample each five minutes; the command is the change

Neither has releases side by side. Honest is: the injection is a change of its service, begun when
it was injected; it stands among decoys, changes that did not happen, at other services or times,
drawn from a seed. Nezha's earlier injections of the last 40 minutes are changes too: they did
happen. No identity is made up, so what is measured here is the road without overlap.

Licences: nezha MIT, petshop CC-BY-4.0 (neither is copied into this repository)
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from bench.why.simulate import Incident
from wherefrom.formats.why_case import Case, Change
from wherefrom.formats.why_series import Samples

DECOYS: Final = 5
NEZHA_HISTORY_S: Final = 2_400.0
NEZHA_KINDS: Final = {"return": "deploy", "exception": "deploy"}
NEZHA_COLUMNS: Final = {
    "PodServerLatencyP95(s)": ("latency_ms_p95", 1e3),
    "PodWorkload(Ops)": ("requests", 60.0),
    "CpuUsage(m)": ("cpu", 1e-3),
    "MemoryUsage(Mi)": ("memory", 2.0**20),
}
PETSHOP_METRICS: Final = {
    ("latency", "Average"): ("latency_ms_mean", 1e3),
    ("latency", "p95"): ("latency_ms_p95", 1e3),
    ("requests", "Sum"): ("requests", 1.0),
    ("availability", "Average"): ("success_rate", 0.01),
}
PETSHOP_EVERY_S: Final = 300.0


def nezha(folder: Path) -> Iterator[tuple[str, Incident]]:
    """(day, incident) of each injected fault. ``folder`` holds ``rca_data``."""
    for day in sorted(p for p in (folder / "rca_data").iterdir() if p.is_dir()):
        (listed,) = day.glob("*fault_list.json")
        faults = [f for hour in json.loads(listed.read_text()).values() for f in hour]
        series, calls = _nezha_series(day / "metric")
        moments = [float(f["inject_timestamp"]) for f in faults]
        services = sorted({s.service for s in series})
        for i, fault in enumerate(faults):
            random = np.random.default_rng([2026, i, len(faults)])
            at = moments[i]
            changes = [_nezha_change(faults[k], moments[k]) for k in _before(moments, at)]
            changes += _decoys(random, services, since=at - 1_800, until=at + 60)
            yield (
                day.name,
                _incident(
                    random, changes, culprit=_nezha_change(fault, at).id,
                    kind=f"{_nezha_service(fault)} {fault['inject_type']}",
                    detected=at + 120, asked=at + 240, symptom=None, calls=calls,
                    series=[_between(s, at - NEZHA_HISTORY_S, at + 240) for s in series],
                ),
            )  # fmt: skip


def petshop(folder: Path) -> Iterator[tuple[str, Incident]]:
    """(kind of issue, incident) of each issue. ``folder`` holds ``dataset``."""
    for target in sorted((folder / "dataset").glob("*/*/*/target.json")):
        told = json.loads(target.read_text())
        at, cause = float(told["target"]["timestamp"]), told["root_cause"]["node"]
        command = told["metadata"]["reproducibility"]["command"]
        series = _petshop_series(target.parent / "metrics.csv")
        random = np.random.default_rng([2027, int(at)])
        change = Change("injected", _petshop_kind(command), cause, at, scope={"command": command})
        nodes = sorted({s.service for s in series})
        changes = [change, *_decoys(random, nodes, since=at - 3_600, until=at + 300)]
        calls = _petshop_calls(target.parents[2] / "graph.csv")
        kind = f"{cause.split('_')[0]} {told['target']['metric']}"
        yield (
            kind,
            _incident(
                random, changes, culprit="injected", kind=kind, detected=at + 2 * PETSHOP_EVERY_S,
                asked=at + 2 * PETSHOP_EVERY_S + 120, symptom=told["target"]["node"], calls=calls,
                series=[_between(s, 0, at + 2 * PETSHOP_EVERY_S + 120) for s in series],
            ),
        )  # fmt: skip


def _incident(
    random: np.random.Generator, changes: list[Change], *, culprit: str, kind: str,
    detected: float, asked: float, symptom: str | None, calls: list[tuple[str, str]],
    series: list[Samples],
) -> Incident:  # fmt: skip
    order = random.permutation(len(changes))
    case = Case(
        detected=detected,
        symptom=symptom,
        changes=tuple(changes[i] for i in order),
        series=tuple(s for s in series if len(s.times)),
        calls=tuple(calls),
    )
    return Incident(case, culprit, kind, asked)


def _decoys(
    random: np.random.Generator, services: list[str], *, since: float, until: float
) -> list[Change]:
    return [
        Change(
            id=f"decoy-{i}",
            kind=str(random.choice(["deploy", "config", "infra"])),
            service=str(random.choice(services)),
            started=float(random.uniform(since, until)),
        )
        for i in range(DECOYS)
    ]


def _between(samples: Samples, since: float, until: float) -> Samples:
    kept = [i for i, moment in enumerate(samples.times) if since <= moment <= until]
    return samples._replace(
        times=[samples.times[i] for i in kept], values=[samples.values[i] for i in kept]
    )


# -- nezha


def _before(moments: list[float], at: float) -> list[int]:
    return [k for k, moment in enumerate(moments) if at - NEZHA_HISTORY_S < moment <= at]


def _nezha_change(fault: dict[str, str], at: float) -> Change:
    kind = NEZHA_KINDS.get(fault["inject_type"], "infra")
    return Change(f"injected-{int(at)}", kind, _nezha_service(fault), at)


def _nezha_service(fault: dict[str, str]) -> str:
    return fault["inject_pod"].rsplit("-", 2)[0]


def _nezha_series(folder: Path) -> tuple[list[Samples], list[tuple[str, str]]]:
    found: list[Samples] = []
    for path in sorted(folder.glob("*-*_metric.csv")):
        rows = _rows(path)
        pod = path.name.removesuffix("_metric.csv")
        service = pod.rsplit("-", 2)[0]
        for column, (metric, factor) in NEZHA_COLUMNS.items():
            found.append(_column(rows, column, factor, (service, "", pod, "", metric)))
    front = _rows(folder / "front_service.csv")
    key = ("frontend", "", "", "", "success_rate")
    found.append(_column(front, "SuccessRate(%)", 0.01, key))
    calls = []
    edges = _rows(folder / "source_50.csv")
    for column in edges[0]:
        if "_" in column:
            caller, callee = column.split("_")
            calls.append((caller, callee))
            # A median, under the name of the nearest metric that the format has.
            found.append(_column(edges, column, 1e3, (callee, caller, "", "", "latency_ms_mean")))
    return found, calls


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _column(
    rows: list[dict[str, str]], column: str, factor: float, key: tuple[str, str, str, str, str]
) -> Samples:
    times, values = [], []
    for row in rows:
        moment, text = row.get("TimeStamp") or row.get("timestamp"), row.get(column)
        if moment and text and text != "NaN":
            times.append(float(moment))
            values.append(float(text) * factor)
    return Samples(*key, times, values)


# -- petshop


def _petshop_kind(command: str) -> str:
    if "cdk deploy" in command:
        return "deploy"
    return "config" if "put-parameter" in command else "infra"


def _petshop_series(path: Path) -> list[Samples]:
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.reader(lines))
    found = []
    for place, (node, metric, statistic) in enumerate(zip(*(r[1:] for r in rows[:3]), strict=True)):
        if (metric, statistic) not in PETSHOP_METRICS:
            continue
        name, factor = PETSHOP_METRICS[metric, statistic]
        told = [(float(r[0]), r[place + 1]) for r in rows[4:] if r[0]]
        known = [(moment, float(text) * factor) for moment, text in told if text not in ("", "nan")]
        found.append(Samples(node, "", "", "", name, [m for m, _ in known], [v for _, v in known]))
    return found


def _petshop_calls(path: Path) -> list[tuple[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.reader(lines))
    names = rows[0][1:]
    return [
        (row[0], names[i])
        for row in rows[1:]
        for i, mark in enumerate(row[1:])
        if mark not in ("", "0", "0.0") and row[0] != names[i]
    ]
