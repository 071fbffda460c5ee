"""A trace as OpenLineage events, JSON Lines: what a catalogue such as Marquez is fed with.

    run, build, deployment    ──► a RunEvent: its job, inputs, outputs, parent
    job with links of its own ──► a JobEvent
    dataset that derives, is renamed, is owned ──► a DatasetEvent
    columns of a dataset      ──► a DatasetEvent of their table

What OpenLineage has a name for keeps it, so recording the events gives the same lineage again.
Anything else (an image, a commit, a package) becomes a dataset of the namespace ``wherefrom``
named by its id, and an activity that is no OpenLineage run gets a run id made from its id, the
same each time.

Left out, because a catalogue has no place for it: documents that describe, what in general a
thing specializes (runs and dataset versions apart), who acts for whom, nodes without a link.

Source: OpenLineage 2-0-2; docs/formats/exports.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote

import msgspec

from wherefrom.query.answers import Path, Trace, TraceEdge
from wherefrom.query.exports.openlineage_columns import tables_of
from wherefrom.query.exports.openlineage_facets import SPEC, Facets
from wherefrom.query.exports.openlineage_names import Around, Place, place_of, run_uuid
from wherefrom.query.exports.remarks import about

Json = dict[str, Any]
_EVENT_TYPES: Final = frozenset({"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"})
_INPUTS: Final = ("used", "deploys", "runs", "changes", "depends_on", "derived_from")
_OUTPUTS: Final = ("generated_by", "invalidated_by")
_LIFECYCLES: Final = frozenset({"ALTER", "CREATE", "OVERWRITE", "TRUNCATE"})
_ENTRIES_MAX: Final = 100
# Ends of lines to some who read JSON Lines as text; JSON leaves them as they are.
_LINE_ENDS: Final = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}


def to_openlineage(answer: Trace | Path) -> str:
    """The events, one a line; no line if nothing is related to anything."""
    events = _Events(answer)
    lines = (msgspec.json.encode(event).decode() for event in events.all())
    return "".join(line.translate(_LINE_ENDS) + "\n" for line in lines)


class _Events:
    def __init__(self, answer: Trace | Path) -> None:
        self._around = Around(answer)
        said = about(answer)
        self._log = {key: said[key] for key in ("origin", "size", "root") if key in said}
        # What makes it less than all that is known today; nothing where it is.
        self._bounds = {"as_of": said["as_of"]} if answer.as_of != answer.log.size else {}
        self._bounds |= {"truncated": answer.reason} if answer.truncated else {}
        self._producer = f"urn:wherefrom:log:{quote(answer.log.origin)}"
        self._facets = Facets(self._around, producer=self._producer)
        self._told: set[tuple[str, str]] = set()  # derivations that a run's output has told

    def all(self) -> Iterator[Json]:
        """Runs, then jobs, then datasets; each in the order of the answer."""
        ids = list(self._around.nodes)
        for id in filter(self._around.is_run, ids):
            if edges := self._around.touching(id):
                yield from self._run(id, edges)
        for id in filter(self._around.is_job, ids):
            yield from self._job(id)
        for id in filter(self._around.is_dataset, ids):
            yield from self._dataset(id)
        yield from self._columns()

    # -- one node each

    def _run(self, id: str, edges: list[TraceEdge]) -> Iterator[Json]:
        """One event; another for each further job or engine, as an event has one of each."""
        given = self._around.nodes[id].properties.get("eventType")
        ours = {**self._facets.of_run(id), "wherefrom": self._said_of(id, edges)}
        engines = self._facets.engines(id)
        jobs = [e.target for e in self._around.out(id, "specializes")]
        jobs = [job for job in jobs if self._around.is_job(job)]
        for place in range(max(1, len(jobs), len(engines))):
            job = jobs[place if place < len(jobs) else 0] if jobs else None
            named = place_of(job) if job else self._around.job_of(id)
            engine = engines[place] if place < len(engines) else {}
            first = place == 0
            yield {
                **self._head("RunEvent", edges),
                "eventType": given if given in _EVENT_TYPES else "COMPLETE",
                "run": {"runId": run_uuid(id), "facets": (ours if first else {}) | engine},
                "job": {
                    **named.as_json(),
                    "facets": self._facets.of_job(job, run=id) if job else {},
                },
                "inputs": self._inputs(self._around.out(id, *_INPUTS) if first else ()),
                "outputs": self._outputs(self._around.into(id, *_OUTPUTS) if first else ()),
            }

    def _job(self, id: str) -> Iterator[Json]:
        is_dataset, is_run = self._around.is_dataset, self._around.is_run
        ins = [e for e in self._around.out(id, "depends_on") if is_dataset(e.target)]
        outs = [e for e in self._around.into(id, "derived_from") if is_dataset(e.source)]
        job = {**place_of(id).as_json(), "facets": self._facets.of_job(id)}
        # An event with both says that each output comes of each input: only where it does.
        derived = {(e.source, e.target) for o in outs for e in self._around.out(o.source)}
        together = all((o.source, i.target) in derived for o in outs for i in ins)
        for inputs, outputs in [(ins, outs)] if together else [(ins, []), ([], outs)]:
            # A run of the job tells its facets; without one, they are worth an event.
            told = any(is_run(e.source) for e in self._around.into(id, "specializes"))
            edges = [*inputs, *outputs]
            if not edges and together and job["facets"] and not told:
                edges = list(self._around.out(id))
            if edges:
                yield {
                    **self._head("JobEvent", edges),
                    "job": job,
                    "inputs": self._inputs(inputs),
                    "outputs": self._outputs(outputs),
                }

        for edge, facets in self._facets.locations(id)[1:]:
            job = {**place_of(id).as_json(), "facets": facets}
            yield {**self._head("JobEvent", [edge]), "job": job, "inputs": [], "outputs": []}

    def _dataset(self, id: str) -> Iterator[Json]:
        edges = [e for e in self._around.out(id) if not self._is_told(e)]
        facets = self._facets.of_dataset(id, edges)
        place = place_of(id)
        if place.version is not None and not any(map(self._tells, self._around.touching(id))):
            facets |= self._facets.of_version(place.version)
        if facets and edges:
            facets["wherefrom"] = self._said_of(id, edges)
            item = {**place.as_json(), "facets": facets}
            yield {**self._head("DatasetEvent", edges), "dataset": item}
        for edge, renaming in self._facets.renamings(id)[1:]:
            item = {**place.as_json(), "facets": renaming}
            yield {**self._head("DatasetEvent", [edge]), "dataset": item}

    def _columns(self) -> Iterator[Json]:
        """An event for each pair of tables whose columns are in the answer."""
        for edge in tables_of(e for id in self._around.nodes for e in self._around.out(id)):
            facets = self._facets.of_derivations([edge])
            facets["wherefrom"] = self._facets.evidence(edge)
            item = {**place_of(edge.source).as_json(), "facets": facets}
            yield {**self._head("DatasetEvent", [edge]), "dataset": item}

    def _tells(self, edge: TraceEdge) -> bool:
        """Whether the event of a run or job has this edge among its inputs or outputs."""
        ends = {edge.source, edge.target}
        runs = any(self._around.is_run(end) or self._around.is_job(end) for end in ends)
        return runs and edge.relation in (*_INPUTS, *_OUTPUTS)

    # -- inputs and outputs

    def _inputs(self, edges: Iterable[TraceEdge]) -> list[Json]:
        ends = [(e.target, e) for e in edges if self._around.is_dataset(e.target)]
        return [
            {
                **place.as_json(),
                **self._of_version(place),
                "inputFacets": self._facets.of_input(edge),
            }
            for place, edge in _once_each(ends)
        ]

    def _outputs(self, edges: Iterable[TraceEdge]) -> list[Json]:
        made: list[tuple[str, TraceEdge]] = []
        gone: list[tuple[str, TraceEdge]] = []
        for edge in edges:
            if self._around.is_dataset(edge.source):
                (gone if edge.relation == "invalidated_by" else made).append((edge.source, edge))
        items = []
        for place, edge in _once_each(made):
            item = {**place.as_json(), **self._of_version(place)}
            facets = item.setdefault("facets", {})
            change = edge.properties.get("lifecycle")
            if change in _LIFECYCLES:
                facets |= self._facets.of_lifecycle(change)
            facets |= self._derivations(edge)
            items.append({**item, "outputFacets": self._facets.of_output(edge)})
        for id, edge in gone:
            place = place_of(id)
            facets = self._facets.of_lifecycle("DROP")
            item = {**place.as_json(), "facets": facets}
            items.append({**item, "outputFacets": self._facets.of_output(edge)})
        return items

    def _of_version(self, place: Place) -> Json:
        known = place.version is not None
        return {"facets": self._facets.of_version(place.version or "")} if known else {}

    def _derivations(self, made: TraceEdge) -> Json:
        """Where an output comes from, as far as the record says it that names its run."""
        causes = [
            e
            for e in self._around.out(made.source, "derived_from")
            if (e.entry, e.log) == (made.entry, made.log)
            and self._around.is_dataset(e.target)
            and not self._is_told(e)
        ]
        self._told.update((e.source, e.target) for e in causes)
        return self._facets.of_derivations(causes)

    def _is_told(self, edge: TraceEdge) -> bool:
        return edge.relation == "derived_from" and (edge.source, edge.target) in self._told

    # -- what every event has

    def _head(self, event: str, edges: list[TraceEdge]) -> Json:
        known = [e.occurred for e in edges if e.occurred is not None]
        return {
            "eventTime": max(known or [e.received for e in edges]),
            "producer": self._producer,
            "schemaURL": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/{event}",
        }

    def _said_of(self, id: str, edges: list[TraceEdge]) -> Json:
        entries = sorted({entry for e in edges if not e.log for entry in e.entries})
        theirs: dict[str, set[int]] = {}
        for edge in edges:
            if edge.log:
                theirs.setdefault(edge.log, set()).update(edge.entries)
        others = {log: sorted(found)[:_ENTRIES_MAX] for log, found in sorted(theirs.items())}
        return self._facets.ours(
            id=id,
            kind=self._around.nodes[id].kind,
            log=self._log,
            entries=entries[:_ENTRIES_MAX],
            **({"inLogs": others} if others else {}),
            **self._bounds,
        )


def _once_each(ends: list[tuple[str, TraceEdge]]) -> Iterator[tuple[Place, TraceEdge]]:
    """Each dataset once: by its versions where one is named, for these name the dataset too."""
    places = {place_of(id): edge for id, edge in ends}
    versioned = {place[:2] for place in places if place.version is not None}
    for place, edge in places.items():
        if place.version is not None or place[:2] not in versioned:
            yield place, edge
