"""Azure's Activity Log: one change a request, however it is written and wherever it comes from."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats.change_samples import CHANGES
from tests.unit.formats.told import alone, format_of, links, node, of_kind, only, told
from wherefrom.errors import Error, LimitPassed, Malformed
from wherefrom.formats import azure_activity
from wherefrom.formats.states import OBSERVED, Scope

AT = "2026-01-01T10:00:00.000000Z"
ID = "/subscriptions/s/resourcegroups/r/providers/microsoft.storage/storageaccounts/a"
CHANGE = f"change:azure:c1/microsoft.storage/storageaccounts/write/{ID}"
PORTAL = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
APP = {"authorization": {"evidence": {"principalType": "ServicePrincipal", "principalId": "p1"}}}


def event(*, claims: Any = None, identity: Any = None, **changes: Any) -> dict[str, Any]:
    sample = CHANGES["azure_activity"]
    said = {**sample["identity"], **(identity or {})}
    if claims is not None:
        said["claims"] = claims
    return {**sample, "identity": said, **changes}


def rest(**changes: Any) -> dict[str, Any]:
    """The same, as the REST API has it."""
    return {
        "eventDataId": "d1", "correlationId": "c1", "caller": "jane@example.org",
        "resourceId": ID.upper(), "category": {"value": "Administrative", "localizedValue": "x"},
        "operationName": {"value": "Microsoft.Storage/storageAccounts/write"},
        "status": {"value": "Succeeded"}, "subStatus": {"value": "Created"},
        "eventTimestamp": "2026-01-01T10:00:00Z", "claims": {"appid": "x"},
        "httpRequest": {"clientIpAddress": "192.0.2.7", "method": "PUT"}, **changes,
    }  # fmt: skip


def grid(**changes: Any) -> dict[str, Any]:
    """The same, of Event Grid."""
    data = {
        "correlationId": "c1", "resourceUri": ID, "status": "Succeeded", "httpRequest": "",
        "operationName": "Microsoft.Storage/storageAccounts/write",
        "claims": json.dumps({"upn": "jane@example.org"}), "authorization": "{x",
    }  # fmt: skip
    return {
        "id": "g1", "topic": "/subscriptions/s", "subject": ID, "data": {**data, **changes},
        "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "eventTime": "2026-01-01T10:00:00Z",
    }  # fmt: skip


def test_a_change_by_a_person_is_seen_at_the_resource_by_a_hash_of_them() -> None:
    found = told(event(callerIpAddress="192.0.2.7"))
    state = only(found)
    assert (state.mode, state.scope, state.slot, state.name, state.at) == (
        OBSERVED, Scope("prod"), "resource", ID, AT,
    )  # fmt: skip
    assert state.value == CHANGE
    assert (state.properties or {})["by"].startswith("person:")
    assert "jane@example.org" not in str(found.nodes)
    assert (CHANGE, "changes", ID) in links(found)
    said = node(found, CHANGE).properties or {}
    assert (said["subscription"], said["from"], said["how"]) == ("s", "192.0.2.7", "a person")


@pytest.mark.parametrize(
    ("changes", "out", "how"),
    [
        ({"claims": {"appid": PORTAL, "upn": "j@example.org"}}, True, "the Azure portal"),
        ({"claims": {"appid": CLI.upper(), "name": "Jane", "upn": "j@e.org"}}, True, "azure-cli"),
        ({"claims": {"appid": "a1", "idtyp": "app"}}, None, "no pipeline is declared"),
        ({"claims": {"appid": "a1"}, "identity": APP}, None, "no pipeline is declared"),
        ({"claims": {}}, None, "no pipeline is declared"),
    ],
)
def test_how_a_change_came_decides_whether_it_is_out_of_band(
    changes: Any, out: bool | None, how: str
) -> None:
    (change,) = of_kind(told(event(**changes)), "change")
    said = change.properties or {}
    assert said.get("out_of_band") is out
    assert how in said["how"]


def test_a_declared_pipeline_is_known_by_its_application_or_principal() -> None:
    document = event(claims={"appid": "a1", "idtyp": "app", "oid": "p1"})
    assert told(document, pipelines="A1").states == ()
    assert told(document, pipelines="p1").states == ()
    assert len(told(document, pipelines="a2").states) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"category": "Policy"},
        {"operationName": "Microsoft.Storage/storageAccounts/listKeys/action"},
        {"operationName": "Microsoft.Storage/storageAccounts/read"},
    ],
)
def test_what_reads_or_is_of_another_category_changes_nothing(changes: Any) -> None:
    found = alone(event(**changes))
    assert (found.kind, found.states, of_kind(found, "change")) == ("event", (), [])


@pytest.mark.parametrize("result", ["Start", "Accept", "Accepted", "", "Started"])
def test_what_has_not_ended_is_a_change_that_states_nothing_yet(result: str) -> None:
    found = told(event(resultType=result))
    assert found.states == ()
    assert node(found, CHANGE).kind == "change"


@pytest.mark.parametrize("result", ["Failure", "Failed", "Canceled"])
def test_a_call_that_failed_is_told_and_states_nothing(result: str) -> None:
    found = told(event(resultType=result, resultSignature="Failed.Forbidden"))
    assert found.states == ()
    assert (node(found, CHANGE).properties or {})["failed"] == "Failed.Forbidden"


def test_what_is_deleted_is_gone() -> None:
    document = event(operationName="Microsoft.Storage/storageAccounts/delete")
    assert (only(told(document)).properties or {})["gone"] is True


@pytest.mark.parametrize(
    "wrapped",
    [event(), {"records": [event()]}, rest(), {"value": [rest()], "nextLink": "x"}, grid(),
     grid()["data"]],
    ids=["record", "hub", "rest", "rest list", "grid", "data of a CloudEvent"],
)  # fmt: skip
def test_every_wrapping_says_the_same(wrapped: Any) -> None:
    assert format_of(wrapped) == "azure_activity"
    found = alone(wrapped)
    assert (only(found).value, only(found).name) == (CHANGE, ID)
    assert found.kind == "change"


@pytest.mark.parametrize(
    ("document", "error", "says"),
    [
        (event(time="soon"), Malformed, "not an RFC 3339 time"),
        (event(correlationId=""), Malformed, "correlationId"),
        ({"records": [event(), {}]}, Malformed, r"records\[1\].operationName"),
        ({"value": [rest()] * 10_001}, LimitPassed, "calls_max 10000"),
        (grid(resourceUri=""), Malformed, r"data\.resourceUri"),
    ],
)
def test_what_is_broken_is_refused(document: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        alone(document)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["{}", '{"a": 1}', "/subscriptions", "a/write"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["value", "claims", "appid", "upn", "evidence", "authorization", "action"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
KEYS = sorted({*event(), *rest(), *grid(), *grid()["data"]})


@given(st.dictionaries(st.sampled_from(KEYS), ANY), st.sampled_from([event(), rest(), grid()]))
def test_no_event_however_odd_gives_anything_but_an_error_of_ours(changes: Any, of: Any) -> None:
    document = {**of, **changes}
    for wrapped in (document, {"records": [document, changes]}, {"value": [changes]}):
        with contextlib.suppress(Error):
            azure_activity.facts(wrapped, document_id="sha256:" + "0" * 64)
        azure_activity.recognises(wrapped)
