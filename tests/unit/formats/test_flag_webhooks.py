"""LaunchDarkly, Unleash and Split: a flag was changed by somebody, and what it is since."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.formats.told import alone, links, of_kind, only, said, told
from wherefrom.errors import Malformed
from wherefrom.formats.states import DECLARED, Scope, State

AT = "2026-01-01T10:00:00.000000Z"
MILLIS = 1767261600000
VARIATIONS = [{"value": True}, {"value": False}, {"value": {"size": 3}}]


def launchdarkly(
    resource: str = "proj/shop:env/prod;live:flag/dark;tag", action: str = "updateOn", **inside: Any
) -> dict[str, Any]:
    prod = {"on": True, "version": 9, "offVariation": 1, "fallthrough": {"variation": 0}, **inside}
    return {
        "_id": "6a", "date": MILLIS, "kind": "flag", "name": "Dark mode",
        "accesses": [{"action": action, "resource": resource}],
        "member": {"_id": "m1", "email": "jane@example.com"},
        "currentVersion": {"key": "dark", "variations": VARIATIONS, "environments": {"prod": prod}},
    }  # fmt: skip


def unleash(type: str = "feature-environment-enabled", **changes: Any) -> dict[str, Any]:
    return {
        "id": 12, "type": type, "featureName": "dark", "environment": "prod",
        "createdBy": "jane@example.com", "createdAt": "2026-01-01T10:00:00Z", **changes,
    }  # fmt: skip


def split(definition: Any, **changes: Any) -> dict[str, Any]:
    return {
        "name": "dark", "type": "Split", "changeNumber": MILLIS, "time": MILLIS,
        "environmentName": "prod", "editor": "jane@example.com", "definition": definition,
        "schemaVersion": 1, "previous": None, **changes,
    }  # fmt: skip


@pytest.mark.parametrize("document", [launchdarkly(), unleash(), split("if x")])
def test_a_change_of_a_flag_is_by_somebody_whose_address_is_hashed(document: Any) -> None:
    found = alone(document)
    (change,) = of_kind(found, "change")
    (person,) = of_kind(found, "person")
    assert (change.id, "changes", "flag:prod:dark") in links(found)
    assert (change.id, "associated_with", person.id) in links(found)
    assert (found.document, "describes", change.id) in links(found)
    assert "jane" not in str(found)
    assert (found.kind, found.occurred) == ("change", AT)


@pytest.mark.parametrize(
    ("inside", "value"),
    [
        ({}, "true"),
        ({"on": False}, "false"),
        ({"fallthrough": {"variation": 2}}, '{"size":3}'),
        ({"fallthrough": {"rollout": {}}}, "on"),
        ({"fallthrough": {"variation": 7}}, "on"),
        ({"on": False, "offVariation": None}, "off"),
    ],
)
def test_launchdarkly_gives_the_value_of_the_variation_that_is_served(
    inside: Any, value: str
) -> None:
    state = only(alone(launchdarkly(**inside)))
    assert state == State(
        DECLARED, Scope("prod"), "flag", "dark", value, properties={"version": 9}, at=AT
    )


def test_launchdarkly_tells_the_environments_that_were_changed_and_no_other() -> None:
    document = launchdarkly()
    document["currentVersion"]["environments"]["test"] = {"on": False}
    assert [state.scope.environment for state in alone(document).states] == ["prod"]
    everywhere = launchdarkly("proj/shop:env/*:flag/dark")
    everywhere["currentVersion"]["environments"]["test"] = {"on": False}
    assert [state.scope.environment for state in alone(everywhere).states] == ["prod", "test"]


def test_launchdarkly_without_the_flag_itself_tells_a_change_and_no_state() -> None:
    bare = launchdarkly()
    del bare["currentVersion"]
    found = alone(bare)
    assert found.states == ()
    assert len(of_kind(found, "flag")) == 1
    other = {**bare, "kind": "project", "accesses": []}
    assert of_kind(alone(other), "flag") == []


def test_a_flag_that_is_deleted_has_ended() -> None:
    assert only(alone(launchdarkly(action="deleteFlag"))).value is None
    assert only(alone(unleash("feature-archived"))).value is None


@pytest.mark.parametrize(
    ("document", "value"),
    [
        (unleash(), "on"),
        (unleash("feature-environment-disabled"), "off"),
        (unleash("feature-updated", data={"enabled": False}), "off"),
    ],
)
def test_unleash_says_on_or_off(document: Any, value: str) -> None:
    assert only(alone(document)) == State(DECLARED, Scope("prod"), "flag", "dark", value, at=AT)


def test_unleash_asks_the_event_around_it_for_an_environment() -> None:
    found = told(unleash(environment=None, data={"enabled": True}), environment="test")
    assert only(found).scope == Scope("test")
    assert [node.id for node in of_kind(found, "flag")] == ["flag:test:dark"]
    assert alone(unleash("feature-strategy-add")).states == ()


def test_split_says_what_a_killed_flag_gives_and_else_the_digest_of_its_rules() -> None:
    killed = {"killed": True, "defaultTreatment": "off"}
    for definition in (killed, json.dumps(killed)):
        assert said(alone(split(definition))) == {("flag", "dark"): "off"}
    one, other = (said(alone(split(rules)))["flag", "dark"] for rules in ("if a", "if b"))
    assert one is not None
    assert one.startswith("sha256:")
    assert one != other
    assert alone(split("")).states == ()


@pytest.mark.parametrize("time", ["now", True, -1, 2**60, 2**48])
def test_a_time_that_is_none_is_refused(time: Any) -> None:
    with pytest.raises(Malformed, match="not a time"):
        alone(split("if a", time=time))
    with pytest.raises(Malformed, match="not a time"):
        alone({**launchdarkly(), "date": time})
