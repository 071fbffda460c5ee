"""Traces over real records, read by the real formats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import DATA
from tests.unit.views.fakes import FakeLog
from wherefrom.formats.recognise import FACTS_VERSION, facts_of
from wherefrom.query import Trace, find, path, resolve, trace
from wherefrom.views.graph import GraphReader, GraphView, Snapshot

DOCS = DATA / "supply" / "guac-data" / "docs"
PROVENANCE = sorted((DOCS / "slsa").glob("kube-slsa-*.json"))
SBOMS = sorted((DOCS / "cyclonedx").glob("*.json"))[:6] + sorted((DOCS / "spdx").glob("syft*"))


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    log = FakeLog()
    for file in PROVENANCE + SBOMS:
        log.add_content(file.read_bytes(), level="channel", signers=())
    path = tmp_path_factory.mktemp("real") / "graph.sqlite"
    with GraphView.open(path, facts_of=facts_of, facts_version=FACTS_VERSION) as view:
        assert view.fold(log).size == len(PROVENANCE) + len(SBOMS)
    reader = GraphReader(path)
    with reader.snapshot() as found:
        assert found.gaps(found.lens(), 10) == []
        yield found
    reader.close()


def kinds(answer: Trace) -> set[str]:
    return {n.kind for n in answer.nodes}


@pytest.mark.parametrize("file", PROVENANCE, ids=lambda p: p.stem)
def test_a_kubernetes_binary_reaches_its_commit_and_builder_but_no_other_subject(
    snapshot: Snapshot, file: Path
) -> None:
    statement = json.loads(file.read_bytes())
    subjects = {f"sha256:{s['digest']['sha256']}" for s in statement["subject"]}
    commit = statement["predicate"]["materials"][0]["digest"]["sha1"].strip("'")
    one = statement["subject"][7]["digest"]["sha256"]
    (start, *_) = resolve(snapshot, one.upper())
    answer = trace(snapshot, start.id)
    assert {"artifact", "build", "builder", "commit", "attestation"} <= kinds(answer)
    assert f"gitCommit:{commit}" in {n.id for n in answer.nodes}
    assert subjects & {n.id for n in answer.nodes} <= {start.id} | {
        i.id for i in resolve(snapshot, start.id)
    }
    assert not answer.truncated
    down = trace(snapshot, f"gitCommit:{commit}", direction="down")
    assert subjects <= {n.id for n in down.nodes}
    way = path(snapshot, start.id, f"gitCommit:{commit}")
    assert way.direction == "up"


def test_a_package_leads_down_to_the_images_that_contain_it(snapshot: Snapshot) -> None:
    for match in find(snapshot, "zlib", kind="package").matches:
        answer = trace(snapshot, match.id, direction="down")
        wholes = [e for e in answer.edges if e.relation == "contains"]
        assert wholes
        assert {n.kind for n in answer.nodes if n.depth} & {"image", "sbom"}


def test_one_spelling_of_a_package_meets_another(snapshot: Snapshot) -> None:
    for id, _ in snapshot.ids_from("pkg:golang/github.com/", 50):
        if "@" not in id:
            continue
        package, _, version = id.removeprefix("pkg:golang/").partition("@")
        (match,) = resolve(snapshot, f"pkg:GOLANG/{package.upper()}@{version}?type=module")
        assert match.id == id
