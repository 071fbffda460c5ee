"""The shortest way between two things."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from tests.unit.query.model import Model
from tests.unit.views.fakes import FakeLog, folded, random_log
from wherefrom.errors import NotFound
from wherefrom.query import path


@pytest.mark.parametrize("seed", range(15))
def test_a_path_is_as_short_as_one_found_by_hand_and_every_edge_joins(
    seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    log, _ = random_log(seed, 40, erasing=0.02)
    reader = folded(log, tmp_path)
    found = 0
    with reader.snapshot() as snapshot:
        for _ in range(40):
            as_of = chance.choice((None, chance.randrange(1, log.size)))
            model = Model(log, as_of=as_of)
            if len(model.mentioned) < 2:
                continue
            a, b = chance.sample(sorted(model.mentioned), 2)
            answer = path(snapshot, a, b, as_of=as_of)
            ways = [d for d in (model.distance(a, b), model.distance(b, a)) if d is not None]
            assert answer.length == min(ways, default=None)
            if answer.length is None:
                assert answer.direction is None
                assert answer.nodes == answer.edges == []
                assert "no way along the arrows" in answer.notes[0]
                continue
            found += 1
            ids = [n.id for n in answer.nodes]
            assert (ids[0], ids[-1]) == (a, b)
            assert len(answer.edges) == len(ids) - 1
            for edge, (here, there) in zip(answer.edges, pairwise(ids), strict=True):
                ends = (edge.source, edge.target)
                if edge.relation == "alternate":
                    assert set(ends) == {here, there}
                else:
                    assert ends == ((here, there) if answer.direction == "up" else (there, here))
            counted = [e for e in answer.edges if e.relation != "alternate"]
            assert len(counted) == answer.length
    reader.close()
    assert found > 5


def test_a_path_goes_whichever_way_the_arrows_point(tmp_path: Path) -> None:
    log = FakeLog()
    log.add(
        edges=[
            ["sha256:app", "generated_by", "build:1"],
            ["build:1", "used", "gitCommit:1"],
            ["doc:a", "describes", "sha256:app"],
            ["doc:a", "describes", "sha256:other"],
        ]
    )
    reader = folded(log, tmp_path)
    with reader.snapshot() as snapshot:
        up = path(snapshot, "sha256:app", "gitCommit:1")
        down = path(snapshot, "gitCommit:1", "sha256:app")
        from_document = path(snapshot, "doc:a", "gitCommit:1")
        beside = path(snapshot, "sha256:other", "sha256:app")
        itself = path(snapshot, "build:1", "build:1")
        short = path(snapshot, "doc:a", "gitCommit:1", length_max=2)
        few = path(snapshot, "doc:a", "gitCommit:1", nodes_max=2)
        with pytest.raises(NotFound, match="no record speaks of this"):
            path(snapshot, "sha256:app", "gitCommit:9")
    reader.close()
    assert [n.id for n in up.nodes] == ["sha256:app", "build:1", "gitCommit:1"]
    assert up.direction == "up"
    assert [n.id for n in down.nodes] == ["gitCommit:1", "build:1", "sha256:app"]
    assert down.direction == "down"
    assert from_document.length == 3
    assert (beside.direction, beside.truncated) == (None, False)
    assert (itself.length, itself.edges) == (0, [])
    assert (short.direction, short.reason) == (None, "depth")
    assert (short.of, short.frontier) == ("doc:a", ["build:1", "sha256:app", "sha256:other"])
    assert (up.of, up.frontier, up.gaps) == ("sha256:app", [], [])
    assert (few.direction, few.reason) == (None, "nodes")
    assert "bound on nodes" in few.notes[0]
