"""OpenLineage events: runs, jobs and datasets, as their producers report them.

    document ──describes──► run ──specializes──► job
                            │ ▲
      input dataset ◄──used─┘ └─generated_by── output dataset ──specializes── its version

    run ──informed_by──► parent run, root run        (facets: openlineage_facets)

Events of one run need no joining here: they name the same nodes, so the graph has them together
whatever their order, and however often one is sent. The event is told by its keys: ``run``, else
``job``, else ``dataset``. A job event has no run, so it speaks of the design: its outputs derive
from the job and from its inputs, and the job depends on them.

Accepted though the schema says no, because real streams hold it: no ``schemaURL``; a time with
no zone (``occurred`` is then unknown; the text is kept as a property); a ``runId`` that is no
UUID (then it names a run only together with its job).

Sizes:  10,000 output-input pairs of a job event are written out · spec models 0, 1 and 2
Source: OpenLineage 2-0-2, spec/OpenLineage.json; docs/formats/openlineage.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats import timestamps
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.openlineage_facets import (
    dataset,
    ids_of_use,
    input_use,
    output_use,
    read_job_facets,
    read_run_facets,
)
from wherefrom.formats.openlineage_graph import Reading, job_node, run_node
from wherefrom.formats.strict_json import as_object, get_array, get_string, need_object, need_string

_EVENT_TYPES: Final = frozenset({"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"})
_DEFAULT_TYPE: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_SPEC = re.compile(r"https?://openlineage\.io/spec/([0-9]+)-[0-9]+-[0-9]+/OpenLineage\.json")
_MODEL_MAX: Final = 2
_MODEL_DIGITS_MAX: Final = 4
_PAIRS_MAX: Final = 10_000
# A template that nobody filled in: ${json-unit.any-string}, {{ any(result) }}.
_PLACEHOLDER = re.compile(r"\$\{|\{\{")


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be an OpenLineage event, whole or not."""
    if "eventTime" in document and not document.keys().isdisjoint(("run", "job", "dataset")):
        return True
    schema = document.get("schemaURL")
    if isinstance(schema, str) and "/OpenLineage.json" in schema:
        return True
    parts = ("run", "job", "inputs", "outputs")
    if "eventType" in document and not document.keys().isdisjoint(parts):
        return True
    job = document.get("job")
    others = ("run", "inputs", "outputs")
    return isinstance(job, dict) and "namespace" in job and not document.keys().isdisjoint(others)


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """What one event says.

    Raises Malformed for a field that is missing, of the wrong type or a template never filled
    in, facets that are read included; Unsupported for a later model of the spec.
    """
    schema_url = get_string(document, "schemaURL")
    spec = _SPEC.match(schema_url) if schema_url else None
    if spec and (len(spec[1]) > _MODEL_DIGITS_MAX or int(spec[1]) > _MODEL_MAX):
        raise Unsupported(
            "an OpenLineage event of a later model",
            where="schemaURL",
            expected=f"https://openlineage.io/spec/ 0 to {_MODEL_MAX}",
            got=schema_url,
        )
    occurred, unread_time = _time(document)
    producer = _filled_in(need_string(document, "producer"), where="producer")
    reading = Reading(FactsBuilder(document=document_id))
    if document.get("run") is not None:
        event = "RunEvent"
        describes, name = _run_event(document, reading)
    elif document.get("job") is not None:
        event = "JobEvent"
        describes, name = _job_event(document, reading)
    elif document.get("dataset") is not None:
        event = "DatasetEvent"
        item = need_object(document, "dataset")
        described = dataset(reading, item, where="dataset")
        describes, name = described.ids, described.name
    else:
        raise Malformed("an OpenLineage event about nothing", expected="run, job or dataset")
    event_type = get_string(document, "eventType")
    reading.builder.node(
        document_id,
        "event",
        f"{event_type} {name}" if event_type else f"{event} {name}",
        {"eventType": event_type, "eventTime": unread_time},
    )
    for id in describes:
        reading.builder.edge(document_id, "describes", id)
    reading.write_derivations()
    return reading.builder.build(
        kind="event",
        type=schema_url or _DEFAULT_TYPE + event,
        occurred=occurred,
        namespaces=tuple(sorted(reading.namespaces)),
        producers=(producer,),
    )


def _filled_in(text: str, *, where: str) -> str:
    if _PLACEHOLDER.search(text):
        raise Malformed("a template that was never filled in", where=where, got=text)
    return text


def _time(document: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """``eventTime`` in our spelling, or the text of one without a zone: a zone is never guessed."""
    text = _filled_in(need_string(document, "eventTime"), where="eventTime")
    try:
        return timestamps.canonical(text, where="eventTime"), None
    except Malformed:
        try:
            timestamps.parse(text + "Z", where="eventTime")
        except Malformed:
            pass
        else:
            return None, text
        raise


def _run_event(document: Mapping[str, Any], reading: Reading) -> tuple[tuple[str, ...], str]:
    event_type = get_string(document, "eventType")
    if event_type is not None and event_type not in _EVENT_TYPES:
        raise Malformed(
            "not an event type",
            where="eventType",
            expected=" ".join(sorted(_EVENT_TYPES)),
            got=event_type,
        )
    run, job = need_object(document, "run"), need_object(document, "job")
    name = need_string(job, "name", where="job")
    _filled_in(need_string(run, "runId", where="run"), where="run.runId")
    reading.job = job_node(reading, job, where="job")
    reading.run = run_node(reading, run, job, where="run", job_where="job", event_type=event_type)
    read_run_facets(reading, run)
    read_job_facets(reading, job)
    edge = reading.builder.edge
    for index, item in enumerate(get_array(document, "inputs")):
        where = f"inputs[{index}]"
        item = as_object(item, where=where)
        use = input_use(item, where=where)
        for id in ids_of_use(reading, dataset(reading, item, where=where), use):
            edge(reading.run, "used", id, use.properties)
    for index, item in enumerate(get_array(document, "outputs")):
        where = f"outputs[{index}]"
        item = as_object(item, where=where)
        use = output_use(item, where=where)
        properties = use.properties
        output = dataset(reading, item, where=where)
        if output.lifecycle == "DROP":
            edge(output.id, "invalidated_by", reading.run, properties)
            continue
        if output.lifecycle:
            properties["lifecycle"] = output.lifecycle
        for id in ids_of_use(reading, output, use):
            edge(id, "generated_by", reading.run, properties)
    return (reading.run,), name


def _job_event(document: Mapping[str, Any], reading: Reading) -> tuple[tuple[str, ...], str]:
    job = need_object(document, "job")
    reading.job = job_node(reading, job, where="job")
    read_job_facets(reading, job)
    sides: dict[str, list[str]] = {"inputs": [], "outputs": []}
    for key, ids in sides.items():
        for index, item in enumerate(get_array(document, key)):
            where = f"{key}[{index}]"
            ids.append(dataset(reading, as_object(item, where=where), where=where).id)
    for id in sides["inputs"]:
        reading.builder.edge(reading.job, "depends_on", id)
    for id in sides["outputs"]:
        reading.builder.edge(id, "derived_from", reading.job)
    if len(sides["inputs"]) * len(sides["outputs"]) <= _PAIRS_MAX:
        for output in sides["outputs"]:
            for id in sides["inputs"]:
                reading.derived(output, id)
    return (reading.job,), need_string(job, "name", where="job")
