"""GitHub's webhooks: what was pushed, merged, released, run and deployed.

    {"repository", "sender", …, and what it is about}
        ├ ref, before, after          push                 change
        ├ pull_request                merged               change; others only the repository
        ├ deployment_status           what is deployed     deployment; State once ``success``
        ├ deployment                  what is to be        deployment
        ├ workflow_run                                     run
        └ release                     published            change

The body does not name its event, the header ``X-GitHub-Event`` does; what it is about stands in
it under that name all the same.

Sizes:  2,048 commits a push
Source: GitHub, "Webhook events and payloads"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from wherefrom.formats import changes, timestamps
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.forge import Forge
from wherefrom.formats.states import Scope
from wherefrom.formats.strict_json import (
    get_object,
    get_string,
    need_object,
    need_string,
)

_IMAGES: Final = ("image", "artifact", "container_image")


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be a webhook of GitHub: by its repository, as GitHub describes it."""
    repository = document.get("repository")
    if not isinstance(repository, dict) or "sender" not in document:
        return False
    return repository.keys() >= {"full_name", "html_url"} and event_of(document) is not None


def event_of(document: Mapping[str, Any]) -> str | None:
    """The name of the event, by what the body has; None for one that is not read."""
    if "ref" in document and "before" in document and "after" in document:
        return "push"
    # A deployment_status has the deployment beside it, and may have the run and the request too.
    return next((name for name in _READ if name in document), None)


def facts(document: Mapping[str, Any], *, document_id: str, given: Scope = ANYWHERE) -> Facts:
    """What the webhook tells.

    given  where it is of; a deployment names its environment itself

    Raises Malformed.
    """
    builder = FactsBuilder(document=document_id)
    repository = need_object(document, "repository")
    name = need_string(repository, "full_name", where="repository")
    forge = Forge(builder, "github", need_string(repository, "html_url", where="repository"), name)
    event = event_of(document)
    assert event is not None
    action = get_string(document, "action")
    builder.node(document_id, "event", event, {"format": "GitHub", "action": action})
    builder.edge(document_id, "describes", forge.url)
    time = _push(forge, document) if event == "push" else _READ[event](forge, document, given)
    return builder.build(kind="change", type=f"com.github.{event}", occurred=time)


def _login(parent: Mapping[str, Any], key: str) -> str | None:
    return get_string(get_object(parent, key), "login", where=key)


def _time(parent: Mapping[str, Any], *keys: str, where: str) -> str | None:
    for key in keys:
        said = get_string(parent, key, where=where)
        if said is not None:
            return timestamps.canonical(said, where=f"{where}.{key}")
    return None


def _push(forge: Forge, document: Mapping[str, Any]) -> str | None:
    pushed = need_object(document, "repository").get("pushed_at")
    head = get_object(document, "head_commit")
    time = _time(head, "timestamp", where="head_commit")
    if isinstance(pushed, int) and not isinstance(pushed, bool):
        time = timestamps.canonical(timestamps.of_posix(pushed), where="repository.pushed_at")
    forge.push(
        document,
        titles=("message",),
        forced=document.get("forced") is True,
        by=_login(document, "sender") or get_string(get_object(document, "pusher"), "name"),
        time=time,
    )
    return time


def _pull_request(forge: Forge, document: Mapping[str, Any], _: Scope) -> str | None:
    request = need_object(document, "pull_request")
    time = _time(request, "merged_at", "updated_at", where="pull_request")
    number = request.get("number", document.get("number"))
    merged = request.get("merged") is True or request.get("merged_at") is not None
    if document.get("action") != "closed" or not merged or not isinstance(number, int):
        return time
    head, base = get_object(request, "head"), get_object(request, "base")
    forge.merge(
        number=number,
        title=get_string(request, "title"),
        base=get_string(base, "ref", where="pull_request.base"),
        head=get_string(head, "sha", where="pull_request.head"),
        merged=get_string(request, "merge_commit_sha", where="pull_request"),
        by=_login(request, "merged_by") or _login(document, "sender"),
        time=time,
    )
    return time


def _deployment_status(forge: Forge, document: Mapping[str, Any], given: Scope) -> str | None:
    status = need_object(document, "deployment_status")
    time = _time(status, "created_at", "updated_at", where="deployment_status")
    state = need_string(status, "state", where="deployment_status")
    return _deployed(forge, document, given, state, time, _login(status, "creator"))


def _deployment(forge: Forge, document: Mapping[str, Any], given: Scope) -> str | None:
    deployment = need_object(document, "deployment")
    time = _time(deployment, "created_at", where="deployment")
    return _deployed(forge, document, given, "requested", time, None)


def _deployed(
    forge: Forge,
    document: Mapping[str, Any],
    given: Scope,
    status: str,
    time: str | None,
    by: str | None,
) -> str | None:
    deployment = need_object(document, "deployment")
    environment = get_string(deployment, "environment", where="deployment")
    payload = deployment.get("payload")
    told = payload if isinstance(payload, dict) else {}
    image = next((told[key] for key in _IMAGES if isinstance(told.get(key), str)), None)
    forge.deployment(
        id=str(deployment.get("id")),
        status=status,
        succeeded=status == "success",
        where=given._replace(environment=environment or given.environment),
        artifact=image,
        commit=forge.commit(get_string(deployment, "sha"), where="deployment.sha"),
        by=_login(deployment, "creator") or by or _login(document, "sender"),
        time=time,
    )
    return time


def _workflow_run(forge: Forge, document: Mapping[str, Any], _: Scope) -> str | None:
    run = need_object(document, "workflow_run")
    time = _time(run, "updated_at", "created_at", where="workflow_run")
    attempt = run.get("run_attempt", 1)
    forge.run(
        f"{need_string(run, 'html_url', where='workflow_run')}/attempts/{attempt}",
        get_string(run, "name") or "workflow",
        commit=forge.commit(get_string(run, "head_sha"), where="workflow_run.head_sha"),
        by=_login(run, "triggering_actor") or _login(run, "actor"),
        properties={
            "status": get_string(run, "status"), "conclusion": get_string(run, "conclusion"),
            "event": get_string(run, "event"), "workflow": get_string(run, "path"),
        },
    )  # fmt: skip
    return time


def _release(forge: Forge, document: Mapping[str, Any], _: Scope) -> str | None:
    release = need_object(document, "release")
    time = _time(release, "published_at", "created_at", where="release")
    if document.get("action") not in ("published", "released", "prereleased"):
        return time
    tag = need_string(release, "tag_name", where="release")
    changes.add_change(
        forge.builder, changes.change_id("github", f"{forge.name}@release/{tag}"),
        f"release {tag} of {forge.name}", by=forge.who(_login(release, "author")),
        things=(forge.url,), properties={"tag": tag, "time": time},
    )  # fmt: skip
    return time


_READ: Final[Mapping[str, Callable[[Forge, Mapping[str, Any], Scope], str | None]]] = {
    "deployment_status": _deployment_status,
    "deployment": _deployment,
    "workflow_run": _workflow_run,
    "pull_request": _pull_request,
    "release": _release,
}
