"""CDEvents: what happened in a pipeline, as an event and as facts.

    {context, subject, customData} ──parse──► CDEvent ──to_document──► the same, key for key
                                        └──facts──► an activity, what it is about, what it states

Each event is an activity, ``cdevent:<id>``, so that links between events are edges between
activities, and its subject is a thing of its own that other events speak of too. Services that are
deployed, flags, bundles and all else that is state is read in ``cdevents_states``. A type that is
not in the table (a custom one, or a newer one) is an event like any other, of no thing we know.

The schemas forbid further keys; here they are passed over, for what is sent is kept as it came.
Versions before 0.5 write ``context.version``, and ``subject.type``; both are read.

Source: CDEvents 0.6.0-draft (spec, schemas/, custom/); docs/formats/cdevents.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed
from wherefrom.formats import cdevents_commits, digests, names, timestamps
from wherefrom.formats import cdevents_states as states
from wherefrom.formats.descriptors import public_id, resource
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.strict_json import (
    as_object,
    as_string,
    get_array,
    get_object,
    get_string,
    need_object,
    need_string,
)

SPEC_VERSION: Final = "0.6.0-draft"
MEDIA_TYPE: Final = "application/json"
_TYPE: Final = re.compile(
    r"dev\.cdevents(?P<custom>x)?\.(?P<subject>[a-z0-9-]+)\.(?P<predicate>[a-z]+)"
    r"\.(?P<version>[0-9]+\.[0-9]+\.[0-9]+(?:-[A-Za-z0-9.-]+)?)"
)
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")

# subject → the kind of node it is. ``artifact`` is named by its package URL.
_SUBJECTS: Final[Mapping[str, str]] = {
    "pipelinerun": "run",
    "taskrun": "run",
    "testcaserun": "run",
    "testsuiterun": "run",
    "testoutput": "report",
    "build": "build",
    "artifact": "artifact",
    "change": "change",
    "branch": "source",
    "repository": "source",
    "environment": "environment",
    "service": "service",
    "incident": "incident",
    "ticket": "resource",
    "approval": "resource",
}
# Of a content, what is worth a look in a trace.
_TOLD: Final = (
    "outcome", "errors", "description", "pipelineName", "taskName", "decision", "status",
    "summary", "ticketType", "priority", "signature", "reason", "severity",
)  # fmt: skip


class CDEvent(NamedTuple):
    """One event. ``context``, ``subject`` and the rest are as they were written.

    type  ``subject.predicate``, without prefix and version; of a custom one with the tool's name
    """

    id: str
    source: str
    type: str
    version: str
    timestamp: str
    context: Mapping[str, Any]
    subject: Mapping[str, Any]
    rest: Mapping[str, Any]
    is_custom: bool = False

    @property
    def content(self) -> Mapping[str, Any]:
        """What is said of the subject."""
        content: Mapping[str, Any] = self.subject.get("content") or {}
        return content


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be a CDEvent."""
    context = document.get("context")
    if not isinstance(context, dict) or "subject" not in document:
        return False
    type = context.get("type")
    return isinstance(type, str) and type.startswith("dev.cdevents")


def parse(document: Mapping[str, Any]) -> CDEvent:
    """Read an event. Raises Malformed, naming the field."""
    context = need_object(document, "context")
    subject = need_object(document, "subject")
    said = need_string(context, "type", where="context")
    match = _TYPE.fullmatch(said)
    if match is None:
        raise Malformed(
            "not a type of CDEvents", where="context.type",
            expected="dev.cdevents.<subject>.<predicate>.<version>", got=said,
        )  # fmt: skip
    if "specversion" not in context:
        need_string(context, "version", where="context")
    else:
        need_string(context, "specversion", where="context")
    need_string(subject, "id", where="subject")
    get_object(subject, "content", where="subject")
    return CDEvent(
        id=need_string(context, "id", where="context"),
        source=need_string(context, "source", where="context"),
        type=f"{match['subject']}.{match['predicate']}",
        version=match["version"],
        timestamp=timestamps.canonical(
            need_string(context, "timestamp", where="context"), where="context.timestamp"
        ),
        context=context,
        subject=subject,
        rest={k: v for k, v in document.items() if k not in ("context", "subject")},
        is_custom=match["custom"] is not None,
    )


def to_document(event: CDEvent) -> dict[str, Any]:
    """The inverse of ``parse``."""
    return {"context": dict(event.context), "subject": dict(event.subject), **event.rest}


def make(
    type: str,
    version: str,
    *,
    id: str,
    source: str,
    timestamp: str,
    subject: str,
    content: Mapping[str, Any],
    custom: bool = False,
) -> dict[str, Any]:
    """A new event as a document; ``type`` is ``subject.predicate``."""
    prefix = "dev.cdeventsx" if custom else "dev.cdevents"
    return {
        "context": {
            "specversion": SPEC_VERSION,
            "id": id,
            "source": source,
            "type": f"{prefix}.{type}.{version}",
            "timestamp": timestamp,
        },
        "subject": {"id": subject, "source": source, "content": dict(content)},
    }


def to_bytes(document: Mapping[str, Any]) -> bytes:
    """A document as it is sent."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def activity_id(event_id: str) -> str:
    """The node of an event."""
    return f"cdevent:{event_id}"


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """What one event says. Raises Malformed."""
    event = parse(document)
    builder = FactsBuilder(document=document_id)
    source = public_id(event.source)
    builder.node(document_id, "event", event.type, {"source": source})
    builder.node(source, "software", source)
    builder.edge(document_id, "attributed_to", source)
    activity = _activity(builder, event)
    _links(builder, event, activity)
    node = _subject(builder, event, activity)
    if event.is_custom and event.type == f"{cdevents_commits.SUBJECT}.made":
        cdevents_commits.add(builder, str(event.subject["id"]), event.content, activity)
    states.add(builder, event.type, event.subject, activity, node=node, is_custom=event.is_custom)
    return builder.build(
        kind=_entry_kind(event),
        type=str(event.context["type"]),
        occurred=event.timestamp,
        producers=(source,),
    )


def _entry_kind(event: CDEvent) -> str:
    if event.type.startswith("incident."):
        return "incident"
    if event.is_custom and event.type.endswith(".observed"):
        return "observation"
    stated = event.type.startswith(("service.", "environment.", "change.", "prov-"))
    return "change" if stated else "event"


def _activity(builder: FactsBuilder, event: CDEvent) -> str:
    is_deployment = event.type in states.DEPLOYMENTS
    told = {key: event.content[key] for key in _TOLD if isinstance(event.content.get(key), str)}
    environment = states.environment_of(event.content)
    activity = builder.node(
        activity_id(event.id),
        "deployment" if is_deployment else "activity",
        event.type,
        {**told, "environment": environment, "chain": event.context.get("chainId")},
    )
    builder.edge(builder.document, "describes", activity)
    return activity


def _links(builder: FactsBuilder, event: CDEvent, activity: str) -> None:
    for number, link in enumerate(get_array(event.context, "links", where="context")):
        where = f"context.links[{number}]"
        link = as_object(link, where=where)
        for key in ("from", "target"):
            if link.get(key) is None:
                continue
            other = need_string(need_object(link, key, where=where), "contextId", where=where)
            kind = as_string(link.get("linkKind", link.get("linkType", "")), where=where)
            node = builder.node(activity_id(other), "activity")
            if key == "target":  # a relation leads from this event to what it brought about
                builder.edge(node, "informed_by", activity, {"link": kind.lower()})
            else:
                builder.edge(activity, "informed_by", node, {"link": kind.lower()})


def _subject(builder: FactsBuilder, event: CDEvent, activity: str) -> str | None:
    """The thing that the event is about, with what the event says of it; returns its id."""
    what, _, predicate = event.type.partition(".")
    kind = None if event.is_custom else _SUBJECTS.get(what)
    if kind is None:
        return None
    content = event.content
    node = _thing(builder, event, kind)
    builder.edge(activity, "changes", node)
    if what == "artifact":
        _artifact(builder, content, node, predicate, activity)
    elif what == "build" and (artifact := get_string(content, "artifactId", where="content")):
        made = states.thing(builder, artifact)
        builder.edge(made, "generated_by", node)
    elif what == "taskrun" and content.get("pipelineRun") is not None:
        parent = need_object(content, "pipelineRun", where="content")
        run = _id(event, "run", need_string(parent, "id", where="content.pipelineRun"))
        builder.edge(node, "informed_by", builder.node(run, "run"))
    elif what in ("change", "branch") and content.get("repository") is not None:
        repository = need_object(content, "repository", where="content")
        place = builder.node(_place(repository, event), "source")
        builder.edge(node, "changes" if what == "change" else "specializes", place)
    return node


def _thing(builder: FactsBuilder, event: CDEvent, kind: str) -> str:
    id, content = str(event.subject["id"]), event.content
    if kind == "artifact":
        return states.thing(builder, id)
    if kind == "service":
        return builder.node(names.service_id(id), kind, id)
    if kind == "environment":
        return builder.node(
            names.environment_id(id), kind, get_string(content, "name", where="content") or id
        )
    if kind == "change" and (commit := digests.commit_id(id)):
        return builder.node(commit, "commit")
    uri = get_string(content, "uri", where="content")
    return builder.node(_id(event, kind, id), kind, id, {"uri": uri})


def _artifact(
    builder: FactsBuilder, content: Mapping[str, Any], node: str, predicate: str, activity: str
) -> None:
    if content.get("change") is not None:
        change = need_object(content, "change", where="content")
        id = need_string(change, "id", where="content.change")
        commit = digests.commit_id(id)
        source = get_string(change, "source", where="content.change") or ""
        cause = commit or f"change:{source}:{names.encode(id)}"
        builder.node(cause, "commit" if commit else "change", id)
        builder.edge(node, "derived_from", cause)
    if content.get("sbom") is not None:
        sbom = need_object(content, "sbom", where="content")
        document = resource(builder, {"uri": need_string(sbom, "uri", where="content.sbom")},
                            where="content.sbom", kind="sbom")  # fmt: skip
        if document:
            builder.edge(document, "describes", node)
    if predicate in ("packaged", "published"):
        builder.edge(node, "generated_by" if predicate == "packaged" else "attributed_to", activity)
    elif predicate == "deleted":
        builder.edge(node, "invalidated_by", activity)


def _id(event: CDEvent, kind: str, id: str) -> str:
    """``id`` itself if it is a URI; else with its kind and source before it."""
    if _URI.fullmatch(id):
        return public_id(id)
    source = event.subject.get("source") or event.source
    return f"{kind}:{source}:{names.encode(id)}"


def _place(repository: Mapping[str, Any], event: CDEvent) -> str:
    id = need_string(repository, "id", where="content.repository")
    source = get_string(repository, "source", where="content.repository") or event.source
    place = digests.git_place(f"{source.rstrip('/')}/{id}")
    return place.repository if place else _id(event, "source", id)
