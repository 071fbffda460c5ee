"""``python -m bench.why.train``: learn the weights that ship, and say what they were learnt from.

    simulated seeds + nezha + petshop ──► features ──► fit ──► src/wherefrom/query/why/weights.json

Without the data sets (``--data``) it learns from simulated incidents alone, and says so. Everything
is drawn from seeds: the same data give the same file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench.why.examples import example, simulated
from bench.why.fit import DECAY, Example, fit
from bench.why.real import nezha, petshop
from wherefrom.query.why.features import ELSEWHERE, NAMES
from wherefrom.query.why.model import WEIGHTS, Model

SEEDS: Final = 1_500
BESIDE_SHARE: Final = 0.4
REAL_WEIGHT: Final = 6.0
_FILE: Final = Path(__file__).parents[2] / "src" / "wherefrom" / "query" / "why" / WEIGHTS
SETS: Final = {"nezha": nezha, "petshop": petshop}
LICENCES: Final = {
    "simulated": "Apache-2.0, made by bench/why/simulate.py",
    "nezha": "MIT, IntelligentDDS/Nezha",
    "petshop": "CC-BY-4.0, amazon-science/petshop-root-cause-analysis",
}


def real(data: Path, weight: float = REAL_WEIGHT) -> Iterator[tuple[str, str, Example]]:
    """(set, group, example) of every real incident under ``data``."""
    for name, read in SETS.items():
        for group, incident in read(data / name):
            yield name, group, example(incident, f"{name}/{group}", weight)


def written(model: Model, learnt_from: list[dict[str, Any]]) -> dict[str, Any]:
    """What ``weights.json`` holds."""
    return {
        "format": 1,
        "trained": "2026-11-26",
        "licence": "Apache-2.0",
        "learnt_from": learnt_from,
        "change": {
            "bias": round(model.bias, 4),
            **{n: round(float(w), 4) for n, w in zip(NAMES, model.weights, strict=True)},
        },
        "none": {n: round(float(w), 4) for n, w in zip(ELSEWHERE, model.none, strict=True)},
    }


def main() -> None:
    """Learn and write."""
    options = argparse.ArgumentParser(prog="python -m bench.why.train")
    options.add_argument("--data", type=Path, help="a folder that holds nezha/ and petshop/")
    options.add_argument("--seeds", type=int, default=SEEDS, help="simulated incidents")
    options.add_argument("--out", type=Path, default=_FILE, help="where the weights go")
    chosen = options.parse_args()
    beside = round(chosen.seeds * BESIDE_SHARE)
    examples = list(simulated(range(chosen.seeds)))
    examples += simulated(range(beside), beside=True)
    sources = [_source("simulated", f"seeds 0 to {chosen.seeds - 1}", chosen.seeds)]
    sources += [_source("simulated", f"seeds 0 to {beside - 1}, side by side", beside)]
    if chosen.data is not None:
        found = list(real(chosen.data))
        examples += [e for _, _, e in found]
        for name in SETS:
            sources.append(_source(name, "all cases", sum(n == name for n, _, _ in found)))
    model = fit(examples, decay=DECAY)
    chosen.out.write_text(json.dumps(written(model, sources), indent=2) + "\n", encoding="utf-8")
    print(f"learnt from {len(examples)} incidents: {chosen.out}")


def _source(name: str, which: str, cases: int) -> dict[str, Any]:
    return {"set": name, "which": which, "cases": cases, "licence": LICENCES[name]}


if __name__ == "__main__":
    main()
