"""From the objects of a cluster to the state of its services. Pure; the same for any order.

    Pod + Node + owner + EndpointSlices ──► observed: artifact of each container, config it began with
    Deployment, StatefulSet, …          ──► declared: artifact, scale, config  ·  observed: scale
    Secret                              ──► declared: secret, as a keyed hash

    Picture = {Place(mode, scope, slot, name): Stated(value, says, properties, since, until)}

A service is called after what makes its pods. Two that share a name in an environment are told
apart by their namespace; the older one keeps the plain name. Running is not serving: that a pod
gets traffic is a property of its containers, as its endpoint slices say.

Source: docs/kubernetes.md; DESIGN, "Reality"
"""  # noqa: E501 - a line of the picture

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from wherefrom.capture.kubernetes.bundles import Bundle, Reference, digest
from wherefrom.capture.kubernetes.cluster import WORKLOADS, Cluster
from wherefrom.capture.kubernetes.reading import Meta, Owner, Pod, Status, Workload, identity
from wherefrom.formats.states import DECLARED, OBSERVED, Scope

NAME_LABELS: Final = ("app.kubernetes.io/name", "k8s-app", "app")
# Secrets that the cluster keeps for itself: tokens that come and go, and Helm's history.
_NOT_TOLD: Final = (
    "helm.sh/release", "kubernetes.io/service-account-token", "bootstrap.kubernetes.io/",
)  # fmt: skip
# Parts of an environment's picture that need a kind of object, so that they can be told whole.
NEEDS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    (OBSERVED, "artifact"): ("pods",),
    (OBSERVED, "config"): ("pods", "replicasets", "statefulsets", "daemonsets", "jobs"),
    (OBSERVED, "scale"): ("deployments", "replicasets", "statefulsets", "daemonsets"),
    (DECLARED, "artifact"): (
        "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs",
    ),
    (DECLARED, "scale"): ("deployments", "replicasets", "statefulsets", "daemonsets"),
    (DECLARED, "config"): (
        "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs",
    ),
    (DECLARED, "secret"): ("secrets",),
}  # fmt: skip


class Place(NamedTuple):
    """What holds one value at a time."""

    mode: str
    scope: Scope
    slot: str
    name: str


class Stated(NamedTuple):
    """What a place holds, since when if that is known; ``until``: it did, and does no more."""

    value: str
    says: str | None
    properties: Mapping[str, Any]
    since: str | None = None
    until: str | None = None


class Picture(NamedTuple):
    """All that can be said now.

    unknown  places that hold something, and nobody can say what
    gaps     objects that could not be read, and why
    """

    states: Mapping[Place, Stated]
    unknown: frozenset[Place]
    gaps: tuple[str, ...]


class _Behind(NamedTuple):
    """What the services in front of a pod say of it."""

    services: tuple[str, ...]
    ready: bool
    serving: bool
    terminating: bool


class Painter:
    """Makes pictures of one cluster; what did not change is not made again.

    environment_of  the environment of a namespace; None: it is not told
    """

    def __init__(self, cluster: Cluster, *, environment_of: Callable[[str], str | None]) -> None:
        self._cluster = cluster
        self._environment_of = environment_of
        self._pods: dict[str, _Made] = {}
        self._digests: dict[tuple[int, ...], tuple[str, dict[str, str]]] = {}

    def picture(self) -> Picture:
        """What the objects say now."""
        self._digests = {}  # by the identity of objects that live as long as this call
        names = self._names()
        states: dict[Place, Stated] = {}
        unknown: set[Place] = set()
        for workload in sorted(self._cluster.workloads(), key=lambda w: (w.kind, w.meta[:3])):
            for place, stated in self._workload(workload, names):
                states[place] = stated
        for place, stated in self._all_secrets():
            states[place] = stated
        pods: dict[str, _Made] = {}
        behind = self._behind()
        for pod in self._cluster.pods():
            made = self._pod(pod, names, behind.get(pod.meta.uid))
            if made is not None:
                pods[pod.meta.uid] = made
                states.update(made.states)
                unknown.update(made.unknown)
        self._pods = pods
        gaps = (
            f"{kind} {namespace}/{name}: {reason}"
            for (kind, namespace, name), reason in self._cluster.gaps.items()
        )
        return Picture(states, frozenset(unknown), tuple(sorted(gaps)))

    # -- names

    def _names(self) -> dict[tuple[str, str, str], str]:
        """What each workload that nothing we watch has made is called: kind, namespace, name → ."""
        claims: dict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
        for one in self._cluster.workloads():
            if one.kind in ("ReplicaSet", "Job") and one.meta.owner is not None:
                continue
            environment = self._environment_of(one.meta.namespace)
            if environment is not None:
                claim = (one.meta.created or "", one.meta.namespace, one.kind)
                claims[environment, one.meta.name].append(claim)
        names = {}
        for (_, name), claimed in claims.items():
            for number, (_, namespace, kind) in enumerate(sorted(claimed)):
                said = name
                if number:
                    same = sum(other[1] == namespace for other in claimed) > 1
                    said = f"{namespace}/{kind.lower()}/{name}" if same else f"{namespace}/{name}"
                names[kind, namespace, name] = said
        return names

    def _service(self, meta: Meta, names: Mapping[tuple[str, str, str], str], node: str) -> str:
        top = self._cluster.top_of(meta)
        if top is not None and top[0] != "Node":
            return names.get((top[0], meta.namespace, top[1]), top[1])
        label = next((meta.labels[n] for n in NAME_LABELS if meta.labels.get(n)), "")
        # A static pod is called after its node.
        return label or meta.name.removesuffix(f"-{node}")

    # -- what is wanted

    def _workload(
        self, one: Workload, names: Mapping[tuple[str, str, str], str]
    ) -> Iterator[tuple[Place, Stated]]:
        service = names.get((one.kind, one.meta.namespace, one.meta.name))
        environment = self._environment_of(one.meta.namespace)
        if service is None or environment is None:
            return
        scope = Scope(environment, service)
        made = {"workload": f"{one.kind}/{one.meta.name}", "namespace": one.meta.namespace}
        # Later generations say nothing of when their template was changed.
        since = one.meta.created if one.generation == 1 else None
        for container in one.containers:
            if container.image:
                value, of = identity(container.image)
                told = {**made, "container_kind": container.kind, "digest_of": of}
                yield (
                    Place(DECLARED, scope, "artifact", container.name),
                    Stated(value, container.image, told, since),
                )
        if one.replicas is not None:
            yield (
                Place(DECLARED, scope, "scale", ""),
                Stated(str(one.replicas), None, made, since),
            )
            yield (
                Place(OBSERVED, scope, "scale", ""),
                Stated(str(one.ready or 0), None, {**made, **one.counts}),
            )
        if one.references:
            value, parts = self._digest(
                one.references,
                {
                    (r.kind, r.name): self._cluster.bundle(r.kind, one.meta.namespace, r.name)
                    for r in one.references
                    if r.kind
                },
            )
            yield Place(DECLARED, scope, "config", ""), Stated(value, None, {**made, "of": parts})

    def _all_secrets(self) -> Iterator[tuple[Place, Stated]]:
        for one in self._cluster.secrets():
            environment = self._environment_of(one.namespace)
            if environment is None or one.type.startswith(_NOT_TOLD):
                continue
            told = {"type": one.type, "keys": len(one.values), "resource_version": one.version}
            yield (
                Place(DECLARED, Scope(environment), "secret", f"{one.namespace}/{one.name}"),
                Stated(one.whole, None, told, one.changed),
            )

    # -- what runs

    def _behind(self) -> dict[str, _Behind]:
        found: dict[str, _Behind] = {}
        for one in sorted(self._cluster.slices(), key=lambda s: s.meta[:3]):
            for endpoint in one.endpoints:
                said = found.get(endpoint.uid)
                if said is None:
                    found[endpoint.uid] = _Behind((one.service,), *endpoint[1:])
                else:
                    found[endpoint.uid] = _Behind(
                        tuple(sorted({*said.services, one.service})),
                        said.ready or endpoint.ready,
                        said.serving or endpoint.serving,
                        said.terminating or endpoint.terminating,
                    )
        return found

    def _pod(
        self, pod: Pod, names: Mapping[tuple[str, str, str], str], behind: _Behind | None
    ) -> _Made | None:
        environment = self._environment_of(pod.meta.namespace)
        if environment is None:
            return None
        node = self._cluster.node(pod.node)
        service = self._service(pod.meta, names, pod.node)
        top = self._cluster.top_of(pod.meta)
        config = self._config(pod)
        seen = (pod, node, service, top, environment, behind, config)
        before = self._pods.get(pod.meta.uid)
        if before is not None and before.seen == seen:
            return before
        scope = Scope(
            environment, service, node.region if node else "", node.pool if node else "",
            pod.meta.uid,
        )  # fmt: skip
        where = {
            "pod": f"{pod.meta.namespace}/{pod.meta.name}",
            "node": pod.node,
            "zone": node.zone if node else "",
            "workload": "/".join(top) if top else "",
        }
        states = list(_running(pod, scope, where, behind))
        bundle = Place(OBSERVED, scope, "config", "")
        if config == _UNKNOWN:
            return _Made(seen, tuple(states), (bundle,))
        if config is not None:
            value, parts, began = config
            said = {"pod": where["pod"], "of": parts}
            states.append((bundle, Stated(value, None, said, began)))
        return _Made(seen, tuple(states), ())

    def _config(self, pod: Pod) -> _Config:
        """What the pod began with: digest, parts and since when; or that it is not known."""
        began = [s.started for s in pod.statuses if s.state == "running" and s.kind == "container"]
        first = min((time for time in began if time), default=None)
        if first is None:
            return None  # nothing runs
        owner, namespace = pod.meta.owner, pod.meta.namespace
        if owner is None or owner.kind not in WORKLOADS:
            return None  # nobody declares a template
        maker = self._maker(pod, owner)
        if maker is None:
            return _UNKNOWN
        if not maker.references:
            return None
        found: dict[tuple[str, str], Bundle | None] = {}
        for one in maker.references:
            if one.kind:
                then = self._cluster.bundle_at(one.kind, namespace, one.name, first)
                if then is None and self._cluster.bundle(one.kind, namespace, one.name):
                    return _UNKNOWN  # it was changed since, and we do not know what it was
                found[one.kind, one.name] = then
        return (*self._digest(maker.references, found), first)

    def _digest(
        self, wanted: tuple[Reference, ...], found: dict[tuple[str, str], Bundle | None]
    ) -> tuple[str, dict[str, str]]:
        key = (id(wanted), *map(id, found.values()))
        made = self._digests.get(key)
        if made is None:
            made = self._digests[key] = digest(wanted, found)
        return made

    def _maker(self, pod: Pod, owner: Owner) -> Workload | None:
        """The workload whose template, as it is now, this pod was made of."""
        maker = self._cluster.workload(owner.kind, pod.meta.namespace, owner.name)
        if maker is None or maker.kind in ("ReplicaSet", "Job"):
            return maker  # a template that never changes
        label = (
            "controller-revision-hash" if maker.kind == "StatefulSet" else "pod-template-generation"
        )
        return maker if maker.revision and pod.meta.labels.get(label) == maker.revision else None


_UNKNOWN: Final = "unknown"
_Config = tuple[str, dict[str, str], str] | Literal["unknown"] | None


class _Made(NamedTuple):
    """What was made of a pod, and of what."""

    seen: tuple[Any, ...]
    states: tuple[tuple[Place, Stated], ...]
    unknown: tuple[Place, ...]


def _running(
    pod: Pod, scope: Scope, where: Mapping[str, str], behind: _Behind | None
) -> Iterator[tuple[Place, Stated]]:
    images = {(one.name, one.kind): one.image for one in pod.containers}
    for one in pod.statuses:
        if not one.image_id or not one.name:
            continue  # its image is not there yet: nothing runs
        if one.state == "terminated" and not one.finished:
            continue  # lost with its node: nobody knows until when it ran
        value, of = identity(one.image_id)
        # A container that waits runs again in a moment; one that ended has ended.
        until = one.finished if one.state == "terminated" else None
        told = {**where, "container_kind": one.kind, "image_id": one.image_id, "digest_of": of,
                **_state_of(one), **_served(pod, behind)}  # fmt: skip
        yield (
            Place(OBSERVED, scope, "artifact", one.name),
            Stated(value, images.get((one.name, one.kind)) or None, told, one.started, until),
        )


def _state_of(one: Status) -> dict[str, Any]:
    told: dict[str, Any] = {"state": one.state, "ready": one.ready, "restarts": one.restarts}
    if one.reason:
        told["reason"] = one.reason
    return told


def _served(pod: Pod, behind: _Behind | None) -> dict[str, Any]:
    told: dict[str, Any] = {"phase": pod.phase, "terminating": pod.terminating}
    if behind is not None:
        told |= {
            "services": list(behind.services),
            "endpoint_ready": behind.ready,
            "serving": behind.serving,
            "terminating": behind.terminating or pod.terminating,
        }
    return told
