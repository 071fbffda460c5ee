"""Alerts as those who raise them write them: what each is about, and the same with more said.

    body ──shape_of──► Shape ──abouts──► where and since when each alert is
                          └──noted──► the body, each alert with a Note; nothing else is touched

    alertmanager   its webhook, version 4, and Grafana's          annotations wherefrom_…
    alerts         a list, as Alertmanager's API takes and gives  annotations wherefrom_…
    pagerduty      an event of the Events API v2                  custom_details, links
    datadog        an event, or a webhook with its tags           wherefrom
    plain          {"service", "environment", …}                  wherefrom

What tells one alert from another (labels, fingerprints, keys of groups and of de-duplication) stays
as it is, so whoever takes the alert knows it again. What was noted before is replaced.

Sizes:  ALERTS_MAX alerts · a text TEXT_CHARS_MAX characters
Source: Alertmanager, docs/configuration.md <webhook_config>, api/v2/openapi.yaml; Grafana alerting,
        webhook notifier; PagerDuty, Events API v2 ("Send an alert event"); Datadog, integration
        "Webhooks" ($TAGS, $DATE) and Events API v1
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import Error, LimitPassed, Unsupported
from wherefrom.formats import alertmanager, digests, strict_json
from wherefrom.formats.alertmanager import ALERTS_MAX
from wherefrom.formats.shown import cut
from wherefrom.formats.timestamps import of_posix

TEXT_CHARS_MAX: Final = 600
PREFIX: Final = "wherefrom_"
MEMBER: Final = "wherefrom"
SAYS: Final = "note"
# How people call an artifact in a label or detail, the surest first.
_ARTIFACT: Final = ("artifact", "digest", "image_digest", "image_id", "image")
_STARTED: Final = ("startsAt", "starts_at", "timestamp", "at", "time")
_LINK_TEXT: Final = "Wherefrom: "
# What tells an event of Datadog from any other object with tags.
_DATADOG: Final = ("event_type", "alert_type", "alert_transition", "alert_id", "date_happened")
_HAPPENED: Final = ("date_happened", "date", "last_updated")
_DIGITS: Final = re.compile(r"[0-9]{1,16}", re.ASCII)
_MILLISECONDS: Final = 100_000_000_000  # as seconds, the year 5138


class About(NamedTuple):
    """What one alert is about, as far as it says; empty where it does not.

    name      what it is called; ``fingerprint`` what tells it apart
    artifact  an id of something that runs, such as ``sha256:…``
    started   since when, as it was written
    """

    environment: str = ""
    service: str = ""
    region: str = ""
    name: str = ""
    fingerprint: str = ""
    artifact: str = ""
    started: str = ""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is added to one alert: texts and links by a short name of letters and ``_``.

    details  the same for programs; only where a shape has room for more than texts
    """

    texts: Mapping[str, str] = {}
    links: Mapping[str, str] = {}
    details: Mapping[str, Any] = {}


class Shape(NamedTuple):
    """One way to write alerts. ``noted`` is given a note for each of ``abouts``, in order."""

    name: str
    recognises: Callable[[Any], bool]
    abouts: Callable[[Any], list[About]]
    noted: Callable[[Any, Sequence[Note]], Any]


def shape_of(document: Any) -> Shape:
    """The shape that a body has. Raises Unsupported."""
    for shape in SHAPES:
        if shape.recognises(document):
            return shape
    raise Unsupported(
        "not an alert that is read here",
        expected="Alertmanager's webhook or list of alerts, Grafana's webhook, an event of "
        'PagerDuty\'s Events API v2, an event of Datadog, or {"service": …, "environment": …}',
        got=", ".join(document)[:80] if isinstance(document, dict) else type(document).__name__,
    )


def unchanged(body: bytes, why: str) -> bytes:
    """The alert as it came, with a note of why where its shape has room for one."""
    try:
        document = strict_json.decode(body)
        shape = shape_of(document)
        notes = [Note(texts={SAYS: why}) for _ in shape.abouts(document)]
        return msgspec.json.encode(shape.noted(document, notes))
    except Error:
        return body


# -- Alertmanager and Grafana


def _is_group(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and alertmanager.recognises(document)
        and _are_alerts(document["alerts"])
    )


def _are_alerts(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict) and isinstance(one.get("labels"), dict) for one in value
    )


def _abouts_of_group(document: Mapping[str, Any]) -> list[About]:
    return _abouts_of_list(document["alerts"])


def _abouts_of_list(alerts: Sequence[Mapping[str, Any]]) -> list[About]:
    if len(alerts) > ALERTS_MAX:
        raise LimitPassed("too many alerts", expected=f"{ALERTS_MAX} at most", got=len(alerts))
    return [
        About(
            *alertmanager.scope_of(alert["labels"])[:3],
            name=_text(alert["labels"], ("alertname",)),
            fingerprint=_text(alert, ("fingerprint",)),
            artifact=_artifact(alert["labels"]),
            started=_text(alert, _STARTED),
        )
        for alert in alerts
    ]


def _noted_group(document: Mapping[str, Any], notes: Sequence[Note]) -> dict[str, Any]:
    alerts = _noted_list(document["alerts"], notes)
    if "commonAnnotations" not in document:
        return {**document, "alerts": alerts}
    common = document["commonAnnotations"]
    return {**document, "alerts": alerts, "commonAnnotations": _common(common, alerts)}


def _common(before: Any, alerts: Sequence[Mapping[str, Any]]) -> Any:
    """Ours that all alerts share, beside what stood there: that is what the field promises."""
    if not isinstance(before, dict) or not alerts:
        return before
    first, *rest = (alert["annotations"] for alert in alerts)
    shared = {
        key: value for key, value in first.items()
        if key.startswith(PREFIX) and all(one.get(key) == value for one in rest)
    }  # fmt: skip
    return {**_without_ours(before), **shared}


def _noted_list(alerts: Sequence[Mapping[str, Any]], notes: Sequence[Note]) -> list[dict[str, Any]]:
    return [
        {**alert, "annotations": _annotated(alert.get("annotations"), note)}
        for alert, note in zip(alerts, notes, strict=True)
    ]


def _annotated(before: Any, note: Note) -> dict[str, Any]:
    held = _without_ours(before) if isinstance(before, dict) else {}
    texts = {PREFIX + name: cut(text, TEXT_CHARS_MAX) for name, text in note.texts.items()}
    links = {f"{PREFIX}link_{name}": url for name, url in note.links.items()}
    return {**held, **texts, **links}


def _without_ours(annotations: Mapping[str, Any]) -> dict[str, Any]:
    return {key: text for key, text in annotations.items() if not key.startswith(PREFIX)}


# -- PagerDuty


def _is_pagerduty(document: Any) -> bool:
    return isinstance(document, dict) and "event_action" in document and "routing_key" in document


def _abouts_of_pagerduty(document: Mapping[str, Any]) -> list[About]:
    payload = document.get("payload")
    if not isinstance(payload, dict):  # an acknowledgement, or an end: there is nothing to add to
        return []
    details = _details(payload)
    scope = alertmanager.scope_of(details)
    return [
        About(
            scope.environment,
            scope.service or _text(payload, ("component", "group")),
            scope.region,
            name=_text(payload, ("summary",)),
            fingerprint=_text(document, ("dedup_key",)),
            artifact=_artifact(details),
            started=_text(payload, _STARTED),
        )
    ]


def _details(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    details = payload.get("custom_details")
    return details if isinstance(details, dict) else {}


def _noted_pagerduty(document: Mapping[str, Any], notes: Sequence[Note]) -> dict[str, Any]:
    if not notes:
        return dict(document)
    (note,) = notes
    payload, made = document["payload"], dict(document)
    if payload.get("custom_details") is None or isinstance(payload["custom_details"], dict):
        details = {**_details(payload), MEMBER: {**note.texts, **note.details}}
        made["payload"] = {**payload, "custom_details": details}
    before = document.get("links")
    if before is None or isinstance(before, list):
        # Links in our name that we did not add go, whatever is added.
        kept = [one for one in before or () if not _is_our_link(one)]
        ours = [{"href": url, "text": _LINK_TEXT + name} for name, url in note.links.items()]
        if before is not None or ours:
            made["links"] = kept + ours
    return made


def _is_our_link(link: Any) -> bool:
    return isinstance(link, dict) and str(link.get("text", "")).startswith(_LINK_TEXT)


# -- Datadog


def _is_datadog(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and any(key in document for key in _DATADOG)
        and bool(_is_plain(_with_tags(document)))
    )


def _with_tags(document: Mapping[str, Any]) -> dict[str, Any]:
    """The event, and its tags as members where it has none of that name: the first of each."""
    tags = document.get("tags")
    listed = tags.split(",") if isinstance(tags, str) else tags
    found: dict[str, Any] = {}
    for one in listed if isinstance(listed, list) else ():
        name, colon, value = one.partition(":") if isinstance(one, str) else ("", "", "")
        if colon:
            found.setdefault(name.strip(), value.strip())
    return {**found, **document}


def _abouts_of_datadog(document: Mapping[str, Any]) -> list[About]:
    (about,) = _abouts_of_plain(_with_tags(document))
    started = next((s for key in _HAPPENED if (s := _moment(document.get(key)))), about.started)
    return [about._replace(started=started)]


def _moment(value: Any) -> str:
    """A time as text: seconds or milliseconds since 1970 too, numbers or digits."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        return ""
    if not _DIGITS.fullmatch(text):
        return text
    number = int(text)
    return of_posix(number // 1_000 if number >= _MILLISECONDS else number)


# -- a plain object


def _is_plain(document: Any) -> bool:
    return isinstance(document, dict) and bool(_text(document, (*alertmanager.SERVICE, *_ARTIFACT)))


def _abouts_of_plain(document: Mapping[str, Any]) -> list[About]:
    return [
        About(
            *alertmanager.scope_of(document)[:3],
            name=_text(document, ("alertname", "alert", "name", "title")),
            fingerprint=_text(document, ("fingerprint", "id")),
            artifact=_artifact(document),
            started=_text(document, _STARTED),
        )
    ]


def _noted_plain(document: Mapping[str, Any], notes: Sequence[Note]) -> dict[str, Any]:
    (note,) = notes
    links = {"links": dict(note.links)} if note.links else {}
    return {**document, MEMBER: {**note.texts, **links, **note.details}}


def _text(document: Mapping[str, Any], keys: Sequence[str]) -> str:
    for key in keys:
        value = document.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


def _artifact(document: Mapping[str, Any]) -> str:
    """What names an artifact for good: a digest, by itself or at the end of an image's name."""
    for key in _ARTIFACT:
        value = document.get(key)
        found = digests.strong_id_in(value.rpartition("@")[2]) if isinstance(value, str) else None
        if found is not None:
            return found
    return ""


SHAPES: Final = (
    Shape("alertmanager", _is_group, _abouts_of_group, _noted_group),
    Shape("alerts", _are_alerts, _abouts_of_list, _noted_list),
    Shape("pagerduty", _is_pagerduty, _abouts_of_pagerduty, _noted_pagerduty),
    Shape("datadog", _is_datadog, _abouts_of_datadog, _noted_plain),
    Shape("plain", _is_plain, _abouts_of_plain, _noted_plain),
)
