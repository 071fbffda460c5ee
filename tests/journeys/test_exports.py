"""Exports of real records: read by other programs, and fed to a second Wherefrom."""

import io
import json

import apsw
import networkx
import pytest
from prov.model import ProvDocument

from tests.folders import ME, asked, made
from tests.paths import DATA
from tests.unit.cli.running import run
from tests.unit.query.exports.lineage import carried, general, read_again, validator
from tests.unit.query.exports.test_prov import statements
from wherefrom.app import DataFolder, open_recorder
from wherefrom.query import exports
from wherefrom.query.desk import TraceOptions

EVERY = 23


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    """A directory with every record of lineage and many of the supply chain."""
    path = tmp_path_factory.mktemp("estate") / "data"
    given = [DATA / "lineage/captures", DATA / "lineage/ol-compat", DATA / "lineage/marquez",
             DATA / "supply/slsa-verifier", DATA / "supply/cyclonedx-bom-examples",
             DATA / "supply/in-toto-attestation"]  # fmt: skip
    run("record", *[p for p in given if p.exists()], data=path)
    run("log", "status", data=path)
    return path


@pytest.fixture(scope="module")
def answers(estate):
    """Traces both ways from many things of each kind."""
    folder = DataFolder(estate)
    with asked(folder) as desk:
        file = apsw.Connection(str(estate / "views/graph.db"), flags=apsw.SQLITE_OPEN_READONLY)
        ids = [id for (id,) in file.execute("SELECT id FROM ids ORDER BY id")]
        lineage = [id for id in ids if id.startswith(("run:", "job:", "dataset"))]
        chosen = dict.fromkeys([*ids[::EVERY], *lineage[::3]])
        return [
            desk.trace(id, TraceOptions(direction=direction))
            for id in chosen
            for direction in ("up", "down")
        ]


def test_there_is_something_to_export(answers):
    relations = {e.relation for answer in answers for e in answer.edges}
    assert relations >= {"generated_by", "used", "derived_from", "describes", "contains",
                         "specializes", "informed_by", "depends_on"}  # fmt: skip
    assert len(answers) > 300


def test_both_notations_of_prov_have_every_edge_and_are_one_document(answers):
    for answer in answers[::4]:
        document = ProvDocument.deserialize(content=exports.write(answer, "prov-json"))
        text = exports.write(answer, "prov-n")
        assert ProvDocument.deserialize(content=text, format="provn", profile="strict") == document
        assert statements(document) == {
            (e.relation, e.source, e.target, e.entry) for e in answer.edges
        }


def test_graphml_has_every_node_and_edge(answers):
    for answer in answers:
        written = io.BytesIO(exports.write(answer, "graphml").encode())
        graph = networkx.read_graphml(written, force_multigraph=True)
        assert [d["id"] for _, d in graph.nodes(data=True)] == [n.id for n in answer.nodes]
        assert graph.number_of_edges() == len(answer.edges)


def test_events_are_as_their_schemas_say_and_carry_what_is_promised(answers):
    check = validator()
    carried_in_all = 0
    for answer in answers:
        lines = exports.write(answer, "openlineage")
        for line in lines.splitlines():
            check(json.loads(line))
        again, promised = read_again(lines), carried(answer)
        assert promised <= again
        carried_in_all += len(promised)
        # A run has a job; and whoever names a dataset's version names the dataset.
        versions = {(general(a), r, general(b)) for a, r, b in promised}
        more = {edge for edge in again - promised - versions if edge[1] != "specializes"}
        assert not more
    assert carried_in_all > 1_000


def test_a_second_wherefrom_that_records_the_export_answers_the_same(estate, answers, tmp_path):
    ups = [a for a in answers if a.direction == "up" and a.of.startswith("dataset:")]
    start = max(ups, key=lambda a: len(a.edges)).of
    lines = run("trace", start, "--format", "openlineage", data=estate).written
    (tmp_path / "export.jsonl").write_bytes(lines)
    second = made(tmp_path / "second")
    with open_recorder(second) as recorder:
        outcomes = recorder.record(lines.splitlines(), principal=ME)
    assert {outcome.status for outcome in outcomes} == {"recorded"}

    def lineage(path):
        said = run("trace", start, "--json", data=path).json
        return {(e["from"], e["relation"], e["to"]) for e in said["edges"]
                if e["relation"] != "describes"}  # fmt: skip

    assert lineage(second.path) == lineage(estate)
    assert len(lineage(estate)) > 5
