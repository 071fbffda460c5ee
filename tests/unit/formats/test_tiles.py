import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import tiles
from wherefrom.formats.tiles import TileName

tile_names = st.builds(
    TileName,
    st.one_of(st.none(), st.integers(0, 63)),
    st.one_of(st.integers(0, 2**55 - 1), st.integers(0, 3000)),
    st.integers(1, 256),
)


@given(tile_names)
def test_the_path_of_a_tile_is_read_back(name):
    assert tiles.parse_tile_path(name.to_path()) == name


@given(
    st.one_of(
        st.text(max_size=40),
        st.from_regex(r"tile/(entries|[0-9]{1,3})/(x?[0-9]{2,4}/?){0,3}(\.p/[0-9]{0,4})?\n?"),
    )
)
def test_any_text_is_a_tile_path_in_its_one_spelling_or_malformed(path):
    try:
        name = tiles.parse_tile_path(path)
    except Malformed:
        return
    assert name.to_path() == path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("tile/0/x001/x234/067", TileName(0, 1_234_067, 256)),
        ("tile/0/005", TileName(0, 5, 256)),
        ("tile/1/000.p/17", TileName(1, 0, 17)),
        ("tile/63/x001/000.p/255", TileName(63, 1000, 255)),
        ("tile/entries/273.p/112", TileName(None, 273, 112)),
        ("tile/entries/x036/x028/x797/x018/x963/967", TileName(None, 2**55 - 1, 256)),
    ],
)
def test_the_examples_of_the_spec_are_spelled_so(path, name):
    assert tiles.parse_tile_path(path) == name
    if name.level is None:
        assert tiles.entries_path(name.n, name.width) == path
    else:
        assert tiles.tile_path(name.level, name.n, name.width) == path


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "not a tile path"),
        ("tile/0/5", "not a tile path"),
        ("tile/0/0005", "not a tile path"),
        ("tile/0/005/", "not a tile path"),
        ("/tile/0/005", "not a tile path"),
        ("tile/0/005\n", "not a tile path"),
        ("tile/-1/005", "not a tile path"),
        ("tile/0/001/067", "not a tile path"),
        ("tile/0/x001/x067", "not a tile path"),
        ("tile/0/005.p/", "not a tile path"),
        ("tile/0/٠٠٥", "not a tile path"),
        ("tile/0/" + "x001/" * 13 + "000", "not a tile path"),
        ("tile/00/005", "one spelling, at tile path: expected tile/0/005, got tile/00/005"),
        ("tile/0/x000/005", "one spelling, at tile path: expected tile/0/005, got"),
        ("tile/0/005.p/017", "one spelling, at tile path: expected tile/0/005.p/17, got"),
        ("tile/0/005.p/256", "one spelling, at tile path: expected tile/0/005, got"),
        ("tile/0/005.p/0", "no such tile, at tile path: expected a tile width is 1 to 256"),
        ("tile/0/005.p/257", "no such tile"),
        ("tile/64/005", "no such tile, at tile path: expected a tile level is 0 to 63"),
        ("tile/0/x036/x028/x797/x018/x963/968", "no such tile.*a tile number is under 2\\^55"),
    ],
)
def test_a_near_miss_is_not_a_tile_path(path, message):
    with pytest.raises(Malformed, match=message):
        tiles.parse_tile_path(path)


@pytest.mark.parametrize(
    ("level", "n", "width", "message"),
    [(-1, 0, 1, "level"), (64, 0, 1, "level"), (0, -1, 1, "number"), (0, 2**55, 1, "number"),
     (0, 0, 0, "width"), (0, 0, 257, "width")],
)  # fmt: skip
def test_a_tile_that_cannot_be_has_no_path(level, n, width, message):
    with pytest.raises(ValueError, match=f"a tile {message} is"):
        tiles.tile_path(level, n, width)


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_the_entries_of_a_bundle_are_read_back(entries):
    assert tiles.decode_bundle(tiles.encode_bundle(iter(entries))) == entries


@given(st.binary(max_size=100))
def test_any_bytes_are_a_bundle_in_its_one_spelling_or_refused(written):
    try:
        entries = tiles.decode_bundle(written)
    except Refused:
        return
    assert tiles.encode_bundle(entries) == written


def test_a_bundle_is_each_entry_behind_its_length():
    written = tiles.encode_bundle([b"one", b"two", b"three", b""])
    assert written.hex() == "00036f6e65" + "000374776f" + "00057468726565" + "0000"


@pytest.mark.parametrize("cut", range(1, 7))
def test_a_bundle_cut_off_anywhere_is_malformed(cut):
    written = tiles.encode_bundle([b"one", b"three"])
    with pytest.raises(Malformed, match=r"cut off, at entry bundle, entry 1: expected .* got "):
        tiles.decode_bundle(written[:-cut])


def test_a_bundle_that_ends_inside_a_length_says_how_much_is_missing():
    with pytest.raises(Malformed, match="entry 1: expected 7 bytes or more, got 6 bytes"):
        tiles.decode_bundle(b"\x00\x03one\x00")


def test_an_entry_of_65535_bytes_fits_and_one_more_does_not():
    longest = bytes(65_535)
    assert tiles.decode_bundle(tiles.encode_bundle([longest])) == [longest]
    with pytest.raises(LimitPassed, match="entry 1 of the bundle: expected 65535 bytes at most"):
        tiles.encode_bundle([b"", longest + b"\x00"])


def test_a_bundle_has_at_most_256_entries():
    full = tiles.encode_bundle([b""] * 256)
    assert len(tiles.decode_bundle(full)) == 256
    with pytest.raises(LimitPassed, match=r"too many entries.*256 at most, got 257"):
        tiles.encode_bundle([b""] * 257)
    with pytest.raises(LimitPassed, match=r"too many entries.*256 at most, got 257"):
        tiles.decode_bundle(full + b"\x00\x00")
