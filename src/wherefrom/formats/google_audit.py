"""Google Cloud's audit log: who changed what in a project, and whether a pipeline did.

    LogEntry {"logName", "protoPayload": {AuditLog}}              ┐
    {"entries": […]}      what entries.list answers               ├─► each admin activity
    {"message": {"data": base64 of a LogEntry}, "subscription"}   ┘     └──► cloud_calls

    …/cloudaudit.googleapis.com%2Factivity       somebody's change
    …/cloudaudit.googleapis.com%2Fsystem_event   the cloud's own
    …/cloudaudit.googleapis.com%2Fdata_access    reads, and writes of data: nothing

What takes a while is told twice, when it begins and when it has ended: that is one change, and it
counts when it has ended well. What was changed is the full name of the resource.

Source: Google Cloud, LogEntry and google.cloud.audit.AuditLog; Pub/Sub, push;
docs/formats/google-audit.md
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import cloud_calls, cloud_names, strict_json, timestamps
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.cloud_calls import CALLS_MAX, Call, Caller, Thing
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.states import Scope
from wherefrom.formats.strict_json import (
    as_object,
    get_array,
    get_object,
    get_string,
    need_array,
    need_object,
    need_string,
)

_TYPE: Final = "type.googleapis.com/google.cloud.audit.AuditLog"
_LOG: Final = re.compile(r".+/logs/cloudaudit\.googleapis\.com/([a-z_]+)")
_SYSTEM: Final = "system_event"
_CHANGING: Final = frozenset({"activity", _SYSTEM})
_READS: Final = re.compile(r"(?:get|list|aggregatedList|search|query|test|check|validate)(?![a-z])")
_REMOVES: Final = re.compile(r"(?:delete|destroy)(?:[A-Z].*)?")
# Agents of services of Google, which act by themselves.
_ITSELF: Final = re.compile(
    r"service-\d+@.+\.gserviceaccount\.com|\d+@cloudservices\.gserviceaccount\.com|system@google\.com"
)
_PROGRAM: Final = re.compile(r".+\.gserviceaccount\.com|serviceAccount:.+|system@google\.com")
_CI: Final = (
    ("/subject/repo:", "GitHub Actions"), ("/subject/project_path:", "GitLab CI"),
    ("/subject/organization:", "HCP Terraform"),
)  # fmt: skip


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be an entry of the audit log, a list of them, or one that is pushed."""
    if "protoPayload" in document:
        payload = document["protoPayload"]
        return isinstance(payload, dict) and (
            payload.get("@type") == _TYPE or payload.keys() >= {"methodName", "serviceName"}
        )
    if "entries" in document and document.keys() <= {"entries", "nextPageToken"}:
        entries = document["entries"]
        return (
            isinstance(entries, list) and bool(entries) and isinstance(entries[0], dict)
            and recognises(entries[0])
        )  # fmt: skip
    if document.keys() >= {"message", "subscription"}:
        message = document["message"]
        return isinstance(message, dict) and isinstance(message.get("data"), str)
    return False


def facts(
    document: Mapping[str, Any],
    *,
    document_id: str,
    given: Scope = ANYWHERE,
    pipelines: tuple[str, ...] = (),
) -> Facts:
    """What the calls changed.

    given      where the project is of
    pipelines  as ``cloud_calls.patterns`` reads them

    Raises Malformed for an entry without its method, service, id or time; Unsupported for a
    message of something else; LimitPassed.
    """
    builder = FactsBuilder(document=document_id)
    builder.node(document_id, "event", "audit", {"format": "Google Cloud audit"})
    return cloud_calls.facts_of(
        builder,
        _calls(document),
        cloud="google",
        type="google.cloud.audit",
        given=given,
        pipelines=pipelines,
    )


def _calls(document: Mapping[str, Any]) -> Iterator[tuple[str | None, Call | None]]:
    """When each event was, and the call that it tells of."""
    for where, entry in _entries(document):
        at = timestamps.canonical(
            need_string(entry, "timestamp", where=where), where=f"{where}timestamp"
        )
        yield at, _call(entry, where, at)


def entry_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The entry, also of a message that carries one. Raises Malformed, Unsupported."""
    if "message" not in document:
        return document
    data = need_string(need_object(document, "message"), "data", where="message")
    try:
        inner = strict_json.decode(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError) as error:
        raise Malformed("not base64", where="message.data", got=data[:40]) from error
    if not (isinstance(inner, dict) and "message" not in inner and recognises(inner)):
        raise Unsupported(
            "a message of something else", where="message.data",
            expected="an entry of Google Cloud's audit log",
        )  # fmt: skip
    return inner


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each entry, and what stands before its fields."""
    document = entry_of(document)
    if "entries" not in document:
        yield "", document
        return
    entries = need_array(document, "entries")
    if len(entries) > CALLS_MAX:
        raise LimitPassed(
            "a list of too many entries", where="entries", expected=f"calls_max {CALLS_MAX}",
            got=len(entries),
        )  # fmt: skip
    for at, one in enumerate(entries):
        yield f"entries[{at}].", as_object(one, where=f"entries[{at}]")


def _call(entry: Mapping[str, Any], where: str, at: str) -> Call | None:
    """A call that changes what is provisioned, or was to; None for all else."""
    payload = need_object(entry, "protoPayload", where=where.rstrip("."))
    inside = f"{where}protoPayload"
    method = need_string(payload, "methodName", where=inside)
    service = need_string(payload, "serviceName", where=inside)
    log = _LOG.fullmatch(unquote(get_string(entry, "logName", where=where.rstrip(".")) or ""))
    verb = method.rpartition(".")[2]
    request = payload.get("request")
    is_dry = isinstance(request, dict) and request.get("validateOnly") is True
    if (log is not None and log[1] not in _CHANGING) or _READS.match(verb[:1].lower() + verb[1:]):
        return None
    if is_dry or service == "login.googleapis.com":
        return None
    operation = get_object(entry, "operation", where=where.rstrip("."))
    began, ended = operation.get("first") is True, operation.get("last") is True
    id = get_string(operation, "id", where=f"{where}operation")
    if id is None or (began and ended):
        id = need_string(entry, "insertId", where=where.rstrip("."))
    status = get_object(payload, "status", where=inside)
    name = get_string(payload, "resourceName", where=inside)
    things: tuple[Thing, ...] = ()
    if name is not None:
        full = cloud_names.google(service, name)
        is_gone = _REMOVES.fullmatch(verb[:1].lower() + verb[1:]) is not None
        things = (Thing(full, is_gone),)
    place = get_object(get_object(entry, "resource", where=where.rstrip(".")), "labels")
    metadata = get_object(payload, "requestMetadata", where=inside)
    return Call(
        id, f"{service.removesuffix('.googleapis.com')} {method}", at,
        _caller(payload, inside, is_system=log is not None and log[1] == _SYSTEM),
        things=things,
        failed=_failed(status),
        pending=began and not ended,
        told={
            "operation": method, "project": place.get("project_id"),
            "location": place.get("location") or place.get("zone") or place.get("region"),
            "from": get_string(metadata, "callerIp", where=f"{inside}.requestMetadata"),
        },
    )  # fmt: skip


def _failed(status: Mapping[str, Any]) -> str | None:
    code = status.get("code")
    if code in (None, 0):
        return None
    said = status.get("message")
    return f"{code} {said}".strip()[:200] if isinstance(said, str) else str(code)[:200]


def _caller(payload: Mapping[str, Any], where: str, *, is_system: bool) -> Caller:
    who = get_object(payload, "authenticationInfo", where=where)
    inside = f"{where}.authenticationInfo"
    metadata = get_object(payload, "requestMetadata", where=where)
    agent = get_string(metadata, "callerSuppliedUserAgent", where=f"{where}.requestMetadata") or ""
    email = get_string(who, "principalEmail", where=inside)
    subject = get_string(who, "principalSubject", where=inside)
    behind = [
        name for at, one in enumerate(
            get_array(who, "serviceAccountDelegationInfo", where=inside)
        )
        for name in _delegates(as_object(one, where=f"{inside}.serviceAccountDelegationInfo[{at}]"))
    ]  # fmt: skip
    names = tuple(dict.fromkeys(filter(None, (*behind, email or subject))))
    also = (subject,) if subject else ()
    principal = behind[0] if behind else email or subject or ""
    itself = "a system event" if is_system else None
    if itself is None and email is not None and _ITSELF.fullmatch(email):
        itself = email
    return Caller(
        names=names, also=also, agent=agent, itself=itself,
        ci=next((ci for part, ci in _CI for name in (*names, *also) if part in name), None),
        console="a browser, by its user agent" if agent.startswith("Mozilla/") else None,
        is_person="@" in principal and _PROGRAM.fullmatch(principal) is None,
    )  # fmt: skip


def _delegates(one: Mapping[str, Any]) -> Iterator[str]:
    """Who stands behind a service account that was used."""
    for value in (one.get("principalSubject"), _email(one.get("firstPartyPrincipal"))):
        if isinstance(value, str) and value:
            yield value.removeprefix("user:")


def _email(principal: object) -> object:
    return principal.get("principalEmail") if isinstance(principal, dict) else None
