"""COSE receipts: another library takes what we sign, and a change of any byte is found."""

import cbor2
import pytest
from cwt import COSE, COSEKey

from tests.logs import LOG_KEY, ORIGIN, VKEY, MemoryPlace, reader, signed, small_log
from wherefrom.errors import Malformed
from wherefrom.formats import cbor, cose, cose_receipt
from wherefrom.formats.cose_receipt import Consistency, Inclusion
from wherefrom.keys.cose import sign_receipt, thumbprint
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.verify.cose_receipt import check

SIZE, INDEX = 300, 123


@pytest.fixture(scope="module")
def log():
    return reader(small_log(MemoryPlace(), SIZE))


@pytest.fixture(scope="module")
def entry(log):
    return log.record(INDEX).entry


def receipt(log, *, key=LOG_KEY, origin=ORIGIN, beside=True):
    note, (path,) = log.prove([INDEX])
    written = log.record(INDEX).entry if beside else None
    proof = Inclusion(SIZE, INDEX, tuple(path))
    return sign_receipt(proof, root=signed(note).root, origin=origin, key=key, entry=written)


def consistency(log, size1=77):
    proof = Consistency(size1, SIZE, tuple(log.consistency(size1, SIZE)))
    return sign_receipt(proof, root=log.root_at(SIZE), origin=ORIGIN, key=LOG_KEY)


def checkpoint_at(log, size):
    from wherefrom.formats.checkpoint import Checkpoint
    from wherefrom.keys.ed25519 import sign_note

    text = Checkpoint(ORIGIN, size, log.root_at(size)).to_text()
    return sign_note(text, name=ORIGIN, key=LOG_KEY)


def failing(report):
    assert report.result == "failed"
    return report.steps[-1].name, report.steps[-1].says


def test_a_receipt_with_its_entry_is_proven_by_the_log_key_alone(log):
    report = check(receipt(log), log_key=VKEY)
    assert report.result == "proven"
    assert [s.name for s in report.steps] == ["receipt", "entry", "inclusion", "signature"]


def test_a_receipt_without_its_entry_needs_it(log, entry):
    bare = receipt(log, beside=False)
    assert failing(check(bare, log_key=VKEY))[0] == "entry"
    assert "Give them: --entry" in failing(check(bare, log_key=VKEY))[1]
    assert check(bare, log_key=VKEY, entry=entry).result == "proven"


def test_another_library_verifies_the_signature_over_the_root(log, entry):
    written = receipt(log)
    key = COSEKey.new({1: 1, -1: 6, -2: VKEY.public_key, 2: thumbprint(VKEY.public_key), 3: -8})
    root = log.root_at(SIZE)
    assert COSE.new().decode(written, key, detached_payload=root) == root
    with pytest.raises(Exception, match="verify"):
        COSE.new().decode(written, key, detached_payload=bytes(32))


def test_a_receipt_is_laid_out_as_rfc_9942_has_it(log, entry):
    tag = cbor2.loads(receipt(log))
    assert tag.tag == 18
    protected, unprotected, payload, signature = tag.value
    assert cbor2.loads(protected) == {
        1: -8, 4: thumbprint(VKEY.public_key), 15: {1: ORIGIN}, 395: 1,
    }  # fmt: skip
    assert payload is None
    assert len(signature) == 64
    ((label, proofs),) = unprotected[396].items()
    assert label == -1
    size, index, path = cbor2.loads(proofs[0])
    assert (size, index) == (SIZE, INDEX)
    assert path == log.prove([INDEX])[1][0]
    assert unprotected["wherefrom.entry"] == entry


def test_the_algorithm_may_also_be_named_with_its_curve(log, entry):
    note, (path,) = log.prove([INDEX])
    headers = cose_receipt.protected(alg=cose.ED25519, kid=b"any", issuer=ORIGIN)
    signature = LOG_KEY.sign(cose.sig_structure(headers, signed(note).root))
    written = cose_receipt.to_bytes(
        Inclusion(SIZE, INDEX, tuple(path)), protected=headers, signature=signature, entry=entry
    )
    assert check(written, log_key=VKEY).result == "proven"


def test_every_changed_byte_is_found_but_a_size_that_walks_the_same_path(log, entry):
    written = receipt(log, beside=False)
    of_size = written.index(b"\x83\x19" + SIZE.to_bytes(2, "big")) + 3
    unfound = []
    for at in range(len(written)):
        changed = written[:at] + bytes([written[at] ^ 1]) + written[at + 1 :]
        if check(changed, log_key=VKEY, entry=entry).result == "proven":
            unfound.append(at)
    assert unfound == [of_size]
    assert check(written + b"\0", log_key=VKEY, entry=entry).result == "failed"


def test_another_key_another_log_and_another_entry_are_told_apart(log, entry):
    name, says = failing(check(receipt(log, key=SigningKey.generate()), log_key=VKEY))
    assert name == "signature"
    assert "did not sign the root" in says
    name, says = failing(check(receipt(log, origin="log.example/other"), log_key=VKEY))
    assert name == "signature"
    assert "the receipt is of another log" in says
    other = log.record(INDEX + 1).entry
    assert failing(check(receipt(log, beside=False), log_key=VKEY, entry=other))[0] == "signature"
    assert "another than the one given" in failing(
        check(receipt(log), log_key=VKEY, entry=other)
    )[1]  # fmt: skip


def test_another_algorithm_is_refused_before_any_arithmetic(log, entry):
    note, (path,) = log.prove([INDEX])
    headers = cose_receipt.protected(alg=cose.ES256, kid=b"any", issuer=ORIGIN)
    signature = LOG_KEY.sign(cose.sig_structure(headers, signed(note).root))
    written = cose_receipt.to_bytes(
        Inclusion(SIZE, INDEX, tuple(path)), protected=headers, signature=signature, entry=entry
    )
    assert "ES256" in failing(check(written, log_key=VKEY))[1]


@pytest.mark.parametrize("size1", [1, 2, 77, 256, SIZE])
def test_a_receipt_of_consistency_is_proven_from_an_older_checkpoint(log, size1):
    written = consistency(log, size1)
    assert check(written, log_key=VKEY, older=checkpoint_at(log, size1)).result == "proven"


def test_a_receipt_of_consistency_needs_the_checkpoint_it_begins_at(log):
    written = consistency(log)
    assert "--checkpoint FILE" in failing(check(written, log_key=VKEY))[1]
    name, says = failing(check(written, log_key=VKEY, older=checkpoint_at(log, 78)))
    assert name == "checkpoint"
    assert "begins at another checkpoint" in says


def test_a_consistency_to_another_root_is_not_proven(log):
    proof = Consistency(77, SIZE, tuple(log.consistency(77, SIZE)))
    forged = sign_receipt(proof, root=bytes(32), origin=ORIGIN, key=LOG_KEY)
    assert failing(check(forged, log_key=VKEY, older=checkpoint_at(log, 77)))[0] == "signature"


def message(*, headers=None, unprotected=None, payload=None, signature=bytes(64), tag=18):
    said = {1: -8, 395: 1} if headers is None else headers
    proofs = {396: {-1: [cbor.encode([1, 0, []])]}} if unprotected is None else unprotected
    return cbor.encode(cbor.Tag(tag, [cbor.encode(said), proofs, payload, signature]))


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (message(tag=17), "tag 18"),
        (cbor.encode([b"", {}, None, b"s"]), "tag 18"),
        (message(payload=b"root"), "nil: the root is computed"),
        (message(headers={1: -8}), "RFC9162_SHA256"),
        (message(headers={1: -8, 395: 2}), "another kind of tree"),
        (message(headers={1: -8, 395: True}), "another kind of tree"),
        (message(headers={395: 1}), r"receipt\.alg"),
        (message(headers={1: -8, 395: 1, 2: [77]}), "a critical header"),
        (message(headers={1: -8, 395: 1, 4: "kid"}), r"receipt\.kid"),
        (message(headers={1: -8, 395: 1, 15: []}), r"receipt\.claims"),
        (message(headers={1: -8, 395: 1, 15: {1: 7}}), r"receipt\.iss"),
        (message(unprotected={}), "a map with one kind"),
        (message(unprotected={396: {-3: []}}), "-1 or -2"),
        (message(unprotected={396: {-1: []}}), "one proof"),
        (message(unprotected={396: {-1: [[1, 0, []]]}}), "a byte string"),
        (message(unprotected={396: {-1: [cbor.encode([1, 0])]}}), "an array of 3"),
        (message(unprotected={396: {-1: [cbor.encode([1, -1, []])]}}), "a size or index"),
        (message(unprotected={396: {-1: [cbor.encode([2**63, 0, []])]}}), "a size or index"),
        (message(unprotected={396: {-1: [cbor.encode([2, 0, [b"short"]])]}}), "32 bytes"),
        (message(unprotected={1: -8}), "a header stands twice"),
        (message(signature=b""), "not empty"),
    ],
)
def test_what_is_no_receipt_is_refused(written, says):
    with pytest.raises(Malformed, match=says):
        cose_receipt.parse(written)


def test_an_index_past_the_tree_is_no_proof(entry):
    written = sign_receipt(Inclusion(1, 1, ()), root=bytes(32), origin=ORIGIN, key=LOG_KEY)
    assert "is not in a tree of 1" in failing(check(written, log_key=VKEY, entry=entry))[1]
