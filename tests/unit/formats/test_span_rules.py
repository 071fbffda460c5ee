"""Which spans are kept: the same for every hop of a request, and never one that failed less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Malformed
from wherefrom.formats.otlp import Source, Span
from wherefrom.formats.span_rules import Catalogued, SpanRules, parse

TRACES = st.binary(min_size=16, max_size=16).map(bytes.hex)


def span(trace="0" * 18 + "f" * 14, service="cart", error=False):
    return Span(trace, "1" * 16, "", "n", 0, 0, error, Source(service))


def rules(text):
    return parse(text.encode(), where="rules")


@given(TRACES, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_rate_keeps_all_that_a_lower_one_keeps(trace, a, b):
    low, high = SpanRules(sample=min(a, b)), SpanRules(sample=max(a, b))
    assert high.keeps(span(trace)) or not low.keeps(span(trace))
    assert SpanRules(sample=1).keeps(span(trace))
    assert not SpanRules(sample=0).keeps(span(trace))


def test_about_as_many_are_kept_as_the_rate_says():
    traces = [f"{n * 0x9E3779B97F4A7C15 % 2**128:032x}" for n in range(1, 10_001)]
    kept = sum(SpanRules(sample=0.1).keeps(span(trace)) for trace in traces)
    assert 800 < kept < 1200


def test_what_failed_and_what_is_billable_is_kept_whatever_the_rate():
    strict = rules('{"sample": 0, "errors_only": true, "billable": ["billing"]}')
    assert not strict.keeps(span())
    assert strict.keeps(span(error=True))
    assert strict.keeps(span(service="billing"))
    assert strict.whole(span(service="billing"))
    assert not strict.whole(span(error=True))


def test_a_service_may_have_its_own_rate():
    own = rules('{"sample": 0, "services": {"cart": {}, "web": {"errors_only": true}}}')
    assert own.keeps(span())
    assert not own.keeps(span(service="web"))
    assert not own.keeps(span(service="other"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"sample": 2}', "not a rate, at rules, sample: expected 0 to 1, got 2"),
        ('{"services": {"a": {"sample": -1}}}', "not a rate"),
        ('{"keep_hours": 0}', "not a time to keep spans"),
        ('{"keep_hours": 99999}', "not a time to keep spans"),
        ('{"sampel": 1}', "unknown field `sampel`"),
        ('{"billable": "a"}', "not rules for spans"),
        ("[]", "not rules for spans"),
        ("{", "not JSON"),
    ],
)
def test_rules_that_are_wrong_say_where(text, says):
    with pytest.raises(Malformed, match=says):
        rules(text)


def test_a_catalogue_decides_of_services_that_the_rules_do_not_name_and_of_no_other():
    written = rules('{"sample": 0, "services": {"till": {"sample": 0}}, "billable": ["bank"]}')
    said = Catalogued(billable=("pay", "till"), critical=("cart", "till", "bank"))
    found = written.beside(said)
    assert found.whole(span(service="pay"))
    assert found.whole(span(service="bank"))
    assert found.keeps(span(service="cart"))
    assert not found.whole(span(service="cart"))
    assert not found.keeps(span(service="till"))
    assert not found.keeps(span(service="other"))
    assert written.beside(Catalogued()) == written
