"""What an audit finds, and what it says: the entry, the file, and that it went on."""

import shutil

import msgspec
import pytest

from tests.logs import (
    LOG_KEY,
    ORIGIN,
    FilePlace,
    MemoryPlace,
    decided,
    erase,
    genesis,
    numbered,
    reader,
    small_log,
    tombstone,
    verified,
    writer,
)
from wherefrom.errors import NotFound
from wherefrom.formats import entry as entries
from wherefrom.formats.entry import Entry, Trust
from wherefrom.formats.own import Gap
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.log import state as states
from wherefrom.log.audit import audit
from wherefrom.log.audit_piece import _PLAIN
from wherefrom.storage.contracts import EMPTY, Record


@pytest.fixture
def place(tmp_path):
    return FilePlace(tmp_path, segment_bytes_max=150_000)


def check(place, **changes):
    """The report, after making sure that nothing in it is without words."""
    report = audit(reader(place, refresh=False, **changes), dedup_folder=place.dedup_folder)
    assert all(problem.file and problem.what for problem in report.problems)
    return report


def only(report):
    (problem,) = report.problems
    return problem.entry, problem.file, problem.what


def segments(place):
    return sorted((place.folder / "journal").glob("*.wfj"))


def replace(path, old, new):
    written = path.read_bytes()
    assert written.count(old) == 1
    path.write_bytes(written.replace(old, new))


@pytest.mark.parametrize("kind", ["memory", "files"])
def test_a_log_as_it_was_written_has_no_problems(kind, tmp_path):
    place = MemoryPlace() if kind == "memory" else FilePlace(tmp_path)
    made = writer(small_log(place))
    for index in (1, 300, 599):
        erase(made, index)
    made.close()
    assert (check(place).entries, check(place).problems) == (603, [])


def test_an_empty_log_has_no_problems_and_no_log_is_not_found(place):
    with pytest.raises(NotFound, match="no log here yet"):
        audit(reader(place, refresh=False))
    writer(place).close()
    assert (check(place).entries, check(place).problems) == (0, [])


def test_progress_is_told_up_to_the_last_entry(place):
    seen = []
    audit(reader(small_log(place)), progress=lambda done, of: seen.append((done, of)))
    assert seen[0] == (0, 600)
    assert seen[-1] == (600, 600)


def test_many_processes_say_the_same_as_one(place):
    small_log(place, 2000)
    replace(segments(place)[-1], b"content 1900", b"content 19oo")
    alone = audit(reader(place), processes=1)
    assert audit(reader(place), processes=2) == alone
    assert [p.entry for p in alone.problems] == [1900]


def test_a_writer_at_work_is_no_problem(place):
    small_log(place)
    made = writer(place)
    made.commit(numbered(range(600, 700)))  # its head has moved, and is not durable
    assert check(place).problems == []
    made.close()


# -- contents, nonces, erasures


def test_a_changed_content_names_its_entry_and_segment(place):
    small_log(place)
    replace(segments(place)[0], b"content 77", b"content 7t")
    entry, file, what = only(check(place))
    assert (entry, file) == (77, f"journal/{segments(place)[0].name}")
    assert what == "entry 77: its content or nonce is not what the entry commits to"


def test_a_content_that_is_gone_without_a_tombstone_is_found(place):
    small_log(place)
    made = writer(place)
    made.erase(99)
    made.close()
    entry, _, what = only(check(place))
    assert (entry, what) == (99, "entry 99: content and nonce are zeros, and no tombstone names it")


def test_a_tombstone_of_anybody_elses_allows_nothing(place):
    small_log(place)
    made = writer(place)
    real = tombstone(99)
    made.commit([verified(real.content, kind="tombstone", level="channel")])
    made.erase(99)
    made.close()
    assert only(check(place))[0] == 99


def test_a_tombstone_whose_content_is_still_held_is_found(place):
    small_log(place)
    made = writer(place)
    made.commit([tombstone(42)])
    made.close()
    entry, _, what = only(check(place))
    assert (entry, what) == (42, "entry 42: erased by entry 600, but its content is still held")


def test_a_nonce_that_is_erased_and_its_content_not_is_found(place):
    small_log(place)
    made = writer(place)
    nonce = made.record(42).nonce
    made.commit([tombstone(42)])
    made.close()
    replace(segments(place)[0], nonce, bytes(16))
    assert "its nonce is erased and its content is not" in only(check(place))[2]


def test_a_tombstone_that_comes_while_the_audit_reads_explains_its_erasure(place):
    made = writer(small_log(place))
    looking = reader(place)
    # The head as it is now; then a tombstone and an erasure, before a byte of the journal is read.
    before = looking.stored.head.read()
    erase(made, 42)
    looking.stored.head.damaged_slots = list
    real, answers = looking.stored.head.read, [before]
    looking.stored.head.read = lambda: answers.pop() if answers else real()
    assert audit(looking).problems == []
    made.close()


# -- entries and frames


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
    replace(path, b"content 270", b"content 2t0")
    frame, content = check(place).problems
    assert frame.what.startswith("entries 101 to 150: byte ")
    assert content.entry == 270


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


# -- tiles


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


# -- the head, the genesis record, the indexes


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
    found = audit(reader(place, refresh=False, log_key=other)).problems
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
