"""GitHub's webhooks: pushes, merges, releases, runs, and what is deployed once it succeeded."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.formats.told import alone, links, node, of_kind, only, told
from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats.states import DECLARED, Scope, State

OLD, NEW = "a" * 40, "b" * 40
REPOSITORY = "git+https://github.com/shop/cart"
BASE = {
    "repository": {
        "full_name": "shop/cart", "html_url": "https://github.com/shop/cart",
        "pushed_at": 1767261600,
    },
    "sender": {"login": "jane"},
}  # fmt: skip
PUSH = {
    **BASE, "ref": "refs/heads/main", "before": OLD, "after": NEW, "forced": False,
    "pusher": {"name": "jane", "email": "jane@example.com"},
    "commits": [{"id": NEW, "message": "Fix it\n\nSigned-off-by: J <jane@example.com>"}],
    "head_commit": {"timestamp": "2025-12-31T00:00:00Z"},
}  # fmt: skip


def deployment(state: str | None = "success", **changes: Any) -> dict[str, Any]:
    made = {
        "id": 7, "sha": NEW, "environment": "prod", "payload": {},
        "created_at": "2026-01-01T09:00:00Z", "creator": {"login": "ci[bot]"}, **changes,
    }  # fmt: skip
    status = {"state": state, "created_at": "2026-01-01T10:00:00Z"}
    if state is None:
        return {**BASE, "action": "created", "deployment": made}
    return {**BASE, "action": "created", "deployment": made, "deployment_status": status}


def test_a_push_is_a_change_of_the_repository_by_who_pushed() -> None:
    found = alone(PUSH)
    change = f"change:github:shop/cart@refs/heads/main%3A{NEW}"
    assert links(found) >= {
        (found.document, "describes", change),
        (change, "changes", REPOSITORY),
        (change, "used", f"gitCommit:{NEW}"),
        (change, "associated_with", "user:github:jane"),
        (f"gitCommit:{NEW}", "revises", f"gitCommit:{OLD}"),
        (f"gitCommit:{NEW}", "specializes", REPOSITORY),
    }
    assert node(found, f"gitCommit:{NEW}").name == "Fix it"
    assert (found.kind, found.type) == ("change", "com.github.push")
    assert found.occurred == "2026-01-01T10:00:00.000000Z"
    assert found.states == ()
    assert "example.com" not in str(found)


def test_a_forced_push_revises_nothing_and_a_removed_ref_has_no_commit() -> None:
    assert not any(e.relation == "revises" for e in alone({**PUSH, "forced": True}).edges)
    gone = alone({**PUSH, "after": "0" * 40, "commits": [], "head_commit": None})
    assert {n.id for n in of_kind(gone, "commit")} == {f"gitCommit:{OLD}"}
    assert "is no more" in str(of_kind(gone, "change")[0].name)


def test_a_deployment_declares_its_commit_once_it_succeeded() -> None:
    found = alone(deployment())
    id = f"gitCommit:{NEW}"
    at = "2026-01-01T10:00:00.000000Z"
    assert only(found) == State(DECLARED, Scope("prod", "cart"), "artifact", "", id, at=at)
    assert ("deployment:github:shop/cart/7", "deploys", id) in links(found)
    assert ("deployment:github:shop/cart/7", "changes", "service:cart") in links(found)
    assert node(found, "user:github:ci[bot]").kind == "software"
    assert found.occurred == at


@pytest.mark.parametrize("state", [None, "pending", "in_progress", "failure", "error", "inactive"])
def test_a_deployment_that_did_not_succeed_declares_nothing(state: str | None) -> None:
    found = alone(deployment(state))
    assert found.states == ()
    assert len(of_kind(found, "deployment")) == 1


def test_a_deployment_may_name_its_image() -> None:
    digest = "sha256:" + "ab" * 32
    found = alone(deployment(payload={"image": f"ghcr.io/shop/cart:1@{digest}"}))
    assert only(found).value == digest
    assert ("deployment:github:shop/cart/7", "deploys", digest) in links(found)


def test_the_service_and_an_environment_that_is_not_said_are_given() -> None:
    found = told(deployment(environment=None), environment="stage", service="basket")
    assert only(found).scope == Scope("stage", "basket")


def request(**changes: Any) -> dict[str, Any]:
    pull = {
        "number": 12, "title": "Carts", "merged": True, "merged_at": "2026-01-01T08:00:00Z",
        "merge_commit_sha": NEW, "head": {"sha": OLD}, "base": {"ref": "main"},
        "merged_by": {"login": "joe"}, **changes,
    }  # fmt: skip
    return {**BASE, "action": "closed", "number": 12, "pull_request": pull}


def test_a_merged_request_makes_the_merge_commit_of_its_head() -> None:
    found = alone(request())
    change = "change:github:shop/cart#12"
    assert node(found, change).name == "Carts"
    assert links(found) >= {
        (change, "used", f"gitCommit:{OLD}"),
        (f"gitCommit:{NEW}", "generated_by", change),
        (change, "associated_with", "user:github:joe"),
    }


def test_a_request_that_is_not_merged_changes_nothing() -> None:
    for document in (
        {**request(), "action": "opened"},
        request(merged=False, merged_at=None),
    ):
        found = alone(document)
        assert of_kind(found, "change") == []
        assert (found.document, "describes", REPOSITORY) in links(found)


def test_a_run_of_a_workflow_used_a_commit() -> None:
    run = {
        "html_url": "https://github.com/shop/cart/actions/runs/5", "run_attempt": 2,
        "name": "CI", "head_sha": NEW, "status": "completed", "conclusion": "success",
        "event": "push", "path": ".github/workflows/ci.yml", "actor": {"login": "jane"},
        "updated_at": "2026-01-01T08:00:00Z",
    }  # fmt: skip
    found = alone({**BASE, "action": "completed", "workflow_run": run})
    id = "https://github.com/shop/cart/actions/runs/5/attempts/2"
    assert node(found, id).properties == {
        "status": "completed", "conclusion": "success", "event": "push",
        "workflow": ".github/workflows/ci.yml",
    }  # fmt: skip
    assert (id, "used", f"gitCommit:{NEW}") in links(found)


def test_a_published_release_is_a_change_and_a_draft_is_none() -> None:
    release = {
        "tag_name": "v1",
        "published_at": "2026-01-01T08:00:00Z",
        "author": {"login": "jane"},
    }
    found = alone({**BASE, "action": "published", "release": release})
    assert of_kind(found, "change")[0].name == "release v1 of shop/cart"
    assert of_kind(alone({**BASE, "action": "created", "release": release}), "change") == []


def test_other_webhooks_are_not_read() -> None:
    with pytest.raises(Unsupported):
        alone({**BASE, "action": "opened", "issue": {"number": 1}})


def test_a_commit_that_is_none_is_refused_with_its_place() -> None:
    with pytest.raises(Malformed, match="not a commit, at after: expected 40 or 64"):
        alone({**PUSH, "after": "main"})
