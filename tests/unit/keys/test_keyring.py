"""The keyring: a fold over key changes, found again by every spelling of a key."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.folders import BUILDER, REVIEWER, STRANGER, public
from wherefrom.errors import Ambiguous, Malformed, NotFound, SettingError
from wherefrom.formats import base64_strict
from wherefrom.formats.own import KEY_ACTIONS, KeyChange
from wherefrom.keys.keyring import Keyring

KEYS = [public(k) for k in (BUILDER, REVIEWER, STRANGER)]
STATES = {"trust": "active", "retire": "retired", "revoke": "revoked"}


def change(key, action="trust", **fields):
    return KeyChange(action=action, key=key.id, spki=base64_strict.encode(key.spki), **fields)


def ring(*changes):
    made = Keyring()
    for entry, one in enumerate(changes, start=1):
        made.fold(entry, one)
    return made


def ids(keys):
    return [k.id for k in keys]


def test_a_key_is_found_by_our_id_its_sha256_and_every_name_it_was_given():
    key = KEYS[0]
    made = ring(change(key, names=("ci", "projects/p/keys/1")))
    for hint in (key.id, hashlib.sha256(key.spki).hexdigest(), "ci", "projects/p/keys/1"):
        assert ids(made.named(hint)) == [key.id], hint
        assert made.get(hint).id == key.id
    assert made.get(key.id).names == ("ci", "projects/p/keys/1")


@pytest.mark.parametrize("hint", [None, "", "somebody", "k:", "CI"])
def test_a_hint_nobody_gave_names_no_key(hint):
    assert list(ring(change(KEYS[0], names=("ci",))).named(hint)) == []


def test_an_empty_name_does_not_make_a_key_speak_for_every_signature_without_a_keyid():
    assert list(ring(change(KEYS[0], names=("",))).named("")) == []


def test_a_name_given_to_two_keys_means_both_for_a_signature_and_neither_for_a_person():
    made = ring(change(KEYS[0], names=("release",)), change(KEYS[1], names=("release",)))
    assert ids(made.named("release")) == ids(KEYS[:2])
    with pytest.raises(Ambiguous, match=f"several keys have this name: .*{KEYS[0].id} or"):
        made.get("release")


def test_a_name_that_is_another_keys_id_does_not_take_it_over():
    first, second = KEYS[:2]
    digest = hashlib.sha256(first.spki).hexdigest()
    made = ring(change(first), change(second, names=(first.id, digest)))
    assert ids(made.named(first.id)) == ids(made.named(digest)) == [first.id]
    assert made.get(first.id).id == first.id
    assert ids(ring(change(second, names=(first.id,)), change(first)).named(first.id)) == [first.id]


def test_a_unique_prefix_of_an_id_is_enough_for_a_person_but_six_characters_at_least():
    made = ring(*map(change, KEYS))
    assert made.get(KEYS[0].id[:10]).id == KEYS[0].id
    for short in ("k:", "", "k:0000000000"):
        with pytest.raises(NotFound, match="no such key"):
            made.get(short)


def test_a_key_of_which_nothing_is_believed_is_no_candidate_and_all_of_them_stay_listed():
    first, second, third = KEYS
    made = ring(
        change(first), change(second), change(third), change(second, "retire"),
        change(third, "revoke", reason="stolen"),
    )  # fmt: skip
    assert ids(made.candidates()) == [first.id, second.id]
    assert [(k.id, k.state) for k in made.list()] == [
        (first.id, "active"), (second.id, "retired"), (third.id, "revoked"),
    ]  # fmt: skip
    assert (made.get(third.id).reason, made.get(third.id).entry) == ("stolen", 5)
    assert made.public_key(third.id).id == third.id


def test_a_change_that_names_nothing_keeps_the_names_the_key_has():
    made = ring(change(KEYS[0], names=("ci",)), change(KEYS[0], "retire", names=("old",)))
    assert made.get("ci").names == ("ci", "old")
    assert made.state(KEYS[0].id) == "retired"


@pytest.mark.parametrize(
    ("spki", "error", "match"),
    [("AAAA", SettingError, "at key record"), ("!", Malformed, "not base64, at spki")],
)
def test_a_key_that_cannot_be_read_changes_nothing(spki, error, match):
    made = ring(change(KEYS[0]))
    with pytest.raises(error, match=match):
        made.fold(2, KeyChange(action="trust", key=KEYS[1].id, spki=spki, names=("ci",)))
    assert ids(made.candidates()) == [KEYS[0].id]
    assert (len(made.changes), list(made.named("ci"))) == (1, [])


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(KEY_ACTIONS), st.sampled_from(
    [(), ("a",), ("a", "b"), ("b",)]))))  # fmt: skip
def test_the_ring_is_what_the_last_change_of_each_key_says(history):
    made = ring(*(change(key, action, names=names) for key, action, names in history))
    last: dict = {}
    for entry, (key, action, _) in enumerate(history, start=1):
        stays = action == "retire" and last.get(key.id, (0, ""))[1] == "revoke"
        last[key.id] = (entry, "revoke" if stays else action)
    assert {k.id: (k.entry, k.state) for k in made.list()} == {
        id: (entry, STATES[action]) for id, (entry, action) in last.items()
    }
    for name in ("a", "b"):
        expected = {key.id for key, _, names in history if name in names}
        assert set(ids(made.named(name))) == expected
    again = ring(*(one for _, one in made.changes))
    assert again.list() == made.list()


def test_a_keyring_is_told_as_of_a_size():
    key = KEYS[0]
    made = ring(change(key), change(KEYS[1]), change(key, "revoke"))
    assert made.as_of(None) is made
    assert [made.as_of(size).told().keys for size in (0, 1)] == [[], []]
    assert made.as_of(2).get(key.id).state == "active"
    assert ids(made.as_of(2).told().keys) == [key.id]
    assert made.as_of(4).told() == made.told()
