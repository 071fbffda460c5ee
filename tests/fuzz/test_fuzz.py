"""A short pass of ``make fuzz`` with a fixed seed, and everything that was ever found."""

import random

import pytest

from tests.fuzz import bounds, mutate, seeds
from tests.fuzz.targets import TARGETS
from wherefrom.errors import Malformed

SEED = 20261125
INPUTS = 800
FEWER = {"handed": 200, "question": 150, "http_get": 300, "judge_frames": 200}
FOUND = sorted(bounds.CORPUS.iterdir())


@pytest.mark.parametrize("path", FOUND, ids=[path.name for path in FOUND])
def test_what_was_found_once_is_never_found_again(path):
    bounds.check(TARGETS[path.name.rpartition("-")[0]].run, path.read_bytes(), traced=True)


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_and_its_neighbours_are_read_or_refused_within_bounds(name):
    target, drawn = TARGETS[name], random.Random(f"{SEED} {name}")
    real = seeds.seeds_of(target.seeds)
    tried = [*real[:20], b"", b"\0", bytes(range(256))]
    for _ in range(FEWER.get(name, INPUTS)):
        tried.append(mutate.mutated(drawn.choice(real), target.seeds, drawn))
    for place, given in enumerate(tried):
        bounds.check(target.run, given, traced=place % bounds.TRACED_EVERY == 0)


def test_a_target_that_is_wrong_is_found_shrunk_and_told():
    def run(given):
        if b"\xff" in given:
            raise KeyError("a slip")
        raise Malformed("no", got=given)

    with pytest.raises(bounds.Bug, match="KeyError: 'a slip'"):
        bounds.check(run, b"a\xffb")
    assert bounds.shrunk(run, b"a" * 500 + b"\xff" + b"b" * 300) == b"\xff"
    bounds.check(run, b"ab")


def test_a_target_that_hangs_or_fills_memory_is_found(monkeypatch):
    def hangs(_):
        while True:
            pass

    monkeypatch.setattr(bounds, "CPU_SECONDS", 0.1)
    with pytest.raises(bounds.Bug, match=r"more than 0\.1 s of processor time"):
        bounds.check(hangs, b"")
    with pytest.raises(bounds.Bug, match=r"it took 4[01] MiB, 32 at most"):
        bounds.check(lambda _: bytes(40 << 20) and None, b"", traced=True)


@pytest.mark.parametrize("said", ["x\ny", "x" * 5000])
def test_a_refusal_that_cannot_be_shown_is_a_bug(said):
    def run(_):
        raise Malformed(said)

    with pytest.raises(bounds.Bug, match="a refusal that cannot be shown"):
        bounds.check(run, b"")


def test_every_door_of_the_formats_folder_is_a_target():
    assert {"strict_json", "dsse", "statement", "slsa", "sigstore_bundle", "pep740", "cyclonedx",
            "spdx", "openlineage", "cloudevents", "purl", "digests", "note", "checkpoint",
            "tile_path", "bundle", "tlog_proof", "add_checkpoint", "tlog_policy",
            "watch_list", "entry", "evidence", "split", "decompress",
            "public_key", "frames", "handed", "facts", "judge_frames", "judge_answers",
            "question", "http_get", "sigstore", "rfc3161",
            "trusted_root"} <= TARGETS.keys()  # fmt: skip
