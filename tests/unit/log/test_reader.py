"""A reader beside a writer: bounded by the signed checkpoint, never going back."""

import sys
import threading

import pytest

from tests.logs import (
    ORIGIN,
    VKEY,
    numbered,
    reader,
    small_log,
    writer,
)
from wherefrom.errors import Corrupt, NotFound, SignatureError
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as notes
from wherefrom.formats.tiles import decode_bundle
from wherefrom.keys.ed25519 import SigningKey, check_note
from wherefrom.log import state as states
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_inclusion
from wherefrom.merkle.tree import Frontier


def test_before_the_first_writer_there_is_no_log(place):
    made = reader(place, refresh=False)
    for call in (made.refresh, lambda: made.record(0), lambda: made.entries(0, 1)):
        with pytest.raises(NotFound, match="no log here yet"):
            call()
    assert (made.size, made.checkpoint) == (0, b"")


def test_a_reader_sees_what_the_checkpoint_signs_and_nothing_past_it(place):
    made = writer(place)
    made.commit(numbered(range(300)))
    looking = reader(place)
    made.write(made.prepare(numbered(range(300, 400))))  # durable, and not signed yet
    assert looking.refresh().size == 300
    assert len(list(looking.entries(0, 300))) == 300
    with pytest.raises(NotFound, match="no entry 300"):
        looking.record(300)
    with pytest.raises(NotFound, match="no entry 300"):
        looking.prove([300])


def test_what_is_read_is_what_was_committed_in_order(place):
    made = writer(place)
    made.commit(numbered(range(300)))
    made.erase(7)
    found = list(reader(place).read(5, 300))
    assert [f.index for f in found] == list(range(5, 300))
    assert [f.content for f in found][:4] == [b"content 5", b"content 6", None, b"content 8"]


def test_every_proof_leads_to_the_checkpoint_it_comes_with(place):
    small_log(place)
    made = reader(place)
    note, paths = made.prove(range(0, 600, 7))
    root = checkpoints.parse(check_note(notes.parse(note), [VKEY])).root
    for index, path in zip(range(0, 600, 7), paths, strict=True):
        leaf_hash = hash_leaf(made.record(index).entry)
        verify_inclusion(leaf_hash=leaf_hash, index=index, tree_size=600, path=path, root=root)


def test_the_root_at_every_earlier_size_is_that_of_its_entries(place):
    small_log(place)
    made, frontier = reader(place), Frontier()
    for size, entry in enumerate(made.entries(0, 600), start=1):
        frontier.append(hash_leaf(entry))
        assert made.root_at(size) == frontier.root()


@pytest.mark.parametrize("width", [1, 5, 255, 256])
def test_any_width_of_a_tile_and_of_a_bundle_is_served_by_truncation(place, width):
    small_log(place)
    made = reader(place)
    hashes = b"".join(hash_leaf(e) for e in made.entries(256, 256 + width))
    assert made.tile(0, 1, width) == hashes
    assert decode_bundle(made.bundle(1, width)) == list(made.entries(256, 256 + width))
    assert made.tile(1, 0, 1) == made.tile(1, 0, 2)[:32]


@pytest.mark.parametrize(
    ("level", "n", "width"),
    [(0, 2, 89), (0, 3, 1), (1, 0, 3), (2, 0, 1), (0, 0, 0), (0, 0, 257), (0, 0, -1)],
)
def test_a_tile_that_is_not_there_is_not_found(place, level, n, width):
    small_log(place)
    with pytest.raises(NotFound, match="no tile"):
        reader(place).tile(level, n, width)
    if level == 0:
        with pytest.raises(NotFound, match="no entry bundle"):
            reader(place).bundle(n, width)


def test_a_tile_that_is_not_published_yet_is_folded_from_below(place):
    small_log(place)
    made = reader(place)
    right = made.tile(0, 1)
    blobs = place.blobs()
    real = blobs.get
    missing = reader(place, blobs=blobs)
    blobs.get = lambda name: real("tile/0/999")
    assert missing.tile(0, 1) == right
    assert missing.root_at(600) == made.position().root
    blobs.get = real


def test_a_position_never_goes_back_whatever_order_threads_refresh_in(place):
    made, looking, odd = writer(place), reader(place, refresh=False), []
    made.commit(numbered([0]))
    done = threading.Event()

    def look():
        newest = 0
        while not done.is_set():
            size = looking.refresh().size
            if size < newest:
                odd.append((newest, size))
            newest = max(newest, looking.position().size)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 150):
        made.commit(numbered([number]))
    done.set()
    for thread in threads:
        thread.join()
    assert odd == []


def test_proofs_in_many_threads_beside_a_writer_all_hold(place):
    made, odd = writer(place), []
    made.commit(numbered(range(600)))
    looking = reader(place)
    looking._hashes._tiles_max = 2  # so that tiles are dropped and read again all the time

    def prove(start):
        for step in range(100):
            try:
                size = looking.refresh().size
                index = (start * 101 + step * 37) % size
                note, (path,) = looking.prove([index])
                signed = checkpoints.parse(check_note(notes.parse(note), [VKEY]))
                verify_inclusion(
                    leaf_hash=hash_leaf(looking.record(index).entry),
                    index=index,
                    tree_size=signed.size,
                    path=path,
                    root=signed.root,
                )
            except Exception as error:  # noqa: BLE001 - whatever a thread meets must be seen
                odd.append(error)

    often = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=prove, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for number in range(30):
            made.commit(numbered(range(600 + number * 20, 620 + number * 20)))
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(often)
    assert odd == []


def test_a_head_whose_checkpoint_another_key_signed_is_refused(place):
    small_log(place)
    other = SigningKey(bytes(32)).verifier_key(ORIGIN)
    with pytest.raises(SignatureError, match="no known key signed the note"):
        reader(place, log_keys=lambda: [other])


def test_a_head_that_ends_elsewhere_than_its_checkpoint_is_corrupt(place):
    small_log(place)
    generation, value = place.head().read()
    lying = value.replace(b'"size":600', b'"size":599')
    place.head().swap(expected=generation, value=lying, durable=True)
    with pytest.raises(Corrupt, match="the head and its checkpoint disagree"):
        reader(place)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"", "not readable"),
        (b"[]", "not readable"),
        (b'{"epoch":1}', "missing required field"),
        (b"\xff", "not readable"),
    ],
)
def test_a_head_value_of_another_shape_is_corrupt(value, says):
    with pytest.raises(Corrupt, match=says):
        states.parse(value)


def test_a_head_of_a_later_format_says_which_version_to_use():
    state = states.HeadState(
        epoch=1, size=0, segment="", length=0, tiles=0, home="h", checkpoint="c", format=2
    )
    with pytest.raises(Corrupt, match=r"does not know: expected format 1, got 2. Use the version"):
        states.parse(states.to_bytes(state))
    right = states.HeadState(
        epoch=1, size=0, segment="", length=0, tiles=0, home="h", checkpoint="c"
    )
    assert states.parse(states.to_bytes(right)) == right


def test_a_changed_tile_becomes_nobodys_proof(files):
    small_log(files)
    again = writer(files)
    path = files.folder / "tile/0/001"
    whole = path.read_bytes()
    path.write_bytes(whole[:99] + bytes([whole[99] ^ 1]) + whole[100:])
    looking = reader(files)
    with pytest.raises(Corrupt, match=r"does not prove entry 300.*log audit"):
        looking.prove([300])
    with pytest.raises(Corrupt, match=r"a stored tile was changed.*log recover"):
        again.prove([300])
    path.write_bytes(whole)
    looking = reader(files)
    assert looking.prove([300]) == again.prove([300])
