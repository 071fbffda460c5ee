"""The operator's rules: what is a rule, what is none, and that nothing unknown slips through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.paths import REPOSITORY
from wherefrom.errors import Malformed
from wherefrom.formats.remedy_rules import RemedyRules, parse

RULE: dict[str, Any] = {
    "name": "back", "action": "rollback", "when": {"troubles": ["canary"]}, "services": ["cart*"],
    "environments": ["prod"],
    "commands": [{"argv": ["deploy", "{image}"], "slots": ["artifact"]}, {"argv": ["set"]}],
}  # fmt: skip
HOOK = {"url": "https://ops.example/hook", "secret_file": "secret"}


def read(**changes: Any) -> RemedyRules:
    rule = {k: v for k, v in {**RULE, **changes}.items() if v is not None}
    return parse(json.dumps({"version": 1, "rules": [rule]}).encode(), where="rules")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mood": 1}, "unknown field"),
        ({"when": {"troubles": ["canary"], "mood": 1}}, "unknown field"),
        ({"name": "two words"}, "not as it has to be"),
        ({"action": "delete"}, "none of what it can be"),
        ({"when": {"troubles": ["weather"]}}, "none of what it can be"),
        ({"when": {"troubles": []}}, "a rule for nothing"),
        ({"services": []}, "a rule for nothing"),
        ({"commands": None}, "a rule does something in one way"),
        ({"webhook": HOOK}, "a rule does something in one way"),
        ({"commands": [{"argv": ["{image}"]}]}, "not a command"),
        ({"commands": [{"argv": ["x", "{plan}"]}]}, "not a placeholder"),
        ({"commands": [{"argv": ["x"], "dry_run": ["x", "{y}"]}]}, "not a placeholder"),
        ({"commands": [{"argv": ["x"], "shell": True}]}, "unknown field"),
        ({"commands": None, "webhook": {**HOOK, "url": "http://ops.example/"}}, "may be posted"),
        ({"commands": None, "webhook": {**HOOK, "url": "https://"}}, "may be posted"),
        ({"commands": None, "webhook": {**HOOK, "url": "https://a:b@c/"}}, "may hold a secret"),
        ({"commands": None, "webhook": {**HOOK, "url": "https://c/?t=x"}}, "may hold a secret"),
        ({"commands": None, "webhook": {**HOOK, "secret_file": ""}}, "without a secret"),
        ({"per_hour": 0}, "not a limit"),
        ({"time_s": 99_999}, "not a limit"),
        ({"approval": {"need": 2, "of": ["k:" + "a" * 32]}}, "not a number of approvals"),
        ({"approval": {"need": 1, "of": ["me"]}}, "not as it has to be"),
        ({"pass_environment": ["A=B"]}, "not as it has to be"),
    ],
)
def test_what_is_no_rule_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Malformed) as raised:
        read(**changes)
    assert says in f"{raised.value.what} {raised.value.got}"


def test_two_rules_of_one_name_and_another_version_are_refused() -> None:
    for document in ({"version": 1, "rules": [RULE, RULE]}, {"version": 2}, {"rules": []}):
        with pytest.raises(Malformed):
            parse(json.dumps(document).encode(), where="rules")


def test_a_rule_is_off_and_needs_another_unless_it_says_otherwise() -> None:
    found = read()
    (rule,) = found.rules
    assert (found.enabled, rule.approval.need, rule.per_hour) == (False, 1, 1)
    assert rule.covers(service="cart-eu", environment="prod")
    assert not rule.covers(service="cart", environment="staging")
    first, second = rule.step("artifact"), rule.step("flag")
    assert first is not None
    assert second is not None
    assert (first.argv[0], second.argv[0]) == ("deploy", "set")
    assert rule.digest == read().rules[0].digest != read(per_hour=2).rules[0].digest


def test_the_worked_example_is_read() -> None:
    page = (REPOSITORY / "docs" / "formats" / "remediation.md").read_text("utf-8")
    example = page.partition("## Worked example")[2].partition("```json\n")[2].partition("```")[0]
    assert parse(example.encode(), where="page").enabled
