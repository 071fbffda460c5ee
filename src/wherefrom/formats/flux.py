"""Flux's notification-controller: what a controller of Flux fetched, applied, or could not.

    {"involvedObject": {kind, namespace, name}, "reason", "severity", "metadata": {revision}, …}
        ├ Kustomization, HelmRelease applied   deployment, State(declared, resource, what it is of)
        ├ … uninstalled                        the state ended
        └ all else (fetched, failed, drifted)  change

Metadata is spelled with or without the group of the controller before it. A revision is
``main@sha1:…`` or ``tag@sha256:…``, before Flux 2 ``main/…``; of a chart it is a version.

Source: Flux, "Events" of notification.toolkit.fluxcd.io/v1 and event.toolkit.fluxcd.io/v1beta1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from wherefrom.formats import changes, timestamps
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.digests import commit_id, strong_id
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.states import DECLARED, Scope, State
from wherefrom.formats.strict_json import get_object, get_string, need_object, need_string

_GROUP: Final = ".toolkit.fluxcd.io"
_APPLIERS: Final = frozenset({"Kustomization", "HelmRelease"})
_APPLIED: Final = frozenset(
    {"ReconciliationSucceeded", "InstallSucceeded", "UpgradeSucceeded", "RollbackSucceeded"}
)
_GONE: Final = frozenset({"UninstallSucceeded"})
_REVISION: Final = re.compile(r"(?P<ref>.*)@(?P<algorithm>sha1|sha256|sha384|sha512):(?P<hex>.+)")


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be an event of Flux."""
    if not document.keys() >= {"involvedObject", "reason", "reportingController"}:
        return False
    involved = document["involvedObject"]
    return isinstance(involved, dict) and _GROUP in str(involved.get("apiVersion", _GROUP))


def facts(document: Mapping[str, Any], *, document_id: str, given: Scope = ANYWHERE) -> Facts:
    """What one event says; ``given`` is where it is of. Raises Malformed."""
    involved = need_object(document, "involvedObject")
    kind = need_string(involved, "kind", where="involvedObject")
    name = need_string(involved, "name", where="involvedObject")
    namespace = get_string(involved, "namespace", where="involvedObject") or "default"
    address = f"{kind}/{namespace}/{name}"
    reason = need_string(document, "reason")
    time = timestamps.canonical(need_string(document, "timestamp"), where="timestamp")
    told = _metadata(document)
    builder = FactsBuilder(document=document_id)
    builder.node(document_id, "event", reason, {"format": "Flux"})
    succeeded = get_string(document, "severity") != "error"
    is_applied = kind in _APPLIERS and reason in _APPLIED and succeeded
    scope = _scope(given, kind, name)
    change = changes.add_change(
        builder, changes.change_id("flux", f"{address}@{time}"), f"{reason} of {address}",
        where=scope, kind="deployment" if is_applied else "change",
        by=changes.add_who(builder, f"system:{_controller(document)}", system="flux"),
        properties={
            "reason": reason, "severity": get_string(document, "severity"), "time": time,
            "revision": told.get("revision"), "app_version": told.get("app-version"),
            "said": changes.public_name(changes.shown(get_string(document, "message") or ""))
            or None,
        },
    )  # fmt: skip
    made_of = _made_of(builder, told)
    for node in made_of:
        builder.edge(change, "deploys" if is_applied else "used", node)
    if is_applied:
        revision = told.get("revision")
        value = made_of[0] if made_of else revision
        if value is not None:
            builder.state(State(DECLARED, scope, "resource", address, value, revision, at=time))
    elif kind in _APPLIERS and reason in _GONE and succeeded:
        builder.state(State(DECLARED, scope, "resource", address, None, at=time))
    return builder.build(kind="change", type=f"flux.{kind}", occurred=time)


def _scope(given: Scope, kind: str, name: str) -> Scope:
    """A release is a service, if nothing else is said to be."""
    return given if given.service or kind != "HelmRelease" else given._replace(service=name)


def _controller(document: Mapping[str, Any]) -> str:
    return get_string(document, "reportingController") or "flux"


def _metadata(document: Mapping[str, Any]) -> dict[str, str]:
    """The metadata by its bare keys; one that has no group wins."""
    found: dict[str, str] = {}
    said = get_object(document, "metadata")
    for key in sorted(said, key=lambda key: "/" not in key):
        text = get_string(said, key, where="metadata")
        if text:
            found[key.rpartition("/")[2]] = text
    return found


def _made_of(builder: FactsBuilder, told: Mapping[str, str]) -> list[str]:
    """What the revision names: a commit, or the digest of an artifact or chart."""
    found = []
    for key in ("revision", "originRevision", "oci-digest"):
        node = _named(builder, told.get(key))
        if node is not None and node not in found:
            found.append(node)
    return found


def _named(builder: FactsBuilder, revision: str | None) -> str | None:
    if revision is None:
        return None
    match = _REVISION.fullmatch(revision if "@" in revision else f"@{revision}")
    if match is None:
        branch, _, sha = revision.rpartition("/")
        commit = commit_id(sha) if branch else None
        return builder.node(commit, "commit", None, {"ref": branch}) if commit else None
    if match["algorithm"] == "sha1":
        commit = commit_id(match["hex"])
        ref = {"ref": match["ref"] or None}
        return builder.node(commit, "commit", None, ref) if commit else None
    digest = strong_id(match["algorithm"], match["hex"])
    return builder.node(digest, "artifact") if digest else None
