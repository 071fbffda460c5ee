"""Flags that are evaluated, through the real SDK, become part of what the program is."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from wherefrom.capture import identity
from wherefrom.capture import openfeature as capture
from wherefrom.capture.heartbeat import observed
from wherefrom.formats import reality_id, recognise


def by_plan(flag, context):
    from openfeature.flag_evaluation import FlagResolutionDetails, Reason

    gold = (context.attributes or {}).get("plan") == "gold"
    return FlagResolutionDetails(
        value=gold, variant="on" if gold else "off", reason=Reason.TARGETING_MATCH,
        flag_metadata={"version": "7"},
    )  # fmt: skip


FLAGS = {
    "checkout-v2": InMemoryFlag("on", {"on": True, "off": False}),
    "limit": InMemoryFlag("high", {"high": 20, "low": 1}),
    "gold": InMemoryFlag("off", {"on": True, "off": False}, context_evaluator=by_plan),
}


@pytest.fixture
def hook(me):
    hook = capture.FlagHook()
    api.clear_hooks()
    api.add_hooks([hook])
    api.set_provider(InMemoryProvider(dict(FLAGS)))
    yield hook
    api.clear_hooks()
    api.clear_providers()


@pytest.fixture
def client(hook):
    return api.get_client()


def test_the_reality_follows_the_flags_that_were_evaluated(client, me):
    assert client.get_boolean_value("checkout-v2", False) is True
    one = identity.identity()
    assert one.reality.flags == reality_id.flag_set({"checkout-v2": "on"})
    assert client.get_integer_value("limit", 0) == 20
    two = identity.identity()
    assert two.reality.flags == reality_id.flag_set({"checkout-v2": "on", "limit": "high"})
    assert len({me.id, one.id, two.id}) == 3


def test_evaluations_are_counted_and_change_nothing_else(client, hook):
    client.get_boolean_value("checkout-v2", False)
    before = identity.identity()
    for _ in range(9):
        client.get_boolean_value("checkout-v2", False)
    assert identity.identity() is before
    assert hook.evaluated()["checkout-v2"].count == 10


def test_a_flag_that_changes_makes_another_reality(client, hook):
    client.get_boolean_value("checkout-v2", False)
    before = identity.identity()
    off = InMemoryFlag("off", {"on": True, "off": False})
    api.set_provider(InMemoryProvider({**FLAGS, "checkout-v2": off}))
    client.get_boolean_value("checkout-v2", True)
    assert identity.identity().reality.flags == reality_id.flag_set({"checkout-v2": "off"})
    assert identity.identity().id != before.id
    assert hook.evaluated()["checkout-v2"].count == 2


def test_a_flag_that_differs_by_request_counts_by_its_version_alone(client, hook):
    client.get_boolean_value("gold", False, EvaluationContext(attributes={"plan": "gold"}))
    before = identity.identity()
    client.get_boolean_value("gold", False, EvaluationContext(attributes={"plan": "free"}))
    assert identity.identity() is before
    assert before.reality.flags == reality_id.flag_set({"gold": {"targeted": "7"}})
    assert hook.states() == []


def test_an_error_is_no_evaluation(client, hook, me):
    assert client.get_boolean_value("no-such-flag", True) is True
    assert client.get_string_value("limit", "x") == "x"
    assert hook.evaluated() == {}
    assert identity.identity() is me


def test_a_hook_that_fails_leaves_the_flag_alone(client, hook, monkeypatch, caplog):
    monkeypatch.setattr(capture, "loaded", lambda **_: 1 / 0)
    assert client.get_boolean_value("checkout-v2", False) is True
    assert "ZeroDivisionError" in caplog.text


def test_too_many_flags_are_said_once(client, hook, monkeypatch, caplog):
    monkeypatch.setattr(capture, "FLAGS_MAX", 1)
    for key in ("checkout-v2", "limit", "limit"):
        client.get_object_details(key, {})
        client.get_boolean_value("checkout-v2", False)
        client.get_integer_value("limit", 0)
    assert list(hook.evaluated()) == ["checkout-v2"]
    assert caplog.text.count("the rest is not recorded") == 1


def test_values_without_a_variant_are_told_whole_or_by_their_digest():
    from openfeature.flag_evaluation import FlagEvaluationDetails

    def variant(value):
        return capture._evaluated(FlagEvaluationDetails("k", value)).variant

    assert [variant(v) for v in (True, 20, "x", {"b": 1, "a": [2]})] == [
        "true", "20", "x", '{"a": [2], "b": 1}',
    ]  # fmt: skip
    assert variant("x" * 1000).startswith("sha256:")


def test_flags_are_observed_with_the_instance(client, hook):
    client.get_integer_value("limit", 0)
    found = identity.Identity(service="cart", environment="prod", instance="cart-1")
    at = datetime(2026, 11, 1, tzinfo=UTC)
    facts = recognise.facts_of(observed(found, at=at, flags=hook.states()))
    (state,) = facts.states
    assert (state.slot, state.name, state.value) == ("flag", "limit", "high")
    assert state.properties == {"reason": "static", "evaluations": 1}
    assert facts.wholes[0].slots == ("artifact", "config", "policy", "flag")


def test_without_the_sdk_the_error_names_what_to_install():
    code = "import sys; sys.modules['openfeature'] = None\nimport wherefrom.capture.openfeature"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'wherefrom[openfeature]'" in ran.stderr
