"""Following a log: what grows is let pass, and every way to break one's word is an alarm."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.logs import LOG_KEY, ORIGIN, VKEY
from wherefrom.errors import Corrupt, Malformed, Unavailable
from wherefrom.formats import watch_list
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.keys.ed25519 import SigningKey, sign_note
from wherefrom.log.compare import check_fork
from wherefrom.log.monitor import Monitor, Seen, parse_seen
from wherefrom.merkle.hashing import EMPTY_ROOT, hash_leaves
from wherefrom.merkle.tree import TILE_BYTES, Frontier, hash_tile


class Served:
    """A log as a server shows it: any size, and whatever else it is told to show."""

    def __init__(self, entries, size=None):
        self.entries = list(entries)
        self.size = len(self.entries) if size is None else size
        self.note = None
        self.gone = False
        self.wrong_tile = self.wrong_bundle = None
        self.bundles = 0
        self.key_notes = []

    def grow(self, size):
        self.size, self.note = size, None
        return self

    def signed(self, **changes):
        frontier = Frontier()
        frontier.extend(hash_leaves(self.entries[: self.size]))
        root = frontier.root() if self.size else EMPTY_ROOT
        tree = Checkpoint(ORIGIN, self.size, root)._replace(**changes)
        return sign_note(tree.to_text(), name=tree.origin, key=LOG_KEY)

    def checkpoint(self):
        return self.note or self.signed()

    def log_keys(self):
        return self.key_notes

    def tile(self, level, n, width):
        if self.gone:
            raise Unavailable("gone")
        if self.wrong_tile == (level, n):
            return bytes(32 * width)
        row = b"".join(hash_leaves(self.entries))
        for _ in range(level):
            starts = range(0, len(row) - TILE_BYTES + 1, TILE_BYTES)
            row = b"".join(hash_tile(row[at : at + TILE_BYTES]) for at in starts)
        return row[n * TILE_BYTES : n * TILE_BYTES + 32 * width]

    def bundle(self, n, width):
        self.bundles += 1
        if self.wrong_bundle == "malformed":
            raise Malformed("a bundle is cut")
        entries = self.entries[n * 256 : n * 256 + width]
        return entries[:-1] if self.wrong_bundle == "short" else entries


ENTRIES = [b"Entry %d" % n for n in range(1200)]
OTHER = ENTRIES[:5] + [b"Other %d" % n for n in range(5, 1200)]


def monitor(source, *, seen=None, watch=None):
    watched = None if watch is None else watch_list.parse(watch.encode())
    return Monitor(source, log_key=VKEY, seen=seen, watch=watched)


def kinds(events):
    return [event.event for event in events]


def look(following):
    return list(following.look())


def test_a_log_that_grows_raises_no_alarm_over_any_edge():
    source = Served(ENTRIES)
    following = monitor(source)
    for size in (0, 0, 1, 2, 255, 256, 257, 512, 1199, 1200):
        source.grow(size)
        (event,) = look(following)
        assert not event.is_alarm
        assert event.size == size
    assert kinds(look(following)) == ["same"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_two_sizes_are_consistent_or_proven_to_be_a_fork(data):
    first = data.draw(st.integers(0, 600))
    second = data.draw(st.integers(0, 600))
    forks = data.draw(st.booleans())
    following = monitor(Served(ENTRIES, first))
    look(following)
    following._source = Served(OTHER if forks else ENTRIES, second)
    (event,) = look(following)
    # The two histories share their first five entries; one that goes back shows no old tiles.
    if second < first:
        assert event.event == "rollback"
    elif forks and first > 5:
        assert event.event == "fork"
        if first == second:
            assert len(set(event.proof)) == 2
        else:
            check_fork(event.fork, log_key=VKEY)
    else:
        assert event.event == ("same" if first == second else "new")


def test_a_fork_stays_one_at_every_later_look_and_what_was_seen_is_kept():
    following = monitor(Served(ENTRIES, 300))
    look(following)
    before = following.seen
    following._source = Served(OTHER, 700)
    for _ in range(2):
        (event,) = look(following)
        check_fork(event.fork, log_key=VKEY)
        assert following.seen == before
    following._source = Served(ENTRIES, 700)
    assert kinds(look(following)) == ["new"]


def test_a_log_that_goes_back_is_told_apart_from_one_that_forks():
    following = monitor(Served(ENTRIES, 700))
    look(following)
    following._source = Served(ENTRIES).grow(300)
    (event,) = look(following)
    assert (event.event, event.says) == (
        "rollback", "the log had 700 entries, and shows 300 of the same history",
    )  # fmt: skip
    forked = Served(ENTRIES)
    forked.note = Served(OTHER, 300).signed()
    following._source = forked
    (event,) = look(following)
    assert (event.event, event.fork.size) == ("fork", 300)
    check_fork(event.fork, log_key=VKEY)
    gone = Served(ENTRIES).grow(300)
    gone.gone = True
    following._source = gone
    assert "no longer serves the tiles of 700" in look(following)[0].says


def test_a_checkpoint_that_is_not_the_logs_is_an_alarm_and_is_not_kept():
    source = Served(ENTRIES, 300)
    following = monitor(source)
    look(following)
    before = following.seen
    text = source.signed().decode()
    for note in (
        b"", b"nonsense", text.replace("\n300\n", "\n301\n").encode(),
        text.encode()[:-9] + b"AAAA=\n",
        sign_note(Checkpoint(ORIGIN, 9, bytes(32)).to_text(), name=ORIGIN,
                  key=SigningKey(bytes([5]) * 32)),
        sign_note(Checkpoint("other", 9, bytes(32)).to_text(), name=ORIGIN, key=LOG_KEY),
    ):  # fmt: skip
        source.note = note or b"\n"
        (event,) = look(following)
        assert event.event == "bad_signature", note
        assert following.seen == before


def test_a_log_of_size_0_with_another_root_is_a_fork_that_proves_itself():
    source = Served(ENTRIES, 0)
    source.note = source.signed(root=bytes(32))
    (event,) = look(monitor(source))
    assert event.event == "fork"
    assert event.proof[0] == event.proof[1] == source.note.decode()


@pytest.mark.parametrize("wrong", [(0, 2), (0, 0), (1, 0)])
def test_tiles_that_do_not_lead_to_the_checkpoint_are_an_alarm(wrong):
    source = Served(ENTRIES, 100)
    following = monitor(source)
    look(following)
    source.grow(700).wrong_tile = wrong
    (event,) = look(following)
    assert event.event == "tiles"
    source.wrong_tile = None
    assert kinds(look(following)) == ["new"]


def test_entries_that_match_the_watch_list_are_told_once_each():
    source = Served(ENTRIES, 300)
    following = monitor(source, watch="contains=77\n")
    first = look(following)
    assert [e.index for e in first if e.event == "match"] == [77, 177, 277]
    assert look(following) == [first[0].__class__(
        event="same", says="still size 300", size=300, root=first[0].root)]  # fmt: skip
    source.grow(700)
    assert [e.index for e in look(following)[1:]] == [377, 477, 577, 677]
    assert following.seen.watched == 700
    again = monitor(source, seen=following.seen, watch="contains=77\n")
    assert kinds(look(again)) == ["same"]


def test_a_watch_list_that_comes_later_is_held_against_all_entries():
    source = Served(ENTRIES, 300)
    following = monitor(source)
    look(following)
    assert source.bundles == 0
    watching = monitor(source, seen=following.seen, watch="contains=299\n")
    assert [e.index for e in look(watching)[1:]] == [299]


@pytest.mark.parametrize("wrong", ["malformed", "short"])
def test_a_bundle_with_other_entries_is_an_alarm_and_is_read_again(wrong):
    source = Served(ENTRIES, 300)
    source.wrong_bundle = wrong
    following = monitor(source, watch="contains=77\n")
    assert kinds(look(following)) == ["new", "tiles"]
    source.wrong_bundle = None
    assert [e.index for e in look(following) if e.event == "match"] == [77, 177, 277]


def test_what_was_seen_is_believed_only_under_the_logs_key():
    import msgspec

    good = msgspec.json.encode(Seen(note=Served(ENTRIES, 7).signed().decode(), watched=3))
    assert parse_seen(good, log_key=VKEY, where="x").watched == 3
    for wrong in (b"", b"{}", good.replace(b"\\n7\\n", b"\\n8\\n"), good[:-1],
                  good.replace(b'"format":1', b'"format":2')):  # fmt: skip
        with pytest.raises(Corrupt):
            parse_seen(wrong, log_key=VKEY, where="x")
