"""Which resources a cloud lists, by the names that the cloud gives them.

    AWS     aws resourcegroupstaggingapi get-resources   {"ResourceTagMappingList": [{"ResourceARN"}]}
    Google  gcloud asset export, a JSON object a line     {"name": "//compute…", "assetType": …}
    Azure   az graph query                                {"data": [{"id": "/subscriptions/…"}]}

Names of Azure are the same in any case, so both the spelling that is listed and one in lower case are
looked for. Tags and labels say which service a resource is of; nothing else of it is kept.

Sizes:  those of ``inventory``
Source: docs.aws.amazon.com, GetResources; cloud.google.com, Asset; learn.microsoft.com, Resource Graph
"""  # noqa: E501 - names of pages

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.formats.inventory import Inventory, Listed, check, documents, objects, text_of

# Tags and labels that say which service a resource is of, the best first, in lower case.
_TAGS: Final = ("wherefrom-service", "service", "app", "application", "component", "name")


def read(written: bytes, *, source: str, taken: str) -> Inventory:
    """Read an answer that was saved. Raises Malformed for what no cloud writes."""
    listed: dict[str, Listed] = {}
    covers: dict[str, None] = {}
    for document in documents(written, where=source):
        for item in objects(document, "ResourceTagMappingList", "data", "assets", "value"):
            one, account = _resource(item, source)
            listed.setdefault(one.id, one)
            covers[account] = None
    return check(Inventory(
        kind="cloud", source=source, taken=taken, listed=tuple(listed.values()),
        covers=tuple(covers),
    ), where=source)  # fmt: skip


def _resource(item: Mapping[str, Any], source: str) -> tuple[Listed, str]:
    """A resource, and how the names of all that is in its account begin."""
    if arn := text_of(item, "ResourceARN"):
        parts = arn.split(":", 5)
        if parts[0] != "arn" or len(parts) < 6:
            raise Malformed("not a name of AWS", where=source, got=arn[:80], expected="arn:…")
        where = ":".join(parts[3:5]).strip(":")
        return _listed(arn, where, parts[2], _aws_tags(item)), ":".join(parts[:3])
    name = text_of(item, "name")
    if name.startswith("//") and text_of(item, "assetType", "asset_type"):
        where = "/".join(name.split("/")[3:5])
        return (
            _listed(name, where, text_of(item, "assetType", "asset_type"), _google_labels(item)),
            "/".join(name.split("/")[:3]),
        )
    id = text_of(item, "id")
    if id.lower().startswith("/subscriptions/"):
        where = text_of(item, "resourceGroup") or "/".join(id.split("/")[:3])
        tags = item.get("tags")
        found = tags if isinstance(tags, dict) else {}
        made = _listed(id, where, text_of(item, "type"), found.items(), lower=id.lower())
        return made, "/".join(id.lower().split("/")[:3])
    raise Malformed(
        "not a resource of a cloud that is read here", where=source,
        expected="ResourceARN (AWS), name and assetType (Google), or id (Azure)",
        got=" ".join(sorted(item))[:80],
    )  # fmt: skip


def _listed(id: str, where: str, type: str, tags: Any, *, lower: str | None = None) -> Listed:
    said = {
        key.lower(): value for key, value in tags if isinstance(key, str) and isinstance(value, str)
    }
    service = next((said[key] for key in _TAGS if said.get(key)), "")
    return Listed(
        what="resource", id=id, where=where, says=type, service=service,
        names=(lower,) if lower and lower != id else (),
    )  # fmt: skip


def _aws_tags(item: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    tags = item.get("Tags")
    for tag in tags if isinstance(tags, list) else []:
        if isinstance(tag, dict):
            yield tag.get("Key"), tag.get("Value")


def _google_labels(item: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    resource = item.get("resource")
    data = resource.get("data") if isinstance(resource, dict) else None
    labels = data.get("labels") if isinstance(data, dict) else item.get("labels")
    yield from labels.items() if isinstance(labels, dict) else ()
