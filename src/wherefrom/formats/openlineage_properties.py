"""What facets that only describe say of their run, job, dataset or use, in a few words.

    facet ──► {"storageLayer": "iceberg", …}     properties of a node, or of the edge of a use

Nothing here is a reason to refuse an event: what is missing or of another type is left out. What
may hold data or secrets is told by its shape: of SQL and source code a digest and the language, of
variables and parameters their names, of a condition the columns it looks at, of a metric the
counts. The words themselves stay in the content, for those who may see it.

    run      errorMessage · extractionError · externalQuery · environmentVariables · test · tags
             executionParameters · gcp_dataproc · gcp_composer_run
    job      sql · sourceCode · documentation · tags · gcp_composer_job · gcp_lineage
    dataset  schema · documentation · dataSource · storage · datasetType · catalog · hierarchy
             dataQualityMetrics · dataQualityAssertions · tags
    use      subset · dataQualityMetrics · dataQualityAssertions · icebergScanReport (input)
             icebergCommitReport (output)

Sizes:  a text 256 characters · a list 200 items, the others counted (``…_left_out``)
Source: OpenLineage 2-0-2, spec/facets/*.json and spec/registry
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

TEXT_CHARS_MAX: Final = 256
ITEMS_MAX: Final = 200
_SCHEMA_DEPTH_MAX: Final = 16
_PASSWORD = re.compile(r"(://[^/@:\s]*):[^/@\s]*@")

_Facet = Mapping[str, Any]
_Properties = dict[str, Any]


def of_facets(
    facets: Mapping[str, _Facet], readers: Mapping[str, Callable[[_Facet], _Properties]]
) -> _Properties:
    """All that the facets named in ``readers`` say; empty if there are none."""
    said: _Properties = {}
    for name, facet in facets.items():
        read = readers.get(name)
        if read is not None:
            for key, value in read(facet).items():
                if value is not None and value != "" and value != []:
                    said[key] = value
    return said


# Reading leniently.


def _text(facet: _Facet, key: str) -> str | None:
    """Text, cut; a number in words; None for anything else."""
    value = facet.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = value if isinstance(value, str) else str(value)
    text = without_password(text.strip())
    return text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"


def _number(facet: _Facet, key: str) -> int | float | None:
    value = facet.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _objects(facet: _Facet, key: str) -> list[_Facet]:
    value = facet.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _object(facet: _Facet, key: str) -> _Facet:
    value = facet.get(key)
    return value if isinstance(value, dict) else {}


def _listed(name: str, items: list[str]) -> _Properties:
    said: _Properties = {name: items[:ITEMS_MAX]}
    if len(items) > ITEMS_MAX:
        said[f"{name}_left_out"] = len(items) - ITEMS_MAX
    return said


def _texts(*keys: str, prefix: str = "") -> Callable[[_Facet], _Properties]:
    return lambda facet: {prefix + key: _text(facet, key) for key in keys}


def without_password(text: str) -> str:
    """``text`` with the passwords of URLs in it left out."""
    return _PASSWORD.sub(r"\1@", text) if "@" in text else text


def _digest(facet: _Facet, key: str) -> str | None:
    value = facet.get(key)
    if not isinstance(value, str):
        return None
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


# Runs.


def _error(facet: _Facet) -> _Properties:
    return {
        "error": _text(facet, "message"),
        "errorLanguage": _text(facet, "programmingLanguage"),
    }


def _extraction_error(facet: _Facet) -> _Properties:
    errors = [_text(item, "errorMessage") for item in _objects(facet, "errors")]
    return {
        "totalTasks": _number(facet, "totalTasks"),
        "failedTasks": _number(facet, "failedTasks"),
        "extractionError": next((error for error in errors if error), None),
    }


def _environment(facet: _Facet) -> _Properties:
    found = [_text(item, "name") for item in _objects(facet, "environmentVariables")]
    return _listed("environmentVariables", sorted({name for name in found if name}))


def _parameters(facet: _Facet) -> _Properties:
    found = [_text(item, "key") for item in _objects(facet, "parameters")]
    return _listed("executionParameters", sorted({key for key in found if key}))


def _tests(facet: _Facet) -> _Properties:
    tests = _objects(facet, "tests")
    found = [" ".join(filter(None, (_text(test, "name"), _text(test, "status")))) for test in tests]
    failed = sum(1 for test in tests if str(test.get("status")).lower() in ("fail", "failed"))
    return _listed("tests", found) | {"testsFailed": failed if tests else None}


def _tags(facet: _Facet) -> _Properties:
    found = []
    for tag in _objects(facet, "tags"):
        key, value, field = (_text(tag, name) for name in ("key", "value", "field"))
        if key:
            found.append(f"{field}: {key}={value}" if field else f"{key}={value}")
    return _listed("tags", found)


# Jobs.


def _sql(facet: _Facet) -> _Properties:
    return {"sqlSha256": _digest(facet, "query"), "sqlDialect": _text(facet, "dialect")}


def _source_code(facet: _Facet) -> _Properties:
    return {
        "sourceCodeSha256": _digest(facet, "sourceCode"),
        "sourceCodeLanguage": _text(facet, "language"),
    }


def _gcp_lineage(facet: _Facet) -> _Properties:
    origin = _object(facet, "origin")
    return {
        "displayName": _text(facet, "displayName"),
        "origin": " ".join(filter(None, (_text(origin, "sourceType"), _text(origin, "name")))),
    }


# Datasets.


def _schema(facet: _Facet) -> _Properties:
    return _listed("schema", list(_columns(facet, "", 0)))


def _columns(holder: _Facet, path: str, depth: int) -> Iterator[str]:
    """``name type`` of each column; of a nested one the whole path, ``a.b``."""
    if depth > _SCHEMA_DEPTH_MAX:
        return
    for field in _objects(holder, "fields"):
        name = _text(field, "name")
        if name:
            yield " ".join(filter(None, (path + name, _text(field, "type"))))
            yield from _columns(field, f"{path}{name}.", depth + 1)


def _data_source(facet: _Facet) -> _Properties:
    return {"dataSource": _text(facet, "name"), "dataSourceUri": _text(facet, "uri")}


def _catalog(facet: _Facet) -> _Properties:
    words = (_text(facet, key) for key in ("framework", "type", "name"))
    return {
        "catalog": " ".join(filter(None, words)),
        "catalogUri": _text(facet, "metadataUri"),
        "warehouseUri": _text(facet, "warehouseUri"),
        "catalogSource": _text(facet, "source"),
    }


def _hierarchy(facet: _Facet) -> _Properties:
    levels = _objects(facet, "hierarchy")
    return _listed(
        "hierarchy",
        [" ".join(filter(None, (_text(lv, "type"), _text(lv, "name")))) for lv in levels],
    )


def _metrics(facet: _Facet) -> _Properties:
    columns = []
    for column, metrics in _object(facet, "columnMetrics").items():
        if isinstance(metrics, dict):
            counted = [
                f"{key}={number}"
                for key in ("nullCount", "distinctCount", "count")
                if (number := _number(metrics, key)) is not None
            ]
            columns.append(" ".join((column[:TEXT_CHARS_MAX], *counted)))
    said = {key: _number(facet, key) for key in ("rowCount", "bytes", "fileCount")}
    return said | {"lastUpdated": _text(facet, "lastUpdated")} | _listed("columnMetrics", columns)


def _assertions(facet: _Facet) -> _Properties:
    assertions = _objects(facet, "assertions")
    found = []
    for item in assertions:
        column, name = _text(item, "column"), _text(item, "assertion") or _text(item, "name")
        success = item.get("success")
        result = ("success" if success else "failure") if isinstance(success, bool) else None
        found.append(" ".join(filter(None, (column, name, result))))
    failed = sum(1 for item in assertions if item.get("success") is False)
    return _listed("assertions", found) | {"assertionsFailed": failed if assertions else None}


# One use of a dataset.


def _subset(facet: _Facet) -> _Properties:
    """Which part was read or written: partitions, locations, or the columns of a condition."""
    condition = _object(facet, "inputCondition") or _object(facet, "outputCondition")
    partitions = []
    for partition in _objects(condition, "partitions"):
        dimensions = _object(partition, "dimensions")
        pairs = [f"{key}={_text(dimensions, key)}" for key in dimensions]
        partitions.append(_text(partition, "identifier") or ",".join(pairs)[:TEXT_CHARS_MAX])
    locations = condition.get("locations")
    locations = locations if isinstance(locations, list) else []
    texts = [without_password(at)[:TEXT_CHARS_MAX] for at in locations if isinstance(at, str)]
    return (
        {"subset": _text(condition, "type")}
        | _listed("partitions", partitions)
        | _listed("locations", texts)
        | _listed("subsetFields", sorted(_fields(condition)))
    )


def _fields(condition: _Facet) -> set[str]:
    found: set[str] = set()
    stack = [condition]
    while stack:
        part = stack.pop()
        if name := _text(part, "field"):
            found.add(name)
        stack += [side for key in ("left", "right") if (side := _object(part, key))]
    return found


def _scan(facet: _Facet) -> _Properties:
    names = facet.get("projectedFieldNames")
    names = names if isinstance(names, list) else []
    return {"snapshotId": _number(facet, "snapshotId")} | _listed(
        "projectedFields", [name[:TEXT_CHARS_MAX] for name in names if isinstance(name, str)]
    )


def _commit(facet: _Facet) -> _Properties:
    return {
        "snapshotId": _number(facet, "snapshotId"),
        "sequenceNumber": _number(facet, "sequenceNumber"),
        "operation": _text(facet, "operation"),
    }


_Readers = Mapping[str, Callable[[_Facet], _Properties]]
_description = _texts("description")
RUN: Final[_Readers] = {
    "errorMessage": _error,
    "extractionError": _extraction_error,
    "externalQuery": lambda facet: {
        "externalQueryId": _text(facet, "externalQueryId"),
        "externalQuerySource": _text(facet, "source"),
    },
    "environmentVariables": _environment,
    "executionParameters": _parameters,
    "test": _tests,
    "tags": _tags,
    "gcp_dataproc": _texts(
        "projectId", "jobId", "jobType", "jobUuid", "clusterName", "clusterUuid", "batchId",
        "batchUuid", "sessionId", "sessionUuid", "appId", "appName", "queryNodeName",
        prefix="dataproc.",
    ),
    "gcp_composer_run": _texts("dagRunId", prefix="composer."),
}  # fmt: skip
JOB: Final[_Readers] = {
    "sql": _sql,
    "sourceCode": _source_code,
    "documentation": _description,
    "tags": _tags,
    "gcp_composer_job": _texts(
        "environmentName", "dagId", "taskId", "operator", "airflowVersion", "composerVersion",
        prefix="composer.",
    ),
    "gcp_lineage": _gcp_lineage,
}  # fmt: skip
DATASET: Final[_Readers] = {
    "schema": _schema,
    "documentation": _description,
    "dataSource": _data_source,
    "storage": _texts("storageLayer", "fileFormat"),
    "datasetType": _texts("datasetType", "subType"),
    "catalog": _catalog,
    "hierarchy": _hierarchy,
    "dataQualityMetrics": _metrics,
    "dataQualityAssertions": _assertions,
    "tags": _tags,
}
INPUT: Final[_Readers] = {
    "dataQualityMetrics": _metrics,
    "dataQualityAssertions": _assertions,
    "subset": _subset,
    "icebergScanReport": _scan,
}
OUTPUT: Final[_Readers] = {
    "dataQualityMetrics": _metrics,
    "subset": _subset,
    "icebergCommitReport": _commit,
}
