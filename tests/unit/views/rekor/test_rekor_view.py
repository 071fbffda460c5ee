"""The Rekor tree: it follows from the log's entries, whatever happens to its own files."""

import shutil

import pytest

from tests.logs import (
    LOG_KEY,
    ORIGIN,
    SERVICE_KEY,
    SIGNERS,
    MemoryPlace,
    erase,
    genesis,
    numbered,
    verified,
    writer,
)
from wherefrom.errors import Corrupt, NotFound
from wherefrom.formats import checkpoint, hashedrekord, note
from wherefrom.formats.tiles import decode_bundle
from wherefrom.keys.ed25519 import check_note
from wherefrom.merkle.hashing import EMPTY_ROOT, hash_leaf
from wherefrom.merkle.proofs import verify_consistency, verify_inclusion
from wherefrom.merkle.tree import Frontier
from wherefrom.views.rekor.view import RekorView, log_id, rekor_origin


def body(number):
    return b"a body %d, which the view takes for what its type says" % number


def logged(number):
    content = body(number)
    return verified(content, type=hashedrekord.type_of(content))


@pytest.fixture
def log():
    made = writer(MemoryPlace())
    made.commit([genesis()])
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "rekor"


def opened(folder, log):
    view = RekorView(folder, log, signers=SIGNERS)
    view.fold()
    return view


def claim(view):
    key = LOG_KEY.verifier_key(view.origin)
    return checkpoint.parse(check_note(note.parse(view.checkpoint()), [key]))


def expected_root(count):
    frontier = Frontier()
    frontier.extend([hash_leaf(body(n)) for n in range(count)])
    return frontier.root()


def test_leaves_are_the_bodies_of_the_log_in_its_order_and_nothing_else(folder, log):
    for number in range(10):
        log.commit([*numbered([number]), logged(number)])
    view = opened(folder, log)
    assert claim(view) == checkpoint.Checkpoint(rekor_origin(ORIGIN), 10, expected_root(10))
    for number in range(10):
        found = view.prove(2 * number + 2)
        assert (found.number, found.size, found.root) == (number, 10, expected_root(10))
        verify_inclusion(
            leaf_hash=hash_leaf(body(number)), index=number, tree_size=10, path=found.path,
            root=found.root,
        )  # fmt: skip
    with pytest.raises(NotFound, match="entry 1 is no leaf"):
        view.prove(1)
    view.close()


def test_an_empty_tree_has_a_checkpoint(folder, log):
    assert claim(opened(folder, log))[1:3] == (0, EMPTY_ROOT)


@pytest.mark.parametrize("count", [1, 255, 256, 257, 700])
def test_it_goes_on_after_a_restart_where_it_was(folder, log, count):
    log.commit([logged(n) for n in range(count)])
    first = opened(folder, log)
    before, path = claim(first), None
    first.close()
    log.commit([logged(n) for n in range(count, count + 3)])
    again = opened(folder, log)
    assert claim(again).root == expected_root(count + 3)
    path = again._tree.consistency(count, count + 3)
    verify_consistency(
        size1=count, size2=count + 3, path=path, root1=before.root, root2=claim(again).root
    )
    again.close()


def damage_nothing(folder):
    pass


def lose_all(folder):
    shutil.rmtree(folder)


def lose_tiles(folder):
    shutil.rmtree(folder / "tile")


def change_a_tile(folder):
    (folder / "tile/0/000").write_bytes(bytes(8192))


def tear_the_rows(folder):
    (folder / "leaves.db").write_bytes(b"not a database, and long enough to be looked at" * 99)


def drop_rows(folder):
    import apsw

    db = apsw.Connection(str(folder / "leaves.db"))
    db.execute("DELETE FROM leaves WHERE number = 7")
    db.close()


def flip_a_bit(folder):
    import apsw

    db = apsw.Connection(str(folder / "leaves.db"))
    db.execute("UPDATE leaves SET hash = zeroblob(32) WHERE number = 7")
    db.close()


@pytest.mark.parametrize(
    "damage",
    [damage_nothing, lose_all, lose_tiles, change_a_tile, tear_the_rows, drop_rows, flip_a_bit],
)
def test_whatever_is_lost_of_it_the_same_tree_is_made_again(folder, log, damage):
    log.commit([logged(n) for n in range(300)])
    first = opened(folder, log)
    signed = first.checkpoint()
    first.close()
    damage(folder)
    again = opened(folder, log)
    assert again.checkpoint() == signed
    assert again.prove(5).path == again._tree.inclusion(4, 300)
    again.close()


def test_a_tree_of_another_log_is_thrown_away(folder, log):
    log.commit([logged(n) for n in range(5)])
    opened(folder, log).close()
    other = writer(MemoryPlace())
    other.commit([genesis(), *[logged(n) for n in range(9)]])
    assert claim(opened(folder, other)).root == expected_root(9)
    other.close()


def test_an_erased_body_keeps_its_leaf_also_when_the_tree_is_made_again(folder, log):
    log.commit([logged(n) for n in range(5)])
    erase(log, 3)
    view = opened(folder, log)
    assert claim(view).root == expected_root(5)
    with pytest.raises(NotFound, match="erased, entry 3"):
        view.bundle(0, 5)
    view.close()


def test_tiles_and_bundles_are_served_at_every_width_there_was(folder, log):
    log.commit([logged(n) for n in range(260)])
    view = opened(folder, log)
    hashes = [hash_leaf(body(n)) for n in range(260)]
    assert view.tile(0, 0) == b"".join(hashes[:256])
    assert view.tile(0, 1, 4) == b"".join(hashes[256:])
    assert view.tile(0, 1, 1) == hashes[256]
    assert len(view.tile(1, 0, 1)) == 32
    assert decode_bundle(view.bundle(1, 4)) == [body(n) for n in range(256, 260)]
    for level, n, width in ((0, 1, 5), (1, 0, 2), (2, 0, 1), (0, 2, 1)):
        with pytest.raises(NotFound):
            view.tile(level, n, width)
    with pytest.raises(NotFound):
        view.bundle(1, 5)


def test_a_body_that_is_not_what_its_type_says_is_never_served(folder, log):
    log.commit([verified(b"other", type=hashedrekord.type_of(b"one"))])
    view = opened(folder, log)
    with pytest.raises(Corrupt, match="entry 1 holds another body"):
        view.bundle(0, 1)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("example.com", "rekor.example.com"),
        ("example.com/log", "log.rekor.example.com"),
        ("wherefrom.local/0a1b", "0a1b.rekor.wherefrom.local"),
        ("example.com/a/b", "45b0fb4dc8ff90f9f2b8e83d6ab45a6f.rekor.example.com"),
    ],
)
def test_the_origin_is_a_host_and_never_that_of_the_log(origin, host):
    made = rekor_origin(origin)
    assert made.partition(".")[2] == host.partition(".")[2]
    assert made != origin
    assert "/" not in made
    if "/a/" not in origin:
        assert made == host
    assert rekor_origin(origin + "x") != made


def test_the_id_of_the_log_begins_as_its_notes_do():
    key = LOG_KEY.verifier_key("rekor.example.com")
    assert log_id("rekor.example.com", LOG_KEY.public_key)[:4] == key.key_id
    assert log_id("rekor.example.com", SERVICE_KEY.public_key)[:4] != key.key_id
