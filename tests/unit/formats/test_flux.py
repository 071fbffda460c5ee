"""Events of Flux: what a controller applied is declared, of the commit or chart that it is of."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.formats.told import alone, format_of, links, node, of_kind, only, told
from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats.states import DECLARED, Scope, State

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "ab" * 32
AT = "2026-01-01T10:00:00.000000Z"
ADDRESS = "Kustomization/flux-system/apps"


def event(kind: str = "Kustomization", **changes: Any) -> dict[str, Any]:
    group = "helm" if kind == "HelmRelease" else "kustomize"
    return {
        "involvedObject": {
            "kind": kind, "namespace": "flux-system", "name": "apps", "uid": "1",
            "apiVersion": f"{group}.toolkit.fluxcd.io/v1", "resourceVersion": "7",
        },
        "severity": "info", "timestamp": "2026-01-01T10:00:00Z", "message": "for j@example.com",
        "reason": "ReconciliationSucceeded", "metadata": {"revision": f"main@sha1:{SHA}"},
        "reportingController": "kustomize-controller", "reportingInstance": "k-1", **changes,
    }  # fmt: skip


def test_a_kustomization_that_was_applied_declares_the_commit_it_is_of() -> None:
    found = told(event(), service="shop")
    assert only(found) == State(
        DECLARED, Scope("prod", "shop"), "resource", ADDRESS, f"gitCommit:{SHA}",
        f"main@sha1:{SHA}", at=AT,
    )  # fmt: skip
    (deployment,) = of_kind(found, "deployment")
    assert (deployment.id, "deploys", f"gitCommit:{SHA}") in links(found)
    assert (deployment.id, "changes", "service:shop") in links(found)
    assert "j@example.com" not in str(found)
    assert (alone(event()).occurred, format_of(event())) == (AT, "flux")


@pytest.mark.parametrize(
    ("metadata", "value"),
    [
        ({"kustomize.toolkit.fluxcd.io/revision": f"main@sha1:{SHA}"}, f"gitCommit:{SHA}"),
        ({"revision": f"main/{SHA}"}, f"gitCommit:{SHA}"),
        ({"revision": f"feature/x@sha1:{SHA}"}, f"gitCommit:{SHA}"),
        ({"revision": f"latest@sha256:{DIGEST}"}, f"sha256:{DIGEST}"),
        ({"revision": f"sha256:{DIGEST}"}, f"sha256:{DIGEST}"),
        ({"helm.toolkit.fluxcd.io/revision": "6.5.0"}, "6.5.0"),
        (
            {"helm.toolkit.fluxcd.io/revision": "6.5.0", "oci-digest": f"sha256:{DIGEST}"},
            f"sha256:{DIGEST}",
        ),
        ({"a.b/revision": "1", "revision": "2"}, "2"),
    ],
)
def test_every_spelling_of_a_revision_is_read(metadata: dict[str, str], value: str) -> None:
    assert only(alone(event(metadata=metadata))).value == value


def test_a_release_is_a_service_by_its_name_and_ends_when_it_is_uninstalled() -> None:
    metadata = {"helm.toolkit.fluxcd.io/revision": "6.5.0"}
    state = only(told(event("HelmRelease", reason="UpgradeSucceeded", metadata=metadata)))
    assert (state.scope, state.value) == (Scope("prod", "apps"), "6.5.0")
    gone = only(told(event("HelmRelease", reason="UninstallSucceeded")))
    assert gone == State(
        DECLARED, Scope("prod", "apps"), "resource", "HelmRelease/flux-system/apps", None, at=AT
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "error"},
        {"reason": "Progressing"},
        {"reason": "HealthCheckFailed", "severity": "error"},
        {"metadata": None},
        {"involvedObject": {"kind": "GitRepository", "name": "shop"}, "reason": "NewArtifact"},
    ],
)
def test_what_applied_nothing_states_nothing(changes: Any) -> None:
    assert alone(event(**changes)).states == ()


def test_a_repository_that_was_fetched_used_its_commit() -> None:
    found = alone(event("GitRepository", reason="NewArtifact"))
    (change,) = of_kind(found, "change")
    assert (change.id, "used", f"gitCommit:{SHA}") in links(found)
    assert node(found, f"gitCommit:{SHA}").properties == {"ref": "main"}


def test_other_kubernetes_events_are_not_flux() -> None:
    other = event()
    other["involvedObject"]["apiVersion"] = "v1"
    with pytest.raises(Unsupported):
        alone(other)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"involvedObject": {"kind": "Kustomization"}}, "required field"),
        ({"timestamp": "now"}, "not an RFC 3339 time"),
        ({"metadata": {"revision": 1}}, "wrong type"),
    ],
)
def test_a_broken_event_is_refused(changes: Any, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        alone(event(**changes))
