"""A frame: encode and read back, and nothing but a whole frame is taken for one."""

import pytest

from tests.contracts.test_journal import bare, record, records
from wherefrom.errors import Corrupt
from wherefrom.storage.contracts import Record
from wherefrom.storage.frames import decode_head, encode


def frame(records):
    return b"".join(encode(records))


@pytest.mark.parametrize("count", [1, 2, 63, 64, 128, 255, 256])
def test_a_frame_gives_back_its_entries_and_says_where_each_content_lies(count):
    kept = records(range(count))
    written = b"before" + frame(kept) + b"after"
    head = decode_head(written, at=6, where="here")
    assert head.entries == [r.entry for r in kept]
    assert 6 + head.length + 5 == len(written)
    for one, (offset, size) in zip(kept, head.contents, strict=True):
        nonce_at = 6 + offset - 16
        assert written[nonce_at : nonce_at + 16 + size] == one.nonce + one.content


def test_a_frame_without_contents_ends_after_its_entries():
    head = decode_head(frame([bare(1), bare(2)]), where="here")
    assert (len(head.entries), head.contents) == (2, [])
    assert head.length == len(frame([bare(1), bare(2)]))


def test_a_lone_record_pays_seven_bytes_beside_entry_nonce_and_content():
    one = record(1)
    assert len(frame([one])) == len(one.entry) + 16 + len(one.content) + 7


@pytest.mark.parametrize("count", [0, 257])
def test_a_frame_of_none_or_of_more_than_256_is_refused(count):
    with pytest.raises(ValueError, match=f"1 to 256 records, not {count}"):
        encode(records(range(count)))


@pytest.mark.parametrize("mixed", [[record(1), bare(2)], [bare(1), record(2)]])
def test_a_frame_with_contents_for_some_is_refused(mixed):
    with pytest.raises(ValueError, match="for all of its records or for none"):
        encode(mixed)


def test_a_window_that_ends_inside_the_entries_asks_for_more_and_is_no_error():
    written = frame(records(range(3)))
    head = decode_head(written, where="here")
    entries_end = head.contents[0][0] - 16
    for end in range(entries_end):
        assert decode_head(written[:end], where="here") is None
    assert decode_head(written[:entries_end], where="here") == head


@pytest.mark.parametrize("count", [1, 100])
def test_every_flipped_bit_of_the_head_and_the_entries_is_corrupt_or_asks_for_more(count):
    written = frame(records(range(count)))
    end = decode_head(written, where="here").contents[0][0] - 16
    for bit in range(8 * min(end, 700)):
        changed = bytearray(written)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            assert decode_head(bytes(changed), where="here") is None
        except Corrupt as error:
            assert "not a frame" in str(error) or "was changed" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "written",
    [b"\x00" * 20, b"\x01" * 20, b"\xff\xff" + b"\0" * 20, b"\x83\x00" + b"\0" * 20],
    ids=["zeros", "no-entries", "too-many", "long-spelling"],
)
def test_what_cannot_begin_a_frame_is_corrupt(written):
    with pytest.raises(Corrupt, match="not a frame, at here"):
        decode_head(written, where="here")


def test_an_empty_content_is_a_content():
    head = decode_head(frame([record(1, 0)]), where="here")
    content = record(1, 0).content
    assert head.contents[0][1] == len(content)
    nothing = Record(record(1).entry.replace(b'"size":20', b'"size":0'), bytes(16), b"")
    assert decode_head(frame([nothing]), where="here").contents[0][1] == 0
