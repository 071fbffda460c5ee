"""Foreign webhooks as CloudEvents: which one a body is, and where it comes from.

    body + headers + where ──► {"specversion", "id", "source", "type", "time", "data": the body}
       ├ a list (of audit events, of records) ──► one event for each, its bytes as they came
       └ a question whether we want it at all ──► the answer (``handshake``)

What is delivered again must be known, also if somebody who listened sends it again: so the id is
what the body itself says, under its signature, or the digest of the body, never what a header
says. Only what senders post in the same bytes at another time (a flag file that goes back to what
it was) is dated by its arrival, and is another event then.

Sizes:  10,000 events a body
Source: CloudEvents 1.0.2; each adapter's own page under docs/formats
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import quote

import msgspec

from wherefrom.errors import LimitPassed, NotFound, Refused, Unsupported
from wherefrom.formats import (
    alertmanager,
    argocd,
    azure_activity,
    cloud_calls,
    cloudevents_binary,
    cloudtrail,
    flagd,
    flux,
    github_webhook,
    gitlab_webhook,
    google_audit,
    k8s_audit,
    launchdarkly,
    split_flags,
    strict_json,
    terraform,
    unleash,
)
from wherefrom.formats.descriptors import public_id
from wherefrom.formats.facts import Facts
from wherefrom.formats.states import Scope

EVENTS_MAX: Final = 10_000
_JSON_TYPE: Final = "application/json"
_VALIDATION: Final = "Microsoft.EventGrid.SubscriptionValidationEvent"
_CODE_CHARS_MAX: Final = 512
_Document = Mapping[str, Any]
_Headers = Mapping[str, str]


class Reading(Protocol):
    """A format of bodies: a module such as ``github_webhook``."""

    def recognises(self, document: _Document) -> bool:
        """Whether the body is one."""

    def facts(self, document: _Document, *, document_id: str, given: Scope = ...) -> Facts:
        """What it says."""


class Told(NamedTuple):
    """What a body and its headers say of the delivery; None where they do not.

    is_again  equal bodies at another time are another event, if they do not say when
    """

    type: str
    id: str | None = None
    source: str | None = None
    is_again: bool = False


class Adapter(NamedTuple):
    """One kind of webhook.

    told       reads the delivery
    formats    what its bodies are, as ``recognise`` knows them
    listed     the keys of a list whose elements are the events; empty: a body that is a list
    any_event  whether the sender has events that are not read: those are kept without facts
    """

    told: Callable[[_Document, _Headers], Told]
    formats: tuple[Reading, ...]
    listed: tuple[str, ...] = ()
    any_event: bool = False


def wrap(
    adapter: str,
    body: bytes,
    *,
    headers: _Headers,
    where: Scope,
    now: str,
    source: str | None = None,
    pipelines: str = "",
) -> list[bytes]:
    """The events of one delivery, each a CloudEvent in structured mode.

    headers    with names in lower case
    where      what the sender's address says of where it is of
    now        when it came, for what does not say when
    source     who sends it, if its body does not say
    pipelines  those that are declared, as ``cloud_calls`` reads them

    Raises NotFound for an adapter that is none, Malformed, LimitPassed, and Unsupported for a body
    of another kind.
    """
    known = need(adapter)
    cloud_calls.patterns(pipelines)
    document = strict_json.decode(body)
    address = _Address(adapter, where, source, " ".join(pipelines.split()))
    key: str | None = ""
    if isinstance(document, dict):
        key = next((key for key in known.listed if key in document), None)
    elif not isinstance(document, list) or "" not in known.listed:
        raise Unsupported(
            "a webhook of another kind", expected=f"a body of {adapter}", got="no JSON object"
        )
    if key is None:
        return [_event(known, body, document, headers, address, now)]
    return [
        _event(known, raw, inner, {}, address, now) for raw, inner in _elements(body, document, key)
    ]


def handshake(adapter: str, body: bytes) -> dict[str, str] | None:
    """What to answer a body that only asks whether this is the place to post to; None for all
    others. Raises Malformed."""
    if adapter != "azure" or _VALIDATION.encode() not in body:
        return None
    listed = strict_json.decode(body)
    one = listed[0] if isinstance(listed, list) and len(listed) == 1 else None
    if not isinstance(one, dict) or one.get("eventType") != _VALIDATION:
        return None
    data = strict_json.need_object(one, "data", where="[0]")
    code = strict_json.need_string(data, "validationCode", where="[0].data")
    return {"validationResponse": code[:_CODE_CHARS_MAX]}


def need(adapter: str) -> Adapter:
    """The adapter of this name. Raises NotFound."""
    known = ADAPTERS.get(adapter)
    if known is None:
        raise NotFound(
            "no such adapter",
            where="/v1/webhooks/",
            expected=" ".join(ADAPTERS),
            got=adapter,
            do="Use the address of one of these",
        )
    return known


class _Address(NamedTuple):
    """What the address that it was posted to says."""

    adapter: str
    where: Scope
    source: str | None
    pipelines: str


def _elements(body: bytes, document: Any, key: str) -> list[tuple[bytes, dict[str, Any]]]:
    """Each element of the list, its bytes as they came beside what they say."""
    listed = strict_json.need_array(document, key) if key else document
    if len(listed) > EVENTS_MAX:
        raise LimitPassed(
            "a body of too many events", where=key or None, expected=f"events_max {EVENTS_MAX}",
            got=len(listed),
        )  # fmt: skip
    if key:
        body = bytes(msgspec.json.decode(body, type=dict[str, msgspec.Raw])[key])
    raws = msgspec.json.decode(body, type=list[msgspec.Raw])
    return [
        (bytes(raw), strict_json.as_object(inner, where=f"{key}[{at}]"))
        for at, (raw, inner) in enumerate(zip(raws, listed, strict=True))
    ]


def _event(
    known: Adapter,
    body: bytes,
    document: _Document,
    headers: _Headers,
    address: _Address,
    now: str,
) -> bytes:
    adapter, where, source, pipelines = address
    format = next((f for f in known.formats if f.recognises(document)), None)
    if format is None and not known.any_event:
        raise Unsupported(
            "a webhook of another kind", expected=f"a body of {adapter}",
            got="keys " + ", ".join(key[:40] for key in list(document)[:8]),
        )  # fmt: skip
    told = known.told(document, headers)
    id, time = told.id, _occurred(format, document, where)
    if id is None:
        id = hashlib.sha256(body).hexdigest()[:32]
        if time is None and told.is_again:
            time = now
            id = f"{id}@{now}"
    place = f"/webhooks/{adapter}" + (f"/{quote(where.environment)}" if where.environment else "")
    attributes = {
        "specversion": "1.0", "id": id, "type": told.type,
        "source": source or told.source or place,
        **({"time": time} if time else {}),
        **{part: text for part, text in where._asdict().items() if text},
        **({"pipelines": pipelines} if pipelines else {}),
    }  # fmt: skip
    return cloudevents_binary.wrapped(attributes, body, _JSON_TYPE)


def _occurred(format: Reading | None, document: _Document, where: Scope) -> str | None:
    """When it happened, by the body itself; a broken body says so where it is recorded."""
    if format is None:
        return None
    try:
        said = format.facts(document, document_id="", given=where)
    except Refused:
        return None
    return said.occurred or next((state.at for state in said.states if state.at), None)


# -- what each sender says of a delivery


def _text(parent: object, *path: str) -> str | None:
    """The text at a path of keys, if there is one."""
    for key in path:
        parent = parent.get(key) if isinstance(parent, dict) else None
    return parent if isinstance(parent, str) and parent else None


def _page(url: str | None) -> str | None:
    """An address as a source: without a user in it, and only if it can be one."""
    return quote(public_id(url), safe=":/?#[]@!$&'()*+,;=%~") if url else None


def _github(document: _Document, headers: _Headers) -> Told:
    event = github_webhook.event_of(document) or headers.get("x-github-event") or "unknown"
    login = _text(document, "organization", "login") or _text(document, "sender", "login")
    page = _text(document, "repository", "html_url")
    return Told(
        f"com.github.{event}",
        source=_page(page or (f"https://github.com/{login}" if login else None)),
    )


def _gitlab(document: _Document, headers: _Headers) -> Told:
    kind = _text(document, "object_kind") or _text(document, "event_name") or "unknown"
    page = _text(document, "project", "web_url") or headers.get("x-gitlab-instance")
    return Told(f"com.gitlab.{kind}", source=_page(page))


def _kubernetes(document: _Document, _: _Headers) -> Told:
    audit_id, stage = _text(document, "auditID"), _text(document, "stage")
    return Told("io.k8s.audit", f"{audit_id}/{stage}" if audit_id else None)


def _alertmanager(document: _Document, _: _Headers) -> Told:
    status = _text(document, "status") or "unknown"
    return Told(f"io.prometheus.alert.{status}", None, _page(_text(document, "externalURL")))


def _launchdarkly(document: _Document, _: _Headers) -> Told:
    kind = _text(document, "kind") or "unknown"
    site = _text(document, "_links", "site", "href") or "https://app.launchdarkly.com"
    origin = "/".join(site.split("/")[:3]) if "://" in site else "https://app.launchdarkly.com"
    return Told(f"com.launchdarkly.{kind}", _text(document, "_id"), _page(origin))


def _unleash(document: _Document, _: _Headers) -> Told:
    number = document.get("id")
    id = str(number) if isinstance(number, int | str) and number != "" else None
    return Told(f"io.getunleash.{_text(document, 'type') or 'unknown'}", id)


def _flux(document: _Document, _: _Headers) -> Told:
    kind = _text(document, "involvedObject", "kind") or "unknown"
    return Told(f"io.fluxcd.{kind.lower()}")


def _argocd(_: _Document, __: _Headers) -> Told:
    return Told("io.argoproj.application")


def _split(_: _Document, __: _Headers) -> Told:
    return Told("io.split.change")


def _flagd(_: _Document, __: _Headers) -> Told:
    return Told("dev.flagd.flags", is_again=True)


def _terraform(document: _Document, _: _Headers) -> Told:
    what = "plan" if "resource_changes" in document else "state"
    return Told(f"io.terraform.{what}", is_again=True)


def _aws(document: _Document, _: _Headers) -> Told:
    if isinstance(document.get("MessageId"), str):
        kind = _text(document, "Type") or "unknown"
        return Told(f"com.amazonaws.sns.{kind}", _text(document, "MessageId"))
    return Told("com.amazonaws.cloudtrail", cloudtrail.event_id(document))


def _google(document: _Document, _: _Headers) -> Told:
    entry = google_audit.entry_of(document)
    return Told("com.google.cloud.audit", _text(entry, "insertId"))


def _azure(document: _Document, _: _Headers) -> Told:
    kind = _text(document, "eventType") or "Microsoft.Insights.Activity"
    return Told(kind, _text(document, "id") if "eventType" in document else None)


ADAPTERS: Final[Mapping[str, Adapter]] = {
    "github": Adapter(_github, (github_webhook,), any_event=True),
    "gitlab": Adapter(_gitlab, (gitlab_webhook,), any_event=True),
    "kubernetes": Adapter(_kubernetes, (k8s_audit,), listed=("items",)),
    "alertmanager": Adapter(_alertmanager, (alertmanager,)),
    "flux": Adapter(_flux, (flux,)),
    "argocd": Adapter(_argocd, (argocd,)),
    "launchdarkly": Adapter(_launchdarkly, (launchdarkly,), any_event=True),
    "unleash": Adapter(_unleash, (unleash,), any_event=True),
    "split": Adapter(_split, (split_flags,)),
    "terraform": Adapter(_terraform, (terraform,)),
    "aws": Adapter(_aws, (cloudtrail,), listed=("Records",)),
    "google": Adapter(_google, (google_audit,), listed=("entries",)),
    "azure": Adapter(_azure, (azure_activity,), listed=("", "records", "value")),
    "flagd": Adapter(_flagd, (flagd,)),
}
