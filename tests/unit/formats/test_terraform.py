"""Terraform: a state is what was applied and seen, a plan what was decided; no secret enters."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats.told import alone, format_of, links, node, of_kind, only, said, told
from wherefrom.errors import ForbiddenField, Malformed, Unsupported
from wherefrom.formats.changes import digest_of
from wherefrom.formats.states import DECLARED, OBSERVED, Scope, State, Whole
from wherefrom.formats.terraform_secrets import in_clear

AT = "2026-01-01T10:00:00.000000Z"
KEYED = "hmac-sha256:" + "cd" * 8 + ":" + "ab" * 32
ARN = "arn:aws:s3:::logs"


def resource(address: str = "aws_s3_bucket.logs", **changes: Any) -> dict[str, Any]:
    type, _, name = address.rpartition(".")
    return {
        "address": address, "mode": "managed", "type": type.rpartition(".")[2], "name": name,
        "provider_name": "registry.example/hashicorp/aws", "schema_version": 0,
        "values": {"arn": ARN, "bucket": "logs"}, "sensitive_values": {"tags": {}}, **changes,
    }  # fmt: skip


def state(*resources: Any, modules: Any = (), outputs: Any = None) -> dict[str, Any]:
    return {
        "format_version": "1.0", "terraform_version": "1.9.0",
        "values": {
            "outputs": outputs or {},
            "root_module": {"resources": list(resources), "child_modules": list(modules)},
        },
    }  # fmt: skip


def changed(actions: list[str], *, before: Any = None, after: Any = None, **changes: Any) -> Any:
    inside = {
        key: changes.pop(key) for key in ("after_unknown", "after_sensitive") if key in changes
    }
    one = {key: value for key, value in resource().items() if "values" not in key}
    return {**one, **changes, "change": {
        "actions": actions, "before": before, "after": after, "after_unknown": {},
        "before_sensitive": False, "after_sensitive": False, **inside,
    }}  # fmt: skip


def plan(*resources: Any, drift: Any = (), **changes: Any) -> dict[str, Any]:
    return {
        "format_version": "1.2", "terraform_version": "1.9.0", "planned_values": {},
        "resource_changes": list(resources), "resource_drift": list(drift),
        "timestamp": "2026-01-01T10:00:00Z", "errored": False, **changes,
    }  # fmt: skip


# -- states


def test_a_state_is_all_that_is_seen_of_every_module() -> None:
    inner = {
        "address": "module.a",
        "resources": [resource("module.a.aws_sqs_queue.q", values={})],
        "child_modules": [{"resources": [resource('module.a.module.b["x"].t.r')]}],
    }
    found = told(state(resource(), modules=[inner]), source="/terraform/prod")
    assert set(said(found)) == {
        ("resource", "aws_s3_bucket.logs"), ("resource", "module.a.aws_sqs_queue.q"),
        ("resource", 'module.a.module.b["x"].t.r'),
    }  # fmt: skip
    first, second = found.states[:2]
    assert (first.mode, second.mode, first.scope) == (DECLARED, OBSERVED, Scope("prod"))
    assert first.value == second.value == digest_of({"arn": ARN, "bucket": "logs"})
    assert found.wholes == tuple(
        Whole(mode, Scope("prod"), ("resource",)) for mode in (DECLARED, OBSERVED)
    )
    assert (format_of(state()), alone(state()).kind) == ("terraform", "observation")


def test_an_empty_state_says_that_nothing_is_there() -> None:
    for empty in ({"format_version": "1.0"}, state()):
        found = alone(empty)
        assert (found.states, len(found.wholes)) == ((), 2)


def test_data_sources_and_what_is_being_replaced_are_not_provisioned() -> None:
    document = state(
        resource(mode="data"), resource("a.b"), {**resource("a.c"), "deposed_key": "00ff"}
    )
    assert list(said(alone(document))) == [("resource", "a.b")]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"arn": ARN}, ARN),
        (
            {"id": "/subscriptions/A/resourceGroups/B"},
            "/subscriptions/a/resourcegroups/b",
        ),
        (
            {"self_link": "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/i"},
            "//compute.googleapis.com/projects/p/zones/z/instances/i",
        ),
    ],
)
def test_what_the_cloud_calls_it_is_another_name(values: Any, name: str) -> None:
    found = told(state(resource(values=values)))
    assert ("terraform:prod:aws_s3_bucket.logs", "alternate", name) in links(found)
    assert all((s.properties or {})["called"] == [name] for s in found.states)


def test_a_long_address_is_cut_and_stays_its_own() -> None:
    long = ["a." + "x" * 400 + end for end in "12"]
    names = [name for _, name in said(alone(state(*map(resource, long))))]
    assert len(set(names)) == 2
    assert all(len(name.encode()) <= 256 for name in names)


# -- plans


def test_a_plan_declares_what_is_to_be_and_what_goes() -> None:
    found = told(
        plan(
            changed(["create"], after={"size": 1}, address="a.new", after_unknown={"id": True}),
            changed(["update"], before={"size": 1}, after={"size": 2}, address="a.up"),
            changed(["no-op"], before={"size": 3}, after={"size": 3}, address="a.same"),
            changed(["delete", "create"], before={"z": 1}, after={"z": 2}, address="a.again"),
            changed(["delete"], before={"size": 1}, address="a.gone"),
            changed(["forget"], before={"size": 1}, address="a.left"),
            changed(["read"], after={}, address="data.a.b", mode="data"),
        )
    )
    values = {name: value for (_, name), value in said(found).items()}
    assert values == {
        "a.new": digest_of({"size": 1}), "a.up": digest_of({"size": 2}),
        "a.same": digest_of({"size": 3}), "a.again": digest_of({"z": 2}), "a.gone": None,
        "a.left": None,
    }  # fmt: skip
    assert all((s.mode, s.at) == (DECLARED, AT) for s in found.states)
    assert (found.states[0].properties or {})["unknown"] == ["id"]
    (change,) = of_kind(found, "change")
    assert change.name == (
        "plan: 1 to create, 1 to delete, 1 to delete+create, 1 to forget, 1 to update"
    )
    changes = {target for source, relation, target in links(found) if relation == "changes"}
    assert changes == {f"terraform:prod:a.{n}" for n in ("new", "up", "again", "gone", "left")}


@pytest.mark.parametrize(
    ("said", "unknown"), [(True, ["*"]), (False, None), ({"a": False, "b": {}}, None), (None, None)]
)
def test_what_comes_only_with_the_apply_is_named(said: Any, unknown: Any) -> None:
    found = alone(plan(changed(["create"], after={"a": 1}, after_unknown=said)))
    assert (only(found).properties or {}).get("unknown") == unknown


def test_a_resource_that_moved_is_no_longer_at_its_old_address() -> None:
    found = told(plan(changed(["no-op"], after={"a": 1}, address="a.b", previous_address="a.a")))
    assert said(found) == {("resource", "a.b"): digest_of({"a": 1}), ("resource", "a.a"): None}
    assert ("terraform:prod:a.b", "alternate", "terraform:prod:a.a") in links(found)


def test_a_plan_that_failed_decides_nothing() -> None:
    assert alone(plan(changed(["create"], after={"a": 1}), errored=True)).states == ()


def test_what_was_changed_beside_terraform_is_seen_as_such() -> None:
    drift = changed(["update"], before={"a": 1, "b": 2}, after={"a": 1, "b": 3}, address="a.b")
    found = told(plan(drift=[drift]))
    state = only(found)
    assert (state.mode, state.name, state.value) == (OBSERVED, "a.b", digest_of({"a": 1, "b": 3}))
    (change,) = (n for n in of_kind(found, "change") if "beside" in (n.name or ""))
    assert change.properties is not None
    assert (change.properties["out_of_band"], change.properties["keys"]) == (True, ["b"])
    assert (change.id, "changes", "terraform:prod:a.b") in links(found)
    gone = changed(["delete"], before={"a": 1}, address="a.b")
    assert only(told(plan(drift=[gone]))).value is None


@pytest.mark.parametrize(
    "drift",
    [
        changed(["no-op"], before={"a": 1}, after={"a": 2}, previous_address="a.a"),
        changed(["update"], before={"tags": None, "b": 0}, after={"tags": {}, "c": [], "b": 0}),
    ],
)
def test_what_only_moved_or_says_nothing_in_another_way_is_no_drift(drift: Any) -> None:
    assert alone(plan(drift=[drift])).states == ()
    zero = changed(["update"], before={"a": 1}, after={"a": 0})
    assert len(alone(plan(drift=[zero])).states) == 1


# -- sensitive values


def secrets() -> list[tuple[str, dict[str, Any]]]:
    """A document for each place where a sensitive value may stand, and where it stands."""
    inside = {"values": {"password": "x", "tags": ["a", {"b": "c"}]}}
    marks = {"sensitive_values": {"password": True}}
    deep = {"sensitive_values": {"tags": [False, {"b": True}]}}
    by_plan = changed(["create"], after={"p": "x"}, after_sensitive={"p": True})
    nested = {"resources": [resource(**inside, **marks)]}
    root = "values.root_module"
    return [
        (f"{root}.resources[0].values.password", state(resource(**inside, **marks))),
        (f"{root}.resources[0].values.tags[1].b", state(resource(**inside, **deep))),
        (f"{root}.resources[0].values", state(resource(**inside, sensitive_values=True))),
        (f"{root}.child_modules[0].resources[0].values.password", state(modules=[nested])),
        ("values.outputs.o.value", state(outputs={"o": {"sensitive": True, "value": {"a": 1}}})),
        ("resource_changes[0].change.after.p", plan(by_plan)),
        ("resource_drift[0].change.after.p", plan(drift=[by_plan])),
        ("planned_values.outputs.o.value",
         plan(planned_values={"outputs": {"o": {"sensitive": True, "value": 0}}})),
        ("prior_state.values.root_module.resources[0].values.password",
         plan(prior_state=state(resource(**inside, **marks)))),
        ("output_changes.o.before",
         plan(output_changes={"o": {"before": "x", "before_sensitive": True}})),
        ("variables.v.value",
         plan(variables={"v": {"value": "x"}},
              configuration={"root_module": {"variables": {"v": {"sensitive": True}}}})),
    ]  # fmt: skip


@pytest.mark.parametrize(("where", "document"), secrets(), ids=[where for where, _ in secrets()])
def test_a_sensitive_value_in_clear_is_refused_wherever_it_stands(
    where: str, document: dict[str, Any]
) -> None:
    document = copy.deepcopy(document)
    with pytest.raises(ForbiddenField, match="in clear") as caught:
        alone(document)
    assert caught.value.where == where
    with pytest.raises(ForbiddenField):
        told(document)
    for found in list(in_clear(document)):
        found.parent[found.key] = KEYED
    assert list(in_clear(document)) == []
    alone(document)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    ),
    st.data(),
)
def test_marks_of_any_shape_are_walked_beside_values_of_any_other(value: Any, data: Any) -> None:
    marks = data.draw(
        st.recursive(
            st.booleans() | st.none(),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
        )
    )
    document = {"values": {"root_module": {"resources": [
        {"values": copy.deepcopy(value), "sensitive_values": marks}
    ]}}}  # fmt: skip
    for found in list(in_clear(document)):
        found.parent[found.key] = KEYED
    assert list(in_clear(document)) == []


@pytest.mark.parametrize(
    ("document", "error", "says"),
    [
        (state({**resource(), "address": ""}), Malformed, "required field"),
        (state({**resource(), "values": []}), Malformed, "wrong type"),
        (plan({"address": "a.b"}), Malformed, "required field"),
        (plan(changed("create")), Malformed, "wrong type"),  # type: ignore[arg-type]
        (plan(timestamp="soon"), Malformed, "not an RFC 3339 time"),
        ({**state(), "format_version": "2.0"}, Unsupported, "another version"),
        ({"version": 4, "lineage": "a", "serial": 1}, ForbiddenField, "that nothing marks"),
    ],
)
def test_what_is_broken_or_newer_is_refused(
    document: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        alone(document)


def test_a_state_says_what_it_is_of() -> None:
    found = alone(state(resource()))
    assert node(found, found.document).properties == {"format": "Terraform", "version": "1.9.0"}
    assert State(
        OBSERVED, Scope(), "resource", "aws_s3_bucket.logs",
        digest_of({"arn": ARN, "bucket": "logs"}),
        properties={
            "type": "aws_s3_bucket", "provider": "registry.example/hashicorp/aws",
            "called": [ARN],
        },
    ) in found.states  # fmt: skip
