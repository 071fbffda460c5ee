"""Every facet of the specification says something: its own example, and what must not be told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.folders import asked, made, record
from tests.paths import DATA
from tests.unit.formats.test_openlineage import (
    INPUT,
    OUTPUT,
    RUN,
    edge,
    edges,
    event,
    node,
    read,
    with_facets,
)
from wherefrom.formats import openlineage_facets, openlineage_properties
from wherefrom.query.desk import TraceOptions

SPEC = DATA / "lineage/openlineage-spec"
JOB, RUN_ID = "job:prod:etl.load", f"run:{RUN}"
THINGS = {"run": RUN_ID, "job": JOB, "inputs": INPUT, "outputs": OUTPUT}


def example(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SPEC / "tests" / path).read_text())
    return found


def said_of(side: str, facets: dict[str, Any]) -> dict[str, Any]:
    """The properties that facets give to their run, job or dataset, beside its facets' names."""
    properties = dict(node(read(with_facets(side, **facets)), THINGS[side]).properties or {})
    return {k: v for k, v in properties.items() if k not in ("facets", "eventType")}


def said_of_use(facets: dict[str, Any], side: str = "inputs") -> dict[str, Any]:
    """The properties that input or output facets give to the edge of their use."""
    document = event()
    document[side][0][f"{side[:-1]}Facets"] = facets
    facts = read(document)
    if side == "inputs":
        return dict(edge(facts, RUN_ID, "used", INPUT).properties or {})
    return dict(edge(facts, OUTPUT, "generated_by", RUN_ID).properties or {})


# The examples of the specification.


@pytest.mark.parametrize(
    ("path", "side", "said"),
    [
        ("DataQualityAssertionsDatasetFacet", "inputs", {
            "assertions": [
                "status accepted_values success", "amount not_null success",
                "bank_transfer_amount not_null success", "coupon_amount not_null success",
                "credit_card_amount not_null success", "customer_id not_null success",
                "gift_card_amount not_null success", "order_id not_null success",
                "customer_id relationships success", "order_id unique success",
            ],
            "assertionsFailed": 0,
        }),
        ("DataQualityMetricsDatasetFacet", "inputs", {
            "rowCount": 10, "fileCount": 5, "lastUpdated": "2023-05-30T10:54:22.355067Z",
            "columnMetrics": ["amount count=10", "counterparty_id nullCount=0",
                              "user_id nullCount=0 distinctCount=3"],
        }),
        ("DatasetTypeDatasetFacet", "inputs", {"datasetType": "VIEW", "subType": "MATERIALIZED"}),
        ("DatasourceDatasetFacet", "inputs", {
            "dataSource": "datasource_one",
            "dataSourceUri": "https://some.location.com/datsource/one",
        }),
        ("DocumentationDatasetFacet", "inputs", {"description": "Some dataset description"}),
        ("DocumentationJobFacet", "job", {
            "description": "Determines the popular day of week orders are placed.",
        }),
        ("EnvironmentVariablesRunFacet", "run", {"environmentVariables": ["JAVA_HOME", "PATH"]}),
        ("ErrorMessageRunFacet", "run", {"error": "failed", "errorLanguage": "JAVA"}),
        ("ExternalQueryRunFacet", "run", {
            "externalQueryId": "bigquery_1690280798993890_f4ade238a8121576708e1892f69e67fe",
            "externalQuerySource": "bigquery",
        }),
        ("ExtractionErrorRunFacet", "run", {
            "totalTasks": 1, "failedTasks": 1,
            "extractionError": "Expected TABLE, VIEW, INDEX, ROLE, SCHEMA, FUNCTION, STAGE or "
            "SEQUENCE after DROP, found: POLICY at Line: 1, Column 6",
        }),
        ("HierarchyDatasetFacet", "inputs", {
            "hierarchy": ["DATABASE my_db", "SCHEMA my_schema", "TABLE my_table"],
        }),
        ("JobTypeJobFacet", "job", {
            "processingType": "BATCH", "integration": "SPARK", "jobType": "QUERY",
        }),
        ("NominalTimeRunFacet", "run", {
            "nominalStartTime": "2020-01-01T04:00:00.001Z",
            "nominalEndTime": "2020-01-02T04:00:00.001Z",
        }),
        ("SQLJobFacet", "job", {
            "sqlSha256": "760664d22bd46fd153c1c4c1fccba8457619c292bf7194a979e4346851fb801a",
        }),
        ("SchemaDatasetFacet", "inputs", {
            "schema": [
                "user_id int64", "counterparty_id int64", "currency object", "amount int64",
                "phones array", "phones._element string", "addresses struct",
                "addresses.type string", "addresses.country string", "addresses.zip string",
                "addresses.state string", "addresses.street string", "custom_properties map",
                "custom_properties.key string", "custom_properties.value union",
                "custom_properties.value._0 string", "custom_properties.value._1 int64",
            ],
        }),
        ("SourceCodeJobFacet", "job", {
            "sourceCodeSha256": "69a530f561ef64f89312fff5ef55506f0b4f583b5af05c2f9977b09f16178bcc",
            "sourceCodeLanguage": "bash",
        }),
        ("StorageDatasetFacet", "inputs", {"storageLayer": "delta", "fileFormat": "parquet"}),
        ("TagsDatasetFacet", "inputs", {
            "tags": ["email: test_tag=test_value", "test_tag2=test_value2"],
        }),
        ("TagsJobFacet", "job", {"tags": ["test_tag=test_value", "test_tag2=test_value2"]}),
        ("TagsRunFacet", "run", {"tags": ["test_tag=test_value", "test_tag2=test_value2"]}),
    ],
)  # fmt: skip
def test_a_facet_that_describes_gives_properties(
    path: str, side: str, said: dict[str, Any]
) -> None:
    assert said_of(side, example(f"{path}/1.json")) == said


@pytest.mark.parametrize(
    ("number", "pattern"),
    [
        (2, {"eventTrigger": "PERIODIC", "eventContentMode": "COMPLETE_SNAPSHOT"}),
        (3, {"eventTrigger": "EVENT_BASED", "eventContentMode": "ACCUMULATIVE"}),
    ],
)
def test_a_job_type_tells_how_its_events_come(number: int, pattern: dict[str, Any]) -> None:
    facets = example(f"JobTypeJobFacet/{number}.json")
    said = said_of("job", facets)
    window = facets["jobType"]["emissionPattern"].get("windowDuration")
    assert said | pattern == said
    assert said.get("windowDuration") == window


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, {"subset": "compare", "subsetFields": ["first_name"]}),
        (2, {"subset": "binary", "subsetFields": ["first_name", "last_name"]}),
        (3, {"subset": "location", "locations": [f"s3://some/bucket/location{n}" for n in "123"]}),
        (4, {"subset": "partition",
             "partitions": ["2024-10-15-PL", "business_date=2024-10-15,country=DE"]}),
    ],
)  # fmt: skip
def test_a_subset_says_which_part_was_read_or_written(number: int, said: dict[str, Any]) -> None:
    facets = example(f"BaseSubsetDatasetFacet/{number}.json")
    assert said_of_use(facets) == said
    condition = facets["subset"]["inputCondition"]
    assert said_of_use({"subset": {"outputCondition": condition}}, "outputs") == said


def test_metrics_of_an_input_stand_on_its_use_and_statistics_win() -> None:
    facets = example("DataQualityMetricsInputDatasetFacet/1.json")
    said = said_of_use(facets | {"inputStatistics": {"rowCount": 9, "size": 8}})
    assert (said["rowCount"], said["size"], said["fileCount"]) == (9, 8, 5)
    assert said["columnMetrics"][2] == "user_id nullCount=0 distinctCount=3"
    statistics = example("OutputStatisticsOutputDatasetFacet/1.json")
    assert said_of_use(statistics, "outputs") == {
        "rowCount": 2000, "size": 2097152, "fileCount": 5,
    }  # fmt: skip


def test_facets_without_an_example_are_read_as_their_schema_says() -> None:
    catalog = {"framework": "iceberg", "type": "rest", "name": "prod", "source": "spark",
               "metadataUri": "https://u:pw@c.example/m", "warehouseUri": "s3://w"}  # fmt: skip
    assert said_of("inputs", {"catalog": catalog}) == {
        "catalog": "iceberg rest prod", "catalogUri": "https://u@c.example/m",
        "warehouseUri": "s3://w", "catalogSource": "spark",
    }  # fmt: skip
    tests = [{"name": "not_null", "status": "pass"}, {"name": "unique", "status": "fail"}]
    assert said_of("run", {"test": {"tests": tests}}) == {
        "tests": ["not_null pass", "unique fail"], "testsFailed": 1,
    }  # fmt: skip
    parameters = [{"key": "b", "value": "hush"}, {"key": "a"}]
    assert said_of("run", {"executionParameters": {"parameters": parameters}}) == {
        "executionParameters": ["a", "b"]
    }
    dataproc = {"projectId": "p", "jobId": "j", "clusterName": "c"}
    assert said_of("run", {"gcp_dataproc": dataproc}) == {
        "dataproc.projectId": "p", "dataproc.jobId": "j", "dataproc.clusterName": "c",
    }  # fmt: skip
    assert said_of("run", {"gcp_composer_run": {"dagRunId": "r"}}) == {"composer.dagRunId": "r"}
    composer = {"environmentName": "e", "dagId": "d", "taskId": "t", "airflowVersion": "2.9"}
    assert said_of("job", {"gcp_composer_job": composer}) == {
        f"composer.{key}": value for key, value in composer.items()
    }
    origin = {"sourceType": "DATAPLEX", "name": "n"}
    assert said_of("job", {"gcp_lineage": {"displayName": "shown", "origin": origin}}) == {
        "displayName": "shown", "origin": "DATAPLEX n",
    }  # fmt: skip


def test_an_iceberg_snapshot_is_the_version_that_was_read_or_written() -> None:
    scan = {"snapshotId": 3776207205136740581, "projectedFieldNames": ["id"], "schemaId": 0}
    commit = {"snapshotId": 4, "sequenceNumber": 2, "operation": "append"}
    document = event()
    document["inputs"][0]["inputFacets"] = {"icebergScanReport": scan}
    document["outputs"][0]["outputFacets"] = {"icebergCommitReport": commit}
    document["outputs"][0]["facets"] = {"version": {"datasetVersion": "4"}}
    facts = read(document)
    before = "dataset_version:s3://bkt:raw/orders:3776207205136740581"
    after = "dataset_version:postgres://db:5432:shop.orders:4"
    assert (before, INPUT) in edges(facts, "specializes")
    assert edge(facts, RUN_ID, "used", before).properties == {
        "snapshotId": 3776207205136740581, "projectedFields": ["id"],
    }  # fmt: skip
    assert edge(facts, after, "generated_by", RUN_ID).properties == commit
    assert len(edges(facts, "generated_by")) == 2


def test_dependencies_of_jobs_tell_their_rules() -> None:
    upstream = {"job": {"namespace": "n", "name": "j"}, "dependency_type": "IMPLICIT",
                "sequence_trigger_rule": "FINISH_TO_START",
                "status_trigger_rule": "EXECUTE_EVERY_TIME"}  # fmt: skip
    facets = {"jobDependencies": {"upstream": [upstream], "trigger_rule": "all_success"}}
    facts = read(with_facets("run", **facets))
    rules = {k: v for k, v in upstream.items() if k != "job"}
    assert edge(facts, JOB, "depends_on", "job:n:j").properties == rules
    assert (node(facts, RUN_ID).properties or {})["triggerRule"] == "all_success"


def test_every_facet_of_the_specification_and_its_registry_is_read() -> None:
    tables = openlineage_properties
    readers = {
        *openlineage_facets._RUN_FACETS, *openlineage_facets._JOB_FACETS,
        *openlineage_facets._DATASET_FACETS, *tables.RUN, *tables.JOB, *tables.DATASET,
        *tables.INPUT, *tables.OUTPUT, "inputStatistics", "outputStatistics",
    }  # fmt: skip
    schemas = [*SPEC.glob("facets/*.json"), *SPEC.glob("registry/**/facets/*.json")]
    names = {name for path in schemas for name in json.loads(path.read_text())["properties"]}
    assert len(schemas) > 40
    assert names <= readers


# What is not told, and what is bounded.


def test_a_facet_that_nobody_knows_keeps_its_name_and_its_content_to_itself() -> None:
    facts = read(with_facets("job", ours={"_producer": "p", "secret": "hush"}))
    assert (node(facts, JOB).properties or {})["facets"] == ["ours"]
    assert "hush" not in repr(facts)


def test_a_facet_that_only_describes_is_never_a_reason_to_refuse() -> None:
    for side, readers in (
        ("run", openlineage_properties.RUN),
        ("job", openlineage_properties.JOB),
        ("inputs", openlineage_properties.DATASET),
    ):
        assert said_of(side, {name: {"_producer": 1} for name in readers}) == {}


def test_passwords_of_urls_are_left_out() -> None:
    source = {"name": "db", "uri": "postgres://u:hunter2@db:5432/x"}
    error = {"message": "cannot reach postgres://u:hunter2@db:5432/x", "programmingLanguage": "C"}
    assert said_of("inputs", {"dataSource": source})["dataSourceUri"] == "postgres://u@db:5432/x"
    assert said_of("run", {"errorMessage": error})["error"] == (
        "cannot reach postgres://u@db:5432/x"
    )


def test_long_texts_are_cut_and_long_lists_counted() -> None:
    fields = [{"name": f"c{n}", "type": "int"} for n in range(203)]
    said = said_of("inputs", {"schema": {"fields": fields}})
    assert len(said["schema"]) == 200
    assert said["schema_left_out"] == 3
    said = said_of("run", {"errorMessage": {"message": "é" * 1000}})
    assert said["error"] == "é" * 255 + "…"


def test_a_schema_that_nests_without_end_is_cut() -> None:
    field: dict[str, Any] = {"name": "a"}
    for _ in range(100):
        field = {"name": "a", "fields": [field]}
    said = said_of("inputs", {"schema": {"fields": [field]}})
    assert len(said["schema"]) == 17


# Columns, from table to table.


def _step(number: int) -> bytes:
    """The run that made table ``t<number + 1>`` of ``t<number>``: c of c, filtered by day."""
    source = {"namespace": "db", "name": f"t{number}"}
    lineage = {
        "fields": {"c": {"inputFields": [source | {"field": "c"}]}},
        "dataset": [source | {"field": "day"}],
    }
    output = {"namespace": "db", "name": f"t{number + 1}", "facets": {"columnLineage": lineage}}
    run = {"runId": f"00000000-0000-7000-8000-00000000000{number}"}
    document = event(run=run, inputs=[source], outputs=[output])
    return json.dumps(document).encode()


def test_a_column_is_traced_through_tables_and_a_table_without_its_columns(tmp_path: Any) -> None:
    folder = made(tmp_path / "d")
    record(folder, *(_step(number) for number in (1, 2, 3)))
    with asked(folder) as desk:
        column = desk.trace("column:db:t4:c", TraceOptions(direction="up"))
        down = desk.trace("column:db:t1:day", TraceOptions(direction="down"))
        table = desk.trace("dataset:db:t4", TraceOptions(direction="up"))
        named = desk.trace("t4.c", TraceOptions(direction="up"))
    assert {n.id for n in column.nodes} == {
        *(f"column:db:t{n}:c" for n in (1, 2, 3, 4)),
        *(f"column:db:t{n}:*" for n in (2, 3, 4)),
        *(f"column:db:t{n}:day" for n in (1, 2, 3)),
    }
    assert "column:db:t2:c" in {n.id for n in down.nodes}
    assert {n.kind for n in table.nodes} & {"column"} == set()
    assert "dataset:db:t1" in {n.id for n in table.nodes}
    assert [n.id for n in named.nodes] == [n.id for n in column.nodes]


# Whatever comes.


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
_KEYS = sorted({
    "fields", "name", "type", "tags", "key", "value", "field", "query", "message", "tests",
    "status", "assertions", "column", "success", "columnMetrics", "nullCount", "hierarchy",
    "inputCondition", "partitions", "dimensions", "locations", "left", "right", "snapshotId",
    "projectedFieldNames", "errors", "errorMessage", "environmentVariables", "origin",
})  # fmt: skip
_facets = st.recursive(
    st.dictionaries(st.sampled_from(_KEYS), _values, max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(_KEYS), inner | st.lists(inner, max_size=2)),
    max_leaves=6,
)


@given(data=st.data(), facet=_facets)
@settings(max_examples=300, deadline=None)
def test_describing_facets_of_any_shape_give_json_and_never_an_error(
    data: st.DataObject, facet: dict[str, Any]
) -> None:
    tables = ("RUN", "JOB", "DATASET", "INPUT", "OUTPUT")
    readers = getattr(openlineage_properties, data.draw(st.sampled_from(tables)))
    said = openlineage_properties.of_facets(dict.fromkeys(readers, facet), readers)
    json.dumps(said)
    assert all(value not in (None, "", []) for value in said.values())
