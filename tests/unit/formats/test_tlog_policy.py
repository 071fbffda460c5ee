import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import note, tlog_policy
from wherefrom.keys.cosignatures import Cosigner
from wherefrom.keys.ed25519 import SigningKey

LOG = SigningKey(bytes(32)).verifier_key("example.com/log")


def vkey(number, *, algorithm=note.ED25519_COSIGNATURE, name="w"):
    return Cosigner(name, algorithm, number.to_bytes(32, "big")).verifier_key


def witness_lines(*names):
    return "".join(f"witness {n} {vkey(i).to_text()}\n" for i, n in enumerate(names, 1))


def parse(text):
    return tlog_policy.parse(text.encode("utf-8", "surrogateescape"))


# The example of the specification: two of three X, and one of three Y.
X_AND_Y = (
    f"log {LOG.to_text()}\n\n"
    + witness_lines("X1", "X2", "X3", "Y1", "Y2", "Y3")
    + "group X-witnesses 2 X1 X2 X3\n"
    "group Y-witnesses any Y1 Y2 Y3\n"
    "group X-and-Y all X-witnesses Y-witnesses\n"
    "quorum X-and-Y\n"
)


def test_the_specs_example_needs_two_of_one_group_and_one_of_the_other():
    policy = parse(X_AND_Y)
    assert policy.log_keys("example.com/log") == [LOG]
    assert policy.log_keys("example.com/other") == []
    assert list(policy.witnesses) == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    for count in range(7):
        for some in itertools.combinations(policy.witnesses, count):
            enough = sum(n[0] == "X" for n in some) >= 2 and any(n[0] == "Y" for n in some)
            assert policy.is_reached(some) == enough, some


def test_a_quorum_may_be_one_witness_or_none():
    one = parse(witness_lines("a", "b") + "quorum b\n")
    assert one.is_reached({"b"})
    assert not one.is_reached({"a"})
    assert one.says_quorum() == "b"
    none = parse("quorum none\n")
    assert none.is_reached(())
    assert none.says_quorum() == "none"
    assert parse(X_AND_Y).says_quorum() == "2 of X-witnesses, Y-witnesses"


def test_names_that_nobody_defined_do_not_help():
    assert not parse(witness_lines("a") + "quorum a\n").is_reached({"b", "X", "none"})


def test_blanks_comments_urls_and_the_order_of_lines_are_free():
    text = (
        "# quorum c\n\n \t \n"
        f"\twitness  a\t{vkey(1).to_text()}   https://w.example/a  \n"
        f"  log {LOG.to_text()} https://log.example/\n"
        f"witness b {vkey(2, algorithm=note.MLDSA44_COSIGNATURE).to_text()}\n"
        " # more\n"
        "group g 2 b a\n"
        "quorum g"  # a last line may lack its newline
    )
    policy = parse(text)
    assert policy.witnesses["a"].url == "https://w.example/a"
    assert policy.witnesses["b"].url is None
    assert policy.logs[0].url == "https://log.example/"
    assert policy.groups["g"] == ("g", 2, ("b", "a"))


def test_names_are_bytes_and_need_not_be_utf_8():
    policy = tlog_policy.parse(
        f"witness K {vkey(1).to_text()}\n".encode()
        + b"witness \xe2\x84\xaa " + vkey(2).to_text().encode() + b"\n"
        + b"witness \xff " + vkey(3).to_text().encode() + b"\nquorum \xff\n"
    )  # fmt: skip
    assert len(policy.witnesses) == 3
    assert not policy.is_reached({"K", "\u212a"})
    assert policy.is_reached({policy.quorum})


A_B = witness_lines("a", "b")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "a policy has no quorum.*expected one line: quorum NAME"),
        ("quorum\n", 1, "another number of items.*got nothing"),
        ("quorum none none\n", 1, "another number of items"),
        ("quorum none\nquorum none\n", 2, "a policy has two quorums"),
        ("quorum a\n", 1, "a quorum is not defined above"),
        (A_B + "quorum c\n", 3, "a quorum is not defined above.*got c"),
        ("quorum none\nwitnesses a\n", 2, "not a line of a policy.*got witnesses"),
        ("\x0bquorum none\n", 1, "control character.*byte 1"),
        ("quorum none\r\n", 1, "control character.*byte 12"),
        ("# \x7f\nquorum none\n", 1, "control character"),
        ("log\nquorum none\n", 1, "another number of items.*expected log <vkey>"),
        ("log example.com/log\nquorum none\n", 1, "not a verifier key"),
        (f"log {vkey(1).to_text()}\n", 1, "not a key of a log.*got type 0x04"),
        (f"log {LOG.to_text()} u v\n", 1, "another number of items"),
        (2 * f"log {LOG.to_text()}\n", 2, "this key of a log stands above already"),
        (f"witness a {LOG.to_text()}\n", 1, "not a key of a witness.*got type 0x01"),
        ("witness a\n", 1, "another number of items"),
        (A_B + f"witness c {vkey(2, name='x').to_text()}\n", 3, "stands above already.*got b"),
        (A_B + f"witness a {vkey(3).to_text()}\n", 3, "a name is taken.*got a"),
        (f"witness none {vkey(3).to_text()}\n", 1, "a name is taken.*got none"),
        (A_B + "group a all b\n", 3, "a name is taken"),
        (A_B + "group g all\n", 3, "another number of items"),
        (A_B + "group g 0 a b\n", 3, "not a number of members.*1 to 2.*got 0"),
        (A_B + "group g 3 a b\n", 3, "not a number of members"),
        (A_B + "group g 02 a b\n", 3, "not a number of members"),
        (A_B + "group g -1 a b\n", 3, "not a number of members"),
        (A_B + "group g some a b\n", 3, "not a number of members"),
        (A_B + "group g all a none\n", 3, "a member is not defined above.*got none"),
        (A_B + "group g all g\n", 3, "a member is not defined above"),
        (A_B + "group g all h\ngroup h all a\n", 3, "a member is not defined above"),
        (A_B + "group g all a a\n", 3, "a name is a member already"),
        (A_B + "group g all a\ngroup h all a b\n", 4, "already.*got a, a member of g"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused_and_named(text, line, message):
    with pytest.raises(Malformed, match=message) as caught:
        parse(text)
    assert caught.value.where.startswith(f"policy, line {line}" if line else "policy")


def test_what_is_too_long_is_refused():
    with pytest.raises(LimitPassed, match="a policy is too long"):
        parse("#" * (tlog_policy.POLICY_BYTES_MAX + 1))
    groups = "".join(f"group g{n} all {f'g{n - 1}' if n else 'a'}\n" for n in range(1001))
    with pytest.raises(LimitPassed, match="too many groups, at policy, line 1002"):
        parse(witness_lines("a") + groups)
    deep = parse(witness_lines("a") + groups.rsplit("group", 1)[0] + "quorum g999\n")
    assert deep.is_reached({"a"})
    assert not deep.is_reached(())


@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_a_policy_or_refused_with_a_place(written):
    try:
        refused, policy = None, tlog_policy.parse(b"quorum none\n" + written)
    except Refused as error:
        refused = error.where
    assert refused is None or refused.startswith("policy, line ")
    assert refused is not None or policy.is_reached(())


@given(st.data())
def test_a_random_tree_of_groups_is_reached_as_a_model_says(data):
    names = [f"w{n}" for n in range(data.draw(st.integers(1, 6)))]
    lines, free, members_of = witness_lines(*names), list(names), {}
    for number in range(data.draw(st.integers(0, 6))):
        count = data.draw(st.integers(1, len(free)))
        threshold = data.draw(st.integers(1, count))
        members_of[f"g{number}"] = (threshold, free[:count])
        lines += f"group g{number} {threshold} {' '.join(free[:count])}\n"
        free = [*free[count:], f"g{number}"]
    policy = parse(lines + f"quorum {free[-1]}\n")
    cosigned = {n for n in names if data.draw(st.booleans())}

    def has(name):
        if name in members_of:
            threshold, members = members_of[name]
            return sum(map(has, members)) >= threshold
        return name in cosigned

    assert policy.is_reached(cosigned) == has(free[-1])
