"""Pods in Kubernetes' objects: where each kind keeps its pod, and the containers in one.

    Deployment, StatefulSet, DaemonSet, ReplicaSet, Job    spec.template.spec
    CronJob                                                spec.jobTemplate.spec.template.spec
    Pod                                                    spec

Source: Kubernetes API v1.30
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed

_TEMPLATED: Final = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"}
)
_LISTS: Final = (
    ("initContainers", True), ("containers", False), ("ephemeralContainers", False),
)  # fmt: skip


class Container(NamedTuple):
    """A container by its name, and the image that it is to run."""

    name: str
    image: str
    is_init: bool


def pod_spec_of(item: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The spec of the pods that an object makes; None for one that makes none. Raises Malformed."""
    kind = item.get("kind")
    if kind in _TEMPLATED:
        return _at(item, "spec", "template", "spec")
    if kind == "CronJob":
        return _at(item, "spec", "jobTemplate", "spec", "template", "spec")
    return _at(item, "spec") if kind == "Pod" else None


def containers_of(pods: Mapping[str, Any]) -> Iterator[Container]:
    """All kinds of containers of a pod. Raises Malformed for one without a name or an image."""
    for key, is_init in _LISTS:
        for number, container in enumerate(pods.get(key) or []):
            where = f"{key}[{number}]"
            if not isinstance(container, dict):
                raise Malformed("not a container", where=where, got=type(container).__name__)
            name, image = container.get("name"), container.get("image")
            if not isinstance(name, str) or not isinstance(image, str) or not image:
                raise Malformed("a container without a name or an image", where=where)
            yield Container(name, image, is_init)


def _at(item: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    found: Any = item
    for key in path:
        found = found.get(key)
        if not isinstance(found, dict):
            raise Malformed("a workload without its pods", where=".".join(path))
    made: Mapping[str, Any] = found
    return made
