"""The facets of exported OpenLineage events: what an event says beyond inputs and outputs.

    run      parent · jobDependencies · processing_engine
    job      jobType · ownership · sourceCodeLocation · lineage
    dataset  version · symlinks · ownership · lifecycleStateChange · columnLineage · lineage
    input    inputStatistics        output   outputStatistics        each   wherefrom

The facet ``wherefrom`` is ours: the entry that says so, how far it is believed, and who signed.

Source: OpenLineage 2-0-2, spec/facets/*.json; formats/openlineage_facets.py reads them
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from wherefrom.query.answers import TraceEdge
from wherefrom.query.exports.openlineage_names import Around, place_of, run_uuid

Json = dict[str, Any]
SPEC: Final = "https://openlineage.io/spec"
OURS: Final = "urn:wherefrom:facet:1"
_VERSIONS: Final[Mapping[str, str]] = {
    "ParentRunFacet": "1-2-0",
    "JobDependenciesRunFacet": "1-0-1",
    "ProcessingEngineRunFacet": "1-1-1",
    "JobTypeJobFacet": "2-0-4",
    "OwnershipJobFacet": "1-0-1",
    "OwnershipDatasetFacet": "1-0-1",
    "SourceCodeLocationJobFacet": "1-1-0",
    "DatasetVersionDatasetFacet": "1-0-1",
    "SymlinksDatasetFacet": "1-0-1",
    "LifecycleStateChangeDatasetFacet": "1-0-1",
    "ColumnLineageDatasetFacet": "1-2-0",
    "InputStatisticsInputDatasetFacet": "1-0-0",
    "OutputStatisticsOutputDatasetFacet": "1-0-2",
}
_DERIVATIONS: Final = frozenset({"derived_from", "depends_on", "contains", "revises"})
_STATISTICS: Final = ("rowCount", "size", "fileCount")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\w!#$%&'()*+,./:;=?@~-]+", re.ASCII)
_LOCATION: Final = ("url", "repoUrl", "path", "version", "tag", "branch", "pullRequestNumber")


class Facets:
    """Makes the facets of one answer's events.

    producer  the URI that each facet names as its producer
    """

    def __init__(self, around: Around, *, producer: str) -> None:
        self._around = around
        self._producer = producer

    # -- ours

    def ours(self, **said: Any) -> Json:
        """What we know of it, under our own schema."""
        return {"_producer": self._producer, "_schemaURL": OURS, **said}

    def evidence(self, edge: TraceEdge) -> Json:
        """On whose word an edge rests."""
        whose = {"inLog": edge.log} if edge.log else {}
        return self.ours(
            relation=edge.relation, entry=edge.entry, trust=edge.trust,
            signers=list(edge.signers), **whose,
        )  # fmt: skip

    # -- of runs

    def of_run(self, run: str) -> Json:
        """Its parent, and the runs it waited for."""
        parents: dict[str, str] = {}
        others = []
        for edge in self._around.out(run, "informed_by", "changes"):
            if self._around.is_run(edge.target):
                role = edge.properties.get("as")
                if role in ("parent", "root") and role not in parents:
                    parents[role] = edge.target
                else:
                    others.append((edge.target, edge.properties.get("dependency_type")))
        if "parent" not in parents and "root" in parents:
            others.append((parents.pop("root"), None))
        facets = {}
        if parents:
            root = {"root": self._run(parents["root"])} if "root" in parents else {}
            facets["parent"] = self._facet("ParentRunFacet", **self._run(parents["parent"]), **root)
        if others:
            upstream = [
                {**self._run(id), **({"dependency_type": kind} if kind else {})}
                for id, kind in others
            ]
            facets["jobDependencies"] = self._facet("JobDependenciesRunFacet", upstream=upstream)
        return facets

    def _run(self, id: str) -> Json:
        return {"run": {"runId": run_uuid(id)}, "job": self._around.job_of(id).as_json()}

    def engines(self, run: str) -> list[Json]:
        """Each engine that it ran on, as the facets of one event each."""
        found = []
        for edge in self._around.out(run, "associated_with"):
            node = self._around.nodes[edge.target]
            version = node.properties.get("version")
            if node.name and version and node.id == f"software:{node.name}@{version}":
                said = {"name": node.name, "version": version}
                adapter = edge.properties.get("openlineageAdapterVersion")
                if adapter:
                    said["openlineageAdapterVersion"] = adapter
                found.append({"processing_engine": self._facet("ProcessingEngineRunFacet", **said)})
        return found

    # -- of jobs

    def of_job(self, id: str, *, run: str | None = None) -> Json:
        """What kind it is, whose, from which source, on which jobs it and its run depend."""
        facets: Json = {}
        properties = self._around.nodes[id].properties
        kind = {k: properties[k] for k in ("processingType", "integration", "jobType")
                if isinstance(properties.get(k), str)}  # fmt: skip
        if kind.keys() >= {"processingType", "integration"}:
            facets["jobType"] = self._facet("JobTypeJobFacet", **kind)
        facets |= self._ownership(id, "OwnershipJobFacet")
        for _, location in self.locations(id)[:1]:
            facets |= location
        entries = [
            {"type": "JOB", **place_of(end).as_json(), **runs, "inputs": jobs}
            for end, runs in ((id, {}), *([(id, {"runId": run_uuid(run)})] if run else []))
            if (jobs := self._jobs_above(run if runs and run else id))
        ]
        if entries:
            schema = f"{SPEC}/facets/1-0-0/LineageFacet.json#/$defs/LineageJobFacet"
            facets["lineage"] = {
                "_producer": self._producer, "_schemaURL": schema, "entries": entries
            }  # fmt: skip
        return facets

    def _jobs_above(self, id: str) -> list[Json]:
        edges = self._around.out(id, "depends_on", "used")
        return [
            {"type": "JOB", **place_of(e.target).as_json()}
            for e in edges
            if self._around.is_job(e.target)
        ]

    def locations(self, job: str) -> list[tuple[TraceEdge, Json]]:
        """Each place that its source code is in, as the facets of one event each."""
        found = []
        for edge in self._around.out(job, "derived_from"):
            given = {key: edge.properties.get(key) for key in _LOCATION}
            said = {key: value for key, value in given.items() if isinstance(value, str)}
            if _URI.fullmatch(said.get("url", "")):  # the schema takes no other
                is_git = edge.target.startswith(("gitCommit:", "git+"))
                said["type"] = "git" if is_git else "other"
                facet = self._facet("SourceCodeLocationJobFacet", **said)
                found.append((edge, {"sourceCodeLocation": facet}))
        return found

    # -- of datasets

    def of_dataset(self, id: str, edges: Sequence[TraceEdge]) -> Json:
        """What ``edges`` from a dataset say of it, and whose it is."""
        facets: Json = {}
        datasets = [e for e in edges if self._around.is_dataset(e.target)]
        links = [
            {**place_of(e.target).as_json(), "type": str(e.properties.get("type") or "OTHER")}
            for e in datasets
            if e.relation == "alternate"
        ]
        if links:
            facets["symlinks"] = self._facet("SymlinksDatasetFacet", identifiers=links)
        for _, renaming in self.renamings(id)[:1]:
            facets |= renaming
        facets |= self._ownership(id, "OwnershipDatasetFacet")
        causes = [e for e in datasets if e.relation in _DERIVATIONS and not _is_renaming(e)]
        return facets | self.of_derivations(causes)

    def renamings(self, id: str) -> list[tuple[TraceEdge, Json]]:
        """Each name that a dataset had before, as the facets of one event each."""
        return [
            (
                edge,
                {
                    "lifecycleStateChange": self._facet(
                        "LifecycleStateChangeDatasetFacet",
                        lifecycleStateChange="RENAME",
                        previousIdentifier=place_of(edge.target).as_json(),
                    )
                },
            )
            for edge in self._around.out(id, "revises")
            if _is_renaming(edge) and self._around.is_dataset(edge.target)
        ]

    def of_version(self, version: str) -> Json:
        """Which version of a dataset it is."""
        return {"version": self._facet("DatasetVersionDatasetFacet", datasetVersion=version)}

    def of_derivations(self, edges: Iterable[TraceEdge]) -> Json:
        """Where a dataset and its columns come from.

        Fields of fields go into ``columnLineage``, which catalogues show; datasets as a whole
        into ``lineage``.
        """
        fields: dict[str, Json] = {}
        whole: list[Json] = []
        from_whole: dict[str, Json] = {}
        inputs: list[Json] = []
        for edge in edges:
            source = place_of(edge.target).as_json()
            columns = list(_columns(edge))
            if not columns:
                how = [] if edge.relation == "derived_from" else [f"INDIRECT/{edge.relation}"]
                inputs.append({"type": "DATASET", **source, **_transformations(how)})
            for column, field, how_text, masking in columns:
                steps = _transformations(how_text.split(), masking=masking)
                if not field:
                    entry = {"type": "DATASET", **source, **steps}
                    from_whole.setdefault(column, {"inputs": []})["inputs"].append(entry)
                elif column == "*":
                    whole.append({**source, "field": field, **steps})
                else:
                    entry = {**source, "field": field, **steps}
                    fields.setdefault(column, {"inputFields": []})["inputFields"].append(entry)
        facets: Json = {}
        if fields or whole:
            of_all = {"dataset": whole} if whole else {}
            facets["columnLineage"] = self._facet(
                "ColumnLineageDatasetFacet", fields=fields, **of_all
            )
        if inputs or from_whole:
            said: Json = {"inputs": inputs} if inputs else {}
            said |= {"fields": from_whole} if from_whole else {}
            schema = f"{SPEC}/facets/1-0-0/LineageFacet.json#/$defs/LineageDatasetFacet"
            facets["lineage"] = {"_producer": self._producer, "_schemaURL": schema, **said}
        return facets

    def _ownership(self, id: str, schema: str) -> Json:
        owners = []
        for edge in self._around.out(id, "attributed_to"):
            role = edge.properties.get("type")
            owner = {"name": edge.target.removeprefix("owner:")}
            owners.append(owner | ({"type": role} if isinstance(role, str) else {}))
        return {"ownership": self._facet(schema, owners=owners)} if owners else {}

    # -- of inputs and outputs

    def of_input(self, edge: TraceEdge) -> Json:
        """How much was read, and on whose word."""
        counts = _counts(edge)
        facets = {"wherefrom": self.evidence(edge)}
        if counts:
            facets["inputStatistics"] = self._facet("InputStatisticsInputDatasetFacet", **counts)
        return facets

    def of_output(self, edge: TraceEdge) -> Json:
        """How much was written, and on whose word."""
        counts = _counts(edge)
        facets = {"wherefrom": self.evidence(edge)}
        if counts:
            facets["outputStatistics"] = self._facet("OutputStatisticsOutputDatasetFacet", **counts)
        return facets

    def of_lifecycle(self, change: str) -> Json:
        """What became of a dataset as a whole."""
        facet = self._facet("LifecycleStateChangeDatasetFacet", lifecycleStateChange=change)
        return {"lifecycleStateChange": facet}

    def _facet(self, schema: str, **said: Any) -> Json:
        url = f"{SPEC}/facets/{_VERSIONS[schema]}/{schema}.json#/$defs/{schema}"
        return {"_producer": self._producer, "_schemaURL": url, **said}


def _is_renaming(edge: TraceEdge) -> bool:
    """Whether a dataset has a new name, and nothing else about it changed."""
    return edge.relation == "revises" and edge.properties.get("lifecycle") == "RENAME"


def _columns(edge: TraceEdge) -> Iterator[tuple[str, str, str, bool]]:
    """Column, source field, how, and whether it is masked, as our reader of OpenLineage keeps
    them; none from others."""
    columns = edge.properties.get("columns")
    if isinstance(columns, dict):
        for column, sources in columns.items():
            for source in sources if isinstance(sources, list) else ():
                match source:
                    case [str(field), str(how), *rest]:
                        yield column, field, how, rest == ["masking"]


def _transformations(how: Sequence[str], *, masking: bool = False) -> Json:
    steps: list[Json] = []
    for step in how or (["DIRECT"] if masking else []):
        kind, slash, subtype = step.partition("/")
        steps.append({"type": kind, **({"subtype": subtype} if slash else {})})
    if masking:
        steps[0]["masking"] = True
    return {"transformations": steps} if steps else {}


def _counts(edge: TraceEdge) -> Json:
    found = {key: edge.properties.get(key) for key in _STATISTICS}
    return {k: v for k, v in found.items() if isinstance(v, int) and not isinstance(v, bool)}
