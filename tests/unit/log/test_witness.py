"""A witness: one line of growth for each log, kept before it is shown."""

import json
import os
import random
import threading
import time
from hashlib import sha256

import pytest

from tests.paths import DATA
from wherefrom.errors import (
    Corrupt,
    Fenced,
    JournalFailed,
    LimitPassed,
    Malformed,
    NotFound,
    ProofError,
    ReadOnly,
    SignatureError,
)
from wherefrom.formats import add_checkpoint, note
from wherefrom.formats.add_checkpoint import AddCheckpoint
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.note import Note
from wherefrom.keys.cosignatures import Cosigner, check_cosignatures
from wherefrom.keys.ed25519 import SigningKey, sign_note
from wherefrom.log.witness import Cosigned, OtherSize, Witness
from wherefrom.log.witness_state import SLOT_BYTES, WitnessState
from wherefrom.log.witness_state import to_bytes as state_to_bytes
from wherefrom.merkle.hashing import EMPTY_ROOT, hash_leaf
from wherefrom.merkle.tree import Frontier, consistency_path
from wherefrom.storage.file_head import FileHead
from wherefrom.storage.memory import MemoryHead

ORIGIN = "example.com/log"
KEY = SigningKey(bytes(32))
ED = Cosigner("w", note.ED25519_COSIGNATURE, bytes([1]) * 32)
ML = Cosigner("w", note.MLDSA44_COSIGNATURE, bytes([2]) * 32)
TIME_S = 1_795_242_042


class History:
    """A log that somebody else keeps: any checkpoint of it, and any path between two."""

    def __init__(self, size, *, salt=b"", origin=ORIGIN, key=KEY):
        self.leaves = [hash_leaf(salt + b"%d" % n) for n in range(size)]
        self.origin, self.key = origin, key

    def _read(self, level, index):
        frontier = Frontier()
        frontier.extend(self.leaves[index << level : (index + 1) << level])
        return frontier.root()

    def root(self, size):
        frontier = Frontier()
        frontier.extend(self.leaves[:size])
        return frontier.root() if size else EMPTY_ROOT

    def signed(self, size, **changes):
        tree = Checkpoint(self.origin, size, self.root(size))._replace(**changes)
        return note.parse(sign_note(tree.to_text(), name=self.origin, key=self.key))

    def request(self, old, size, *, path=None, signed=None):
        if path is None:
            path = consistency_path(old, size, self._read) if old <= size else []
        made = AddCheckpoint(old, tuple(path), signed or self.signed(size))
        return add_checkpoint.to_bytes(made)


HONEST, OTHER = History(40), History(40, salt=b"other ")


def make(head=None, *, cosigners=(ED,), home="here", logs=None, open=True, moved=False, **rest):
    head = head if head is not None else MemoryHead()
    made = Witness(
        cosigners=cosigners,
        logs=logs or {ORIGIN: [KEY.verifier_key(ORIGIN)]},
        head_of=head if callable(head) else lambda origin: head,
        home=home,
        **{"clock": lambda: TIME_S, **rest},
    )
    if open:
        made.open(moved=moved)
    return made


HASH = sha256(ORIGIN.encode()).hexdigest()


def test_a_log_is_cosigned_as_it_grows_and_monitors_see_the_last_one():
    witness = make(cosigners=(ED, ML))
    size = 0
    for new in (0, 1, 1, 2, 7, 8, 39, 40):
        done = witness.add_checkpoint(HONEST.request(size, new))
        signed = HONEST.signed(new)
        cosigned = Note(signed.text, (*signed.signatures, *done.signatures))
        assert check_cosignatures(cosigned, [ED.verifier_key, ML.verifier_key]) == {
            ED.verifier_key: TIME_S, ML.verifier_key: TIME_S,
        }  # fmt: skip
        assert note.parse(witness.checkpoint(HASH)) == cosigned
        size = new


def test_a_request_from_another_size_is_told_the_right_one_and_changes_nothing():
    witness = make()
    assert witness.add_checkpoint(HONEST.request(3, 7)) == OtherSize(0)
    witness.add_checkpoint(HONEST.request(0, 7))
    before = witness.checkpoint(HASH)
    for old in (0, 3, 6, 8):
        assert witness.add_checkpoint(HONEST.request(old, 9)) == OtherSize(7)
    assert witness.checkpoint(HASH) == before


@pytest.mark.parametrize(
    ("request_bytes", "error", "message"),
    [
        (OTHER.request(7, 7), ProofError, "another root"),
        (OTHER.request(7, 9), ProofError, "another root|leads"),
        (HONEST.request(7, 9, path=[]), ProofError, "too short"),
        (HONEST.request(7, 9, path=[bytes(32)] * 9), ProofError, "too long"),
        (HONEST.request(7, 7, path=[bytes(32)]), ProofError, "too long"),
        (HONEST.request(9, 7), Malformed, "the old size is above that of the checkpoint"),
        (HONEST.request(7, 0), Malformed, "the old size is above"),
        (b"old 7\n", Malformed, "no empty line"),
        (History(9, origin="example.com/new").request(7, 9), NotFound, "knows no such log"),
        (History(9, key=SigningKey(bytes([9]) * 32)).request(7, 9), SignatureError, "no known key"),
        (
            HONEST.request(7, 9, signed=Note(HONEST.signed(9).text, HONEST.signed(8).signatures)),
            SignatureError,
            "did not sign this note",
        ),
        (
            HONEST.request(7, 9, signed=HONEST.signed(9)._replace(text="one line\n")),
            Malformed,
            "a checkpoint is too short",
        ),
    ],
)
def test_what_is_not_the_growth_of_that_log_is_refused_and_changes_nothing(
    request_bytes, error, message
):
    witness = make()
    witness.add_checkpoint(HONEST.request(0, 7))
    before = witness.checkpoint(HASH)
    with pytest.raises(error, match=message):
        witness.add_checkpoint(request_bytes)
    assert witness.checkpoint(HASH) == before
    assert isinstance(witness.add_checkpoint(HONEST.request(7, 9)), Cosigned)


@pytest.mark.parametrize("path", [[], [bytes(32)]])
def test_a_tree_of_size_0_has_one_root_and_nothing_is_proven_from_it(path):
    witness = make()
    wrong = HONEST.request(0, 0, signed=HONEST.signed(0, root=bytes(32)), path=path)
    with pytest.raises(ProofError, match="a log of size 0 has one root"):
        witness.add_checkpoint(wrong)
    with pytest.raises(ProofError, match="from size 0 there is nothing to prove"):
        witness.add_checkpoint(HONEST.request(0, 7, path=[bytes(32)]))
    witness.add_checkpoint(HONEST.request(0, 0))
    with pytest.raises(ProofError, match="from size 0 there is nothing to prove"):
        witness.add_checkpoint(HONEST.request(0, 7, path=[bytes(32)]))
    assert isinstance(witness.add_checkpoint(HONEST.request(0, 7)), Cosigned)


def test_a_checkpoint_that_does_not_fit_its_place_is_refused_and_stops_nothing():
    witness = make()
    long = HONEST.signed(7, extensions=('"' * SLOT_BYTES,))
    with pytest.raises(LimitPassed, match="a checkpoint is too long to be kept"):
        witness.add_checkpoint(HONEST.request(0, 7, signed=long))
    quoted = HONEST.signed(7, extensions=('"' * (SLOT_BYTES - 2000),))
    with pytest.raises(LimitPassed, match="a checkpoint is too long to be kept"):
        witness.add_checkpoint(HONEST.request(0, 7, signed=quoted))
    assert witness.stopped is None
    assert isinstance(witness.add_checkpoint(HONEST.request(0, 7)), Cosigned)


def test_signatures_of_strangers_are_neither_kept_nor_shown():
    witness = make()
    signed = HONEST.signed(7)
    stranger = signed.signatures[0]._replace(name="stranger", signature=bytes(9000))
    crowded = Note(signed.text, (stranger, *signed.signatures, *signed.signatures))
    witness.add_checkpoint(HONEST.request(0, 7, signed=crowded))
    kept = note.parse(witness.checkpoint(HASH)).signatures
    assert [s.name for s in kept] == [ORIGIN, "w"]


def test_another_process_goes_on_from_what_was_cosigned(tmp_path):
    def head():
        return FileHead(tmp_path, slot_bytes=SLOT_BYTES, always_durable=True)

    make(head()).add_checkpoint(HONEST.request(0, 7))
    again = make(head())
    assert again.add_checkpoint(HONEST.request(0, 9)) == OtherSize(7)
    with pytest.raises(ProofError):
        again.add_checkpoint(OTHER.request(7, 9))
    assert note.parse(again.checkpoint(HASH)).text == HONEST.signed(7).text


def test_a_copy_of_a_directory_cosigns_nothing_until_somebody_vouches_for_it():
    head = MemoryHead()
    make(head).add_checkpoint(HONEST.request(0, 7))
    with pytest.raises(ReadOnly, match=r"a copy of a witness's directory.*--moved"):
        make(head, home="elsewhere")
    moved = make(head, home="elsewhere", moved=True)
    assert moved.add_checkpoint(HONEST.request(0, 9)) == OtherSize(7)
    assert make(head, home="elsewhere").add_checkpoint(HONEST.request(0, 9)) == OtherSize(7)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"{", "not readable"),
        (state_to_bytes(WitnessState(home="here", origin="x", note="")), "of another log"),
        (
            state_to_bytes(WitnessState(home="here", origin=ORIGIN, note="", format=2)),
            "a format this version does not know",
        ),
    ],
)
def test_a_state_that_cannot_be_believed_is_not_begun_again(value, message):
    head = MemoryHead()
    head.swap(expected=0, value=value, durable=True)
    with pytest.raises(Corrupt, match=message):
        make(head)


class Failing(MemoryHead):
    """A head whose next swap fails: before anything is written, or with the answer lost."""

    fails = None

    def swap(self, *, expected, value, durable):
        if self.fails == "refused":
            raise OSError(5, "Input/output error")
        moved = super().swap(expected=expected, value=value, durable=durable)
        if self.fails == "unanswered":
            raise OSError(5, "Input/output error")
        return moved


@pytest.mark.parametrize("kind", ["refused", "unanswered"])
def test_a_failed_write_stops_the_witness_for_good_and_a_restart_cosigns_no_fork(kind):
    head, said = Failing(), []
    witness = make(head, on_stop=said.append)
    witness.add_checkpoint(HONEST.request(0, 7))
    head.fails = kind
    with pytest.raises(OSError, match="Input/output error"):
        witness.add_checkpoint(HONEST.request(7, 9))
    head.fails = None
    for request in (HONEST.request(7, 9), HONEST.request(9, 12), OTHER.request(7, 9)):
        with pytest.raises(JournalFailed, match=r"cosigns nothing more.*Restart it"):
            witness.add_checkpoint(request)
    assert said == ["[Errno 5] Input/output error"]
    # What is on the disk may be the old tree or the new one; both belong to the one history.
    again = make(head)
    size = again.add_checkpoint(HONEST.request(1, 40)).size
    assert size == (7 if kind == "refused" else 9)
    with pytest.raises(ProofError):
        again.add_checkpoint(OTHER.request(size, 40))
    assert isinstance(again.add_checkpoint(HONEST.request(size, 40)), Cosigned)


def test_a_failed_write_for_one_log_stops_every_log():
    heads = {"a": Failing(), "b": Failing()}
    logs = {o: [KEY.verifier_key(o)] for o in heads}
    witness = make(heads.__getitem__, logs=logs)
    heads["a"].fails = "refused"
    with pytest.raises(OSError, match="Input"):
        witness.add_checkpoint(History(9, origin="a").request(0, 9))
    with pytest.raises(JournalFailed, match="cosigns nothing more"):
        witness.add_checkpoint(History(9, origin="b").request(0, 9))


def test_a_second_process_on_one_state_is_fenced():
    head = MemoryHead()
    first, second = make(head), make(head)
    first.add_checkpoint(HONEST.request(0, 7))
    with pytest.raises(Fenced):
        second.add_checkpoint(OTHER.request(0, 7))


@pytest.mark.parametrize("seed", range(4))
def test_of_requests_that_race_from_one_size_one_wins_and_nothing_forks(seed):
    """Two histories, eight threads: all that is ever cosigned is of one of them."""

    def slow_clock():
        time.sleep(0.0005)  # it is asked between the comparison and the move
        return TIME_S

    witness, chosen = make(clock=slow_clock), random.Random(seed)
    witness.add_checkpoint(HONEST.request(0, 1)) if seed % 2 else None
    cosigned, lock = [], threading.Lock()

    def race(number):
        own = random.Random(seed * 100 + number)
        history, size = chosen_history[number], 0
        for _ in range(40):
            new = own.randint(size, 40)
            try:
                done = witness.add_checkpoint(history.request(size, new))
            except ProofError:
                return  # the other history won
            if isinstance(done, OtherSize):
                size = done.size
                continue
            with lock:
                cosigned.append((new, history.root(new)))
            size = new

    chosen_history = [chosen.choice([HONEST, OTHER]) for _ in range(8)]
    threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cosigned
    assert witness.stopped is None
    last = note.parse(witness.checkpoint(HASH)).text
    winner = next(h for h in (HONEST, OTHER) for n in range(41) if h.signed(n).text == last)
    # Every size that was answered with a cosignature lies on the line that won.
    assert all(winner.root(size) == root for size, root in cosigned)


def test_the_real_exchanges_have_the_same_statuses_sizes_and_growth():
    given = json.loads((DATA / "tlog/generated/witness_add_checkpoint.json").read_text())
    key = note.parse_verifier_key(given["log_vkey"])
    witness = make(logs={key.name: [key]})
    errors = {422: ProofError, 404: NotFound, 400: Malformed}
    for exchange in given["exchanges"]:
        written = exchange["Request"].encode()
        if exchange["Status"] in errors:
            with pytest.raises(errors[exchange["Status"]]):
                witness.add_checkpoint(written)
            continue
        done = witness.add_checkpoint(written)
        if exchange["Status"] == 409:
            assert add_checkpoint.size_line(done.size) == exchange["Response"].encode()
        else:
            assert isinstance(done, Cosigned), exchange["Name"]


def test_an_unknown_origin_has_no_checkpoint_nor_has_a_log_before_its_first():
    witness = make()
    for asked in (HASH, "0" * 64, "", "../keys"):
        with pytest.raises(NotFound, match="no checkpoint cosigned"):
            witness.checkpoint(asked)


def test_what_is_kept_is_written_with_one_sync(tmp_path, monkeypatch):
    witness = make(FileHead(tmp_path, slot_bytes=SLOT_BYTES, always_durable=True))
    synced = []
    for name in ("fdatasync", "fsync"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda f, real=real: synced.append(f) or real(f))
    witness.add_checkpoint(HONEST.request(0, 7))
    assert len(synced) == 1
