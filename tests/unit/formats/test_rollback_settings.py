"""``rollback.json``: what is read, what is refused, and words that stay words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import REPOSITORY
from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.rollback_settings import PLACEHOLDERS, filled, parse


def read(*commands: dict[str, Any], **more: Any) -> Any:
    written = json.dumps({"version": 1, "commands": list(commands), **more})
    return parse(written.encode(), where="rollback.json")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ({}, "missing required field `argv`"),
        ({"argv": []}, "not a command"),
        ({"argv": ["{service}"]}, "without placeholders"),
        ({"argv": ["x", "{artefact}"]}, "not a placeholder"),
        ({"argv": ["x", "a\0b"]}, "no program can be given"),
        ({"argv": ["x"], "slots": ["mood"]}, "not a slot of state"),
        ({"argv": ["x"], "shell": True}, "unknown field `shell`"),
    ],
)
def test_what_is_no_setting_is_refused(command: dict[str, Any], says: str) -> None:
    with pytest.raises(Malformed) as raised:
        read(command)
    error = raised.value
    assert says in f"{error.what} {error.expected} {error.got}"


def test_what_is_too_much_or_another_version_is_refused() -> None:
    with pytest.raises(LimitPassed):
        read({"argv": ["x", *["y"] * 200]})
    with pytest.raises(LimitPassed):
        read({"argv": ["x", "y" * 5_000]})
    with pytest.raises(LimitPassed):
        read(*[{"argv": ["x"]}] * 1_001)
    with pytest.raises(Malformed, match="a version that is not read"):
        parse(b'{"version": 2}', where="x")


@given(st.dictionaries(st.sampled_from(PLACEHOLDERS), st.text(st.characters(codec="utf-8"))))
def test_a_value_is_one_word_whatever_is_in_it(some: dict[str, str]) -> None:
    values = dict.fromkeys(PLACEHOLDERS, "") | some
    argv = ["x", *(f"--{name}={{{name}}}" for name in PLACEHOLDERS)]
    if any("\0" in value for value in values.values()):
        with pytest.raises(Malformed):
            filled(argv, values)
        return
    assert filled(argv, values) == ["x", *(f"--{name}={values[name]}" for name in PLACEHOLDERS)]


def test_a_value_that_holds_a_placeholder_is_not_filled_again() -> None:
    assert filled(["x", "={value}"], {"value": "{service}"}) == ["x", "={service}"]
    with pytest.raises(Malformed, match="taken for an option"):
        filled(["x", "{value}"], {"value": "--force"})


def test_the_worked_example_is_read() -> None:
    page = (REPOSITORY / "docs" / "formats" / "rollback-settings.md").read_text("utf-8")
    example = page.partition("## Worked example")[2].partition("```json\n")[2].partition("```")[0]
    assert len(parse(example.encode(), where="page").commands) == 2
