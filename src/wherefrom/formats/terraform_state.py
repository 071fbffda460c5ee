"""Terraform's own file of state, version 4, as ``terraform show -json`` would tell it.

    {"version": 4, "lineage", "serial", "resources": [{"module", "type", "name", "instances": […]}]}
        each instance ──► {"address", "type", …, "values", "sensitive_values"}
        data sources, outputs, what a provider keeps for itself (``private``) ──► left out

Which values are sensitive is a list of paths there, and only what was marked while it was written:
a provider's own marks are missing in old files. So a file of state is never a record as it is.

Source: Terraform, internal/states/statefile (version4.go); OpenTofu writes the same, unless it
encrypts the file
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats.strict_json import (
    as_array,
    as_object,
    get_array,
    get_object,
    get_string,
    need_array,
    need_string,
)

VERSION: Final = 4
_PROVIDER: Final = re.compile(r'(?:module\..+\.)?provider\["([^"]+)"\](?:\..+)?')


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be a file of state, of whatever version, or an encrypted one."""
    if "format_version" in document or "version" not in document:
        return False
    return document.keys() >= {"lineage", "serial"} or "encrypted_data" in document


def shown(document: Mapping[str, Any]) -> dict[str, Any]:
    """A file of state in the format of ``terraform show -json``.

    Raises Unsupported for another version, or one that OpenTofu encrypted; Malformed.
    """
    if "encrypted_data" in document:
        raise Unsupported(
            "an encrypted file of state", where="encrypted_data",
            do="Give what tofu show -json writes, which can decrypt it",
        )  # fmt: skip
    if document.get("version") != VERSION or isinstance(document["version"], bool):
        raise Unsupported(
            "a file of state of another version", where="version", expected=str(VERSION),
            got=document.get("version"), do="Give what terraform show -json writes",
        )  # fmt: skip
    resources = [
        instance
        for at, one in enumerate(get_array(document, "resources"))
        for instance in _instances(as_object(one, where=f"resources[{at}]"), f"resources[{at}]")
    ]
    return {
        "format_version": "1.0",
        "terraform_version": get_string(document, "terraform_version"),
        "lineage": need_string(document, "lineage"),
        "serial": document.get("serial"),
        "values": {"root_module": {"resources": resources}},
    }


def _instances(resource: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
    mode = need_string(resource, "mode", where=where)
    if mode != "managed":
        return
    type, name = (need_string(resource, key, where=where) for key in ("type", "name"))
    module = get_string(resource, "module", where=where)
    said = get_string(resource, "provider", where=where) or ""
    provider = _PROVIDER.fullmatch(said)
    for at, one in enumerate(need_array(resource, "instances", where=where)):
        place = f"{where}.instances[{at}]"
        instance = as_object(one, where=place)
        if instance.get("deposed") is not None:  # it is being replaced, and will go
            continue
        key = "attributes" if "attributes_flat" not in instance else "attributes_flat"
        yield {
            "address": ".".join(filter(None, (module, type, name))) + _index(instance, place),
            "mode": mode, "type": type, "name": name,
            "provider_name": provider[1] if provider else said or None,
            "values": dict(get_object(instance, key, where=place)),
            "sensitive_values": _marks(instance, place),
        }  # fmt: skip


def _index(instance: Mapping[str, Any], where: str) -> str:
    key = instance.get("index_key")
    if key is None:
        return ""
    if isinstance(key, str | int) and not isinstance(key, bool):
        return f"[{json.dumps(key, ensure_ascii=False)}]"
    raise Malformed(
        "a field has the wrong type", where=f"{where}.index_key",
        expected="a string or an integer", got=key,
    )  # fmt: skip


def _marks(instance: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Paths as the marks that stand beside values. A path through a list or set marks all of it:
    a set has no order to count by."""
    marks: dict[str, Any] = {}  # name → True, or what is marked in it
    for at, path in enumerate(get_array(instance, "sensitive_attributes", where=where)):
        place = f"{where}.sensitive_attributes[{at}]"
        names: list[str] = []
        for step in as_array(path, where=place):
            said = as_object(step, where=place).get("value")
            if isinstance(said, dict):  # an index, with its type
                said = said.get("value")
            if not isinstance(said, str):
                break
            names.append(said)
        if not names:
            raise Malformed("a path to no attribute", where=place, got=str(path)[:80])
        inner: Any = marks
        for name in names[:-1]:
            inner = inner.setdefault(name, {})
            if inner is True:
                break
        else:
            inner[names[-1]] = True
    return marks
