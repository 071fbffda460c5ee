"""Settings out of files: each under one path, and no secret as its value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.capture.bundles import flat, is_secret, read, secret_patterns, split
from wherefrom.capture.keyed_hashes import keyed_hash
from wherefrom.errors import Error, LimitPassed, Malformed, SettingError, Unsupported

KEY = bytes(range(32))


def test_each_kind_of_file_is_read() -> None:
    assert read("a.yaml", b"on: 2026-01-01\nn: [1, 2]") == {True: "2026-01-01", "n": [1, 2]}
    assert read("a.json", b'{"a": 1}') == {"a": 1}
    assert read(".env", b"# c\nexport A='x y'\nB=\n") == {"A": "x y", "B": ""}
    assert read("prod.env", b"A=b=c") == {"A": "b=c"}
    assert read("a.properties", b"! c\na.b = 1\na.c: 2\n") == {"a": {"b": "1", "c": "2"}}
    assert read("a.yml", b"") == {}


@pytest.mark.parametrize(
    ("name", "written", "error", "message"),
    [
        ("a.txt", b"", Unsupported, "not a file of settings"),
        ("a.yaml", b"a: 1\na: 2", Malformed, "one key twice"),
        ("a.yaml", b"pw: hunter2\n- [", Malformed, "not YAML, at a.yaml"),
        ("a.yaml", b"!!python/object:os.system {}", Malformed, "not YAML"),
        ("a.json", b'{"a": 1, "a": 2}', Malformed, "twice"),
        ("a.env", b"hunter2", Malformed, "not a setting, at a.env, line 1"),
        ("a.env", b"A=1\nA=2", Malformed, "there twice"),
        ("a.properties", b"a=1\na.b=2", Malformed, "a level too"),
        ("a.yaml", b"\xff", Malformed, "not UTF-8"),
        ("a.yaml", b"#" * 1_048_577, LimitPassed, "too large"),
    ],
)
def test_a_broken_file_is_refused_without_its_text(
    name: str, written: bytes, error: type[Error], message: str
) -> None:
    with pytest.raises(error, match=message) as told:
        read(name, written)
    assert "hunter2" not in str(told.value)


def test_settings_have_one_path_each() -> None:
    value = {"a": {"b": 1, "c.d": [1, 2]}, "l": [{"x": 1}, {"x": 2}], "e": {}, "n": None}
    assert flat(value) == {
        "a.b": 1, 'a."c.d"': [1, 2], "l[0].x": 1, "l[1].x": 2, "e": {}, "n": None,
    }  # fmt: skip
    with pytest.raises(Malformed, match="two settings with one name"):
        flat({1: "a", "1": "b"})
    with pytest.raises(Malformed, match="settings have names"):
        flat([1])


names = st.text(st.sampled_from('ab."[]0'), max_size=3)
nested = st.recursive(
    st.integers(0, 3), lambda inner: st.dictionaries(names, inner, max_size=3) | st.lists(inner),
    max_leaves=6,
)  # fmt: skip


@given(st.dictionaries(names, nested, max_size=3), st.dictionaries(names, nested, max_size=3))
def test_two_values_that_differ_have_other_paths_or_values(
    a: dict[str, Any], b: dict[str, Any]
) -> None:
    assert (flat(a) == flat(b)) == (a == b)


@pytest.mark.parametrize(
    ("path", "value"),
    [("db.password", "x"), ("apiKey", "x"), ("API_KEY", "x"), ("x.client-secret.y", 1),
     ("url", "postgres://me:pw@db/x"), ("urls", ["a", "redis://:pw@r"]),
     ("pem", "-----BEGIN RSA PRIVATE KEY-----\n"), ("token", None)],
)  # fmt: skip
def test_what_looks_like_a_secret_is_one(path: str, value: Any) -> None:
    assert is_secret(path, value)


def test_patterns_decide_before_looks() -> None:
    assert not is_secret("db.host", "http://db.example/x")
    assert is_secret("db.host", "x", patterns=["DB.*"])
    assert not is_secret("max_tokens", 9, plain=["max_tokens"])
    assert is_secret("max_tokens", 9, plain=["max_*"], patterns=["max_tokens"])


def test_no_secret_leaves_and_without_a_key_nothing_does() -> None:
    shown, hidden = split({"a": 1, "password": "hunter2"}, key=KEY)
    assert shown == {"a": 1}
    assert hidden == {"password": keyed_hash("password", "hunter2", KEY)}
    assert "hunter2" not in str(hidden)
    with pytest.raises(SettingError, match="no key to hash it with, at password"):
        split({"password": "hunter2"}, key=None)


def test_what_a_schema_marks_is_secret() -> None:
    schema = {
        "properties": {
            "db": {"$ref": "#/$defs/db"},
            "pins": {"items": {"writeOnly": True}},
            "hosts": {"items": {"properties": {"pin": {"x-secret": True}}}},
            "vault": {"writeOnly": True},
            "by": {"additionalProperties": {"properties": {"pin": {"format": "password"}}}},
        },
        "$defs": {"db": {"allOf": [{"properties": {"pin": {"format": "password"}}}]}},
    }
    patterns = secret_patterns(schema)
    value = {
        "db": {"pin": 1, "port": 2}, "pins": [1], "hosts": [{"pin": 1, "n": 2}],
        "vault": {"a": {"b": 1}}, "by": {"x": {"pin": 1, "n": 2}},
    }  # fmt: skip
    assert {p for p, v in flat(value).items() if is_secret(p, v, patterns=patterns)} == {
        "db.pin", "pins", "hosts[0].pin", "vault.a.b", "by.x.pin",
    }  # fmt: skip


def test_a_schema_that_leads_to_itself_is_refused() -> None:
    with pytest.raises(Unsupported, match="leads back to itself"):
        secret_patterns({"properties": {"a": {"$ref": "#"}}})
