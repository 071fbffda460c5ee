"""The nodes of an OpenLineage event, and what its datasets derive from.

    {"namespace": …, "name": …}  ──►  dataset:… , job:…        run ──specializes──► job
    columnLineage, lineage       ──►  output ──derived_from──► source, {"columns": …}
                                      column ──derived_from──► column, {"how": …}

The columns of an edge are ``{output column: [[source field, "DIRECT/IDENTITY"], …]}``, a masked
one with the word ``masking`` as third; ``*`` is what every column depends on (a filter, a join),
and an empty field is the source as a whole.

The same is told once more between columns, ``column:<namespace>:<name>:<column>``, so that a trace
goes from column to column through as many tables as there are. ``*`` is a column too, from which
those of its table derive: what every one depends on is told once, not for each. A column has no
edge to its dataset (its property ``dataset`` names it), so traces of tables do not fill with
columns.

Sizes:  1,000 source fields are kept an edge, the others counted (``columns_left_out``);
        20,000 edges between columns an event
Source: OpenLineage 2-0-2, facets ColumnLineageDatasetFacet 1-2-0 and LineageFacet 1-0-0
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.formats import names
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.strict_json import (
    as_object,
    get_array,
    get_object,
    get_string,
    need_array,
    need_object,
    need_string,
)

_COLUMNS_MAX: Final = 1_000
_COLUMN_EDGES_MAX: Final = 20_000
_EVERY: Final = "*"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class _Columns:
    """Which columns of one output come from which fields of one source."""

    def __init__(self) -> None:
        self.kept: dict[str, list[list[str]]] = {}
        self.seen = 0


class Reading:
    """An event half read: the nodes and edges so far, and the run and job it is about."""

    def __init__(self, builder: FactsBuilder) -> None:
        self.builder = builder
        self.namespaces: set[str] = set()
        self.job = ""
        self.run = ""  # stays empty in an event that is about no run
        self._derived: dict[tuple[str, str], _Columns] = {}

    def derived(
        self,
        output: str,
        source: str,
        column: str | None = None,
        *,
        field: str = "",
        how: str = "",
        masking: bool = False,
    ) -> None:
        """``output`` comes from ``source``; its ``column`` from this ``field``, ``how``."""
        columns = self._derived.get((output, source))
        if columns is None:
            columns = self._derived[output, source] = _Columns()
        if column is not None:
            columns.seen += 1
            if columns.seen <= _COLUMNS_MAX:
                told = [field, how, "masking"] if masking else [field, how]
                columns.kept.setdefault(column, []).append(told)

    def write_derivations(self) -> None:
        """Turn what ``derived`` collected into edges: one a pair, and those between columns."""
        left = _COLUMN_EDGES_MAX
        for (output, source), columns in self._derived.items():
            properties: dict[str, Any] = {"columns": columns.kept} if columns.kept else {}
            if columns.seen > _COLUMNS_MAX:
                properties["columns_left_out"] = columns.seen - _COLUMNS_MAX
            self.builder.edge(output, "derived_from", source, properties)
            for column, sources in columns.kept.items():
                for told in sources[: max(left, 0)]:
                    self._column_edge(output, column, source, told)
                left -= len(sources)
        self._every_column()

    def _column_edge(self, output: str, column: str, source: str, told: list[str]) -> None:
        field, how = told[:2]
        properties: dict[str, Any] = {"how": how} if how else {}
        if len(told) > 2:
            properties["masking"] = True
        cause = self._column(source, field) if field else source
        self.builder.edge(self._column(output, column), "derived_from", cause, properties)

    def _every_column(self) -> None:
        """Each column that was told of derives from its table's ``*``, where there is one."""
        told: dict[str, dict[str, None]] = {}
        for (output, _), columns in self._derived.items():
            told.setdefault(output, {}).update(dict.fromkeys(columns.kept))
        for output, names_of in told.items():
            if _EVERY in names_of:
                every = self._column(output, _EVERY)
                for column in names_of:
                    self.builder.edge(self._column(output, column), "derived_from", every)

    def _column(self, dataset: str, column: str) -> str:
        _, _, name = names.split(dataset)
        id = names.column_id(dataset, column)
        return self.builder.node(id, "column", f"{name}.{column}", {"dataset": dataset})


# Runs, jobs and datasets, wherever they are named.


def _namespace_and_name(
    reading: Reading, item: Mapping[str, Any], *, where: str
) -> tuple[str, str]:
    namespace, name = item.get("namespace"), item.get("name")
    # The plain test first: it is what every dataset of every event pays.
    if not (isinstance(namespace, str) and namespace and isinstance(name, str) and name):
        namespace = need_string(item, "namespace", where=where)
        name = need_string(item, "name", where=where)
    reading.namespaces.add(namespace)
    return namespace, name


def job_node(reading: Reading, item: Mapping[str, Any], *, where: str) -> str:
    """The node of a job named by ``namespace`` and ``name``."""
    namespace, name = _namespace_and_name(reading, item, where=where)
    return reading.builder.node(names.job_id(namespace, name), "job", name)


def run_node(
    reading: Reading,
    run: Mapping[str, Any],
    job: Mapping[str, Any],
    *,
    where: str,
    job_where: str,
    event_type: str | None = None,
) -> str:
    """The node of a run of ``job``, and that it is one."""
    run_id = need_string(run, "runId", where=where)
    job_id = job_node(reading, job, where=job_where)
    if _UUID.fullmatch(run_id):
        id = names.run_id(run_id)
    else:
        # Not unique in the world, as a UUID is: the job completes the name.
        id = f"run:{job_id[len('job:') :]}:{names.encode(run_id)}"
    reading.builder.node(id, "run", job["name"], {"eventType": event_type})
    reading.builder.edge(id, "specializes", job_id)
    return id


def dataset_node(reading: Reading, item: Mapping[str, Any], *, where: str) -> str:
    """Add the dataset that ``item`` names; returns its id. Raises Malformed."""
    namespace, name = _namespace_and_name(reading, item, where=where)
    return reading.builder.node(names.dataset_id(namespace, name), "dataset", name)


# Columns.


def _how(item: Mapping[str, Any], *, where: str) -> tuple[str, bool]:
    """``DIRECT/IDENTITY``: type and subtype of each transformation, once each; and whether one
    of them masks what was there."""
    found: list[str] = []
    masking = False
    for index, step in enumerate(get_array(item, "transformations", where=where)):
        at = f"{where}.transformations[{index}]"
        step = as_object(step, where=at)
        kind = need_string(step, "type", where=at)
        subtype = get_string(step, "subtype", where=at)
        text = f"{kind}/{subtype}" if subtype else kind
        if text not in found:
            found.append(text)
        masking = masking or step.get("masking") is True
    return " ".join(found), masking


def column_lineage(reading: Reading, id: str, facet: Mapping[str, Any], where: str) -> None:
    """Which columns of which datasets each column of the dataset ``id`` came from."""
    rows = [
        (column, as_object(entry, where=f"{where}.fields.{column}"), "inputFields")
        for column, entry in need_object(facet, "fields", where=where).items()
    ]
    rows.append((_EVERY, dict(facet), "dataset"))  # what every column depends on: filters, joins
    for column, entry, key in rows:
        at = where if column == _EVERY else f"{where}.fields.{column}"
        old = get_string(entry, "transformationType", where=at) or ""
        get = get_array if key == "dataset" else need_array
        for index, item in enumerate(get(entry, key, where=at)):
            here = f"{at}.{key}[{index}]"
            item = as_object(item, where=here)
            source = dataset_node(reading, item, where=here)
            field = need_string(item, "field", where=here)
            how, masking = _how(item, where=here)
            reading.derived(id, source, column, field=field, how=how or old, masking=masking)


def lineage_of_dataset(reading: Reading, id: str, facet: Mapping[str, Any], where: str) -> None:
    """Explicit edges to a dataset: from datasets, jobs or runs, whole or column by column."""
    inputs = get_array(facet, "inputs", where=where)
    fields = get_object(facet, "fields", where=where)
    if not inputs and not fields and facet.get("inputs") is not None:
        reading.builder.node(id, "dataset", None, {"upstream": "none"})
    rows: list[tuple[str | None, Any, str]] = [
        (None, item, f"{where}.inputs[{index}]") for index, item in enumerate(inputs)
    ]
    for column, entry in fields.items():
        at = f"{where}.fields.{column}"
        items = need_array(as_object(entry, where=at), "inputs", where=at)
        rows += [(column, item, f"{at}.inputs[{index}]") for index, item in enumerate(items)]
    for output, item, at in rows:
        item = as_object(item, where=at)
        source, is_run = _entity(reading, item, where=at)
        if is_run:
            reading.builder.edge(id, "generated_by", source)
            continue
        field = get_string(item, "field", where=at)
        target = output or (_EVERY if field else None)
        how, masking = _how(item, where=at)
        reading.derived(id, source, target, field=field or "", how=how, masking=masking)


def lineage_of_job(reading: Reading, job: str, facet: Mapping[str, Any], where: str) -> None:
    """Explicit edges that a job states, each entry for a dataset or a job."""
    for index, entry in enumerate(need_array(facet, "entries", where=where)):
        at = f"{where}.entries[{index}]"
        entry = as_object(entry, where=at)
        target, is_run = _entity(reading, entry, where=at)
        if entry["type"] == "DATASET":
            lineage_of_dataset(reading, target, entry, at)
            continue
        for number, item in enumerate(get_array(entry, "inputs", where=at)):
            here = f"{at}.inputs[{number}]"
            item = as_object(item, where=here)
            source, source_is_run = _entity(reading, item, where=here)
            if is_run and source_is_run:
                relation = "informed_by"
            else:
                relation = "used" if is_run and item["type"] == "DATASET" else "depends_on"
            reading.builder.edge(target, relation, source)


def _entity(reading: Reading, item: Mapping[str, Any], *, where: str) -> tuple[str, bool]:
    """The dataset, job or run that an explicit edge names, and whether it is a run."""
    kind = need_string(item, "type", where=where)
    if kind == "DATASET":
        return dataset_node(reading, item, where=where), False
    if kind != "JOB":
        raise Malformed(
            "not a kind of entity", where=f"{where}.type", expected="DATASET or JOB", got=kind
        )
    own = item.get("namespace") is None and item.get("name") is None
    if item.get("runId") is not None:
        job = item
        if own:
            _, namespace, name = names.split(reading.job)
            job = {"namespace": namespace, "name": name}
        return run_node(reading, item, job, where=where, job_where=where), True
    if not own:
        return job_node(reading, item, where=where), False
    return (reading.run, True) if reading.run else (reading.job, False)
