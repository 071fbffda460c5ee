"""What OpenLineage events say: runs, jobs, datasets, and the facets that lead to causes."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA, REPOSITORY
from wherefrom.errors import Malformed, Refused, Unsupported
from wherefrom.formats import openlineage
from wherefrom.formats.facts import Edge, Facts, Node

LINEAGE = DATA / "lineage"
ID = "sha256:" + "0" * 64
RUN = "01a1fc81-1e8c-7540-b7cf-33e0e7275163"
PARENT = "01a1fc81-1e8c-7eb7-93d6-e2281fcd25bd"
ROOT = "01a1fc81-1e8c-7eb7-93d6-000000000000"
COMMIT = "693e35482bc2e526ced2b5f9f76ef83dec6ec691"
INPUT, OUTPUT = "dataset:s3://bkt:raw/orders", "dataset:postgres://db:5432:shop.orders"


def event(**changes: Any) -> dict[str, Any]:
    """A run event with one input and one output; a change to None leaves the key out."""
    whole: dict[str, Any] = {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-01T02:00:00.123456789+01:00",
        "producer": "https://example.org/etl/1.0",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": RUN.upper()},
        "job": {"namespace": "prod", "name": "etl.load"},
        "inputs": [{"namespace": "s3://bkt", "name": "raw/orders"}],
        "outputs": [{"namespace": "postgres://db:5432", "name": "shop.orders"}],
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not None}


def with_facets(side: str, **facets: Any) -> dict[str, Any]:
    """The event with facets on its ``run``, ``job``, ``inputs`` or ``outputs``."""
    whole = event()
    part = whole[side][0] if isinstance(whole[side], list) else whole[side]
    part["facets"] = facets
    return whole


def read(document: dict[str, Any]) -> Facts:
    facts = openlineage.facts(document, document_id=ID)
    ids = {node.id for node in facts.nodes}
    assert all(edge.source in ids and edge.target in ids for edge in facts.edges)
    return facts


def edges(facts: Facts, relation: str) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in facts.edges if edge.relation == relation}


def node(facts: Facts, id: str) -> Node:
    return next(node for node in facts.nodes if node.id == id)


def edge(facts: Facts, source: str, relation: str, target: str) -> Edge:
    return next(
        edge
        for edge in facts.edges
        if (edge.source, edge.relation, edge.target) == (source, relation, target)
    )


# The three events.


def test_a_run_event_ties_its_run_to_job_inputs_and_outputs() -> None:
    facts = read(event())
    run = f"run:{RUN}"
    assert facts.kind == "event"
    assert facts.type.endswith("2-0-2/OpenLineage.json#/$defs/RunEvent")
    assert facts.occurred == "2026-01-01T01:00:00.123456Z"
    assert facts.namespaces == ("postgres://db:5432", "prod", "s3://bkt")
    assert facts.producers == ("https://example.org/etl/1.0",)
    assert edges(facts, "specializes") == {(run, "job:prod:etl.load")}
    assert edges(facts, "used") == {(run, INPUT)}
    assert edges(facts, "generated_by") == {(OUTPUT, run)}
    assert edges(facts, "describes") == {(ID, run)}
    assert node(facts, run).properties == {"eventType": "COMPLETE"}
    assert node(facts, INPUT).name == "raw/orders"


def test_a_job_event_speaks_of_the_design_and_knows_no_run() -> None:
    facts = read(event(run=None, eventType=None))
    job = "job:prod:etl.load"
    assert {n.kind for n in facts.nodes} == {"event", "job", "dataset"}
    assert edges(facts, "describes") == {(ID, job)}
    assert edges(facts, "depends_on") == {(job, INPUT)}
    assert edges(facts, "derived_from") == {(OUTPUT, job), (OUTPUT, INPUT)}


def test_a_job_event_with_too_many_pairs_still_leads_through_its_job() -> None:
    many = [{"namespace": "n", "name": f"d{i}"} for i in range(101)]
    facts = read(event(run=None, inputs=many, outputs=many))
    assert len(edges(facts, "derived_from")) == len(edges(facts, "depends_on")) == 101


def test_a_dataset_event_describes_its_dataset_and_version() -> None:
    version = {"version": {"datasetVersion": "v:7%"}}
    dataset = {"namespace": "s3://bkt", "name": "a:b", "facets": version}
    document = event(run=None, job=None, inputs=None, outputs=None, dataset=dataset)
    facts = read(document)
    assert edges(facts, "describes") == {
        (ID, "dataset:s3://bkt:a%3Ab"),
        (ID, "dataset_version:s3://bkt:a%3Ab:v%3A7%25"),
    }


def test_events_of_one_run_meet_in_its_node_whatever_their_order() -> None:
    start = read(event(eventType="START", outputs=[]))
    complete = read(event(inputs=[], run={"runId": RUN}))
    shared = {n.id for n in start.nodes} & {n.id for n in complete.nodes}
    assert shared == {f"run:{RUN}", "job:prod:etl.load", ID}


# What is accepted though the schema says no, and what is not.


def test_without_a_schema_url_the_type_is_the_spec_we_read() -> None:
    assert read(event(schemaURL=None)).type.endswith("/2-0-2/OpenLineage.json#/$defs/RunEvent")
    assert read(event(schemaURL=None, run=None)).type.endswith("#/$defs/JobEvent")


def test_a_time_without_a_zone_is_no_instant_and_is_kept_as_it_is() -> None:
    facts = read(event(eventTime="2020-12-28T19:51:01.641499"))
    assert facts.occurred is None
    properties = node(facts, ID).properties or {}
    assert properties["eventTime"] == "2020-12-28T19:51:01.641499"


def test_a_run_id_that_is_no_uuid_names_a_run_only_with_its_job() -> None:
    ours = read(event(run={"runId": "run:1"}))
    theirs = read(event(run={"runId": "run:1"}, job={"namespace": "prod", "name": "other"}))
    assert edges(ours, "describes") == {(ID, "run:prod:etl.load:run%3A1")}
    assert edges(theirs, "describes") == {(ID, "run:prod:other:run%3A1")}


@pytest.mark.parametrize("model", ["0-0-1", "1-0-5", "2-8-9"])
def test_models_up_to_ours_are_read_and_keep_the_version_they_came_with(model: str) -> None:
    url = f"https://openlineage.io/spec/{model}/OpenLineage.json#/definitions/RunEvent"
    assert read(event(schemaURL=url)).type == url


@pytest.mark.parametrize("model", ["3", "9" * 4, "1" * 5, "9" * 5000])
def test_an_event_of_a_later_model_is_unsupported_whatever_its_number(model):
    url = f"https://openlineage.io/spec/{model}-0-0/OpenLineage.json#/$defs/RunEvent"
    with pytest.raises(Unsupported, match="an OpenLineage event of a later model, at schemaURL"):
        read(event(schemaURL=url))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eventTime": None}, "a required field is missing, at eventTime"),
        ({"producer": None}, "a required field is missing, at producer"),
        ({"producer": 5}, "a field has the wrong type, at producer"),
        ({"eventTime": "soon"}, "not an RFC 3339 time, at eventTime"),
        ({"eventTime": "2020-13-01T00:00:00"}, "not an RFC 3339 time, at eventTime"),
        ({"eventTime": "${json-unit.any-string}"}, "never filled in, at eventTime"),
        ({"producer": "{{ any(result) }}"}, "never filled in, at producer"),
        ({"run": {"runId": "{{ any(result) }}"}}, "never filled in, at run.runId"),
        ({"run": {}}, "a required field is missing, at run.runId"),
        ({"run": []}, "a field has the wrong type, at run"),
        ({"job": None}, "a required field is missing, at job"),
        ({"job": {"namespace": "n", "name": ""}}, "a required field is missing, at job.name"),
        ({"job": {"name": "n"}}, "a required field is missing, at job.namespace"),
        ({"eventType": "DONE"}, "not an event type, at eventType: expected ABORT"),
        ({"inputs": {}}, "a field has the wrong type, at inputs"),
        ({"inputs": ["a"]}, r"a field has the wrong type, at inputs\[0\]"),
        ({"outputs": [{"name": "a"}]}, r"a required field is missing, at outputs\[0\].namespace"),
        ({"run": None, "job": None}, "an OpenLineage event about nothing"),
    ],
)
def test_a_missing_or_wrong_field_is_malformed_naming_its_place(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(Malformed, match=message):
        read(event(**changes))


# Facets of runs and jobs.


def test_parent_and_root_runs_inform_a_run_and_are_runs_of_their_jobs() -> None:
    parent = {
        "run": {"runId": PARENT},
        "job": {"namespace": "airflow", "name": "dag.task"},
        "root": {"run": {"runId": ROOT}, "job": {"namespace": "airflow", "name": "dag"}},
    }
    facts = read(with_facets("run", parent=parent))
    run = f"run:{RUN}"
    assert edges(facts, "informed_by") == {(run, f"run:{PARENT}"), (run, f"run:{ROOT}")}
    assert (f"run:{ROOT}", "job:airflow:dag") in edges(facts, "specializes")
    assert edge(facts, run, "informed_by", f"run:{ROOT}").properties == {"as": "root"}
    assert "airflow" in facts.namespaces


def test_a_dependency_leads_from_the_later_to_the_earlier_run_or_job() -> None:
    up = {"job": {"namespace": "n", "name": "up"}, "run": {"runId": PARENT}}
    down = {"job": {"namespace": "n", "name": "down"}, "dependency_type": "IMPLICIT_DEPENDENCY"}
    facts = read(with_facets("run", jobDependencies={"upstream": [up], "downstream": [down]}))
    assert edges(facts, "informed_by") == {(f"run:{RUN}", f"run:{PARENT}")}
    assert edges(facts, "depends_on") == {("job:n:down", "job:prod:etl.load")}


def test_an_engine_is_software_that_the_run_is_associated_with() -> None:
    facts = read(with_facets("run", processing_engine={"name": "spark", "version": "3.5.1"}))
    assert edges(facts, "associated_with") == {(f"run:{RUN}", "software:spark@3.5.1")}


def test_a_job_derives_from_the_commit_that_builds_use_too() -> None:
    location = {
        "type": "git",
        "url": "https://github.com/x/y/blob/main/z.py",
        "repoUrl": "https://ci:s3cret@GitHub.com/x/y.git",
        "version": COMMIT.upper(),
    }
    facts = read(with_facets("job", sourceCodeLocation=location))
    commit = f"gitCommit:{COMMIT}"
    assert edges(facts, "derived_from") == {("job:prod:etl.load", commit)}
    assert (commit, "git+https://github.com/x/y") in edges(facts, "specializes")
    assert "s3cret" not in str(facts)


def test_without_a_commit_a_job_derives_from_its_repository_or_url() -> None:
    url = "https://example.org/svn/z.py"
    location = {"type": "svn", "url": url, "version": "42"}
    facts = read(with_facets("job", sourceCodeLocation=location))
    assert edges(facts, "derived_from") == {("job:prod:etl.load", url)}


def test_owners_are_people_teams_or_applications() -> None:
    owners = [{"name": n, "type": "MAINTAINER"} for n in ("user:jd", "team:data", "service:x")]
    facts = read(with_facets("job", ownership={"owners": owners}))
    kinds = {node(facts, target).kind for _, target in edges(facts, "attributed_to")}
    assert kinds == {"person", "organization", "software"}
    assert edge(facts, "job:prod:etl.load", "attributed_to", "owner:user:jd").properties == {
        "type": "MAINTAINER"
    }


def test_text_that_may_hold_secrets_is_named_and_never_copied() -> None:
    secret = "SELECT 'hunter2'"
    job = {"sql": {"query": secret}, "sourceCode": {"language": "sql", "sourceCode": secret},
           "unheard-of": {"words": secret}}  # fmt: skip
    run = {
        "environmentVariables": {"environmentVariables": [{"name": "A", "value": secret}]},
        "executionParameters": {"parameters": [{"key": "k", "value": secret}]},
        "errorMessage": {"message": "lost", "stackTrace": secret},
    }
    condition = {"type": "compare", "left": {"type": "field", "field": "name"},
                 "right": {"type": "literal", "value": secret}}  # fmt: skip
    document = with_facets("job", **job)
    document["run"]["facets"] = run
    document["inputs"][0]["inputFacets"] = {"subset": {"inputCondition": condition}}
    facts = read(document)
    assert "hunter2" not in str(facts)
    properties = node(facts, "job:prod:etl.load").properties or {}
    assert properties["facets"] == ["sourceCode", "sql", "unheard-of"]


# Facets of datasets.


def test_a_version_is_used_or_generated_beside_its_dataset() -> None:
    facts = read(with_facets("inputs", version={"datasetVersion": "v7"}))
    version = "dataset_version:s3://bkt:raw/orders:v7"
    assert edges(facts, "used") == {(f"run:{RUN}", INPUT), (f"run:{RUN}", version)}
    assert (version, INPUT) in edges(facts, "specializes")
    facts = read(with_facets("outputs", version={"datasetVersion": "9"}))
    assert ("dataset_version:postgres://db:5432:shop.orders:9", f"run:{RUN}") in edges(
        facts, "generated_by"
    )


def test_a_symlink_is_another_name_not_a_merge() -> None:
    link = {"namespace": "hive://h:1", "name": "db.t", "type": "TABLE"}
    facts = read(with_facets("inputs", symlinks={"identifiers": [link]}))
    assert edges(facts, "alternate") == {(INPUT, "dataset:hive://h:1:db.t")}


def test_a_rename_revises_the_old_name_and_ends_it() -> None:
    change = {
        "lifecycleStateChange": "RENAME",
        "previousIdentifier": {"namespace": "file", "name": "/old"},
    }
    facts = read(with_facets("outputs", lifecycleStateChange=change))
    assert edges(facts, "revises") == {(OUTPUT, "dataset:file:/old")}
    assert edges(facts, "invalidated_by") == {("dataset:file:/old", f"run:{RUN}")}


def test_a_dropped_dataset_was_ended_by_its_run_not_made() -> None:
    facts = read(with_facets("outputs", lifecycleStateChange={"lifecycleStateChange": "DROP"}))
    assert edges(facts, "invalidated_by") == {(OUTPUT, f"run:{RUN}")}
    assert edges(facts, "generated_by") == set()


def test_columns_lead_from_an_output_to_the_fields_they_come_from() -> None:
    def source(field: str, *how: tuple[str, str]) -> dict[str, Any]:
        steps = [{"type": kind, "subtype": subtype} for kind, subtype in how]
        place = {"namespace": "s3://bkt", "name": "raw/orders", "field": field}
        return {**place, "transformations": steps}

    column_lineage = {
        "fields": {
            "id": {"inputFields": [source("id", ("DIRECT", "IDENTITY"))]},
            "sum": {"inputFields": [source("a", ("DIRECT", "AGGREGATION")), source("b")],
                    "transformationType": "MASKED"},
        },
        "dataset": [source("day", ("INDIRECT", "FILTER"), ("INDIRECT", "SORT"))],
    }  # fmt: skip
    facts = read(with_facets("outputs", columnLineage=column_lineage))
    assert edge(facts, OUTPUT, "derived_from", INPUT).properties == {
        "columns": {
            "id": [["id", "DIRECT/IDENTITY"]],
            "sum": [["a", "DIRECT/AGGREGATION"], ["b", "MASKED"]],
            "*": [["day", "INDIRECT/FILTER INDIRECT/SORT"]],
        }
    }
    out, raw = "column:postgres://db:5432:shop.orders", "column:s3://bkt:raw/orders"
    between = {e for e in edges(facts, "derived_from") if e[0].startswith("column:")}
    assert between == {
        (f"{out}:id", f"{raw}:id"),
        (f"{out}:sum", f"{raw}:a"),
        (f"{out}:sum", f"{raw}:b"),
        (f"{out}:*", f"{raw}:day"),
        (f"{out}:id", f"{out}:*"),
        (f"{out}:sum", f"{out}:*"),
    }
    found = edge(facts, f"{out}:sum", "derived_from", f"{raw}:a")
    assert found.properties == {"how": "DIRECT/AGGREGATION"}
    column = node(facts, f"{out}:sum")
    assert (column.kind, column.name) == ("column", "shop.orders.sum")
    assert column.properties == {"dataset": OUTPUT}


def test_a_masked_column_says_so_on_both_edges() -> None:
    masked = {"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": True}
    source = {"namespace": "n", "name": "t", "field": "ssn"}
    fields = {"id": {"inputFields": [
        {**source, "transformations": [masked, masked | {"masking": False}]},
        {**source, "field": "k", "transformations": [{"type": "INDIRECT", "masking": False}]},
    ]}}  # fmt: skip
    facts = read(with_facets("outputs", columnLineage={"fields": fields}))
    columns = (edge(facts, OUTPUT, "derived_from", "dataset:n:t").properties or {})["columns"]
    assert columns["id"] == [["ssn", "DIRECT/TRANSFORMATION", "masking"], ["k", "INDIRECT"]]
    id = "column:postgres://db:5432:shop.orders:id"
    found = edge(facts, id, "derived_from", "column:n:t:ssn")
    assert found.properties == {"how": "DIRECT/TRANSFORMATION", "masking": True}
    assert edge(facts, id, "derived_from", "column:n:t:k").properties == {"how": "INDIRECT"}


def test_names_of_columns_never_share_an_id() -> None:
    source = {"namespace": "n", "name": "t", "field": "a:b%"}
    facts = read(with_facets("outputs", columnLineage={"fields": {"x": {"inputFields": [source]}}}))
    assert "column:n:t:a%3Ab%25" in {n.id for n in facts.nodes}


def test_edges_between_columns_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherefrom.formats.openlineage_graph._COLUMN_EDGES_MAX", 3)
    source = {"namespace": "n", "name": "t"}
    fields = {f"c{i}": {"inputFields": [{**source, "field": f} for f in "ab"]} for i in range(9)}
    facts = read(with_facets("outputs", columnLineage={"fields": fields}))
    assert len([e for e in facts.edges if e.source.startswith("column:")]) == 3


def test_columns_past_the_limit_are_counted() -> None:
    field = {"namespace": "n", "name": "d", "field": "f"}
    fields = {f"c{i}": {"inputFields": [field]} for i in range(1003)}
    facts = read(with_facets("outputs", columnLineage={"fields": fields}))
    properties = edge(facts, OUTPUT, "derived_from", "dataset:n:d").properties or {}
    assert len(properties["columns"]) == 1000
    assert properties["columns_left_out"] == 3


def test_explicit_lineage_reaches_datasets_jobs_and_runs() -> None:
    dataset = {"type": "DATASET", "namespace": "n", "name": "d"}
    entries = [
        {**dataset, "name": "out", "inputs": [dataset, {"type": "JOB"}]},
        {"type": "JOB", "inputs": [dataset]},
        {"type": "JOB", "namespace": "n", "name": "j", "inputs": [dataset]},
        {"type": "JOB", "namespace": "n", "name": "j", "runId": PARENT,
         "inputs": [{"type": "JOB", "namespace": "n", "name": "k", "runId": ROOT}]},
    ]  # fmt: skip
    facts = read(with_facets("job", lineage={"entries": entries}))
    assert ("dataset:n:out", "dataset:n:d") in edges(facts, "derived_from")
    assert ("dataset:n:out", f"run:{RUN}") in edges(facts, "generated_by")
    assert (f"run:{RUN}", "dataset:n:d") in edges(facts, "used")
    assert edges(facts, "depends_on") == {("job:n:j", "dataset:n:d")}
    assert edges(facts, "informed_by") == {(f"run:{PARENT}", f"run:{ROOT}")}


def test_no_explicit_inputs_says_that_there_is_no_upstream() -> None:
    facts = read(with_facets("outputs", lineage={"inputs": []}))
    assert (node(facts, OUTPUT).properties or {})["upstream"] == "none"


def test_statistics_stand_on_the_edge() -> None:
    document = event()
    counts = {"rowCount": 10, "size": 90, "fileCount": None}
    document["outputs"][0]["outputFacets"] = {"outputStatistics": counts}
    found = edge(read(document), OUTPUT, "generated_by", f"run:{RUN}")
    assert found.properties == {"rowCount": 10, "size": 90}


def test_a_deleted_facet_says_only_that_it_was_deleted() -> None:
    gone = {"_deleted": True, "owners": [{}], "query": "SELECT 1", "rowCount": 7}
    document = with_facets("job", ownership=gone, sql=gone)
    document["inputs"][0]["inputFacets"] = {"inputStatistics": gone}
    document["outputs"][0]["outputFacets"] = {"outputStatistics": gone}
    facts = read(document)
    assert edges(facts, "attributed_to") == set()
    assert node(facts, "job:prod:etl.load").properties == {"facets_deleted": ["ownership", "sql"]}
    assert {e.properties for e in facts.edges if e.relation in ("used", "generated_by")} == {None}


@pytest.mark.parametrize(
    ("side", "facets", "message"),
    [
        ("run", {"parent": {"job": {}}}, "missing, at run.facets.parent.run"),
        ("run", {"parent": {"run": {"runId": "x"}, "job": {}}}, "parent.job.namespace"),
        ("run", {"processing_engine": {}}, "processing_engine.version"),
        ("run", {"parent": "p"}, "wrong type, at run.facets.parent"),
        ("run", {"anything": "p"}, "wrong type, at run.facets.anything"),
        ("job", {"ownership": {"owners": [{"no-name": "n"}]}}, r"ownership.owners\[0\].name"),
        ("job", {"jobType": {"integration": "X"}}, "jobType.processingType"),
        ("job", {"sourceCodeLocation": {"type": "git"}}, "sourceCodeLocation.url"),
        ("job", {"lineage": {"entries": [{"type": "X"}]}}, "not a kind of entity"),
        ("inputs", {"version": {}}, "version.datasetVersion"),
        ("inputs", {"symlinks": {"identifiers": [{}]}}, r"identifiers\[0\].namespace"),
        ("outputs", {"columnLineage": {}}, "columnLineage.fields"),
        ("outputs", {"columnLineage": {"fields": {"c": {}}}}, "columnLineage.fields.c.inputFields"),
        ("outputs", {"lifecycleStateChange": {"lifecycleStateChange": "X"}}, "dataset's life"),
    ],
)
def test_a_broken_facet_that_is_read_is_malformed_naming_its_place(
    side: str, facets: dict[str, Any], message: str
) -> None:
    with pytest.raises(Malformed, match=message):
        read(with_facets(side, **facets))


# The real ones.


def test_every_facet_example_of_the_spec_is_read() -> None:
    sides = {"Run": "run", "Job": "job", "Dataset": "inputs", "Lineage": "job"}
    seen = 0
    for path in sorted((LINEAGE / "openlineage-spec" / "tests").glob("*/*.json")):
        name = re.sub(r"(Run|Job|Dataset|Lineage)?Facet$", r"\1", path.parent.name)
        side = next((side for end, side in sides.items() if name.endswith(end)), "inputs")
        facets = json.loads(path.read_text())
        if "lineage" in facets and "entries" not in facets["lineage"]:
            side = "outputs"
        read(with_facets(side, **facets))
        seen += 1
    assert seen > 40


def _real_events() -> Iterator[dict[str, Any]]:
    for path in sorted((LINEAGE / "captures").glob("*.ndjson")):
        for line in path.read_text().splitlines():
            body = json.loads(line).get("body")
            if isinstance(body, dict):
                yield body
    for folder in ("ol-compat/consumer-scenarios", "marquez/api/src/test/resources/open_lineage"):
        for path in sorted((LINEAGE / folder).rglob("*.json")):
            document = json.loads(path.read_text())
            if isinstance(document, dict) and openlineage.recognises(document):
                yield document


REAL = list(_real_events())


def test_every_event_that_a_real_client_sent_is_read() -> None:
    assert len(REAL) > 200
    for document in REAL:
        assert read(document).nodes


def test_a_recorded_sequence_says_the_same_in_any_order_and_however_often() -> None:
    def said(documents: list[dict[str, Any]]) -> tuple[set[str], set[tuple[str, str, str]]]:
        ids: set[str] = set()
        triples: set[tuple[str, str, str]] = set()
        for document in documents:
            facts = read(document)
            ids |= {n.id for n in facts.nodes}
            triples |= {(e.source, e.relation, e.target) for e in facts.edges}
        return ids, triples

    shuffled = REAL + random.Random(7).sample(REAL, 50)
    random.Random(8).shuffle(shuffled)
    assert said(shuffled) == said(REAL)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from _places(inner, (*path, key))


@given(
    index=st.integers(min_value=0, max_value=len(REAL) - 1),
    place=st.integers(min_value=0),
    value=st.sampled_from([None, "", 0, -1.5, True, [], {}, [None], {"a": []}, "x", "${a}", ["x"]]),
)
@settings(max_examples=300, deadline=None)
def test_a_changed_field_gives_facts_that_hold_together_or_a_refusal(
    index: int, place: int, value: Any
) -> None:
    document = copy.deepcopy(REAL[index])
    places = list(_places(document))
    *path, last = places[place % len(places)]
    holder: Any = document
    for key in path:
        holder = holder[key]
    holder[last] = value
    try:
        facts = read(document)
    except Refused:
        return
    assert all(isinstance(n.id, str) and n.id for n in facts.nodes)
    json.dumps(msgspec.to_builtins([facts.nodes, facts.edges]))


def test_the_worked_example_of_the_documentation_is_true() -> None:
    page = (REPOSITORY / "docs" / "formats" / "openlineage.md").read_text()
    example, said = re.findall(r"```(?:json|text)\n(.*?)```", page, re.DOTALL)
    facts = read(json.loads(example))
    found = [
        " ".join((edge.source, edge.relation, edge.target)).replace(ID, "record")
        for edge in facts.edges
    ]
    assert found == said.splitlines()
