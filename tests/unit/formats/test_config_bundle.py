"""Bundles: what holds the same is the same, and no statement says otherwise of one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.capture.keyed_hashes import keyed_hash
from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import config_bundle
from wherefrom.formats.config_bundle import Bundle, difference, parse, to_predicate, to_statement
from wherefrom.formats.recognise import facts_of

KEY, OTHER = bytes(32), bytes([1] * 32)
DIGEST = "sha256:" + "c" * 64


def made(**changes: Any) -> Bundle:
    return Bundle(**{"name": "cart", "version": "1", "settings": {"a": 1}, **changes})


settings = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=9),
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(0, 1) | st.text(max_size=9),
    max_size=5,
)


@given(settings, settings)
def test_a_bundle_comes_back_as_it_was_and_differs_by_just_what_is_not_alike(
    mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    a, b = made(settings=mine), made(settings=theirs)
    read = parse(json.loads(to_statement(a))["predicate"])
    assert read == a
    assert read.digest == a.digest
    found = difference(a, b)
    assert (not found) == (a.digest == b.digest)
    patched = dict(mine)
    for change in found:
        if change.what == "removed":
            del patched[change.key]
        else:
            patched[change.key] = change.after
    assert made(settings=patched).digest == b.digest


def test_one_and_true_are_two_values() -> None:
    assert [c.what for c in difference(made(), made(settings={"a": True}))] == ["changed"]


def test_name_and_version_are_not_what_it_holds_and_all_else_is() -> None:
    assert made().digest == made(name="x", version="2", revises=DIGEST).digest
    mode = {"kind": "safe_mode", "meaning": "read only", "max_seconds": 60}
    others = [
        made(settings={"a": 2}), made(settings={}, secrets={"a": keyed_hash("a", 1, KEY)}),
        made(kind="policy"), made(**mode), made(**{**mode, "max_seconds": 61}),
        made(**{**mode, "meaning": "read"}),
    ]  # fmt: skip
    assert len({made().digest, *(b.digest for b in others)}) == 1 + len(others)


def test_a_secret_tells_only_that_it_changed() -> None:
    def with_secret(value: str, key: bytes) -> Bundle:
        return made(settings={}, secrets={"p": keyed_hash("p", value, key)})

    a = with_secret("old", KEY)
    assert difference(a, with_secret("old", KEY)) == []
    (changed,) = difference(a, with_secret("new", KEY))
    assert (changed.what, changed.secret) == ("changed", True)
    (unknown,) = difference(a, with_secret("old", OTHER))
    assert unknown.what == "unknown"
    (bare,) = difference(a, made(settings={"p": "old"}))
    assert (bare.what, bare.before, bare.after) == ("changed", None, None)


def test_the_facts_are_the_bundle_and_the_one_before_it() -> None:
    bundle = made(revises=DIGEST)
    facts = facts_of(to_statement(bundle))
    assert facts.type == config_bundle.PREDICATE_TYPE
    (node,) = [n for n in facts.nodes if n.id == bundle.digest]
    assert (node.kind, node.name) == ("config", "cart")
    assert node.properties is not None
    assert node.properties["version"] == "1"
    assert {(e.source, e.relation, e.target) for e in facts.edges} >= {
        (facts.document, "describes", bundle.digest),
        (bundle.digest, "revises", DIGEST),
    }


def test_contents_under_another_digest_are_refused() -> None:
    document = json.loads(to_statement(made()))
    document["predicate"]["settings"]["a"] = 2
    with pytest.raises(Malformed, match="another digest than its own"):
        facts_of(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "x"}, "not a kind of bundle"),
        ({"extra": 1}, "fields? that bundles do not have"),
        ({"name": "a\nb"}, "not a name of a bundle"),
        ({"version": None}, r"missing, at predicate\.version"),
        ({"secrets": {"p": "hunter2"}}, "no keyed hash"),
        ({"secrets": {"a": keyed_hash("a", 1, KEY)}}, "secret and is not"),
        ({"revises": "1"}, r"not a digest, at predicate\.revises"),
        ({"maxSeconds": 5}, "nothing else has"),
        ({"kind": "safe_mode"}, "a meaning and a maximum duration"),
        ({"kind": "safe_mode", "meaning": "m", "maxSeconds": 0}, "not a duration"),
        ({"kind": "safe_mode", "meaning": "m", "maxSeconds": True}, "not a duration"),
    ],
)
def test_a_broken_bundle_is_refused_and_says_why(change: dict[str, Any], message: str) -> None:
    with pytest.raises(Malformed, match=message) as told:
        parse({**to_predicate(made()), **change})
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({str(n): 0 for n in range(10_001)}, "settings_max"), ({"k" * 1025: 0}, "path_bytes_max"),
     ({"a": "x" * 4_200_000}, "bundle_bytes_max")],
    ids=["many", "long", "large"],
)  # fmt: skip
def test_limits_are_kept_and_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(LimitPassed, match=message):
        to_predicate(made(settings=settings))
