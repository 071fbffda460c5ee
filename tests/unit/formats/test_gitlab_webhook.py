"""GitLab's webhooks: pushes, merges, pipelines, and what is deployed once it succeeded."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.formats.told import alone, links, node, of_kind, only, told
from wherefrom.errors import Malformed
from wherefrom.formats import gitlab_webhook
from wherefrom.formats.states import DECLARED, Scope, State

OLD, NEW = "a" * 40, "b" * 40
REPOSITORY = "git+https://gitlab.example.com/shop/web/cart"
BASE = {
    "project": {
        "path_with_namespace": "shop/web/cart",
        "web_url": "https://gitlab.example.com/shop/web/cart",
    },
    "user": {"username": "jane", "email": "jane@example.com"},
}
PUSH = {
    **BASE, "object_kind": "push", "ref": "refs/heads/main", "before": OLD, "after": NEW,
    "user_username": "jane", "user_email": "jane@example.com",
    "commits": [{"id": NEW, "title": "Fix it", "timestamp": "2026-01-01T11:00:00+01:00"}],
}  # fmt: skip


def deployment(**changes: Any) -> dict[str, Any]:
    return {
        **BASE, "object_kind": "deployment", "status": "success", "deployment_id": 15,
        "status_changed_at": "2026-01-01 12:00:00 +0200", "environment": "prod",
        "short_sha": NEW[:8], "commit_url": f"https://gitlab.example.com/shop/web/cart/-/commit/{NEW}",
        **changes,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["push", "tag_push"])
def test_a_push_is_a_change_of_the_repository_by_who_pushed(kind: str) -> None:
    found = alone({**PUSH, "object_kind": kind})
    (change,) = of_kind(found, "change")
    assert links(found) >= {
        (change.id, "changes", REPOSITORY),
        (change.id, "used", f"gitCommit:{NEW}"),
        (change.id, "associated_with", "user:gitlab:jane"),
        (f"gitCommit:{NEW}", "revises", f"gitCommit:{OLD}"),
    }
    assert found.type == f"com.gitlab.{kind}"
    assert found.occurred == "2026-01-01T10:00:00.000000Z"
    assert "example.com" not in str(found).replace("gitlab.example.com", "")


def test_a_deployment_declares_its_commit_once_it_succeeded() -> None:
    found = told(deployment())
    at = "2026-01-01T10:00:00.000000Z"
    assert only(found) == State(
        DECLARED, Scope("prod", "cart"), "artifact", "", f"gitCommit:{NEW}", at=at
    )
    assert alone(deployment(status="failed")).states == ()
    assert alone(deployment(commit_url=None)).states == ()  # what it deploys is not said


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-01 10:00:00 UTC", "2026-01-01T10:00:00.000000Z"),
        ("2026-01-01 10:00:00 -0130", "2026-01-01T11:30:00.000000Z"),
        ("2026-01-01T10:00:00.123Z", "2026-01-01T10:00:00.123000Z"),
    ],
)
def test_times_are_read_in_all_three_spellings(text: str, time: str) -> None:
    assert alone(deployment(status_changed_at=text)).occurred == time


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(Malformed, match="not an RFC 3339 time, at status_changed_at"):
        alone(deployment(status_changed_at="yesterday"))


def test_a_merged_request_makes_the_merge_commit_of_its_head() -> None:
    request = {
        "iid": 3, "title": "Carts", "state": "merged", "action": "merge", "target_branch": "main",
        "last_commit": {"id": OLD}, "merge_commit_sha": NEW,
        "updated_at": "2026-01-01 10:00:00 UTC",
    }  # fmt: skip
    document = {**BASE, "object_kind": "merge_request", "object_attributes": request}
    found = alone(document)
    change = "change:gitlab:shop/web/cart!3"
    assert node(found, change).name == "Carts"
    assert (f"gitCommit:{NEW}", "generated_by", change) in links(found)
    opened = {**document, "object_attributes": {**request, "state": "opened", "action": "open"}}
    assert of_kind(alone(opened), "change") == []


def test_a_pipeline_is_a_run_that_used_a_commit() -> None:
    attributes = {
        "id": 31, "iid": 3, "sha": NEW, "ref": "main", "status": "success", "source": "push",
        "created_at": "2026-01-01 10:00:00 UTC",
    }  # fmt: skip
    found = alone({**BASE, "object_kind": "pipeline", "object_attributes": attributes})
    id = "https://gitlab.example.com/shop/web/cart/-/pipelines/31"
    assert (id, "used", f"gitCommit:{NEW}") in links(found)
    assert node(found, id).kind == "run"


@pytest.mark.parametrize("kind", [[], {}, 7, None])
def test_a_kind_that_is_no_text_is_none_of_gitlabs(kind: object) -> None:
    assert not gitlab_webhook.recognises({"object_kind": kind, "project": {}})
