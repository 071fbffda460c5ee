"""Argo CD's applications: what the last operation synced is declared."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.formats.told import alone, format_of, links, node, of_kind, said, told
from wherefrom.errors import Malformed
from wherefrom.formats.states import DECLARED, Scope, State

SHA = "0123456789abcdef0123456789abcdef01234567"
IMAGE = "ghcr.io/shop/cart:1.2@sha256:" + "ab" * 32
AT = "2026-01-01T10:00:05.000000Z"
GIT = {"repoURL": "https://github.com/shop/deploy.git", "path": "cart", "targetRevision": "main"}
CHART = {"repoURL": "https://charts.example.com", "chart": "cart", "targetRevision": "1.*"}


def app(
    phase: str = "Succeeded",
    *,
    revision: str = SHA,
    sync: str = "Synced",
    images: Any = (IMAGE,),
    spec: Any = None,
    by: Any = None,
    **operation: Any,
) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "cart", "namespace": "argocd"},
        "spec": spec or {"source": GIT, "destination": {"namespace": "shop"}, "project": "default"},
        "status": {
            "sync": {"status": sync, "revision": revision}, "health": {"status": "Healthy"},
            "summary": {"images": list(images)},
            "operationState": {
                "phase": phase, "startedAt": "2026-01-01T10:00:00Z",
                "finishedAt": "2026-01-01T10:00:05Z", "message": "all for j@example.com",
                "operation": {"initiatedBy": by or {"username": "jane"}},
                "syncResult": {"revision": revision}, **operation,
            },
        },
    }  # fmt: skip


def test_what_was_synced_is_declared_with_its_commit_and_its_one_image() -> None:
    found = told({"app": app(), "trigger": "on-deployed"})
    scope = Scope("prod", "cart")
    assert found.states == (
        State(
            DECLARED, scope, "resource", "Application/argocd/cart", f"gitCommit:{SHA}", SHA, at=AT
        ),
        State(DECLARED, scope, "artifact", "", "sha256:" + "ab" * 32, IMAGE, at=AT),
    )
    (deployment,) = of_kind(found, "deployment")
    assert (deployment.properties or {})["health"] == "Healthy"
    assert {
        (deployment.id, "deploys", f"gitCommit:{SHA}"),
        (deployment.id, "deploys", "sha256:" + "ab" * 32),
        (deployment.id, "associated_with", "user:argocd:jane"),
        (deployment.id, "changes", "service:cart"),
        (f"gitCommit:{SHA}", "specializes", "git+https://github.com/shop/deploy"),
    } <= links(found)
    assert "j@example.com" not in str(found)


def test_the_application_alone_or_without_its_kind_says_the_same() -> None:
    whole = app()
    bare = {key: value for key, value in whole.items() if key not in ("apiVersion", "kind")}
    for document in (whole, bare, {"app": whole}, {"app": bare}):
        assert format_of(document) == "argocd"
        assert alone(document).states == alone(whole).states


@pytest.mark.parametrize("phase", ["Failed", "Error", "Running", "Terminating"])
def test_an_operation_that_did_not_succeed_states_nothing(phase: str) -> None:
    found = alone(app(phase))
    assert found.states == ()
    (change,) = of_kind(found, "change")
    assert (change.id, "used", f"gitCommit:{SHA}") in links(found)


def test_several_images_or_an_application_out_of_sync_have_no_artifact() -> None:
    for document in (app(images=(IMAGE, "redis:7")), app(sync="OutOfSync"), app(images=())):
        assert list(said(alone(document))) == [("resource", "Application/argocd/cart")]


def test_a_chart_is_known_by_its_version_and_several_sources_by_the_first() -> None:
    chart = alone(app(revision="1.4.2", spec={"source": CHART}))
    assert said(chart)["resource", "Application/argocd/cart"] == "1.4.2"
    both = app(spec={"sources": [CHART, GIT]}, syncResult={"revisions": ["1.4.2", SHA]})
    assert said(alone(both))["resource", "Application/argocd/cart"] == "1.4.2"
    (deployment,) = of_kind(alone(both), "deployment")
    assert (deployment.id, "deploys", f"gitCommit:{SHA}") in links(alone(both))


def test_nobody_but_argo_itself_did_what_was_automated() -> None:
    found = alone(app(by={"automated": True}))
    assert node(found, "user:argocd:system%3Aautomated").kind == "software"


def test_an_application_that_was_never_synced_is_a_change_without_a_time() -> None:
    found = alone({"app": {"metadata": {"name": "new"}, "spec": {}, "status": {}}})
    assert (found.states, found.occurred) == ((), None)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({**app(), "metadata": {}}, "required field"),
        (app(finishedAt="soon"), "not an RFC 3339 time"),
        (app(images=(1,)), "wrong type"),
        (app(syncResult={"revisions": [1]}), "wrong type"),
        (app(spec={"sources": [1]}), "wrong type"),
    ],
)
def test_a_broken_application_is_refused(document: Any, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        alone(document)
