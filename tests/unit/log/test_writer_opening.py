"""Opening a log again: recovery, fencing, copies, and stored bytes that are not what was stored."""

import shutil

import pytest

from tests.logs import (
    LOG_KEY,
    ORIGIN,
    VKEY,
    FilePlace,
    numbered,
    reader,
    signed,
    small_log,
    writer,
)
from wherefrom.errors import (
    Corrupt,
    Fenced,
    JournalFailed,
    ReadOnly,
    SignatureError,
)
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.note_keys import NoteKey
from wherefrom.log.own_keys import HeadSigners
from wherefrom.log.writer import LogWriter
from wherefrom.merkle.proofs import verify_consistency


def test_a_log_opened_again_goes_on_where_it_was(place):
    small_log(place, 600)
    made = writer(place)
    assert made.size == 600
    assert made.commit(numbered([599, 600]))[0].index == 599
    assert [made.size, reader(place).size] == [601, 601]


def test_every_checkpoint_ever_signed_is_consistent_with_the_log(place):
    seen = {}
    for start in range(0, 900, 90):
        made = writer(place)
        made.commit(numbered(range(start, start + 90)))
        seen[made.size] = signed(made.checkpoint).root
        if start % 180:
            made.close()  # otherwise it is simply gone, as after a kill
    again = reader(place)
    for size, root in seen.items():
        assert again.root_at(size) == root
        verify_consistency(
            size1=size,
            size2=900,
            path=again.consistency(size, 900),
            root1=root,
            root2=again.position().root,
        )


def test_a_batch_that_was_durable_before_the_head_moved_is_kept_and_signed(place):
    made = writer(place)
    made.commit(numbered(range(10)))
    pending = made.prepare(numbered(range(10, 300)))
    made.write(pending)  # and then the process is killed
    again = writer(place)
    assert again.size == 300
    receipts = again.commit(numbered(range(300)))
    assert [r.index for r in receipts] == list(range(300))
    assert all(r.known for r in receipts)
    again.close()
    assert reader(place).size == 300


def test_a_torn_content_at_the_end_is_dropped_with_its_frame(files):
    made = writer(files)
    made.commit(numbered(range(10)))
    made.write(made.prepare(numbered(range(10, 13))))
    (path,) = (files.folder / "journal").glob("*.wfj")
    written = path.read_bytes()
    path.write_bytes(written.replace(b"content 12", b"content \0\0"))
    assert writer(files).size == 10


def test_two_writers_never_both_win(place):
    one, other = writer(place, open=False), writer(place, open=False)
    one.open()
    one.commit(numbered([1]))
    other.open()
    with pytest.raises(Fenced, match="another writer moved the head"):
        one.commit(numbered([2]))
    with pytest.raises(JournalFailed, match="stopped and acknowledges nothing more"):
        one.commit(numbered([3]))
    assert other.commit(numbered([4]))[0].index == 1
    one.close()
    other.close()
    assert [entry.content for entry in reader(place).read(0, 2)] == [b"content 1", b"content 4"]


def test_a_writer_that_lost_the_head_shows_no_checkpoint_of_its_own(place):
    one = writer(place)
    one.commit(numbered([1]))
    before = one.checkpoint, one.position(), one.size
    writer(place)
    with pytest.raises(Fenced, match="another writer"):
        one.commit(numbered([2]))
    assert (one.checkpoint, one.position(), one.size) == before
    assert one.prove([0])[0] == before[0]


def test_a_writer_that_claims_while_another_claims_is_fenced(place):
    small_log(place)
    one = writer(place, open=False)
    one._claim, real = (lambda: (writer(place), real())), one._claim
    with pytest.raises(Fenced, match="another writer moved the head"):
        one.open()


def copy(files, tmp_path):
    shutil.copytree(files.folder, tmp_path / "copy")
    return FilePlace(tmp_path / "copy")


@pytest.fixture
def files_and_copy(tmp_path):
    files = small_log(FilePlace(tmp_path / "log"))
    return files, copy(files, tmp_path)


def test_a_copy_of_a_log_takes_no_writes(files_and_copy):
    _, other = files_and_copy
    with pytest.raises(ReadOnly, match="this is a copy of a log"):
        writer(other, home="elsewhere")
    assert reader(other).size == 600  # it can be read


def test_a_copy_that_extends_the_newest_checkpoint_is_a_log_again(files_and_copy):
    files, other = files_and_copy
    made = writer(other, home="elsewhere", open=False)
    made.open(extends=signed(reader(files).checkpoint))
    made.commit(numbered([900]))
    made.close()
    assert writer(other, home="elsewhere").size == 601


@pytest.mark.parametrize(
    ("extends", "says"),
    [
        (lambda newest: Checkpoint(ORIGIN, 601, newest.root), "checkpoint of size 601"),
        (lambda newest: Checkpoint(ORIGIN, 600, bytes(32)), "checkpoint of size 600"),
        (lambda newest: Checkpoint(ORIGIN, 300, newest.root), "checkpoint of size 300"),
        (lambda newest: Checkpoint("other.example", 600, newest.root), "is of another log"),
    ],
    ids=["too-new", "other-root", "inconsistent", "foreign"],
)
def test_a_copy_that_does_not_begin_with_the_given_checkpoint_stays_read_only(
    files_and_copy, extends, says
):
    files, other = files_and_copy
    newest = signed(reader(files).checkpoint)
    before = other.head().read()
    with pytest.raises(ReadOnly, match=says):
        writer(other, home="elsewhere", open=False).open(extends=extends(newest))
    assert other.head().read() == before


def test_an_empty_directory_cannot_extend_a_log(place):
    with pytest.raises(ReadOnly, match="does not begin with the checkpoint of size 7"):
        writer(place, open=False).open(extends=Checkpoint(ORIGIN, 7, bytes(32)))


def changed(path, at):
    written = bytearray(path.read_bytes())
    written[at] ^= 1
    path.write_bytes(written)


def test_nothing_is_signed_over_a_changed_entry(files):
    made = writer(files)
    made.commit(numbered(range(200)))  # below no full tile: its hashes are only in the entries
    made.close()
    (path,) = (files.folder / "journal").glob("*.wfj")
    changed(path, 300)
    before = files.head().read()
    with pytest.raises(Corrupt, match="a frame of entries was changed"):
        writer(files)
    assert files.head().read() == before


def test_nothing_is_signed_over_a_changed_tile(files):
    small_log(files)
    changed(files.folder / "tile/0/001", 77)
    before = files.head().read()
    with pytest.raises(Corrupt, match="do not lead to the root signed at size 600"):
        writer(files)
    assert files.head().read() == before


def test_a_missing_tile_is_corrupt_and_says_how_to_make_it_again(files):
    small_log(files)
    (files.folder / "tile/0/001").unlink()
    with pytest.raises(Corrupt, match=r"a tile is missing.*makes tiles again from the entries"):
        writer(files)


def test_a_tile_that_no_head_promised_is_made_again(files):
    made = writer(files)
    made.commit(numbered(range(600)))  # not closed: its tiles are not promised yet
    path = files.folder / "tile/0/001"
    right = path.read_bytes()
    path.write_bytes(right[:100])
    writer(files).close()
    assert path.read_bytes() == right


def test_a_log_signed_by_another_key_is_not_opened(place):
    small_log(place)
    key = SigningKey(bytes(32))
    other = LogWriter(
        origin=ORIGIN,
        signers=HeadSigners([NoteKey.of(ORIGIN, key)], lambda: [key.verifier_key(ORIGIN)]),
        journal=place.journal(),
        blobs=place.blobs(),
        head=place.head(),
        home="here",
    )
    with pytest.raises(SignatureError, match="no known key signed the note"):
        other.open()
    assert LOG_KEY.verifier_key(ORIGIN) == VKEY
