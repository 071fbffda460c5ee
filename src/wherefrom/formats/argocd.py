"""Argo CD: an application as its notifications send it, what it was synced to and by whom.

    {"app": {{toJson .app}}, …} or the Application itself
        ├ spec.source(s), status.sync      where it comes from, and whether that is what there is
        ├ status.operationState Succeeded  deployment, State(declared, resource, commit or version)
        │                                  and of an application of one image its artifact
        └ … Failed, Error, Running, or deleted   change

Notifications of Argo CD have no body of their own, a template makes it: one that sends the
application whole needs no more than ``{"app": {{toJson .app}}}``.

Sizes:  100 sources an application
Source: Argo CD, argoproj.io/v1alpha1 Application; "Notifications", "Webhook"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wherefrom.formats import changes, timestamps
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.descriptors import public_id
from wherefrom.formats.digests import commit_id, git_place
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.states import DECLARED, Scope, State
from wherefrom.formats.strict_json import (
    as_object,
    as_string,
    get_array,
    get_object,
    get_string,
    need_object,
    need_string,
)

SOURCES_MAX: Final = 100
GROUP: Final = "argoproj.io/"


class _App(NamedTuple):
    body: Mapping[str, Any]
    where: str
    address: str
    name: str
    scope: Scope


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be an application of Argo CD, or a notification around one."""
    return _is_app(document) or _is_app(document.get("app"))


def _is_app(said: object) -> bool:
    if not isinstance(said, dict):
        return False
    if said.get("kind") == "Application":
        return str(said.get("apiVersion", "")).startswith(GROUP)
    # Templates may send what lies under ``app`` without its kind.
    return "kind" not in said and said.keys() >= {"metadata", "spec", "status"}


def facts(document: Mapping[str, Any], *, document_id: str, given: Scope = ANYWHERE) -> Facts:
    """What the application says of its last operation; ``given`` is where it is of.

    Raises Malformed.
    """
    app = _app(document, given)
    operation = get_object(get_object(app.body, "status"), "operationState")
    phase = get_string(operation, "phase") or "Unknown"
    time = _time(operation, app)
    builder = FactsBuilder(document=document_id)
    builder.node(document_id, "event", phase, {"format": "Argo CD"})
    status = get_object(app.body, "status", where=app.where)
    change = changes.add_change(
        builder, changes.change_id("argocd", f"{app.address}@{time}"),
        f"sync of {app.address}: {phase}", where=app.scope,
        kind="deployment" if phase == "Succeeded" else "change",
        by=_who(builder, operation),
        properties={
            "phase": phase, "time": time, "said": _said(operation),
            "sync": get_string(get_object(status, "sync"), "status"),
            "health": get_string(get_object(status, "health"), "status"),
        },
    )  # fmt: skip
    succeeded = phase == "Succeeded"
    revisions = _revisions(operation, status)
    value = None
    for at, source in enumerate(_sources(app)):
        revision = revisions[at] if at < len(revisions) else None
        node = _came_from(builder, source, revision, where=f"{app.where}spec.sources[{at}]")
        if node is not None:
            builder.edge(change, "deploys" if succeeded else "used", node)
        value = value or node or revision
    if succeeded and value is not None:
        said = revisions[0] if revisions else None
        builder.state(State(DECLARED, app.scope, "resource", app.address, value, said, at=time))
    _images(builder, app, change, time, is_state=succeeded and _is_synced(status))
    return builder.build(kind="change", type="argocd.application", occurred=time)


def _app(document: Mapping[str, Any], given: Scope) -> _App:
    where, body = "", document
    if not _is_app(document):
        where, body = "app.", need_object(document, "app")
    metadata = need_object(body, "metadata", where=where[:-1])
    name = need_string(metadata, "name", where=f"{where}metadata")
    namespace = get_string(metadata, "namespace", where=f"{where}metadata") or "argocd"
    scope = given if given.service else given._replace(service=name)
    return _App(body, where, f"Application/{namespace}/{name}", name, scope)


def _time(operation: Mapping[str, Any], app: _App) -> str | None:
    for key in ("finishedAt", "startedAt"):
        said = get_string(operation, key)
        if said is not None:
            return timestamps.canonical(said, where=f"{app.where}status.operationState.{key}")
    return None


def _said(operation: Mapping[str, Any]) -> str | None:
    message = get_string(operation, "message")
    return changes.public_name(changes.shown(message)) if message else None


def _who(builder: FactsBuilder, operation: Mapping[str, Any]) -> str | None:
    by = get_object(get_object(operation, "operation"), "initiatedBy")
    automated = "system:automated" if by.get("automated") is True else None
    return changes.add_who(builder, get_string(by, "username") or automated, system="argocd")


def _sources(app: _App) -> list[dict[str, Any]]:
    where = f"{app.where}spec"
    spec = get_object(app.body, "spec", where=app.where[:-1])
    listed = get_array(spec, "sources", where=where)[:SOURCES_MAX]
    if not listed:
        return [get_object(spec, "source", where=where)]
    return [as_object(one, where=f"{where}.sources[{at}]") for at, one in enumerate(listed)]


def _revisions(operation: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    """What each source was synced to: as the operation says, else as the comparison does."""
    for said in (get_object(operation, "syncResult"), get_object(status, "sync")):
        listed = get_array(said, "revisions")
        if listed:
            return [as_string(one, where="revisions") for one in listed]
        one = get_string(said, "revision")
        if one is not None:
            return [one]
    return []


def _came_from(
    builder: FactsBuilder, source: Mapping[str, Any], revision: str | None, *, where: str
) -> str | None:
    """The node of a source's commit; a chart is known by its version alone."""
    url = get_string(source, "repoURL", where=where)
    chart = get_string(source, "chart", where=where)
    place = git_place(url if url.endswith(".git") else f"{url}.git") if url and not chart else None
    repository = place.repository if place else public_id(url) if url else None
    if repository is not None:
        builder.node(repository, "source", repository.partition("://")[2] or repository)
    commit = commit_id(revision) if revision and not chart else None
    if commit is None:
        return None
    builder.node(commit, "commit", None, {"ref": get_string(source, "targetRevision")})
    if repository is not None:
        builder.edge(commit, "specializes", repository)
    return commit


def _is_synced(status: Mapping[str, Any]) -> bool:
    return get_string(get_object(status, "sync"), "status") == "Synced"


def _images(
    builder: FactsBuilder, app: _App, change: str, time: str | None, *, is_state: bool
) -> None:
    """The images that the application has; while old and new run side by side it has both."""
    where = f"{app.where}status.summary.images"
    summary = get_object(get_object(app.body, "status"), "summary", where=where)
    listed = get_array(summary, "images", where=where)
    images = [as_string(one, where=f"{where}[{at}]") for at, one in enumerate(listed)]
    for image in images:
        value = changes.add_image(builder, image)
        if value.startswith("sha"):
            builder.edge(change, "deploys", value)
    if is_state and len(images) == 1:
        builder.state(changes.artifact(builder, app.scope, "", images[0], at=time))
