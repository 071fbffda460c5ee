"""Terraform's own file of state tells what ``terraform show -json`` tells of it."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Error, Malformed, Unsupported
from wherefrom.formats.terraform import facts
from wherefrom.formats.terraform_state import recognises, shown

AWS = 'provider["registry.terraform.io/hashicorp/aws"]'


def instance(**changes: Any) -> dict[str, Any]:
    return {
        "schema_version": 2, "attributes": {"id": "db-1", "password": "hunter2"},
        "sensitive_attributes": [[{"type": "get_attr", "value": "password"}]],
        "private": "eyJhIjoiYiJ9", "dependencies": ["aws_vpc.main"], **changes,
    }  # fmt: skip


def resource(*instances: Any, **changes: Any) -> dict[str, Any]:
    return {
        "mode": "managed", "type": "aws_db_instance", "name": "main", "provider": AWS,
        "instances": list(instances), **changes,
    }  # fmt: skip


def state(*resources: Any, **changes: Any) -> dict[str, Any]:
    return {
        "version": 4, "terraform_version": "1.9.5", "serial": 7,
        "lineage": "3f0c7e5a-0000-4000-8000-000000000000",
        "outputs": {"url": {"value": "postgres://u:hunter2@db", "type": "string"}},
        "resources": list(resources), "check_results": None, **changes,
    }  # fmt: skip


def resources(document: Any) -> Any:
    return shown(document)["values"]["root_module"]["resources"]


def test_an_instance_is_a_resource_with_its_address_provider_and_marks() -> None:
    (one,) = resources(state(resource(instance())))
    assert one == {
        "address": "aws_db_instance.main", "mode": "managed", "type": "aws_db_instance",
        "name": "main", "provider_name": "registry.terraform.io/hashicorp/aws",
        "values": {"id": "db-1", "password": "hunter2"}, "sensitive_values": {"password": True},
    }  # fmt: skip


def test_outputs_and_what_a_provider_keeps_for_itself_are_left_out() -> None:
    written = json.dumps(shown(state(resource(instance(attributes={"id": "db-1"})))))
    assert "hunter2" not in written
    assert "eyJhIjoiYiJ9" not in written


def test_addresses_are_those_of_count_for_each_and_modules() -> None:
    document = state(
        resource(instance(index_key=0), instance(index_key=1)),
        resource(instance(index_key='a"b.c')),
        resource(instance(), module='module.db["eu"].module.inner[0]'),
    )
    assert [one["address"] for one in resources(document)] == [
        "aws_db_instance.main[0]", "aws_db_instance.main[1]", 'aws_db_instance.main["a\\"b.c"]',
        'module.db["eu"].module.inner[0].aws_db_instance.main',
    ]  # fmt: skip


def test_data_sources_and_what_is_being_replaced_are_not_provisioned() -> None:
    document = state(resource(instance(), mode="data"), resource(instance(deposed="00ff00ff")))
    assert resources(document) == []


@pytest.mark.parametrize(
    ("paths", "marks"),
    [
        ([], {}),
        ([[{"type": "get_attr", "value": "a"}, {"type": "get_attr", "value": "b"}]],
         {"a": {"b": True}}),
        ([[{"type": "get_attr", "value": "env"},
           {"type": "index", "value": {"value": "TOKEN", "type": "string"}}]],
         {"env": {"TOKEN": True}}),
        # A list's element is not told from its neighbours: all of it is.
        ([[{"type": "get_attr", "value": "blocks"},
           {"type": "index", "value": {"value": 0, "type": "number"}},
           {"type": "get_attr", "value": "key"}]], {"blocks": True}),
        ([[{"type": "get_attr", "value": "a"}],
          [{"type": "get_attr", "value": "a"}, {"type": "get_attr", "value": "b"}]], {"a": True}),
    ],
)  # fmt: skip
def test_paths_become_marks(paths: Any, marks: Any) -> None:
    (one,) = resources(state(resource(instance(sensitive_attributes=paths))))
    assert one["sensitive_values"] == marks


@pytest.mark.parametrize(
    ("document", "error", "says"),
    [
        (state(version=3), Unsupported, "of another version"),
        (state(version=True), Unsupported, "of another version"),
        ({"encrypted_data": "x", "version": 1}, Unsupported, "encrypted"),
        (state(lineage=""), Malformed, "required field.*lineage"),
        (state({"mode": "managed"}), Malformed, r"resources\[0\].type"),
        (state(resource(instance(index_key=1.5))), Malformed, "index_key"),
        (state(resource(instance(index_key=True))), Malformed, "index_key"),
        (state(resource(instance(sensitive_attributes=[[]]))), Malformed, "path to no attribute"),
        (state(resource(instance(sensitive_attributes=["a"]))), Malformed, "expected an array"),
    ],
)
def test_what_is_broken_or_other_is_refused(document: Any, error: Any, says: str) -> None:
    assert recognises(document)
    with pytest.raises(error, match=says):
        shown(document)


def test_what_terraform_shows_is_no_file_of_state() -> None:
    assert not recognises({"format_version": "1.0", "version": 4, "lineage": "a", "serial": 1})
    assert not recognises({"version": 4})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["mode", "type", "name", "module", "instances", "index_key", "attributes", "value",
                 "sensitive_attributes", "deposed", "provider"]
            ),
            inner, max_size=5,
        )
    ),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(JSON, max_size=3), JSON)
def test_no_file_however_odd_gives_anything_but_an_error_of_ours(found: Any, one: Any) -> None:
    for listed in (found, [resource(instance(sensitive_attributes=found))], [resource(one)]):
        with contextlib.suppress(Error):
            facts(shown(state(*listed)), document_id="sha256:" + "0" * 64)
