import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.merkle import hashing


def test_the_empty_root_is_the_one_that_rfc_6962_names():
    assert hashing.EMPTY_ROOT.hex() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_the_first_leaves_of_the_public_test_log_hash_as_its_tile_says():
    tile = hashing.hash_leaf(b"one") + hashing.hash_leaf(b"two")
    assert tile.hex() == (
        "d0d7360ab79f58ab1e1e3fe64ad77e2ea0bc07e36b5f46ed2223edd9298df9e9"
        "ab1ab7f07c7c8fe0eff4ba6faa53c7e4412e91a599153e8aa4e01beece5b7825"
    )


def test_a_node_is_not_the_leaf_that_holds_the_same_bytes():
    left, right = hashing.hash_leaf(b"a"), hashing.hash_leaf(b"b")
    assert hashing.hash_node(left, right) == hashlib.sha256(b"\x01" + left + right).digest()
    assert hashing.hash_node(left, right) != hashing.hash_leaf(left + right)
    assert hashing.hash_node(left, right) != hashing.hash_node(right, left)


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_hashing_many_leaves_is_hashing_each(entries):
    assert hashing.hash_leaves(iter(entries)) == [hashing.hash_leaf(e) for e in entries]


def test_a_row_is_hashed_in_pairs_from_the_left():
    a, b, c, d = (hashing.hash_leaf(bytes([i])) for i in range(4))
    assert hashing.hash_row(a + b + c + d) == hashing.hash_node(a, b) + hashing.hash_node(c, d)
    with pytest.raises(AssertionError):
        hashing.hash_row(a + b + c)
