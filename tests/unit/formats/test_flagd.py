"""flagd's flag files: a declared value for each flag, and none that is not in the file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.paths import DATA
from tests.unit.formats.told import alone, format_of, node, only, said, told
from wherefrom.errors import Malformed
from wherefrom.formats.recognise import read
from wherefrom.formats.states import DECLARED, Scope, Whole

HISTORY = sorted((DATA / "runtime" / "otel-demo-flag-history" / "versions").glob("*.json"))
SAMPLES = sorted(
    path for path in (DATA / "runtime" / "flagd").rglob("*.json") if "schema" not in path.parts
)
BOOLEAN = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}


def flag(**changes: Any) -> dict[str, Any]:
    return {"flags": {"dark": {**BOOLEAN, **changes}}}


@pytest.mark.parametrize("path", HISTORY + SAMPLES, ids=lambda path: path.name)
def test_every_real_file_is_read_flag_by_flag(path: Any) -> None:
    document = json.loads(path.read_bytes())
    found = read(path.read_bytes())
    assert found.format == "flagd"
    assert {name for _, name in said(found.facts)} == document["flags"].keys()
    for (_, name), value in said(found.facts).items():
        stated = document["flags"][name]
        shown = stated["variants"][stated["defaultVariant"]]
        assert value is not None
        assert (value if isinstance(shown, str) else json.loads(value)) == shown


def test_the_history_is_whole() -> None:
    assert (len(HISTORY), len(SAMPLES)) == (26, 9)


def test_a_flag_holds_where_the_event_around_its_file_says() -> None:
    found = told(flag(), time="2026-01-01T00:00:00Z", region="eu")
    state = only(found)
    assert (state.mode, state.scope) == (DECLARED, Scope("prod", region="eu"))
    assert (state.slot, state.name, state.value) == ("flag", "dark", "false")
    assert state.properties == {"variant": "off"}
    assert found.wholes == (Whole(DECLARED, Scope("prod", region="eu"), ("flag",)),)
    assert node(found, "flag:prod:dark").kind == "flag"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"), ("true", "true"), (0.05, "0.05"), (1.0, "1"), (10, "10"),
        ({"b": 1, "a": [None]}, '{"a":[null],"b":1}'), ("", ""),
    ],
)  # fmt: skip
def test_a_value_is_a_short_text(value: Any, text: str) -> None:
    assert only(alone(flag(variants={"off": value}))).value == text


def test_a_long_value_is_its_digest() -> None:
    value = only(alone(flag(variants={"off": "x" * 257}))).value
    assert value is not None
    assert value.startswith("sha256:")
    assert only(alone(flag(variants={"off": "y" * 257}))).value != value


def test_a_disabled_flag_and_one_without_a_default_say_so() -> None:
    assert only(alone(flag(state="DISABLED"))).value == "disabled"
    assert only(alone(flag(defaultVariant=None))).value == "code default"


def test_another_targeting_shows_beside_the_value() -> None:
    one, other = (
        only(alone(flag(targeting={"if": [{"var": "email"}, variant]})))
        for variant in ("on", "off")
    )
    assert one.value == other.value
    assert one.properties != other.properties


def test_a_list_of_flags_names_a_key_of_several_sets_by_its_set() -> None:
    flags = [
        {"key": "dark", **BOOLEAN, "metadata": {"flagSetId": "web"}},
        {"key": "dark", **BOOLEAN, "defaultVariant": "on"},
        {"key": "light", **BOOLEAN},
    ]
    found = alone({"flags": flags, "metadata": {"flagSetId": "app"}})
    assert said(found) == {
        ("flag", "web/dark"): "false", ("flag", "app/dark"): "true", ("flag", "light"): "false",
    }  # fmt: skip
    with pytest.raises(Malformed, match="a flag stands twice in one set"):
        alone({"flags": [flags[2], flags[2]]})


def test_an_empty_file_says_that_there_is_no_flag() -> None:
    found = alone({"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": {}})
    assert found.states == ()
    assert found.wholes == (Whole(DECLARED, Scope(), ("flag",)),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"state": "OFF"}, "not a state of a flag, at flags.dark.state"),
        ({"defaultVariant": "maybe"}, "a default that is no variant of its flag"),
        ({"defaultVariant": 1}, "a field has the wrong type, at flags.dark.defaultVariant"),
        ({"variants": None}, "a required field is missing, at flags.dark.variants"),
    ],
)
def test_a_broken_flag_is_refused_with_its_place(changes: Any, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        alone(flag(**changes))


def test_other_documents_with_flags_are_not_flag_files() -> None:
    assert format_of(flag()) == "flagd"
    with pytest.raises(Exception, match="not a kind that is read"):
        alone({"flags": {"dark": {"on": True}}})
