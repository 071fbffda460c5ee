"""Kubernetes audit events: what was changed by whom, and never the value of a secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.paths import DATA
from tests.unit.formats.told import alone, links, node, of_kind, said, told
from wherefrom.errors import ForbiddenField, Malformed
from wherefrom.formats.recognise import read
from wherefrom.formats.states import DECLARED, Scope, State, Whole

REAL = DATA / "runtime" / "falco-k8s-audit"
AT = "2026-01-01T10:00:00.000000Z"


def event(resource: str = "deployments", **changes: Any) -> dict[str, Any]:
    return {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Request", "auditID": "a-1",
        "stage": "ResponseComplete", "verb": "create", "requestURI": "/apis/apps/v1/x",
        "user": {"username": "jane@example.com"}, "responseStatus": {"code": 201},
        "objectRef": {"resource": resource, "namespace": "shop", "name": "cart"},
        "stageTimestamp": "2026-01-01T10:00:00Z", **changes,
    }  # fmt: skip


def deployment(image: str = "ghcr.io/shop/cart:1", **spec: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "app", "image": image}]}
    return {"kind": "Deployment", "spec": {"replicas": 3, "template": {"spec": pod}, **spec}}


def lines() -> list[Any]:
    found = []
    for path in sorted(REAL.glob("*.json")):
        for number, line in enumerate(path.read_bytes().splitlines()):
            if line.strip() and path.name != "fal_01_003.json":  # ``{"kind": 0}``, to break Falco
                found.append(pytest.param(line, id=f"{path.stem}-{number}"))
    return found


@pytest.mark.parametrize("line", lines())
def test_every_real_event_is_read_and_states_only_what_it_wrote(line: bytes) -> None:
    document = json.loads(line)
    found = read(line)
    assert found.format == "k8s_audit"
    writes = document["verb"] in ("create", "update", "patch", "delete")
    done = document["responseStatus"]["code"] < 300 if "responseStatus" in document else False
    done = done and document["stage"] == "ResponseComplete"
    assert (found.facts.kind == "change") == (writes and done)
    resource = document["objectRef"]["resource"]
    stateful = resource in ("deployments", "configmaps", "secrets") and found.facts.kind == "change"
    assert bool(found.facts.states or found.facts.wholes) == stateful
    assert found.facts.occurred is not None


def test_the_real_events_are_fifty_and_more() -> None:
    assert len(lines()) == 51


def test_a_new_deployment_declares_its_images_and_its_size() -> None:
    digest = "sha256:" + "ab" * 32
    found = alone(event(requestObject=deployment(f"ghcr.io/shop/cart:1@{digest}")))
    scope = Scope("shop", "cart")
    assert set(found.states) == {
        State(DECLARED, scope, "scale", "", "3", at=AT),
        State(DECLARED, scope, "artifact", "app", digest, f"ghcr.io/shop/cart:1@{digest}", at=AT),
    }
    assert found.wholes == (Whole(DECLARED, scope, ("artifact",), AT),)
    assert node(found, digest).kind == "image"
    assert [tag.name for tag in found.tags] == ["ghcr.io/shop/cart:1"]
    assert (found.kind, found.occurred) == ("change", AT)


def test_who_did_it_is_known_and_an_address_is_hashed() -> None:
    found = alone(event(requestObject=deployment(), impersonatedUser={"username": "system:ci"}))
    (person,) = of_kind(found, "person")
    change = "change:kubernetes:a-1"
    assert person.id.startswith("person:")
    assert "jane" not in str(found)
    assert {
        (found.document, "describes", change),
        (change, "associated_with", person.id),
        (change, "changes", "service:cart"),
        (person.id, "acted_for", "user:kubernetes:system%3Aci"),
    } <= links(found)


def test_the_environment_is_noted_on_the_object_or_given_or_the_namespace() -> None:
    noted = deployment() | {"metadata": {"labels": {"example.com/environment": "stage"}}}
    assert told(event(requestObject=noted)).states[0].scope == Scope("stage", "cart")
    assert told(event(requestObject=deployment())).states[0].scope == Scope("prod", "cart")
    assert alone(event(requestObject=deployment())).states[0].scope == Scope("shop", "cart")


def test_what_the_server_answered_counts_before_what_was_sent() -> None:
    found = alone(
        event(verb="patch", requestObject=[], responseObject=deployment("nginx:2", replicas=5))
    )
    assert said(found) == {("scale", ""): "5", ("artifact", "app"): "nginx:2"}
    assert len(found.wholes) == 1


def test_a_patch_declares_what_it_says_and_not_that_this_is_all() -> None:
    pod = {"containers": [{"name": "app", "image": "nginx:2"}]}
    found = alone(event(verb="patch", requestObject={"spec": {"template": {"spec": pod}}}))
    assert said(found) == {("artifact", "app"): "nginx:2"}
    assert found.wholes == ()


def test_a_workload_that_is_deleted_runs_nothing_more() -> None:
    found = alone(event(verb="delete", requestObject={"kind": "DeleteOptions"}))
    assert found.states == ()
    assert found.wholes == (Whole(DECLARED, Scope("shop", "cart"), ("artifact", "scale"), AT),)


def test_a_scale_declares_a_size_and_a_rollback_is_a_change() -> None:
    of = {"resource": "deployments", "namespace": "shop", "name": "cart"}
    scale = event(
        verb="update", objectRef=of | {"subresource": "scale"},
        requestObject={"kind": "Scale", "spec": {"replicas": 0}},
    )  # fmt: skip
    assert said(alone(scale)) == {("scale", ""): "0"}
    back = alone(event(objectRef=of | {"subresource": "rollback"}))
    assert back.states == ()
    assert node(back, "change:kubernetes:a-1").name == "create deployments/rollback shop/cart"


def test_a_config_map_is_known_by_what_it_holds() -> None:
    one, same, other = (
        alone(event("configmaps", requestObject={"kind": "ConfigMap", "data": data}))
        for data in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}, {"a": "1"})
    )
    value = said(one)["config", "cart"]
    assert value is not None
    assert said(same)["config", "cart"] == value != said(other)["config", "cart"]
    assert node(one, value).kind == "config"
    assert ("config", "shop/cart") in said(told(event("configmaps")))
    assert said(alone(event("configmaps", verb="delete"))) == {("config", "cart"): None}


def test_a_secret_is_known_by_its_version_or_by_who_wrote_it() -> None:
    answered = {"kind": "Secret", "metadata": {"resourceVersion": "77"}}
    assert said(alone(event("secrets", responseObject=answered))) == {
        ("secret", "cart"): "resourceVersion 77"
    }
    assert said(alone(event("secrets"))) == {("secret", "cart"): "audit:a-1"}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"requestObject": {"kind": "Secret", "data": {"k": "c2VjcmV0"}}}, "requestObject.data"),
        ({"verb": "patch", "requestObject": {"stringData": {"k": "s"}}}, "requestObject.stringDa"),
        ({"requestObject": [{"op": "add", "path": "/data/k", "value": "s"}]}, "requestObject"),
        (
            {"verb": "list", "responseObject": {"items": [{"data": {"k": "s"}}]}},
            "responseObject.data",
        ),
        (
            {"requestObject": {"metadata": {"annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{}"}}}},
            "requestObject.metadata.annotations",
        ),
    ],
)  # fmt: skip
def test_a_secret_in_clear_is_refused_alone_in_a_list_and_in_an_event(
    changes: Any, where: str
) -> None:
    bad = event("secrets", **changes)
    with pytest.raises(ForbiddenField, match=f"in clear, at {where}"):
        alone(bad)
    listed = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [event(), bad]}
    with pytest.raises(ForbiddenField, match=rf"at data\.items\[1\]\.{where}"):
        told(listed)


def test_a_token_that_was_issued_is_refused() -> None:
    of = {"resource": "serviceaccounts", "name": "ci", "subresource": "token"}
    with pytest.raises(ForbiddenField, match="a token in clear"):
        alone(event(objectRef=of, responseObject={"status": {"token": "ey"}}))


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "RequestReceived"}, {"responseStatus": {"code": 409}}, {"responseStatus": None},
        {"verb": "get"}, {"requestURI": "/apis/apps/v1/x?dryRun=All"},
        {"objectRef": {"resource": "leases", "name": "n"}},
        {"objectRef": {"resource": "deployments", "name": "cart", "subresource": "status"}},
    ],
)  # fmt: skip
def test_what_changed_nothing_is_an_event(changes: Any) -> None:
    found = alone(event(requestObject=deployment(), **changes))
    assert (found.kind, found.states, found.wholes) == ("event", (), ())
    assert of_kind(found, "change") == []


def test_each_event_of_a_list_counts_from_its_own_time_on() -> None:
    items = [
        event(auditID="a-1", requestObject=deployment("nginx:1")),
        event(auditID="a-2", requestObject=deployment("nginx:2")),
    ]
    items[1]["stageTimestamp"] = "2026-01-02T00:00:00Z"
    for item in items:  # as the API server writes them
        del item["kind"], item["apiVersion"]
    found = alone({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": items})
    images = [(s.value, s.at) for s in found.states if s.slot == "artifact"]
    assert images == [("nginx:1", AT), ("nginx:2", "2026-01-02T00:00:00.000000Z")]
    assert len(of_kind(found, "change")) == 2
    assert found.occurred == "2026-01-02T00:00:00.000000Z"


def test_an_event_without_an_id_is_refused_with_its_place() -> None:
    with pytest.raises(Malformed, match=r"missing, at items\[0\]\.auditID"):
        alone({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [{}]})
