"""Check a proof token: alone with the log's key, and, where the log can be asked, against it.

    text ──► signature by the log's key ──► expiry ┄┄► inclusion ──► consistency ──► of
             └─ offline: the log's word ─────────┘  └─ with evidence from the log: proof ─┘

Source: docs/formats/proof-token.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from wherefrom.errors import NotFound, ProofError, SignatureError
from wherefrom.formats import base64_strict, checkpoint, evidence_file, note, proof_token
from wherefrom.formats.note import VerifierKey
from wherefrom.formats.proof_token import NEVER, ProofToken
from wherefrom.formats.recognise import facts_of
from wherefrom.formats.timestamps import of_posix
from wherefrom.keys.proof_tokens import check_token
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_consistency
from wherefrom.verify.evidence_file import check_parsed
from wherefrom.verify.steps import Report, Step, report


class AskedLog(msgspec.Struct, frozen=True):
    """The log itself, to be asked for what a token has no room for.

    evidence     the evidence file of one entry, with its content. Raises NotFound
    consistency  base64 hashes from one size to another
    """

    evidence: Callable[[int], bytes]
    consistency: Callable[[int, int], Sequence[str]]


def check(text: str, *, log_key: VerifierKey, now: int, log: AskedLog | None = None) -> Report:
    """Check a token; ``now`` is in seconds since 1970. Without ``log``, it is the log's word."""
    return report(_steps(text, log_key, now, log))


def _steps(text: str, log_key: VerifierKey, now: int, log: AskedLog | None) -> Iterator[str | Step]:
    yield "token"
    signed = proof_token.parse(text)
    # 1. The log said so.
    yield "signature"
    token = check_token(signed, log_key)
    about = f", which speaks of {token.of}" if token.of else ""
    yield Step(
        "signature",
        True,
        f"{token.origin} says that entry {token.index} of {token.size} is "
        f"{token.leaf.hex()}{about}",
    )
    # 2. And means it still.
    yield "expiry"
    yield Step("expiry", True, _still(token, now))
    if log is not None:
        yield from _ask(token, log_key, log)


def _still(token: ProofToken, now: int) -> str:
    said = f"issued {of_posix(token.issued)}"
    if token.expires == NEVER:
        return f"{said}, for ever"
    if now >= token.expires:
        raise SignatureError(
            "the proof token has expired",
            expected=f"a time before {of_posix(token.expires)}",
            got=of_posix(now),
            do="Ask for a new one: wherefrom proof-token make",
        )
    return f"{said}, until {of_posix(token.expires)}"


def _ask(token: ProofToken, log_key: VerifierKey, log: AskedLog) -> Iterator[str | Step]:
    # 3. The entry is in the log where the token says.
    yield "inclusion"
    try:
        evidence = evidence_file.parse(log.evidence(token.index))
    except NotFound as error:
        raise ProofError(f"the log has no entry {token.index}", got=str(error)) from error
    for _ in check_parsed(evidence, [log_key]):
        pass  # each step that is passed holds
    signed = checkpoint.parse(note.parse(evidence.checkpoint).text)
    claimed = evidence.claimed.get(token.index)
    if claimed is None or hash_leaf(claimed.entry) != token.leaf:
        raise ProofError(
            f"entry {token.index} of the log is another than the token's",
            expected=token.leaf.hex(),
            got=None if claimed is None else hash_leaf(claimed.entry).hex(),
            do="One of them is false: keep the token and the log's checkpoint",
        )
    yield Step("inclusion", True, f"it is entry {token.index} of {signed.size}, proved by its path")
    # 4. The log still begins with the log that the token speaks of.
    yield "consistency"
    if signed.size < token.size:
        raise ProofError(
            "the log is smaller than it was", expected=f"{token.size} or more", got=signed.size
        )
    path = [
        base64_strict.decode(text, where="consistency")
        for text in log.consistency(token.size, signed.size)
    ]
    verify_consistency(
        size1=token.size, size2=signed.size, path=path, root1=token.root, root2=signed.root
    )
    yield Step("consistency", True, f"the log of {signed.size} begins with the one of {token.size}")
    # 5. Its record speaks of the thing.
    if not token.of:
        return
    yield "of"
    if claimed.content is None:
        yield Step(
            "of", True, f"the record is erased; that it spoke of {token.of} is the log's word"
        )
        return
    if token.of not in {node.id for node in facts_of(claimed.content).nodes}:
        raise ProofError(f"the record of entry {token.index} does not speak of {token.of}")
    yield Step("of", True, f"the record speaks of {token.of}")
