"""From an object as the API gives it to the little that we keep of it. Pure.

    {"metadata": …, "spec": …, "status": …} ──► Pod · Node · Workload · Slice · Bundle
                                            └─► Malformed, naming the field

An object is reduced the moment it arrives: a cluster's pods are a gigabyte as the API spells them,
and what is secret is forgotten once it is hashed. What an object lacks and may lack is empty; a
field of the wrong type is an error of that object, never of its neighbours.

Source: Kubernetes 1.30, API reference: core/v1, apps/v1, batch/v1, discovery.k8s.io/v1
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from wherefrom.capture.kubernetes.bundles import Bundle, Keyed, Reference, bundle, references
from wherefrom.capture.kubernetes.fields import at, flag, items, number, text
from wherefrom.errors import Malformed
from wherefrom.formats.manifest_pods import PATHS, Container, containers_of, pod_spec_of
from wherefrom.formats.strict_json import get_object as obj

SERVICE_LABEL: Final = "kubernetes.io/service-name"
REGION_LABELS: Final = (
    "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region",
)  # fmt: skip
ZONE_LABELS: Final = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
POOL_LABELS: Final = (
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
)
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})\Z")
_BARE: Final = re.compile(r"[0-9a-f]{64}\Z")
T = TypeVar("T")


class Owner(NamedTuple):
    """The controller that made an object."""

    kind: str
    name: str


class Meta(NamedTuple):
    """Who an object is."""

    uid: str
    namespace: str
    name: str
    labels: Mapping[str, str]
    owner: Owner | None
    created: str | None


class Status(NamedTuple):
    """One that a node runs or ran; times as ``timestamps`` writes them."""

    name: str
    kind: str
    image_id: str
    container_id: str
    state: str
    reason: str
    ready: bool
    restarts: int
    started: str | None
    finished: str | None


class Pod(NamedTuple):
    """An instance."""

    meta: Meta
    node: str
    phase: str
    terminating: bool
    containers: tuple[Container, ...]
    statuses: tuple[Status, ...]


class Node(NamedTuple):
    """Where instances run."""

    meta: Meta
    region: str
    zone: str
    pool: str


class Workload(NamedTuple):
    """What makes pods: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job or CronJob.

    replicas  how many are wanted; ready: how many are; None where it has no such number
    counts    other numbers of its status, by their short names
    revision  of a StatefulSet or DaemonSet: the label's value of pods made from this template
    """

    kind: str
    meta: Meta
    generation: int
    containers: tuple[Container, ...]
    references: tuple[Reference, ...]
    replicas: int | None = None
    ready: int | None = None
    counts: Mapping[str, int] = {}
    revision: str = ""


class Endpoint(NamedTuple):
    """A pod behind a service."""

    uid: str
    ready: bool
    serving: bool
    terminating: bool


class Slice(NamedTuple):
    """Some of the endpoints of a service."""

    meta: Meta
    service: str
    endpoints: tuple[Endpoint, ...]


Thing = Pod | Node | Workload | Slice | Bundle


def read(kind: str, raw: Mapping[str, Any], keyed: Keyed) -> Thing:
    """The object of a ``kind`` of READERS. Raises Malformed, naming the field."""
    return READERS[kind](raw, keyed)


def name_of(raw: object) -> tuple[str, str]:
    """Namespace and name, as far as even a broken object says them."""
    metadata = raw.get("metadata") if isinstance(raw, dict) else None
    found = metadata if isinstance(metadata, dict) else {}
    namespace, name = found.get("namespace"), found.get("name")
    return (
        namespace if isinstance(namespace, str) else "",
        name if isinstance(name, str) else "",
    )


def identity(image_id: str) -> tuple[str, str]:
    """What an ``imageID`` names: an id, and which kind of digest that is.

    A runtime gives a ``manifest``'s digest (repo@sha256:…) where it pulled by one, else the id of
    the ``image``, which is the digest of its config; ``none``: a reference without a digest.
    """
    found = _DIGEST.search(image_id)
    if found is not None:
        return f"sha256:{found[1]}", "manifest" if image_id[: found.start()][
            -1:
        ] == "@" else "image"
    if _BARE.match(image_id):
        return f"sha256:{image_id}", "image"
    return image_id, "none"


def _meta(raw: Mapping[str, Any]) -> Meta:
    metadata = obj(raw, "metadata")
    where = "metadata"
    labels = obj(metadata, "labels", where=where)
    for key, value in labels.items():
        if not isinstance(value, str):
            raise Malformed("a label that is no text", where=f"{where}.labels.{key}", got=value)
    name = text(metadata, "name", where)
    if not name:
        raise Malformed("an object without a name", where="metadata.name")
    owners = [
        Owner(text(owner, "kind", place), text(owner, "name", place))
        for owner, place in items(metadata, "ownerReferences", where)
        if flag(owner, "controller", place)
    ]
    return Meta(
        uid=text(metadata, "uid", where),
        namespace=text(metadata, "namespace", where),
        name=name,
        labels=labels,
        owner=owners[0] if owners else None,
        created=at(metadata, "creationTimestamp", where),
    )


# -- pods


def _pod(raw: Mapping[str, Any], _: Keyed) -> Pod:
    meta = _meta(raw)
    if not meta.uid:
        raise Malformed("a pod without a uid", where="metadata.uid")
    spec, status = obj(raw, "spec"), obj(raw, "status")
    return Pod(
        meta=meta,
        node=text(spec, "nodeName", "spec"),
        phase=text(status, "phase", "status"),
        terminating=at(obj(raw, "metadata"), "deletionTimestamp", "metadata") is not None,
        containers=tuple(containers_of(spec, where="spec")),
        statuses=tuple(_statuses(status)),
    )


def _statuses(status: Mapping[str, Any]) -> Iterator[Status]:
    for field, kind in (
        ("containerStatuses", "container"),
        ("initContainerStatuses", "init"),
        ("ephemeralContainerStatuses", "ephemeral"),
    ):
        for one, place in items(status, field, "status"):
            yield _status(one, kind, place)


def _status(one: Mapping[str, Any], kind: str, place: str) -> Status:
    states = obj(one, "state", where=place)
    # No state at all is the same as waiting (core/v1, ContainerState).
    name = next((n for n in ("running", "terminated", "waiting") if n in states), "waiting")
    state, where = obj(states, name, where=f"{place}.state"), f"{place}.state.{name}"
    return Status(
        name=text(one, "name", place),
        kind=kind,
        image_id=text(one, "imageID", place),
        container_id=text(one, "containerID", place),
        state=name,
        reason=text(state, "reason", where),
        ready=flag(one, "ready", place),
        restarts=number(one, "restartCount", place) or 0,
        started=at(state, "startedAt", where),
        finished=at(state, "finishedAt", where),
    )


# -- nodes, slices


def _node(raw: Mapping[str, Any], _: Keyed) -> Node:
    meta = _meta(raw)

    def first(names: tuple[str, ...]) -> str:
        return next((meta.labels[name] for name in names if meta.labels.get(name)), "")

    return Node(meta, first(REGION_LABELS), first(ZONE_LABELS), first(POOL_LABELS))


def _slice(raw: Mapping[str, Any], _: Keyed) -> Slice:
    meta = _meta(raw)
    found = []
    for one, place in items(raw, "endpoints", ""):
        target = obj(one, "targetRef", where=place)
        uid = text(target, "uid", f"{place}.targetRef")
        if not uid or text(target, "kind", f"{place}.targetRef") != "Pod":
            continue
        conditions, where = obj(one, "conditions", where=place), f"{place}.conditions"
        # "A nil value should be interpreted as true" (discovery/v1); serving follows ready.
        ready = flag(conditions, "ready", where, otherwise=True)
        serving = flag(conditions, "serving", where, otherwise=ready)
        found.append(Endpoint(uid, ready, serving, flag(conditions, "terminating", where)))
    return Slice(meta, meta.labels.get(SERVICE_LABEL, ""), tuple(found))


# -- workloads


def _deployment(raw: Mapping[str, Any], _: Keyed) -> Workload:
    return _scaled(
        _workload("Deployment", raw), raw,
        {"replicas": "replicas", "updated": "updatedReplicas", "available": "availableReplicas"},
    )  # fmt: skip


def _replica_set(raw: Mapping[str, Any], _: Keyed) -> Workload:
    return _scaled(_workload("ReplicaSet", raw), raw, {"replicas": "replicas"})


def _stateful_set(raw: Mapping[str, Any], _: Keyed) -> Workload:
    made = _scaled(
        _workload("StatefulSet", raw), raw,
        {"replicas": "replicas", "updated": "updatedReplicas", "available": "availableReplicas"},
    )  # fmt: skip
    return made._replace(revision=text(obj(raw, "status"), "updateRevision", "status"))


def _daemon_set(raw: Mapping[str, Any], _: Keyed) -> Workload:
    status = obj(raw, "status")
    annotations = obj(obj(raw, "metadata"), "annotations", where="metadata")
    return _workload("DaemonSet", raw)._replace(
        replicas=number(status, "desiredNumberScheduled", "status"),
        ready=number(status, "numberReady", "status"),
        counts=_counts(
            status,
            {"replicas": "currentNumberScheduled", "updated": "updatedNumberScheduled",
             "available": "numberAvailable"},
        ),
        revision=text(
            annotations, "deprecated.daemonset.template.generation", "metadata.annotations"
        ),
    )  # fmt: skip


def _job(raw: Mapping[str, Any], _: Keyed) -> Workload:
    return _workload("Job", raw)


def _cron_job(raw: Mapping[str, Any], _: Keyed) -> Workload:
    return _workload("CronJob", raw)


def _workload(kind: str, raw: Mapping[str, Any]) -> Workload:
    pods, where = pod_spec_of(raw, kind), ".".join(PATHS[kind])
    assert pods is not None
    return Workload(
        kind=kind,
        meta=_meta(raw),
        generation=number(obj(raw, "metadata"), "generation", "metadata") or 0,
        containers=tuple(containers_of(pods, where=where)),
        references=tuple(references(pods, where)),
    )


def _scaled(made: Workload, raw: Mapping[str, Any], counted: Mapping[str, str]) -> Workload:
    spec, status = obj(raw, "spec"), obj(raw, "status")
    replicas = number(spec, "replicas", "spec")
    return made._replace(
        replicas=1 if replicas is None else replicas,
        ready=number(status, "readyReplicas", "status") or 0,
        counts=_counts(status, counted),
    )


def _counts(status: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, int]:
    return {short: number(status, name, "status") or 0 for short, name in names.items()}


# -- config maps, secrets


def _config_map(raw: Mapping[str, Any], _: Keyed) -> Bundle:
    meta = _meta(raw)
    return bundle("configmap", meta.namespace, meta.name, raw, created=meta.created, keyed=None)


def _secret(raw: Mapping[str, Any], keyed: Keyed) -> Bundle:
    meta = _meta(raw)
    return bundle("secret", meta.namespace, meta.name, raw, created=meta.created, keyed=keyed)


READERS: Final[Mapping[str, Callable[[Mapping[str, Any], Keyed], Thing]]] = {
    "nodes": _node,
    "pods": _pod,
    "deployments": _deployment,
    "replicasets": _replica_set,
    "statefulsets": _stateful_set,
    "daemonsets": _daemon_set,
    "jobs": _job,
    "cronjobs": _cron_job,
    "endpointslices": _slice,
    "configmaps": _config_map,
    "secrets": _secret,
}
