"""The objects of a cluster as we know them now. Pure: no clock, no I/O.

    put(kind, raw)  replace(kind, namespace, [raw, …])  remove(kind, raw) ──► objects by kind and name
                                                                          └─► gaps: what is unreadable

An object that cannot be read is named in ``gaps``; what was last read of it stays. Of config maps
and secrets the versions before stay too, a few: a pod has what they held when it started.
"""  # noqa: E501 - the verbs read best on one line

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from wherefrom.capture.kubernetes.bundles import Bundle, Keyed, unread
from wherefrom.capture.kubernetes.reading import (
    READERS,
    Meta,
    Node,
    Pod,
    Slice,
    Thing,
    Workload,
    name_of,
    read,
)
from wherefrom.errors import Malformed, Refused

VERSIONS_MAX: Final = 8
WORKLOADS: Final[Mapping[str, str]] = {
    "Deployment": "deployments",
    "ReplicaSet": "replicasets",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "Job": "jobs",
    "CronJob": "cronjobs",
}
T = TypeVar("T", Pod, Node, Workload, Slice, Bundle)
_Name = tuple[str, str]  # namespace, name


class Cluster:
    """A cache that one thread keeps. ``keyed`` hashes what is secret."""

    def __init__(self, *, keyed: Keyed) -> None:
        self._keyed = keyed
        self._things: dict[str, dict[_Name, Thing]] = {kind: {} for kind in READERS}
        self._versions: dict[tuple[str, str, str], list[Bundle]] = {}
        self.gaps: dict[tuple[str, str, str], str] = {}
        self.unread: set[str] = set()  # of configmap, secret: which may not be read

    # -- changes

    def put(self, kind: str, raw: Mapping[str, Any]) -> None:
        """An object was added or changed."""
        name = name_of(raw)
        try:
            if not isinstance(raw, dict):
                raise Malformed("not an object")
            thing = read(kind, raw, self._keyed)
        except Refused as error:
            # Never what came: it may be secret.
            said = [error.what, f"at {error.where}" if error.where else "", error.expected or ""]
            self.gaps[kind, *name] = ", ".join(part for part in said if part)
            return
        self.gaps.pop((kind, *name), None)
        self._things[kind][name] = thing
        if isinstance(thing, Bundle):
            self._keep_version(thing)

    def remove(self, kind: str, raw: Mapping[str, Any]) -> None:
        """An object was deleted."""
        self._forget(kind, name_of(raw))

    def replace(self, kind: str, namespace: str, raws: Iterable[Mapping[str, Any]]) -> None:
        """All there is of a kind, in a namespace or (if empty) in all of them."""
        listed = list(raws)
        there = {name_of(raw) for raw in listed}
        known = {*self._things[kind], *((n[1], n[2]) for n in self.gaps if n[0] == kind)}
        for name in known:
            if name not in there and (not namespace or name[0] == namespace):
                self._forget(kind, name)
        for raw in listed:
            self.put(kind, raw)

    def _forget(self, kind: str, name: _Name) -> None:
        self._things[kind].pop(name, None)
        self.gaps.pop((kind, *name), None)
        self._versions.pop((kind, *name), None)

    def _keep_version(self, bundle: Bundle) -> None:
        kept = self._versions.setdefault((f"{bundle.kind}s", bundle.namespace, bundle.name), [])
        if kept and kept[-1].whole == bundle.whole:
            # Something else about it changed: these values are as old as they were.
            return
        kept.append(bundle)
        del kept[:-VERSIONS_MAX]

    # -- questions

    @property
    def size(self) -> int:
        """How many objects."""
        return sum(len(found) for found in self._things.values())

    def pods(self) -> Iterable[Pod]:
        """Every pod."""
        return self._all("pods", Pod)

    def slices(self) -> Iterable[Slice]:
        """Every endpoint slice."""
        return self._all("endpointslices", Slice)

    def secrets(self) -> Iterable[Bundle]:
        """Every secret."""
        return self._all("secrets", Bundle)

    def workloads(self) -> Iterable[Workload]:
        """Every workload, of every kind."""
        for kind in WORKLOADS.values():
            yield from self._all(kind, Workload)

    def node(self, name: str) -> Node | None:
        """A node, if it is known."""
        found = self._things["nodes"].get(("", name))
        return found if isinstance(found, Node) else None

    def workload(self, kind: str, namespace: str, name: str) -> Workload | None:
        """A workload, if its kind is one of WORKLOADS and it is known."""
        found = self._things.get(WORKLOADS.get(kind, ""), {}).get((namespace, name))
        return found if isinstance(found, Workload) else None

    def bundle(self, kind: str, namespace: str, name: str) -> Bundle | None:
        """A config map or secret as it is now."""
        if kind in self.unread:
            return unread(kind, namespace, name)
        versions = self._versions.get((f"{kind}s", namespace, name))
        return versions[-1] if versions else None

    def bundle_at(self, kind: str, namespace: str, name: str, time: str) -> Bundle | None:
        """The same as it was at ``time``; None if that is not known."""
        if kind in self.unread:
            return unread(kind, namespace, name)
        for version in reversed(self._versions.get((f"{kind}s", namespace, name), [])):
            if version.changed is not None and version.changed <= time:
                return version
        return None

    def top_of(self, meta: Meta) -> tuple[str, str] | None:
        """The kind and name of what makes an object, as far up as it is followed; None: nothing.

        Pod → ReplicaSet → Deployment, and Pod → Job → CronJob. An owner that we do not watch, such
        as a Rollout, is a name all the same.
        """
        owner = meta.owner
        if owner is None:
            return None
        if owner.kind in ("ReplicaSet", "Job"):
            between = self.workload(owner.kind, meta.namespace, owner.name)
            if between is not None and between.meta.owner is not None:
                return between.meta.owner.kind, between.meta.owner.name
            if between is None and owner.kind == "ReplicaSet":
                # Its pods come before it now and then, and bear its hash as a label.
                bare = owner.name.removesuffix(f"-{meta.labels.get('pod-template-hash', '')}")
                if bare != owner.name:
                    return "Deployment", bare
        return owner.kind, owner.name

    def _all(self, kind: str, of: type[T]) -> Iterable[T]:
        for found in self._things[kind].values():
            assert isinstance(found, of)
            yield found
