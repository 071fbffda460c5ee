"""What CDEvents say of state: services that are deployed, and the custom types for all the rest.

    service.deployed, upgraded, rolledback ──► declared: the artifact;  service.removed ──► no more
    incident.detected, reported, resolved  ──► observed: an incident that is open, or no more
    dev.cdeventsx.prov-<what>.<predicate>  ──► one place of a slot, or a list of places at once

CDEvents know services and artifacts. What else is live has no type there, so there are custom
ones, with the names that the specification gives to extensions:

    prov-configbundle.activated   prov-policy.activated   prov-flag.changed   prov-secret.rotated
    prov-migration.applied        prov-safemode.entered, exited               prov-resource.changed
    prov-migration.failed              no state: it was tried
    prov-estate.declared, observed     many places, and whether they are all there are
    prov-invocation.finished           no state: one call of a function (``invocation``)

Sizes:  those of ``states``
Source: CDEvents 0.6.0-draft, "Custom CDEvents"; docs/formats/states.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.formats import config_bundle, invocation, names, reality_id, timestamps
from wherefrom.formats.descriptors import public_id, resource
from wherefrom.formats.digests import strong_id
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.states import DECLARED, OBSERVED, SLOTS, Scope, State, Whole
from wherefrom.formats.strict_json import (
    as_object,
    as_string,
    get_array,
    get_object,
    get_string,
    need_array,
    need_string,
)

DEPLOYMENTS: Final = ("service.deployed", "service.upgraded", "service.rolledback")
ESTATE: Final = "prov-estate"
# custom subject → slot
_PLACES: Final[Mapping[str, str]] = {
    "prov-configbundle": "config",
    "prov-policy": "policy",
    "prov-flag": "flag",
    "prov-secret": "secret",
    "prov-migration": "migration",
    "prov-safemode": "safe_mode",
    "prov-resource": "resource",
}
FAILED_MIGRATION: Final = "prov-migration.failed"
_TOLD: Final = ("by", "reason", "until", "meaning", "before")
_TOLD_OF_MIGRATIONS: Final = ("tool", "script", "checksum", "undo", "can_undo")
_ENDED: Final = frozenset({"exited", "removed", "deleted", "deactivated"})
_PINNED: Final = re.compile(r"\S+@sha(?:256|512):[0-9a-f]+")


def add(
    builder: FactsBuilder,
    type: str,
    subject: Mapping[str, Any],
    activity: str,
    *,
    node: str | None,
    is_custom: bool,
) -> None:
    """Add the states of an event of this type, ``subject.predicate``. Raises Malformed.

    node  its subject's, if that is a thing of its own
    """
    what, _, predicate = type.partition(".")
    id: str = subject["id"]
    content: Mapping[str, Any] = subject.get("content") or {}
    if not is_custom and what == "service":
        _service(builder, type, id, content, activity)
    elif not is_custom and what == "incident":
        _incident(builder, predicate, id, content, activity, node)
    elif is_custom and what == ESTATE:
        _estate(builder, predicate, id, content, activity)
    elif is_custom and what == invocation.SUBJECT:
        invocation.add(builder, subject, activity)
    elif is_custom and type == FAILED_MIGRATION:
        _tried(builder, content, activity)
    elif is_custom and what in _PLACES:
        _place(builder, _PLACES[what], predicate, id, content, activity)


def environment_of(content: Mapping[str, Any]) -> str | None:
    """The environment that a content names, as an object with an id or as a text."""
    said = content.get("environment")
    if isinstance(said, dict):
        return need_string(said, "id", where="content.environment")
    return None if said is None else as_string(said, where="content.environment")


def thing(builder: FactsBuilder, text: str) -> str:
    """The node of an artifact, by its package URL, its digest or a reference with a digest."""
    return _known(builder, text) or builder.node(text, "artifact")


def value(builder: FactsBuilder, text: str) -> str:
    """``text`` as a value: a node's id, if it names one thing for ever; else as it is."""
    return _known(builder, text) or text


def _known(builder: FactsBuilder, text: str) -> str | None:
    algorithm, colon, digits = text.partition(":")
    if colon and (id := strong_id(algorithm, digits)):
        return builder.node(id, "artifact")
    if text[:4].lower() == "pkg:" or _PINNED.fullmatch(text):
        return resource(builder, {"uri": text}, where="value")
    return None


def _scope(content: Mapping[str, Any], *, service: str = "", where: str = "content") -> Scope:
    said = content.get("service")
    if isinstance(said, dict):
        service = need_string(said, "id", where=f"{where}.service")
    elif said is not None:
        service = as_string(said, where=f"{where}.service")
    parts = {part: get_string(content, part, where=where) or "" for part in Scope._fields[2:]}
    return Scope(environment_of(content) or "", service, **parts)


def _service(
    builder: FactsBuilder, type: str, id: str, content: Mapping[str, Any], activity: str
) -> None:
    scope = _scope(content, service=id)._replace(service=id)
    if scope.environment:
        builder.node(names.environment_id(scope.environment), "environment", scope.environment)
    said = get_string(content, "artifactId", where="content")
    if type in DEPLOYMENTS and said:
        artifact = thing(builder, said)
        builder.edge(activity, "deploys", artifact)
        builder.state(State(DECLARED, scope, "artifact", "", artifact, said))
    elif type == "service.removed":
        builder.state(State(DECLARED, scope, "artifact", "", None))


def _incident(
    builder: FactsBuilder,
    predicate: str,
    id: str,
    content: Mapping[str, Any],
    activity: str,
    node: str | None,
) -> None:
    scope = _scope(content)
    description = get_string(content, "description", where="content")
    said = get_string(content, "artifactId", where="content")
    if said:
        builder.edge(activity, "used", thing(builder, said))
    if scope.service:
        service = builder.node(names.service_id(scope.service), "service", scope.service)
        builder.edge(activity, "changes", service)
    # Who detects an incident and who reports it name different sources: it is one all the same.
    called = public_id(id) if "://" in id else f"incident:cdevents:{names.encode(id)}"
    builder.node(called, "incident", description)
    if node is not None:
        builder.edge(node, "alternate", called)
    is_open = predicate != "resolved"
    told = {"ticket": get_string(content, "ticketURI", where="content")}
    builder.state(
        State(OBSERVED, scope, "incident", id, called if is_open else None, description,
              {k: v for k, v in told.items() if v} or None)
    )  # fmt: skip


def _place(
    builder: FactsBuilder,
    slot: str,
    predicate: str,
    id: str,
    content: Mapping[str, Any],
    activity: str,
) -> None:
    """One place of a slot: ``after`` (or ``value``, ``version``, ``digest``) is what it is now."""
    scope = _scope(content)
    said = next((content[k] for k in ("after", "value", "version", "digest") if k in content), None)
    text = None if said is None or predicate in _ENDED else _text(said)
    if text is None and predicate not in _ENDED and "after" not in content:
        raise Malformed(
            f"a {slot} without what it is now", where="content",
            expected="after, value, version or digest",
        )  # fmt: skip
    held = text
    if text is not None and (node := _known(builder, text)):
        if slot in config_bundle.KINDS.values():
            builder.node(node, "config", id)
        builder.edge(activity, "deploys", node)
        held = node
    told = {
        key: content[key]
        for key in (*_TOLD, *(_TOLD_OF_MIGRATIONS if slot == "migration" else ()))
        if isinstance(content.get(key), str)
    }
    builder.state(
        State(DECLARED, scope, slot, id, held, get_string(content, "says", where="content"),
              told or None)
    )  # fmt: skip
    if scope.service:
        service = builder.node(names.service_id(scope.service), "service", scope.service)
        builder.edge(activity, "changes", service)
    if slot == "flag":
        flag = builder.node(names.flag_id(scope.environment, id), "flag", id)
        builder.edge(activity, "changes", flag)


def _tried(builder: FactsBuilder, content: Mapping[str, Any], activity: str) -> None:
    """A migration that failed: it was run, and states nothing."""
    scope = _scope(content)
    said = {key: content.get(key) for key in ("failed", "says", *_TOLD_OF_MIGRATIONS, "by")}
    kept = {key: text for key, text in said.items() if isinstance(text, str)}
    builder.node(activity, "activity", None, kept)
    if scope.service:
        service = builder.node(names.service_id(scope.service), "service", scope.service)
        builder.edge(activity, "used", service)


def _estate(
    builder: FactsBuilder, predicate: str, id: str, content: Mapping[str, Any], activity: str
) -> None:
    """Many places: ``all`` names the slots of which the list is complete, within ``scope``."""
    if predicate not in (DECLARED, OBSERVED):
        raise Malformed("an estate is declared or observed", where="context.type", got=predicate)
    outer = _scope(get_object(content, "scope", where="content"), where="content.scope")
    if not outer.environment:
        outer = outer._replace(environment=id)
    builder.node(names.environment_id(outer.environment), "environment", outer.environment)
    for number, said in enumerate(need_array(content, "states", where="content")):
        where = f"content.states[{number}]"
        _one_of_many(builder, predicate, outer, as_object(said, where=where), where, activity)
    slots = tuple(
        as_string(slot, where="content.all") for slot in get_array(content, "all", where="content")
    )
    if slots:
        builder.all_of(Whole(predicate, outer, slots))


def _one_of_many(
    builder: FactsBuilder,
    mode: str,
    outer: Scope,
    said: Mapping[str, Any],
    where: str,
    activity: str,
) -> None:
    slot = need_string(said, "slot", where=where)
    if slot not in SLOTS:
        raise Malformed(
            "not a slot of state", where=f"{where}.slot", expected=" ".join(SLOTS), got=slot
        )
    inner = _scope(get_object(said, "scope", where=where), where=f"{where}.scope")
    scope = Scope(*(mine or theirs for mine, theirs in zip(inner, outer, strict=True)))
    if not outer.covers(scope):
        raise Malformed("a state outside the scope of its list", where=f"{where}.scope")
    given = said.get("value")
    held = None if given is None else value(builder, _text(given))
    if held is not None and slot == "artifact":
        builder.node(held, "image")
        if mode == OBSERVED and scope.instance:
            instance = builder.node(names.instance_id(scope.instance), "instance", scope.instance)
            builder.edge(instance, "runs", held)
        else:
            builder.edge(activity, "deploys", held)
    told = get_object(said, "properties", where=where)
    if mode == OBSERVED and scope.instance and get_string(told, "reality", where=where):
        _reality(builder, scope.instance, told["reality"], held, where)
    at = get_string(said, "at", where=where)
    if at is not None:
        at = timestamps.canonical(at, where=f"{where}.at")
    builder.state(
        State(
            mode, scope, slot, get_string(said, "name", where=where) or "", held,
            get_string(said, "says", where=where),
            told or None, at,
        )
    )  # fmt: skip


def _reality(builder: FactsBuilder, instance: str, said: str, part: str | None, where: str) -> None:
    """What an instance says it is made of, and one part of that."""
    id = reality_id.id_of(said, where=f"{where}.properties.reality")
    builder.node(id, "reality", reality_id.short(id))
    runs = builder.node(names.instance_id(instance), "instance", instance)
    builder.edge(runs, "runs", id)
    if part is not None and (known := _known(builder, part)):
        builder.edge(id, "contains", known)


def _text(said: object) -> str:
    if isinstance(said, bool):
        return "true" if said else "false"
    if isinstance(said, int | float):
        return repr(said)
    return as_string(said, where="value")
