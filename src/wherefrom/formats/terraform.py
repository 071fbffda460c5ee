"""Terraform's plans and states, as ``terraform show -json`` writes them: what is provisioned.

    state  {"values": {"root_module": …}}    ──► declared and observed: every resource, and that
                                                 this is all
    plan   {"resource_changes": […]}         ──► declared: what each is to be, or that it goes
           {"resource_drift": […]}           ──► observed: what somebody changed beside Terraform
    a sensitive value in clear, a raw state  ──► ForbiddenField

A state is what was decided and applied, as Terraform saw it then: whatever is seen later and is
not so, is drift. The value of a resource is the digest of its settings, of which a plan does not
know those that only come with the apply: until the state comes, such a resource differs. Data
sources are read, not provisioned. What a cloud calls a resource (``arn``, ``/subscriptions/…``,
``//…googleapis.com/…``) is another name of it, under which its audit log speaks of it; the states
say it as ``called``.

Source: Terraform, "JSON Output Format" 1.x; OpenTofu writes the same; docs/formats/terraform.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wherefrom.errors import ForbiddenField, Unsupported
from wherefrom.formats import changes, cloud_names, names, terraform_state, timestamps
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.keyed_hash import is_keyed
from wherefrom.formats.states import DECLARED, MODES, OBSERVED, Scope, State, Whole
from wherefrom.formats.strict_json import (
    as_object,
    as_string,
    get_array,
    get_object,
    get_string,
    need_array,
    need_object,
    need_string,
)
from wherefrom.formats.terraform_secrets import in_clear

_ROOT: Final = frozenset({"values", "resource_changes", "planned_values", "terraform_version"})
_EMPTY_STATE: Final = frozenset({"format_version", "terraform_version", "checks"})
_IDLE: Final = frozenset({"no-op", "read"})
_NOTHING: Final[tuple[Any, ...]] = (None, [], {})
_UNKNOWN_MAX: Final = 100
_DO: Final = "Send it with wherefrom change terraform, which takes it out first"


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be a plan or a state."""
    if "format_version" not in document:
        return terraform_state.recognises(document)
    return not _ROOT.isdisjoint(document) or document.keys() <= _EMPTY_STATE


def facts(document: Mapping[str, Any], *, document_id: str, given: Scope = ANYWHERE) -> Facts:
    """What a plan decides, or a state holds; ``given`` is where it is of.

    Raises Malformed; Unsupported for another version; ForbiddenField for a sensitive value.
    """
    if "format_version" not in document:
        raise ForbiddenField(
            "a file of state, which may hold secrets that nothing marks", where="resources",
            expected="what wherefrom change terraform leaves of it", do=_DO,
        )  # fmt: skip
    version = need_string(document, "format_version")
    if version.partition(".")[0] not in ("0", "1"):
        raise Unsupported(
            "a document of Terraform of another version", where="format_version", expected="1.x",
            got=version,
        )  # fmt: skip
    for clear in in_clear(document):
        raise ForbiddenField(
            "a sensitive value in clear", where=clear.where, expected="a keyed hash", do=_DO
        )
    said = get_string(document, "timestamp")
    time = timestamps.canonical(said, where="timestamp") if said else None
    builder = FactsBuilder(document=document_id)
    is_plan = "resource_changes" in document or "planned_values" in document
    what = "plan" if is_plan else "state"
    properties = {"format": "Terraform", "version": get_string(document, "terraform_version")}
    builder.node(document_id, "event", what, properties)
    if is_plan:
        _plan(builder, document, given, time)
    else:
        _state(builder, document, given, time)
    return builder.build(
        kind="change" if is_plan else "observation", type=f"terraform.{what}", occurred=time
    )


# -- a state


def _state(
    builder: FactsBuilder, document: Mapping[str, Any], given: Scope, time: str | None
) -> None:
    for where, resource in _resources(get_object(document, "values")):
        address, properties = _address(resource, where)
        values = _settings(resource, "values", where)
        node = _node(builder, given, address, properties, values)
        builder.edge(builder.document, "describes", node)
        for mode in MODES:
            builder.state(_held(mode, given, address, values, properties, time))
    for mode in MODES:
        builder.all_of(Whole(mode, given, ("resource",), at=time))


def _resources(values: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every managed resource of every module, and where it stands."""
    waiting = [("values.root_module", get_object(values, "root_module", where="values"))]
    while waiting:
        place, module = waiting.pop()
        for at, one in enumerate(get_array(module, "resources", where=place)):
            where = f"{place}.resources[{at}]"
            resource = as_object(one, where=where)
            if _is_managed(resource):
                yield where, resource
        for at, inner in enumerate(get_array(module, "child_modules", where=place)):
            where = f"{place}.child_modules[{at}]"
            waiting.append((where, as_object(inner, where=where)))


def _is_managed(resource: Mapping[str, Any]) -> bool:
    """Not a data source, nor what is left of a resource that is being replaced."""
    return resource.get("mode") != "data" and not resource.keys() & {"deposed", "deposed_key"}


# -- a plan


def _plan(
    builder: FactsBuilder, document: Mapping[str, Any], given: Scope, time: str | None
) -> None:
    counted: dict[str, int] = {}
    things: list[str] = []
    decided = document.get("errored") is not True
    for at, one in enumerate(get_array(document, "resource_changes")):
        where = f"resource_changes[{at}]"
        resource = as_object(one, where=where)
        if not _is_managed(resource):
            continue
        actions = _actions(resource, where)
        node = _change(builder, resource, given, time, where=where, decided=decided)
        if not _IDLE.issuperset(actions):
            counted["+".join(actions)] = counted.get("+".join(actions), 0) + 1
            things.append(node)
    for at, one in enumerate(get_array(document, "resource_drift")):
        _drifted(builder, as_object(one, where="resource_drift"), given, time, at=at)
    summary = ", ".join(f"{number} to {actions}" for actions, number in sorted(counted.items()))
    changes.add_change(
        builder, changes.change_id("terraform", builder.document.removeprefix("sha256:")),
        f"plan: {summary or 'nothing to change'}", where=given, things=things,
        properties={"time": time, "errored": None if decided else True},
    )  # fmt: skip


def _actions(resource: Mapping[str, Any], where: str) -> list[str]:
    change = need_object(resource, "change", where=where)
    place = f"{where}.change.actions"
    return [
        as_string(action, where=place)
        for action in need_array(change, "actions", where=f"{where}.change")
    ]


def _change(
    builder: FactsBuilder,
    resource: Mapping[str, Any],
    given: Scope,
    time: str | None,
    *,
    where: str,
    decided: bool,
) -> str:
    """One resource of a plan; returns its node."""
    address, properties = _address(resource, where)
    change = need_object(resource, "change", where=where)
    place = f"{where}.change"
    after, before = _settings(change, "after", place), _settings(change, "before", place)
    node = _node(builder, given, address, properties, after or before)
    if not decided:
        return node
    if change.get("after") is None:  # it is deleted, or forgotten
        builder.state(
            State(DECLARED, given, "resource", changes.short_name(address), None, at=time)
        )
    else:
        unknown = change.get("after_unknown")
        open_ = None if unknown is not True else ["*"]
        if isinstance(unknown, dict):
            open_ = sorted(key for key, value in unknown.items() if value)[:_UNKNOWN_MAX] or None
        told = {**properties, "unknown": open_}
        builder.state(_held(DECLARED, given, address, after, told, time))
    moved = get_string(resource, "previous_address", where=where)
    if moved is not None and moved != address:
        builder.state(State(DECLARED, given, "resource", changes.short_name(moved), None, at=time))
        builder.edge(node, "alternate", _node(builder, given, moved, properties, {}))
    return node


def _drifted(
    builder: FactsBuilder, resource: Mapping[str, Any], given: Scope, time: str | None, *, at: int
) -> None:
    """A resource that is not as Terraform left it: somebody changed it beside Terraform.

    What only moved, or says nothing in another way (null for an empty list), is as it was.
    """
    where = f"resource_drift[{at}]"
    if not _is_managed(resource) or _IDLE.issuperset(_actions(resource, where)):
        return
    address, properties = _address(resource, where)
    change = need_object(resource, "change", where=where)
    before, after = (_settings(change, side, f"{where}.change") for side in ("before", "after"))
    node = _node(builder, given, address, properties, after or before)
    said = [{k: v for k, v in side.items() if v not in _NOTHING} for side in (before, after)]
    differing = sorted(k for k in before.keys() | after.keys() if said[0].get(k) != said[1].get(k))
    if not differing:
        return
    changes.add_change(
        builder, changes.change_id("terraform", f"drift:{address}@{changes.digest_of(after)}"),
        f"{address} was changed beside Terraform", where=given, things=(node,),
        properties={"out_of_band": True, "keys": differing[:100], "seen": time},
    )  # fmt: skip
    told = {**properties, "out_of_band": True}
    builder.state(_held(OBSERVED, given, address, after or None, told, time))


# -- one resource


def _settings(parent: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """Its settings, nothing if there are none; all of them may be sensitive together."""
    whole = parent.get(key)
    if is_keyed(whole):
        return {"": whole}
    return get_object(parent, key, where=where)


def _address(resource: Mapping[str, Any], where: str) -> tuple[str, dict[str, Any]]:
    address = need_string(resource, "address", where=where)
    return address, {
        "type": get_string(resource, "type", where=where),
        "provider": get_string(resource, "provider_name", where=where),
    }


def _held(
    mode: str,
    given: Scope,
    address: str,
    settings: Mapping[str, Any] | None,
    properties: Mapping[str, Any],
    time: str | None,
) -> State:
    value = None if settings is None else changes.digest_of(settings)
    called = list(cloud_names.of_settings(settings or {})) or None
    said = {**properties, "called": called}
    kept = {key: text for key, text in said.items() if text is not None}
    name = changes.short_name(address)
    return State(mode, given, "resource", name, value, properties=kept or None, at=time)


def _node(
    builder: FactsBuilder,
    given: Scope,
    address: str,
    properties: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> str:
    node = builder.node(
        f"terraform:{names.encode(given.environment)}:{names.encode(address)}", "resource",
        changes.shown(address), properties,
    )  # fmt: skip
    for name in cloud_names.of_settings(settings):
        builder.edge(node, "alternate", builder.node(name, "resource"))
    return node
