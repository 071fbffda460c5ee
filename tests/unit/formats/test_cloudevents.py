"""CloudEvents in structured mode: checked as the spec says, and read through to known data."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA, REPOSITORY
from wherefrom.errors import ForbiddenField, LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import cloudevents
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.recognise import facts_of, read
from wherefrom.formats.states import DECLARED, Scope, State, Whole

EXAMPLES = DATA / "runtime" / "cloudevents-spec" / "json-format-examples.json"
OPENLINEAGE = {
    "eventType": "START",
    "eventTime": "2026-01-01T00:00:00Z",
    "producer": "https://example.org/etl",
    "run": {"runId": "01a1fc81-1e8c-7540-b7cf-33e0e7275163"},
    "job": {"namespace": "prod", "name": "load"},
}


def event(**changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "A1",
        "source": "https://example.org/ci",
        "type": "org.example.built",
        **changes,
    }


def facts(**changes: Any) -> Facts:
    return facts_of(json.dumps(event(**changes)).encode())


def properties(found: Facts) -> dict[str, Any]:
    return dict(next(n.properties or {} for n in found.nodes if n.id == found.document))


def test_an_event_is_attributed_to_its_source() -> None:
    found = facts(subject="repo/1", time="2026-01-01T01:00:00+01:00", extension="x", count=5)
    assert (found.kind, found.type) == ("event", "org.example.built")
    assert found.occurred == "2026-01-01T00:00:00.000000Z"
    assert found.producers == ("https://example.org/ci",)
    assert [(e.source, e.relation, e.target) for e in found.edges] == [
        (found.document, "attributed_to", "https://example.org/ci")
    ]
    assert properties(found) == {"id": "A1", "subject": "repo/1"}


def stating(occurred: str | None, *states: State, whole: Whole | None = None) -> Any:
    """A reader of data that states this."""

    def inside(_: object, given: Scope) -> Facts:
        builder = FactsBuilder(document="sha256:" + "0" * 64)
        builder.node(f"flag:{given.environment}:dark", "flag")
        builder.state(*states)
        if whole is not None:
            builder.all_of(whole)
        return builder.build(kind="event", type="t", occurred=occurred)

    return inside


def test_what_the_data_states_is_of_where_the_event_says_and_of_the_datas_time() -> None:
    document = event(
        time="2026-01-02T00:00:00Z", data={}, environment="prod", service="cart", region="eu-1"
    )
    elsewhere = State(
        DECLARED, Scope("test", pool="b"), "scale", "", "3", at="2025-01-01T00:00:00Z"
    )
    flag = State(DECLARED, Scope(), "flag", "dark", "true")
    found = cloudevents.facts(
        document,
        document_id="sha256:" + "0" * 64,
        inside=stating(
            "2026-01-01T00:00:00.000000Z",
            flag,
            elsewhere,
            whole=Whole(DECLARED, Scope(), ("flag",)),
        ),
    )
    assert [(s.scope, s.at) for s in found.states] == [
        (Scope("prod", "cart", "eu-1"), "2026-01-01T00:00:00.000000Z"),
        (Scope("test", "cart", "eu-1", "b"), "2025-01-01T00:00:00Z"),
    ]
    assert found.wholes == (
        Whole(DECLARED, Scope("prod", "cart", "eu-1"), ("flag",), "2026-01-01T00:00:00.000000Z"),
    )
    assert found.occurred == "2026-01-02T00:00:00.000000Z"
    assert "flag:prod:dark" in {node.id for node in found.nodes}
    assert properties(found)["environment"] == "prod"


def test_data_without_a_time_states_from_the_events_time_on() -> None:
    flag = State(DECLARED, Scope("prod"), "flag", "dark", "true")
    found = cloudevents.facts(
        event(time="2026-01-02T00:00:00Z", data={}),
        document_id="sha256:" + "0" * 64,
        inside=stating(None, flag),
    )
    assert found.states == (flag,)  # from ``occurred`` on, which is the event's


def test_data_that_must_not_be_kept_is_refused_with_its_event() -> None:
    def inside(_: object, __: Scope) -> Facts:
        raise ForbiddenField("a secret in clear", where="items[0]")

    with pytest.raises(ForbiddenField, match=r"at data\.items\[0\]"):
        cloudevents.facts(event(data={}), document_id="sha256:" + "0" * 64, inside=inside)


def test_data_that_a_format_knows_adds_its_facts_to_this_record() -> None:
    found = facts(data=OPENLINEAGE)
    run = "run:01a1fc81-1e8c-7540-b7cf-33e0e7275163"
    assert (found.document, "describes", run) in [
        (e.source, e.relation, e.target) for e in found.edges
    ]
    assert found.kind == "event"
    assert found.type == "org.example.built"
    assert found.occurred == "2026-01-01T00:00:00.000000Z"
    assert found.namespaces == ("prod",)
    assert found.producers == ("https://example.org/ci", "https://example.org/etl")


def test_data_that_a_format_knows_and_cannot_read_costs_only_its_facts() -> None:
    found = facts(data={**OPENLINEAGE, "producer": None})
    assert properties(found)["data_unread"] == "malformed"
    assert len(found.nodes) == 2


@pytest.mark.parametrize("data", [None, 1.5, "text", [1], {"any": "thing"}, event()])
def test_other_data_stays_in_the_content(data: Any) -> None:
    found = facts(data=data)
    assert "data_unread" not in properties(found)
    assert len(found.nodes) == 2


@pytest.mark.parametrize("version", ["0.3", "1.1", "2.0"])
def test_another_version_is_unsupported(version: str) -> None:
    with pytest.raises(Unsupported, match="a CloudEvent of another version, at specversion"):
        facts(specversion=version)


def test_the_oldest_versions_are_known_by_their_keys() -> None:
    old = {"eventID": "1", "eventType": "t", "source": "/s", "cloudEventsVersion": "0.1"}
    with pytest.raises(Unsupported, match=r"expected 1\.0, got 0\.1"):
        facts_of(json.dumps(old).encode())
    del old["cloudEventsVersion"]
    with pytest.raises(Unsupported, match=r"got 0\.2 or older"):
        facts_of(json.dumps(old).encode())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": ""}, "a required field is missing, at id"),
        ({"id": 5}, "a field has the wrong type, at id"),
        ({"source": None}, "a required field is missing, at source"),
        ({"source": "two words"}, "not a URI reference, at source"),
        ({"type": ""}, "a required field is missing, at type"),
        ({"specversion": 1.0}, "a field has the wrong type, at specversion"),
        ({"specversion": None}, "a field has the wrong type, at specversion"),
        ({"time": "today"}, "not an RFC 3339 time, at time"),
        ({"time": 5}, "a field has the wrong type, at time"),
        ({"subject": ""}, "a required field is missing, at subject"),
        ({"dataschema": "no-scheme"}, "not a URI, at dataschema"),
        ({"myExtension": "x"}, "not a name for an attribute.*got myExtension"),
        ({"my_extension": "x"}, "not a name for an attribute"),
        ({"ext": 1.5}, "not a value for an attribute, at ext"),
        ({"ext": 2**31}, "not a value for an attribute, at ext"),
        ({"ext": {"a": 1}}, "not a value for an attribute, at ext: .*got dict"),
        ({"data": 1, "data_base64": "AAAA"}, "data and data_base64 together"),
        ({"data": None, "data_base64": "AAAA"}, "data and data_base64 together"),
        ({"data_base64": "A A"}, "not base64, at data_base64"),
        ({"data_base64": "AAA"}, "not base64, at data_base64"),
        ({"data_base64": "é"}, "not base64, at data_base64"),
    ],
)
def test_a_wrong_attribute_is_malformed_naming_it(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Malformed, match=message):
        facts(**changes)


def test_null_is_an_attribute_that_is_not_set() -> None:
    assert "subject" not in properties(facts(subject=None, time=None, ext=None))
    assert facts(data=None, data_base64=None)


def test_a_type_too_long_for_an_entry_is_over_a_limit() -> None:
    with pytest.raises(LimitPassed, match="type_bytes_max 256"):
        facts(type="t" * 257)


def test_the_examples_of_the_spec_are_read_but_for_a_placeholder() -> None:
    outcomes = []
    for example in json.loads(EXAMPLES.read_text()):
        for one in example if isinstance(example, list) else [example]:
            content = json.dumps(one).encode()
            if "base64 encoded string" in one.get("data_base64", ""):
                with pytest.raises(Malformed, match="not base64"):
                    read(content)
            elif "source" in one:
                outcomes.append(read(content).format)
    assert outcomes == ["cloudevents"] * 6


@given(
    name=st.sampled_from([*event(), "time", "subject", "data", "data_base64", "ext", "dataschema"]),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=4,
    )
    | st.binary(max_size=9).map(lambda b: base64.b64encode(b).decode()),
)
@settings(max_examples=200, deadline=None)
def test_any_value_of_any_attribute_gives_facts_or_a_refusal(name: str, value: Any) -> None:
    try:
        found = cloudevents.facts(event(**{name: value}), document_id="sha256:" + "0" * 64)
    except Refused:
        return
    ids = {n.id for n in found.nodes}
    assert all(e.source in ids and e.target in ids for e in found.edges)


def test_the_worked_example_of_the_documentation_is_true() -> None:
    page = (REPOSITORY / "docs" / "formats" / "cloudevents.md").read_text()
    example, said = re.findall(r"```(?:json|text)\n(.*?)```", page, re.DOTALL)
    found = facts_of(example.encode())
    edges = [
        " ".join((edge.source, edge.relation, edge.target)).replace(found.document, "record")
        for edge in found.edges
    ]
    assert edges == said.splitlines()
