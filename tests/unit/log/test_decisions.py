"""What the log says about keys, trust and erasure: the fold, and the file that may be lost."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.folders import BUILDER, ME, REVIEWER, envelope, made, public, record, statement
from tests.logs import MemoryPlace, decided, genesis, numbered, verified, writer
from tests.unit.keys.test_keyring import change
from wherefrom.app import known_keys, open_log, open_recorder
from wherefrom.errors import Corrupt
from wherefrom.formats import own
from wherefrom.formats.entry import LEVELS, Trust
from wherefrom.formats.own import KeyChange, Tombstone, Verdict
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.log import decisions as module
from wherefrom.log.decisions import Decisions, stronger

KEY = public(BUILDER)


def log_of(*decisions):
    made_log = writer(MemoryPlace())
    made_log.commit([genesis(), *numbered(range(1, 4)), *map(decided, decisions)])
    return made_log


def state(folded):
    return (
        folded.size, [(k.id, k.state, k.entry) for k in folded.keyring.list()],
        folded.verdicts, folded.erased,
    )  # fmt: skip


def caught_up(log, path=None, **settings):
    folded = Decisions(path, **settings)
    folded.catch_up(log)
    return folded


HISTORY = (
    change(KEY),
    Verdict(entry=1, trust=Trust("signed", (KEY.id,)), reason="r"),
    Tombstone(entry=2, reason="r", by="self"),
    Verdict(entry=1, trust=Trust("channel"), reason="r"),
    Tombstone(entry=2, reason="again", by="self"),
    change(KEY, "revoke"),
)
FOLDED = (10, [(KEY.id, "revoked", 9)], {1: Trust("channel")}, {2: 6})


def test_the_latest_verdict_and_key_change_count_and_the_first_tombstone():
    assert state(caught_up(log_of(*HISTORY))) == FOLDED


def test_the_trust_of_an_entry_is_its_latest_verdict_else_the_doors():
    log = log_of(*HISTORY[:2])
    folded = caught_up(log)
    assert folded.trust_of(1, log.entry(1)) == Trust("signed", (KEY.id,))
    assert folded.trust_of(2, log.entry(2)) == Trust("channel")


def test_catching_up_again_and_folding_what_was_read_change_nothing():
    log = log_of(*HISTORY)
    folded = caught_up(log)
    folded.catch_up(log)
    for index, decision in enumerate(HISTORY, start=4):
        folded.fold(index, decision)
    assert state(folded) == FOLDED
    assert len(folded.keyring.changes) == 2


def test_a_strangers_record_of_these_kinds_decides_nothing():
    payload = own.to_payload(HISTORY[1])
    content = sign_envelope(own.media_type(HISTORY[1]), payload, REVIEWER)
    log = log_of()
    log.commit([verified(content, kind="verdict", level="signed", type="x")])
    assert caught_up(log).verdicts == {}


@pytest.mark.parametrize(
    "content",
    [b"[]", b"{", b'{"payload": "", "payloadType": "application/vnd.wherefrom.key.v2+json"}'],
)
def test_a_decision_of_a_later_version_decides_nothing_and_does_not_stop_the_log(content):
    log = log_of(change(KEY))
    log.commit([verified(content, kind="key", level="self", producer="self")])
    log.commit([decided(KeyChange(action="trust", key="k:", spki="AAAA", reason="unreadable"))])
    folded = caught_up(log)
    assert [k.id for k in folded.keyring.list()] == [KEY.id]
    assert len(folded.keyring.changes) == 1


# -- the file


@pytest.fixture
def kept(tmp_path):
    log = log_of(*HISTORY)
    caught_up(log, tmp_path / "decisions.json")
    return log, tmp_path / "decisions.json"


class Unread:
    """A log whose entries nobody may read again."""

    def __init__(self, log):
        self.size, self.root_at, self.record = log.size, log.root_at, log.record
        self.entries_read = []
        self._entries = log.entries

    def entries(self, first, limit):
        self.entries_read += range(first, limit)
        return self._entries(first, limit)


def test_with_the_file_only_what_came_since_is_read(kept):
    log, path = kept
    unread = Unread(log)
    assert state(caught_up(unread, path)) == FOLDED
    assert unread.entries_read == []
    log.commit(numbered([77]))
    unread = Unread(log)
    assert caught_up(unread, path).size == 11
    assert unread.entries_read == [10]


def test_only_the_writer_keeps_the_file(kept):
    log, path = kept
    before = path.read_bytes()
    log.commit(numbered([77]))
    caught_up(log, path, keeps=False)
    assert path.read_bytes() == before
    path.unlink()
    caught_up(log, path, keeps=False)
    assert not path.exists()


@given(st.data())
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_that_was_changed_in_any_byte_is_not_believed(kept, data):
    log, path = kept
    caught_up(log, path)
    written = path.read_bytes()
    at = data.draw(st.integers(0, len(written) - 1))
    path.write_bytes(written[:at] + data.draw(st.binary(max_size=2)) + written[at + 1 :])
    assert state(caught_up(log, path)) == FOLDED


def test_a_file_where_one_decision_was_left_out_is_not_believed(kept):
    log, path = kept
    saved = json.loads(path.read_bytes())
    del saved["records"][-1]
    path.write_text(json.dumps(saved))
    assert state(caught_up(log, path)) == FOLDED


@pytest.mark.parametrize("written", [b"", b"{}", b"null", b"\xff", None])
def test_a_lost_or_broken_file_is_made_again(kept, written):
    log, path = kept
    path.unlink()
    if written is not None:
        path.write_bytes(written)
    assert state(caught_up(log, path)) == FOLDED
    unread = Unread(log)
    caught_up(unread, path)
    assert unread.entries_read == []


def test_the_file_of_another_log_or_a_longer_one_or_another_version_is_not_believed(
    kept, monkeypatch
):
    log, path = kept
    other = log_of(*(change(public(REVIEWER), reason=str(n)) for n in range(len(HISTORY))))
    assert (other.size, caught_up(other).keyring.get(REVIEWER.id).entry) == (log.size, 9)
    assert state(caught_up(other, path)) == state(caught_up(other))
    caught_up(log, path)
    assert caught_up(log_of(), path).keyring.list() == []
    caught_up(log, path)
    monkeypatch.setattr(module, "__version__", "99.0")
    unread = Unread(log)
    assert state(caught_up(unread, path)) == FOLDED
    assert len(unread.entries_read) == 10


def test_a_directory_keeps_its_decisions_across_opens_each_once(tmp_path):
    folder = made(tmp_path / "data")
    for n in range(3):
        record(folder, envelope(statement(str(n)), BUILDER), trust=[BUILDER])
    records = json.loads((folder.path / "decisions.json").read_bytes())["records"]
    assert [r[0] for r in records] == sorted({r[0] for r in records})
    with open_recorder(folder) as recorder:
        before = state(recorder.decisions)
    (folder.path / "decisions.json").write_text("{}")
    with open_recorder(folder) as recorder:
        assert state(recorder.decisions) == before
        assert recorder.record([envelope(statement("0"), BUILDER)], principal=ME)[0].index == 2
    assert [k.id for k in known_keys(folder, open_log(folder)).list()] == [BUILDER.id]


def test_a_stored_decision_that_was_changed_stops_the_log_instead_of_deciding_less(tmp_path):
    folder = made(tmp_path / "data")
    record(folder, trust=[BUILDER])
    (folder.path / "decisions.json").unlink()
    (journal,) = (folder.path / "journal").glob("*.wfj")
    written = journal.read_bytes()
    at = written.index(b'vnd.wherefrom.key.v1+json","signatures"')
    journal.write_bytes(written[:at] + b"x" + written[at + 1 :])
    with (
        pytest.raises(Corrupt, match="the stored key decision in entry 1 was changed"),
        open_recorder(folder),
    ):
        pass


@pytest.mark.parametrize("weak", range(len(LEVELS)))
def test_levels_are_compared_in_their_order(weak):
    for strong in range(len(LEVELS)):
        assert stronger(Trust(LEVELS[strong]), Trust(LEVELS[weak])) == (strong > weak)
