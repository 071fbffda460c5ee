"""One proof for many leaves: made from a tree, checked against the model, changed and refused."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.merkle.model import numbered
from wherefrom.errors import ProofError
from wherefrom.merkle.proofs import verify_shared_inclusion
from wherefrom.merkle.tree import inclusion_path, shared_path

MODEL = numbered(300)


def proof(indexes, size):
    return {
        "leaf_hashes": {i: MODEL.leaf(i) for i in indexes},
        "tree_size": size,
        "path": shared_path(indexes, size, MODEL.read),
        "root": MODEL.root(size),
    }


some = st.integers(1, 300).flatmap(
    lambda n: st.tuples(st.sets(st.integers(0, n - 1), min_size=1).map(sorted), st.just(n))
)


def test_every_choice_of_leaves_of_every_small_tree_is_proven():
    for size in range(1, 10):
        for number in range(1, size + 1):
            for indexes in combinations(range(size), number):
                verify_shared_inclusion(**proof(indexes, size))


@given(some)
def test_any_leaves_are_proven_with_no_more_hashes_than_proofs_of_each(pair):
    indexes, size = pair
    made = proof(indexes, size)
    verify_shared_inclusion(**made)
    assert len(made["path"]) <= sum(len(inclusion_path(i, size, MODEL.read)) for i in indexes)


def test_a_whole_tree_needs_no_hash_and_anything_less_needs_one():
    assert shared_path(range(300), 300, MODEL.read) == []
    for left_out in (0, 150, 299):
        assert shared_path([i for i in range(300) if i != left_out], 300, MODEL.read)


@given(some, st.data())
def test_a_changed_leaf_hash_root_or_length_is_refused(pair, data):
    made = proof(*pair)
    what = data.draw(st.sampled_from(["leaf", "path", "longer", "shorter", "root"]))
    path, leaves = made["path"], made["leaf_hashes"]
    if what == "leaf":
        at = data.draw(st.sampled_from(sorted(leaves)))
        made["leaf_hashes"] = leaves | {at: MODEL.leaf((at + 1) % 300)}
    elif what == "root":
        made["root"] = bytes(32)
    elif what == "longer" or not path:
        made["path"] = [*path, bytes(32)]
    elif what == "shorter":
        made["path"] = path[:-1]
    else:
        at = data.draw(st.integers(0, len(path) - 1))
        made["path"] = [*path[:at], bytes(32), *path[at + 1 :]]
    with pytest.raises(ProofError, match=r"another root|too long|too short"):
        verify_shared_inclusion(**made)


@given(some, st.data())
def test_a_leaf_under_another_index_is_refused(pair, data):
    indexes, size = pair
    made = proof(indexes, size)
    moved = data.draw(st.integers(0, size + 1).filter(lambda i: i not in indexes))
    leaves = dict(made["leaf_hashes"])
    leaves[moved] = leaves.pop(indexes[0])
    with pytest.raises(ProofError, match=r"another root|too long|too short|not leaves of"):
        verify_shared_inclusion(**{**made, "leaf_hashes": leaves})


def test_no_leaves_prove_nothing_and_what_is_no_hash_is_refused():
    with pytest.raises(ProofError, match="not leaves of"):
        verify_shared_inclusion(
            leaf_hashes={}, tree_size=1, path=[MODEL.root(1)], root=MODEL.root(1)
        )
    made = proof([1], 3)
    with pytest.raises(ProofError, match="31 bytes"):
        verify_shared_inclusion(**{**made, "path": [made["path"][0][1:], *made["path"][1:]]})
    with pytest.raises(IndexError):
        shared_path([3], 3, MODEL.read)
