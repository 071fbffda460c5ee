"""Drawings of real records: SBOMs and provenance as their tools wrote them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from tests.paths import DATA
from tests.unit.views.fakes import FakeLog
from tests.unit.web.lineage.drawings import (
    SnapshotDesk,
    boxes_of,
    crossed,
    drawn,
    overlapping,
    svg_of,
)
from tests.unit.web.lineage.test_text_tree import flat
from wherefrom.formats.recognise import FACTS_VERSION, facts_of
from wherefrom.views.graph import GraphReader, GraphView
from wherefrom.web.lineage.text_tree import text_tree

DOCS = DATA / "supply" / "guac-data" / "docs"
FILES = [*sorted((DOCS / "slsa").glob("kube-slsa-*.json"))]
FILES += [*sorted((DOCS / "cyclonedx").glob("*.json")), *sorted((DOCS / "spdx").glob("syft*"))]
COMMIT = "gitCommit:252935368ab67f38cb252df0a961a6dcb81d20eb"  # of Kubernetes 1.24.4


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnapshotDesk]:
    log = FakeLog()
    for file in FILES:
        log.add_content(file.read_bytes(), level="channel", signers=())
    path = tmp_path_factory.mktemp("real") / "graph.sqlite"
    with GraphView.open(path, facts_of=facts_of, facts_version=FACTS_VERSION) as view:
        assert view.fold(log).size == len(FILES)
    reader = GraphReader(path)
    with reader.snapshot() as snapshot:
        yield SnapshotDesk(snapshot)
    reader.close()


def whole(desk, id, rounds=6):
    """A drawing in which every group is open, step by step."""
    tokens: list[str] = []
    for _ in range(rounds):
        found = drawn(desk, id, f"open={','.join(tokens)}")
        closed = [g.token for g in found.folding.groups.values() if not g.opened]
        if not closed:
            break
        tokens += closed[:8]
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_what_a_document_describes_is_drawn_folded_and_open(desk, file):
    facts = facts_of(file.read_bytes())
    described = [e.target for e in facts.edges if e.relation == "describes"]
    for id in described[:2]:
        before, after = drawn(desk, id), whole(desk, id)
        for found in (before, after):
            svg = svg_of(found)
            assert overlapping(svg) == []
            assert crossed(svg) == []
            assert len(gzip.compress(svg.encode(), 5)) < 150_000
        for item, place in before.figure.places.items():
            assert after.figure.places[item] == place


def test_an_image_of_430_packages_is_four_boxes_until_it_is_opened(desk):
    found = drawn(desk, "docker.io/library/python:latest")
    assert [(g.kind, len(g.members)) for g in found.folding.groups.values()] == [("package", 430)]
    says = [box.says for box in boxes_of(svg_of(found))]
    assert len(says) == 4
    assert "+430 packages" in says
    opened = whole(desk, "docker.io/library/python:latest")
    assert sum(id.startswith("pkg:") for id in opened.folding.things()) == 430
    names = [box.says for box in boxes_of(svg_of(opened))]
    assert "zlib1g-dev 1:1.2.11.dfsg-2+deb11u2 ○" in names


def test_what_came_of_a_commit_is_its_build_and_its_files_as_one_group(desk):
    found = drawn(desk, COMMIT)
    (group,) = found.folding.groups.values()
    assert (group.kind, group.relation, len(group.members)) == ("artifact", "derived_from", 111)
    lines = {(line.effect, line.relation) for line in found.folding.lines()}
    assert {(group.token, "derived_from"), (group.token, "generated_by")} <= lines
    opened = drawn(desk, COMMIT, f"open={group.token}")
    assert len(opened.figure.routes) == len(found.figure.routes)
    told = [line.name for line in flat(text_tree(opened, str))]
    assert any(name.endswith("bin/linux/arm64/kubelet") for name in told)


def test_the_way_from_a_binary_to_its_commit_is_lit(desk):
    binary = "sha256:056214e1dd426f75"
    found = drawn(desk, COMMIT, f"from={binary}&to={COMMIT}")
    lit, links = found.lit()
    assert COMMIT in lit
    assert len(lit) == 2
    assert {relation for _, relation, _ in links} == {"derived_from"}
    assert svg_of(found).count('class="l weak on"') == 1
