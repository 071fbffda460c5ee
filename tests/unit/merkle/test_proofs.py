"""The checker against the model: every true proof passes, every changed one fails and says why."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.merkle.model import numbered
from wherefrom.errors import ProofError
from wherefrom.merkle.proofs import verify_consistency, verify_inclusion

MODEL = numbered(300)
OTHER = bytes(32)


def inclusion(index, size):
    return {
        "leaf_hash": MODEL.leaf(index),
        "index": index,
        "tree_size": size,
        "path": MODEL.path(index, 0, size),
        "root": MODEL.root(size),
    }


def consistency(size1, size2):
    return {
        "size1": size1,
        "size2": size2,
        "path": MODEL.subproof(size1, 0, size2) if 0 < size1 < size2 else [],
        "root1": MODEL.root(size1),
        "root2": MODEL.root(size2),
    }


pairs = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n)))


def test_every_leaf_of_every_tree_to_300_is_proven_in_it():
    for size in range(301):
        for index in range(size):
            verify_inclusion(**inclusion(index, size))


def test_every_tree_to_300_is_proven_to_begin_with_every_older_one():
    for size2 in range(301):
        for size1 in range(size2 + 1):
            verify_consistency(**consistency(size1, size2))


def flip(value, bit):
    at = bit % (8 * len(value))
    return value[: at // 8] + bytes([value[at // 8] ^ 1 << at % 8]) + value[at // 8 + 1 :]


@given(pairs, st.data())
def test_one_flipped_bit_anywhere_in_an_inclusion_proof_is_refused(pair, data):
    proof = inclusion(*pair)
    bit, place = data.draw(st.integers(0, 255)), data.draw(st.integers(-2, len(proof["path"]) - 1))
    if place < 0:
        name = ("root", "leaf_hash")[place]
        proof[name] = flip(proof[name], bit)
    else:
        proof["path"][place] = flip(proof["path"][place], bit)
    with pytest.raises(ProofError, match=rf"leaf {pair[0]} of {pair[1]} leads to another root"):
        verify_inclusion(**proof)


@given(pairs, st.integers(0, 299))
def test_an_inclusion_proof_holds_for_no_other_index(pair, other):
    proof = inclusion(*pair)
    proof["index"] = other if other != pair[0] else other + 1
    with pytest.raises(
        ProofError, match=r"leads to another root|is too (long|short)|is not in a tree of"
    ):
        verify_inclusion(**proof)


@given(pairs, st.data())
def test_a_path_with_a_hash_more_or_less_is_refused_for_its_length(pair, data):
    proof = inclusion(*pair)
    right = len(proof["path"])
    place = data.draw(st.integers(0, right))
    longer = [*proof["path"][:place], OTHER, *proof["path"][place:]]
    with pytest.raises(ProofError, match=rf"{right + 1} hashes is too long.*exactly {right}"):
        verify_inclusion(**{**proof, "path": longer})
    if right:
        shorter = [h for at, h in enumerate(proof["path"]) if at != min(place, right - 1)]
        with pytest.raises(ProofError, match=rf"{right - 1} hashes is too short.*exactly {right}"):
            verify_inclusion(**{**proof, "path": shorter})


def test_a_longer_path_is_refused_even_when_it_leads_to_the_root_given():
    proof = inclusion(5, 7)
    above = {**proof, "path": [*proof["path"], OTHER]}
    above["root"] = sha256(b"\x01" + OTHER + proof["root"]).digest()
    with pytest.raises(
        ProofError, match="4 hashes is too long, at leaf 5 of 7: expected exactly 3"
    ):
        verify_inclusion(**above)


@given(pairs.filter(lambda pair: pair[0] > 0), st.data())
def test_one_flipped_bit_anywhere_in_a_consistency_proof_is_refused(pair, data):
    proof = consistency(*pair)
    bit, place = data.draw(st.integers(0, 255)), data.draw(st.integers(-2, len(proof["path"]) - 1))
    if place < 0:
        name = ("root1", "root2")[place]
        proof[name] = flip(proof[name], bit)
    else:
        proof["path"][place] = flip(proof["path"][place], bit)
    with pytest.raises(ProofError, match=r", (older|newer) side leads to another root"):
        verify_consistency(**proof)


@given(pairs.filter(lambda pair: pair[0] > 0), st.data())
def test_a_consistency_path_with_a_hash_more_or_less_is_refused_for_its_length(pair, data):
    proof = consistency(*pair)
    right = len(proof["path"])
    place = data.draw(st.integers(0, right))
    longer = [*proof["path"][:place], OTHER, *proof["path"][place:]]
    with pytest.raises(ProofError, match=rf"{right + 1} hashes is too long.*exactly {right}"):
        verify_consistency(**{**proof, "path": longer})
    shorter = [h for at, h in enumerate(proof["path"]) if at != min(place, right - 1)]
    with pytest.raises(ProofError, match=rf"{right - 1} hashes is too short.*exactly {right}"):
        verify_consistency(**{**proof, "path": shorter})


def test_both_sides_of_a_consistency_proof_are_checked():
    proof = consistency(6, 7)
    with pytest.raises(ProofError, match="6 in tree of 7, older side leads to another root"):
        verify_consistency(**{**proof, "root1": OTHER})
    with pytest.raises(ProofError, match="6 in tree of 7, newer side leads to another root"):
        verify_consistency(**{**proof, "root2": OTHER})


def test_the_same_size_needs_the_same_root_and_no_path():
    verify_consistency(size1=0, size2=0, path=[], root1=MODEL.root(0), root2=MODEL.root(0))
    for size in (0, 7):
        proof = consistency(size, size)
        with pytest.raises(ProofError, match=f"tree of {size} leads to another root"):
            verify_consistency(**{**proof, "root2": OTHER})
        with pytest.raises(ProofError, match="a path of 1 hashes is too long"):
            verify_consistency(**{**proof, "path": [OTHER]})


def test_an_empty_tree_is_the_start_of_any_and_has_no_path():
    verify_consistency(**consistency(0, 7))
    with pytest.raises(ProofError, match="too long, at tree of 0 in tree of 7: expected exactly 0"):
        verify_consistency(**{**consistency(0, 7), "path": [OTHER]})


def test_a_tree_that_shrank_is_refused():
    with pytest.raises(ProofError, match="a tree of 7 cannot be in a tree of 6"):
        verify_consistency(size1=7, size2=6, path=[], root1=OTHER, root2=OTHER)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (7, 7), (2**70, 7)])
def test_a_leaf_outside_the_tree_is_refused(index, size):
    with pytest.raises(ProofError, match=f"leaf {index} is not in a tree of {size}"):
        verify_inclusion(leaf_hash=OTHER, index=index, tree_size=size, path=[], root=OTHER)


def test_the_message_says_what_was_reached_and_what_was_expected():
    proof = inclusion(6, 7)
    with pytest.raises(ProofError) as caught:
        verify_inclusion(**{**proof, "root": OTHER})
    message = str(caught.value)
    assert f"expected {OTHER.hex()}, got {proof['root'].hex()}" in message
    assert message.endswith("is from another log or was changed")
    assert caught.value.code == "proof"


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_hash_of_another_length_is_refused_wherever_it_stands(length):
    wrong, whole, grown = bytes(length), inclusion(5, 7), consistency(5, 7)
    for name in ("leaf_hash", "root"):
        with pytest.raises(ProofError, match=f"{name} is not a hash.*32 bytes, got {length} bytes"):
            verify_inclusion(**{**whole, name: wrong})
    for name in ("root1", "root2"):
        with pytest.raises(ProofError, match=f"{name} is not a hash.*32 bytes, got {length} bytes"):
            verify_consistency(**{**grown, name: wrong})
    for proof, verify in ((whole, verify_inclusion), (grown, verify_consistency)):
        with pytest.raises(ProofError, match=r"path\[1\] is not a hash"):
            verify(**{**proof, "path": [proof["path"][0], wrong, *proof["path"][2:]]})


def test_the_callers_slips_are_not_proof_errors():
    with pytest.raises(ValueError, match="index must not be negative, got -1"):
        verify_inclusion(**{**inclusion(0, 7), "index": -1})
    with pytest.raises(ValueError, match="size1 must not be negative, got -1"):
        verify_consistency(**{**consistency(1, 7), "size1": -1})
    for slip in (True, 1.0, "1"):
        with pytest.raises(TypeError, match="tree_size must be an int"):
            verify_inclusion(**{**inclusion(0, 7), "tree_size": slip})
