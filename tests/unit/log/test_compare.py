"""Checkpoints held against each other: the same, grown, two histories, or not to be told."""

import msgspec
import pytest

from tests.logs import LOG_KEY, ORIGIN, VKEY, MemoryPlace, numbered, reader, writer
from wherefrom.errors import Malformed, ProofError, SignatureError
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as note_format
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.keys.ed25519 import SigningKey, check_note, sign_note
from wherefrom.log.compare import check_fork, compare
from wherefrom.merkle.hashing import EMPTY_ROOT
from wherefrom.merkle.proofs import verify_consistency


def history(*sizes, start=0):
    """A log grown to each size, and the checkpoint it signed there."""
    place, notes = MemoryPlace(), []
    made = writer(place)
    for size in sizes:
        made.commit(numbered(range(start + made.size, start + size)))
        notes.append(made.checkpoint)
    return place, notes


def signed(size, root, *, origin=ORIGIN, key=LOG_KEY):
    return sign_note(Checkpoint(origin, size, root).to_text(), name=origin, key=key)


def results(comparison):
    return [(f.result, f.sizes) for f in comparison.findings]


def test_one_checkpoint_twice_is_the_same():
    _, (note,) = history(5)
    found = compare([note, note], log_keys=[VKEY], reader=None)
    assert (found.origin, found.result, results(found)) == (ORIGIN, "same", [("same", (5, 5))])


def test_two_roots_of_one_size_are_a_split_view_and_the_notes_are_the_proof():
    one, other = history(5)[1][0], history(5, start=100)[1][0]
    found = compare([one, other], log_keys=[VKEY], reader=None)
    (finding,) = found.findings
    assert found.result == finding.result == "split"
    assert {note.encode() for note in finding.proof} == {one, other}
    assert "two histories" in finding.says


def test_without_the_log_two_sizes_cannot_be_told():
    _, notes = history(5, 300)
    found = compare(notes, log_keys=[VKEY], reader=None)
    assert results(found) == [("unknown", (5, 300))]
    assert found.findings[0].path is None


def test_with_the_log_an_honest_history_is_consistent_and_the_path_is_shown():
    place, notes = history(1, 2, 255, 256, 600)
    found = compare(notes[::-1], log_keys=[VKEY], reader=reader(place))
    assert found.result == "consistent"
    assert [f.sizes for f in found.findings][:2] == [(1, 2), (2, 255)]
    assert found.findings[-1].result == "same"  # the log's own checkpoint
    assert all(len(value) == 64 for f in found.findings for value in f.path or [])


def test_one_checkpoint_is_held_against_the_log_itself():
    place, (old, _) = history(5, 600)
    found = compare([old], log_keys=[VKEY], reader=reader(place))
    assert results(found) == [("consistent", (5, 600))]


def test_a_checkpoint_of_another_history_is_inconsistent_with_the_log():
    place, _ = history(600)
    _, (other,) = history(5, start=100)
    found = compare([other], log_keys=[VKEY], reader=reader(place))
    assert found.result == "inconsistent"
    assert "another root at size 5" in found.findings[0].says


def forks_of(sizes, *, start):
    place, _ = history(600)
    _, others = history(*sizes, start=start)
    found = compare(others, log_keys=[VKEY], reader=reader(place))
    return [fork for finding in found.findings for fork in finding.forks]


@pytest.mark.parametrize("sizes", [(5,), (256, 599), (3, 300, 600)])
def test_an_inconsistent_checkpoint_comes_with_a_proof_that_needs_nothing_but_the_key(sizes):
    forks = forks_of(sizes, start=100)
    assert {f.size for f in forks} >= {s for s in sizes if s < 600}
    for fork in forks:
        check_fork(fork, log_key=VKEY)
        # As anybody could, with a verifier of their own.
        newest = checkpoints.parse(check_note(note_format.parse(fork.newest.encode()), [VKEY]))
        verify_consistency(
            size1=fork.size,
            size2=newest.size,
            path=[bytes.fromhex(value) for value in fork.path],
            root1=bytes.fromhex(fork.root),
            root2=newest.root,
        )


def test_no_changed_proof_of_a_fork_is_taken():
    place, (mine, _) = history(5, 600)
    (other,) = history(5, start=100)[1]
    finding, _ = compare([mine, other], log_keys=[VKEY], reader=reader(place)).findings
    assert finding.result == "split"  # of one size the two notes are the proof
    found = compare([other], log_keys=[VKEY], reader=reader(place))
    (fork,) = found.findings[0].forks
    check_fork(fork, log_key=VKEY)
    changes = {
        "root": bytes(32).hex(),
        "size": 6,
        "path": fork.path[1:],
        "newest": fork.note,
        "note": fork.newest,
    }
    for field, value in changes.items():
        with pytest.raises((ProofError, ValueError), match=r"fork|path|root|tree|size"):
            check_fork(msgspec.structs.replace(fork, **{field: value}), log_key=VKEY)
    with pytest.raises(SignatureError, match="no known key"):
        check_fork(fork, log_key=SigningKey(bytes(32)).verifier_key(ORIGIN))
    with pytest.raises(ProofError, match="may be of one history"):
        check_fork(msgspec.structs.replace(fork, note=mine.decode()), log_key=VKEY)


def test_a_checkpoint_larger_than_the_log_at_hand_cannot_be_told():
    place, _ = history(5)
    _, (larger,) = history(300)
    found = compare([larger], log_keys=[VKEY], reader=reader(place))
    assert found.result == "unknown"
    assert "the log at hand has 5 entries" in found.findings[0].says


def test_the_worst_finding_is_the_result_and_none_is_hidden_behind_another():
    place, notes = history(5, 300)
    other = history(5, start=100)[1]
    found = compare([*notes, *other], log_keys=[VKEY], reader=reader(place))
    assert found.result == "split"
    assert sorted(f.result for f in found.findings)[-1] == "split"
    assert {"same", "split"} <= {f.result for f in found.findings}


def test_an_empty_log_is_the_beginning_of_every_log_if_its_root_is_the_empty_one():
    _, (note,) = history(5)
    assert results(compare([signed(0, EMPTY_ROOT), note], log_keys=[VKEY], reader=None)) == [
        ("consistent", (0, 5))
    ]
    lie = compare([signed(0, bytes(32)), note], log_keys=[VKEY], reader=None)
    assert lie.result == "split"


def test_a_checkpoint_the_log_key_did_not_sign_proves_nothing_and_is_refused():
    _, (note,) = history(5)
    forged = signed(5, bytes(32), key=SigningKey(bytes(32)))
    with pytest.raises(SignatureError, match="no known key signed the note, at checkpoint 2"):
        compare([note, forged], log_keys=[VKEY], reader=None)


def test_checkpoints_of_two_origins_are_refused():
    _, (note,) = history(5)
    other = sign_note(
        Checkpoint("other.example/log", 5, bytes(32)).to_text(), name=ORIGIN, key=LOG_KEY
    )
    with pytest.raises(Malformed, match="checkpoints of two logs"):
        compare([note, other], log_keys=[VKEY], reader=None)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_checkpoints_cannot_be_compared(count):
    _, notes = history(5)
    with pytest.raises(ValueError, match="comparing needs two checkpoints"):
        compare(notes[:count], log_keys=[VKEY], reader=None)


def test_what_is_no_note_is_malformed():
    with pytest.raises(Malformed, match="a note has no empty line"):
        compare([b"x\n", b"y\n"], log_keys=[VKEY], reader=None)
