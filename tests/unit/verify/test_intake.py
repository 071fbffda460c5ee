"""Rules at the door: each must hold, so no order and no further rule can let more in."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import NotAllowed
from wherefrom.formats.entry import LEVELS, Trust
from wherefrom.formats.facts import Edge, Facts, Node
from wherefrom.formats.intake import LEASTS, IntakeRule
from wherefrom.verify.intake import Asked, failing, is_about, need_let_in

ME, OTHER = "p:" + "1" * 32, "p:" + "2" * 32
SENDERS = st.sampled_from([ME, OTHER, "local:0"])
NAMES = st.sampled_from(["a", "ab", "b"])
PATTERNS = st.lists(st.sampled_from(["", "*", "a", "a*", "*b"]), max_size=2).map(tuple)
WHO = st.lists(st.sampled_from([ME, OTHER, "local:*"]), max_size=2).map(tuple)


def facts(*, kind="event", namespaces=(), environments=(), subjects=()):
    document = Node("sha256:0", "event")
    where = [Node(f"env:{e}", "resource", None, {"environment": e}) for e in environments]
    things = [Node(f"thing:{s}", "artifact", s) for s in subjects]
    return Facts(
        kind=kind, type="https://example.com/t", document=document.id,
        nodes=(document, *where, *things),
        edges=tuple(Edge(document.id, "describes", thing.id) for thing in things),
        namespaces=tuple(namespaces),
    )  # fmt: skip


def asked(said):
    return Asked(facts=said, trust=Trust("channel"), producer=ME)


FACTS = st.builds(
    facts,
    kind=st.sampled_from(["event", "attestation"]),
    namespaces=st.lists(NAMES, max_size=2),
    environments=st.lists(NAMES, max_size=2, unique=True),
    subjects=st.lists(NAMES, max_size=2, unique=True),
)
RULES = st.builds(
    IntakeRule,
    name=st.sampled_from("xyz"),
    kinds=st.sampled_from([(), ("event",), ("att*", "https://*")]),
    namespaces=PATTERNS,
    environments=PATTERNS,
    subjects=PATTERNS,
    senders=WHO,
    except_senders=WHO,
    least=st.sampled_from(LEASTS),
    only=st.none() | WHO,
    effect=st.sampled_from(["refuse", "mark"]),
)
RECORDS = st.fixed_dictionaries(
    {"facts": FACTS, "trust": st.sampled_from(LEVELS).map(Trust), "producer": SENDERS}
)


def is_let_in(rules, record):
    try:
        need_let_in(rules, Asked(**record))
    except NotAllowed:
        return False
    return True


@given(st.lists(RULES, max_size=4), RECORDS, st.randoms())
def test_a_rule_set_lets_in_exactly_what_each_of_its_rules_lets_in(rules, record, chance):
    each = [is_let_in([rule], record) for rule in rules]
    assert is_let_in(rules, record) == all(each)
    shuffled = random.Random(chance.random()).sample(rules, len(rules))
    assert is_let_in(shuffled, record) == all(each)


@given(RULES, RECORDS)
def test_what_fails_is_refused_or_marked_and_nothing_else_is(rule, record):
    fails = bool([*failing([rule], Asked(**record))])
    assert is_let_in([rule], record) == (not fails or rule.effect == "mark")
    assert not fails or is_about(rule, Asked(**record))


@given(RULES, RECORDS)
def test_a_rule_about_fewer_records_refuses_no_more(rule, record):
    wider = IntakeRule(name=rule.name, least=rule.least, only=rule.only, effect=rule.effect)
    assert is_let_in([rule], record) or not is_let_in([wider], record)


@pytest.mark.parametrize("least", LEASTS)
def test_a_level_is_enough_for_itself_and_every_one_below(least):
    rule = IntakeRule(name="a", least=least)
    enough = [
        level for level in LEVELS
        if is_let_in([rule], {"facts": facts(), "trust": Trust(level), "producer": ME})
    ]  # fmt: skip
    assert enough == list(LEVELS[LEVELS.index(least) :])


def test_a_record_that_names_no_environment_namespace_or_subject_is_the_empty_name():
    for field in ("environments", "namespaces", "subjects"):
        for pattern, about in (("a", False), ("", True), ("*", True)):
            rule = IntakeRule(name="x", only=(), **{field: (pattern,)})
            assert is_about(rule, asked(facts())) == about, (field, pattern)
        named = facts(**{field: ["a"]})
        assert is_about(IntakeRule(name="x", only=(), **{field: ("a",)}), asked(named))
        empty = IntakeRule(name="x", only=(), **{field: ("",)})
        assert not is_about(empty, asked(named))


def test_a_refusal_names_the_rule_what_it_wants_and_what_to_do():
    record = {"facts": facts(), "trust": Trust("channel"), "producer": ME}
    with pytest.raises(NotAllowed, match=r"'prod' demands more trust.*signed at least.*channel"):
        need_let_in([IntakeRule(name="prod", least="signed")], Asked(**record))
    with pytest.raises(NotAllowed, match="'till' lets in no such record from this sender"):
        need_let_in([IntakeRule(name="till", only=(OTHER,))], Asked(**record))
    with pytest.raises(NotAllowed, match="expected no such record"):
        need_let_in([IntakeRule(name="none", only=())], Asked(**record))
