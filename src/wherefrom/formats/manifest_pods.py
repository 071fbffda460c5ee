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
from wherefrom.formats.strict_json import get_array

_TEMPLATE: Final = ("spec", "template", "spec")
PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": _TEMPLATE,
    "StatefulSet": _TEMPLATE,
    "DaemonSet": _TEMPLATE,
    "ReplicaSet": _TEMPLATE,
    "ReplicationController": _TEMPLATE,
    "Job": _TEMPLATE,
    "CronJob": ("spec", "jobTemplate", *_TEMPLATE),
    "Pod": ("spec",),
}
_LISTS: Final = (
    ("initContainers", "init"), ("containers", "container"), ("ephemeralContainers", "ephemeral"),
)  # fmt: skip


class Container(NamedTuple):
    """A container and the image that it is to run; ``container``, ``init`` or ``ephemeral``."""

    name: str
    image: str
    kind: str


def pod_spec_of(item: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The spec of the pods that an object of a kind makes; None for one that makes none.

    Raises Malformed for one that has no such spec.
    """
    path = PATHS.get(kind)
    return None if path is None else spec_at(item, path)


def spec_at(item: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    """The spec of the pods of an object, by its path. Raises Malformed if there is none."""
    found: Any = item
    for key in path:
        found = found.get(key)
        if not isinstance(found, dict):
            raise Malformed("a workload without its pods", where=".".join(path))
    made: Mapping[str, Any] = found
    return made


def containers_of(pods: Mapping[str, Any], *, where: str = "") -> Iterator[Container]:
    """All kinds of containers of a pod. Raises Malformed for one without a name or an image."""
    for key, kind in _LISTS:
        for number, container in enumerate(get_array(pods, key, where=where)):
            place = f"{where}.{key}[{number}]" if where else f"{key}[{number}]"
            if not isinstance(container, dict):
                raise Malformed("not a container", where=place, got=type(container).__name__)
            name, image = container.get("name"), container.get("image")
            if not isinstance(name, str) or not isinstance(image, str) or not image:
                raise Malformed("a container without a name or an image", where=place)
            yield Container(name, image, kind)
