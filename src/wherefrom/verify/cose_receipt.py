"""Check a COSE receipt offline: knowing only the log's key, and the entry or an older checkpoint.

    entry ──leaf──► path ──► root ◄─signed─ log key            a receipt of inclusion
    older checkpoint ──root──► path ──► root ◄─signed─ log key    a receipt of consistency
    statement ──nonce──► commitment in the entry ──► as above       a transparent statement

A receipt signs a root and not how large its tree is: its sizes say how to walk the path, and two
sizes may walk it alike. Who needs a proven size takes a tlog-proof.

The entry comes with a receipt that we wrote; for one without, whoever checks has it. The receipt's
own key id is only told when the signature fails: it proves nothing.

Source: RFC 9942 §5.2.1, §5.3.1; docs/formats/cose-receipt.md
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wherefrom.errors import ProofError, Refused, SignatureError
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import cose_receipt as receipts
from wherefrom.formats import entry as entries
from wherefrom.formats import note, scitt
from wherefrom.formats.cose_receipt import Consistency, Inclusion, Receipt
from wherefrom.formats.note import VerifierKey
from wherefrom.keys.cose import check_receipt, thumbprint
from wherefrom.keys.ed25519 import check_note
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import consistency_root, inclusion_root
from wherefrom.verify.steps import Report, Step, report


def signer(written: bytes, keys: Sequence[VerifierKey]) -> VerifierKey:
    """That key of a log which a receipt names, or one in a statement; else the last one."""
    carried = scitt.receipts_of(written) if _carries_receipts(written) else [written]
    kids = {receipts.parse(one).kid for one in carried if _is_read(one)}
    named = (k for k in keys if k.algorithm == note.ED25519 and thumbprint(k.public_key) in kids)
    return next(named, keys[-1])


def check(
    written: bytes, *, log_key: VerifierKey, entry: bytes | None = None, older: bytes | None = None
) -> Report:
    """Check a receipt against the log's key.

    entry  the entry's bytes; None to take those beside the receipt
    older  for a receipt of consistency, a checkpoint that the log signed before
    """
    return report(_steps(written, log_key, entry, older))


def _steps(
    written: bytes, log_key: VerifierKey, entry: bytes | None, older: bytes | None
) -> Iterator[str | Step]:
    if not receipts.is_receipt(written) and _carries_receipts(written):
        yield from _transparent(written, log_key)
        return
    yield "receipt"
    receipt = receipts.parse(written)
    kind = "inclusion" if isinstance(receipt.proof, Inclusion) else "consistency"
    yield Step("receipt", True, f"a COSE receipt of {kind}, over an RFC 9162 tree")
    if isinstance(receipt.proof, Inclusion):
        yield from _inclusion(receipt, receipt.proof, log_key, entry)
    else:
        yield from _consistency(receipt, receipt.proof, log_key, older)


def _carries_receipts(written: bytes) -> bool:
    try:
        return bool(scitt.receipts_of(written))
    except Refused:
        return False


def _transparent(written: bytes, log_key: VerifierKey) -> Iterator[str | Step]:
    """A statement with receipts in it: one by this log is of exactly this statement."""
    yield "statement"
    statement = scitt.parse(written)
    yield Step("statement", True, f"{statement.issuer} says it of {statement.subject}")
    yield "receipt"
    carried = [(one, receipts.parse(one)) for one in scitt.receipts_of(written) if _is_read(one)]
    ours = [(one, r) for one, r in carried if r.issuer == log_key.name]
    if len(ours) != 1 or not isinstance(ours[0][1].proof, Inclusion):
        raise ProofError(
            "the statement does not carry one receipt of this log",
            expected=f"one of inclusion by {log_key.name}",
            got=f"{len(ours)} by it, {len(carried)} in all",
        )
    own, receipt = ours[0]
    assert isinstance(receipt.proof, Inclusion)
    yield Step("receipt", True, "a COSE receipt of inclusion, over an RFC 9162 tree")
    yield from _inclusion(receipt, receipt.proof, log_key, None)
    yield "content"
    assert receipt.entry is not None  # the step before had it
    content, nonce = scitt.without_receipt(written, own), receipt.nonce or b""
    read = entries.parse(receipt.entry)
    is_right = len(nonce) == entries.NONCE_BYTES and len(content) == read.size
    if not is_right or entries.commit(nonce=nonce, content=content) != read.content:
        raise ProofError(
            "the statement is not what the entry commits to",
            expected=read.content,
            do="It was changed, or its sender spelled its CBOR in another way: "
            "the exact bytes are at /v1/records/INDEX/content",
        )
    yield Step("content", True, "the entry commits to this statement")


def _is_read(written: bytes) -> bool:
    """Whether this is a receipt that can be read here; others are of other services."""
    try:
        receipts.parse(written)
    except Refused:
        return False
    return True


def _inclusion(
    receipt: Receipt, proof: Inclusion, log_key: VerifierKey, entry: bytes | None
) -> Iterator[str | Step]:
    yield "entry"
    held = receipt.entry if entry is None else entry
    if held is None:
        raise ProofError(
            "the receipt does not carry its entry",
            expected="the entry's bytes, the leaf of the tree",
            do="Give them: --entry FILE",
        )
    if receipt.entry is not None and held != receipt.entry:
        raise ProofError("the entry beside the receipt is another than the one given")
    read = entries.parse(held)
    yield Step("entry", True, f"{read.kind} {read.type}, {read.trust.level} at the door")
    yield "inclusion"
    root = inclusion_root(
        leaf_hash=hash_leaf(held), index=proof.index, tree_size=proof.tree_size, path=proof.path
    )
    # The signature is over the root alone: of the size nothing is proven.
    says = (
        f"entry {proof.index} leads to {root.hex()}, in a tree that it says has {proof.tree_size}"
    )
    yield Step("inclusion", True, says)
    yield "signature"
    _check_signed(receipt, root, log_key)
    yield Step("signature", True, f"the key of {log_key.name} signed that root")


def _consistency(
    receipt: Receipt, proof: Consistency, log_key: VerifierKey, older: bytes | None
) -> Iterator[str | Step]:
    yield "checkpoint"
    if older is None:
        raise ProofError(
            "a receipt of consistency begins at a checkpoint that you hold",
            expected=f"the log's checkpoint of size {proof.size1}",
            do="Give it: --checkpoint FILE",
        )
    signed = checkpoints.parse(check_note(note.parse(older), [log_key]))
    if (signed.origin, signed.size) != (log_key.name, proof.size1):
        raise ProofError(
            "the receipt begins at another checkpoint",
            expected=f"{log_key.name} at size {proof.size1}",
            got=f"{signed.origin} at size {signed.size}",
        )
    yield Step("checkpoint", True, f"{signed.origin}: {signed.size}, root {signed.root.hex()}")
    yield "consistency"
    root = consistency_root(
        size1=proof.size1, size2=proof.size2, path=proof.path, root1=signed.root
    )
    yield Step("consistency", True, f"size {proof.size2} leads to {root.hex()}")
    yield "signature"
    _check_signed(receipt, root, log_key)
    yield Step("signature", True, f"the key of {log_key.name} signed that root")


def _check_signed(receipt: Receipt, root: bytes, log_key: VerifierKey) -> None:
    try:
        check_receipt(receipt, root=root, log_key=log_key)
    except SignatureError as error:
        mine, said = thumbprint(log_key.public_key), receipt.kid
        raise ProofError(
            f"{log_key.name} did not sign the root that the path leads to: {error}",
            expected=f"the key {mine.hex()}",
            got=said.hex() if said else "no key named",
            do="The entry, the path or the receipt was changed, or is of another log",
        ) from error
