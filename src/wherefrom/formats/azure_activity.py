"""Azure's Activity Log: who changed what in a subscription, and whether a pipeline did.

    {"records": […]}, or one of them     Event Hub, diagnostic settings, files of storage ┐
    {"value": […]}, or one of them       the REST API, az monitor activity-log            ├─► calls
    {"eventType": "Microsoft.Resources.…", "data"}   Event Grid, in its schema or in the  ┘
                                                     CloudEvents schema

Operations end in ``/write``, ``/delete`` or ``/action``; actions that only read (``listKeys``) and
categories other than administrative are told of by no fact. One request is told when it starts, is
accepted and has ended: that is one change, and it counts when it succeeded.

The log names no user agent, but the application by whose token a call came.

Source: Azure Monitor, "Activity log event schema"; Event Grid, "Azure subscription as source";
docs/formats/azure-activity.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wherefrom.errors import LimitPassed
from wherefrom.formats import cloud_calls, cloud_names, timestamps
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.cloud_calls import CALLS_MAX, Call, Caller, Thing
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.states import Scope
from wherefrom.formats.strict_json import (
    as_object,
    get_string,
    need_array,
    need_object,
    need_string,
)

_OF_GRID: Final = re.compile(r"Microsoft\.Resources\.Resource(?:Write|Delete|Action)[A-Z][a-z]+")
_OPERATION: Final = re.compile(r"[^/\s]+(?:/[^/\s]+)*/(write|delete|action)", re.I)
_READS: Final = re.compile(
    r"(?:list|get|check|validate|export|read|query|search|estimate|preview|what-?if)", re.I
)
_CATEGORIES: Final = frozenset({"administrative", "write", "delete", "action"})
_SUCCEEDED: Final = frozenset({"success", "succeeded"})
_FAILED: Final = frozenset({"failure", "failed", "canceled", "cancelled"})
_CLAIMS: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
# Applications of Microsoft, by their ids.
_CONSOLES: Final = {
    "c44b4083-3bb0-49c1-b47d-974e53cbdf3c": "the Azure portal",
    "b677c290-cf4b-4a8e-a60e-91ba650a4abe": "the Azure portal's shell",
}
_COMMAND_LINES: Final = {
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46": "azure-cli/",
    "1950a258-227b-4e31-a9cf-717495945fc2": "AzurePowerShell/",
}


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be of the Activity Log, one event or a list."""
    for key in ("records", "value"):
        listed = document.get(key)
        if isinstance(listed, list):
            return bool(listed) and isinstance(listed[0], dict) and _is_event(listed[0])
    return _is_event(document)


def _is_event(one: Mapping[str, Any]) -> bool:
    operation = one.get("operationName")
    if isinstance(operation, dict):
        operation = operation.get("value")
    if isinstance(operation, str) and "/" in operation:
        return not one.keys().isdisjoint({"resourceId", "resourceUri"})
    kind = one.get("eventType")
    return isinstance(kind, str) and _OF_GRID.fullmatch(kind) is not None and "data" in one


def facts(
    document: Mapping[str, Any],
    *,
    document_id: str,
    given: Scope = ANYWHERE,
    pipelines: tuple[str, ...] = (),
) -> Facts:
    """What the calls changed.

    given      where the subscription is of
    pipelines  as ``cloud_calls.patterns`` reads them

    Raises Malformed for an event without its operation, correlation or resource; LimitPassed.
    """
    builder = FactsBuilder(document=document_id)
    builder.node(document_id, "event", "audit", {"format": "Azure activity"})
    return cloud_calls.facts_of(
        builder,
        _calls(document),
        cloud="azure",
        type="azure.activity",
        given=given,
        pipelines=pipelines,
    )


def _calls(document: Mapping[str, Any]) -> Iterator[tuple[str | None, Call | None]]:
    """When each event was, and the call that it tells of."""
    for where, event in _events(document):
        at = _time(event, where)
        yield at, _call(event, where, at)


def _events(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each event, and what stands before its fields."""
    for key in ("records", "value"):
        if key not in document or "operationName" in document:
            continue
        listed = need_array(document, key)
        if len(listed) > CALLS_MAX:
            raise LimitPassed(
                "a list of too many events", where=key, expected=f"calls_max {CALLS_MAX}",
                got=len(listed),
            )  # fmt: skip
        for at, one in enumerate(listed):
            yield f"{key}[{at}]", as_object(one, where=f"{key}[{at}]")
        return
    if "eventType" in document:  # of Event Grid, in its own schema
        data = need_object(document, "data")
        yield "data", {"eventTime": document.get("eventTime"), **data}
    else:
        yield "", document


def _time(event: Mapping[str, Any], where: str) -> str | None:
    for key in ("time", "eventTimestamp", "eventTime"):
        said = get_string(event, key, where=where)
        if said is not None:
            return timestamps.canonical(said, where=f"{where}.{key}".lstrip("."))
    return None  # the CloudEvent around it says it


def _call(event: Mapping[str, Any], where: str, at: str | None) -> Call | None:
    """A call that changes what is provisioned, or was to; None for all else."""
    operation = _value(event, "operationName", where)
    match = _OPERATION.fullmatch(operation)
    category = _value(event, "category", where, needed=False)
    if match is None or (category and category.lower() not in _CATEGORIES):
        return None
    verb = match[1].lower()
    if verb == "action" and _READS.match(operation.split("/")[-2]):
        return None
    key = "resourceId" if "resourceId" in event else "resourceUri"
    resource = cloud_names.azure(need_string(event, key, where=where))
    result = next(
        (
            said
            for key in ("status", "resultType")
            if (said := _value(event, key, where, needed=False))
        ),
        "",
    ).lower()
    failed = None
    if result in _FAILED:
        failed = _value(event, "subStatus", where, needed=False) or result
        signature = get_string(event, "resultSignature", where=where)
        failed = signature or failed
    correlation = need_string(event, "correlationId", where=where)
    request = _inside(event, "httpRequest")
    address = event.get("callerIpAddress") or request.get("clientIpAddress")
    return Call(
        f"{correlation}/{operation.lower()}/{resource or ''}", operation, at, _caller(event, where),
        things=(Thing(resource, verb == "delete"),) if resource else (),
        failed=failed,
        pending=failed is None and result not in _SUCCEEDED,
        told={
            "operation": operation, "subscription": _subscription(resource),
            "from": address if isinstance(address, str) else None,
        },
    )  # fmt: skip


def _value(event: Mapping[str, Any], key: str, where: str, *, needed: bool = True) -> str:
    """A text, which the REST API wraps: ``{"value": "…", "localizedValue": "…"}``."""
    said = event.get(key)
    if isinstance(said, dict):
        event, key, where = said, "value", f"{where}.{key}".lstrip(".")
    if needed:
        return need_string(event, key, where=where)
    return get_string(event, key, where=where) or ""


def _inside(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object, which some senders write as text; nothing for what is neither."""
    said = parent.get(key)
    if isinstance(said, str) and said.startswith("{"):
        try:
            said = json.loads(said)
        except (ValueError, RecursionError):
            return {}
    return said if isinstance(said, dict) else {}


def _subscription(resource: str | None) -> str | None:
    parts = (resource or "").split("/")
    return parts[2] if parts[1:2] == ["subscriptions"] and len(parts) > 2 else None


def _caller(event: Mapping[str, Any], where: str) -> Caller:
    identity = _inside(event, "identity")
    claims = _inside(event, "claims") or _inside(identity, "claims")
    rights = _inside(event, "authorization") or _inside(identity, "authorization")
    evidence = _inside(rights, "evidence")
    app = _text(claims, "appid").lower()
    user = _text(claims, "upn", f"{_CLAIMS}upn", f"{_CLAIMS}name", "name", "unique_name")
    said = get_string(event, "caller", where=where) or ""
    kind = _text(evidence, "principalType").lower()
    is_app = _text(claims, "idtyp") == "app" or kind == "serviceprincipal"
    is_person = not is_app and ("@" in user or "@" in said or kind == "user")
    principal = _text(
        claims, "http://schemas.microsoft.com/identity/claims/objectidentifier", "oid"
    ) or _text(evidence, "principalId")
    who = (user or said) if is_person else said or principal or app
    return Caller(
        names=(who,) if who else (),
        also=tuple(filter(None, (principal, app))),
        agent=_COMMAND_LINES.get(app, ""),
        console=_CONSOLES.get(app) if not is_app else None,
        itself="Azure" if said.lower() in ("microsoft.resourcehealth", "azure") else None,
        is_person=is_person,
    )  # fmt: skip


def _text(parent: Mapping[str, Any], *keys: str) -> str:
    """The first of these that is a text."""
    return next((said for key in keys if isinstance(said := parent.get(key), str) and said), "")
