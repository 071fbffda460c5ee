"""Kubernetes audit events: who changed what through the API, and what is declared since.

    Event, or EventList ──► each that completed (stage ResponseComplete, code < 300)
       │                       └ a write ──► change:kubernetes:<auditID>, who, and of
       │                            deployments, statefulsets, daemonsets   artifact, scale
       │                            their /scale                            scale
       │                            configmaps                              config, by digest
       │                            secrets                                 secret, by version
       └ holds a secret in clear ──► ForbiddenField: the audit policy logs too much

What is declared is the object that the server answered with, else the one that was sent; of a
patch only what it says itself. Where no object is logged (level Metadata), a config and a secret
are known by the event that wrote them, and a workload says nothing of state. Dry runs change
nothing.

The environment is an annotation or label ``environment`` of the object, else given, else its
namespace; the service is the name of the workload. A config or secret of a namespace that is not
its environment has the namespace in its name.

Sizes:  10,000 events a list
Source: Kubernetes, audit.k8s.io/v1 (v1beta1 and older have the same fields, and ``timestamp``)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from wherefrom.errors import ForbiddenField, LimitPassed, Malformed
from wherefrom.formats import changes, timestamps
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.states import DECLARED, Scope, State, Whole
from wherefrom.formats.strict_json import (
    as_object,
    get_array,
    get_object,
    get_string,
    need_array,
    need_string,
)

EVENTS_MAX: Final = 10_000
GROUP: Final = "audit.k8s.io"
WRITES: Final = frozenset({"create", "update", "patch", "delete"})
WORKLOADS: Final = frozenset({"deployments", "statefulsets", "daemonsets"})
# What the cluster writes of itself, many times a minute, and nobody decided.
_HEARTBEATS: Final = frozenset(
    {"leases", "events", "endpoints", "endpointslices", "tokenreviews", "subjectaccessreviews",
     "selfsubjectaccessreviews", "selfsubjectrulesreviews", "localsubjectaccessreviews"}
)  # fmt: skip
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_NO_VALUES: Final = "Log secrets at level Metadata: see the audit policy of the API server"


class _Event(NamedTuple):
    """One event, and where it stands in the record."""

    body: Mapping[str, Any]
    where: str
    verb: str
    resource: str
    part: str | None
    namespace: str
    name: str

    def objects(self) -> Iterator[tuple[str, object]]:
        """What was answered, then what was sent, each with its place."""
        for key in ("responseObject", "requestObject"):
            if self.body.get(key) is not None:
                yield f"{self.where}{key}", self.body[key]


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be an audit event, or a list of them."""
    kind, version = document.get("kind"), str(document.get("apiVersion", ""))
    if kind == "EventList":
        return version.startswith(GROUP + "/")
    if kind == "Event" and version.startswith(GROUP + "/"):
        return True
    # The first betas, and what stands in a list, name neither group nor kind.
    return kind in (None, "Event") and document.keys() >= {"auditID", "stage", "verb"}


def facts(document: Mapping[str, Any], *, document_id: str, given: Scope = ANYWHERE) -> Facts:
    """What the events say.

    given  where their cluster is of

    Raises Malformed for an event without auditID, stage or verb; ForbiddenField for a secret in
    clear; LimitPassed.
    """
    builder = FactsBuilder(document=document_id)
    builder.node(document_id, "event", "audit", {"format": "Kubernetes audit"})
    if document.get("kind") == "EventList":
        listed = need_array(document, "items")
        if len(listed) > EVENTS_MAX:
            raise LimitPassed(
                "a list of too many audit events", where="items",
                expected=f"events_max {EVENTS_MAX}", got=len(listed),
            )  # fmt: skip
        events = [(item, f"items[{at}]") for at, item in enumerate(listed)]
    else:
        events = [(document, "")]
    times = [_add(builder, as_object(item, where=where), where, given) for item, where in events]
    version = get_string(document, "apiVersion") or f"{GROUP}/v1"
    return builder.build(
        kind="change" if any(changed for changed, _ in times) else "event",
        type=f"{version} {get_string(document, 'kind') or 'Event'}",
        occurred=max((time for _, time in times if time), default=None),
    )


def _add(
    builder: FactsBuilder, body: Mapping[str, Any], where: str, given: Scope
) -> tuple[bool, str | None]:
    """Add one event. Returns whether it is a change, and when it was."""
    audit_id = need_string(body, "auditID", where=where)
    stage = need_string(body, "stage", where=where)
    verb = need_string(body, "verb", where=where)
    of = get_object(body, "objectRef", where=where)
    inside = f"{where}.objectRef" if where else "objectRef"
    event = _Event(
        body, f"{where}." if where else "", verb,
        get_string(of, "resource", where=inside) or "",
        get_string(of, "subresource", where=inside),
        get_string(of, "namespace", where=inside) or "",
        get_string(of, "name", where=inside) or _name_in_object(body) or "",
    )  # fmt: skip
    _need_no_secret(event)
    at = _time(body, where)
    if stage != "ResponseComplete" or not _took_effect(event):
        return False, at
    scope = _scope(event, given)
    states, wholes = _states(event, scope, audit_id, at, builder)
    builder.state(*states)
    for whole in wholes:
        builder.all_of(whole)
    path = "/".join(filter(None, (event.resource, event.part)))
    name = "/".join(filter(None, (event.namespace, event.name)))
    id = changes.change_id("kubernetes", audit_id)
    thing = f"kubernetes:{scope.environment}:{event.namespace}/{event.resource}/{event.name}"
    if not scope.service:
        builder.node(thing, "resource", f"{event.resource} {name}")
    for state in states:
        if state.slot == "config" and state.value and state.value.startswith("sha256:"):
            builder.node(state.value, "config", event.name)
            builder.edge(state.value, "specializes", thing)
    changes.add_change(
        builder, id, f"{verb} {path} {name}".strip(), where=scope, by=_who(builder, event),
        things=() if scope.service else (thing,),
        properties={
            "verb": verb, "resource": path, "namespace": event.namespace or None, "time": at,
        },
    )  # fmt: skip
    return True, at


def _name_in_object(body: Mapping[str, Any]) -> str | None:
    """A create names its object only inside it."""
    for key in ("responseObject", "requestObject"):
        found = body.get(key)
        metadata = found.get("metadata") if isinstance(found, dict) else None
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if isinstance(name, str) and name:
            return name
    return None


def _need_no_secret(event: _Event) -> None:
    """Raises ForbiddenField for the values of a secret, or a token that was issued."""
    for where, found in event.objects():
        if event.resource == "secrets" and event.part is None:
            if isinstance(found, list) and found:  # a JSON patch
                raise _forbidden("the value of a secret", where)
            inner = as_object(found, where=where) if not isinstance(found, list) else {}
            _need_no_values(inner, where)
            for at, item in enumerate(get_array(inner, "items", where=where)):
                _need_no_values(as_object(item, where=f"{where}.items[{at}]"), where)
        elif event.part == "token" and isinstance(found, dict):
            status = found.get("status")
            if isinstance(status, dict) and status.get("token"):
                raise _forbidden("a token", f"{where}.status.token")


def _need_no_values(secret: Mapping[str, Any], where: str) -> None:
    for key in ("data", "stringData"):
        if secret.get(key):
            raise _forbidden("the value of a secret", f"{where}.{key}")
    annotations = get_object(get_object(secret, "metadata", where=where), "annotations")
    if annotations.get(_LAST_APPLIED):
        raise _forbidden("the value of a secret", f"{where}.metadata.annotations")


def _forbidden(what: str, where: str) -> ForbiddenField:
    return ForbiddenField(f"{what} in clear", where=where, expected="none", do=_NO_VALUES)


def _took_effect(event: _Event) -> bool:
    """Whether it wrote what somebody decided, and with success."""
    if event.verb not in WRITES or event.resource in _HEARTBEATS or event.part == "status":
        return False
    code = get_object(event.body, "responseStatus", where=event.where[:-1]).get("code")
    query = parse_qs(urlsplit(get_string(event.body, "requestURI") or "").query)
    return isinstance(code, int) and code < 300 and "dryRun" not in query


def _time(body: Mapping[str, Any], where: str) -> str | None:
    for key in ("stageTimestamp", "timestamp", "requestReceivedTimestamp"):
        time = get_string(body, key, where=where)
        if time is not None:
            return timestamps.canonical(time, where=f"{where}.{key}" if where else key)
    return None


def _who(builder: FactsBuilder, event: _Event) -> str | None:
    """The user, who may act for another."""
    where = event.where
    user = get_string(get_object(event.body, "user"), "username", where=f"{where}user")
    who = changes.add_who(builder, user, system="kubernetes")
    other = get_string(
        get_object(event.body, "impersonatedUser"), "username", where=f"{where}impersonatedUser"
    )
    if who is None or other is None:
        return who
    as_whom = changes.add_who(builder, other, system="kubernetes")
    if as_whom is not None:
        builder.edge(who, "acted_for", as_whom)
    return who


def _scope(event: _Event, given: Scope) -> Scope:
    environment = _environment_said(event) or given.environment or event.namespace
    service = event.name if event.resource in WORKLOADS else ""
    return given._replace(environment=environment, service=service)


def _environment_said(event: _Event) -> str | None:
    for _, found in event.objects():
        metadata = found.get("metadata") if isinstance(found, dict) else None
        for key in ("annotations", "labels"):
            notes = metadata.get(key) if isinstance(metadata, dict) else None
            for name, value in notes.items() if isinstance(notes, dict) else ():
                if name.rpartition("/")[2] == "environment" and isinstance(value, str) and value:
                    return value
    return None


def _states(
    event: _Event, scope: Scope, audit_id: str, at: str | None, builder: FactsBuilder
) -> tuple[list[State], list[Whole]]:
    """What is declared since: states, and of which scopes they are all."""
    resource, gone = event.resource, event.verb == "delete"
    if resource in WORKLOADS and event.name:
        if event.part == "scale":
            return _scale(event, scope, at), []
        if event.part is not None:
            return [], []
        if gone:  # whatever its containers were called
            return [], [Whole(DECLARED, scope, ("artifact", "scale"), at)]
        return _workload(event, scope, at, builder)
    slot = {"configmaps": "config", "secrets": "secret"}.get(resource)
    if slot is None or event.part is not None or not event.name:
        return [], []
    value = None if gone else (_digest(event) if slot == "config" else _version(event))
    if value is None and not gone:
        value = f"audit:{audit_id}"  # written, and no object is logged: this write is its version
    elsewhere = event.namespace and event.namespace != scope.environment
    name = f"{event.namespace}/{event.name}" if elsewhere else event.name
    return [State(DECLARED, scope, slot, name, value, at=at)], []


def _object(event: _Event) -> tuple[Mapping[str, Any], bool, str] | None:
    """The object after the write, whether that is all of it, and its place."""
    for where, found in event.objects():
        if isinstance(found, dict) and found.get("kind") not in ("Status", "DeleteOptions"):
            whole = "responseObject" in where or event.verb in ("create", "update")
            return found, whole, where
    return None


def _workload(
    event: _Event, scope: Scope, at: str | None, builder: FactsBuilder
) -> tuple[list[State], list[Whole]]:
    found = _object(event)
    if found is None:
        return [], []
    body, is_whole, where = found
    spec = get_object(body, "spec", where=where)
    states = _replicas(spec, scope, at, f"{where}.spec")
    template = get_object(spec, "template", where=f"{where}.spec")
    pod = get_object(template, "spec", where=f"{where}.spec.template")
    named = False
    for key in ("initContainers", "containers"):
        place = f"{where}.spec.template.spec"
        for at_, item in enumerate(get_array(pod, key, where=place)):
            inside = f"{place}.{key}[{at_}]"
            container = as_object(item, where=inside)
            name = get_string(container, "name", where=inside)
            image = get_string(container, "image", where=inside)
            named = named or image is not None
            if name is not None and image is not None:
                states.append(changes.artifact(builder, scope, name, image, at=at))
    if is_whole and named:
        return states, [Whole(DECLARED, scope, ("artifact",), at)]
    return states, []


def _scale(event: _Event, scope: Scope, at: str | None) -> list[State]:
    found = _object(event)
    if found is None:
        return []
    body, _, where = found
    return _replicas(get_object(body, "spec", where=where), scope, at, f"{where}.spec")


def _replicas(spec: Mapping[str, Any], scope: Scope, at: str | None, where: str) -> list[State]:
    replicas = spec.get("replicas")
    if replicas is None:
        return []
    if isinstance(replicas, bool) or not isinstance(replicas, int):
        raise Malformed(
            "a field has the wrong type", where=f"{where}.replicas", expected="an integer",
            got=replicas,
        )  # fmt: skip
    return [State(DECLARED, scope, "scale", "", str(replicas), at=at)]


def _digest(event: _Event) -> str | None:
    """Of what a config map holds; None where all of it is not known."""
    found = _object(event)
    if found is None or not found[1]:
        return None
    body, _, where = found
    held = {key: get_object(body, key, where=where) for key in ("data", "binaryData")}
    return changes.digest_of({key: value for key, value in held.items() if value})


def _version(event: _Event) -> str | None:
    """The version of a secret, as the server counts them."""
    body = event.body.get("responseObject")
    metadata = get_object(body, "metadata") if isinstance(body, dict) else {}
    version = metadata.get("resourceVersion")
    return f"resourceVersion {version}" if isinstance(version, str) and version else None
