"""What an audit says of entries, frames and segments, and that it goes on after each."""

import shutil

import msgspec
import pytest

from tests.logs import (
    FilePlace,
    numbered,
    reader,
    small_log,
    writer,
)
from tests.unit.log.audited import check, replace, segments
from wherefrom.log import state as states
from wherefrom.storage.contracts import EMPTY, Record


@pytest.fixture
def place(tmp_path):
    return FilePlace(tmp_path, segment_bytes_max=150_000)


def test_a_changed_entry_is_found_and_what_follows_is_still_read(place):
    small_log(place)
    path = segments(place)[0]
    written = path.read_bytes()
    at = written.index(b'"kind":"attestation"', 5000)
    path.write_bytes(written[:at] + b'"kind":"attestatiom"' + written[at + 20 :])
    replace(segments(place)[-1], b"content 599", b"content 5oo")
    first, second = check(place).problems
    assert first.file == f"journal/{path.name}"
    assert "a frame of entries was changed" in first.what
    assert first.what.startswith(f"entries {first.entry} to ")
    assert second.entry == 599


def test_a_frame_that_is_gone_is_resumed_after_at_the_right_entry(place):
    small_log(place)
    path = segments(place)[0]
    written = bytearray(path.read_bytes())
    at = written.index(b'{"content":"sha256:', 40_000)
    written[at : at + 100] = bytes(100)
    path.write_bytes(written)
    replace(path, b"content 230", b"content 2t0")
    frame, content = check(place).problems
    assert frame.what.startswith("entries 101 to 150: byte ")
    assert content.entry == 230


def rewritten(place, index, change):
    """Change one entry as somebody would who knows the format: checksums and all."""
    made = reader(place)
    records = [made.record(n) for n in range(600)]
    records[index] = change(records[index])
    shutil.rmtree(place.folder / "journal")
    journal = place.journal()
    journal.begin(epoch=1, tail=EMPTY)
    for record in records:
        tail = journal.append([record])
    return tail


def with_tail(place, tail):
    """The same head, but ending where the journal ends now."""
    generation, value = place.head().read()
    state = msgspec.structs.replace(states.parse(value), segment=tail.segment, length=tail.length)
    place.head().swap(expected=generation, value=states.to_bytes(state), durable=True)


def test_an_entry_rewritten_with_its_checksums_is_found_by_its_hash(place):
    small_log(place)
    old, new = b'"producer":"local:0"', b'"producer":"local:1"'
    with_tail(
        place,
        rewritten(place, 7, lambda r: Record(r.entry.replace(old, new), r.nonce, r.content)),
    )
    tile, head = check(place).problems
    assert (tile.entry, tile.file) == (7, "tile/0/000")
    assert head.file == "head"
    assert "leads to" in head.what


def test_an_entry_in_another_spelling_is_found(place):
    small_log(place)
    old, new = b'"v":1}', b'"v":1 }'
    with_tail(
        place,
        rewritten(place, 7, lambda r: Record(r.entry.replace(old, new), r.nonce, r.content)),
    )
    assert any("entry 7: not an entry in its one spelling" in p.what for p in check(place).problems)


@pytest.mark.parametrize("count", [700, 3000])
def test_a_missing_segment_names_its_entries_and_the_others_are_still_checked(place, count):
    small_log(place, count)
    lost = segments(place)[1]
    following = int(segments(place)[2].name[:16]) if len(segments(place)) > 2 else count
    lost.unlink()
    lost.with_suffix(".idx").unlink()
    replace(segments(place)[0], b"content 77", b"content 7t")
    found = sorted(check(place).problems, key=lambda p: p.entry or 9999)
    first, second, *rest = found
    assert first.entry == 77
    assert second.file == f"journal/{lost.name}"
    assert second.what.startswith(f"entries {int(lost.name[:16])} to {following - 1}: ")
    assert all(p.file == "head" for p in rest)


def test_a_broken_header_is_found_and_the_chain_is_followed_on_a_guess(place):
    small_log(place, 3000)
    path = segments(place)[1]
    written = bytearray(path.read_bytes())
    written[20] ^= 1
    path.write_bytes(written)
    replace(segments(place)[0], b"content 77", b"content 7t")
    header, content = check(place).problems
    assert (header.file, header.entry) == (f"journal/{path.name}", None)
    assert "header was changed; its place in the chain is a guess" in header.what
    assert content.entry == 77


def test_two_segments_swapped_are_found(place):
    small_log(place, 3000)
    one, other = segments(place)[:2]
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    files = {p.file for p in check(place).problems}
    assert {f"journal/{one.name}", f"journal/{other.name}"} <= files


def test_a_segment_that_is_cut_names_the_entries_it_lost(place):
    small_log(place)
    path = segments(place)[-1]
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size - 1000)
    what = [p.what for p in check(place).problems if p.file == f"journal/{path.name}"]
    assert any(w.startswith("entry 599: its content") for w in what)
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size - 10_000)
    what = [p.what for p in check(place).problems if p.file == f"journal/{path.name}"]
    assert any("to 599: byte" in w and "frame is cut short" in w for w in what)


def test_what_a_fenced_writer_wrote_past_the_cut_does_not_count(place):
    small_log(place)
    old = writer(place)
    old.commit(numbered(range(600, 610)))
    new = writer(place)
    new.commit(numbered(range(610, 620)))
    with pytest.raises(Exception, match="another writer moved the head"):
        old.commit(numbered(range(700, 710)))
    new.close()
    assert (check(place).entries, check(place).problems) == (620, [])
