"""Security events as OCSF: the Open Cybersecurity Schema Framework, version 1.3.0, one object each.

    SecurityEvent ──► {"class_uid", "category_uid", "activity_id", "type_uid", "metadata", …}

``type_uid`` is ``class_uid`` × 100 + ``activity_id``, and ``category_uid`` the thousands of the
class. ``metadata.sequence`` is the log's index of the record, and ``metadata.uid`` names the event
for good. What OCSF has no place for is in ``unmapped``.

Source: OCSF 1.3.0 (schema.ocsf.io/1.3.0)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from wherefrom.formats.security_event import (
    API,
    APPLICATION,
    COMPLIANCE,
    DETECTION,
    ENTITY,
    INCIDENT,
    REMEDIATION,
    SEVERITIES,
    VULNERABILITY,
    SecurityEvent,
)
from wherefrom.formats.timestamps import micros

VERSION: Final = "1.3.0"
# class → caption, caption of its category, captions of the activities that are written
CLASSES: Final[Mapping[int, tuple[str, str, Mapping[int, str]]]] = {
    VULNERABILITY: ("Vulnerability Finding", "Findings", {1: "Create", 2: "Update", 3: "Close"}),
    COMPLIANCE: ("Compliance Finding", "Findings", {1: "Create", 2: "Update", 3: "Close"}),
    DETECTION: ("Detection Finding", "Findings", {1: "Create", 2: "Update", 3: "Close"}),
    INCIDENT: ("Incident Finding", "Findings", {1: "Create", 2: "Update", 3: "Close"}),
    ENTITY: (
        "Entity Management", "Identity & Access Management",
        {1: "Create", 3: "Update", 4: "Delete", 8: "Enable", 9: "Disable", 10: "Activate",
         11: "Deactivate"},
    ),
    APPLICATION: ("Application Lifecycle", "Application Activity", {1: "Install"}),
    API: ("API Activity", "Application Activity", {1: "Create", 2: "Read", 4: "Delete"}),
    REMEDIATION: ("Remediation Activity", "Remediation", {0: "Unknown", 3: "Restore"}),
}  # fmt: skip
_NEW, _RESOLVED, _CLOSED = 1, 4, 5
_SUCCESS, _FAILURE = 1, 2
_CLOSES: Final = 3
_RESTORES: Final = 3
_NOBODY: Final = "unassigned"
# How a remedy ended → status of OCSF.
_OUTCOMES: Final = {"done": 1, "failed": 2, "refused": 2, "timed_out": 6}


def to_object(event: SecurityEvent, *, origin: str, version: str) -> dict[str, Any]:
    """The event. ``origin`` of the log; ``version`` of the program that reads it."""
    kind = event.kind
    caption, category, activities = CLASSES[kind.class_uid]
    activity = kind.activity_id
    if kind.class_uid == REMEDIATION and event.told.get("action") == "rollback":
        activity = _RESTORES
    made: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": activities[activity],
        "category_name": category,
        "category_uid": kind.class_uid // 1000,
        "class_name": caption,
        "class_uid": kind.class_uid,
        "type_uid": kind.class_uid * 100 + activity,
        "type_name": f"{caption}: {activities[activity]}",
        "time": _ms(event.at),
        "severity_id": event.severity,
        "severity": SEVERITIES[event.severity],
        "message": event.message,
        "metadata": _metadata(event, origin, version),
        "unmapped": _unmapped(event),
    }
    return made | _OF_CLASS[kind.class_uid](event, origin)


def _metadata(event: SecurityEvent, origin: str, version: str) -> dict[str, Any]:
    return {
        "version": VERSION,
        "uid": event.id(origin),
        "sequence": event.entry,
        "event_code": event.name,
        "log_name": origin,
        "logged_time": _ms(event.received),
        "original_time": event.at,
        "product": {"name": "Wherefrom", "vendor_name": "Wherefrom", "version": version},
    }


def _unmapped(event: SecurityEvent) -> dict[str, Any]:
    said = {
        "environment": event.environment,
        "service": event.service,
        "actor": event.actor,
        "rules": list(event.rules),
        **event.told,
        "record": {
            "kind": event.record_kind, "type": event.record_type, "trust": event.trust,
            "signers": list(event.signers), "producer": event.producer,
        },
    }  # fmt: skip
    return {name: value for name, value in said.items() if value not in ("", [])}


def _finding(event: SecurityEvent, origin: str) -> dict[str, Any]:
    of = event.thing or str(event.entry)
    return {
        "finding_info": {
            "title": event.kind.title,
            # The same for what opens it and what closes it.
            "uid": f"{origin}#{event.name.partition('.')[0]}:{event.environment}:{of}",
            "desc": event.message,
            "types": [event.name],
            "created_time": _ms(event.at),
        },
        "status_id": _RESOLVED if event.kind.activity_id == _CLOSES else _NEW,
    }


def _detection(event: SecurityEvent, origin: str) -> dict[str, Any]:
    return {**_finding(event, origin), **_resources(event)}


def _compliance(event: SecurityEvent, origin: str) -> dict[str, Any]:
    passed = event.kind.activity_id == _CLOSES
    policy = event.told.get("policy") or "policy"
    return {
        **_finding(event, origin),
        **_resources(event),
        "compliance": {
            "standards": [policy],
            "requirements": list(event.rules),
            "control": policy,
            "status_id": 1 if passed else 3,
            "status": "Pass" if passed else "Fail",
            "status_detail": event.message,
        },
    }


def _vulnerability(event: SecurityEvent, origin: str) -> dict[str, Any]:
    found = [{"cve": {"uid": id}, "title": id} for id in event.found]
    return {**_finding(event, origin), **_resources(event), "vulnerabilities": found}


def _incident(event: SecurityEvent, origin: str) -> dict[str, Any]:
    finding = _finding(event, origin)["finding_info"]
    closes = event.kind.activity_id == _CLOSES
    return {
        "finding_info_list": [{**finding, "title": event.thing_name or finding["title"]}],
        "status_id": _CLOSED if closes else _NEW if event.kind.activity_id == 1 else 2,
        "desc": event.message,
        # Who looks after it is not Wherefrom's to say, and the schema wants somebody.
        "assignee_group": {"name": event.told.get("owner") or _NOBODY},
    }


def _entity(event: SecurityEvent, origin: str) -> dict[str, Any]:
    entity = {"type": event.name.partition(".")[0], "uid": event.thing or f"{origin}#{event.entry}"}
    if event.thing_name:
        entity["name"] = event.thing_name
    comment = event.told.get("reason")
    return {
        "entity": entity,
        "status_id": _SUCCESS,
        **({"comment": comment} if comment else {}),
    }


def _application(event: SecurityEvent, origin: str) -> dict[str, Any]:
    return {
        "app": {"name": "Wherefrom", "vendor_name": "Wherefrom", "uid": origin},
        "status_id": _SUCCESS,
    }


def _api(event: SecurityEvent, origin: str) -> dict[str, Any]:
    return {
        "api": {"operation": event.name, "service": {"name": "Wherefrom", "uid": origin}},
        "actor": {"user": {"uid": event.actor or event.producer}},
        "src_endpoint": {"uid": event.actor or event.producer},
        "status_id": _FAILURE if event.failed else _SUCCESS,
        **({"status_detail": ", ".join(event.rules)} if event.rules else {}),
        **_resources(event),
    }


def _remediation(event: SecurityEvent, origin: str) -> dict[str, Any]:
    outcome = event.told.get("outcome", "")
    status = _OUTCOMES.get(outcome, 0) if outcome else _SUCCESS
    return {
        "command_uid": event.thing,
        "status_id": status,
        **({"status_detail": outcome} if outcome else {}),
    }


def _resources(event: SecurityEvent) -> dict[str, Any]:
    if not event.thing:
        return {}
    resource = {"uid": event.thing, "type": event.told.get("thing_kind", "artifact")}
    if event.thing_name:
        resource["name"] = event.thing_name
    if event.environment:
        resource["namespace"] = event.environment
    return {"resources": [resource]}


def _ms(time: str) -> int:
    return micros(time) // 1000


_OF_CLASS: Final[Mapping[int, Callable[[SecurityEvent, str], dict[str, Any]]]] = {
    VULNERABILITY: _vulnerability,
    COMPLIANCE: _compliance,
    DETECTION: _detection,
    INCIDENT: _incident,
    ENTITY: _entity,
    APPLICATION: _application,
    API: _api,
    REMEDIATION: _remediation,
}
