"""Google Cloud's audit log: one change a request, of what, by whom, and by which way."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats.change_samples import CHANGES
from tests.unit.formats.told import alone, format_of, links, node, of_kind, only, told
from wherefrom.errors import Error, LimitPassed, Malformed, Unsupported
from wherefrom.formats import google_audit
from wherefrom.formats.states import OBSERVED, Scope

AT = "2026-01-01T10:00:00.000000Z"
INSTANCE = "//compute.googleapis.com/projects/p/zones/z/instances/i"
ACCOUNT = "deploy@p.iam.gserviceaccount.com"
SUBJECT = (
    "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/subject/"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64) Firefox/120,gzip(gfe),gzip(gfe)"
TERRAFORM = "google-api-go-client/0.5 Terraform/1.9 (+https://www.terraform.io),gzip(gfe)"


def entry(*, log: str = "activity", agent: str = FIREFOX, payload: Any = None, **more: Any) -> Any:
    sample = CHANGES["google_audit"]
    inside = {
        **sample["protoPayload"],
        "requestMetadata": {"callerIp": "192.0.2.7", "callerSuppliedUserAgent": agent},
        **(payload or {}),
    }
    name = f"projects/p/logs/cloudaudit.googleapis.com%2F{log}"
    return {**sample, "logName": name, "protoPayload": inside, **more}


def who(email: str | None, **more: Any) -> dict[str, Any]:
    return {"authenticationInfo": {**({"principalEmail": email} if email else {}), **more}}


def pushed(inner: Any) -> dict[str, Any]:
    data = base64.b64encode(json.dumps(inner).encode()).decode()
    return {
        "message": {"data": data, "messageId": "7", "publishTime": "2026-01-01T10:00:09Z"},
        "subscription": "projects/p/subscriptions/audit", "deliveryAttempt": 1,
    }  # fmt: skip


def test_a_change_in_the_console_is_seen_at_the_resource_by_a_hashed_person() -> None:
    found = told(entry(resource={"type": "gce_instance", "labels": {"project_id": "p"}}))
    state = only(found)
    assert (state.mode, state.scope, state.slot, state.name, state.at) == (
        OBSERVED, Scope("prod"), "resource", INSTANCE, AT,
    )  # fmt: skip
    properties = state.properties or {}
    assert properties["how"] == "the console: a browser, by its user agent"
    assert properties["gone"] is True
    assert properties["by"].startswith("person:")
    assert "jane@example.org" not in str(found.nodes)
    assert ("change:google:i1", "changes", INSTANCE) in links(found)
    said = node(found, "change:google:i1").properties or {}
    assert (said["project"], said["from"], said["out_of_band"]) == ("p", "192.0.2.7", True)
    assert alone(entry()).kind == "change"


@pytest.mark.parametrize(
    ("document", "out", "how"),
    [
        (entry(agent=TERRAFORM, payload=who(ACCOUNT)), False, "Terraform"),
        (entry(agent=TERRAFORM), False, "Terraform, by its user agent"),
        (entry(agent="google-cloud-sdk gcloud/460.0.0 command/gcloud.x"), True, "gcloud"),
        (entry(agent="curl/8"), True, "a person"),
        (entry(agent="curl/8", payload=who(ACCOUNT)), None, "no pipeline is declared"),
        (entry(agent="", payload=who(ACCOUNT)), None, "no pipeline is declared"),
        (entry(agent="x", payload=who(ACCOUNT, serviceAccountDelegationInfo=[
            {"principalSubject": "user:jane@example.org"}])), True, "a person"),
        (entry(agent="x", payload=who(ACCOUNT, serviceAccountDelegationInfo=[
            {"firstPartyPrincipal": {"principalEmail": "jane@example.org"}}])), True, "a person"),
        (entry(agent="x", payload=who(None, principalSubject=SUBJECT + "repo:o/r:ref:x")),
         False, "GitHub Actions, by its identity"),
        (entry(agent="x", payload=who("service-7@compute-system.iam.gserviceaccount.com")), False,
         "the cloud itself"),
        (entry(agent="x", payload=who("7@cloudservices.gserviceaccount.com")), False, "the cloud"),
        (entry(log="system_event", agent=""), False, "the cloud itself: a system event"),
    ],
)  # fmt: skip
def test_how_a_change_came_decides_whether_it_is_out_of_band(
    document: Any, out: bool | None, how: str
) -> None:
    (change,) = of_kind(told(document), "change")
    said = change.properties or {}
    assert said.get("out_of_band") is out
    assert how in said["how"]
    assert len(told(document).states) == (out is True)


def test_a_declared_pipeline_is_known_by_its_account_or_its_identity() -> None:
    by_account = entry(agent="curl/8", payload=who(ACCOUNT, principalSubject=SUBJECT + "x"))
    assert told(by_account, pipelines=ACCOUNT).states == ()
    assert told(by_account, pipelines="*/subject/x").states == ()
    assert len(told(by_account, pipelines="other@*").states) == 1


@pytest.mark.parametrize(
    "document",
    [
        entry(log="data_access"),
        entry(payload={"methodName": "v1.compute.instances.list"}),
        entry(payload={"methodName": "google.cloud.run.v1.Services.GetService"}),
        entry(payload={"request": {"validateOnly": True}}),
        entry(payload={"serviceName": "login.googleapis.com"}),
    ],
)
def test_what_reads_or_only_tries_changes_nothing(document: Any) -> None:
    found = alone(document)
    assert (found.kind, found.states, of_kind(found, "change")) == ("event", (), [])


def test_what_takes_a_while_counts_when_it_has_ended() -> None:
    operation = {"id": "operation-1", "producer": "compute.googleapis.com"}
    began, ended = (
        told(entry(insertId=id, operation={**operation, part: True}))
        for id, part in (("a", "first"), ("b", "last"))
    )
    assert began.states == ()
    assert only(ended).value == "change:google:operation-1"
    assert node(began, "change:google:operation-1").kind == "change"
    at_once = told(entry(operation={"id": "x", "first": True, "last": True}))
    assert only(at_once).value == "change:google:i1"


@pytest.mark.parametrize(
    "status",
    [{"code": 7, "message": "PERMISSION_DENIED"}, {"code": "x"}, {"code": 7, "message": 1}],
)
def test_a_call_that_failed_is_told_and_states_nothing(status: Any) -> None:
    found = told(entry(payload={"status": status}))
    assert (found.states, of_kind(found, "change")) == ((), [])
    (tried,) = of_kind(found, "activity")
    assert (tried.properties or {})["failed"]
    assert only(told(entry(payload={"status": {}})))
    assert only(told(entry(payload={"status": {"code": 0}})))


@pytest.mark.parametrize(
    "wrapped",
    [entry(), {"entries": [entry()], "nextPageToken": "x"}, pushed(entry())],
    ids=["entry", "list", "pushed"],
)
def test_every_wrapping_says_the_same(wrapped: Any) -> None:
    assert format_of(wrapped) == "google_audit"
    assert only(alone(wrapped)).value == "change:google:i1"


@pytest.mark.parametrize(
    ("document", "error", "says"),
    [
        (entry(timestamp="soon"), Malformed, "not an RFC 3339 time"),
        (entry(insertId=""), Malformed, "insertId"),
        (entry(payload={"serviceName": ""}), Malformed, r"protoPayload\.serviceName"),
        ({"entries": [entry(), {"timestamp": "2026-01-01T00:00:00Z"}]}, Malformed, r"entries\[1\]"),
        ({"entries": [entry()] * 10_001}, LimitPassed, "calls_max 10000"),
        (pushed({"hello": 1}), Unsupported, "something else"),
        (pushed(pushed(entry())), Unsupported, "something else"),
        ({"message": {"data": "%"}, "subscription": "s"}, Malformed, "not base64"),
        ({"message": {"data": "AA=="}, "subscription": "s"}, Malformed, "JSON"),
    ],
)
def test_what_is_broken_or_of_something_else_is_refused(
    document: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        alone(document)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("a@b.c"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["first", "last", "id", "code", "message", "labels", "principalEmail",
                         "principalSubject", "serviceAccountDelegationInfo", "validateOnly",
                         "firstPartyPrincipal", "callerSuppliedUserAgent"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["operation", "resource", "logName", "timestamp", "insertId"]), ANY
    ),
    st.dictionaries(
        st.sampled_from(["authenticationInfo", "requestMetadata", "status", "request",
                         "resourceName", "methodName", "serviceName"]),
        ANY,
    ),
)  # fmt: skip
def test_no_entry_however_odd_gives_anything_but_an_error_of_ours(outer: Any, inner: Any) -> None:
    document = {**entry(payload=inner), **outer}
    for wrapped in (document, {"entries": [document]}, pushed(document), {"entries": [outer]}):
        with contextlib.suppress(Error):
            google_audit.facts(wrapped, document_id="sha256:" + "0" * 64)
