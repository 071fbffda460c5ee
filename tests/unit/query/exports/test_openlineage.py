"""OpenLineage: events as the schemas want them, and the same lineage when they are read again."""

import json

import jsonschema_rs
import msgspec
import pytest

from tests.unit.cli.test_draw import edge, node, trace
from tests.unit.query.exports.answers import ANSWERS, KEY
from tests.unit.query.exports.lineage import carried, read_again, validator
from wherefrom.query.exports.openlineage import to_openlineage
from wherefrom.query.exports.openlineage_names import run_uuid

RUN = "run:01941f29-7c00-7000-8000-000000000001"
PARENT = "run:01941f29-7c00-7000-8000-000000000002"
JOB, RAW, CLEAN = "job:jobs:load", "dataset:s3://b:raw", "dataset:s3://b:clean"
V1, V2 = "dataset_version:s3://b:raw:1", "dataset_version:s3://b:raw:a%3Ab"
COMMIT, LATER = "gitCommit:" + "c" * 40, "gitCommit:" + "d" * 40
KINDS = {"run": "run", "job": "job", "dataset": "dataset", "dataset_version": "dataset_version",
         "gitCommit": "commit", "software": "software", "owner": "person",
         "column": "column"}  # fmt: skip


def of(*edges, entry=None):
    """An answer of these ``(source, relation, target, properties)``, each of its own entry."""
    ids = dict.fromkeys(end for e in edges for end in (e[0], e[2]))
    made = [
        edge(*e[:3], number if entry is None else entry, signers=[KEY])
        | {"properties": dict(*e[3:])}
        for number, e in enumerate(edges)
    ]
    nodes = [node(id, KINDS[id.partition(":")[0]], id) for id in ids]
    for made_node in nodes:
        if made_node["kind"] == "software":
            name = made_node["id"][len("software:") :].partition("@")[0]
            made_node |= {"name": name, "properties": {"version": "3"}}
    return trace(nodes, made)


def renamed(id):
    return f"run:{run_uuid(id)}" if id.startswith("run:") else id


def events(answer):
    return [json.loads(line) for line in to_openlineage(answer).splitlines()]


@pytest.mark.parametrize("name", ANSWERS)
def test_every_event_and_every_facet_is_as_its_schema_says(name):
    check = validator()
    for event in events(ANSWERS[name]):
        check(event)


def test_the_check_of_facets_finds_a_broken_one():
    (event,) = events(of((RUN, "informed_by", PARENT, {"as": "parent"})))[:1]
    event["run"]["facets"]["parent"]["run"]["runId"] = "no uuid"
    with pytest.raises(jsonschema_rs.ValidationError):
        validator()(event)


LINEAGES = {
    "a run of a job": [(RUN, "specializes", JOB), (RUN, "used", RAW), (CLEAN, "generated_by", RUN)],
    "versions": [
        (RUN, "specializes", JOB), (RUN, "used", RAW), (RUN, "used", V1), (RUN, "used", V2),
        (V1, "specializes", RAW), (V2, "specializes", RAW),
    ],
    "a version by itself": [(V2, "specializes", RAW)],
    "a parent and its root": [
        (RUN, "specializes", JOB), (PARENT, "specializes", "job:jobs:flow"),
        (RUN, "informed_by", PARENT, {"as": "parent"}),
        (RUN, "informed_by", RUN[:-1] + "9", {"as": "root"}), (RUN[:-1] + "9", "specializes", JOB),
    ],
    "runs before it": [
        (RUN, "specializes", JOB), (PARENT, "specializes", JOB), (RUN, "informed_by", PARENT),
    ],
    "only a root": [
        (RUN, "specializes", JOB), (PARENT, "specializes", JOB),
        (RUN, "informed_by", PARENT, {"as": "root"}),
    ],
    "columns": [
        (CLEAN, "derived_from", RAW, {"columns": {
            "a": [["x", "DIRECT/IDENTITY INDIRECT/FILTER"], ["y", ""]], "*": [["z", "INDIRECT"]],
            "whole": [["", "DIRECT"]],
        }}),
    ],
    "columns of a run's output": [
        (RUN, "specializes", JOB), (CLEAN, "generated_by", RUN),
        (CLEAN, "derived_from", RAW, {"columns": {"a": [["x", "DIRECT"]]}}),
    ],
    "a dataset of a dataset": [(CLEAN, "derived_from", RAW)],
    "a job's own inputs and outputs": [
        (JOB, "depends_on", RAW), (CLEAN, "derived_from", JOB), (CLEAN, "derived_from", RAW),
    ],
    "a job whose outputs come of some inputs only": [
        (JOB, "depends_on", RAW), (JOB, "depends_on", "dataset:s3://b:other"),
        (CLEAN, "derived_from", JOB), (CLEAN, "derived_from", RAW),
    ],
    "a job of a job": [(JOB, "depends_on", "job:jobs:flow")],
    "a run that waits for a job": [(RUN, "specializes", JOB), (RUN, "depends_on", "job:jobs:flow")],
    "a run that is named with its job": [
        ("run:jobs:load:7", "used", RAW), ("run:jobs:load:7", "specializes", JOB),
    ],
    "a run of two jobs": [(RUN, "specializes", JOB), (RUN, "specializes", "job:jobs:flow")],
    "two engines": [
        (RUN, "specializes", JOB), (RUN, "associated_with", "software:spark@3"),
        (RUN, "associated_with", "software:flink@3"),
    ],
    "renamed twice": [
        (CLEAN, "revises", RAW, {"lifecycle": "RENAME"}),
        (CLEAN, "revises", "dataset:s3://b:old", {"lifecycle": "RENAME"}),
    ],
    "an engine": [(RUN, "specializes", JOB), (RUN, "associated_with", "software:spark@3")],
    "dropped": [(RUN, "specializes", JOB), (RAW, "invalidated_by", RUN)],
    "renamed": [
        (RUN, "specializes", JOB), (CLEAN, "revises", RAW, {"lifecycle": "RENAME"}),
        (CLEAN, "generated_by", RUN, {"lifecycle": "RENAME"}), (RAW, "invalidated_by", RUN),
    ],
    "other names": [(RAW, "alternate", CLEAN, {"type": "LOCATION"})],
    "an output that is another name of what it comes from": [
        (RUN, "specializes", JOB), (CLEAN, "generated_by", RUN), (CLEAN, "derived_from", RAW),
        (CLEAN, "alternate", RAW),
    ],
    "owners": [(RAW, "attributed_to", "owner:user:a"), (JOB, "attributed_to", "owner:team")],
    "source code in two places": [
        (JOB, "derived_from", COMMIT, {"url": "https://e.com/r", "version": "c" * 40}),
        (JOB, "derived_from", LATER, {"url": "https://e.com/r", "version": LATER[-40:]}),
    ],
    "source code": [(JOB, "derived_from", COMMIT, {"url": "https://e.com/r", "version": "c" * 40})],
}  # fmt: skip


@pytest.mark.parametrize("entry", [None, 7])
@pytest.mark.parametrize("name", LINEAGES)
def test_lineage_that_openlineage_has_words_for_is_read_again_as_it_was(name, entry):
    answer = of(*LINEAGES[name], entry=entry)
    said = {(renamed(e.source), e.relation, e.target) for e in answer.edges}
    assert read_again(to_openlineage(answer)) == said
    assert carried(answer) == said


@pytest.mark.parametrize("name", ["columns", "columns of a run's output"])
def test_columns_are_read_again_as_they_were(name):
    answer = of(*LINEAGES[name])
    (columns,) = [e.properties["columns"] for e in answer.edges if "columns" in e.properties]
    again = read_again(to_openlineage(answer), properties=True)
    assert again[CLEAN, "derived_from", RAW] == {"columns": columns}


def test_a_trace_of_columns_is_told_of_their_tables_and_read_again():
    total, every, price, name = (
        f"column:s3://b:{table}:{column}"
        for table, column in (("clean", "a%3Ab"), ("clean", "*"), ("raw", "price"), ("raw", "n"))
    )
    answer = of(
        (total, "derived_from", price, {"how": "DIRECT/IDENTITY", "masking": True}),
        (total, "derived_from", every), (every, "derived_from", name, {"how": "INDIRECT/FILTER"}),
        (total, "derived_from", "dataset:s3://b:other"),
    )  # fmt: skip
    for event in events(answer):
        validator()(event)
    again = read_again(to_openlineage(answer), properties=True, columns=True)
    for e in answer.edges:
        if (e.source, e.target) != (total, every):  # told of * alone: nobody said it of this one
            assert again[e.source, e.relation, e.target] == e.properties
    assert set(read_again(to_openlineage(answer))) == carried(answer)


def test_a_masked_column_stays_masked():
    answer = of((CLEAN, "derived_from", RAW, {"columns": {"a": [["x", "DIRECT", "masking"]]}}))
    again = read_again(to_openlineage(answer), properties=True)
    assert again[CLEAN, "derived_from", RAW] == {"columns": {"a": [["x", "DIRECT", "masking"]]}}


def test_columns_stand_in_the_event_of_the_run_whose_record_says_them():
    edges = LINEAGES["columns of a run's output"]
    assert [next(iter(set(e) & {"run", "dataset"})) for e in events(of(*edges))] == [
        "run",
        "dataset",
    ]
    (event,) = events(of(*edges, entry=7))
    assert event["outputs"][0]["facets"]["columnLineage"]["fields"].keys() == {"a"}


def test_what_openlineage_has_no_word_for_is_a_dataset_and_a_run_of_the_same_name_each_time():
    build = "build:https://ci.example:42"
    answer = trace(
        [node("sha256:" + "a" * 64, "artifact"), node(build, "build"), node(COMMIT, "commit"),
         node("https://ci.example", "builder")],
        [edge("sha256:" + "a" * 64, "generated_by", build, 1), edge(build, "used", COMMIT, 1),
         edge(build, "associated_with", "https://ci.example", 1)],
    )  # fmt: skip
    (event,) = events(answer)
    assert event["run"]["runId"] == "b97efb9d-6874-5812-b4ba-6f8b0fb0224c"
    assert event["job"] == {
        "namespace": "wherefrom",
        "name": "build:https://ci.example",
        "facets": {},
    }
    assert [i["name"] for i in event["inputs"]] == [COMMIT]
    assert event["outputs"][0]["namespace"] == "wherefrom"
    assert read_again(to_openlineage(answer)) >= carried(answer)


def test_an_event_names_the_log_and_each_input_the_entry_its_trust_and_its_signers():
    (event,) = events(of(*LINEAGES["a run of a job"]))
    said = event["run"]["facets"]["wherefrom"]
    assert said["log"] == {"origin": "log.example/x", "size": 20, "root": "e" * 64}
    assert (said["id"], said["kind"], said["entries"]) == (RUN, "run", [0, 1, 2])
    word = event["inputs"][0]["inputFacets"]["wherefrom"]
    assert (word["entry"], word["trust"], word["signers"]) == (1, "signed", [KEY])
    assert event["producer"] == "urn:wherefrom:log:log.example/x"


def test_an_event_says_if_the_answer_was_cut_off_or_is_of_an_earlier_size():
    whole = of(*LINEAGES["a run of a job"])
    less = msgspec.structs.replace(whole, as_of=5, truncated=True, reason="depth")
    said = [events(answer)[0]["run"]["facets"]["wherefrom"] for answer in (whole, less)]
    assert [(s.get("as_of"), s.get("truncated")) for s in said] == [(None, None), (5, "depth")]


def test_an_event_is_of_the_latest_time_that_its_records_give():
    answer = trace(
        [node(RUN, "run"), node(RAW, "dataset")],
        [edge(RUN, "used", RAW, 1) | {"occurred": "2025-05-05T00:00:00.000000Z"}],
    )
    assert events(answer)[0]["eventTime"] == "2025-05-05T00:00:00.000000Z"
    assert events(of((RUN, "used", RAW)))[0]["eventTime"] == "2026-01-01T00:00:00.000000Z"


def test_a_run_keeps_its_state_where_it_is_one():
    for given, wanted in (("FAIL", "FAIL"), ("no state", "COMPLETE"), (None, "COMPLETE")):
        nodes = [node(RUN, "run") | {"properties": {"eventType": given}}, node(RAW, "dataset")]
        assert events(trace(nodes, [edge(RUN, "used", RAW, 1)]))[0]["eventType"] == wanted


def test_counts_of_rows_and_bytes_go_along():
    counts = {"rowCount": 3, "size": 9, "fileCount": 1}
    answer = of((RUN, "used", RAW, counts), (CLEAN, "generated_by", RUN, counts))
    again = read_again(to_openlineage(answer), properties=True)
    assert again[RUN, "used", RAW] == counts == again[CLEAN, "generated_by", RUN]


def test_nothing_related_to_anything_is_no_event():
    assert to_openlineage(ANSWERS["alone"]) == to_openlineage(ANSWERS["no way"]) == ""
