"""``make fuzz``: each target for its share of the time, in processes of its own.

    python -m tests.fuzz [--seconds 300] [--jobs 2] [--seed N] [TARGET…]
      └ a process a target ──► atheris, guided by coverage, or random mutations if it is not there
            └ a bug: shrunk, kept in tests/fuzz/corpus/, told; exit 1

Whatever was found before is in the corpus; ``make test`` runs it, and a short pass of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SECONDS = 300.0
SEED_MAX = 2**31


def main() -> int:
    """Fuzz every target, or those named; 1 if a bug was found."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz")
    asked.add_argument("targets", nargs="*")
    asked.add_argument("--seconds", type=float, default=SECONDS)
    asked.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    asked.add_argument("--seed", type=int, default=None)
    asked.add_argument("--one", help=argparse.SUPPRESS)
    options = asked.parse_args()
    seed = random.randrange(SEED_MAX) if options.seed is None else options.seed
    if options.one:
        return _one(options.one, options.seconds, seed)
    from tests.fuzz.targets import TARGETS

    names = options.targets or list(TARGETS)
    share = max(1.0, options.seconds * options.jobs / len(names))
    print(f"{len(names)} targets, {share:.0f} s each, seed {seed}", flush=True)
    with ThreadPoolExecutor(options.jobs) as workers:
        ended = list(workers.map(lambda name: _run(name, share, seed), names))
    bad = [name for name, code in zip(names, ended, strict=True) if code]
    print(f"bugs in: {', '.join(bad)}" if bad else "no bug found")
    return 1 if bad else 0


def _run(name: str, seconds: float, seed: int) -> int:
    command = [sys.executable, "-m", "tests.fuzz", "--one", name]
    ran = subprocess.run(
        [*command, "--seconds", str(seconds), "--seed", str(seed)],
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    told = [line for line in ran.stdout.splitlines() if line.startswith("fuzz: ")]
    print("\n".join(told), flush=True)
    if ran.returncode:
        print(ran.stdout[-3000:] + ran.stderr[-3000:], flush=True)
    return ran.returncode


def _one(name: str, seconds: float, seed: int) -> int:
    with contextlib.suppress(ImportError):
        import atheris

        return _guided(atheris, name, seconds, seed)
    return _blind(name, seconds, seed)


class _Trial:
    """A target, and what was tried on it."""

    def __init__(self, name: str) -> None:
        from tests.fuzz import bounds
        from tests.fuzz.seeds import seeds_of
        from tests.fuzz.targets import TARGETS

        self.name, self.target, self.bounds = name, TARGETS[name], bounds
        self.seeds = [*seeds_of(self.target.seeds)]
        self.seeds += [p.read_bytes() for p in sorted(bounds.CORPUS.glob(f"{name}-*"))]
        self.tried = 0
        bounds.limit_memory()

    def __call__(self, given: bytes) -> None:
        self.tried += 1
        traced = self.tried % self.bounds.TRACED_EVERY == 0
        try:
            self.bounds.check(self.target.run, given, traced=traced)
        except self.bounds.Bug:
            traceback.print_exc(file=sys.stdout)
            path = self.bounds.keep(self.name, self.bounds.shrunk(self.target.run, given))
            print(f"fuzz: {self.name}: a bug, kept as {path.name}", flush=True)
            os._exit(1)

    def tell(self, how: str) -> None:
        print(f"fuzz: {self.name}: {self.tried:,} inputs, {how}", flush=True)


def _guided(atheris: Any, name: str, seconds: float, seed: int) -> int:
    """libFuzzer keeps what reaches new code, and mutates it with our mutator and its own."""
    with atheris.instrument_imports(include=["wherefrom"], enable_loader_override=False):
        trial = _Trial(name)
    from tests.fuzz.mutate import mutated

    kind = trial.target.seeds
    until = time.monotonic() + seconds

    def mutate(given: bytes, size_max: int, number: int) -> bytes:
        drawn = random.Random(number)
        if drawn.random() < 0.2:
            return bytes(atheris.Mutate(given, size_max))
        near = given if len(given) > 3 else drawn.choice(trial.seeds)
        return mutated(near, kind, drawn)[:size_max]

    def one(given: bytes) -> None:
        trial(given)
        if time.monotonic() > until:
            trial.tell("guided by coverage")
            os._exit(0)

    arguments = [f"-seed={seed or 1}", "-max_len=65536", "-timeout=60", "-rss_limit_mb=0"]
    with tempfile.TemporaryDirectory() as corpus:
        for number, content in enumerate(trial.seeds):
            with open(os.path.join(corpus, str(number)), "wb") as file:
                file.write(content)
        atheris.Setup([sys.argv[0], *arguments, corpus], one, custom_mutator=mutate)
        atheris.Fuzz()
    return 0


def _blind(name: str, seconds: float, seed: int) -> int:
    from tests.fuzz.mutate import mutated

    trial, drawn = _Trial(name), random.Random(seed)
    for given in trial.seeds:
        trial(given)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        trial(mutated(drawn.choice(trial.seeds), trial.target.seeds, drawn))
    trial.tell("blind")
    return 0


if __name__ == "__main__":
    sys.exit(main())
