"""The promises of ``Blobs``, on every adapter."""

import random
import threading

import pytest

from tests.contracts.adapters import ADAPTERS, make, place
from wherefrom.errors import AlreadyExists, NotFound

__all__ = ["place"]

NAMES = ["tile/0/000", "tile/0/x001/234", "tile/1/000", "tile/entries/000", "tile/0/001.p/17"]


def test_a_name_gives_the_bytes_that_were_put_to_every_reader(place):
    for number, name in enumerate(NAMES):
        place.blobs().put(name, bytes([number]) * 100)
    assert [place.blobs().get(name)[0] for name in NAMES] == list(range(len(NAMES)))


def test_a_name_nobody_put_is_not_found(place):
    place.blobs().put("tile/0/x001/234", b"a")
    for name in ("tile/0/x001/235", "tile/0/000", "tile/9/000"):
        with pytest.raises(NotFound, match="no such blob"):
            place.blobs().get(name)


def test_writing_other_bytes_under_a_used_name_is_refused_and_changes_nothing(place):
    place.blobs().put("tile/0/000", b"first")
    with pytest.raises(AlreadyExists, match="taken by other bytes"):
        place.blobs().put("tile/0/000", b"other")
    assert place.blobs().get("tile/0/000") == b"first"


def test_writing_the_same_bytes_again_is_fine(place):
    for _ in range(3):
        place.blobs().put("tile/0/000", b"first")
        place.blobs().sync()
    assert place.blobs().get("tile/0/000") == b"first"


def test_names_are_those_below_a_folder_and_not_those_beside_it(place):
    for name in NAMES:
        place.blobs().put(name, b"x")
    assert set(place.blobs().names("tile")) == set(NAMES)
    assert set(place.blobs().names("tile/0")) == {n for n in NAMES if n.startswith("tile/0/")}
    assert list(place.blobs().names("tile/7")) == []


def test_recovery_may_replace_broken_bytes(place):
    place.blobs().put("tile/0/000", b"brok")
    place.blobs().replace("tile/0/000", b"whole")
    place.blobs().replace("tile/0/001", b"new")
    assert [place.blobs().get(f"tile/0/00{n}") for n in (0, 1)] == [b"whole", b"new"]


def test_a_reader_never_sees_half_a_blob(place):
    whole = bytes(8192)
    torn = []

    def read():
        for number in range(200):
            try:
                found = place.blobs().get(f"tile/0/{number:03}")
            except NotFound:
                continue
            if found != whole:
                torn.append(number)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        place.blobs().put(f"tile/0/{number:03}", whole)
    reader.join()
    assert torn == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("adapter", ADAPTERS[:2])
def test_after_every_step_of_a_random_run_the_blobs_equal_a_dictionary(adapter, seed, tmp_path):
    place, model, chance = make(adapter, tmp_path), {}, random.Random(seed)
    for _ in range(80):
        name, written = chance.choice(NAMES), chance.choice([b"a", b"bb"])
        if chance.random() < 0.2:
            place.blobs().replace(name, written)
            model[name] = written
        elif model.setdefault(name, written) == written:
            place.blobs().put(name, written)
        else:
            with pytest.raises(AlreadyExists, match="taken by other bytes"):
                place.blobs().put(name, written)
        assert {n: place.blobs().get(n) for n in place.blobs().names("tile")} == model
