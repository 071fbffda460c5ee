"""Were Wherefrom's own records made by who may make them? Asked again of a whole log, in order.

    own record ──► signed by the service key that entry 0 names?     every one of them
               └─► a change ──► signed by who must sign it then?      keys, rules, roots
               └─► other keys of the log ──► named by one before?

The recorder asked the same before it wrote them. What is found here was written past it, by
somebody who had the log's key, or by a program that was changed.

Source: docs/decisions/0013-key-history.md, docs/formats/own-records.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wherefrom.errors import Corrupt, Error, SignatureError
from wherefrom.formats import base64_strict, dsse, own, strict_json
from wherefrom.formats.dsse import Envelope
from wherefrom.formats.note import parse_verifier_key
from wherefrom.formats.own import Change, Genesis, LogKeysChange
from wherefrom.keys import ed25519
from wherefrom.keys.envelopes import signers_over
from wherefrom.keys.log_keys import is_next
from wherefrom.log.decisions import Decisions
from wherefrom.log.reader import LogReader

# Kinds whose records change who may do what; they are asked in the order of the log.
CHANGING_KINDS: Final = frozenset({b"key", b"policy"})
# Such a change was written, and changes nothing: every reader of the log passes over it.
DECIDES_NOTHING: Final = "it decides nothing"


def service_key_of(genesis: Genesis) -> bytes:
    """The 32 bytes that sign Wherefrom's own records. Raises Malformed, SignatureError."""
    spki = base64_strict.decode(genesis.service_key, where="service_key")
    public_key = spki[-ed25519.PUBLIC_KEY_BYTES :]
    if len(public_key) != ed25519.PUBLIC_KEY_BYTES or spki != ed25519.spki_der(public_key):
        raise SignatureError("entry 0 names no Ed25519 service key", got=spki.hex()[:40])
    return public_key


def service_key_id(log: LogReader) -> str:
    """The id of the key that signs what the log itself says. Raises Corrupt."""
    content = log.record(0).content
    envelope = dsse.parse(strict_json.as_object(strict_json.decode(content or b""), where="0"))
    genesis = own.parse_payload(envelope.payload_type, envelope.payload)
    if not isinstance(genesis, Genesis):
        raise Corrupt("entry 0 names no service key", do="Run wherefrom log audit")
    return ed25519.key_id(ed25519.spki_der(service_key_of(genesis)))


def need_service_signature(content: bytes, service_key: bytes) -> Envelope:
    """The envelope of a record that the service key signed. Raises Malformed, SignatureError."""
    envelope = dsse.parse(strict_json.as_object(strict_json.decode(content), where="content"))
    message = envelope.message()
    id = ed25519.key_id(ed25519.spki_der(service_key))
    for signature in envelope.signatures:
        if signature.keyid == id:
            ed25519.check(service_key, message, signature.sig)
            return envelope
    raise SignatureError("the service key that entry 0 names did not sign it", expected=id)


class Replay:
    """The decisions of a log, one after the other, by the rules of each moment."""

    def __init__(self, genesis: Genesis) -> None:
        """Raises Malformed, SignatureError for an entry 0 that names no keys."""
        self._service_key = service_key_of(genesis)
        self._first = parse_verifier_key(genesis.log_key, where="log_key")
        self._said = Decisions()
        self._notes: list[str] = []

    def take(self, index: int, content: bytes, *, received: str) -> Iterator[str]:
        """What is wrong with a record of ``CHANGING_KINDS``, in words; nothing if it may be."""
        try:
            envelope = need_service_signature(content, self._service_key)
            decision = own.parse_payload(envelope.payload_type, envelope.payload)
        except Error as error:
            yield f"a decision that is not the log's: {error}"
            return
        try:
            if isinstance(decision, Change):
                # As a key of the ring the service key may sign summaries, and decides no more.
                service = ed25519.key_id(ed25519.spki_der(self._service_key))
                signers = signers_over(envelope, self._said.keyring) - {service}
                self._said.need_may_change(decision, signers, at=received)
            if isinstance(decision, LogKeysChange):
                self._need_named(decision)
            self._said.fold(index, decision)
        except Error as error:
            yield f"a change that nobody may make, so {DECIDES_NOTHING}: {error}"

    def _need_named(self, change: LogKeysChange) -> None:
        if not is_next(self._first, self._notes, change.note):
            raise SignatureError("no key that signs for the log then has signed this as the next")
        self._notes.append(change.note)
