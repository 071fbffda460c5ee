"""Of Terraform's plans and states no secret is kept, and what is kept can be compared."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats import test_terraform as of_plans
from tests.unit.formats import test_terraform_state as of_states
from wherefrom.capture.keyed_hashes import keyed_hash
from wherefrom.capture.terraform import without_secrets
from wherefrom.errors import Error, SettingError
from wherefrom.formats import terraform
from wherefrom.formats.states import DECLARED, OBSERVED

KEY = b"k" * 32
LEAK = "hunter2"
VALUES = {"id": "db-1", "password": LEAK, "size": 1}
MARKS = {"password": True}


def value_of(document: Any, mode: str) -> str | None:
    said = terraform.facts(document, document_id="sha256:" + "0" * 64)
    (state,) = (s for s in said.states if s.mode == mode)
    return state.value


def shown_state() -> dict[str, Any]:
    one = of_plans.resource("aws_db_instance.main", values=VALUES, sensitive_values=MARKS)
    return of_plans.state(one, outputs={"url": {"sensitive": False, "value": LEAK}})


def raw_state() -> dict[str, Any]:
    return of_states.state(of_states.resource(of_states.instance(attributes=VALUES)))


def plan() -> dict[str, Any]:
    one = of_plans.changed(
        ["update"], address="aws_db_instance.main", before={**VALUES, "size": 0}, after=VALUES,
        after_sensitive=MARKS,
    )  # fmt: skip
    variables = {"password": {"value": LEAK}}
    return of_plans.plan(one, variables=variables, planned_values={"outputs": {"a": LEAK}})


@pytest.mark.parametrize("document", [shown_state(), raw_state(), plan()], ids=["s", "raw", "plan"])
def test_no_secret_is_left_and_nothing_was_changed_in_place(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    kept = without_secrets(document, KEY)
    assert document == before
    assert LEAK not in json.dumps(kept)
    assert keyed_hash("aws_db_instance.main.password", LEAK, KEY) in json.dumps(kept)
    terraform.facts(kept, document_id="")


def test_a_plan_and_the_state_after_it_and_its_file_are_one_value() -> None:
    declared = value_of(without_secrets(plan(), KEY), DECLARED)
    assert declared is not None
    assert declared == value_of(without_secrets(shown_state(), KEY), OBSERVED)
    assert declared == value_of(without_secrets(raw_state(), KEY), OBSERVED)
    other = raw_state()
    other["resources"][0]["instances"][0]["attributes"] = {**VALUES, "password": "other"}
    assert declared != value_of(without_secrets(other, KEY), OBSERVED)


def test_what_nobody_marks_is_a_secret_by_its_name_or_looks_unless_it_is_said_to_be_none() -> None:
    values = {"api_token": LEAK, "http_tokens": "optional", "url": f"postgres://u:{LEAK}@db/x"}
    document = of_plans.state(of_plans.resource("a.b", values=values, sensitive_values={}))
    kept = without_secrets(document, KEY, plain=["http_tokens"])
    assert LEAK not in json.dumps(kept)
    inside = kept["values"]["root_module"]["resources"][0]["values"]
    assert inside["http_tokens"] == "optional"
    named = without_secrets(document, KEY, patterns=["http_*"])
    assert named["values"]["root_module"]["resources"][0]["values"]["http_tokens"] != "optional"


@pytest.mark.parametrize(
    ("type", "values"),
    [
        ("random_password", {"result": LEAK, "bcrypt_hash": LEAK}),
        ("tls_private_key", {"private_key_pem": LEAK, "private_key_openssh": LEAK}),
        ("aws_ssm_parameter", {"value": LEAK, "value_wo": LEAK}),
        ("aws_secretsmanager_secret_version", {"secret_string": LEAK}),
        ("azurerm_key_vault_secret", {"value": LEAK}),
        (
            "azurerm_storage_account",
            {"primary_connection_string": LEAK, "primary_access_key": LEAK},
        ),
        ("kubernetes_secret_v1", {"data": {"a": LEAK}, "binary_data": {"b": LEAK}}),
        ("vault_generic_secret", {"data_json": LEAK}),
        ("github_actions_secret", {"plaintext_value": LEAK}),
        ("aws_iam_access_key", {"secret": LEAK, "ses_smtp_password_v4": LEAK}),
        ("google_service_account_key", {"private_key": LEAK}),
    ],
)
def test_what_a_file_of_state_leaves_unmarked_is_known_by_its_resource(
    type: str, values: Any
) -> None:
    instance = of_states.instance(
        attributes={"id": "i-1", "arn": of_plans.ARN, **values}, sensitive_attributes=[]
    )
    document = of_states.state(of_states.resource(instance, type=type))
    kept = without_secrets(document, KEY)
    assert LEAK not in json.dumps(kept)
    inside = kept["values"]["root_module"]["resources"][0]["values"]
    assert (inside["id"], inside["arn"]) == ("i-1", of_plans.ARN)


POD = [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "LEVEL", "value": "info"}]


@pytest.mark.parametrize(
    ("type", "values"),
    [
        ("kubernetes_deployment", {"spec": [{"container": [{"env": POD}]}]}),
        ("aws_ecs_task_definition", {"container_definitions": json.dumps([{"environment": POD}])}),
        ("aws_iot_thing", {"settings": '{"db": {"password": "hunter2"}}'}),
        ("kubernetes_manifest", {"manifest": {"kind": "Secret", "data": {"a": "hunter2"}}}),
        ("kubernetes_manifest", {"object": {"kind": "Secret", "stringData": {"a": "hunter2"}}}),
        ("helm_release", {"set": [{"name": "auth.password", "value": "hunter2"}]}),
        ("helm_release", {"set_sensitive": [{"name": "x", "value": "hunter2"}]}),
        ("helm_release", {"values": ["auth:\n  password: hunter2\n"]}),
        ("aws_instance", {"user_data": "#!/bin/sh\nexport DB_PASSWORD=hunter2\n"}),
        ("local_sensitive_file", {"content": "hunter2"}),
    ],
)
def test_a_secret_among_others_is_known_by_the_name_beside_it(type: str, values: Any) -> None:
    made = without_secrets(state_of(type, values), KEY)
    assert "hunter2" not in json.dumps(made)
    assert "hmac-sha256:" in json.dumps(made)


@pytest.mark.parametrize(
    "values",
    [
        {"env": [{"name": "LEVEL", "value": "info"}]},
        {"policy": '{"StringEquals": {"token.actions.githubusercontent.com:aud": "sts"}}'},
        {"policy": '{\n  "token.actions.githubusercontent.com:aud": "sts"\n}'},
        {"values": ["auth:\n  password: {{ it }}\n"], "user_data": "A=1\nTOKEN=$TOKEN\nB=2"},
        {"manifest": {"kind": "ConfigMap", "data": {"a": "b"}}},
        {"long": "token" * 20_000, "word": "a" * 200_000, "lines": "\n" * 200_000},
    ],
)
def test_what_only_speaks_of_secrets_is_none(values: Any) -> None:
    assert "hmac" not in json.dumps(without_secrets(state_of("t", values), KEY))


def test_what_is_marked_on_one_side_of_a_change_is_hashed_on_both() -> None:
    change = {
        "actions": ["update"], "before": {"it": "hunter1"}, "after": {"it": "hunter2"},
        "before_sensitive": {}, "after_sensitive": {"it": True}, "after_unknown": {},
    }  # fmt: skip
    one = {"address": "t.x", "mode": "managed", "type": "t", "name": "x", "change": change}
    made = without_secrets({"format_version": "1.2", "resource_changes": [one]}, KEY)
    assert "hunter" not in json.dumps(made)


def state_of(type: str, values: Any) -> dict[str, Any]:
    one = {
        "address": f"{type}.x", "mode": "managed", "type": type, "name": "x", "values": values,
        "sensitive_values": {},
    }  # fmt: skip
    return {"format_version": "1.0", "values": {"root_module": {"resources": [one]}}}


def test_what_is_marked_is_hashed_whatever_is_said_of_it() -> None:
    kept = without_secrets(shown_state(), KEY, plain=["*"])
    assert LEAK not in json.dumps(kept)


def test_without_a_key_nothing_with_a_secret_is_given() -> None:
    with pytest.raises(SettingError, match=r"no key to hash it with.*values\.password.*--hash-key"):
        without_secrets(shown_state(), None)
    plain = of_plans.state(of_plans.resource("a.b", values={"size": 1}, sensitive_values={}))
    assert without_secrets(plain, None)["values"]["root_module"]["resources"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "password", "values", "change", "after", "address", "resources",
                             "child_modules", "sensitive_values", "after_sensitive"]),
            inner, max_size=4,
        )
    ),
    max_leaves=15,
)  # fmt: skip


@given(JSON, JSON)
def test_no_document_however_odd_gives_anything_but_an_error_of_ours(one: Any, other: Any) -> None:
    for document in (
        {"format_version": "1.0", "values": one, "resource_changes": other},
        {"format_version": "1.0", "values": {"root_module": one}, "resource_drift": [other]},
    ):
        try:
            kept = without_secrets(document, KEY)
            terraform.facts(kept, document_id="sha256:" + "0" * 64)
        except Error:
            pass


@given(st.data())
def test_no_marked_value_of_any_shape_is_left(data: Any) -> None:
    leaf = st.just(LEAK)
    values = data.draw(
        st.recursive(
            leaf, lambda inner: st.lists(inner, min_size=1, max_size=3)
            | st.dictionaries(st.text(max_size=3), inner, min_size=1, max_size=3), max_leaves=8,
        )
    )  # fmt: skip
    document = of_plans.state(
        of_plans.resource("a.b", values={"v": values}, sensitive_values={"v": marks_of(values)})
    )
    assert LEAK not in json.dumps(without_secrets(document, KEY))


def marks_of(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: marks_of(inner) for key, inner in value.items()}
    return [marks_of(inner) for inner in value] if isinstance(value, list) else True
