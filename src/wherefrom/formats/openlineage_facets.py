"""What the facets of an OpenLineage event add: versions, parents, columns, commits, owners.

A facet is a named part of a run, job or dataset, with a schema of its own. Those below lead to
other things and must be as their schema says. Those that only describe are read leniently in
``openlineage_properties``; a facet that nobody reads stays in the content, and its name is told
with the others (property ``facets``).

    run      parent · jobDependencies · processing_engine · nominalTime
    job      jobType · ownership · sourceCodeLocation · lineage
    dataset  version · symlinks · lifecycleStateChange · columnLineage · lineage · ownership
    input    inputStatistics · dataQualityMetrics        output   outputStatistics
             icebergScanReport                                    icebergCommitReport

A facet with ``_deleted: true`` says nothing any more: its name is the property
``facets_deleted``, and no more is told of it.

Sizes:  64 facet names a node
Source: OpenLineage 2-0-2, spec/facets/*.json
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed
from wherefrom.formats import digests, names
from wherefrom.formats import openlineage_properties as properties_of
from wherefrom.formats.openlineage_graph import (
    Reading,
    column_lineage,
    dataset_node,
    job_node,
    lineage_of_dataset,
    lineage_of_job,
    run_node,
)
from wherefrom.formats.openlineage_properties import without_password
from wherefrom.formats.strict_json import (
    as_object,
    get_array,
    get_object,
    get_string,
    need_object,
    need_string,
)

_FACET_NAMES_MAX: Final = 64
_LIFECYCLES: Final = frozenset({"ALTER", "CREATE", "DROP", "OVERWRITE", "RENAME", "TRUNCATE"})
_DEPENDENCY_RULES: Final = ("dependency_type", "sequence_trigger_rule", "status_trigger_rule")
_STATISTICS: Final = ("rowCount", "size", "fileCount")


class Described(NamedTuple):
    """A dataset as an event speaks of it."""

    id: str
    name: str
    version: str | None
    lifecycle: str | None

    @property
    def ids(self) -> tuple[str, ...]:
        """The dataset, and its version where the event gives one."""
        return (self.id, self.version) if self.version else (self.id,)


def dataset(reading: Reading, item: Mapping[str, Any], *, where: str) -> Described:
    """The node of a dataset and all that its facets say."""
    id = dataset_node(reading, item, where=where)
    facets = _facets(reading, id, "dataset", item, where=where)
    if not facets:
        return Described(id, item["name"], None, None)
    for facet, read in _DATASET_FACETS.items():
        if facet in facets:
            read(reading, id, facets[facet], f"{where}.facets.{facet}")
    version = facets.get("version")
    change = facets.get("lifecycleStateChange")
    return Described(
        id=id,
        name=item["name"],
        version=None if version is None else _version_id(id, version["datasetVersion"]),
        lifecycle=None if change is None else change["lifecycleStateChange"],
    )


def _facets(
    reading: Reading, id: str, kind: str, item: Mapping[str, Any], *, where: str
) -> dict[str, dict[str, Any]]:
    """The facets of ``item`` that say something; their names become a property of its node."""
    given = get_object(item, "facets", where=where)
    if not given:
        return {}
    facets, deleted = _living(given, where=f"{where}.facets")
    if facets or deleted:
        said = {
            "facets": sorted(facets)[:_FACET_NAMES_MAX] or None,
            "facets_deleted": sorted(deleted)[:_FACET_NAMES_MAX] or None,
        }
        described = properties_of.of_facets(facets, _DESCRIBED[kind])
        reading.builder.node(id, kind, None, said | described)
    return facets


def _living(given: Mapping[str, Any], *, where: str) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The facets that say something, and the names of those that were deleted."""
    facets: dict[str, dict[str, Any]] = {}
    deleted = []
    for name, facet in given.items():
        if facet is not None:
            facet = as_object(facet, where=f"{where}.{name}")
            if facet.get("_deleted") is True:
                deleted.append(name)
            else:
                facets[name] = facet
    return facets, deleted


def read_run_facets(reading: Reading, run: Mapping[str, Any]) -> None:
    """Read the facets of the event's run; its nodes must stand in ``reading`` already."""
    facets = _facets(reading, reading.run, "run", run, where="run")
    for facet, read in _RUN_FACETS.items():
        if facet in facets:
            read(reading, facets[facet], f"run.facets.{facet}")


def read_job_facets(reading: Reading, job: Mapping[str, Any]) -> None:
    """Read the facets of the event's job; its nodes must stand in ``reading`` already."""
    facets = _facets(reading, reading.job, "job", job, where="job")
    for facet, read in _JOB_FACETS.items():
        if facet in facets:
            read(reading, reading.job, facets[facet], f"job.facets.{facet}")


# Facets of runs.


def _parent(reading: Reading, facet: Mapping[str, Any], where: str) -> None:
    parents = [("parent", facet, where)]
    if facet.get("root") is not None:
        parents.append(("root", need_object(facet, "root", where=where), f"{where}.root"))
    for role, item, at in parents:
        run = need_object(item, "run", where=at)
        job = need_object(item, "job", where=at)
        parent = run_node(reading, run, job, where=f"{at}.run", job_where=f"{at}.job")
        reading.builder.edge(reading.run, "informed_by", parent, {"as": role})


def _job_dependencies(reading: Reading, facet: Mapping[str, Any], where: str) -> None:
    for side in ("upstream", "downstream"):
        for index, item in enumerate(get_array(facet, side, where=where)):
            at = f"{where}.{side}[{index}]"
            item = as_object(item, where=at)
            job = need_object(item, "job", where=at)
            run = get_object(item, "run", where=at)
            if run:
                ours = reading.run
                other = run_node(reading, run, job, where=f"{at}.run", job_where=f"{at}.job")
            else:
                ours, other = reading.job, job_node(reading, job, where=f"{at}.job")
            relation = "informed_by" if run else "depends_on"
            rules = {key: get_string(item, key, where=at) for key in _DEPENDENCY_RULES}
            said = {key: rule for key, rule in rules.items() if rule}
            ends = (ours, other) if side == "upstream" else (other, ours)
            reading.builder.edge(ends[0], relation, ends[1], said)
    rule = get_string(facet, "trigger_rule", where=where)
    if rule:
        reading.builder.node(reading.run, "run", None, {"triggerRule": rule})


def _processing_engine(reading: Reading, facet: Mapping[str, Any], where: str) -> None:
    version = need_string(facet, "version", where=where)
    name = get_string(facet, "name", where=where) or "engine"
    adapter = get_string(facet, "openlineageAdapterVersion", where=where)
    engine = reading.builder.node(
        f"software:{name}@{version}", "software", name, {"version": version}
    )
    properties = {"openlineageAdapterVersion": adapter} if adapter else None
    reading.builder.edge(reading.run, "associated_with", engine, properties)


def _nominal_time(reading: Reading, facet: Mapping[str, Any], where: str) -> None:
    properties = {
        "nominalStartTime": need_string(facet, "nominalStartTime", where=where),
        "nominalEndTime": get_string(facet, "nominalEndTime", where=where),
    }
    reading.builder.node(reading.run, "run", None, properties)


# Facets of jobs and datasets.


def _job_type(reading: Reading, job: str, facet: Mapping[str, Any], where: str) -> None:
    properties: dict[str, Any] = {
        "processingType": need_string(facet, "processingType", where=where),
        "integration": need_string(facet, "integration", where=where),
        "jobType": get_string(facet, "jobType", where=where),
    }
    pattern = get_object(facet, "emissionPattern", where=where)
    for key in ("eventTrigger", "eventContentMode"):
        properties[key] = get_string(pattern, key, where=f"{where}.emissionPattern")
    window = pattern.get("windowDuration")
    properties["windowDuration"] = window if isinstance(window, int) else None
    reading.builder.node(job, "job", None, properties)


def _ownership(reading: Reading, owned: str, facet: Mapping[str, Any], where: str) -> None:
    for index, owner in enumerate(get_array(facet, "owners", where=where)):
        at = f"{where}.owners[{index}]"
        owner = as_object(owner, where=at)
        name = need_string(owner, "name", where=at)
        role = get_string(owner, "type", where=at)
        agent = reading.builder.node(f"owner:{name}", _owner_kind(name), name)
        reading.builder.edge(owned, "attributed_to", agent, {"type": role} if role else None)


def _owner_kind(name: str) -> str:
    """The schema recommends ``user:jdoe``, ``team:data``, ``application:foo``."""
    prefix = name.partition(":")[0]
    if prefix in ("application", "service"):
        return "software"
    return "person" if prefix == "user" or "@" in name else "organization"


def _source_code_location(reading: Reading, job: str, facet: Mapping[str, Any], where: str) -> None:
    system = need_string(facet, "type", where=where)
    url = without_password(need_string(facet, "url", where=where))
    repository = get_string(facet, "repoUrl", where=where)
    repository = without_password(repository) if repository else None
    properties: dict[str, Any] = {"url": url, "repoUrl": repository}
    for key in ("path", "version", "tag", "branch", "pullRequestNumber"):
        properties[key] = get_string(facet, key, where=where)
    properties = {key: value for key, value in properties.items() if value is not None}
    # The ids that provenance of builds uses, so that a table and a build meet in their commit.
    place = digests.git_place(repository) if repository else None
    where_from = place.repository if place else repository or url
    commit = digests.commit_id(properties.get("version", "")) if system == "git" else None
    builder = reading.builder
    if place or not commit:
        builder.node(where_from, "source", where_from)
    if commit:
        builder.node(commit, "commit", None, {"repoUrl": repository})
        if place:
            builder.edge(commit, "specializes", place.repository)
    builder.edge(job, "derived_from", commit or where_from, properties)


def _symlinks(reading: Reading, id: str, facet: Mapping[str, Any], where: str) -> None:
    for index, item in enumerate(get_array(facet, "identifiers", where=where)):
        at = f"{where}.identifiers[{index}]"
        item = as_object(item, where=at)
        other = dataset_node(reading, item, where=at)
        kind = get_string(item, "type", where=at)
        reading.builder.edge(id, "alternate", other, {"type": kind} if kind else None)


def _version_id(id: str, version: str) -> str:
    return f"dataset_version:{id[len('dataset:') :]}:{names.encode(version)}"


def _version(reading: Reading, id: str, facet: Mapping[str, Any], where: str) -> None:
    version_node(reading, id, need_string(facet, "datasetVersion", where=where))


def version_node(reading: Reading, id: str, version: str) -> str:
    """The node of one version of the dataset ``id``."""
    name = names.split(id)[2]
    node = reading.builder.node(
        _version_id(id, version), "dataset_version", name, {"version": version}
    )
    reading.builder.edge(node, "specializes", id)
    return node


def _lifecycle(reading: Reading, id: str, facet: Mapping[str, Any], where: str) -> None:
    change = need_string(facet, "lifecycleStateChange", where=where)
    if change not in _LIFECYCLES:
        raise Malformed(
            "not a change of a dataset's life",
            where=f"{where}.lifecycleStateChange",
            expected=" ".join(sorted(_LIFECYCLES)),
            got=change,
        )
    previous = get_object(facet, "previousIdentifier", where=where)
    if previous:
        old = dataset_node(reading, previous, where=f"{where}.previousIdentifier")
        if change == "RENAME":
            reading.builder.edge(id, "revises", old, {"lifecycle": change})
            if reading.run:
                reading.builder.edge(old, "invalidated_by", reading.run, {"lifecycle": change})


# Facets of inputs and outputs.


def _counts(facet: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    found = {}
    for key in _STATISTICS:
        value = facet.get(key)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise Malformed(
                "a field has the wrong type", where=f"{where}.{key}", expected="an integer",
                got=value,
            )  # fmt: skip
        found[key] = value
    return found


class Use(NamedTuple):
    """What the facets of one input or output say: for its edge, and which snapshot it was."""

    properties: dict[str, Any]
    snapshot: str | None


def input_use(item: Mapping[str, Any], *, where: str) -> Use:
    """Rows, bytes and files that were read, which part of the dataset, and its snapshot."""
    given = get_object(item, "inputFacets", where=where)
    if not given:
        return Use({}, None)
    at = f"{where}.inputFacets"
    facets, _ = _living(given, where=at)
    quality = facets.get("dataQualityMetrics", {})
    # The schema asks for columnMetrics; producers of its first version send only counts.
    if quality and quality.get("columnMetrics") is None and quality.get("rowCount") is None:
        need_object(quality, "columnMetrics", where=f"{at}.dataQualityMetrics")
    _counts(quality, where=f"{at}.dataQualityMetrics")
    counts = _counts(facets.get("inputStatistics", {}), where=f"{at}.inputStatistics")
    described = properties_of.of_facets(facets, properties_of.INPUT)
    return Use(described | counts, _snapshot(facets.get("icebergScanReport")))


def output_use(item: Mapping[str, Any], *, where: str) -> Use:
    """Rows, bytes and files that were written, to which part, and the snapshot it became."""
    given = get_object(item, "outputFacets", where=where)
    if not given:
        return Use({}, None)
    at = f"{where}.outputFacets"
    facets, _ = _living(given, where=at)
    counts = _counts(facets.get("outputStatistics", {}), where=f"{at}.outputStatistics")
    described = properties_of.of_facets(facets, properties_of.OUTPUT)
    return Use(described | counts, _snapshot(facets.get("icebergCommitReport")))


def _snapshot(report: Mapping[str, Any] | None) -> str | None:
    """The Iceberg snapshot of a report: a version of its table."""
    id = report.get("snapshotId") if report else None
    return str(id) if isinstance(id, int) and not isinstance(id, bool) else None


def ids_of_use(reading: Reading, described: Described, use: Use) -> tuple[str, ...]:
    """The dataset, its version, and its snapshot if that is told as another one."""
    if use.snapshot is None:
        return described.ids
    version = version_node(reading, described.id, use.snapshot)
    return tuple(dict.fromkeys((*described.ids, version)))


_DESCRIBED: Final = {
    "run": properties_of.RUN,
    "job": properties_of.JOB,
    "dataset": properties_of.DATASET,
}
_RUN_FACETS: Final[Mapping[str, Callable[[Reading, Mapping[str, Any], str], None]]] = {
    "parent": _parent,
    "jobDependencies": _job_dependencies,
    "processing_engine": _processing_engine,
    "nominalTime": _nominal_time,
}
_JOB_FACETS: Final[Mapping[str, Callable[[Reading, str, Mapping[str, Any], str], None]]] = {
    "jobType": _job_type,
    "ownership": _ownership,
    "sourceCodeLocation": _source_code_location,
    "lineage": lineage_of_job,
}
_DATASET_FACETS: Final[Mapping[str, Callable[[Reading, str, Mapping[str, Any], str], None]]] = {
    "version": _version,
    "symlinks": _symlinks,
    "lifecycleStateChange": _lifecycle,
    "columnLineage": column_lineage,
    "lineage": lineage_of_dataset,
    "ownership": _ownership,
}
