"""What a cluster runs: each container of each pod, by the digest that was pulled.

    kubectl get pods -A -o json ──► items ──► status.containerStatuses[].imageID ──► image@sha256:…

A container that has not started has no digest yet, and one that ended runs no more: both are left out
and counted. A runtime that gives no digest but the id of an image's config says less, and is named so.

Sizes:  those of ``inventory``
Source: core/v1, PodStatus and ContainerStatus
"""  # noqa: E501 - the picture

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.formats.inventory import Inventory, Listed, check, documents, objects, text_of

_DIGEST: Final = re.compile(r"(?:^|[@/:])(sha256:[0-9a-f]{64})$")
# Labels that say which service a pod is of, the best first.
_LABELS: Final = (
    "backstage.io/kubernetes-id", "app.kubernetes.io/name", "k8s-app", "app",
)  # fmt: skip
_STATUSES: Final = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


def read(written: bytes, *, source: str, taken: str, environment: str = "") -> Inventory:
    """Read pods as ``kubectl`` prints them. Raises Malformed for anything else."""
    listed: dict[tuple[str, str, str], Listed] = {}
    left_out: Counter[str] = Counter()
    for document in documents(written, where=source):
        kind = document.get("kind") if isinstance(document, dict) else None
        if kind not in ("List", "PodList", "Pod"):
            raise Malformed(
                "not a list of pods", where=source, got=str(kind)[:40],
                expected="what kubectl get pods -A -o json prints",
            )  # fmt: skip
        for pod in objects(document, "items"):
            if pod.get("kind", "Pod") != "Pod":
                left_out["not a pod"] += 1
                continue
            for one, why in _containers(pod):
                if one is None:
                    left_out[why] += 1
                else:
                    listed.setdefault((one.where, one.id, one.says), one)
    return check(Inventory(
        kind="cluster", source=source, taken=taken, listed=tuple(listed.values()),
        covers=(environment or source,), environment=environment,
        left_out=dict(sorted(left_out.items())),
    ), where=source)  # fmt: skip


def _containers(pod: Mapping[str, Any]) -> list[tuple[Listed | None, str]]:
    metadata, status = (_object(pod, key) for key in ("metadata", "status"))
    place = f"{text_of(metadata, 'namespace') or 'default'}/{text_of(metadata, 'name')}"
    labels = _object(metadata, "labels")
    service = next((text for key in _LABELS if (text := text_of(labels, key))), "")
    service = service or _workload(metadata)
    found: list[tuple[Listed | None, str]] = []
    for key in _STATUSES:
        statuses = status.get(key)
        for container in statuses if isinstance(statuses, list) else []:
            if isinstance(container, dict):
                found.append(_container(container, place, service))
    return found


def _container(container: Mapping[str, Any], place: str, service: str) -> tuple[Listed | None, str]:
    if not isinstance(_object(container, "state").get("running"), dict):
        return None, "does not run"
    image_id, image = text_of(container, "imageID"), text_of(container, "image")
    match = _DIGEST.search(image_id)
    if match is None:
        return None, "no digest"
    return Listed(
        what="container", id=match[1], where=place, says=image or image_id,
        names=tuple(dict.fromkeys(filter(None, (image, image_id)))), service=service,
        at=text_of(_object(_object(container, "state"), "running"), "startedAt"),
    ), ""  # fmt: skip


def _workload(metadata: Mapping[str, Any]) -> str:
    """The name of what made a pod; of a replica set without the hash at its end."""
    owners = metadata.get("ownerReferences")
    for owner in owners if isinstance(owners, list) else []:
        if isinstance(owner, dict) and owner.get("controller") is True:
            name = text_of(owner, "name")
            return name.rpartition("-")[0] if owner.get("kind") == "ReplicaSet" else name
    return ""


def _object(parent: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = parent.get(key)
    return found if isinstance(found, dict) else {}
