"""Many records under one signature: each checks alone, and nothing in it can be changed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.folders import BUILDER, REVIEWER, STRANGER, public
from tests.unit.keys.test_envelopes import NOW, known
from wherefrom.errors import BadSignature
from wherefrom.formats import batch
from wherefrom.formats.batch import BATCH_TYPE
from wherefrom.keys import envelopes
from wherefrom.keys.batches import check_path, sign_batch
from wherefrom.keys.envelopes import signers_of_batch
from wherefrom.keys.keyring import Signing
from wherefrom.keys.public import PublicKey
from wherefrom.merkle.hashing import hash_leaf, hash_node

RECORDS = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def read(written):
    return batch.parse(written)


def changed(batched, **fields):
    kept = {name: getattr(batched, name) for name in ("record", "index", "path", "batch")}
    return batch.Batched(**kept | fields)


@given(RECORDS)
@settings(max_examples=60)
def test_each_record_of_a_batch_checks_alone_and_keeps_its_bytes(records):
    signed = [read(written) for written in sign_batch(records, BUILDER)]
    assert [b.record for b in signed] == records
    assert [b.index for b in signed] == list(range(len(records)))
    assert len({b.batch for b in signed}) == 1
    for batched in signed:
        check_path(batched)
    found = signers_of_batch(signed[0].batch.envelope, known(BUILDER), Signing(NOW))
    assert found.known == (BUILDER.id,)


@given(RECORDS, st.data())
@settings(max_examples=60)
def test_another_record_index_path_or_batch_does_not_check(records, data):
    signed = [read(written) for written in sign_batch(records, BUILDER)]
    batched = data.draw(st.sampled_from(signed))
    (other, *_) = map(read, sign_batch([*records, b"one more"], BUILDER))
    wrong = {
        "record": batched.record + b" ",
        "index": data.draw(st.integers(0, 80).filter(lambda i: i != batched.index)),
        "path": (*batched.path, bytes(32)),
        "batch": other.batch,
    }
    for name, value in wrong.items():
        # Equal records make equal halves of a tree: then another place is as good as its own.
        if name == "index" and len(set(records)) < len(records):
            continue
        with pytest.raises(BadSignature, match="not in the batch that was signed"):
            check_path(changed(batched, **{name: value}))
    for place in range(len(batched.path)):
        path = [*batched.path]
        path[place] = bytes(32)
        with pytest.raises(BadSignature, match="leads to another root"):
            check_path(changed(batched, path=tuple(path)))


def test_the_root_is_that_of_the_tree_over_the_records_themselves():
    first, second, third = map(read, sign_batch([b"a", b"b", b"c"], BUILDER))
    left = hash_node(hash_leaf(b"a"), hash_leaf(b"b"))
    root = hash_node(left, hash_leaf(b"c"))
    assert first.batch[:2] == (root, 3)
    assert second.path == (hash_leaf(b"a"), hash_leaf(b"c"))
    assert third.path == (left,)


def test_a_node_of_the_tree_is_no_record_of_it():
    _, second, *_ = map(read, sign_batch([b"a", b"b"], BUILDER))
    inner = hash_leaf(b"a") + hash_leaf(b"b")
    with pytest.raises(BadSignature, match="not in the batch"):
        check_path(changed(second, record=inner, index=0, path=()))


def test_no_records_are_no_batch():
    with pytest.raises(ValueError, match="a batch of no records"):
        list(sign_batch([], BUILDER))


@pytest.fixture
def checks(monkeypatch):
    made = []
    real = PublicKey.check

    def counted(key, message, signature):
        made.append(key.id)
        real(key, message, signature)

    monkeypatch.setattr(PublicKey, "check", counted)
    return made


def test_a_thousand_records_cost_one_check_of_a_signature(checks):
    keyring = known(BUILDER)
    for written in sign_batch([b"%d" % n for n in range(1000)], BUILDER):
        signers_of_batch(read(written).batch.envelope, keyring, Signing(NOW))
    assert checks == [BUILDER.id]


def test_what_is_remembered_is_of_this_ring_and_forgotten_when_a_key_changes(checks):
    (one,) = map(read, sign_batch([b"of this ring"], BUILDER))
    keyring = known(STRANGER)
    assert signers_of_batch(one.batch.envelope, keyring, Signing(NOW)).known == ()
    keyring.fold(9, known(BUILDER).changes[0][1])
    assert signers_of_batch(one.batch.envelope, keyring, Signing(NOW)).known == (BUILDER.id,)
    assert signers_of_batch(one.batch.envelope, known(REVIEWER), Signing(NOW)).known == ()


def test_whether_a_key_counts_is_asked_for_each_record_and_never_remembered():
    (one,) = map(read, sign_batch([b"asked each time"], BUILDER))
    keyring = known(BUILDER, valid_from="2025-01-01T00:00:00.000000Z")
    assert signers_of_batch(one.batch.envelope, keyring, Signing(NOW)).known == (BUILDER.id,)
    early = signers_of_batch(one.batch.envelope, keyring, Signing("2024-01-01T00:00:00.000000Z"))
    assert early.known == ()
    assert "is valid from" in str(early.denied[0])


def test_a_lie_about_a_known_key_is_told_each_time():
    (one,) = map(read, sign_batch([b"a lie"], STRANGER))
    (_, signature) = one.batch.envelope.signatures[0]
    lie = one.batch.envelope._replace(
        signatures=(type(one.batch.envelope.signatures[0])(BUILDER.id, signature),)
    )
    for _ in range(2):
        with pytest.raises(BadSignature, match="fails under the key it names"):
            signers_of_batch(lie, known(BUILDER), Signing(NOW))


def test_the_signature_is_an_ordinary_envelopes():
    (one,) = map(read, sign_batch([b"a"], BUILDER))
    assert one.batch.envelope.payload_type == BATCH_TYPE
    public(BUILDER).check(one.batch.envelope.message(), one.batch.envelope.signatures[0].sig)
    assert envelopes.signers_over(one.batch.envelope, known(BUILDER)) == {BUILDER.id}
