"""CDEvents: all that the specification shows comes back key for key; what is stated is held."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from tests.unit.formats.changed import need_facts_or_refusal, with_one_change
from wherefrom.errors import Malformed
from wherefrom.formats import cdevents
from wherefrom.formats.facts import Facts
from wherefrom.formats.recognise import facts_of
from wherefrom.formats.states import DECLARED, OBSERVED, Scope, State, Whole

SPEC = DATA / "runtime" / "cdevents-spec"
REAL = [*sorted((SPEC / "conformance").glob("*.json")), SPEC / "custom" / "conformance.json"]
DIGEST = "sha256:" + "a" * 64


def load(path: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def shown(name: str, content: dict[str, Any] | None = None, **subject: Any) -> dict[str, Any]:
    """The specification's own event of this type, with another content."""
    document = load(SPEC / "conformance" / f"{name}.json")
    document["subject"] |= subject
    if content is not None:
        document["subject"]["content"] = content
    return document


def custom(type: str, id: str, **content: Any) -> dict[str, Any]:
    return cdevents.make(
        type, "0.1.0", id="1", source="/ci", timestamp="2026-01-02T03:04:05Z", subject=id,
        content=content, custom=True,
    )  # fmt: skip


def read(document: dict[str, Any]) -> Facts:
    return facts_of(json.dumps(document).encode())


def edges(facts: Facts, relation: str) -> set[tuple[str, str]]:
    return {(e.source, e.target) for e in facts.edges if e.relation == relation}


def test_there_is_a_real_event_of_every_type():
    assert len(REAL) == 49
    schemas = {path.stem for path in (SPEC / "schemas").glob("*.json")}
    assert {path.stem.replace("_", "") for path in REAL[:-1]} == schemas


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_an_event_comes_back_key_for_key_and_is_recorded(path):
    document = load(path)
    event = cdevents.parse(document)
    assert cdevents.to_document(event) == document
    assert list(cdevents.to_document(event)) == list(document)
    facts = read(document)
    assert facts.occurred == event.timestamp
    assert facts.type == document["context"]["type"]
    activity = cdevents.activity_id(document["context"]["id"])
    assert (facts.document, activity) in edges(facts, "describes")
    assert len(edges(facts, "informed_by")) >= 2, "its links, from and to"


@pytest.mark.parametrize("path", REAL[:-1], ids=lambda path: path.stem)
def test_an_event_that_we_make_is_one_by_the_schema_of_its_type(path):
    document = load(path)
    event = cdevents.parse(document)
    made = cdevents.make(
        event.type, event.version, id=event.id, source=event.source,
        timestamp=document["context"]["timestamp"], subject=document["subject"]["id"],
        content=event.content,
    )  # fmt: skip
    schema = load(SPEC / "schemas" / f"{path.stem.replace('_', '')}.json")
    links = {
        schema["$id"]: schema for schema in map(load, (SPEC / "schemas" / "links").glob("*.json"))
    }
    registry = jsonschema_rs.Registry(list(links.items()))
    validator = jsonschema_rs.validator_for(schema, registry=registry)
    validator.validate(made)
    made["context"]["type"] += "x"
    assert not validator.is_valid(made)


def test_older_versions_are_read_too():
    document = shown("service_deployed")
    context = document["context"]
    context["version"] = "0.4.1"
    del context["specversion"]
    document["subject"]["type"] = "service"
    assert read(document).states == read(shown("service_deployed")).states


@pytest.mark.parametrize("name", ["service_deployed", "service_upgraded", "service_rolledback"])
def test_a_service_that_is_deployed_is_declared_and_its_artifact_is_found_by_its_digest(name):
    purl = f"pkg:oci/cart@sha256%3A{'a' * 64}"
    facts = read(shown(name, {"environment": {"id": "prod"}, "artifactId": purl}, id="cart"))
    (state,) = facts.states
    assert state == State(DECLARED, Scope("prod", "cart"), "artifact", "", state.value, purl)
    (deployed,) = edges(facts, "deploys")
    assert deployed[1] == state.value
    assert facts.kind == "change"


def test_a_service_that_is_removed_holds_no_artifact():
    facts = read(shown("service_removed", {"environment": {"id": "prod"}}, id="cart"))
    assert facts.states == (State(DECLARED, Scope("prod", "cart"), "artifact", "", None),)


def test_an_incident_is_open_until_it_is_resolved():
    content = {"environment": {"id": "prod"}, "service": {"id": "cart"}, "description": "slow"}
    scope = Scope("prod", "cart")
    found = {
        name: read(shown(f"incident_{name}", content, id="inc-1")).states
        for name in ("detected", "reported", "resolved")
    }
    opened = State(OBSERVED, scope, "incident", "inc-1", "incident:cdevents:inc-1", "slow")
    ended = State(OBSERVED, scope, "incident", "inc-1", None, "slow")
    assert found == {"detected": (opened,), "reported": (opened,), "resolved": (ended,)}


def test_a_build_made_its_artifact_and_an_artifact_came_of_its_change():
    built = read(shown("build_finished", {"artifactId": DIGEST}, id="b1", source="/ci"))
    assert edges(built, "generated_by") == {(DIGEST, "build:/ci:b1")}
    commit = "0123456789abcdef0123456789abcdef01234567"
    packaged = read(shown("artifact_packaged", {"change": {"id": commit}}, id=DIGEST))
    assert edges(packaged, "derived_from") == {(DIGEST, f"gitCommit:{commit}")}


@pytest.mark.parametrize(
    ("type", "slot", "content", "value"),
    [
        ("prov-configbundle.activated", "config", {"after": DIGEST}, DIGEST),
        ("prov-configbundle.deactivated", "config", {"after": DIGEST}, None),
        ("prov-policy.activated", "policy", {"digest": DIGEST}, DIGEST),
        ("prov-flag.changed", "flag", {"after": True}, "true"),
        ("prov-flag.changed", "flag", {"after": 0.25}, "0.25"),
        ("prov-flag.changed", "flag", {"after": None}, None),
        ("prov-flag.deleted", "flag", {}, None),
        ("prov-secret.rotated", "secret", {"version": "v7"}, "v7"),
        ("prov-migration.applied", "migration", {"version": "20260101_add"}, "20260101_add"),
        ("prov-safemode.entered", "safe_mode", {"after": DIGEST}, DIGEST),
        ("prov-safemode.exited", "safe_mode", {}, None),
        ("prov-resource.changed", "resource", {"after": DIGEST}, DIGEST),
        ("prov-resource.removed", "resource", {}, None),
    ],
)
def test_a_custom_type_states_one_place_of_its_slot(type, slot, content, value):
    facts = read(custom(type, "it", environment="prod", service="cart", region="eu", **content))
    (state,) = facts.states
    assert (state.mode, state.slot, state.name, state.value) == (DECLARED, slot, "it", value)
    assert state.scope == Scope("prod", "cart", "eu")


def test_who_and_why_are_kept_with_a_place():
    told = {"by": "ada", "reason": "load", "until": "2026-01-02T04:00:00Z", "before": "false"}
    facts = read(custom("prov-flag.changed", "fast", environment="prod", after="true", **told))
    assert facts.states[0].properties == told


def test_an_estate_states_many_places_each_in_a_narrower_scope():
    facts = read(
        custom(
            "prov-estate.observed", "prod", scope={"region": "eu"}, all=["artifact"],
            states=[
                {"slot": "artifact", "name": "server", "value": DIGEST, "says": "cart:1",
                 "scope": {"service": "cart", "instance": "cart-7d4f"}},
                {"slot": "artifact", "name": "init", "value": None, "scope": {"service": "cart"}},
            ],
        )
    )  # fmt: skip
    there, empty = facts.states
    assert there.scope == Scope("prod", "cart", "eu", "", "cart-7d4f")
    assert (there.value, there.says, empty.value) == (DIGEST, "cart:1", None)
    assert facts.wholes == (Whole(OBSERVED, Scope("prod", "", "eu"), ("artifact",)),)
    assert edges(facts, "runs") == {("instance:cart-7d4f", DIGEST)}
    assert facts.kind == "observation"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (shown("service_deployed", id=7), "subject.id"),
        (custom("prov-flag.changed", "f", environment="prod"), "without what it is now"),
        (custom("prov-flag.changed", "f", after=[1]), "value"),
        (custom("prov-estate.wished", "prod", states=[]), "declared or observed"),
        (custom("prov-estate.declared", "prod", states=[{"slot": "hat"}]), r"states\[0\].slot"),
        (custom("prov-estate.declared", "p", states=7), "states"),
        (
            custom("prov-estate.declared", "prod", scope={"service": "cart"},
                   states=[{"slot": "flag", "scope": {"service": "pay"}, "value": "on"}]),
            "outside the scope",
        ),
        (custom("prov-estate.observed", "prod", states=[{"slot": "flag", "at": "yesterday"}]),
         r"not an RFC 3339 time, at content.states\[0\].at"),
        (custom("prov-estate.observed", "prod",
                states=[{"slot": "flag", "at": "9999-12-31T23:59:59-10:00"}]),
         r"not a time that exists, at content.states\[0\].at"),
    ],
)  # fmt: skip
def test_what_is_said_wrongly_is_refused_where_it_is(document, says):
    with pytest.raises(Malformed, match=says):
        read(document)


@pytest.mark.parametrize(
    "type",
    ["dev.cdevents", "dev.cdevents.build", "dev.cdevents.build.queued", "dev.cdevents.a.b.1"],
)
def test_a_type_that_is_none_is_refused(type):
    document = shown("build_queued")
    document["context"]["type"] = type
    with pytest.raises(Malformed, match="not a type of CDEvents"):
        read(document)


def test_an_event_of_a_newer_type_is_an_event_all_the_same():
    document = shown("build_queued")
    document["context"]["type"] = "dev.cdevents.wormhole.opened.1.0.0"
    facts = read(document)
    assert facts.kind == "event"
    assert facts.states == ()


def test_an_environment_whose_name_is_no_text_is_refused():
    document = shown("environment_created")
    document["subject"]["content"]["name"] = 1
    with pytest.raises(Malformed, match=r"content\.name"):
        read(document)


@settings(max_examples=300)
@given(
    path=st.sampled_from(REAL),
    place=st.integers(0, 500),
    value=st.one_of(st.none(), st.integers(), st.text(max_size=4), st.just([]), st.just({})),
)
def test_one_change_gives_facts_or_a_refusal(path, place, value):
    need_facts_or_refusal(with_one_change(load(path), place, value))
