"""Kubernetes manifests as a declaration: what each workload is to run, and how many of it.

    YAML ──documents──► workloads ──containers, replicas──► states ──► prov-estate.declared

A document that cannot be read is named and left out; the others count. Their order and their
comments do not matter. A ``List`` is its items.

Sizes:  64 MiB of text · DOCUMENTS_MAX documents
Source: Kubernetes API v1.30, apps/v1, batch/v1, core/v1
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Refused
from wherefrom.formats import yaml_text
from wherefrom.formats.manifest_pods import containers_of, pod_spec_of

DOCUMENTS_MAX: Final = 20_000
_BETWEEN: Final = re.compile(r"^---.*$", re.MULTILINE)


class Unread(NamedTuple):
    """A document that says nothing we know how to read, by its number from 1, and why."""

    number: int
    why: str


class Declared(NamedTuple):
    """The states of a manifest, as ``prov-estate`` writes them, and what could not be read."""

    states: list[dict[str, Any]]
    unread: list[Unread]


def declared(text: str) -> Declared:
    """What a manifest declares. Raises LimitPassed."""
    states: list[dict[str, Any]] = []
    unread: list[Unread] = []
    for number, found in _documents(text):
        if isinstance(found, str):
            unread.append(Unread(number, found))
            continue
        for item in _items(found):
            try:
                states += _workload(item)
            except Refused as error:
                unread.append(Unread(number, str(error)))
    return Declared(states, unread)


def _documents(text: str) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """Each document, or why it cannot be read. Split by hand: one that is broken ends no other."""
    import yaml  # late: only manifests are YAML

    parts = _BETWEEN.split(text)
    if len(parts) > DOCUMENTS_MAX:
        raise LimitPassed("too many documents", expected=f"{DOCUMENTS_MAX}", got=len(parts))
    for number, part in enumerate(parts, 1):
        try:
            yaml_text.need_shallow(part, where=f"document {number}")
            document = yaml.load(part, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError as error:
            yield number, " ".join(str(error).split())
            continue
        except Refused as error:
            yield number, str(error)
            continue
        if isinstance(document, dict):
            yield number, document
        elif document is not None:
            yield number, f"not an object of Kubernetes: {type(document).__name__}"


def _items(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            if isinstance(item, dict):
                yield item
    else:
        yield document


def _workload(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    kind = str(item.get("kind"))
    pods = pod_spec_of(item, kind)
    if pods is None:
        return
    metadata = item.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    scope = {"service": str(name or "")}
    namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
    told = {"workload": kind, **({"namespace": str(namespace)} if namespace else {})}
    for container in containers_of(pods):
        yield {
            "slot": "artifact",
            "name": container.name,
            "value": container.image,
            "says": container.image,
            "scope": scope,
            "properties": {**told, **({"init": True} if container.kind == "init" else {})},
        }
    spec = item["spec"]
    if isinstance(spec.get("replicas"), int) and not isinstance(spec["replicas"], bool):
        yield {"slot": "scale", "value": spec["replicas"], "scope": scope, "properties": told}
