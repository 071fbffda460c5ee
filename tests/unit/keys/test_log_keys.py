"""The keys of a log through time: who trusted one before can follow, and nobody else can lead."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logs import ORIGIN
from wherefrom.errors import Malformed, NotAllowed, SettingError, SignatureError
from wherefrom.formats import log_keys as texts
from wherefrom.formats import note, timestamps
from wherefrom.formats.log_keys import LogKeysText, NamedKey
from wherefrom.formats.note import Note
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.log_keys import LogKey, LogKeys, followed, parse, replaced, to_bytes
from wherefrom.keys.note_keys import NoteKey, new_note_key


def at(day):
    return timestamps.to_text(datetime.fromisoformat("2026-01-01T00:00:00+00:00") + timedelta(day))


def key_of(number, algorithm=note.ED25519):
    if algorithm == note.ED25519:
        return NoteKey.of(ORIGIN, SigningKey(bytes([number]) * 32))
    return new_note_key(algorithm, name=ORIGIN)[0]


def began(key):
    return LogKeys(ORIGIN, (LogKey(NamedKey(key.verifier_key, at(0)), "log.key"),))


def turned(keys, new, *, day, signers, grace_days=30):
    """The keys after ``new`` took its place, signed by these."""
    made, text = replaced(
        keys,
        LogKey(NamedKey(new.verifier_key, at(day)), "x.key"),
        at=at(day),
        grace_days=grace_days,
    )
    written = note.to_bytes(Note(text, tuple(s.sign_text(text) for s in signers))).decode()
    return made._replace(notes=(*keys.notes, written))


ONE, TWO, THREE, THIEF = (key_of(n) for n in (1, 2, 3, 9))


def test_the_new_key_signs_at_once_and_the_one_before_through_its_grace():
    keys = turned(began(ONE), TWO, day=10, signers=[ONE, TWO])
    signing = {day: [k.key for k in keys.signing(at(day))] for day in (9, 10, 39, 40)}
    one, two = ONE.verifier_key, TWO.verifier_key
    assert signing == {9: [one], 10: [one, two], 39: [one, two], 40: [two]}
    assert keys.newest(at(10)).key == two
    assert keys.known == [one, two]


def test_a_key_of_another_kind_signs_beside_and_ends_nobody():
    keys = began(ONE)
    for algorithm in (note.ECDSA, note.MLDSA44_COSIGNATURE):
        keys = turned(keys, key_of(0, algorithm), day=1, signers=[ONE])
    assert [k.key.algorithm for k in keys.signing(at(99))] == [1, 2, 6]
    assert keys.newest(at(99)).key == ONE.verifier_key


def test_the_last_ed25519_key_cannot_end_and_nothing_changes_by_ending_it_later():
    with pytest.raises(NotAllowed, match="one Ed25519 key at least"):
        replaced(began(ONE), None, end=ONE.verifier_key, at=at(1), grace_days=0)
    keys = turned(began(ONE), TWO, day=10, signers=[ONE, TWO])
    with pytest.raises(NotAllowed, match="is to end sooner already"):
        replaced(keys, None, end=ONE.verifier_key, at=at(11), grace_days=30)
    sooner, _ = replaced(keys, None, end=ONE.verifier_key, at=at(11), grace_days=0)
    assert [k.key for k in sooner.signing(at(11))] == [TWO.verifier_key]


def test_a_key_comes_once_and_not_too_many_sign_together():
    with pytest.raises(NotAllowed, match="has had this key"):
        turned(began(ONE), ONE, day=1, signers=[])
    keys = began(key_of(1))
    for number in range(2, 9):
        keys = turned(keys, key_of(number), day=1, signers=[key_of(number - 1)])
    with pytest.raises(NotAllowed, match="too many keys sign at once"):
        turned(keys, key_of(9), day=1, signers=[key_of(8)])
    turned(keys, key_of(9), day=40, signers=[key_of(8)])


def test_who_trusts_the_first_key_follows_to_the_last_in_any_order():
    keys = turned(began(ONE), TWO, day=10, signers=[ONE, TWO])
    keys = turned(keys, THREE, day=100, signers=[TWO, THREE])
    wanted = [k.verifier_key for k in (ONE, TWO, THREE)]
    for notes in (keys.notes, keys.notes[::-1]):
        assert followed(wanted[:1], notes) == wanted
        assert set(followed(wanted[1:2], notes)) == set(wanted)
    assert followed([THIEF.verifier_key], keys.notes) == [THIEF.verifier_key]
    assert followed(wanted[:1], ()) == wanted[:1]


def test_a_stranger_names_nobody_and_neither_does_a_key_whose_time_was_over():
    forged = turned(began(ONE), THIEF, day=10, signers=[THIEF])
    assert followed([ONE.verifier_key], forged.notes) == [ONE.verifier_key]
    keys = turned(began(ONE), TWO, day=10, signers=[ONE, TWO])
    late = turned(keys, THIEF, day=50, signers=[ONE, THIEF])
    assert THIEF.verifier_key not in followed([ONE.verifier_key], late.notes)
    in_time = turned(keys, THIEF, day=20, signers=[ONE, THIEF])
    assert THIEF.verifier_key in followed([ONE.verifier_key], in_time.notes)


def test_two_changes_in_one_place_are_told_and_followed_by_nobody():
    one = turned(began(ONE), TWO, day=10, signers=[ONE, TWO])
    other = turned(began(ONE), THIEF, day=11, signers=[ONE, THIEF])
    with pytest.raises(SignatureError, match="two changes of a log's keys in one place"):
        followed([ONE.verifier_key], [one.notes[0], other.notes[0]])


def test_a_wrong_signature_by_a_trusted_key_is_no_signature():
    keys = turned(began(ONE), TWO, day=10, signers=[ONE, TWO])
    changed = keys.notes[0].replace("2026-02-10", "2027-02-10")
    assert changed != keys.notes[0]
    with pytest.raises(SignatureError, match="did not sign this note"):
        followed([ONE.verifier_key], [changed])


def test_the_keys_of_another_log_are_not_its_keys():
    keys = turned(began(ONE), TWO, day=10, signers=[ONE, TWO])
    other = ONE.under("log.example/other").verifier_key
    assert followed([other], keys.notes) == [other]


def test_the_file_is_read_as_it_was_written_and_a_changed_one_is_refused():
    keys = turned(began(ONE), TWO, day=10, signers=[ONE, TWO])
    written = to_bytes(keys)
    assert parse(written, where="file") == keys
    for right, wrong in (
        (TWO.verifier_key.to_text().encode(), THIEF.verifier_key.to_text().encode()),
        (at(10).encode(), at(11).encode()),
        (b'"keys"', b'"kays"'),
        (b"{", b"["),
    ):
        assert right in written
        with pytest.raises(SettingError, match="was changed"):
            parse(written.replace(right, wrong, 1), where="file")


texts_of = st.builds(
    LogKeysText,
    origin=st.just(ORIGIN),
    number=st.integers(0, 2**63 - 1),
    at=st.integers(0, 9999).map(at),
    keys=st.lists(
        st.builds(
            NamedKey,
            st.integers(0, 255).map(lambda n: key_of(n).verifier_key),
            st.integers(0, 99).map(at),
            st.none() | st.integers(0, 99).map(at),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda named: named.key,
    ).map(tuple),
)


@given(texts_of)
def test_a_text_is_read_as_it_was_written(said):
    assert texts.parse(texts.to_text(said)) == said


@given(texts_of, st.data())
def test_a_text_has_one_spelling(said, data):
    text = texts.to_text(said)
    place = data.draw(st.integers(0, len(text) - 1))
    other = text[:place] + data.draw(st.sampled_from("0 \n-A+")) + text[place + 1 :]
    try:
        read = texts.parse(other)
    except Malformed:
        return
    assert texts.to_text(read) == other


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "wherefrom log keys v2\nx\n1\n" + at(0) + "\n",
        f"wherefrom log keys v1\n{ORIGIN}\n1\n{at(0)}\n",
        f"wherefrom log keys v1\n{ORIGIN}\n1\n{at(0)}\n{ONE.verifier_key.to_text()} {at(0)}\n",
        f"wherefrom log keys v1\nother\n1\n{at(0)}\n{ONE.verifier_key.to_text()} {at(0)} -\n",
        f"wherefrom log keys v1\n{ORIGIN}\n01\n{at(0)}\n{ONE.verifier_key.to_text()} {at(0)} -\n",
        f"wherefrom log keys v1\n{ORIGIN}\n1\n{at(0)}\n"
        + f"{ONE.verifier_key.to_text()} {at(0)} -\n" * 2,
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(Malformed):
        texts.parse(text)


def test_a_change_after_the_clock_went_back_is_as_of_the_change_before_and_is_followed():
    keys = turned(began(ONE), TWO, day=10, signers=[ONE, TWO], grace_days=0)
    keys = turned(keys, THREE, day=3, signers=[ONE, TWO, THREE], grace_days=0)
    assert [k.key for k in keys.signing(at(10))] == [THREE.verifier_key]
    assert [k.key for k in keys.signing(at(9))] == [ONE.verifier_key]
    assert followed([ONE.verifier_key], keys.notes) == keys.known


def test_the_same_change_twice_is_one_change():
    keys = turned(began(ONE), TWO, day=10, signers=[ONE, TWO])
    assert followed([ONE.verifier_key], keys.notes * 2) == keys.known
