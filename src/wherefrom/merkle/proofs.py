"""Check that a leaf is in a tree, and that a tree only grew, knowing only roots.

This is the file a verifier trusts, so it stays small and pure: bytes in, ``None`` or
``ProofError`` out. Building proofs lives in ``tree.py``, because only a log has the tree.

    leaf hash ──► + sibling ──► + sibling ──► … ──► root
      index 5       path[0]       path[1]           from a checked checkpoint

Every path has exactly one right length for its numbers; any other is refused, so that a path
never has a spelling its checker did not look at.

Sizes:  a hash is 32 bytes · an index counts from 0 · a tree size counts from 1
Source: RFC 9162 §2.1.1, §2.1.3.2, §2.1.4.2; the index arithmetic of transparency-dev/merkle, proof/
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from wherefrom.errors import ProofError
from wherefrom.merkle.hashing import HASH_BYTES, hash_node

_OTHER_LOG = "The entry, the path or the checkpoint is from another log or was changed"
_REWRITTEN = "The log was rewritten, or a root or the path is from another log or was changed"


def verify_inclusion(
    *, leaf_hash: bytes, index: int, tree_size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check that the leaf at ``index`` is in the tree with this ``root``.

    leaf_hash  32 bytes, from ``hash_leaf``
    index      position of the leaf, from 0; less than tree_size
    path       sibling hashes, the leaf's neighbour first; 32 bytes each
    root       32 bytes, from a checkpoint whose signature was already checked

    Returns nothing: reaching the end is the proof.
    Raises ProofError if the index is not in the tree, or the path is too long, too short, or
    ends at another root.
    """
    where = f"leaf {index} of {tree_size}"
    _need_hashes(where, root=root)
    reached = inclusion_root(leaf_hash=leaf_hash, index=index, tree_size=tree_size, path=path)
    _need_root(where, reached, root, _OTHER_LOG)


def inclusion_root(*, leaf_hash: bytes, index: int, tree_size: int, path: Sequence[bytes]) -> bytes:
    """The root, 32 bytes, that the leaf and its path lead to: a proof once somebody signed it.

    As ``verify_inclusion``, for a format that signs the root and does not send it.
    """
    _need_counts(index=index, tree_size=tree_size)
    where = f"leaf {index} of {tree_size}"
    if index >= tree_size:
        raise ProofError(f"leaf {index} is not in a tree of {tree_size}", do=_OTHER_LOG)
    _need_hashes(where, leaf_hash=leaf_hash)
    # Below the point where the leaf's road and the last leaf's road meet, the siblings lie on
    # either side; above it the leaf is on the right edge, so every sibling lies on its left.
    inner = (index ^ (tree_size - 1)).bit_length()
    border = (index >> inner).bit_count()
    _need_path(path, inner + border, where)
    reached = leaf_hash
    for level, sibling in enumerate(path[:inner]):
        on_the_left = index >> level & 1
        reached = hash_node(sibling, reached) if on_the_left else hash_node(reached, sibling)
    for sibling in path[inner:]:
        reached = hash_node(sibling, reached)
    return reached


def verify_shared_inclusion(
    *, leaf_hashes: Mapping[int, bytes], tree_size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check that all these leaves are in the tree with this ``root``, by one proof.

    leaf_hashes  by index; 32 bytes each
    path         roots of the subtrees without any of them, left to right; 32 bytes each

    If the path is empty, the leaves are the whole tree. Raises ProofError, as ``verify_inclusion``.
    """
    where = f"{len(leaf_hashes)} leaves of {tree_size}"
    _need_counts(tree_size=tree_size)
    _need_hashes(where, root=root)
    indexes = sorted(leaf_hashes)
    if not indexes or not 0 <= indexes[0] <= indexes[-1] < tree_size:
        raise ProofError(f"not leaves of a tree of {tree_size}", where=where, do=_OTHER_LOG)
    for value in (*leaf_hashes.values(), *path):
        if len(value) != HASH_BYTES:
            _need_hashes(where, hash=value)
    left = iter(path)

    def reached(start: int, end: int, among: Sequence[int]) -> bytes:
        if not among:
            return next(left)
        if end - start == 1:
            return leaf_hashes[start]
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        cut = bisect_left(among, middle)
        return hash_node(reached(start, middle, among[:cut]), reached(middle, end, among[cut:]))

    try:
        found = reached(0, tree_size, indexes)
    except StopIteration as error:
        raise ProofError(f"a path of {len(path)} hashes is too short", where=where) from error
    if next(left, None) is not None:
        raise ProofError(f"a path of {len(path)} hashes is too long", where=where, do=_OTHER_LOG)
    _need_root(where, found, root, _OTHER_LOG)


def verify_consistency(
    *, size1: int, size2: int, path: Sequence[bytes], root1: bytes, root2: bytes
) -> None:
    """Check that the tree of ``size2`` begins with every leaf of the tree of ``size1``.

    size1, root1  the older tree; from 0
    size2, root2  the newer tree; at least size1
    path          hashes as RFC 9162 orders them; 32 bytes each; empty if size1 is 0 or size2

    Returns nothing: reaching the end is the proof. Nothing is claimed about a tree of size 0.
    Raises ProofError if the tree shrank, or the path is too long, too short, or leads to
    another root on either side.
    """
    _need_counts(size1=size1, size2=size2)
    where = f"tree of {size1} in tree of {size2}"
    if size1 > size2:
        raise ProofError(f"a tree of {size1} cannot be in a tree of {size2}", do=_REWRITTEN)
    _need_hashes(where, root1=root1, root2=root2)
    if size1 in (0, size2):
        _need_path(path, 0, where)
        if size1 == size2:
            _need_root(where, root1, root2, _REWRITTEN)
        return
    reached = consistency_root(size1=size1, size2=size2, path=path, root1=root1)
    _need_root(f"{where}, newer side", reached, root2, _REWRITTEN)


def consistency_root(*, size1: int, size2: int, path: Sequence[bytes], root1: bytes) -> bytes:
    """The root of ``size2``, 32 bytes, that the path leads to from ``root1``.

    As ``verify_consistency``, for a format that signs the newer root and does not send it; from
    a tree of size 0 no path leads anywhere.
    """
    _need_counts(size1=size1, size2=size2)
    where = f"tree of {size1} in tree of {size2}"
    if size1 > size2 or size1 == 0 < size2:
        raise ProofError(f"no path leads from a tree of {size1} to {size2}", do=_REWRITTEN)
    _need_hashes(where, root1=root1)
    if size1 == size2:
        _need_path(path, 0, where)
        return root1
    # The last perfect subtree of the old tree is where both sides start. If it is the whole
    # old tree, the path leaves it out, because the verifier knows its root.
    shift = (size1 & -size1).bit_length() - 1
    inner = ((size1 - 1) ^ (size2 - 1)).bit_length() - shift
    border = ((size1 - 1) >> shift >> inner).bit_count()
    whole = size1 == 1 << shift
    _need_path(path, inner + border + (0 if whole else 1), where)
    reached1 = reached2 = root1 if whole else path[0]
    siblings = path if whole else path[1:]
    mask = (size1 - 1) >> shift
    for level, sibling in enumerate(siblings[:inner]):
        if mask >> level & 1:
            reached1 = hash_node(sibling, reached1)
            reached2 = hash_node(sibling, reached2)
        else:
            reached2 = hash_node(reached2, sibling)
    for sibling in siblings[inner:]:
        reached1 = hash_node(sibling, reached1)
        reached2 = hash_node(sibling, reached2)
    _need_root(f"{where}, older side", reached1, root1, _REWRITTEN)
    return reached2


def _need_counts(**counts: int) -> None:
    for name, count in counts.items():
        if type(count) is not int:
            raise TypeError(f"{name} must be an int, got {type(count).__name__}")
        if count < 0:
            raise ValueError(f"{name} must not be negative, got {count}")


def _need_hashes(where: str, **hashes: bytes) -> None:
    for name, value in hashes.items():
        if len(value) != HASH_BYTES:
            raise ProofError(
                f"{name} is not a hash", where=where, expected="32 bytes", got=f"{len(value)} bytes"
            )


def _need_path(path: Sequence[bytes], length: int, where: str) -> None:
    if len(path) != length:
        raise ProofError(
            f"a path of {len(path)} hashes is too {'long' if len(path) > length else 'short'}",
            where=where,
            expected=f"exactly {length}",
            do=_OTHER_LOG,
        )
    for place, value in enumerate(path):
        if len(value) != HASH_BYTES:
            _need_hashes(where, **{f"path[{place}]": value})


def _need_root(where: str, reached: bytes, root: bytes, do: str) -> None:
    if reached != root:
        raise ProofError(
            f"{where} leads to another root", expected=root.hex(), got=reached.hex(), do=do
        )
