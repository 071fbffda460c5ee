"""A trace as lines to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.views.fakes import FakeLog, folded, random_log
from wherefrom.query import branches, trace


def drawn(log: FakeLog, folder: Path, start: str, **how: object) -> list[str]:
    reader = folded(log, folder, f"{len(list(folder.iterdir()))}.sqlite")
    with reader.snapshot() as snapshot:
        answer = trace(snapshot, start, **how)  # type: ignore[arg-type]
    reader.close()
    return [
        "  " * b.depth
        + (f"{'<' if b.backwards else ''}{b.edge.relation} " if b.edge else "")
        + b.node.id
        + (" again" if b.again else "")
        + (" last" if b.last else "")
        for b in branches(answer)
    ]


def test_a_tree_reads_from_what_was_asked_to_where_it_came_from(tmp_path: Path) -> None:
    log = FakeLog()
    log.add(
        edges=[
            ["sha256:app", "generated_by", "build:1"],
            ["sha256:app", "derived_from", "gitCommit:1"],
            ["build:1", "used", "gitCommit:1"],
            ["build:1", "associated_with", "builder:1"],
            ["gitCommit:1", "specializes", "https://x"],
            ["doc:a", "describes", "sha256:app"],
        ]
    )
    log.add(edges=[["sha512:app", "alternate", "sha256:app"]])
    assert drawn(log, tmp_path, "sha256:app") == [
        "sha256:app last",
        "  generated_by build:1",
        "    used gitCommit:1",
        "      specializes https://x last",
        "    associated_with builder:1 last",
        "  derived_from gitCommit:1 again",
        "  <alternate sha512:app",
        "  <describes doc:a last",
    ]
    assert drawn(log, tmp_path, "gitCommit:1", direction="down")[:3] == [
        "gitCommit:1 last",
        "  used build:1",
        "    generated_by sha256:app last",
    ]
    assert drawn(log, tmp_path, "sha256:app", kind="builder") == [
        "sha256:app last",
        "builder:1 last",
    ]


@pytest.mark.parametrize("seed", range(8))
def test_a_tree_has_every_node_and_edge_and_opens_each_node_once(seed: int, tmp_path: Path) -> None:
    log, _ = random_log(seed, 40)
    reader = folded(log, tmp_path)
    with reader.snapshot() as snapshot:
        ids = [i for i, _ in snapshot.ids_from("", 100)]
        for direction in ("up", "down"):
            for start in ids[::5]:
                answer = trace(snapshot, start, direction=direction)
                found = list(branches(answer))
                opened = [b.node.id for b in found if not b.again]
                assert sorted(opened) == sorted(n.id for n in answer.nodes)
                edges = {(b.edge.source, b.edge.relation, b.edge.target) for b in found if b.edge}
                assert edges == {(e.source, e.relation, e.target) for e in answer.edges}
    reader.close()
