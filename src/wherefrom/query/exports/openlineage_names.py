"""What OpenLineage calls the nodes of an answer, and what stands around each of them.

    dataset:s3://bucket:raw             ──►  s3://bucket · raw
    dataset_version:s3://bucket:raw:v7  ──►  s3://bucket · raw · v7
    sha256:7d…, pkg:npm/left-pad@1.3.0  ──►  wherefrom · the id
    run:<uuid>                          ──►  the uuid; of any other activity one made of its id

Source: OpenLineage naming; RFC 9562 §5.5 (UUID version 5)
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from wherefrom.formats import names
from wherefrom.formats.facts import KINDS
from wherefrom.query.answers import Path, Trace, TraceEdge, TraceNode

NAMESPACE: Final = "wherefrom"
_RUN: Final = re.compile(r"run:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_RUNS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:wherefrom:run")
_VERSION: Final = "dataset_version:"
_NO_DATA: Final = ("job", "column")


class Place(NamedTuple):
    """A job or dataset by its namespace and name; ``version`` of a dataset's version."""

    namespace: str
    name: str
    version: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The two that identify it."""
        return {"namespace": self.namespace, "name": self.name}


def place_of(id: str) -> Place:
    """What OpenLineage calls a job, a dataset, or anything else that data may be."""
    version = None
    general = id
    if id.startswith(_VERSION):
        general, _, version = id[len(_VERSION) :].rpartition(":")
        general = f"dataset:{general}"
        version = names.split(f"dataset::{version}")[2]
    try:
        _, namespace, name = names.split(general)
    except ValueError:
        return Place(NAMESPACE, id)
    return Place(namespace, name, version) if namespace and name else Place(NAMESPACE, id)


def run_uuid(id: str) -> str:
    """The run id of an activity."""
    match = _RUN.fullmatch(id)
    return match[1] if match else str(uuid.uuid5(_RUNS, id))


class Around:
    """The nodes of an answer, with the edges that go out of each and come into it."""

    def __init__(self, answer: Trace | Path) -> None:
        self.nodes: dict[str, TraceNode] = {node.id: node for node in answer.nodes}
        self._out: dict[str, list[TraceEdge]] = {}
        self._into: dict[str, list[TraceEdge]] = {}
        for edge in answer.edges:
            self._out.setdefault(edge.source, []).append(edge)
            self._into.setdefault(edge.target, []).append(edge)

    def out(self, id: str, *relations: str) -> Iterator[TraceEdge]:
        """Edges from ``id`` to its causes, of these relations or of any."""
        return (e for e in self._out.get(id, ()) if not relations or e.relation in relations)

    def into(self, id: str, *relations: str) -> Iterator[TraceEdge]:
        """Edges from effects to ``id``, of these relations or of any."""
        return (e for e in self._into.get(id, ()) if not relations or e.relation in relations)

    def touching(self, id: str) -> list[TraceEdge]:
        """Every edge with this end."""
        return [*self.out(id), *self.into(id)]

    def is_run(self, id: str) -> bool:
        """Whether something happened here: a run, a build, a deployment."""
        return KINDS.get(self.nodes[id].kind) == "Activity"

    def is_job(self, id: str) -> bool:
        """Whether runs are runs of this."""
        return self.nodes[id].kind == "job"

    def is_dataset(self, id: str) -> bool:
        """Whether this may go in and come out: any entity that is no job, nor part of one."""
        return KINDS.get(self.nodes[id].kind) == "Entity" and self.nodes[id].kind not in _NO_DATA

    def job_of(self, run: str) -> Place:
        """The job of a run; where none is known, what its id says, the same in every answer."""
        for edge in self.out(run, "specializes"):
            if self.is_job(edge.target):
                return place_of(edge.target)
        many = run.rpartition(":")[0]  # build:<builder>:<invocation>, run:<namespace>:<job>:<run>
        kind, colon, rest = many.partition(":")
        if kind == "run" and ":" in rest:
            return place_of(f"job:{rest}")
        return Place(NAMESPACE, many if colon else self.nodes[run].kind)
