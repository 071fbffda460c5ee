"""Intake rules as values: what can be meant, what cannot, and one digest for one rule set."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import intake, own
from wherefrom.formats.intake import IntakeRule, check, digest_of, parse_file
from wherefrom.formats.own import IntakeRules
from wherefrom.formats.patterns import matches

FILE = b"""
[[rule]]
name = "production is signed"
kinds = ["attestation"]
environments = ["production", ""]
least = "signed"

[[rule]]
name = "only the till team speaks of the till"
subjects = ["pkg:npm/%40till/*"]
only = ["ci-till"]
effect = "mark"
"""
TEXTS = st.text(alphabet="ab*?[]", max_size=8)


def test_a_file_gives_its_rules_in_order():
    signed, till = parse_file(FILE)
    assert (signed.least, signed.environments, signed.effect) == (
        "signed", ("production", ""), "refuse",
    )  # fmt: skip
    assert (till.only, till.least, till.effect) == (("ci-till",), None, "mark")
    assert parse_file(b"") == ()


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (b"[[rule]]", "missing required field `name`"),
        (b"rule = 1", "not a file of intake rules"),
        (b"rules = []", "unknown field `rules`"),
        (b"[[rule]\n", "not a file of intake rules"),
        (b"\xff", "not a file of intake rules"),
        (b'[[rule]]\nname = ""\nonly = []', "a name of its own"),
        (b'[[rule]]\nname = "a"\nonly = []\n[[rule]]\nname = "a"\nonly = []', "a name of its own"),
        (b'[[rule]]\nname = "a"', "demands nothing"),
        (b'[[rule]]\nname = "a"\nleast = "self"', "not a level"),
        (b'[[rule]]\nname = "a"\nleast = "Signed"', "not a level"),
        (b'[[rule]]\nname = "a"\nonly = []\neffect = "warn"', "not an effect"),
        (b'[[rule]]\nname = "a"\nonly = []\nkinds = ["attestaton"]', "neither a kind nor a type"),
        (b'[[rule]]\nname = "a"\nonly = []\nkind = ["event"]', "unknown field `kind`"),
        (b'[[rule]]\nname = "a"\nonly = "ci"', "not a file of intake rules"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_says_why(written, says):
    with pytest.raises(Malformed, match=re.escape(says)):
        parse_file(written)


def test_too_many_rules_patterns_or_bytes_are_refused():
    rules = [IntakeRule(name=str(n), only=()) for n in range(intake.RULES_MAX + 1)]
    check(rules[1:])
    with pytest.raises(LimitPassed, match="too many intake rules"):
        check(rules)
    for subjects in (("a",) * 101, ("a" * 513,)):
        with pytest.raises(LimitPassed, match="too many patterns"):
            check([IntakeRule(name="a", only=(), subjects=subjects)])


@given(TEXTS, TEXTS)
def test_a_pattern_means_what_its_stars_say_and_nothing_else_is_special(pattern, text):
    wanted = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    assert matches(pattern, text) == (re.fullmatch(wanted, text, re.S) is not None)


def record_of(rules, **changes):
    fields = {"version": 1, "rules": tuple(rules), "digest": digest_of(rules)}
    return IntakeRules(**{**fields, **changes})


def test_a_record_of_rules_is_read_back_as_it_was_written():
    said = record_of([IntakeRule(name="a", only=("local:*", "p:" + "0" * 32), kinds=("event",))])
    written = own.to_payload(said)
    assert own.parse_payload(own.media_type(said), written) == said
    assert own.entry_kind(said) == "policy"


@pytest.mark.parametrize(
    "said",
    [
        record_of([IntakeRule(name="a", only=("ci-till",))]),
        record_of([IntakeRule(name="a", only=(), senders=("Ada",))]),
        record_of([IntakeRule(name="a", only=())], digest=digest_of(())),
        record_of([], version=0),
        record_of([IntakeRule(name="a")]),
    ],
)
def test_a_record_with_a_name_another_digest_or_a_broken_rule_is_neither_written_nor_read(said):
    with pytest.raises(Malformed):
        own.to_payload(said)
