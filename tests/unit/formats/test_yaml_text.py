"""YAML as people write it: what JSON has, each key once, and nothing that grows."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Error, LimitPassed, Malformed
from wherefrom.formats import yaml_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_", max_size=5), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_json_has_comes_back_as_it_was(value):
    written = yaml.safe_dump(value).encode()
    assert yaml_text.decode(written, where="x") == value


@given(st.text("ab:-&*!{}[]<|>%#'\"\n \t0.?", max_size=60) | st.binary(max_size=40))
def test_no_text_is_more_than_refused(text):
    written = text.encode() if isinstance(text, str) else text
    try:
        found = yaml_text.decode_all(written, where="x")
    except Error:
        return
    json.dumps(found)


def test_a_few_lines_of_aliases_do_not_become_a_billion_nodes():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(LimitPassed, match="too much, with every alias opened"):
        yaml_text.decode("\n".join(lines).encode(), where="x")


def merges(depth):
    """Mappings that each merge the one below ten times."""
    if depth == 0:
        return "&m0 {k: 1}"
    return f"&m{depth} {{<<: [{merges(depth - 1)}{f', *m{depth - 1}' * 9}]}}"


def test_what_is_merged_does_not_grow_while_it_is_loaded(monkeypatch):
    monkeypatch.setattr(yaml, "load_all", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(LimitPassed, match="too much, with every alias opened"):
        yaml_text.decode(merges(9).encode(), where="x")


def test_an_anchor_of_another_document_stands_for_what_it_names_there():
    many, aliases = ", ".join(["1"] * 1_000), ", ".join(["*x"] * 1_000)
    written = f"a: &x [{many}]\n---\na: &x [1]\nb: [{aliases}]"
    assert len(yaml_text.decode_all(written.encode(), where="x")[1]["b"]) == 1_000


def test_an_alias_within_itself_ends():
    with pytest.raises(LimitPassed, match="nested too deep"):
        yaml_text.decode(b"&a [*a]", where="x")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (b"a: 1\na: 2", "a mapping names one key twice"),
        (b"1: a", "a key that is no text"),
        (b"? [a]\n: b", "a key that is no text"),
        (b"a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        (b"a: !!binary aGk=", "a value that JSON has not"),
        (b"a: !!set {b}", "a value that JSON has not"),
        (b"\xff", "not UTF-8 text"),
        (b"a: [", "not YAML"),
    ],
)
def test_what_json_has_not_is_refused(written, says):
    with pytest.raises(Malformed, match=says):
        yaml_text.decode(written, where="x")


def test_a_hundred_thousand_brackets_are_refused():
    with pytest.raises(Error):
        yaml_text.decode(b"[" * 100_000, where="x")


def test_a_time_stays_text_and_the_library_would_make_a_date_of_it():
    assert yaml_text.decode(b"a: 2026-01-01", where="x") == {"a": "2026-01-01"}
    assert not isinstance(yaml.safe_load("a: 2026-01-01")["a"], str)
