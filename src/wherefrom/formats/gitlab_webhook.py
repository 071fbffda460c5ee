"""GitLab's webhooks: what was pushed, merged, run and deployed.

    {"object_kind": "push" | "tag_push"}      change
    {"object_kind": "merge_request"}          change, once ``merged``
    {"object_kind": "deployment"}             deployment; State once ``success``
    {"object_kind": "pipeline"}               run

Times are written in three ways, none of them RFC 3339: ``2026-01-01 10:00:00 UTC``, with an offset
instead, and ``2026-01-01T10:00:00Z``.

Sizes:  2,048 commits a push; GitLab sends 20
Source: GitLab, "Webhook events"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.formats import timestamps
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.forge import Forge, commits_of
from wherefrom.formats.states import Scope
from wherefrom.formats.strict_json import (
    get_object,
    get_string,
    need_object,
    need_string,
)

_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) (?:UTC|([+-]\d\d):?(\d\d))")
_COMMIT_PAGE = re.compile(r".*/commits?/([0-9a-f]{40}(?:[0-9a-f]{24})?)")


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be a webhook of GitLab that is read."""
    kind = document.get("object_kind")
    return isinstance(kind, str) and kind in _READ and "project" in document


def facts(document: Mapping[str, Any], *, document_id: str, given: Scope = ANYWHERE) -> Facts:
    """What the webhook tells.

    given  where it is of; a deployment names its environment itself

    Raises Malformed.
    """
    builder = FactsBuilder(document=document_id)
    project = need_object(document, "project")
    name = need_string(project, "path_with_namespace", where="project")
    forge = Forge(builder, "gitlab", need_string(project, "web_url", where="project"), name)
    event = need_string(document, "object_kind")
    builder.node(document_id, "event", event, {"format": "GitLab"})
    builder.edge(document_id, "describes", forge.url)
    time = _READ[event](forge, document, given)
    return builder.build(kind="change", type=f"com.gitlab.{event}", occurred=time)


def _time(text: str | None, where: str) -> str | None:
    if text is None:
        return None
    match = _TIME.fullmatch(text)
    if match is not None:
        offset = f"{match[3]}:{match[4]}" if match[3] else "Z"
        text = f"{match[1]}T{match[2]}{offset}"
    return timestamps.canonical(text, where=where)


def _push(forge: Forge, document: Mapping[str, Any], _: Scope) -> str | None:
    commits = commits_of(document)
    last = get_string(commits[-1], "timestamp", where="commits") if commits else None
    time = _time(last, "commits.timestamp")
    forge.push(
        document,
        titles=("title", "message"),
        forced=False,
        by=get_string(document, "user_username") or get_string(document, "user_name"),
        time=time,
    )
    return time


def _user(document: Mapping[str, Any]) -> str | None:
    return get_string(get_object(document, "user"), "username", where="user")


def _merge_request(forge: Forge, document: Mapping[str, Any], _: Scope) -> str | None:
    request = need_object(document, "object_attributes")
    inside = "object_attributes"
    time = _time(
        get_string(request, "merged_at", where=inside)
        or get_string(request, "updated_at", where=inside),
        inside,
    )
    if request.get("state") != "merged" or request.get("action") not in (None, "merge"):
        return time
    number = request.get("iid")
    if isinstance(number, bool) or not isinstance(number, int):
        raise Malformed("a field has the wrong type", where=f"{inside}.iid", got=number)
    forge.merge(
        number=number,
        title=get_string(request, "title", where=inside),
        base=get_string(request, "target_branch", where=inside),
        head=get_string(get_object(request, "last_commit"), "id", where=inside),
        merged=get_string(request, "merge_commit_sha", where=inside)
        or get_string(request, "squash_commit_sha", where=inside),
        by=_user(document),
        time=time,
    )
    return time


def _deployment(forge: Forge, document: Mapping[str, Any], given: Scope) -> str | None:
    status = need_string(document, "status")
    environment = get_string(document, "environment")
    time = _time(get_string(document, "status_changed_at"), "status_changed_at")
    # The whole name of the commit stands only in the address of its page.
    page = _COMMIT_PAGE.fullmatch(get_string(document, "commit_url") or "")
    forge.deployment(
        id=str(document.get("deployment_id")),
        status=status,
        succeeded=status == "success",
        where=given._replace(environment=environment or given.environment),
        artifact=None,
        commit=forge.commit(page[1], where="commit_url") if page else None,
        by=_user(document),
        time=time,
    )
    return time


def _pipeline(forge: Forge, document: Mapping[str, Any], _: Scope) -> str | None:
    pipeline = need_object(document, "object_attributes")
    inside = "object_attributes"
    time = _time(
        get_string(pipeline, "finished_at", where=inside)
        or get_string(pipeline, "created_at", where=inside),
        inside,
    )
    url = get_string(pipeline, "url", where=inside)
    page = need_string(need_object(document, "project"), "web_url", where="project")
    forge.run(
        url or f"{page}/-/pipelines/{pipeline.get('id')}",
        f"pipeline {pipeline.get('iid', pipeline.get('id'))} of {forge.name}",
        commit=forge.commit(get_string(pipeline, "sha"), where=f"{inside}.sha"),
        by=_user(document),
        properties={
            "status": get_string(pipeline, "status"), "event": get_string(pipeline, "source"),
            "ref": get_string(pipeline, "ref"),
        },
    )  # fmt: skip
    return time


_READ: Final[Mapping[str, Callable[[Forge, Mapping[str, Any], Scope], str | None]]] = {
    "push": _push,
    "tag_push": _push,
    "merge_request": _merge_request,
    "deployment": _deployment,
    "pipeline": _pipeline,
}
