"""Alertmanager's webhook: incidents that begin and end.

    {"version": "4", "groupKey", "status", "alerts": [{"status", "labels", "startsAt", …}]}
        └ each alert ──► incident:alertmanager:<fingerprint>@<startsAt>
                            └ State(observed, incident <fingerprint>) from startsAt until endsAt

An alert that fires again later is another incident of the same name. What is sent again while it
fires says the same again, so groups, repeats and copies by several Alertmanagers cost nothing.

Grafana sends the same, as version 1 with an ``orgId``.

Sizes:  10,000 alerts
Source: Alertmanager, docs/configuration.md <webhook_config>; Grafana alerting, webhook notifier
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import changes, timestamps
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.states import OBSERVED, Scope, State
from wherefrom.formats.strict_json import (
    as_object,
    get_object,
    get_string,
    need_array,
    need_object,
    need_string,
)

ALERTS_MAX: Final = 10_000
# What teams call these labels, the commonest first.
ENVIRONMENT: Final = (
    "environment", "env", "deployment_environment_name", "deployment_environment",
)  # fmt: skip
SERVICE: Final = ("service", "service_name", "app", "app_kubernetes_io_name")
_SHAPE: Final = frozenset({"alerts", "groupKey", "status", "version"})


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be a group of alerts."""
    return document.keys() >= _SHAPE


def facts(document: Mapping[str, Any], *, document_id: str, given: Scope = ANYWHERE) -> Facts:
    """What the group says of each of its alerts.

    given  where they are of, if their labels do not say

    Raises Unsupported for another version, Malformed, LimitPassed.
    """
    version = need_string(document, "version")
    grafana = version == "1" and "orgId" in document
    if version != "4" and not grafana:
        raise Unsupported(
            "a webhook of another version", where="version", expected="4", got=version
        )
    builder = FactsBuilder(document=document_id)
    receiver = get_string(document, "receiver")
    builder.node(document_id, "event", "alerts", {"format": "Alertmanager", "receiver": receiver})
    alerts = need_array(document, "alerts")
    if len(alerts) > ALERTS_MAX:
        raise LimitPassed(
            "a group of too many alerts", where="alerts", expected=f"alerts_max {ALERTS_MAX}",
            got=len(alerts),
        )  # fmt: skip
    times = [
        _add(builder, as_object(alert, where=f"alerts[{at}]"), f"alerts[{at}]", given)
        for at, alert in enumerate(alerts)
    ]
    source = "grafana" if grafana else "alertmanager"
    return builder.build(
        kind="incident", type=f"{source}.webhook/{version}", occurred=max(times, default=None)
    )


def _add(builder: FactsBuilder, alert: Mapping[str, Any], where: str, given: Scope) -> str:
    """Add one alert; returns when it last changed."""
    status = need_string(alert, "status", where=where)
    if status not in ("firing", "resolved"):
        raise Malformed(
            "not a status of an alert", where=f"{where}.status", expected="firing or resolved",
            got=status,
        )  # fmt: skip
    labels = need_object(alert, "labels", where=where)
    begun = _time(alert, "startsAt", where)
    ended = _time(alert, "endsAt", where) if status == "resolved" else None
    # Older ones send no fingerprint; an alert is its labels.
    fingerprint = get_string(alert, "fingerprint", where=where) or changes.digest_of(labels)[7:23]
    scope = scope_of(labels, given)
    name = _label(labels, ("alertname",)) or fingerprint
    id = f"incident:alertmanager:{fingerprint}@{begun}"
    annotations = get_object(alert, "annotations", where=where)
    changes.add_change(
        builder, id, name, where=scope, kind="incident",
        properties={
            "severity": _label(labels, ("severity",)), "startsAt": begun, "endsAt": ended,
            "summary": _summary(annotations),
        },
    )  # fmt: skip
    builder.state(State(OBSERVED, scope, "incident", fingerprint, id, name, at=begun))
    if ended is not None:
        builder.state(State(OBSERVED, scope, "incident", fingerprint, None, at=ended))
    return ended or begun


def _time(alert: Mapping[str, Any], key: str, where: str) -> str:
    return timestamps.canonical(need_string(alert, key, where=where), where=f"{where}.{key}")


def _label(labels: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = labels.get(key)
        if isinstance(value, str) and value:
            return value
    return None


def scope_of(labels: Mapping[str, Any], given: Scope = ANYWHERE) -> Scope:
    """Where an alert of these labels is of, as far as they or ``given`` say."""
    return given._replace(
        environment=_label(labels, ENVIRONMENT) or given.environment,
        service=_label(labels, SERVICE) or given.service or _label(labels, ("job",)) or "",
        region=_label(labels, ("region",)) or given.region,
    )


def _summary(annotations: Mapping[str, Any]) -> str | None:
    said = _label(annotations, ("summary", "description", "message"))
    return changes.public_name(changes.shown(said)) if said else None
