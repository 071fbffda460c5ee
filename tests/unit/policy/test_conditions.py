"""Conditions: CEL as its own conformance suite has it, and Rego that is kept apart."""

import math

import pytest

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.policy import rego
from wherefrom.policy.conditions import evaluate

# By the file of google/cel-spec, tests/simple/testdata, that has cases of the kind.
CONFORMANCE = {
    "basic": [
        ("0", 0), ("0u", 0), ("-0.0", -0.0), ("''", ""), ("r'\\n'", "\\n"), ("b'abc'", b"abc"),
        ("null", None), ("[]", []), ("{}", {}), ("[1, 'a', 1.5]", [1, "a", 1.5]),
        ("true ? 1 : 2", 1), ("0xff", 255),
    ],
    "comparisons": [
        ("1 == 1", True), ("dyn(1) == 1.0", True), ("dyn(1u) == 1", True), ("dyn('a') == 1", False),
        ("dyn([1, 2]) == [1.0, 2u]", True), ("dyn({'a': 1}) == {'a': 1.0}", True),
        ("null == null", True), ("'a' < 'b'", True), ("b'a' < b'b'", True), ("false < true", True),
        ("2 in [1, 2]", True), ("'k' in {'k': 1}", True), ("dyn(1.0) in [1]", True),
        ("[1] != [2]", True),
    ],
    "conversions": [
        ("int('-12')", -12), ("int(1.9)", 1), ("uint(3)", 3), ("double('1.5')", 1.5),
        ("string(1.5)", "1.5"), ("string(b'abc')", "abc"), ("bytes('ÿ')", "ÿ".encode()),
        ("bool('true')", True), ("type(1) == int", True), ("type([]) == list", True),
        ("int(timestamp('2004-09-16T23:59:59Z'))", 1095379199),
    ],
    "integer_math": [
        ("7 / 2", 3), ("-7 / 2", -3), ("-7 % 2", -1), ("40 * 2 - 5", 75),
        ("9223372036854775807 - 1", 9223372036854775806),
    ],
    "fp_math": [("1.0 / 0.0", math.inf), ("0.5 * 4.0", 2.0)],
    "lists": [("[1] + [2, 3]", [1, 2, 3]), ("[7, 8][1]", 8), ("size([1, 2])", 2)],
    "logic": [
        ("true || 1/0 == 1", True), ("1/0 == 1 || true", True), ("false && 1/0 == 1", False),
        ("1/0 == 1 && false", False), ("!false", True), ("!!true", True),
    ],
    "macros": [
        ("[1, 2, 3].exists(e, e > 2)", True), ("[1, 'a'].exists(e, e == 'a')", True),
        ("[1, 2].all(e, e > 0)", True), ("[].all(e, false)", True),
        ("[1, 2, 3].exists_one(e, e == 2)", True), ("[1, 1].exists_one(e, e == 1)", False),
        ("[1, 2, 3].map(e, e * e)", [1, 4, 9]), ("[1, 2, 3].map(e, e > 1, e * 2)", [4, 6]),
        ("[1, 2, 3].filter(e, e % 2 == 1)", [1, 3]), ("{'a': 1}.exists(k, k == 'a')", True),
        ("has({'a': 1}.a)", True), ("has({'a': 1}.b)", False),
    ],
    "string": [
        ("'abc'.startsWith('ab')", True), ("'abc'.endsWith('bc')", True),
        ("'abc'.contains('')", True), ("'hubba'.matches('(?i)HUB+A')", True),
        ("size('πέντε')", 5), ("size(b'πέντε')", 10),
    ],
    "string_ext": [
        ("'tacocat'.charAt(3)", "o"), ("'tacocat'.indexOf('a', 3)", 5),
        ("'hello hello'.replace('he', 'we', 1)", "wello hello"),
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]), ("'tacocat'.substring(0, 4)", "taco"),
        ("' x '.trim()", "x"), ("'TacoCat'.lowerAscii()", "tacocat"),
        ("['a', 'b'].join('-')", "a-b"),
        ("'%s is %d'.format(['x', 3])", "x is 3"), ("strings.quote('a\"b')", '"a\\"b"'),
    ],
    "math_ext": [("math.greatest(1, 5, 3)", 5), ("math.least([2.5, 7])", 2.5), ("math.abs(-2)", 2)],
    "bindings_ext": [("cel.bind(x, [1, 2], x + x)", [1, 2, 1, 2])],
    "encoders_ext": [
        ("base64.encode(b'hello')", "aGVsbG8="), ("base64.decode('aGVsbG8')", b"hello"),
    ],
    "optionals": [
        ("optional.none().orValue(42)", 42), ("{'a': {'b': 1}}.?a.?b.orValue(0)", 1),
        ("{}.?a.hasValue()", False), ("[?optional.of(1), ?optional.none()]", [1]),
    ],
    "timestamps": [
        ("timestamp('2009-02-13T23:31:30Z').getFullYear()", 2009),
        ("timestamp('2009-02-13T23:31:30Z').getMonth()", 1),
        ("timestamp('2009-02-13T23:31:30Z').getHours('+11:00')", 10),
        ("timestamp('2009-02-13T23:31:30Z') + duration('1h') > timestamp('2009-02-14T00:00:00Z')",
         True),
        ("duration('3730s').getMinutes()", 62),
    ],
    "parse": [("((((((((1))))))))", 1), ("1 + 2 * 3", 7), ("// a comment\n1", 1)],
}  # fmt: skip
ERRORS = {
    "integer_math": ["9223372036854775807 + 1", "1 / 0", "1 % 0", "-(-9223372036854775807 - 1)"],
    "conversions": ["int('x')", "uint(-1)", "int(1e99)", "bool('yes')"],
    "lists": ["[1][1]", "[1][-1]"],
    "logic": ["1/0 == 1 || false", "input.nothing"],
    "timestamps": ["timestamp('yesterday')", "duration('1x')"],
    "parse": ["1 +", "'unended", "a ? b", "x.y(", "input..a"],
    "namespace": ["nobody", "nobody.said(1)"],
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [pytest.param(e, v, id=f"{n}: {e}") for n, cases in CONFORMANCE.items() for e, v in cases],
)
def test_cel_gives_what_its_specification_says(expression, value):
    got = evaluate(expression, {})
    assert got == value
    assert isinstance(got, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    "expression", [pytest.param(e, id=f"{n}: {e}") for n, es in ERRORS.items() for e in es]
)
def test_what_has_no_value_is_an_error_and_never_true(expression):
    with pytest.raises(Malformed):
        evaluate(expression, {})


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400, 1.5e308])
def test_a_number_of_any_size_in_a_record_harms_nobody(number):
    try:
        assert evaluate("input.n != 1 && has(input.n)", {"n": number}) is True
    except Malformed:
        assert abs(number) > 2**63 - 1  # none that CEL has


def test_a_condition_does_not_count_for_ever():
    many = {"l": list(range(2_000))}
    with pytest.raises(Malformed, match="budget"):
        evaluate("input.l.all(a, input.l.all(b, input.l.all(c, a + b + c >= 0)))", many)


@pytest.fixture
def engine():
    engine = rego.Rego()
    yield engine
    engine.close()


def asked(engine, body, query="data.gate.x", document=None):
    return engine.evaluate(query, {"gate.rego": f"package gate\nimport rego.v1\n{body}"},
                           document or {})  # fmt: skip


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("x := 1 + 1", 2),
        ("x if input.a == 1", True),
        ("x if input.a == 2", None),
        ("x contains v if some v in input.l", [1, 2]),
        ("x contains v if some v in input.l\nx contains v if { v := 9; false }", [1, 2]),
        ("default x := false\nx if input.b", None),
        ('x := sprintf("%s-%d", ["a", 3])', "a-3"),
        ("x := [w | some v in input.l; w := v * 2]", [2, 4]),
        ("x := {k: v | some k, v in input.o}", {"k": "v"}),
        ("x if { every v in input.l { v > 0 } }", True),
        ('x := startswith("abc", "ab")', True),
        ("f(n) := n * n\nx := f(4)", 16),
        ("x := object.get(input, \"none\", 7)", 7),
    ],
)  # fmt: skip
def test_rego_gives_what_its_specification_says(engine, body, value):
    document = {"a": 1, "l": [1, 2], "o": {"k": "v"}}
    assert asked(engine, body, document=document) == value


def test_a_module_that_cannot_be_read_says_so(engine):
    with pytest.raises(Malformed, match="Invalid assignment"):
        asked(engine, "x := ")
    assert asked(engine, "x := 1") == 1


def test_rego_sees_nothing_of_the_environment(engine, monkeypatch):
    monkeypatch.setenv("WHEREFROM_TOKEN", "wf_secret")
    found = asked(engine, "x := opa.runtime()")
    assert "wf_secret" not in str(found)
    assert "PATH" not in str(found)


def test_a_query_that_never_ends_is_stopped_and_others_are_answered(engine, monkeypatch):
    monkeypatch.setattr(rego, "SECONDS_MAX", 0.5)
    with pytest.raises(LimitPassed, match="too much time"):
        asked(engine, "x := count([1 | some i in numbers.range(1, 9999);"
                      " some j in numbers.range(1, 9999)])")  # fmt: skip
    monkeypatch.setattr(rego, "SECONDS_MAX", 5.0)
    assert asked(engine, "x := 1") == 1
