"""What an audit says of tiles, the head, the genesis record and the indexes."""

import pytest

from tests.logs import (
    LOG_KEY,
    ORIGIN,
    FilePlace,
    MemoryPlace,
    decided,
    genesis,
    numbered,
    reader,
    small_log,
    writer,
)
from tests.unit.log.audited import check, only, replace, segments
from wherefrom.formats import entry as entries
from wherefrom.formats.entry import Entry, Trust
from wherefrom.formats.own import Gap
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.log.audit import audit
from wherefrom.log.audit_piece import _PLAIN


@pytest.fixture
def place(tmp_path):
    return FilePlace(tmp_path, segment_bytes_max=150_000)


def test_a_changed_tile_is_named_and_told_from_a_changed_entry(place):
    small_log(place)
    path = place.folder / "tile/0/001"
    written = bytearray(path.read_bytes())
    written[32 * 5] ^= 1
    path.write_bytes(written)
    entry, file, what = only(check(place))
    assert (entry, file) == (261, "tile/0/001")
    assert what.startswith("does not hold the hashes of its entries, from entry 261 on; rebuildabl")


def test_a_changed_or_swapped_tile_of_a_higher_level_is_named(tmp_path):
    place = MemoryPlace()
    made = writer(place)
    made.commit([genesis()])
    made.append_entries([entry_number(n) for n in range(2 * 65536)])
    made.close()
    report = audit(reader(place))
    assert (report.entries, report.problems) == (131073, [])
    one, other = place.blobs().get("tile/1/000"), place.blobs().get("tile/1/001")
    place.blobs().replace("tile/1/000", other)
    place.blobs().replace("tile/1/001", one)
    found = audit(reader(place)).problems
    assert [p.file for p in found] == ["tile/1/000", "tile/1/001"]
    assert all("is not the root of the tile below it" in p.what for p in found)


def entry_number(number):
    nonce = number.to_bytes(16, "big")
    return entries.to_bytes(
        Entry(
            content=entries.commit(nonce=nonce, content=b""),
            kind="event",
            occurred=None,
            producer="self",
            received="2026-01-01T00:00:00.000000Z",
            size=0,
            trust=Trust("channel"),
            type="t",
        )
    )


@pytest.mark.parametrize("how", ["missing", "cut", "longer"])
def test_a_missing_or_cut_tile_is_named_and_said_to_be_rebuildable(place, how):
    small_log(place)
    path = place.folder / "tile/0/000"
    written = path.read_bytes()
    path.unlink()
    if how != "missing":
        path.write_bytes(written[:-1] if how == "cut" else written + b"x")
    entry, file, what = only(check(place))
    assert (entry, file) == (None, "tile/0/000")
    assert "rebuildable from the entries" in what


def test_a_head_that_is_broken_everywhere_is_named(place):
    small_log(place)
    path = place.folder / "head"
    path.write_bytes(path.read_bytes().replace(b"checkpoint", b"checkpoinT"))
    report = check(place)
    assert report.entries == 0
    assert {p.file for p in report.problems} == {"head"}
    assert "nothing else was checked" in report.problems[-1].what


def test_one_broken_slot_is_named_and_the_rest_is_checked(place):
    small_log(place)
    path = place.folder / "head"
    written = bytearray(path.read_bytes())
    written[70] ^= 1
    path.write_bytes(written)
    entry, file, what = only(check(place))
    assert (entry, file) == (None, "head")
    assert "slot 0 was changed or torn" in what
    assert check(place).entries == 600


def test_a_checkpoint_of_another_key_is_found_and_the_rest_is_checked(place):
    small_log(place)
    replace(segments(place)[0], b"content 77", b"content 7t")
    other = SigningKey(bytes(32)).verifier_key(ORIGIN)
    found = audit(reader(place, refresh=False, log_keys=lambda: [other])).problems
    assert "its checkpoint is not the log's" in found[0].what
    assert 77 in [p.entry for p in found]


def test_a_log_that_names_another_origin_or_key_in_its_genesis_is_found(tmp_path):
    other_key = SigningKey(bytes(32)).verifier_key(ORIGIN).to_text()
    for number, first in enumerate([genesis(origin="log.example/x"), genesis(log_key=other_key)]):
        place = FilePlace(tmp_path / str(number))
        made = writer(place)
        made.commit([first])
        made.close()
        assert "entry 0: the genesis record names" in only(check(place))[2]


@pytest.mark.parametrize("first", [numbered([1])[0], decided(Gap(what="a", why="b"))])
def test_a_log_without_a_genesis_is_found(place, first):
    made = writer(place)
    made.commit([first])
    made.close()
    assert only(check(place))[2] == "entry 0: no genesis record, so nothing says whose log"


def test_a_changed_side_index_is_a_problem_that_says_rebuildable(place):
    small_log(place, 2000)
    path = sorted((place.folder / "journal").glob("*.idx"))[0]
    written = bytearray(path.read_bytes())
    written[3] ^= 1
    path.write_bytes(written)
    entry, file, what = only(check(place))
    assert (entry, file) == (None, f"journal/{path.name}")
    assert "rebuildable: remove the file" in what


def test_the_plain_spelling_is_never_wider_than_the_one_spelling():
    made = entries.to_bytes(
        Entry(
            content="sha256:" + "a" * 64,
            kind="event",
            occurred="2026-01-01T00:00:00.000000Z",
            producer="p:" + "b" * 32,
            received="2026-01-01T00:00:00.000000Z",
            size=12,
            trust=Trust("signed", ("k:" + "c" * 32,)),
            type="text/plain",
        )
    )
    assert _PLAIN.fullmatch(made)
    for at in range(len(made)):
        for byte in range(256):
            changed = made[:at] + bytes([byte]) + made[at + 1 :]
            plain = _PLAIN.fullmatch(changed)
            known = plain and plain[2] == b"event" and plain[3] == b"signed"
            if known:
                assert entries.to_bytes(entries.parse(changed)) == changed


def test_the_log_key_of_these_tests_signs_what_the_reader_checks():
    assert LOG_KEY.verifier_key(ORIGIN).name == ORIGIN
